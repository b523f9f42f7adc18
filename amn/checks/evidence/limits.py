"""What a result is held to: floors, the stored speed, the golden and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from amn.golden.ledger import find_ledger
from amn.golden.speed import machine, read_speed
from amn.golden.store import read_golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from amn.case import Case
    from amn.checks.evidence.data import SplitEvidence
    from amn.checks.evidence.runs import Candidate
    from amn.data.dataset import DataSet
    from amn.evaluation.attribution import Attribution
    from amn.evaluation.summary import Summary
    from amn.golden.ledger import Ledger
    from amn.golden.schema import Golden
    from amn.limits_config import CriteriaConfig, SpeedConfig
    from amn.review import Review, Waiver


@dataclass(frozen=True)
class CriteriaEvidence:
    """What the floors are compared with."""

    config: CriteriaConfig
    summaries: dict[str, Summary]


@dataclass(frozen=True)
class SpeedEvidence:
    """How fast a case is on this machine, and what was stored for it.

    Attributes:
        measure: Returns the ratios against the plain loop.
    """

    case: Case
    config: SpeedConfig
    measure: Callable[[], dict[str, float]]

    @cached_property
    def ratios(self) -> dict[str, float]:
        """Plain's cost over ours by name; taken once. Raises CheckNotRunError where they cannot."""
        return self.measure()

    @cached_property
    def twin(self) -> dict[str, float] | None:
        """The ratios stored for this machine, None without any. Raises GoldenError if damaged."""
        return read_speed(self.case.folder, machine())


@dataclass(frozen=True)
class GoldenEvidence:
    """The golden and what is compared with it.

    Attributes:
        declared: Labels of all checks of this gate.
        given: The golden, where it is not the one in the case's folder.
        splits: Whose articles have titles and kinds; None where they are not known.
        looks: Numbers of seeds at which candidates were looked at so far, the last one being all of
            them; empty where there is but one look.
    """

    case: Case
    candidates: tuple[Candidate, ...]
    declared: tuple[str, ...]
    given: Golden | None = None
    splits: SplitEvidence | None = None
    looks: tuple[int, ...] = ()

    @property
    def alpha(self) -> float:
        """One-sided error of a bound at this look."""
        config = self.case.config.golden
        return config.alpha_at(self.looks[-1]) if self.looks else config.alpha

    @cached_property
    def attributions(self) -> dict[str, Attribution]:
        """Where the difference of a split comes from, once a check had to ask."""
        return {}

    @cached_property
    def alarms(self) -> dict[str, float | None]:
        """The p of each comparison that a check asked for; None where it is no alarm."""
        return {}

    def dataset(self, split: str) -> DataSet | None:
        """Return the data set that a split draws from, None where it is not known."""
        return self.splits.splits[split].dataset if self.splits else None

    @cached_property
    def golden(self) -> Golden:
        """The golden. Raises GoldenError: `G004 intact` turns that into a finding."""
        return self.given or read_golden(self.case.folder)


@dataclass(frozen=True)
class CustodyEvidence:
    """How the golden of a case is kept: its files, its ledger, its waivers, and what changed them.

    Attributes:
        find_review: Returns the change beside its merge base; None where nobody asked for it.
        waivers: Those of waivers.toml, expired ones too.
        today: What waivers expire by; None where it is not known.
    """

    case: Case
    find_review: Callable[[], Review] | None = None
    waivers: tuple[Waiver, ...] = ()
    today: date | None = None

    @cached_property
    def golden(self) -> Golden:
        """The golden. Raises GoldenError: `G004 intact` turns that into a finding."""
        return read_golden(self.case.folder)

    @cached_property
    def review(self) -> Review | None:
        """The change beside its merge base. Raises RepositoryError where git cannot tell."""
        return self.find_review() if self.find_review else None

    @cached_property
    def ledger(self) -> Ledger | None:
        """The case's ledger; None when there is none."""
        return find_ledger(self.case.folder)
