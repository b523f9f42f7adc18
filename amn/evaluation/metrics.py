"""The metric and what surrounds it. N windows, D numbers in a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import cosine_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.ids import Ids


__all__ = ["METRIC_VERSION", "cosine_rows", "effective_rank"]

METRIC_VERSION = 1  # part of every cache key and golden: raise it when a definition changes
REFERENCES = ("constant", "last", "mean", "weighted_mean", "ridge")  # see `References`


def effective_rank(rows: NDArray[np.floating]) -> float:
    """Return the effective rank of rows around their mean: 1 is a line, D is a ball.

    exp(entropy) of the covariance's normalised eigenvalues (Roy and Vetterli, 2007); 0 for equal
    rows, NaN for none.

    Args:
        rows: (N, D).
    """
    if not len(rows):
        return float("nan")
    centered = np.asarray(rows, np.float64) - np.mean(rows, axis=0, dtype=np.float64)
    gram = centered @ centered.T if len(rows) < rows.shape[1] else centered.T @ centered
    values = np.linalg.eigvalsh(gram)
    shares = values[values > 0] / max(values[values > 0].sum(), np.finfo(float).tiny)
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


@dataclass(frozen=True)
class SplitScores:
    """What a model did on every window of one split.

    Attributes:
        cosines: (N,) float64, prediction with target.
        copy_cosines: (N,) float64, prediction with the last context row.
        article_ids: (N,) int64 or str.
        target_chunks: (N,) int32; with the article id it names the window.
        norm_error: Largest |length of a prediction - 1|.
        rank: Effective rank of the predictions.
        target_rank: Effective rank of the targets.
    """

    cosines: NDArray[np.float64]
    copy_cosines: NDArray[np.float64]
    article_ids: Ids
    target_chunks: NDArray[np.int32]
    norm_error: float
    rank: float
    target_rank: float

    @property
    def mean(self) -> float:
        """The score: mean cosine over windows; NaN without windows, and if any window has NaN."""
        return float(self.cosines.sum() / len(self.cosines)) if len(self.cosines) else float("nan")
