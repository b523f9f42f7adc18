"""The seal of a file: a digest that is checked at more than twice the speed of its sha256.

It is the BLAKE3 (O'Connor et al. 2020, https://github.com/BLAKE3-team/BLAKE3-specs) of the file's
bytes followed by the 32 bytes of their sha256, so that it holds for these bytes under this sha256
alone. Where it does not hold, for instance because another program changed file and sha256, the
sha256 is computed and decides.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from blake3 import blake3

from amn.data.manifest import FileEntry
from amn.storage import BLOCK_BYTES, sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer


def seal_file(path: Path, rows: int) -> FileEntry:
    """Return the entry of a file for dataset.json, with sha256 and seal."""
    digest, seal = hashlib.sha256(), blake3()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            seal.update(block)
    seal.update(digest.digest())
    return FileEntry(path=path.name, rows=rows, sha256=digest.hexdigest(), seal=seal.hexdigest())


class FileDigest:
    """Takes the bytes of a file in order, and tells their sha256.

    Args:
        path: The file, read once more if its seal does not hold.
        entry: What the manifest declares of it.
    """

    def __init__(self, path: Path, entry: FileEntry) -> None:
        self._path = path
        self._entry = entry
        self._hash = hashlib.sha256() if entry.seal is None else blake3()

    def update(self, data: ReadableBuffer) -> None:
        """Take the next bytes."""
        self._hash.update(data)

    def sha256(self) -> str:
        """Return the sha256 of the bytes taken, in hex; call it once, at the end."""
        if self._entry.seal is None:
            return self._hash.hexdigest()
        self._hash.update(bytes.fromhex(self._entry.sha256))
        holds = self._hash.hexdigest() == self._entry.seal
        return self._entry.sha256 if holds else sha256_file(self._path)


def digest_file(path: Path, entry: FileEntry) -> str:
    """Return the sha256 of a file, in hex, by its seal where that holds."""
    digest = FileDigest(path, entry)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.sha256()
