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

    from amn.evaluation.statistics import Interval
    from amn.gate.result import GateResult

UNIT = "cosine"


@dataclass(frozen=True, slots=True)
class Number:
    """One score: of a split, or its lift over the strongest reference predictor. Higher is better.

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
    for split, score in result.scores.items():
        if math.isfinite(score.mean):
            yield Number(split, UNIT, score.mean, *_ends(score.interval))
        if score.lift and math.isfinite(score.lift.mean):
            yield Number(split, "lift", score.lift.mean, *_ends(score.lift))


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


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Return the ends of an interval, None for one that is not there or not finite."""
    ends = (interval.low, interval.high) if interval else ()
    low, high = (end if math.isfinite(end) else None for end in ends) if ends else (None, None)
    return low, high
