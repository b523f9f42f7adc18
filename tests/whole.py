"""Evidence of a whole gate, for results that a test makes of outcomes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amn.verdict import Review

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE: Mapping[str, Any] = {
    "scanned": (),
    "evaluations": (),
    "histories": (),
    "sides": None,
    "review": Review(target="origin/main", base="a" * 40),
}
