"""A distribution in a few numbers and a histogram whose bins are the same for every data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Values beyond the ends are counted in the first or last bin.
BINS: dict[str, NDArray[np.float64]] = {
    "cosine": np.linspace(-0.2, 1.0, 61),
    "words": np.geomspace(8, 32_768, 37),
    "chunks": np.unique(np.round(np.geomspace(1, 1024, 21))),  # whole numbers: no bin is empty
    "chars": np.geomspace(8, 8192, 41),
}


@dataclass(frozen=True)
class Distribution:
    """Where values lie; all NaN when there are none.

    Attributes:
        n: How many values.
        counts: Values in each bin of `BINS[bins]`.
    """

    n: int
    mean: float
    sd: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    bins: str
    counts: tuple[int, ...]


def distribution(values: NDArray[np.floating] | NDArray[np.integer], bins: str) -> Distribution:
    """Summarise values, NaN left out.

    Args:
        values: (n,).
        bins: A name in `BINS`.
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    edges = BINS[bins]
    quantiles = [float("nan")] * 5
    if len(known):
        quantiles = np.quantile(known, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    p5, p25, median, p75, p95 = quantiles
    return Distribution(
        n=len(known),
        mean=float(known.mean()) if len(known) else float("nan"),
        sd=float(known.std()) if len(known) else float("nan"),
        p5=p5,
        p25=p25,
        median=median,
        p75=p75,
        p95=p95,
        bins=bins,
        counts=tuple(np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0].tolist()),
    )
