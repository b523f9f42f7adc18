"""What a gate has looked at, for reports: nothing is opened, trained or scored for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amn.checks.evidence.runs import Candidate, RunEvidence
    from amn.data.dataset import DataSet
    from amn.data.scan import RowScan
    from amn.evaluation.behaviour import Behaviour
    from amn.evaluation.storage import Evaluation
    from amn.golden.schema import Golden
    from amn.training.record import TrainingRecord


@dataclass(frozen=True)
class SeenCandidate:
    """One judged model, as far as the gate came with it.

    Attributes:
        name: For people: `seed 0`.
        record: Its course of training, where there is one.
        evaluation: Its scores; None when it was not scored.
        behaviour: split -> what it did with a sample of windows, where a check asked.
        digest: sha256 of its file.
    """

    name: str
    record: TrainingRecord | None = None
    evaluation: Evaluation | None = None
    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Seen:
    """What the checks of one gate have looked at.

    Attributes:
        scans: Name, data set and scan of each data set whose rows were read.
        candidates: Empty when the gate stopped before them.
        golden: None when there is none, or it could not be read.
        context: Rows of a window's context.
        margin: Loss against the golden that still counts as not worse.
    """

    scans: tuple[tuple[str, DataSet, RowScan], ...] = ()
    candidates: tuple[SeenCandidate, ...] = ()
    golden: Golden | None = None
    context: int = 5
    margin: float = 0.01


def see_candidate(candidate: Candidate, run: RunEvidence | None) -> SeenCandidate:
    """Return what was measured of a candidate."""
    return SeenCandidate(
        name=candidate.name,
        record=candidate.record,
        evaluation=vars(candidate).get("evaluation", candidate.recorded),
        behaviour=run.observed(candidate) if run else {},
        digest=candidate.digest,
    )
