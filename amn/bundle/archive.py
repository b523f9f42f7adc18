"""A zip with the sha256 of every member: the same bytes for the same content, read with suspicion.

```
bundle.json      schema, what it was made with, {path: {bytes, sha256}} of all other members
...              members, sorted by path, stored, dated 1980: equal content gives an equal file
```
"""

from __future__ import annotations

import json
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from amn.errors import DataError
from amn.storage import atomic_path, sha256_file, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
MANIFEST = "bundle.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
MOST_BYTES = 1 << 30  # of one member: far more than the cosines of a million windows
# What zipfile raises on damaged bytes.
DAMAGED = (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError)


def write_archive(path: Path, members: Mapping[str, bytes], about: Mapping[str, Any]) -> str:
    """Write a bundle atomically and return its sha256.

    Args:
        members: Content by path, relative, with `/`.
        about: What bundle.json says besides schema and files: plain JSON.
    """
    files = {
        name: {"bytes": len(members[name]), "sha256": sha256_of(members[name])}
        for name in sorted(members)
    }
    manifest = json.dumps(
        {"schema": SCHEMA, **about, "files": files}, indent=1, sort_keys=True, allow_nan=False
    )
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in [(MANIFEST, manifest.encode()), *sorted(members.items())]:
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system = 3  # Unix, on every system
                archive.writestr(info, content)
        return sha256_file(temporary)


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what bundle.json says, and every member.

    Raises:
        DataError: If it is no bundle, a member is not what bundle.json says, or a name leads out of
            the folder that it would be unpacked in.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if names.count(MANIFEST) != 1:
                raise DataError(path, f"expected one {MANIFEST}, found {names.count(MANIFEST)}")
            about = _manifest(path, _content(path, archive, MANIFEST))
            files = about["files"]
            others = sorted(name for name in names if name != MANIFEST)
            if others != sorted(files):
                odd = sorted(set(others) ^ set(files)) or [n for n in others if names.count(n) > 1]
                raise DataError(path, f"expected the files of {MANIFEST}, got other: {odd[0]}")
            for name in others:
                if not _is_inside(name):
                    raise DataError(path, f"expected names inside the bundle, got {name!r}")
            members = {name: _content(path, archive, name) for name in others}
    except FileNotFoundError as error:
        raise DataError(path, "expected a bundle, found none. Fix: amn gate --bundle") from error
    except DAMAGED as error:
        raise DataError(path, f"expected a bundle of amn gate --bundle, got: {error}") from error
    for name, content in members.items():
        said, got = files[name]["sha256"], sha256_of(content)
        if said != got:
            raise DataError(
                path, f"{name}: expected sha256 {str(said)[:12]}…, got {got[:12]}…: it was changed"
            )
    return about, members


def _content(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one member; its CRC is checked by zipfile."""
    info = archive.getinfo(name)
    if info.file_size > MOST_BYTES:
        raise DataError(
            path, f"{name}: expected at most {MOST_BYTES:,} bytes, got {info.file_size:,}"
        )
    with archive.open(info) as member:
        return member.read(MOST_BYTES)


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    """Return bundle.json, whose `files` has the digest of every member."""
    try:
        about = json.loads(content)
    except (ValueError, RecursionError) as error:
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


def _is_inside(name: str) -> bool:
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
