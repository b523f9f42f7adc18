"""Metrics by name: one number a window, made from what a metric's parameters name.

```python
@metric("in_article")
def in_article(own: NDArray[np.float64], nearby: NDArray[np.float64]) -> NDArray[np.float64]:
    \"\"\"Share of the other rows of its article that the target is nearer than.\"\"\"
    return beaten(own, nearby)
```

Letters: B windows of a batch, T context rows, D numbers in a vector, O rows nearby, K rows of the
pool.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.data.vectors import lengths
from amn.errors import ArgumentError
from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Values = Callable[..., "NDArray[np.float64]"]
Better = Literal["higher", "lower"]

PARTS = {
    "predicted": "(B, D) float32 predictions.",
    "target": "(B, D) float32 rows that were to be predicted.",
    "context": "(B, T, D) float32 rows before them, oldest first.",
    "own": "(B,) float64 cosine of each prediction with its target.",
    "nearby": "(B, O) float64 cosines with the other rows of its article; NaN where there is none.",
    "pooled": "(B, K) float64 cosines with the rows of the fixed pool; NaN with its own target.",
    "elsewhere": "(B, K) float64, of these the rows of other articles; NaN for those of its own.",
}
TIE = 1e-9  # of a cosine: equal rows differ by float64 rounding, below 1e-15
NAME = re.compile(r"[a-z][a-z0-9_]*")
LIFT = "lift"  # over the strongest reference predictor: a difference of cosines
TAKEN = frozenset({LIFT, "recall"})  # names that mean something else in a golden or a limit
OF_PACKAGES: Registry[object] = Registry("amn.metrics", {})  # modules that declare metrics


@dataclass(frozen=True)
class Metric:
    """One metric, as it was declared.

    Attributes:
        function: Takes the parts that its parameters name, see `PARTS`; returns (B,) finite float64
            that depend on each window alone.
        better: Which values are better.
        always: Whether every case measures it, and not only one that asks for it.
    """

    name: str
    function: Values
    better: Better = "higher"
    always: bool = True

    @property
    def reads(self) -> tuple[str, ...]:
        """The parts that its parameters name."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def help(self) -> str:
        """What it is: the first paragraph of the docstring."""
        return " ".join(inspect.cleandoc(self.function.__doc__ or "").split("\n\n")[0].split())

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is."""
        return 1 if self.better == "higher" else -1


_declared: dict[str, Metric] = {}


def metric(
    name: str, /, *, better: Better = "higher", always: bool = True
) -> Callable[[Values], Values]:
    """Declare the function below as a metric.

    Args:
        name: In lower case: `in_article`.

    Raises:
        ArgumentError: If the name is taken or none, the function explains nothing, or a parameter
            names no part.
    """

    def declare(function: Values) -> Values:
        declared = Metric(name, function, better, always)
        _require_sound(declared)
        _declared[name] = declared
        return function

    return declare


def _require_sound(declared: Metric) -> None:
    """Raise ArgumentError for a declaration that cannot stand in the list of metrics."""
    where, code = f"metric {declared.name}", declared.function.__code__
    if not NAME.fullmatch(declared.name) or declared.name in TAKEN:
        expected = f"a name of small letters that is not {' or '.join(sorted(TAKEN))}"
        raise ArgumentError(f"{where}: expected {expected}. Fix: @metric('my_metric')")
    if not declared.help:
        raise ArgumentError(f"{where}: expected a docstring that says what it is, got none")
    if declared.better not in ("higher", "lower"):
        message = f"{where}: expected better='higher' or 'lower', got {declared.better!r}"
        raise ArgumentError(message)
    unknown = [part for part in declared.reads if part not in PARTS]
    if unknown or not declared.reads:
        got = repr(unknown[0]) if unknown else "none"
        raise ArgumentError(f"{where}: expected parameters among {', '.join(PARTS)}, got {got}")
    other = _declared.get(declared.name)
    if other and other.function.__code__.co_filename != code.co_filename:
        raise ArgumentError(
            f"{where}: expected a name of its own, got that of {other.function.__module__}"
        )


@cache
def _load() -> None:
    for name in OF_PACKAGES:
        OF_PACKAGES[name]


def metrics() -> Mapping[str, Metric]:
    """Return every metric by name, ours first."""
    _load()
    return dict(_declared)


def kept_metrics() -> dict[str, Metric]:
    """Return the metrics that a finished run keeps: ours, which every case measures.

    Code of others may change under the same name.
    """
    return {
        name: one
        for name, one in _declared.items()
        if one.always and one.function.__module__ == __name__ and one.function is not cosine
    }


def beaten(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of other rows that the target is nearer than: (B,), 0 to 1.

    A row as near as the target counts half; without another row it is chance, 0.5.

    Args:
        own: (B,) cosine of each prediction with its target.
        others: (B, O) with other rows, NaN where there is none.
    """
    ahead, tied, n = _places(own, others)
    points = (n - ahead - 0.5 * tied) / np.maximum(n, 1)
    return np.where(np.isnan(own), np.nan, np.where(n > 0, points, 0.5))


def _places(
    own: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return how many rows are nearer than the target, as near, and there at all: (B,) each."""
    ahead = np.count_nonzero(others > own[:, None] + TIE, axis=1)  # NaN compares as false
    behind = np.count_nonzero(others < own[:, None] - TIE, axis=1)
    n = others.shape[1] - np.count_nonzero(np.isnan(others), axis=1)
    return ahead, n - ahead - behind, n


@metric("cosine")
def cosine(own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine of prediction and target, -1 to 1."""
    return own


@metric("in_article")
def in_article(own: NDArray[np.float64], nearby: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the other rows of its article that the prediction is further from than the target.

    0 to 1, chance 0.5; rows within 16 of the target, the context left out.
    """
    return beaten(own, nearby)


@metric("reciprocal_rank")
def reciprocal_rank(own: NDArray[np.float64], pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / rank of the target among the rows of a fixed pool of targets, 0 to 1.

    Ties share the mean of their ranks. Its mean is the mean reciprocal rank (Voorhees 1999).
    """
    ahead, tied, _ = _places(own, pooled)
    return np.where(np.isnan(own), np.nan, 1 / (1 + ahead + 0.5 * tied))


@metric("contrastive")
def contrastive(own: NDArray[np.float64], elsewhere: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the rows of other articles that the prediction is further from than the target.

    0 to 1, chance 0.5: the contrastive accuracy of the Large Concept Model's evaluation (2024),
    over the fixed pool.
    """
    return beaten(own, elsewhere)


@metric("l2", better="lower", always=False)
def l2(predicted: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """Euclidean distance of prediction and target, 0 or more."""
    return lengths(predicted.astype(np.float64) - target)


@metric("mse", better="lower", always=False)
def mse(predicted: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared error of the numbers of a vector, 0 or more."""
    off = predicted.astype(np.float64) - target
    return np.asarray(np.vecdot(off, off) / predicted.shape[1])
