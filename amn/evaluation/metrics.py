"""The metric and what surrounds it. N windows, D numbers in a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRIC_VERSION = 1  # part of every cache key and golden: raise it when a definition changes


def cosine_rows(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows, (N,) float64 in [-1, 1], higher is more alike.

    Computed in float64 from the inputs' own lengths. A zero row has cosine NaN with everything, so
    that no check mistakes it for a score; unrelated rows of sentence encoders score 0.04 to 0.5.

    Args:
        left: (N, D).
        right: (N, D).
    """
    if left.shape != right.shape:
        raise ArgumentError(f"right: expected shape {left.shape} as in left, got {right.shape}")
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines: NDArray[np.float64] = np.vecdot(a, b) / np.sqrt(np.vecdot(a, a) * np.vecdot(b, b))
    return np.clip(cosines, -1.0, 1.0, out=cosines)


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
