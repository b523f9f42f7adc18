"""A change of several files is there whole or not at all, wherever its process is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amn.golden.transaction import BEFORE, replace_together, undo

NAMES = ("golden.csv", "golden.json", "golden.npz", "ledger.jsonl")
NEW = {"golden.csv": b"csv", "golden.json": b"new", "golden.npz": None, "ledger.jsonl": b"a\nb"}
PLAY = """
from pathlib import Path
from tests.unit.golden.test_transaction import kill_at_every_step
kill_at_every_step(Path({place!r}), is_first={is_first})
"""


class KilledError(BaseException):
    """Stands for SIGKILL: nothing runs after it."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def steps(monkeypatch: pytest.MonkeyPatch, last: int | None) -> list[str]:
    """Note each change of the file system, and end the process before the one named `last`."""
    seen: list[str] = []

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def step(*args: object, **options: object) -> object:
            if len(seen) == last:
                raise KilledError
            seen.append(name)
            return real(*args, **options)

        monkeypatch.setattr(os, name, step)

    for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "fsync", "chmod"):
        wrap(name)
    return seen


def kill_at_every_step(place: Path, *, is_first: bool) -> None:
    """Assert that a change is undone or done before whichever step its process ends."""
    before = {} if is_first else {"golden.json": b"old", "golden.npz": b"npz", "ledger.jsonl": b"a"}
    after = {name: content for name, content in NEW.items() if content is not None}
    last, outcomes = 0, set()
    while True:
        folder = place / str(last)
        folder.mkdir()
        for name, content in before.items():
            (folder / name).write_bytes(content)
        pid = os.fork()
        if pid == 0:  # a process of its own: no clean-up of ours runs in it
            code = 1
            try:
                steps(pytest.MonkeyPatch(), last)
                replace_together(folder, NEW)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        undo(folder, NAMES)
        found = contents(folder)
        assert found in (before, after), last
        assert {path.name for path in folder.iterdir()} == set(found), last
        outcomes.add(found == after)
        replace_together(folder, NEW)  # the same command goes on
        assert contents(folder) == after
        if os.waitstatus_to_exitcode(status) == 0:
            break
        last += 1

    assert last > 20
    assert outcomes == {True, False}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_change_killed_at_any_step_is_undone_or_done(tmp_path: Path, *, is_first: bool) -> None:
    done = subprocess.run(  # noqa: S603 - a process that is small is forked in no time
        [sys.executable, "-c", PLAY.format(place=str(tmp_path), is_first=is_first)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_change_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "golden.json").write_bytes(b"old")
    steps(monkeypatch, 12)

    with pytest.raises(KilledError):
        replace_together(tmp_path, NEW)
    monkeypatch.undo()

    undo(tmp_path, NAMES)
    assert contents(tmp_path) == {"golden.json": b"old"}


def test_a_change_that_was_cut_off_is_in_the_way_of_the_next(tmp_path: Path) -> None:
    (tmp_path / BEFORE).mkdir()

    with pytest.raises(FileExistsError):
        replace_together(tmp_path, NEW)

    assert undo(tmp_path, NAMES)
    assert not undo(tmp_path, NAMES)
    assert list(tmp_path.iterdir()) == []
