"""The numbers of a result, and the JSON files that DVC, Bencher and github-action-benchmark read.

Such tools take a number that is not there for one that did not change: the verdict and the exit
code of the gate are what blocks a merge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.report.json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.findings import GateResult

UNIT = "cosine"


@dataclass(frozen=True, slots=True)
class Number:
    """One score: of a split, or its lift over the mean of the context. Higher is better.

    Attributes:
        low: Lower end of its 95 % interval, None where there is none.
        high: Upper end of it.
    """

    split: str
    measure: str
    value: float
    low: float | None = None
    high: float | None = None


def numbers(result: GateResult) -> Iterator[Number]:
    """Yield the scores of a case that are finite."""
    scores = result.facts.get("scores")
    known: dict[str, Any] = scores if isinstance(scores, dict) else {}
    for split, figures in known.items():
        for measure, source in ((UNIT, figures), ("lift", figures.get("lift", {}))):
            value, low, high = (source.get(key) for key in ("mean", "low", "high"))
            if value is not None and math.isfinite(value):
                yield Number(split, measure, value, _finite(low), _finite(high))


def to_bencher(results: Sequence[GateResult]) -> str:
    """Return Bencher Metric Format: benchmark `case/split`, measures `cosine` and `lift`."""
    document: dict[str, dict[str, dict[str, float]]] = {}
    for result in results:
        for number in numbers(result):
            ends = {"lower_value": number.low, "upper_value": number.high}
            metric = {"value": number.value} | {k: v for k, v in ends.items() if v is not None}
            document.setdefault(f"{result.case}/{number.split}", {})[number.measure] = metric
    return dumps(document) + "\n"


def to_benchmark_action(results: Sequence[GateResult]) -> str:
    """Return what github-action-benchmark reads with `tool: customBiggerIsBetter`."""
    document = [
        {
            "name": f"{result.case}/{number.split}/{number.measure}",
            "unit": UNIT,
            "value": number.value,
            **({"range": _range(number)} if number.low is not None else {}),
            "extra": f"{result.verdict.value}\n{result.reproduce}",
        }
        for result in results
        for number in numbers(result)
    ]
    return dumps(document) + "\n"


def to_dvc(results: Sequence[GateResult]) -> str:
    """Return a metrics file for `dvc metrics` and `dvc params`: case -> split -> numbers."""
    document: dict[str, Any] = {}
    for result in results:
        case: dict[str, Any] = {"verdict": result.verdict.value}
        for number in numbers(result):
            case.setdefault(number.split, {})[number.measure] = number.value
        document[result.case] = case
    return dumps(document) + "\n"


def _range(number: Number) -> str:
    """Return half the width of an interval: `± 0.0098`."""
    return f"± {((number.high or 0.0) - (number.low or 0.0)) / 2:.4f}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
