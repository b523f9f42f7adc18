"""A sketch of an article: three numbers that change as far as its vectors do, rounding but little.

A digest says `equal` or nothing. Sums of a row's numbers under random signs keep distances
(Johnson and Lindenstrauss 1984, with the signs of Achlioptas 2003): where every row is off by a
length e, each number of the sketch is off by e times a standard normal. Rows are weighed by their
place, so that rows in another order give another sketch.

Rows are rounded to whole multiples of 1 / `SCALE`, and sums of whole numbers are exact: equal
vectors give equal sketches on every machine, stored as float16 or as float32.

Letters: n rows, D numbers in a vector, G articles, P = 3.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = 3
SCALE = 2.0**18  # float32 holds the sums exactly up to D = 4,096, for rows of length 1
PLACES = 1024  # of rows in an article, after which their weights begin anew
STEP = 1 / 2048  # of a number of a sketch; it is about a standard normal
STORED = np.dtype("<i2")


@cache
def _signs(dim: int) -> NDArray[np.float32]:
    """Return fixed signs: (D, P)."""
    return np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (dim, PARTS))


@cache
def _weights() -> NDArray[np.float64]:
    """Return fixed whole weights of places, none of them 0: (PLACES,)."""
    drawn = np.rint(16 * np.random.default_rng(1).standard_normal(PLACES))
    return np.where(drawn == 0, 1.0, drawn)


def sketch_rows(
    rows: NDArray[np.float32], scratch: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the sums of each row under the signs, in whole multiples of 1 / SCALE: (n, P).

    Args:
        rows: (n, D).
        scratch: (n, D) overwritten; None takes memory of its own.
    """
    whole = np.multiply(rows, np.float32(SCALE), out=scratch)
    np.rint(whole, out=whole)
    return np.asarray(whole @ _signs(rows.shape[1]), np.float32)


def sketch_articles(
    sketches: NDArray[np.float32], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sketch of each article: (G, P), each number about a standard normal.

    Args:
        sketches: (n, P) of rows; an article's stand together.
        starts: (G,) position of the first row of each article.
    """
    counts = np.diff(np.append(starts, len(sketches)))
    weights = _weights()[(np.arange(len(sketches)) - np.repeat(starts, counts)) % PLACES]
    totals = np.add.reduceat(sketches * weights[:, None], starts, axis=0)
    lengths = np.sqrt(np.add.reduceat(weights**2, starts))
    return np.asarray(totals / (SCALE * lengths[:, None]), np.float64)


def to_text(sketch: NDArray[np.float64]) -> str:
    """Return the sketch of one article, in whole steps, as 8 characters."""
    bounds = np.iinfo(STORED)
    whole = np.clip(np.rint(sketch / STEP), bounds.min, bounds.max).astype(STORED)
    return base64.urlsafe_b64encode(whole.tobytes()).decode()


def from_text(text: str) -> NDArray[np.float64]:
    """Return the sketch that `to_text` wrote: (P,)."""
    whole = np.frombuffer(base64.urlsafe_b64decode(text), STORED)
    return whole.astype(np.float64) * STEP
