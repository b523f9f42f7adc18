"""Canaries: rows whose texts, encoded again, tell whether the vectors are of the named encoder.

They are chosen where texts are there, at a build or an import, and kept beside the vectors with the
digests of their texts, or with the texts themselves where these may be kept. The vector of a canary
is its row: it is stored once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from amn.data.dataset import coded, numbers
from amn.data.ids import require_kind
from amn.data.manifest import CanaryEntry
from amn.data.sampling import sample_rows
from amn.data.vectors import seal_file
from amn.errors import DataError
from amn.storage import read_whole, regular, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

    Texts = Sequence[str | None]

CANARIES_FILE = "canaries.parquet"
TEXT_COLUMN = "text"
KEYS = ("article_id", "chunk_index")
CANARIES = 64
EACH = 12  # of each extreme: longest, shortest, most capitals, most of other alphabets
POOL = 4096  # rows whose texts are looked at
SEED = 64
WIDEST = 1 << 32  # chunk indices are int32


@dataclass(frozen=True)
class Canaries:
    """Canaries of a data set.

    Attributes:
        rows: (n,) int64, ascending.
        digests: sha256 of each text in UTF-8.
        texts: Empty where digests alone are kept.
    """

    rows: NDArray[np.int64]
    digests: tuple[str, ...]
    texts: tuple[str, ...] = ()


def choose_canaries(
    codes: NDArray[np.int64], texts_of: Callable[[NDArray[np.int64]], Texts]
) -> tuple[NDArray[np.int64], list[str]]:
    """Choose rows whose texts are unlike each other in what encoders treat differently.

    Of rows drawn evenly over articles: the longest (a limit of tokens cuts them), the shortest,
    those with most capitals and with most characters beyond ASCII, and others by chance; no two of
    an article while there are articles left.

    Args:
        codes: (N,) the article of every row, see `DataSet`.
        texts_of: Texts of ascending rows; rows without one are no canaries.

    Returns:
        At most `CANARIES` rows, ascending, and their texts.
    """
    rng = np.random.default_rng(SEED)
    drawn = sample_rows(np.arange(len(codes)), codes, POOL, rng)
    texts = {
        int(row): text
        for row, text in zip(drawn, texts_of(drawn) if len(drawn) else (), strict=True)
        if text and text.strip()
    }
    pool = rng.permutation(np.array(list(texts), np.int64))
    measures = [(len(t), -len(t), _upper(t), _foreign(t)) for t in map(texts.__getitem__, pool)]
    chosen = np.empty(0, np.int64)
    for measure in np.array(measures).reshape(-1, 4).T:
        order = pool[np.argsort(-measure, kind="stable")]
        chosen = _with_more(chosen, order, codes, len(chosen) + EACH)
    chosen = _with_more(chosen, pool, codes, CANARIES)
    rest = pool[~np.isin(pool, chosen)]  # of articles that have one
    chosen = np.sort(np.append(chosen, rest[: CANARIES - len(chosen)]))
    return chosen, [texts[int(row)] for row in chosen]


def _upper(text: str) -> float:
    """Share of capitals."""
    return sum(map(str.isupper, text)) / len(text)


def _foreign(text: str) -> float:
    """Share of characters beyond ASCII."""
    return sum(character > "\x7f" for character in text) / len(text)


def _with_more(
    chosen: NDArray[np.int64], order: NDArray[np.int64], codes: NDArray[np.int64], most: int
) -> NDArray[np.int64]:
    """Add rows in their order, of articles that have none yet, until there are `most`."""
    fresh = order[~np.isin(codes[order], codes[chosen])]
    firsts = np.sort(np.unique(codes[fresh], return_index=True)[1])
    return np.append(chosen, fresh[firsts[: most - len(chosen)]])


def write_canaries(
    folder: Path, keys: pa.Table, digests: Sequence[str], texts: Sequence[str] = ()
) -> CanaryEntry | None:
    """Write the canaries of a data set into its folder; return their entry, None for none.

    Args:
        keys: n rows of `article_id` and `chunk_index`.
        digests: n of them.
        texts: n of them; none where they may not be kept.
    """
    if not digests:
        return None
    table = keys.select(KEYS).append_column("sha256", pa.array(digests, pa.string()))
    if texts:
        table = table.append_column(TEXT_COLUMN, pa.array(texts, pa.string()))
    pq.write_table(table.combine_chunks(), folder / CANARIES_FILE, compression="zstd")
    file = seal_file(folder / CANARIES_FILE, len(digests)).model_dump(exclude={"seal"})
    return CanaryEntry(**file, seed=SEED, text=bool(texts))


def digests_of(texts: Sequence[str]) -> list[str]:
    """Return the sha256 of each text in UTF-8."""
    return [sha256_of(text.encode()) for text in texts]


def keep_canaries(folder: Path, dataset: DataSet, rows: NDArray[np.int64]) -> CanaryEntry | None:
    """Write those canaries of a data set that are among `rows` into the folder of another."""
    found = read_canaries(dataset)
    if found is None:
        return None
    kept = np.isin(found.rows, rows)
    mine = found.rows[kept]
    ids = dataset.articles[dataset.codes[mine]]
    keys = pa.table(dict(zip(KEYS, (ids, dataset.chunk_index[mine]), strict=True)))
    texts = list(compress(found.texts, kept))
    return write_canaries(folder, keys, list(compress(found.digests, kept)), texts)


def read_canaries(dataset: DataSet) -> Canaries | None:
    """Read the canaries of a data set, None where it has none.

    Raises:
        DataError: If their file is missing, changed, or names rows that are not there.
    """
    entry = dataset.manifest.canaries
    if entry is None:
        return None
    path = dataset.path / entry.path
    fix = "Fix: restore the file, or build the data set again: amn data build"
    try:
        content = read_whole(path, dataset.path)
        if (digest := sha256_of(content)) != entry.sha256:
            message = f"expected sha256 {entry.sha256[:12]}, got {digest[:12]}. {fix}"
            raise DataError(path, message)
        table = pq.read_table(pa.BufferReader(content))
        rows = rows_at(dataset, path, table)
        digests = [str(one) for one in table["sha256"].to_pylist()]
        texts = [str(one) for one in table[TEXT_COLUMN].to_pylist()] if entry.text else []
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(
            path, f"expected the canaries of a data set, got: {error}. {fix}"
        ) from error
    if (rows < 0).any():
        lost = int(np.flatnonzero(rows < 0)[0])
        key = ", chunk ".join(str(table[name][lost]) for name in KEYS)
        raise DataError(path, f"expected rows of the data set, got article {key}. {fix}")
    return Canaries(rows, tuple(digests), tuple(texts))


def rows_at(dataset: DataSet, path: Path, table: pa.Table) -> NDArray[np.int64]:
    """Return the row of each key of a table, -1 for those that are not there: (n,) int64.

    Args:
        path: Where the table is from, for messages.
        table: With columns `article_id` and `chunk_index`; rows of the data set are sorted.
    """
    ids, places = coded(path, table[KEYS[0]])
    chunks = numbers(table[KEYS[1]].cast(pa.int32()), np.int32)
    if not len(ids):
        return np.empty(0, np.int64)
    require_kind(dataset.articles, ids)
    codes = np.minimum(np.searchsorted(dataset.articles, ids), len(dataset.articles) - 1)
    keys = dataset.codes * WIDEST + dataset.chunk_index
    wanted = codes[places] * WIDEST + chunks
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    is_there = (dataset.articles[codes] == ids)[places] & (keys[at] == wanted)
    return np.where(is_there, at, -1)


def read_texts(path: Path, dataset: DataSet) -> Mapping[int, str]:
    """Read the texts of rows of a data set that somebody brings: text by row.

    Args:
        path: Parquet, or JSON lines, with `article_id`, `chunk_index` and `text`.

    Raises:
        DataError: If it is missing, or is no such table.
    """
    id_type = pa.string() if dataset.articles.dtype.kind == "U" else pa.int64()
    schema = pa.schema([(KEYS[0], id_type), (KEYS[1], pa.int32()), (TEXT_COLUMN, pa.string())])
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(regular(path), columns=schema.names)
        else:
            options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
            large = pj.ReadOptions(block_size=1 << 24)  # a line is in one block
            table = pj.read_json(regular(path), parse_options=options, read_options=large)
        table = table.select(schema.names).cast(schema).drop_null()
        rows = rows_at(dataset, path, table)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(
            path,
            "expected a .parquet or .jsonl with article_id, chunk_index and text, got:"
            f" {str(error).splitlines()[0]}. Fix: write a row for each chunk of the data set",
        ) from error
    texts: list[str | None] = table[TEXT_COLUMN].to_pylist()
    return {int(r): text for r, text in zip(rows, texts, strict=True) if r >= 0 and text}
