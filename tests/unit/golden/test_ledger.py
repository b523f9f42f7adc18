"""The chain of a ledger holds, and every way to break it is found at its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.errors import GoldenError
from amn.golden.ledger import LEDGER_FILE, Acceptance, extended, inspect_ledger, read_ledger
from amn.golden.schema import Golden
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.golden.schema import GoldenRecord
    from amn.golden.table import Table

N = 4
DIGEST = "d" * 64


@pytest.fixture
def content(
    tmp_path: Path, build_record: Callable[..., GoldenRecord], splits: dict[str, Table]
) -> bytes:
    """A ledger of four entries."""
    folder = tmp_path / "wiki-mini"
    folder.mkdir()
    for number in range(N):
        golden = Golden(build_record(splits, reason=f"reason {number}"), splits)
        new = extended(folder, golden, Acceptance(), golden_digest=DIGEST)
        (folder / LEDGER_FILE).write_bytes(new)
    return (folder / LEDGER_FILE).read_bytes()


def rehashed(line: bytes, **changes: Any) -> bytes:
    """Return a line with changes and the hash that goes with them: what a careful forger writes."""
    bare = {k: v for k, v in {**json.loads(line), **changes}.items() if k != "hash"}
    return canonical_json({**bare, "hash": sha256_of(canonical_json(bare))})


def test_what_was_accepted_is_read_back_in_order(content: bytes) -> None:
    ledger = inspect_ledger(content)

    assert ledger.problems == ()
    assert [entry.reason for entry in ledger.entries] == [f"reason {n}" for n in range(N)]
    assert ledger.entries[0].previous is None
    assert [e.previous for e in ledger.entries[1:]] == [e.hash for e in ledger.entries[:-1]]


def test_an_entry_holds_what_the_golden_says(
    content: bytes, build_record: Callable[..., GoldenRecord], splits: dict[str, Table]
) -> None:
    entry, record = inspect_ledger(content).entries[0], build_record(splits)

    assert entry.metrics["ood"].mean == record.metrics["ood"].mean
    assert entry.digests.golden == DIGEST
    assert entry.digests.table == record.digests.table
    assert entry.digests.cosines is None
    assert (entry.margin, entry.alpha, entry.seeds) == (0.01, 0.05, record.seeds)


def test_new_entries_leave_the_old_lines_as_they_were(
    content: bytes, tmp_path: Path, build_record: Any, splits: Any
) -> None:
    folder = tmp_path / "wiki-mini"

    golden = Golden(build_record(splits), splits)
    assert extended(folder, golden, Acceptance(), golden_digest=DIGEST).startswith(content)


FORGERIES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "a reason is edited": (
        lambda lines: [lines[0], lines[1].replace(b"reason 1", b"reason X"), *lines[2:]],
        2,
        "the entry was edited",
    ),
    "a reason is edited and its hash is made anew": (
        lambda lines: [lines[0], rehashed(lines[1], reason="X"), *lines[2:]],
        3,
        "an entry before it was changed or deleted",
    ),
    "the first entry is deleted": (
        lambda lines: lines[1:],
        1,
        "expected entry 0, got 1",
    ),
    "an entry in the middle is deleted": (
        lambda lines: [*lines[:1], *lines[2:]],
        2,
        "expected entry 1, got 2",
    ),
    "an entry is deleted and the others are numbered anew": (
        lambda lines: [lines[0], rehashed(lines[2], number=1), *lines[3:]],
        2,
        "expected previous",
    ),
    "two entries change places": (
        lambda lines: [lines[0], lines[2], lines[1], lines[3]],
        2,
        "expected entry 1, got 2",
    ),
    "an entry is written twice": (
        lambda lines: [*lines, lines[-1]],
        5,
        "expected entry 4, got 3",
    ),
    "a line gets spaces": (
        lambda lines: [lines[0].replace(b",", b", ", 1), *lines[1:]],
        1,
        "expected canonical JSON",
    ),
    "a line is no JSON": (lambda lines: [b"{", *lines[1:]], 1, "expected JSON"),
    "a line is a list": (lambda lines: [b"[]", *lines[1:]], 1, "expected an entry, got list"),
    "a line is empty": (lambda lines: [b"", *lines], 1, "expected JSON"),
    "a value is NaN": (
        lambda lines: [lines[0].replace(b'"alpha":0.05', b'"alpha":NaN'), *lines[1:]],
        1,
        "expected finite numbers",
    ),
    "a key is unknown": (
        lambda lines: [rehashed(lines[0], colour="red")],
        1,
        "colour: expected no such key",
    ),
    "a reason is empty": (lambda lines: [rehashed(lines[0], reason=" ")], 1, "reason:"),
    "an entry is of another case": (
        lambda lines: [*lines[:3], rehashed(lines[3], case="other")],
        4,
        "stale entry: expected case 'wiki-mini', got 'other'",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found_at_its_line(content: bytes, name: str) -> None:
    forge, line, message = FORGERIES[name]
    forged = b"".join(line + b"\n" for line in forge(content.splitlines()))
    first = inspect_ledger(forged).problems[0]

    assert (first.line, message in first.message) == (line, True), first


def test_a_file_that_was_cut_off_is_found(content: bytes) -> None:
    assert "cut off" in inspect_ledger(content[:-10]).problems[0].message


def test_an_empty_file_is_no_ledger() -> None:
    assert "expected at least one entry" in inspect_ledger(b"").problems[0].message


@settings(max_examples=60)
@given(data=st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    bare = {"number": 0, "previous": None, "reason": "first", "mean": 0.61}
    line = canonical_json({**bare, "hash": sha256_of(canonical_json(bare))}) + b"\n"
    at = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[at]))
    forged = line[:at] + bytes([byte]) + line[at + 1 :]
    sound = {p.message for p in inspect_ledger(line).problems}  # this short entry lacks fields

    assert {p.message for p in inspect_ledger(forged).problems} != sound


def test_a_broken_ledger_is_not_extended(
    content: bytes, tmp_path: Path, build_record: Any, splits: Any
) -> None:
    folder = tmp_path / "wiki-mini"
    forged = content.replace(b"reason 1", b"reason X")
    (folder / LEDGER_FILE).write_bytes(forged)

    golden = Golden(build_record(splits), splits)
    with pytest.raises(GoldenError, match=r"line 2: expected hash .* Fix: git checkout"):
        extended(folder, golden, Acceptance(), golden_digest=DIGEST)
    assert (folder / LEDGER_FILE).read_bytes() == forged


def test_no_file_is_no_entries(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == ()
