"""What each family of checks looks at. What is expensive is computed once, when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from amn.config import EVALUATED, SPLITS
from amn.data.dataset import DataSet, open_dataset
from amn.data.scan import RowScan, scan_rows
from amn.data.splits import Split, resolve_splits
from amn.data.windows import Windows, find_windows
from amn.errors import CheckNotRunError
from amn.evaluation.summary import Summary, summarise_split
from amn.evaluation.surroundings import Surroundings, find_surroundings
from amn.golden.ledger import find_ledger
from amn.golden.speed import machine, read_speed
from amn.golden.store import read_golden
from amn.records.history import history_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.case import Case
    from amn.config import CriteriaConfig, IndexConfig, SpeedConfig
    from amn.evaluation.attribution import Attribution
    from amn.evaluation.behaviour import Behaviour
    from amn.evaluation.storage import Evaluation
    from amn.findings import Review, Waiver
    from amn.golden.ledger import Ledger
    from amn.golden.schema import Golden
    from amn.records.history import RunHistory
    from amn.training.checkpoint import Checkpoint
    from amn.training.record import TrainingRecord
    from amn.training_config import AbortConfig

BEHAVIOUR_WINDOWS = 128  # a split, evenly over its articles: 0.02 s a candidate


@dataclass(frozen=True)
class DataPart:
    """One data set folder, opened and scanned when first asked for.

    Attributes:
        progress: Called with (rows done, rows in all) during the scan.
    """

    folder: Path
    progress: Callable[[int, int], None] | None = None

    @cached_property
    def dataset(self) -> DataSet:
        """The data set. Raises DataError: `D003 readable` turns that into a finding."""
        return open_dataset(self.folder)

    @cached_property
    def scan(self) -> RowScan:
        """One pass over all its rows."""
        return scan_rows(self.dataset, progress=self.progress)


@dataclass(frozen=True)
class DataEvidence:
    """Every data set of a case: its own, and those that its splits name.

    Attributes:
        encode: Turns n texts into (n, D) vectors; what `D013 alignment` compares the rows with.
    """

    parts: tuple[DataPart, ...]
    encode: Callable[[list[str]], NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class IndexEvidence:
    """The data set's FAISS index."""

    part: DataPart
    config: IndexConfig


@dataclass(frozen=True)
class SplitEvidence:
    """The splits of a case and their windows."""

    case: Case
    parts: tuple[DataPart, ...]

    @cached_property
    def splits(self) -> dict[str, Split]:
        """train, in_dist and ood."""
        splits = resolve_splits(self.case, self.parts[0].dataset)
        # Splits that name another data set share that part's mapped files and scan.
        opened = {part.folder.resolve(): part.dataset for part in self.parts}
        return {
            name: Split(name, opened[s.dataset.path.resolve()], s.articles, s.missing)
            for name, s in splits.items()
        }

    @cached_property
    def windows(self) -> dict[str, Windows]:
        """The windows of every split."""
        context = self.case.config.windows.context
        return {
            name: find_windows(self.splits[name].dataset, context, self.splits[name].articles)
            for name in SPLITS
        }

    def scan(self, split: str) -> RowScan:
        """Return the scan of the data set that a split draws from."""
        dataset = self.splits[split].dataset
        return next(part.scan for part in self.parts if part.dataset is dataset)


@dataclass(frozen=True)
class Candidate:
    """One model that is judged: a training of one seed, a run folder, or a checkpoint.

    Attributes:
        name: For people: `seed 0`, or its path.
        record: Its course of training, where there is one.
        recorded: The scores that came with it; None for a bare checkpoint.
        load: Loads it through the public loader, which verifies its probe.
        score: Returns a loaded checkpoint's scores on the case's windows.
        digest: sha256 of its file.
    """

    name: str
    record: TrainingRecord | None
    recorded: Evaluation | None
    load: Callable[[], Checkpoint]
    score: Callable[[Checkpoint], Evaluation]
    digest: str

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The loaded model. Raises CheckpointError: `M001 probe` turns that into a finding."""
        return self.load()

    @cached_property
    def evaluation(self) -> Evaluation:
        """Its scores on the case's windows; made when a check first asks, after `M001 probe`."""
        return self.score(self.checkpoint)


class Histories(Protocol):
    """What the record checks look at."""

    @property
    def histories(self) -> tuple[RunHistory, ...]:
        """The courses of training, one a candidate or record."""

    @property
    def abort(self) -> AbortConfig:
        """The stopping rules that are replayed."""


@dataclass(frozen=True)
class RecordEvidence:
    """Records alone: nothing is known but what was written down."""

    histories: tuple[RunHistory, ...]
    abort: AbortConfig


@dataclass(frozen=True)
class RunEvidence:
    """The candidates of a case, and the windows they were scored on.

    Attributes:
        windows: Of in_dist and ood.
        dataset_path: Folder of the data set whose articles training used.
    """

    case: Case
    candidates: tuple[Candidate, ...]
    windows: dict[str, Windows]
    dataset_path: Path

    @cached_property
    def _sampled(self) -> dict[str, Surroundings]:
        return {}

    @cached_property
    def _observed(self) -> dict[tuple[int, str], Behaviour]:
        return {}

    def surroundings(self, split: str) -> Surroundings:
        """Return the rows around the targets of a sample of a split's windows."""
        if split not in self._sampled:
            from amn.evaluation.probes import sample_windows  # noqa: PLC0415 - loads torch

            windows = self.windows[split]
            chosen = sample_windows(windows, BEHAVIOUR_WINDOWS, seed=3)
            self._sampled[split] = find_surroundings(windows, chosen)
        return self._sampled[split]

    def behaviour(self, candidate: Candidate, split: str) -> Behaviour:
        """Return what a candidate does with that sample; measured once."""
        key = (id(candidate), split)
        if key not in self._observed:
            from amn.evaluation.behaviour import observe  # noqa: PLC0415 - loads torch

            model = candidate.checkpoint.model
            self._observed[key] = observe(model, self.surroundings(split))
        return self._observed[key]

    def observed(self, candidate: Candidate) -> dict[str, Behaviour]:
        """Return the behaviour of a candidate on the splits where a check has asked for it."""
        mine = id(candidate)
        return {split: seen for (owner, split), seen in self._observed.items() if owner == mine}

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The score of each evaluated split."""
        evaluations = [candidate.evaluation for candidate in self.candidates]
        return {split: summarise_split(evaluations, split) for split in EVALUATED}

    @cached_property
    def histories(self) -> tuple[RunHistory, ...]:
        """The course of training of each candidate; one without a record cannot be checked."""
        histories = []
        for candidate in self.candidates:
            if candidate.record is None:
                raise CheckNotRunError(f"{candidate.name}: expected a training record, found none")
            kind = self.case.config.model.kind
            histories.append(history_of(candidate.name, candidate.record, model=kind))
        return tuple(histories)

    @property
    def abort(self) -> AbortConfig:
        """The stopping rules of the case."""
        return self.case.config.training.abort


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
