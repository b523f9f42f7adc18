"""A zip with the sha256 of every member: the same bytes for the same content, read with suspicion.

```
bundle.json      schema, what it was made with, {path: {bytes, sha256}} of all other members
...              members, sorted by path, stored, dated 1980: equal content gives an equal file
```
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from amn.errors import DataError
from amn.storage import (
    BLOCK_BYTES,
    ZIP_ERRORS,
    atomic_path,
    parse_json,
    sha256_file,
    sha256_of,
    stored_member,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Content = bytes | Path  # of a member, or the file that has it
SCHEMA = 1
MANIFEST = "bundle.json"
MOST_MANIFEST_BYTES = 1 << 26  # the one member that is read into memory


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
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            names = [info.filename for info in archive.infolist()]
            if names.count(MANIFEST) != 1:
                raise DataError(path, f"expected one {MANIFEST}, found {names.count(MANIFEST)}")
            _require_stored(path, archive.infolist())
            if infos[MANIFEST].file_size > MOST_MANIFEST_BYTES:
                raise DataError(
                    path,
                    f"{MANIFEST}: expected at most {MOST_MANIFEST_BYTES:,} bytes, "
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
        raise DataError(path, "expected a bundle, found none. Fix: amn gate --bundle") from error
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
