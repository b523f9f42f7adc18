"""The recipes of CONTRIBUTING.md run as they are written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., tuple[int, str, str]]

PAGE = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def amn(own_project: Callable[[str], Path], typed: Command) -> Command:
    """Run the command in a project whose conftest.py is the recipes."""
    own_project("\n\n".join(RECIPES))
    return typed


def test_there_is_a_recipe_for_each_of_the_three() -> None:
    assert [recipe.count("@check(") for recipe in RECIPES] == [1, 0, 0]
    assert [recipe.count("DoesNotApplyError(") for recipe in RECIPES] == [0, 1, 0]
    assert [recipe.count("@amn.metric(") for recipe in RECIPES] == [0, 0, 1]


def test_the_check_is_listed_and_its_defects_are_caught(amn: Command) -> None:
    assert "OOD has 40 windows or more" in amn("rules", "X901")[1]

    code, out, _ = amn("selftest", "case", "--only", "X901", "--only", "X902", "--format", "json")

    (matrix,) = json.loads(out)
    rows = {row["defect"]: (row["check"], row["state"]) for row in matrix["defects"]}
    assert rows == {
        "few-windows": ("X901-enough_windows", "caught"),
        "no-windows-at-the-end": ("X902-enough_windows_left", "caught"),
    }
    assert code == 0


def test_the_metric_is_listed(amn: Command) -> None:
    assert "Angle between prediction and target, radians" in amn("rules", "--metrics")[1]
