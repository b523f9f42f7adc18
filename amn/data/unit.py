"""Lengths of rows, unit rows and cosines: the formulas of the whole package, in numpy alone.

Letters: D numbers in a row; leading axes are free, so (D,), (N, D) and (N, T, D) all do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

F = TypeVar("F", bound=np.floating)


def lengths(rows: NDArray[F]) -> NDArray[F]:
    """Lengths of rows, (...) for (..., D), summed in the rows' own type.

    float32 errs by about 1e-7 and underflows to 0 below 1e-22; give float64 where that matters.
    """
    return np.asarray(np.sqrt(np.vecdot(rows, rows)))


def unit_rows(rows: NDArray[F], *, out: NDArray[F] | None = None) -> NDArray[F]:
    """Rows scaled to length 1, in their own type; a zero row stays zero, NaN stays NaN.

    Args:
        rows: (..., D).
        out: Where to write them; `rows` itself scales in place.
    """
    norms = lengths(rows)
    divisors = np.where(norms == 0, norms.dtype.type(1), norms)
    return np.asarray(np.divide(rows, divisors[..., None], out=out))


def cosine_rows(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine of each pair of rows, (...) float64 in [-1, 1], higher is more alike.

    Computed in float64 from the inputs' own lengths. A zero row has cosine NaN with everything, so
    that no check mistakes it for a score; unrelated rows of sentence encoders score 0.04 to 0.5.

    Args:
        left: (..., D).
        right: (..., D), of the same shape.
    """
    if left.shape != right.shape:
        raise ArgumentError(f"right: expected shape {left.shape} as in left, got {right.shape}")
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.vecdot(a, b) / np.sqrt(np.vecdot(a, a) * np.vecdot(b, b))
    return np.asarray(np.clip(cosines, -1.0, 1.0))
