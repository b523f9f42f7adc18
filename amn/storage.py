"""Files that are written whole or not at all, and the digests that prove it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import tomllib
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

BLOCK_BYTES = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
# What zipfile raises on damaged bytes; RuntimeError: encrypted, or packed in a way it lacks.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def sha256_of(data: ReadableBuffer) -> str:
    """Return the sha256 of a buffer, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file, in hex, reading it in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def canonical_json(value: object) -> bytes:
    """Return JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def with_digest(content: dict[str, Any]) -> dict[str, Any]:
    """Return a document that carries the sha256 of what else it says, under `sha256`."""
    return {**content, "sha256": sha256_of(canonical_json(content))}


def without_digest(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return what a document says beside its own digest, which has to be right.

    Raises:
        DataError: If it says something else than when it was written.
        KeyError: If it carries no digest.
    """
    content = {key: value for key, value in document.items() if key != "sha256"}
    got, stated = sha256_of(canonical_json(content)), str(document["sha256"])
    if got != stated:
        raise DataError(path, f"expected sha256 {stated[:12]}… of its content, got {got[:12]}…")
    return content


def finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with every number that JSON cannot hold replaced by null."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_json(content: str | bytes) -> Any:  # noqa: ANN401 - whatever it says
    """Return what JSON says.

    Raises:
        ValueError: If it is no JSON, no UTF-8, nested too deeply, or has a number of too many
            digits: all that a file of somebody else can hold.
    """
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise  # they say where
    except (RecursionError, ValueError) as error:
        raise ValueError(_too_much(error)) from error


def parse_toml(content: str) -> dict[str, Any]:
    """Return what TOML says.

    Raises:
        ValueError: As `parse_json`.
    """
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError:
        raise  # it says where
    except (RecursionError, ValueError) as error:
        raise ValueError(_too_much(error)) from error


def _too_much(error: Exception) -> str:
    """Return what a parser could not take, in place of its advice to change the interpreter."""
    is_deep = isinstance(error, RecursionError)
    return "nesting that is too deep" if is_deep else "a number of too many digits"


def stored_member(name: str, n_bytes: int = 0) -> zipfile.ZipInfo:
    """Header of a zip's member that depends on nothing but these: equal content, equal bytes.

    Stored, not compressed: zlib's versions differ in their output.

    Args:
        n_bytes: Its size where it is written in blocks: over 4 GiB the header is another.
    """
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, on every system
    info.file_size = n_bytes
    return info


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it only when the block ends well.

    An exception, an interrupt or a full disk leaves `path` as it was and removes the temporary.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes files that only their owner can read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place only when the block ends well.

    Raises:
        FileExistsError: If `path` exists: a folder is never overwritten.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Write readable JSON atomically; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=False, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())
