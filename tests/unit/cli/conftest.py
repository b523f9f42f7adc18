"""A project with one case, and the command in it, as a person at a terminal has them."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from amn.checks.check import checks
from amn.cli.main import main
from amn.evaluation import metric as declared
from amn.golden.base.target import CI_VARIABLES
from tests.checkouts import CASE_TEXT
from tests.own_checks import forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Command = Callable[..., tuple[int, str, str]]

OF_A_CASE = ("gate", "golden", "selftest")  # commands that take a cache


@pytest.fixture
def own_project(
    tmp_path: Path, toy_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Path]]:
    """Make a project whose conftest.py has a text, and go there; what it declares is forgotten."""
    checks()  # ours are there, whatever ran first
    before = dict(declared.metrics())

    def make(conftest: str) -> Path:
        root = tmp_path / "p"
        (root / "golden" / "case").mkdir(parents=True)
        shutil.copytree(toy_data, root / "data")
        (root / "golden" / "case" / "case.toml").write_text(CASE_TEXT, "utf-8")
        (root / "conftest.py").write_text(conftest, "utf-8")
        monkeypatch.chdir(root)
        return root

    with forgotten():
        yield make
    declared._declared.clear()
    declared._declared.update(before)


@pytest.fixture
def typed(
    toy_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command where a person is: exit code, output, errors."""
    for name in ("CI", "PYTEST_XDIST_WORKER", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)

    def typed(*words: str) -> tuple[int, str, str]:
        where = ("--cache", str(toy_cache)) if words[0] in OF_A_CASE else ()
        monkeypatch.setattr(sys, "argv", ["amn", *words, *where])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return typed
