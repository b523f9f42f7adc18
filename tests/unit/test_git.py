from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import amn
from amn.git import user_name
from tests.checkouts import git


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_users_name_is_the_one_that_the_checkout_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "--template=")
    git(tmp_path, "config", "user.name", "Zoë")
    monkeypatch.chdir(tmp_path)

    assert user_name() == "Zoë"


def test_without_git_nobody_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert user_name() == ""


def test_one_module_runs_git() -> None:
    folder = Path(amn.__file__).parent

    running = [path for path in folder.rglob("*.py") if '["git"' in path.read_text("utf-8")]

    assert [path.relative_to(folder).as_posix() for path in running] == ["git.py"]
