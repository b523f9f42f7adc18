"""Text that articles have letter for letter in common, however it is cut into rows.

Compared are digests of `WINDOW` bytes of letters and digits that follow each other in an article:
blanks, punctuation, capitals of ASCII and borders of rows change none of them. Training data of
language models are cleaned of tests so, by 50 characters (OpenAI 2023) or 13 words (Brown et al.
2020); the share of an article's passages that another one has is its containment (Broder 1997).

Letters: P passages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amn.case.config import EVALUATED
from amn.data.canaries import TEXT_COLUMN
from amn.data.chunk_table import ChunkTable
from amn.data.dataset import chunk_schemas
from amn.data.repeats import article_overlaps, identical_rows
from amn.data.sampling import evenly_spaced, sample_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.repeats import Overlaps
    from amn.data.splits import Split

STEPS = (1, 2, 4, 8, 16, 32)  # bytes: digests of twice as many are made of two of so many
WINDOW = 2 * STEPS[-1]
KEPT_BITS = 4  # a passage is kept where so many bits of its digest are 0: one of 16
FEWEST = 8  # passages of one article in another: about 190 letters
BLOCK_ROWS = 2048  # 1 MB of text, 8 MB of digests
# A million rows take 2 s: all texts are read, and these many are digested.
MOST_TRAINING = 1 << 16
MOST_EVALUATED = 1 << 15  # rows of a split
MOST_ARTICLES = 1024  # of train, each looked for among the others


def _odd_numbers(seed: int, n: int) -> NDArray[np.uint64]:
    """Return n random odd numbers: multiplying by one loses nothing modulo 2^64."""
    return np.random.default_rng(seed).integers(0, 1 << 64, n, np.uint64) | np.uint64(1)


FACTORS = _odd_numbers(0, len(STEPS))
VALUES = _odd_numbers(1, 256)  # of bytes; capitals have those of their small letters
VALUES[ord("A") : ord("Z") + 1] = VALUES[ord("a") : ord("z") + 1]
IS_LETTER = np.array([byte > 0x7F or chr(byte).isalnum() for byte in range(256)])  # noqa: PLR2004 - beyond ASCII


def has_texts(folder: Path) -> bool:
    """Tell whether every chunk file of a data set has the texts of its rows.

    Raises:
        DataError, OSError, pyarrow.ArrowException: As `chunk_schemas`.
    """
    schemas = chunk_schemas(folder)
    kinds = [s.field(TEXT_COLUMN).type for s in schemas if TEXT_COLUMN in s.names]
    return len(kinds) == len(schemas) > 0 and {*kinds} <= {pa.string(), pa.large_string()}


@dataclass(frozen=True)
class Passages:
    """Digests of passages, and whose they are.

    Attributes:
        digests: (P,) uint64.
        articles: (P,) ids.
        rows: (P,) int64, of the data set: where each begins.
    """

    digests: NDArray[np.uint64]
    articles: Ids
    rows: NDArray[np.int64]

    def take(self, chosen: NDArray[Any]) -> Passages:
        """Return some of the passages."""
        return Passages(self.digests[chosen], self.articles[chosen], self.rows[chosen])

    def of_their_own(self, groups: NDArray[np.int64]) -> Passages:
        """Return each passage once for its article, without those that others of its group have.

        What several articles say in the same words is a form that they have in common.

        Args:
            groups: (P,) the group of articles that each passage is of.
        """
        order = np.lexsort((self.articles, self.digests, groups))
        ordered, groups = self.take(order), groups[order]
        is_new = np.ones((2, len(order)), np.bool_)  # to the group; to the article, too
        is_new[0, 1:] = (np.diff(groups) != 0) | (ordered.digests[1:] != ordered.digests[:-1])
        is_new[1, 1:] = is_new[0, 1:] | (ordered.articles[1:] != ordered.articles[:-1])
        first = np.flatnonzero(is_new[0])
        times = np.add.reduceat(is_new[1], first, dtype=np.int64) if len(first) else first
        return ordered.take(first[times == 1])


def find_passages(dataset: DataSet, rows: NDArray[np.int64]) -> Passages:
    """Return the passages of some rows, across the borders of rows that follow each other.

    Args:
        rows: (n,) ascending.
    """
    table = ChunkTable(dataset, (TEXT_COLUMN,))
    digests, begins = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for start in range(0, len(rows), BLOCK_ROWS):
        some = rows[start : start + BLOCK_ROWS]
        letters, counts = _letters(table.take(some)[TEXT_COLUMN])
        breaks = (np.diff(some) != 1) | (np.diff(dataset.codes[some]) != 0)
        run = np.repeat(np.concatenate([[0], np.cumsum(breaks)]), counts)
        found = _digests(letters)
        is_kept = found >> np.uint64(64 - KEPT_BITS) == 0
        at = np.flatnonzero(is_kept & (run[: len(found)] == run[len(run) - len(found) :]))
        digests.append(found[at])
        begins.append(np.repeat(some, counts)[at])
    first = np.concatenate(begins)
    return Passages(np.concatenate(digests), dataset.articles[dataset.codes[first]], first)


def _letters(texts: pa.ChunkedArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the letters and digits of texts as UTF-8, one text after another, and their counts."""
    blank: Any = pa.scalar("", pa.large_string())  # made here, as it imports pandas where it is
    array: Any = pa.concat_arrays(texts.cast(pa.large_string()).fill_null(blank).chunks)
    _, offsets, content = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    raw = np.frombuffer(content or b"", np.uint8)[bounds[0] : bounds[-1]]
    is_letter = IS_LETTER[raw]
    before = np.concatenate([[0], np.cumsum(is_letter)])
    return raw[is_letter], np.diff(before[bounds - bounds[0]])


def _digests(letters: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the digest of every `WINDOW` bytes in a row: (n - WINDOW + 1,), none of fewer."""
    found = VALUES[letters]
    for step, factor in zip(STEPS, FACTORS, strict=True):
        found = found[:-step] * factor + found[step:]
    return found


@dataclass(frozen=True)
class SharedText:
    """What the articles of an evaluated split have of the text of single training articles.

    Attributes:
        overlaps: Pairs that have much in common; `shared` and `sizes` count passages.
        articles: (A,) ids of the articles that were looked at.
        usual: How many training articles have as much of another training article.
        compared: Of how many.
    """

    overlaps: Overlaps
    articles: Ids
    usual: int
    compared: int


def find_shared_text(splits: Mapping[str, Split], share: float) -> dict[str, SharedText]:
    """Find evaluated articles of whose own passages one training article has a share or more.

    The same is asked of training articles, in random groups as large as the split: what is usual.

    Args:
        share: In [0, 1]; `FEWEST` passages at least.
    """
    rng = np.random.default_rng(14)
    train = splits["train"]
    among = rng.permutation(train.articles)[:MOST_ARTICLES]
    every = {name: _some(splits[name].articles) for name in EVALUATED}
    asked = [(train.dataset, among), *((splits[n].dataset, every[n]) for n in EVALUATED)]
    wanted = [(train.dataset, sample_rows(train.rows, train.dataset.codes, MOST_TRAINING, rng))]
    for dataset, ids in asked:
        rows = sample_rows(dataset.rows_of(ids), dataset.codes, MOST_EVALUATED, rng)
        wanted.append((dataset, rows))
    everything, usual, *evaluated = _read(wanted)
    everything = everything.take(np.argsort(everything.digests))  # once for all that are looked for
    least = share * len(wanted[0][1]) / max(len(train.rows), 1)

    def leaks(own: Passages, dataset: DataSet) -> Overlaps:
        pairs = identical_rows(own.digests, everything.digests)
        if dataset is train.dataset:
            pairs = pairs.take(own.articles[pairs.left] != everything.articles[pairs.right])
        return article_overlaps(pairs, own.articles, everything.articles).at_least(least, FEWEST)

    order = np.argsort(among)
    place = order[np.searchsorted(among, usual.articles, sorter=order)]
    found = {}
    for name, passages in zip(EVALUATED, evaluated, strict=True):
        n = max(len(every[name]), 1)
        compared = max(len(among) // n * n, min(n, len(among)))  # in groups of n, none in part
        some = place < compared
        alike = leaks(usual.take(some).of_their_own(place[some] // n), train.dataset)
        own = passages.of_their_own(np.zeros(len(passages.digests), np.int64))
        overlaps = leaks(own, splits[name].dataset)
        found[name] = SharedText(overlaps, every[name], len(np.unique(alike.left)), compared)
    return found


def _some(articles: Ids) -> Ids:
    """Return at most `MOST_ARTICLES`, evenly over the ids."""
    return articles[evenly_spaced(len(articles), MOST_ARTICLES)] if len(articles) else articles


def _read(wanted: Sequence[tuple[DataSet, NDArray[np.int64]]]) -> list[Passages]:
    """Return the passages of several sets of rows; the texts of a data set are read once."""
    texts: dict[int, Passages] = {}
    for dataset, _ in wanted:
        if id(dataset) not in texts:
            mine = [rows for other, rows in wanted if other is dataset]
            texts[id(dataset)] = find_passages(dataset, np.unique(np.concatenate(mine)))
    found = []
    for dataset, rows in wanted:
        is_wanted = np.zeros(len(dataset), np.bool_)
        is_wanted[rows] = True
        passages = texts[id(dataset)]
        found.append(passages.take(is_wanted[passages.rows]))
    return found
