"""Bad input: rows of a table, and ways to damage a small project."""

from __future__ import annotations

import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amn.storage import sha256_of
from tests.checkouts import git

DEEP = b"[" * 100_000  # deeper than a parser goes
DIGITS = b"9" * 5000  # more than Python converts
LINK, FOLDER = "a link to itself", "a folder"
Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Row:
    """A bad input and what has to come of it.

    Attributes:
        words: The command line, as in a shell; `NAME=VALUE` before it sets a variable.
        message: A piece of the one line, or of the report of a command that judges.
        given: What is done to the project first.
    """

    words: str
    code: int
    message: str
    given: Callable[[Path], object] | None = None


def rows(
    command: str, table: Iterable[tuple[Any, ...]], *, least: int = 10
) -> list[pytest.ParameterSet]:
    """Return the rows of a command, `{}` in their words being the command."""
    made = [Row(words.replace("{}", command, 1), *rest) for words, *rest in table]
    assert len(made) >= least, command
    return [pytest.param(row, id=f"{command} {number}") for number, row in enumerate(made)]


def put(path: str, content: bytes | str | None) -> Callable[[Path], None]:
    """Return what puts a file, a folder, a link to itself, or nothing, in a path's place."""

    def change(project: Path) -> None:
        file = project / path
        if file.is_dir():
            shutil.rmtree(file)
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        if content == FOLDER:
            file.mkdir()
        elif content == LINK:
            file.symlink_to(file.name)
        elif isinstance(content, bytes):
            file.write_bytes(content)

    return change


def edit(path: str, **changes: Any) -> Callable[[Path], None]:
    """Return what changes keys of a JSON file."""

    def change(project: Path) -> None:
        file = project / path
        file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}), "utf-8")

    return change


def replace(path: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    """Return what replaces a piece of a file."""

    def change(project: Path) -> None:
        file = project / path
        content = file.read_bytes()
        assert old in content
        file.write_bytes(content.replace(old, new))

    return change


def cut(path: str) -> Callable[[Path], None]:
    """Return what cuts a file off half-way."""

    def change(project: Path) -> None:
        content = (project / path).read_bytes()
        (project / path).write_bytes(content[: len(content) // 2])

    return change


def both(*changes: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what does several things in turn."""

    def change(project: Path) -> None:
        for one in changes:
            one(project)

    return change


def pickled() -> bytes:
    """Return an .npz that needs pickle."""
    file = io.BytesIO()
    np.savez(file, ood_cosines=np.array([{}], dtype=object))
    return file.getvalue()


def broken_git(project: Path) -> None:
    """Leave a .git that leads nowhere, as where a worktree is copied into a container."""
    shutil.rmtree(project / ".git")
    (project / ".git").write_text("gitdir: /nowhere\n", "utf-8")


def no_git(project: Path) -> None:
    shutil.rmtree(project / ".git")


def unrelated_head(project: Path) -> None:
    git(project, "checkout", "-q", "--orphan", "new")
    git(project, "commit", "-q", "-m", "new")


def cut_off(project: Path) -> None:
    """Make it what `git clone --depth 1 --branch change` gives: no history, no other branch."""
    git(project, "checkout", "-q", "--detach")
    git(project, "branch", "-q", "-D", "main", "change")
    head = git(project, "rev-parse", "HEAD")
    (project / ".git" / "shallow").write_text(head, "utf-8")


def orphan(project: Path, folder: str = "golden/case") -> None:
    """Remove the case.toml of a case that has a golden."""
    (project / folder / "case.toml").unlink()


def bundle(
    project: Path,
    *,
    drop: str = "",
    verdict: dict[str, Any] | None = None,
    extra: tuple[tuple[str, bytes], ...] = (),
    compression: int = zipfile.ZIP_STORED,
    **changed: bytes,
) -> None:
    """Forge `good.zip`, with every digest right: as somebody would who means harm.

    Args:
        verdict: Keys of the result in verdict.json to change.
        extra: Names that are not listed in bundle.json, or once more.
        changed: Contents by name.
    """
    with zipfile.ZipFile(project / "good.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members.pop("bundle.json"))
    if verdict is not None:
        document = json.loads(members["verdict.json"])
        document["results"][0] |= verdict
        members["verdict.json"] = json.dumps(document).encode()
    members |= changed
    members.pop(drop, None)
    about["files"] = {n: {"bytes": len(c), "sha256": sha256_of(c)} for n, c in members.items()}
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(project / "x.zip", "w", compression) as archive,
    ):
        warnings.simplefilter("ignore")  # of zipfile, about a name that is there twice
        for name, content in [("bundle.json", json.dumps(about)), *members.items(), *extra]:
            archive.writestr(name, content)


def linked_orphan(project: Path) -> None:
    """Put a link under golden/ to a golden without a case that lies elsewhere."""
    (project / "golden" / "case").rename(project / "elsewhere")
    orphan(project, "elsewhere")
    (project / "golden" / "link").symlink_to("../elsewhere")
