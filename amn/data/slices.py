"""Slices: some windows of a split, by what the chunk table says of their targets.

N windows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amn.data.chunk_table import kinds_by_title
from amn.data.ids import IdSet
from amn.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.windows import Windows

ARTICLES, KIND = "articles", "kind"
NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = re.compile(rf"({NUMBER})(?:-({NUMBER}))?")


def in_slice(windows: Windows, column: str, wanted: str) -> NDArray[np.bool_]:
    """Tell which windows are in a slice: (N,) bool.

    Args:
        column: Of the chunk table, read in the row of each target; `articles` is their ids, and
            without a column `kind` is what titles tell: `list`, `disambiguation` or `article`.
        wanted: Its value; of numbers one, or the ends of a range, both inside: `200-400`. Of
            articles ids and ranges: `11001-15192`.

    Raises:
        DataError: If there is no such column, or the value is none of its kind.
    """
    dataset = windows.dataset
    try:
        if column == ARTICLES:
            return IdSet.of(wanted).holds(dataset.articles)[windows.codes]
        values = _column(windows, column)
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            return _in_range(values, wanted)
        texts = values.cast(pa.string()).to_numpy(zero_copy_only=False)
        return np.asarray(texts == wanted, np.bool_)
    except ArgumentError as error:
        raise DataError(dataset.path, f"slice {column} = {wanted!r}: {error}") from error


def _column(windows: Windows, name: str) -> pa.Array[Any]:
    """Return a column in the rows of the targets: (N,).

    Raises:
        ArgumentError: If there is none.
    """
    dataset = windows.dataset
    found = dataset.column(name)
    if found is not None:
        return found.take(windows.targets).combine_chunks()
    titles = dataset.column("title") if name == KIND else None
    if titles is None:
        known = ", ".join((ARTICLES, *dataset.columns))
        raise ArgumentError(f"expected a column among {known}, got none of that name")
    kinds = kinds_by_title(titles.take(windows.targets).to_pylist())
    return pa.array([kind or "article" for kind in kinds], pa.string())


def _in_range(values: pa.Array[Any], wanted: str) -> NDArray[np.bool_]:
    """Tell which numbers are in a range, both ends inside."""
    match = RANGE.fullmatch(wanted)
    low = float(match[1]) if match else np.nan
    high = float(match[2]) if match and match[2] else low
    if not low <= high:
        raise ArgumentError(f"expected a number or a range such as 200-400, got {wanted!r}")
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray((numbers >= low) & (numbers <= high), np.bool_)
