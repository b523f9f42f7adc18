"""Checks that look in another way: how one that is blind, or crashes, is made."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from amn.checks import check as module
from amn.checks.check import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def run_instead(
    monkeypatch: pytest.MonkeyPatch, check: str, function: Callable[..., Any], **changes: Any
) -> None:
    """Run a check by another function, which is given what the check reads.

    Args:
        changes: Of its declaration.
    """
    known = checks()[check]

    @wraps(known.function)
    def other(**parts: object) -> Any:  # new each time: what a function reads is looked up once
        return function(**parts)

    monkeypatch.setitem(module._declared, check, replace(known, function=other, **changes))
