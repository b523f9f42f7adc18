"""The metric and what surrounds it. N windows, D numbers in a vector."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.sampling import evenly_spaced
from amn.data.vectors import cosine_rows, lengths
from amn.errors import ArgumentError
from amn.evaluation.measuring import Measuring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.data.ids import Ids
    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric


__all__ = ["METRIC_VERSION", "cosine_rows", "effective_rank"]

NORM_ATOL = 1e-4  # of the length of a prediction: float32 keeps 1 within 1e-6
GEOMETRY_WINDOWS = 512  # evenly spaced; more raise both ranks alike, and cost seconds
STEP = 256  # windows scored at a time: what is made of them stays in a core's cache
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
        values: Metric -> (N,) float64, of the metrics beside the cosine that were asked for.
    """

    cosines: NDArray[np.float64]
    copy_cosines: NDArray[np.float64]
    article_ids: Ids
    target_chunks: NDArray[np.int32]
    norm_error: float
    rank: float
    target_rank: float
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def take(self, chosen: NDArray[Any]) -> SplitScores:
        """Return the scores of some windows, in that order.

        Args:
            chosen: (K,) positions, or (N,) bool.
        """
        return replace(
            self,
            cosines=self.cosines[chosen],
            copy_cosines=self.copy_cosines[chosen],
            article_ids=self.article_ids[chosen],
            target_chunks=self.target_chunks[chosen],
            values={name: values[chosen] for name, values in self.values.items()},
        )

    def of(self, metric: str) -> NDArray[np.float64]:
        """Return what a metric gives each window: (N,).

        Raises:
            ArgumentError: If it was not measured.
        """
        if metric == "cosine":
            return self.cosines
        if metric not in self.values:
            known = ", ".join(("cosine", *self.values))
            raise ArgumentError(f"metric {metric}: expected one that was measured: {known}")
        return self.values[metric]

    @property
    def mean(self) -> float:
        """The score: mean cosine over windows; NaN without windows, and if any window has NaN."""
        return float(self.cosines.sum() / len(self.cosines)) if len(self.cosines) else float("nan")


class Scoring:
    """Scores of a split, put together from predictions that come in any order, from any thread.

    Args:
        windows: Of the split.
        keep: Positions of windows whose predictions are kept.
        asked: Metrics to measure beside the cosine, by name.
    """

    def __init__(
        self,
        windows: Windows,
        *,
        keep: NDArray[np.int64] | None = None,
        asked: Mapping[str, Metric] | None = None,
    ) -> None:
        n, dim = len(windows), windows.dataset.dim
        self.windows = windows
        self.cosines, self.copies = np.full(n, np.nan), np.full(n, np.nan)
        self._norm_errors = np.zeros(n)
        self._measuring = Measuring(windows, asked or {})
        self._geometry = evenly_spaced(n, GEOMETRY_WINDOWS) if n else np.empty(0, np.int64)
        self._keep = np.empty(0, np.int64) if keep is None else keep
        wanted = np.union1d(self._geometry, self._keep)
        self._place = np.full(n, -1)
        self._place[wanted] = np.arange(len(wanted))
        self._sample = np.full((len(wanted), dim), np.nan, np.float32)

    def add(self, positions: NDArray[np.int64], predicted: NDArray[np.float32]) -> None:
        """Score predictions (B, D) of the windows at some positions (B,)."""
        for first in range(0, len(positions), STEP):
            self._add(positions[first : first + STEP], predicted[first : first + STEP])

    def _add(self, positions: NDArray[np.int64], predicted: NDArray[np.float32]) -> None:
        batch = self._measuring.add(positions, predicted)
        self.cosines[positions] = batch.own
        self.copies[positions] = batch.copied
        self._norm_errors[positions] = np.abs(lengths(predicted) - 1)
        place = self._place[positions]
        self._sample[place[place >= 0]] = predicted[place >= 0]

    @property
    def kept(self) -> NDArray[np.float32]:
        """Predictions of the windows that are kept, in their order; NaN where none came."""
        kept: NDArray[np.float32] = self._sample[self._place[self._keep]]
        return kept

    def of(self, chosen: NDArray[np.bool_]) -> SplitScores:
        """Return the scores of some windows, in their order; ranks and lengths are of all alone.

        Args:
            chosen: (N,).
        """
        return SplitScores(
            cosines=self.cosines[chosen],
            copy_cosines=self.copies[chosen],
            article_ids=self.windows.article_ids[chosen],
            target_chunks=self.windows.target_chunks[chosen],
            norm_error=float("nan"),
            rank=float("nan"),
            target_rank=float("nan"),
        )

    def scores(self) -> SplitScores:
        """Return the scores of all windows; one without a prediction has NaN."""
        sample = self._sample[self._place[self._geometry]]
        targets = self.windows.dataset.gather(self.windows.targets[self._geometry])
        return SplitScores(
            cosines=self.cosines,
            copy_cosines=self.copies,
            article_ids=self.windows.article_ids,
            target_chunks=self.windows.target_chunks,
            norm_error=float(self._norm_errors.max(initial=0.0)),  # keeps NaN
            rank=effective_rank(sample) if np.isfinite(sample).all() else float("nan"),
            target_rank=effective_rank(np.asarray(targets, np.float32)),
            values=self._measuring.values,
        )
