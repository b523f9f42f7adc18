"""A small project, and the one question: is it refused in a line, with nothing changed on disk?"""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.cli.main import cli, main
from amn.golden.base.target import CI_VARIABLES
from amn.golden.store import write_golden
from tests.checkouts import CASE_TEXT, begin_change
from tests.damage import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.damage import Row


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, toy_data: Path, toy_golden: Any) -> Path:
    """`golden/case` has a golden, `golden/bare` has none; on a branch `change` of `main`."""
    root = tmp_path_factory.mktemp("bad")
    shutil.copytree(toy_data, root / "data")
    for name in ("case", "bare"):
        folder = root / "golden" / name
        folder.mkdir(parents=True)
        (folder / "case.toml").write_text(CASE_TEXT, "utf-8")
    write_golden(root / "golden" / "case", toy_golden)
    begin_change(root)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, and the current folder."""
    for name in ("CI", "PYTEST_XDIST_WORKER", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(made, tmp_path / "p", symlinks=True)
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


@pytest.fixture(scope="session")
def good_bundle(made: Path, toy_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the project's gate."""
    path = tmp_path_factory.mktemp("bundle") / "good.zip"
    words = ("gate", str(made / "golden" / "case"), "--cache", str(toy_cache), "--bundle")
    with chdir(Path(__file__).parents[4]):
        done = CliRunner().invoke(cli, [*words, str(path)])
    assert path.exists(), done.output
    return path


def files(folder: Path) -> dict[str, bytes | str]:
    """Return every file, link and folder; git's own cache of times is none of ours."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_bytes() if path.is_file() else FOLDER
    return {name: content for name, content in found.items() if name != ".git/index"}


@pytest.fixture
def refused(
    project: Path,
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Row], None]:
    """Run a row: its exit code, its message in one line, and nothing changed on disk."""

    def refused(row: Row) -> None:
        if row.given:
            row.given(project)
        words = shlex.split(row.words.replace("CACHE", str(toy_cache)))
        while words[0] != "amn":
            name, _, value = words.pop(0).partition("=")
            monkeypatch.setenv(name, value)
        before = files(project)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()

        assert (ended.value.code, row.message in err + out) == (row.code, True), err + out
        assert len(err.splitlines()) == (0 if out else 1), err
        assert "Traceback" not in err
        assert files(project) == before

    return refused
