"""What a model did on a split, window by window. N windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SplitScores:
    """What a model did on every window of one split.

    Attributes:
        cosines: (N,) float64, prediction with target.
        copy_cosines: (N,) float64, prediction with the last context row.
        article_ids: (N,) int64.
        target_chunks: (N,) int32; with the article id it names the window.
        norm_error: Largest |length of a prediction - 1|.
        rank: Effective rank of the predictions.
        target_rank: Effective rank of the targets.
    """

    cosines: NDArray[np.float64]
    copy_cosines: NDArray[np.float64]
    article_ids: NDArray[np.int64]
    target_chunks: NDArray[np.int32]
    norm_error: float
    rank: float
    target_rank: float

    @property
    def mean(self) -> float:
        """The score: mean cosine over windows; NaN without windows, and if any window has NaN."""
        return float(self.cosines.sum() / len(self.cosines)) if len(self.cosines) else float("nan")
