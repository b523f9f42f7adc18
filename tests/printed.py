"""Readers of what is printed: the numbers of a check beside its limit, and counts of one."""

from __future__ import annotations

import re
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
CLAUSE = re.compile(rf"(?:^|, )(>=|<=|==|>|<) ?({NUMBER})(?: ?(%))?(?![\d.]| x )")
RANGE = re.compile(rf"({NUMBER}) \.\.\. ({NUMBER})")
VALUE = re.compile(rf"(?<![\w.-])({NUMBER})(?: of ({NUMBER}))?(?: ?(%))?")
WITHIN = re.compile(rf"({NUMBER}) (>=|<=|==|>|<) ({NUMBER})")
HOLDS = {">": gt, ">=": ge, "<": lt, "<=": le, "==": eq}
ONE = re.compile(r"(?<![\d.,/+-])\b1 ([a-z]+s)\b")
# Words that end in s and are no plural: verbs after a name such as "epoch 1".
NO_PLURALS = {"is", "reaches"}


def counts_of_one(text: str) -> list[str]:
    """Return what one of a thing is called in the plural."""
    return [found[0] for found in ONE.finditer(text) if found[1] not in NO_PLURALS]


def meets(value: str, limit: str) -> list[list[bool]] | None:
    """Return whether the numbers of a value meet what is printed as their limit: by clause of it.

    `5 of 100` is a share where the limit is one. None where no number is asked for.
    """
    if found := RANGE.fullmatch(limit):
        low, high = (_number(one) for one in found.groups())
        return [[low <= number <= high for number in _values(value, is_share=False)]]
    if re.match(r"0( |$)", limit):
        return [[number == 0 for number in _values(value, is_share=False)]]
    if not all(map(CLAUSE.match, limit.split(", "))):
        return None  # more is asked for than a number
    clauses = [
        (HOLDS[sign], _number(text, unit), bool(unit)) for sign, text, unit in CLAUSE.findall(limit)
    ]
    return [
        [holds(number, least) for number in _values(value, is_share=is_share)]
        for holds, least, is_share in clauses
    ] or None


def reads_wrongly(status: str, value: str, limit: str) -> str:
    """Return what a reader of a check would object to; empty where it reads as it ended."""
    for left, sign, right in WITHIN.findall(value):
        if not HOLDS[sign](_number(left), _number(right)):
            return f"{left} {sign} {right}"
    met = meets(value, limit)
    if met is None or not any(met):
        return ""
    if status == "PASS" and not met[0][0]:
        return f"passes with {value} | {limit}"
    if status in ("FAIL", "HARNESS", "WARN") and all(map(all, met)):
        return f"{status} with {value} | {limit}"
    return ""


def _values(value: str, *, is_share: bool) -> Iterator[float]:
    for number, of, unit in VALUE.findall(value):
        if of and is_share:
            yield _number(number) / _number(of)
        elif bool(unit) == is_share:
            yield _number(number, unit)


def _number(text: str, unit: str = "") -> float:
    return float(text.replace(",", "")) / (100 if unit else 1)
