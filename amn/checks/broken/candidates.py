"""Candidates and scores with a defect, as the parts of the evidence that it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.evaluation.scores import SplitScores
    from amn.evaluation.storage import Evaluation

PER_WINDOW = ("cosines", "copy_cosines", "article_ids", "target_chunks")


def changed(
    evaluation: Evaluation, split: str, change: Callable[[SplitScores], SplitScores]
) -> Evaluation:
    """Return an evaluation with other scores of one split."""
    scores = {**evaluation.scores, split: change(evaluation.scores[split])}
    return replace(evaluation, scores=scores)


def select_windows(split: SplitScores, chosen: NDArray[np.int64]) -> SplitScores:
    """Return the scores of some windows, in that order."""
    return replace(split, **{name: getattr(split, name)[chosen] for name in PER_WINDOW})


def shifted(evaluation: Evaluation, split: str, mean: float) -> Evaluation:
    """Return an evaluation whose mean on a split is another, by the same step in every window."""
    return changed(evaluation, split, lambda s: replace(s, cosines=s.cosines + (mean - s.mean)))


def worse_by_two_margins(
    evaluations: tuple[Evaluation, ...], split: str, margin: float
) -> dict[str, object]:
    """Return scores that are twice the margin lower, by chance more in some windows than others."""
    noise = np.random.default_rng(0).standard_normal(len(evaluations[0].scores[split].cosines))
    loss = 2 * margin * (1 + 0.5 * noise)
    return {
        "evaluations": tuple(
            changed(one, split, lambda s: replace(s, cosines=s.cosines - loss))
            for one in evaluations
        )
    }
