from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from amn.data.index import reader
from amn.data.index.build import build_index
from amn.data.index.layers import load_faiss, one_thread
from amn.data.index.reader import open_index, read_index_manifest
from amn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.dataset import DataSet


def test_a_missing_index_is_refused_with_the_command_that_builds_it(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    message = f"{path}: expected an index, found none. Fix: amn index build {tmp_path}"

    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        open_index(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused_with_its_name_and_size(dataset: DataSet, share: float) -> None:
    path = build_index(dataset, "flat")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    size = f"{int(share * len(whole)):,} bytes"
    expected = f"{path}: expected a whole FAISS index, got {size} that faiss cannot read"
    with pytest.raises(DataError, match=f"^{re.escape(expected)}"):
        open_index(path)


def test_a_truncated_file_is_refused_even_when_the_record_was_made_for_it(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build_index(dataset, "flat")
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(reader, "is_as_recorded", lambda path: path.exists())

    with pytest.raises(DataError, match=r"got 1,000 bytes that faiss cannot read \("):
        open_index(path)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "faiss was killed by SIGSEGV"),
        ("import time; time.sleep(60)", "no answer within 0.5 s"),
        ("raise SystemExit(7)", "exit status 7"),
    ],
)
def test_a_file_that_crashes_or_hangs_faiss_is_refused_from_outside(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    path = build_index(dataset, "flat")
    path.write_bytes(path.read_bytes() + b"!")
    monkeypatch.setattr(reader, "PROBE", code)

    with pytest.raises(DataError, match=re.escape(f"({reason})")):
        open_index(path, timeout_s=0.5 if "sleep" in code else 60)


def test_a_file_as_recorded_needs_no_child_process(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build_index(dataset, "flat")
    monkeypatch.setattr(sys, "executable", "/nonexistent")

    assert open_index(path).rows == 700


def test_bytes_after_the_index_are_counted(dataset: DataSet) -> None:
    path = build_index(dataset, "flat")
    path.write_bytes(path.read_bytes() + b"garbage")

    assert open_index(path).unread_bytes == 7


def test_an_index_of_a_type_that_cannot_be_compared_is_refused_by_name(dataset: DataSet) -> None:
    faiss = load_faiss()
    path = build_index(dataset, "flat")
    faiss.write_index(faiss.index_factory(16, "LSH"), str(path))

    with pytest.raises(DataError, match=r"expected an index over .*, got IndexLSH$"):
        open_index(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON, got "),
        ('{"schema": 1}', "got kind: expected a value, found none; factory: "),
        ('{"schema": 2}', "schema: expected 1"),
    ],
)
def test_a_broken_record_is_refused_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "index.json").write_text(text)

    with pytest.raises(DataError, match=re.escape(message)) as caught:
        read_index_manifest(tmp_path)
    assert caught.value.path == tmp_path / "index.json"


def test_a_missing_record_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found none\. Fix: amn index build "):
        read_index_manifest(tmp_path)


def test_an_index_that_was_moved_without_its_record_still_opens(
    dataset: DataSet, tmp_path: Path
) -> None:
    path = build_index(dataset, "sq8")
    moved = tmp_path / "moved.faiss"
    shutil.copy(path, moved)

    assert open_index(moved).rows == 700


def test_the_number_of_threads_is_restored_after_an_error() -> None:
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()

    def fail() -> None:
        with one_thread(faiss):
            assert faiss.omp_get_max_threads() == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert faiss.omp_get_max_threads() == before
