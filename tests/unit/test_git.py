from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import amn
from amn.git import find_repository, object_id, user_name
from tests.checkouts import git


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_users_name_is_the_one_that_the_checkout_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "--template=")
    git(tmp_path, "config", "user.name", "Zoë")
    monkeypatch.chdir(tmp_path)

    assert user_name() == "Zoë"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_what_a_file_holds_is_told_by_its_object_and_a_link_by_where_it_leads(
    kind: str, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "--template=", f"--object-format={kind}")
    names = ("same", "other", "to-a-link", "gone")
    for name in names:
        (tmp_path / name).write_bytes(b"same")
    (tmp_path / "link").symlink_to("same")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    blob = git(tmp_path, "rev-parse", "HEAD:same").strip()
    (tmp_path / "other").write_bytes(b"another")
    (tmp_path / "gone").unlink()
    for name in ("to-a-link", "link"):
        (tmp_path / name).unlink()
    (tmp_path / "to-a-link").symlink_to("same")  # the same bytes, through a link
    (tmp_path / "link").write_bytes(b"same")  # the bytes that git keeps of a link
    found = find_repository(tmp_path)

    assert object_id(b"same", len(blob)) == blob
    assert found is not None
    assert found.changed(found.head, lambda _: True) == ["gone", "link", "other", "to-a-link"]


def test_without_git_nobody_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert user_name() == ""


def test_one_module_runs_git() -> None:
    folder = Path(amn.__file__).parent

    running = [path for path in folder.rglob("*.py") if '["git"' in path.read_text("utf-8")]

    assert [path.relative_to(folder).as_posix() for path in running] == ["git.py"]
