from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from amn.data.manifest import FileEntry
from amn.data.vectors import FileDigest, digest_file, seal_file

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"vectors of a data set"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vectors-00000.npy"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test that reads a file for its sha256."""
    monkeypatch.setattr(
        "amn.data.vectors.sha256_file", lambda _: pytest.fail("computed the sha256")
    )


def test_the_seal_is_the_blake3_of_the_bytes_followed_by_their_sha256(file: Path) -> None:
    entry = seal_file(file, 7)

    expected = blake3(CONTENT + bytes.fromhex(SHA256)).hexdigest()
    assert entry == FileEntry(path=file.name, rows=7, sha256=SHA256, seal=expected)


def test_the_seal_of_known_bytes_never_changes(file: Path) -> None:
    assert seal_file(file, 7).seal == (
        "11a71ab96e2b31263a286d06619114f04274cf12c31e5ab95bd81aa00dc33f39"
    )


@pytest.mark.usefixtures("unread")
def test_a_seal_that_holds_gives_the_sha256_without_computing_it(file: Path) -> None:
    assert digest_file(file, seal_file(file, 7)) == SHA256


@pytest.mark.usefixtures("unread")
def test_a_file_without_a_seal_is_read_once(file: Path) -> None:
    entry = FileEntry(path=file.name, rows=7, sha256="0" * 64)

    assert digest_file(file, entry) == SHA256


@given(position=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_shows_in_the_sha256(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "vectors-00000.npy"
    path.write_bytes(CONTENT)
    entry = seal_file(path, 7)
    changed = bytearray(CONTENT)
    changed[position] ^= 1 << bit
    path.write_bytes(changed)

    assert digest_file(path, entry) == hashlib.sha256(changed).hexdigest() != SHA256


def test_a_declared_sha256_that_was_changed_is_not_believed_for_its_seal(file: Path) -> None:
    entry = seal_file(file, 7).model_copy(update={"sha256": "0" * 64})

    assert digest_file(file, entry) == SHA256


def test_a_file_that_another_program_signed_by_sha256_alone_has_that_sha256(file: Path) -> None:
    before = seal_file(file, 7)
    file.write_bytes(b"other vectors")
    digest = hashlib.sha256(b"other vectors").hexdigest()

    assert digest_file(file, before.model_copy(update={"sha256": digest})) == digest


@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5))
def test_bytes_that_come_in_any_pieces_are_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "vectors-00000.npy"
    path.write_bytes(CONTENT)
    sealed = seal_file(path, 7)
    path.unlink()  # so that nothing but the pieces can be looked at
    bounds = [0, *sorted(cuts), len(CONTENT)]

    for entry in (sealed, sealed.model_copy(update={"seal": None})):
        digest = FileDigest(path, entry)
        for first, last in pairwise(bounds):
            digest.update(CONTENT[first:last])
        assert digest.sha256() == SHA256
