"""Every kind of loosening is named by a test that sees it alone."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import amn
from amn.golden.base.tricks import ADDED, CONDITIONAL, REMOVED

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE, TESTS = Path(amn.__file__).parent, Path(__file__).parents[3]


def kinds() -> Iterator[str]:
    """Yield what a `Loosening` is called, wherever one is made."""
    yield from (what for _, what in (*ADDED, *REMOVED))
    yield CONDITIONAL
    for file in SOURCE.rglob("*.py"):
        text = file.read_text("utf-8")
        for call in ast.walk(ast.parse(text)) if "Loosening(" in text else ():
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Loosening":
                what = call.args[0]
                if isinstance(what, ast.Constant):
                    yield str(what.value)
                elif isinstance(what, ast.Name) and what.id.isupper():
                    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
                    yield getattr(importlib.import_module(".".join(parts)), what.id)


def test_each_is_named_by_a_test() -> None:
    texts = [file.read_text("utf-8") for file in TESTS.rglob("*.py")]
    found = set(kinds())

    assert len(found) > 40
    assert {what for what in found if not any(what in text for text in texts)} == set()
