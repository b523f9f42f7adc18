"""Makers of candidates of which nothing is known but their predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amn.errors import CheckNotRunError
from amn.evaluation.reference import score_references
from amn.evaluation.storage import Evaluation
from amn.evaluation.surroundings import Surroundings, behaviour_of
from amn.gate.evidence import named
from amn.gate.makers.of_candidates import (
    ASKED,
    asked,
    plan,
)
from amn.storage import sha256_file
from amn.training.candidate import Candidate, Observed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.case.load import Case
    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.predictions import Joined
    from amn.evaluation.reference import References
    from amn.training.command import Commanded, Trainer
    from amn.training.plan import Plan

    Progress = Callable[[int, int, str], None]


def joined(
    prediction_files: tuple[Path, ...],
    judged: dict[str, Windows],
    sampled: dict[str, NDArray[np.int64]],
    queried: dict[str, NDArray[np.int64]],
    metrics: dict[str, Metric],
) -> tuple[Joined, ...]:
    """Predictions that were brought along, one file a seed, joined with the windows by name."""
    from amn.evaluation.predictions import join_predictions  # noqa: PLC0415 - few gates take any

    asked = (judged, sampled, metrics, queried)
    return tuple(join_predictions(path, *asked) for path in prediction_files)


def predictors(prediction_files: tuple[Path, ...]) -> tuple[Candidate, ...]:
    """What made those predictions: it cannot be run here."""
    return tuple(_unknown(str(path), sha256_file(path)) for path in prediction_files)


def _unknown(name: str, digest: str, seed: int | None = None) -> Candidate:
    """Return a candidate of which nothing is known but its predictions."""

    def refuse(*_: object) -> Any:  # noqa: ANN401 - nothing is returned
        raise CheckNotRunError("expected a model, got its predictions")

    return Candidate(name, None, None, refuse, refuse, digest, seed)


def scored(
    fitted: References, judged: dict[str, Windows], joined: tuple[Joined, ...]
) -> tuple[Evaluation, ...]:
    """Scores of those predictions, window by window, beside the reference predictors'."""
    references = {split: score_references(fitted, windows) for split, windows in judged.items()}
    return tuple(Evaluation(dict(one.scores), references) for one in joined)


def predicted_measured(joined: tuple[Joined, ...]) -> tuple[dict[str, SplitScores], ...]:
    """Scores of those predictions with the values of the case's metrics, window by window."""
    return tuple(dict(one.scores) for one in joined)


def joined_queries(
    joined: tuple[Joined, ...],
) -> tuple[dict[str, NDArray[np.float32]], ...]:
    """Those predictions on the windows that indexes are searched for: split -> (B, D)."""
    return tuple(dict(one.queried) for one in joined)


def predicted_behaviours(
    candidates: tuple[Candidate, ...],
    joined: tuple[Joined, ...],
    surroundings: dict[str, Surroundings],
) -> tuple[Observed, ...]:
    """Those predictions on the sample of windows, beside the rows around their targets."""
    return tuple(
        Observed(candidate.name, split, behaviour_of(one.sampled[split], around))
        for candidate, one in zip(candidates, joined, strict=True)
        for split, around in surroundings.items()
    )


def trainer(
    case: Case,
    home: Path,
    plan: Plan,
    windows: dict[str, Windows],
    sampled: dict[str, NDArray[np.int64]],
    queried: dict[str, NDArray[np.int64]],
    metrics: dict[str, Metric],
) -> Trainer:
    """The command of the case, and what it is given."""
    from amn.training.command import Trainer  # noqa: PLC0415 - few cases have one

    return Trainer(case, home, plan, windows, sampled, queried, metrics)


def trainings(
    trainer: Trainer, asked: CaseConfig, cache: Path, progress: Progress | None
) -> tuple[Commanded, ...]:
    """What the command of the case made of every seed, from the cache or run now."""
    return trainer.train(asked.training.seeds, cache=cache, progress=progress)


def commanded(trainings: tuple[Commanded, ...]) -> tuple[Candidate, ...]:
    """What a command has trained: it cannot be run here."""
    return tuple(_unknown(one.name, one.digest, one.seed) for one in trainings)


def commanded_joined(trainings: tuple[Commanded, ...]) -> tuple[Joined, ...]:
    """The predictions of each seed, joined with the windows by name."""
    return tuple(one.joined for one in trainings)


PREDICTIONS = (
    ASKED
    | named(plan, joined)
    | {
        "candidates": predictors,
        "evaluations": scored,
        "behaviours": predicted_behaviours,
        "measured": predicted_measured,
        "queried_predictions": joined_queries,
    }
)
COMMAND = (
    ASKED
    | named(plan, trainer, trainings, asked)
    | {
        "candidates": commanded,
        "joined": commanded_joined,
        "evaluations": scored,
        "behaviours": predicted_behaviours,
        "measured": predicted_measured,
        "queried_predictions": joined_queries,
    }
)
