"""The article and place of every row: from columns, from a file beside the vectors, or as said.

Nothing is guessed: what no column tells has to be said by an option, and is said in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amn.data.dataset import run_starts
from amn.data.ids import as_ids
from amn.data.writer import Chunks
from amn.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.ids import Ids

    Column = pa.ChunkedArray[Any] | pa.Array[Any]
    Extra = dict[str, pa.Array[Any] | pa.ChunkedArray[Any]]

ARTICLE_NAMES = ("article_id", "article_ids", "article_index", "article_indices", "articles")
CHUNK_NAMES = ("chunk_index", "chunk_indices", "chunk_id", "chunk_ids", "chunks")
# Columns that are kept when they are there: for people, and for what divides articles.
ABOUT = ("kind", "language", "source", "domain", "subset", "category", "split")
DATES = ("date", "published", "created", "year", "timestamp")
CARRIED = ("title", "n_chars", "text", *ABOUT, *DATES)
ISO_DATE = r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ].*)?)?$"  # such text is in the order of time


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a person says about the article and place of rows; each is an option of the import.

    Attributes:
        ids: A file of ids, a row for each vector.
        article_column: Column that names the article, where it has no usual name.
        order_column: Column that orders the rows of an article: whole numbers are places as they
            stand, holes too; of dates and other numbers the ranks are.
        rows_in_order: Rows of an article stand in the order of its text.
        one_article: All rows are one article, in the order of the file.
        border_column: An article ends where the value of this column changes; rows are in order.
        separator: Rows of zeros, or of NaN, end an article and are left out; rows are in order.
    """

    ids: Path | None = None
    article_column: str | None = None
    order_column: str | None = None
    rows_in_order: bool = False
    one_article: bool = False
    border_column: str | None = None
    separator: Literal["zero", "nan"] | None = None

    def __post_init__(self) -> None:
        ways = ("article_column", "one_article", "border_column", "separator")
        given = [way for way in ways if getattr(self, way)]
        if given and given != ["article_column"] and (self.order_column or self.rows_in_order):
            given.append("order_column" if self.order_column else "rows_in_order")
        if len(given) > 1:
            raise ArgumentError(f"{' and '.join(map(flag, given))}: expected one of them")
        if self.order_column and self.rows_in_order:
            raise ArgumentError("--order-column and --rows-in-order: expected one of them")

    @property
    def given(self) -> list[str]:
        """Flags of what was said."""
        return [flag(f.name) for f in fields(self) if getattr(self, f.name)]

    @property
    def needs_none(self) -> bool:
        """Whether articles are told without a column."""
        return self.one_article or self.separator is not None

    @property
    def wanted(self) -> frozenset[str]:
        """Columns that may be needed."""
        own = (self.article_column, self.order_column, self.border_column)
        named = (name for name in own if name)
        return frozenset((*ARTICLE_NAMES, *CHUNK_NAMES, *CARRIED, *named))


@dataclass(frozen=True)
class Placed:
    """Rows with their keys.

    Attributes:
        chunks: A row for each vector that is kept.
        said: How articles and places were told, where no usual column did.
        kept: Rows of the source that they are; None for all.
    """

    chunks: Chunks
    said: tuple[str, ...] = ()
    kept: NDArray[np.int64] | None = field(default=None, repr=False)


def _is_text(column: Column) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _is_coded(column: Column) -> bool:
    return bool(pa.types.is_dictionary(column.type))


def flag(name: str) -> str:
    """Return the option of the import that an argument is."""
    return f"--{name.replace('_', '-')}"


def first_of(names: Iterable[str], found: Iterable[str]) -> str | None:
    """Return the first of `names` that is among `found`, None when none is."""
    there = set(found)
    return next((name for name in names if name in there), None)


def as_table(path: Path, columns: dict[str, NDArray[np.generic]]) -> pa.Table:
    """Return arrays of one value a row as a table.

    Raises:
        DataError: If an array is not one value a row, or lengths differ.
    """
    for name, values in columns.items():
        if values.ndim != 1:
            raise DataError(
                path,
                f"{name}: expected one value a row, got shape {values.shape}. "
                f"Fix: save {name} with one number a row, or leave it out and say --ids FILE",
            )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            path,
            f"expected columns of one length, got {lengths}. Fix: save a value for each row",
        )
    return pa.table({name: pa.array(np.asarray(values)) for name, values in columns.items()})


def place(
    path: Path,
    table: pa.Table,
    keys: Keys,
    *,
    n_rows: int,
    names: Sequence[str] = (),
    documents: NDArray[np.int64] | None = None,
    separators: NDArray[np.bool_] | None = None,
) -> Placed:
    """Return the article and place of every row.

    Args:
        path: The file that the table is of, for messages.
        table: Its columns, a row for each vector.
        names: All columns of the file, where the table has only some: for the message.
        documents: (N,) ascending, the row of the file that each vector is in, where one row holds
            the vectors of a document.
        separators: (N,) whether a vector is a separator, where there are such.

    Raises:
        DataError: If a column is missing or holds what is no id or place.
    """
    extra: Extra = {name: table[name] for name in CARRIED if name in table.column_names}
    if keys.one_article:
        said = "one article, its rows in the order of the file"
        return Placed(_running(np.zeros(n_rows, np.int64), extra), (said,))
    if separators is not None:
        kept = np.flatnonzero(~separators)
        ids: Ids = np.cumsum(separators)[kept]
        extra = {name: column.take(kept) for name, column in extra.items()}
        said = f"{keys.separator} rows end articles, which are numbered; rows in the file's order"
        return Placed(_running(_numbered(ids), extra), (said,), kept)
    if keys.border_column:
        values = _column(path, table, keys.border_column, "--border-column", names)
        ids = _numbered(_coded(values))
        said = f"an article ends where {keys.border_column} changes; they are numbered"
        return Placed(_running(ids, extra), (said, "rows in the order of the file"))
    if documents is not None:
        return _documents(path, table, keys, documents, extra, names)
    article = keys.article_column or first_of(ARTICLE_NAMES, table.column_names)
    if article is None:
        fix = "--article-column NAME, --ids FILE, or --one-article"
        raise _missing(path, "article_id", names or table.column_names, fix)
    ids = article_ids(path, article, _column(path, table, article, "--article-column", names))
    by = (f"articles by {article}",) if keys.article_column else ()
    if keys.rows_in_order:
        return Placed(_running(ids, extra), (*by, "rows of an article in the order of the file"))
    order = keys.order_column or first_of(CHUNK_NAMES, table.column_names)
    if order is None:
        fix = "--order-column NAME, or --rows-in-order where rows follow each other as in the text"
        raise _missing(path, "chunk_index", names or table.column_names, fix)
    column = _column(path, table, order, "--order-column", names)
    places, ranked = _places(path, order, column, ids, is_said=keys.order_column is not None)
    if keys.order_column:
        by = (*by, f"places by {'ranks of ' if ranked else ''}{order}")
    return Placed(Chunks(article_ids=ids, chunk_index=places, extra=extra), by)


def _documents(
    path: Path,
    table: pa.Table,
    keys: Keys,
    documents: NDArray[np.int64],
    extra: Extra,
    names: Sequence[str],
) -> Placed:
    """Return keys where a row of the file is a document and holds its vectors in their order."""
    article = keys.article_column or first_of(ARTICLE_NAMES, table.column_names)
    if article is None:
        chunks = _running(documents, extra)
        return Placed(chunks, ("a row is an article with its vectors in order; they are numbered",))
    ids = article_ids(path, article, _column(path, table, article, "--article-column", names))
    starts = run_starts(documents)
    distinct, counts = np.unique(ids[starts], return_counts=True)
    if (counts > 1).any():
        raise DataError(
            path,
            f"{article}: expected each article in one row, got {distinct[counts > 1][0]!s} in "
            f"{counts.max()}. Fix: --article-column NAME of a column with a name for each row",
        )
    place = np.arange(len(documents)) - np.repeat(starts, np.diff(starts, append=len(documents)))
    chunks = Chunks(article_ids=ids, chunk_index=place.astype(np.int32), extra=extra)
    return Placed(chunks, (f"a row is an article, named by {article}, with its vectors in order",))


def _running(ids: Ids, extra: Extra) -> Chunks:
    """Return keys whose places count the rows of each article, in the order they stand in."""
    _, codes = np.unique(ids, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = run_starts(codes[order])
    places = np.empty(len(ids), np.int32)
    places[order] = np.arange(len(ids)) - np.repeat(starts, np.diff(starts, append=len(ids)))
    return Chunks(article_ids=ids, chunk_index=places, extra=extra)


def _numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    """Number the runs of equal values from 0: (n,)."""
    begins = np.zeros(len(values), np.int64)
    begins[run_starts(values)[1:]] = 1
    return np.cumsum(begins)


def _coded(column: pa.ChunkedArray[Any]) -> NDArray[np.int64]:
    """Return a number for each value of a column without nulls, equal where values are."""
    encoded: Any = column.cast(column.type.value_type) if _is_coded(column) else column
    encoded = encoded.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, np.int64)


def _column(
    path: Path, table: pa.Table, name: str, option: str, names: Sequence[str]
) -> pa.ChunkedArray[Any]:
    """Return a column that has to be there, without nulls."""
    if name not in table.column_names:
        listed = ", ".join(names or table.column_names) or "none"
        raise DataError(
            path, f"{option} {name}: expected a column of that name, got {listed}. "
            f"Fix: {option} with one of these"
        )  # fmt: skip
    column = table[name]
    if column.null_count:
        raise DataError(
            path,
            f"{name}: expected no nulls, got {column.null_count:,}. "
            "Fix: fill them in, or drop these rows from vectors and ids",
        )
    return column


def _missing(path: Path, wanted: str, names: Sequence[str], fix: str) -> DataError:
    listed = ", ".join(names) or "none"
    return DataError(path, f"expected a column {wanted}, got {listed}. Fix: {fix}")


def article_ids(path: Path, name: str, column: Column) -> Ids:
    """Return a column as ids, (N,) int64 or str.

    Raises:
        DataError: If it has nulls, is of another type, or a string is no id.
    """
    if _is_coded(column):
        column = column.cast(column.type.value_type)
    if _is_text(column):
        values = np.asarray(column.to_numpy(zero_copy_only=False))
        try:
            return as_ids(values.astype(np.str_) if len(values) else np.empty(0, np.str_))
        except ArgumentError as error:
            fix = "Fix: --article-column NAME of another column"
            raise DataError(path, f"{name}: {str(error).partition(': ')[2]}. {fix}") from error
    return whole_numbers(path, name, column, "strings or whole numbers")


def whole_numbers(
    path: Path, name: str, column: Column, expected: str = "whole numbers"
) -> NDArray[np.int64]:
    """Return a column as int64.

    Raises:
        DataError: If it has nulls, is not of an integer type, or does not fit.
    """
    if column.null_count:
        raise DataError(
            path,
            f"{name}: expected no nulls, got {column.null_count:,}. "
            "Fix: fill them in, or drop these rows from vectors and ids",
        )
    if not pa.types.is_integer(column.type):
        fix = "save the ids as strings or whole numbers, as ids.astype(str) does"
        raise DataError(path, f"{name}: expected {expected}, got {column.type}. Fix: {fix}")
    try:
        return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)
    except pa.ArrowInvalid as error:
        message = f"{name}: expected numbers below 2^63, got: {error}"
        raise DataError(path, f"{message}. Fix: save the ids as strings") from error


def _places(
    path: Path, name: str, column: pa.ChunkedArray[Any], ids: Ids, *, is_said: bool
) -> tuple[NDArray[np.int32], bool]:
    """Return the place of each row in its article, and whether it is a rank.

    Raises:
        DataError: If the column is in no order, or two rows of an article have one rank.
    """
    most = np.iinfo(np.int32).max
    if pa.types.is_integer(column.type) or not is_said:
        places = whole_numbers(path, name, column)
        outside = (places < 0) | (places > most)
        if not outside.any():
            return places.astype(np.int32), False
        if not is_said:
            row = int(np.flatnonzero(outside)[0])
            raise DataError(
                path,
                f"{name}: row {row}: expected 0 to {most:,}, got {places[row]}. "
                f"Fix: --order-column {name}, which takes ranks",
            )
        values: NDArray[Any] = places
    else:
        values = _ordered(path, name, column)
    _, codes = np.unique(ids, return_inverse=True)
    order = np.lexsort((values, codes))
    starts = run_starts(codes[order])
    same = (np.diff(codes[order]) == 0) & (values[order][1:] == values[order][:-1])
    if same.any():
        at = int(np.flatnonzero(same)[0])
        first, second = sorted(order[at : at + 2].tolist())
        raise DataError(
            path,
            f"{name}: expected another value for each row of article {ids[first]}, got "
            f"{values[first]} in rows {first} and {second}. Fix: --order-column NAME of another "
            "column, or --rows-in-order",
        )
    ranks = np.empty(len(ids), np.int32)
    ranks[order] = np.arange(len(ids)) - np.repeat(starts, np.diff(starts, append=len(ids)))
    return ranks, True


def _ordered(path: Path, name: str, column: pa.ChunkedArray[Any]) -> NDArray[Any]:
    """Return values that are in an order: numbers, times, or text of ISO dates."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        values = np.asarray(column.to_numpy(zero_copy_only=False))
        if not (pa.types.is_floating(kind) and np.isnan(values).any()):
            return values
    if _is_text(column) and pc.all(pc.match_substring_regex(column, ISO_DATE)).as_py():
        return np.asarray(column.to_numpy()).astype(np.str_)
    raise DataError(
        path,
        f"{name}: expected numbers or dates to order rows by, got {kind} such as "
        f"{column[0].as_py() if len(column) else None!r}. Fix: --order-column NAME of another "
        "column (text sorts 10 before 9), or --rows-in-order",
    )
