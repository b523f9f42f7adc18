"""Defects of a data set: rows, keys, order, files. All of them are seen before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.manifest import MANIFEST_FILE
from amn.selftest.defects import in_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy


def nan_row(copy: CaseCopy) -> None:
    """Put NaN into one number of one row."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 3, 7 % vectors.shape[1]] = np.nan

    copy.change_vectors(change)


def infinite_row(copy: CaseCopy) -> None:
    """Put infinity into one number of one row."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 2, 0] = -np.inf

    copy.change_vectors(change)


def long_row(copy: CaseCopy) -> None:
    """Make one row 1 % too long."""

    def change(vectors: NDArray[Any]) -> None:
        row = len(vectors) // 3
        vectors[row] = (vectors[row].astype(np.float64) * 1.01).astype(vectors.dtype)

    copy.change_vectors(change)


def zero_row(copy: CaseCopy) -> None:
    """Set one row to zero."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[-2] = 0

    copy.change_vectors(change)


def constant_row(copy: CaseCopy) -> None:
    """Give one row one number throughout, of length 1."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[len(vectors) // 4] = 1 / np.sqrt(vectors.shape[1])

    copy.change_vectors(change)


def swapped_rows(copy: CaseCopy) -> None:
    """Exchange two rows."""

    def change(vectors: NDArray[Any]) -> None:
        pair = [1, len(vectors) // 2]
        vectors[pair] = vectors[pair[::-1]]

    copy.change_vectors(change)


def flipped_bit(copy: CaseCopy) -> None:
    """Flip the lowest bit of one number: its row still has length 1."""

    def change(content: bytearray) -> None:
        content[len(content) // 2 & ~3] ^= 1  # little endian: the first byte is the lowest

    copy.change_bytes(copy.dataset().shards[0].path, change)


def truncated_file(copy: CaseCopy) -> None:
    """Cut the vectors in half."""

    def change(content: bytearray) -> None:
        del content[len(content) // 2 :]

    copy.change_bytes(copy.dataset().shards[0].path, change)


def missing_chunks(copy: CaseCopy) -> None:
    """Remove a file of the chunk table."""
    entries = copy.dataset().manifest.files
    (copy.data / next(e.path for e in entries if e.path.endswith(".parquet"))).unlink()


def stuck_column(copy: CaseCopy) -> None:
    """Set one column to zero in every other article."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    column = int(vectors.std(axis=0).argmax())
    vectors[np.isin(dataset.article_ids, dataset.articles[::2]), column] = 0
    rewrite_vectors(copy, vectors)


def two_encoders(copy: CaseCopy) -> None:
    """Rotate the rows of every other article of each split at random."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = np.concatenate([split.articles[::2] for split in copy.splits().values()])
    mine = np.isin(dataset.article_ids, some)
    rng = np.random.default_rng(0)
    vectors[mine] = vectors[mine] @ np.linalg.qr(rng.standard_normal((dataset.dim,) * 2))[0]
    rewrite_vectors(copy, vectors)


def shifted_ids(copy: CaseCopy) -> None:
    """Put every vector one row after its id."""
    rewrite_vectors(copy, np.roll(copy.vectors(), 1, axis=0).astype(np.float64))


def overlapping(copy: CaseCopy) -> None:
    """Give every row as much of the next one of its article as of itself."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    has_next = np.flatnonzero(np.diff(dataset.article_ids) == 0)
    vectors[has_next] += vectors[has_next + 1]
    rewrite_vectors(copy, vectors)


def rewrite_vectors(copy: CaseCopy, vectors: NDArray[np.float64]) -> None:
    """Write other vectors under the same keys, at length 1; every digest is right.

    Args:
        vectors: (N, D), of any length but 0.
    """
    dataset = copy.dataset()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    copy.rebuild(unit, dataset.article_ids, dataset.chunk_index)


def rows_lost(copy: CaseCopy) -> None:
    """Record one row more than the last stage gave."""

    def change(manifest: dict[str, Any]) -> None:
        n = manifest["rows"]
        manifest["stages"] = [
            {"name": "encode", "rows_in": n + 1, "rows_out": n + 1, "dropped": {}},
            {"name": "export", "rows_in": n, "rows_out": n, "dropped": {}},
        ]

    copy.change_json(copy.data / MANIFEST_FILE, change)


def article_twice(copy: CaseCopy) -> None:
    """Write one article twice under its own id, key for key."""
    dataset = copy.dataset()
    mine = np.flatnonzero(dataset.article_ids == dataset.articles[5 % len(dataset.articles)])
    rows = np.sort(np.concatenate([np.arange(len(dataset)), mine]))
    rewrite_in_order(copy, rows)


def insertion_order(copy: CaseCopy) -> None:
    """Export the rows sorted by a key of insertion instead of (article, chunk)."""
    rewrite_in_order(copy, np.random.default_rng(0).permutation(len(copy.dataset())))


def rewrite_in_order(copy: CaseCopy, rows: NDArray[np.int64]) -> None:
    """Write rows in an order, or with repeats, that the writer refuses; every digest is right."""
    dataset = copy.dataset()
    running = np.arange(len(rows), dtype=np.int32)  # keys that the writer takes, then the real ones
    copy.rebuild(dataset.gather(rows), np.zeros(len(rows), np.int64), running)
    copy.overwrite_keys(dataset.article_ids[rows], dataset.chunk_index[rows])


def shuffled_articles(copy: CaseCopy) -> None:
    """Shuffle the rows inside every article; keys and digests are right."""
    dataset = copy.dataset()
    noise = np.random.default_rng(0).random(len(dataset))
    rows = np.lexsort((noise, dataset.article_ids))
    copy.rebuild(dataset.gather(rows), dataset.article_ids, dataset.chunk_index)


def double_ingestion(copy: CaseCopy) -> None:
    """Put each chunk next to its own copy."""
    dataset = copy.dataset()
    rows = np.repeat(np.arange(len(dataset)), 2)
    chunks = dataset.chunk_index[rows] * 2 + np.tile([0, 1], len(dataset))
    copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], chunks.astype(np.int32))


def some_doubled(copy: CaseCopy) -> None:
    """Put every fiftieth chunk next to its own copy."""
    dataset = copy.dataset()
    times = np.where(np.arange(len(dataset)) % 50 == 0, 2, 1)
    rows = np.repeat(np.arange(len(dataset)), times)
    first = np.concatenate([[True], np.diff(dataset.article_ids[rows]) != 0])
    start = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    chunks = (np.arange(len(rows)) - start).astype(np.int32)
    copy.rebuild(dataset.gather(rows), dataset.article_ids[rows], chunks)


def article_again(copy: CaseCopy) -> None:
    """Append one article again under a new id."""
    dataset = copy.dataset()
    mine = np.flatnonzero(dataset.article_ids == dataset.articles[5 % len(dataset.articles)])
    rows = np.concatenate([np.arange(len(dataset)), mine])
    ids = dataset.article_ids[rows].copy()
    ids[-len(mine) :] = dataset.articles[-1] + 1
    copy.rebuild(dataset.gather(rows), ids, dataset.chunk_index[rows])


DEFECTS = (
    in_files("nan-row", "D001", "one number of one row is NaN", nan_row),
    in_files("infinite-row", "D001", "one number of one row is infinite", infinite_row),
    in_files("long-row", "D002", "one row is 1 % too long", long_row),
    in_files("zero-row", "D002", "one row is zero", zero_row),
    in_files("truncated-file", "D003", "the vectors are cut in half", truncated_file),
    in_files("missing-chunks", "D003", "a file of the chunk table is gone", missing_chunks),
    in_files("article-twice", "D004", "an article is there twice under its id", article_twice),
    in_files("stuck-column", "D006", "a column is zero in half of the articles", stuck_column),
    in_files("insertion-order", "D005", "rows are sorted by insertion", insertion_order),
    in_files("constant-row", "D006", "one row repeats one number", constant_row),
    in_files("shuffled-articles", "D007", "rows are shuffled inside articles", shuffled_articles),
    in_files("double-ingestion", "D008", "each chunk beside its own copy", double_ingestion),
    in_files("some-doubled", "D008", "2 % of chunks beside their copy", some_doubled),
    in_files("overlapping", "D008", "each row holds half of the next one", overlapping),
    in_files("rows-lost", "D009", "a row is lost between two stages", rows_lost),
    in_files("article-again", "D010", "an article is there again under a new id", article_again),
    in_files("swapped-rows", "D011", "two rows are exchanged", swapped_rows),
    in_files("flipped-bit", "D012", "one bit of one number is flipped", flipped_bit),
    in_files("shifted-ids", "D014", "every vector is one row after its id", shifted_ids),
    in_files("two-encoders", "D015", "half of the articles have another encoder", two_encoders),
)
