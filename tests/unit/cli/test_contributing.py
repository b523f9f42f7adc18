"""The recipes of CONTRIBUTING.md run as they are written."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amn.cli.main import main
from amn.evaluation import metric as declared
from amn.golden.base.target import CI_VARIABLES
from tests.checkouts import CASE_TEXT
from tests.own_checks import forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., tuple[int, str, str]]

PAGE = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def amn(
    tmp_path: Path,
    toy_data: Path,
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """Run the command in a project whose conftest.py is the recipes: exit code, output, errors."""
    before = dict(declared._declared)
    for name in ("CI", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "p" / "golden" / "case"
    folder.mkdir(parents=True)
    shutil.copytree(toy_data, tmp_path / "p" / "data")
    (folder / "case.toml").write_text(CASE_TEXT, "utf-8")
    (tmp_path / "p" / "conftest.py").write_text("\n\n".join(RECIPES), "utf-8")
    monkeypatch.chdir(tmp_path / "p")

    def amn(*words: str) -> tuple[int, str, str]:
        where = ("--cache", str(toy_cache)) if words[0] in ("gate", "selftest") else ()
        monkeypatch.setattr(sys, "argv", ["amn", *words, *where])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    with forgotten():
        yield amn
    declared._declared.clear()
    declared._declared.update(before)


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
