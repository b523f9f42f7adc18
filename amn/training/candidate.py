"""A candidate: one model that is judged, and what it does with the windows it is scored on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.case.config import EVALUATED
from amn.evaluation.storage import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.runner import PartScoring
    from amn.evaluation.surroundings import Behaviour
    from amn.training.checkpoint import Checkpoint
    from amn.training.record import TrainingRecord


@dataclass(frozen=True)
class Begun:
    """A model whose windows are scored some at a time.

    Attributes:
        parts: Split -> its scoring.
        references: Returns the scores of the reference predictors, see `Evaluation`.
    """

    parts: Mapping[str, PartScoring]
    references: Callable[[], dict[str, dict[str, NDArray[np.float64]]]]

    def evaluation(self) -> Evaluation:
        """Return the scores of all windows; those that are left are predicted now."""
        scores = {split: part.scores() for split, part in self.parts.items()}
        return Evaluation(scores, self.references())


@dataclass(frozen=True)
class Candidate:
    """One model that is judged: a training of one seed, a run folder, or a checkpoint.

    Attributes:
        name: For people: `seed 0`, or its path.
        record: Its course of training, where there is one.
        recorded: The scores that came with it; None for a bare checkpoint.
        load: Loads it through the public loader, which verifies its probe; raises CheckpointError.
        score: Returns a loaded checkpoint's scores on the case's windows.
        digest: sha256 of its file.
        seed: That it was trained with, where it is known.
        settings: Resolved config that it was made by; None where nothing says it.
        begin: Begins to score a loaded checkpoint; None where its scores come with it.
    """

    name: str
    record: TrainingRecord | None
    recorded: Evaluation | None
    load: Callable[[], Checkpoint]
    score: Callable[[Checkpoint], Evaluation]
    digest: str
    seed: int | None = None
    settings: Mapping[str, Any] | None = None
    begin: Callable[[Checkpoint], Begun] | None = None

    def __post_init__(self) -> None:
        if self.seed is None and self.record:
            object.__setattr__(self, "seed", self.record.seed)


@dataclass(frozen=True)
class Observed:
    """What one candidate does with a sample of windows of one split.

    Attributes:
        candidate: Its name.
    """

    candidate: str
    split: str
    behaviour: Behaviour

    @property
    def where(self) -> str:
        """`seed 0, ood`: the address of a finding."""
        return f"{self.candidate}, {self.split}"


def scores_of(
    candidates: Iterable[Candidate], evaluations: Iterable[Evaluation]
) -> Iterator[tuple[str, str, SplitScores]]:
    """Yield address (`seed 0, ood`), split and scores of every candidate on in_dist and ood.

    Args:
        evaluations: One a candidate.
    """
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        for split in EVALUATED:
            yield f"{candidate.name}, {split}", split, evaluation.scores[split]
