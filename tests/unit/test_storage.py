from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amn.errors import DataError
from amn.storage import (
    atomic_folder,
    atomic_path,
    canonical_json,
    make_cache,
    sha256_file,
    sha256_of,
    with_digest,
    without_digest,
    write_bytes,
    write_json,
)
from tests.checkouts import git

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def write_half(
    target: AbstractContextManager[Path], name: str, reason: type[BaseException]
) -> None:
    """Write to the temporary path of `target`, then fail."""
    with target as temporary:
        (temporary / name if name else temporary).write_bytes(b"half")
        raise reason


def test_a_file_appears_whole_with_its_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "a.bin", b"abc")

    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"abc"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.bin"]


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"abc")

    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("reason", [KeyboardInterrupt, OSError, SystemExit])
def test_an_interrupted_write_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, reason: type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    with pytest.raises(reason):
        write_half(atomic_path(path), "", reason)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    with atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
        assert not path.exists()

    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("reason", [KeyboardInterrupt, OSError, SystemExit])
def test_an_interrupted_folder_leaves_nothing(tmp_path: Path, reason: type[BaseException]) -> None:
    with pytest.raises(reason):
        write_half(atomic_folder(tmp_path / "data"), "a.bin", reason)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "data") as folder:
        (folder / "a.bin").write_bytes(b"abc")
        assert not (tmp_path / "data").exists()

    assert (tmp_path / "data" / "a.bin").read_bytes() == b"abc"
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.bin").write_bytes(b"old")

    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "data"):
        pass

    assert (tmp_path / "data" / "a.bin").read_bytes() == b"old"


def test_git_leaves_a_cache_alone_but_not_a_folder_that_was_there(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "new" / "runs", tmp_path / "mine"):
        make_cache(folder)
        make_cache(folder)
        (folder / "run.json").write_bytes(b"{}")

    assert git(tmp_path, "status", "--porcelain", "-uall").split() == ["??", "mine/run.json"]


def test_json_with_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})

    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})

    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_equal_values_give_equal_canonical_bytes() -> None:
    assert canonical_json({"b": [1, 2], "a": None}) == b'{"a":null,"b":[1,2]}'
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "a.bin").write_bytes(data)

    assert sha256_file(tmp_path / "a.bin") == hashlib.sha256(data).hexdigest() == sha256_of(data)


def test_a_document_with_its_digest_comes_back_as_it_was() -> None:
    content = {"b": [1, 2], "a": None}

    assert without_digest(with_digest(content), Path("run.json")) == content


def test_a_document_that_was_changed_after_its_digest_is_refused() -> None:
    changed = {**with_digest({"score": 0.5}), "score": 0.6}
    got = sha256_of(canonical_json({"score": 0.6}))[:12]

    with pytest.raises(DataError, match=f"run.json: expected sha256 .*, got {got}"):
        without_digest(changed, Path("run.json"))


def test_what_a_killed_process_left_behind_is_removed_by_the_next_that_writes_there(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, dead = (f".x.json.{platform.node()}-{pid}." for pid in (os.getpid(), ended.pid))
    kept = [f"{mine}a.json", ".x.json.elsewhere-1.a.json", ".y.json.a"]
    (tmp_path / f"{dead}folder").mkdir()
    for name in (f"{dead}a.json", *kept):
        (tmp_path / name).touch()

    write_bytes(tmp_path / "x.json", b"{}")

    assert {path.name for path in tmp_path.iterdir()} == {"x.json", *kept}
