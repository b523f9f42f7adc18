"""golden.csv: a line an article, with the sums of its windows: all that a comparison needs.

Every decision of a gate is clustered by article, and a mean over windows is a sum over articles:
these sums, and how many windows they are of, decide as the windows themselves would.

Columns: `split`, `article`, `rows` (chunks of the article), `vectors` (digest of its rows, and
their sketch, see `amn.data.sketch`; files of before have the digest alone),
`windows` (target chunks, in ranges: `5-27 30`), `slice.COLUMN=VALUE` where limits name slices, then
`METRIC.PREDICTOR`: the sum of a metric over these windows, for each seed (`cosine.0`) and for
reference predictors (`cosine.last`); an article of training has none. Where a case has
configurations of an index, `recall.rows` and `recall.windows` are numbers of queries,
`recall.NAME-rows` and `recall.NAME-SEED` the sums of recall over them, whatever the windows, in an
article's first line. Where a slice divides an article, it has a line for each part. Lines are
in the order of train, in_dist and ood, then of article ids (numbers by size, names by code point),
then of slices.

Letters: L lines, G articles, S seeds, N windows.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
import re
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import SPLITS
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

HEAD = ("split", "article", "rows", "vectors", "windows")
SLICE, RECALL = "slice.", "recall."
IN_SLICE = "in"  # the cell of windows that are in a slice
COLUMN = re.compile(r"[a-z0-9_]+\.[A-Za-z0-9_-]+")  # METRIC.PREDICTOR
RANGE = re.compile(r"(-?\d{1,10})(?:-(-?\d{1,10}))?")
# None where vectors are not known.
VECTORS = re.compile(r"[A-Za-z0-9_-]{8}(?:[A-Za-z0-9_-]{8})?|")
DIGEST = slice(8)  # of a cell of vectors; the rest is the sketch
# Relative error 5e-10: of a mean over windows at most 1, that moves a bound by less than 1e-8.
SUM_DIGITS = 10
DIGEST_BYTES = 6  # names an article that changed; that any did is what the data set's sha256 says
CHUNKS = np.iinfo(np.int32)
WIDE = 1 << 33  # chunks of one article are no wider
EXAMPLES = 3  # of windows, in a message


@dataclass(frozen=True, eq=False)
class Table:
    """The articles of one split, a line each, or a line for each of its slices.

    Attributes:
        articles: (L,) int64 or str, ascending.
        windows: (L,) target chunks of the windows, in ranges; empty for an article without any.
        rows: (L,) int64 chunks of the article; -1 where they are not known.
        vectors: (L,) digest of the article's rows, and their sketch; empty where not known.
        slices: Name of each declared slice -> (L,) whether the windows are in it, as a cell.
        sums: `METRIC.PREDICTOR` -> (L,) float64, NaN in lines without windows; none in training.
    """

    articles: NDArray[Any]
    windows: tuple[str, ...]
    rows: NDArray[np.int64]
    vectors: tuple[str, ...]
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sums: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(L,) number of windows."""
        return np.array([count(spans) for spans in self.windows], np.int64)

    @property
    def spans(self) -> dict[Any, str]:
        """Article -> target chunks of its windows, in ranges."""
        return dict(zip(self.articles.tolist(), self.windows, strict=True))

    def seeds(self, metric: str, seeds: Iterable[int]) -> NDArray[np.float64]:
        """(S, L) sums of a metric, a row a seed."""
        return np.stack([self.sums[f"{metric}.{seed}"] for seed in seeds])

    def take(self, lines: NDArray[Any]) -> Table:
        """Return some of the lines.

        Args:
            lines: (L,) bool, or their positions.
        """
        at = np.flatnonzero(lines) if lines.dtype == np.bool_ else lines
        return Table(
            self.articles[at],
            tuple(self.windows[i] for i in at),
            self.rows[at],
            tuple(self.vectors[i] for i in at),
            {name: tuple(values[i] for i in at) for name, values in self.slices.items()},
            {name: values[at] for name, values in self.sums.items()},
        )

    def has(self, articles: NDArray[Any], chunks: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which windows, each an article and a target chunk, are among these: (N,) bool."""
        labels, index = np.unique(articles, return_inverse=True)
        spans = self.judged().spans
        bounds = [
            (i * WIDE + first, i * WIDE + last)
            for i, label in enumerate(labels.tolist())
            for first, last in bounds_of(spans.get(label, ""))
        ]
        firsts, lasts = np.array(bounds, np.int64).reshape(-1, 2).T
        keys = index.astype(np.int64) * WIDE + chunks
        at = np.searchsorted(firsts, keys, "right") - 1
        inside: NDArray[np.bool_] = at >= 0
        inside[inside] = keys[inside] <= lasts[at[inside]]
        return inside

    def judged(self) -> Table:
        """The articles that have windows, a line each: what a comparison is made of."""
        kept = self.take(self.sizes > 0) if "" in self.windows else self
        starts = np.flatnonzero(np.r_[True, kept.articles[1:] != kept.articles[:-1]])
        if len(starts) == len(kept.articles):
            return replace(kept, slices={})
        ends = [*starts[1:].tolist(), len(kept.articles)]
        merged = kept.take(starts)
        windows = [
            merge(kept.windows[begin:end]) for begin, end in zip(starts.tolist(), ends, strict=True)
        ]
        sums = {name: np.add.reduceat(values, starts) for name, values in kept.sums.items()}
        return replace(merged, windows=tuple(windows), slices={}, sums=sums)


@dataclass(frozen=True, eq=False)
class RecallSums:
    """Sums of the recall of one configuration by article.

    Attributes:
        places: (G,) split and article: `ood 11001`, ascending.
        sizes: (G,) queries of each.
        sums: (S, G) a line a seed of the model; one for queries that are rows.
    """

    places: NDArray[np.str_]
    sizes: NDArray[np.float64]
    sums: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Over queries and seeds."""
        return float(self.sums.mean(axis=0).sum() / self.sizes.sum())


def recall_columns(name: str, seeds: Iterable[int] | None) -> tuple[str, list[str]]:
    """Return the column of the numbers of queries, and those of the sums of a configuration.

    Args:
        seeds: Of the model whose predictions ask; None: rows ask.
    """
    if seeds is None:
        return f"{RECALL}rows", [f"{RECALL}{name}-rows"]
    return f"{RECALL}windows", [f"{RECALL}{name}-{seed}" for seed in seeds]


def recall_sums(
    tables: Mapping[str, Table], name: str, seeds: Iterable[int] | None
) -> RecallSums | None:
    """Return the sums of the recall of a configuration, None where a golden has none.

    Args:
        tables: Split -> its articles.
        seeds: As in `recall_columns`.
    """
    size, columns = recall_columns(name, seeds)
    places, sizes, sums = list[str](), list[float](), list[list[float]]()
    for split, table in tables.items():
        if not {size, *columns} <= {*table.sums}:
            continue
        asked = table.sums[size] > 0
        places += [f"{split} {article}" for article in table.articles[asked].tolist()]
        sizes += table.sums[size][asked].tolist()
        sums += np.stack([table.sums[column][asked] for column in columns], axis=1).tolist()
    order = np.argsort(places)
    if not places:
        return None
    return RecallSums(np.array(places)[order], np.array(sizes)[order], np.array(sums)[order].T)


def with_recall(
    tables: Mapping[str, Table], name: str, seeds: Sequence[int] | None, found: RecallSums
) -> dict[str, Table]:
    """Return tables with the columns of a configuration: see `recall_columns`."""
    size, columns = recall_columns(name, seeds)
    values = dict(zip([size, *columns], [found.sizes, *rounded(found.sums)], strict=True))
    widened = {}
    for split, table in tables.items():
        places = np.array([f"{split} {article}" for article in table.articles.tolist()])
        at = np.searchsorted(found.places, places)
        at = np.minimum(at, len(found.places) - 1)
        is_asked = found.places[at] == places
        is_asked[1:] &= places[1:] != places[:-1]  # an article's first line
        own = {column: np.where(is_asked, one[at], np.nan) for column, one in values.items()}
        widened[split] = replace(table, sums={**table.sums, **own}) if is_asked.any() else table
    return widened


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums as golden.csv holds them: with `SUM_DIGITS` significant digits."""
    flat = [float(f"{value:.{SUM_DIGITS}g}") for value in values.ravel().tolist()]
    return np.array(flat, np.float64).reshape(values.shape)


def article_digests(hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> tuple[str, ...]:
    """Return one digest for the rows of each article.

    Args:
        hashes: (n,) digests of rows, see `RowHasher`; an article's stand together.
        starts: (G,) position of the first row of each article.
    """
    plain = hashes.astype("<u8")
    bounds = [*starts.tolist(), len(hashes)]
    digests = (hashlib.sha256(plain[a:b].tobytes()).digest() for a, b in pairwise(bounds))
    return tuple(base64.urlsafe_b64encode(d[:DIGEST_BYTES]).decode() for d in digests)


def windows_by_article(
    articles: NDArray[Any], chunks: NDArray[np.integer]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return (G,) articles, ascending, and the target chunks of each one's windows in ranges.

    Args:
        articles: (N,) of each window, in any order.
        chunks: (N,) of each window's target; with the article it names the window.

    Raises:
        ValueError: If a window is there twice; the message names the first.
    """
    order = np.lexsort((chunks, articles))
    ids, targets = articles[order], chunks[order].astype(np.int64)
    if not len(ids):
        return ids, ()
    is_new = np.r_[True, ids[1:] != ids[:-1]]
    steps = np.diff(targets)
    twice = np.flatnonzero((steps == 0) & ~is_new[1:])
    if len(twice):
        first = f"article {ids[twice[0]]} chunk {targets[twice[0]]}"
        raise ValueError(f"{count_of(len(twice), 'window')} twice ({first})")
    begins = np.flatnonzero(is_new | np.r_[True, steps != 1])
    lows, highs = targets[begins].tolist(), targets[np.r_[begins[1:], len(ids)] - 1].tolist()
    spans = [_span(*bounds) for bounds in zip(lows, highs, strict=True)]
    cuts = [*np.flatnonzero(is_new[begins]).tolist(), len(spans)]
    return ids[is_new], tuple(" ".join(spans[a:b]) for a, b in pairwise(cuts))


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def bounds_of(windows: str) -> list[tuple[int, int]]:
    """Return the first and the last chunk of each range.

    Raises:
        ValueError: If it is no ascending list of ranges of chunks that do not touch.
    """
    bounds = []
    before = CHUNKS.min - 2
    for span in windows.split(" ") if windows else ():
        match = RANGE.fullmatch(span)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if _span(first, last) != span or not before + 1 < first <= last <= CHUNKS.max:
            raise ValueError(f"expected ascending ranges of chunks, got {windows[:40]!r}")
        bounds.append((first, last))
        before = last
    return bounds


def count(windows: str) -> int:
    """Return how many windows ranges of target chunks name."""
    return sum(last - first + 1 for first, last in bounds_of(windows))


def windows_lost(before: Mapping[Any, str], after: Mapping[Any, str]) -> tuple[int, str]:
    """Return how many windows of some articles others do not have, and the first of them in words.

    Args:
        before: Article -> target chunks of its windows, in ranges.
        after: The same, of what has to have them.
    """
    n, named = 0, list[str]()
    for article, windows in before.items():
        there = after.get(article, "")
        if windows == there:
            continue
        lost = _minus(bounds_of(windows), bounds_of(there))
        n += sum(last - first + 1 for first, last in lost)
        gone = (f"article {article} chunk {c}" for a, b in lost for c in range(a, b + 1))
        named += islice(gone, EXAMPLES + 1 - len(named))
    more = ", ..." if len(named) > EXAMPLES else ""
    return n, ", ".join(named[:EXAMPLES]) + more or "none"


def _minus(mine: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges of what is in ascending ranges and not in others."""
    left, at = [], 0
    for first, last in mine:
        while at < len(others) and others[at][1] < first:
            at += 1
        low = first
        for a, b in islice(others, at, None):
            if a > last:
                break
            if a > low:
                left.append((low, a - 1))
            low = max(low, b + 1)
        if low <= last:
            left.append((low, last))
    return left


def merge(windows: Sequence[str]) -> str:
    """Return the ranges of several lines of one article as those of one line.

    Raises:
        ValueError: If a window is in two of them.
    """
    merged: list[tuple[int, int]] = []
    for first, last in sorted(bounds for spans in windows for bounds in bounds_of(spans)):
        before = merged[-1][1] if merged else CHUNKS.min - 2
        if first <= before:
            raise ValueError(f"expected each window in one line, got chunk {first} in two")
        if first == before + 1:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return " ".join(_span(*bounds) for bounds in merged)


def to_csv(tables: Mapping[str, Table]) -> bytes:
    """Return golden.csv: equal tables give equal bytes on every machine."""
    slices = list(next(iter(tables.values())).slices)
    columns = list(dict.fromkeys(name for table in tables.values() for name in table.sums))
    columns.sort(key=lambda name: name.startswith(RECALL))  # those that training has too, last
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *(SLICE + name for name in slices), *columns])
    for split in SPLITS:
        if split not in tables:
            continue
        table = tables[split]
        cells = [
            [split] * len(table.articles),
            table.articles.tolist(),
            ["" if rows < 0 else rows for rows in table.rows.tolist()],
            table.vectors,
            table.windows,
            *(table.slices[name] for name in slices),
            *(_shown(table.sums.get(name), len(table.articles)) for name in columns),
        ]
        writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode()


def _shown(values: NDArray[np.float64] | None, n: int) -> list[str]:
    """Return the cells of a column of sums, empty where there is no number."""
    if values is None:
        return [""] * n
    return ["" if v != v else f"{v + 0.0:.{SUM_DIGITS}g}" for v in values.tolist()]  # noqa: PLR0124 - NaN


def parse_csv(content: bytes, *, named: bool) -> dict[str, Table]:
    """Return the table of each split that a golden.csv holds.

    Args:
        named: Whether article ids are names, and not numbers.

    Raises:
        ValueError: If it is not, byte for byte, what `to_csv` writes of what it says.
    """
    try:
        text = content.decode()
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # many holes in one article
        header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"expected a table, got: {error}") from error
    slices = [name.removeprefix(SLICE) for name in header if name.startswith(SLICE)]
    columns = header[len(HEAD) + len(slices) :]
    is_known = header == [*HEAD, *(SLICE + name for name in slices), *columns]
    if not is_known or not all(map(COLUMN.fullmatch, columns)) or len(set(header)) < len(header):
        raise ValueError(f"expected columns {', '.join(HEAD)}, METRIC.PREDICTOR…, got {header}")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise ValueError(f"line {number}: expected {len(header)} cells, got {len(line)}")
    tables = {}
    for split in SPLITS:
        mine = [(number, line) for number, line in enumerate(lines, start=2) if line[0] == split]
        if mine:
            tables[split] = _table(split, mine, slices, columns, named=named)
    if to_csv(tables) != content if tables else True:
        raise ValueError("expected lines and numbers as amn writes them, got others")
    return tables


def _table(
    split: str,
    lines: list[tuple[int, list[str]]],
    slices: list[str],
    columns: list[str],
    *,
    named: bool,
) -> Table:
    """Return the table of one split.

    Raises:
        ValueError: If a cell is not what its column holds, or lines are not in order.
    """
    found: dict[str, list[Any]] = {name: [] for name in ("article", "rows", *columns)}
    keys = []
    for number, line in lines:
        head, cells = line[: len(HEAD)], line[len(HEAD) + len(slices) :]
        try:
            _, text, rows, vectors, windows = head
            article = text if named else _whole(text, 64)
            found["article"].append(article)
            found["rows"].append(_whole(rows, 32) if rows else -1)
            _require_digest(vectors)
            n = count(windows) * (split != "train")
            for name, cell in zip(columns, cells, strict=True):
                found[name].append(_sum(name, cell, n))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        keys.append((article, *line[len(HEAD) : len(HEAD) + len(slices)]))
    bad = next((i for i, (a, b) in enumerate(pairwise(keys)) if not a < b), None)
    if bad is not None:
        raise ValueError(f"line {lines[bad + 1][0]}: expected articles in order, each once")
    table = Table(
        np.array(found["article"], np.str_ if named else np.int64),
        tuple(line[4] for _, line in lines),
        np.array(found["rows"], np.int64),
        tuple(line[3] for _, line in lines),
        {name: tuple(line[len(HEAD) + i] for _, line in lines) for i, name in enumerate(slices)},
        {name: np.array(found[name]) for name in columns if not np.isnan(found[name]).all()},
    )
    table.judged()  # raises where two lines of an article share a window
    return table


def _whole(cell: str, bits: int) -> int:
    """Return the integer in a cell.

    Raises:
        ValueError: If it is none that so many bits hold.
    """
    value = int(cell)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(f"expected a number of {bits} bits, got {cell[:40]}")
    return value


def _require_digest(cell: str) -> None:
    if not VECTORS.fullmatch(cell):
        raise ValueError(f"expected a digest of vectors, got {cell[:40]!r}")


def _sum(name: str, cell: str, windows: int) -> float:
    """Return the sum in a cell, NaN where there is none: without windows to judge, or queries.

    Raises:
        ValueError: If it is no finite number, or there is none.
    """
    value = float(cell) if cell else math.nan
    wanted = bool(cell) if name.startswith(RECALL) else windows > 0
    if math.isfinite(value) != wanted or bool(cell) != wanted:
        raise ValueError(f"{name}: expected a finite sum of {windows} windows, got {cell[:40]!r}")
    return value
