"""A file of ids beside vectors that come without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from amn.data.imports.archive import open_archive
from amn.data.imports.keys import as_table
from amn.data.imports.tables import OPENERS, read_columns
from amn.errors import ArgumentError, DataError
from amn.storage import parse_json, read_whole

if TYPE_CHECKING:
    from pathlib import Path

    from amn.data.imports.keys import Keys

SUFFIXES = (*(suffix for suffix in OPENERS if suffix), ".json", ".npz")


def read_ids(path: Path, scratch: Path, keys: Keys) -> tuple[pa.Table, tuple[str, ...]]:
    """Read the columns of a file of ids that may be needed, and the names of all.

    JSON is a list of ids, a list of rows, or columns by name.

    Raises:
        ArgumentError: If the file is of another kind.
        DataError: If it is missing or broken.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ArgumentError(f"{path}: expected ids in {', '.join(SUFFIXES)}, got {suffix!r}")
    if not path.is_file():
        raise DataError(path, "expected a file of ids, found none. Fix: --ids with its path")
    if not path.stat().st_size:
        raise DataError(path, "expected a file of ids, got an empty one. Fix: write it again")
    if suffix == ".npz":
        with open_archive(path, scratch) as archive:
            columns = {n: archive.read(n) for n in archive.members if n in keys.wanted}
            return as_table(path, columns), tuple(archive.members)
    if suffix == ".json":
        table = _of_json(path)
        wanted = [name for name in table.column_names if name in keys.wanted]
        return table.select(wanted), tuple(table.column_names)
    return read_columns(path, keys)


def _of_json(path: Path) -> pa.Table:
    """Return the table that a JSON file holds."""
    fix = 'write ["id", ...], [{"article_id": ..., "chunk_index": ...}, ...] or lists by name'
    try:
        found = parse_json(read_whole(path))
        if isinstance(found, dict):
            return pa.table({name: v for name, v in found.items() if isinstance(v, list)})
        if isinstance(found, list) and all(isinstance(row, dict) for row in found):
            return pa.Table.from_pylist(found)
        if isinstance(found, list):
            return pa.table({"article_id": pa.array(found)})
    except (ValueError, pa.ArrowException, OverflowError) as error:
        raise DataError(path, f"expected ids in JSON, got: {error}. Fix: {fix}") from error
    raise DataError(path, f"expected ids in JSON, got {type(found).__name__}. Fix: {fix}")
