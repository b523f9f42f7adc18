"""Files that are written whole or not at all, and the digests that prove it."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import math
import os
import platform
import shlex
import shutil
import stat
import tempfile
import tomllib
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import ReadableBuffer


BLOCK_BYTES = 1 << 20
# Of a document that is read into memory: a million ids of 60 characters.
MOST_BYTES = 1 << 26
# deflate reaches 1032:1 (zlib's documentation) where all is one byte; numbers stay far below this.
MOST_RATIO = 100
POINTER = b"version https://git-lfs"
MOST_FOUND_BYTES = 1 << 28  # of a golden's table: half a million articles
MOST_POINTER_BYTES = 1024
LFS = "expected the file itself, got a Git LFS pointer. Fix: git lfs pull"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
# What zipfile raises on damaged bytes; RuntimeError: encrypted, or packed in a way it lacks.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def regular(path: Path, inside: Path | None = None) -> Path:
    """Return a path that leads to a regular file, and nowhere else.

    Args:
        inside: Folder that no link may lead out of.

    Raises:
        OSError: If nothing is there, or a folder.
        DataError: If it is a FIFO or a device, a link that leads out, or stands for a file in Git
            LFS.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        kind = "a FIFO" if stat.S_ISFIFO(found.st_mode) else "a device or a socket"
        raise DataError(path, f"expected a file, got {kind}. Fix: put the file there")
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        raise DataError(
            path,
            f"expected a file inside {inside.name}/, got a link that leads out of it. Fix: copy "
            "the file there",
        )
    if found.st_size <= MOST_POINTER_BYTES and path.read_bytes().startswith(POINTER):
        raise DataError(path, LFS)
    return path


def read_whole(path: Path, inside: Path | None = None, most: int = MOST_BYTES) -> bytes:
    """Return what a regular file holds.

    Args:
        inside: Folder that no link may lead out of.
        most: Bytes that are read at most.

    Raises:
        OSError: As `regular`.
        DataError: As `regular`, or if it is larger.
    """
    size = regular(path, inside).stat().st_size
    if size > most:
        raise DataError(
            path, f"expected at most {most:,} bytes, got {size:,}. Fix: bring the file itself"
        )
    return path.read_bytes()


def found_file(path: Path) -> bytes | None:
    """Return what a regular file holds, as it is; None where there is none, or one too large."""
    try:
        is_fit = path.is_file() and path.stat().st_size <= MOST_FOUND_BYTES
        return path.read_bytes() if is_fit else None
    except OSError:  # a loop of links, or nobody may read it
        return None


def require_no_bomb(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise DataError where a few bytes of a zip would be unpacked into very many."""
    for info in archive.infolist():
        is_large = info.file_size > MOST_BYTES
        if is_large and info.file_size > MOST_RATIO * info.compress_size:
            raise DataError(
                path,
                f"{info.filename}: expected at most {MOST_RATIO} bytes for each that is stored, "
                f"got {info.file_size:,} for {info.compress_size:,}. Fix: write it again",
            )


def sha256_of(data: ReadableBuffer) -> str:
    """Return the sha256 of a buffer, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file, in hex, reading it in blocks."""
    digest = hashlib.sha256()
    with regular(path).open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def as_committed(content: bytes) -> bytes:
    """Return a text with the ends of lines that git stores: `core.autocrlf` may have changed them.

    What has a zero byte is no text to git, and stays as it is.
    """
    return content if b"\0" in content else content.replace(b"\r\n", b"\n")


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
        ValueError: If it is no JSON, no UTF-8, nested too deeply, has a key twice, or a number of
            too many digits: all that a file of somebody else can hold.
    """
    try:
        return json.loads(content, object_pairs_hook=_each_once)
    except (json.JSONDecodeError, UnicodeDecodeError, _DoubleKeyError):
        raise  # they say where
    except (RecursionError, ValueError) as error:
        raise ValueError(_too_much(error)) from error


class _DoubleKeyError(ValueError):
    """A key stands twice in one table: which value is meant, nobody can tell."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a table of JSON whose keys are each there once."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _DoubleKeyError(f"the key {double!r} twice in one table")
    return table


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


def beside(path: Path) -> str:
    """Return how names of temporaries beside `path` begin; those of dead processes are removed.

    The name has the machine and the process, so that what another one writes is left alone.
    """
    here = f".{path.name}.{platform.node()}-"
    for stale in path.parent.glob(f"{glob.escape(here)}*"):
        pid = stale.name.removeprefix(here).partition(".")[0]
        if os.name == "posix" and pid.isdecimal() and not _is_alive(int(pid)):
            if stale.is_dir() and not stale.is_symlink():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
    return f"{here}{os.getpid()}."


def _is_alive(pid: int) -> bool:
    """Tell whether a process of this machine runs, whoever owns it."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it only when the block ends well.

    An exception, an interrupt or a full disk leaves `path` as it was and removes the temporary.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=beside(path), suffix=path.suffix)
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


def make_cache(folder: Path) -> None:
    """Make a folder of results, unless it is there; git leaves it alone, as it names itself.

    Results of a change that are committed with it would be results that nobody has to trust.
    """
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / ".gitignore", b"*\n")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place only when the block ends well.

    Raises:
        FileExistsError: If `path` exists: a folder is never overwritten.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=beside(path)))
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


Content = bytes | Path  # of a member, or the file that has it
SCHEMA = 1
MANIFEST = "bundle.json"


def write_archive(path: Path, members: Mapping[str, Content], about: Mapping[str, Any]) -> str:
    """Write a bundle atomically and return its sha256.

    Args:
        members: Content by path, relative, with `/`; a file is read in blocks.
        about: What bundle.json says besides schema and files: plain JSON.

    Raises:
        DataError: If a file changes meanwhile.
    """
    files = {name: _describe(members[name]) for name in sorted(members)}
    manifest = json.dumps(
        {"schema": SCHEMA, **about, "files": files}, indent=1, sort_keys=True, allow_nan=False
    )
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in [(MANIFEST, manifest.encode()), *sorted(members.items())]:
                if isinstance(content, bytes):
                    archive.writestr(stored_member(name), content)
                    continue
                info = stored_member(name, files[name]["bytes"])
                with content.open("rb") as source, archive.open(info, "w") as target:
                    digest = _copy(source, target)
                if digest != files[name]["sha256"]:
                    raise DataError(content, "expected a file that rests, got one that changes")
        return sha256_file(temporary)


def unpack_archive(path: Path, folder: Path) -> dict[str, Any]:
    """Write every member into an empty folder and return what bundle.json says.

    Nothing is compressed in a bundle, so what is unpacked is no larger than the file.

    Raises:
        DataError: If it is no bundle, a member is not what bundle.json says, is compressed, or has
            a name that leads out of the folder.
    """
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            names = [info.filename for info in archive.infolist()]
            if names.count(MANIFEST) != 1:
                raise DataError(path, f"expected one {MANIFEST}, found {names.count(MANIFEST)}")
            _require_stored(path, archive.infolist())
            if infos[MANIFEST].file_size > MOST_BYTES:
                raise DataError(
                    path,
                    f"{MANIFEST}: expected at most {MOST_BYTES:,} bytes, "
                    f"got {infos[MANIFEST].file_size:,}",
                )
            about = _manifest(path, archive.read(MANIFEST))
            files = about["files"]
            others = sorted(name for name in names if name != MANIFEST)
            if others != sorted(files):
                odd = sorted(set(others) ^ set(files)) or [n for n in others if names.count(n) > 1]
                raise DataError(path, f"expected the files of {MANIFEST}, got other: {odd[0]}")
            for name in others:
                if not is_inside(name):
                    raise DataError(path, f"expected names inside the bundle, got {name!r}")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(infos[name]) as source, target.open("xb") as file:
                    got, said = _copy(source, file), files[name]["sha256"]
                if said != got:
                    raise DataError(
                        path,
                        f"{name}: expected sha256 {str(said)[:12]}…, got {got[:12]}…: "
                        "it was changed",
                    )
    except FileNotFoundError as error:
        fix = f"amn gate --bundle {shlex.quote(str(path))}"
        raise DataError(path, f"expected a bundle, found none. Fix: {fix}") from error
    except ZIP_ERRORS as error:
        raise DataError(path, f"expected a bundle of amn gate --bundle, got: {error}") from error
    return about


def _describe(content: Content) -> dict[str, Any]:
    """Return the size of a member and its digest."""
    if isinstance(content, bytes):
        return {"bytes": len(content), "sha256": sha256_of(content)}
    return {"bytes": content.stat().st_size, "sha256": sha256_file(content)}


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a stream in blocks and return the sha256 of what went over."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def _require_stored(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    """Raise DataError where a few bytes would be unpacked into many."""
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise DataError(path, f"{info.filename}: expected a member as it is, got a packed one")
    unpacked, size = sum(info.file_size for info in infos), path.stat().st_size
    if unpacked > size:  # members that share their bytes
        raise DataError(path, f"expected at most {size:,} bytes in it, got {unpacked:,}")


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    """Return bundle.json, whose `files` has the digest of every member."""
    try:
        about = parse_json(content)
    except ValueError as error:
        raise DataError(path, f"{MANIFEST}: expected JSON, got: {error}") from error
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        raise DataError(path, f"{MANIFEST}: expected schema {SCHEMA}, got something else")
    files = about.get("files")
    is_listed = isinstance(files, dict) and all(
        isinstance(one, dict) and isinstance(one.get("sha256"), str) for one in files.values()
    )
    if not is_listed:
        raise DataError(path, f"{MANIFEST}: expected the digest of every file, got something else")
    return about


def is_inside(name: str) -> bool:
    """Tell whether a name stays inside: relative, no `..`, no backslash, no drive, no folder."""
    parts = PurePosixPath(name).parts
    is_plain = not any(character in name for character in "\\:\0")
    return (
        bool(parts)
        and is_plain
        and name == "/".join(parts)
        and ".." not in parts
        and name[0] != "/"
    )
