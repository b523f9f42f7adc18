"""Encoding texts again: whether rows are of the encoder that is named, and if not, of what.

Rows that differ by more than rounding are held against the other ways to run the encoder (prefix,
title, case, pooling, limit, arithmetic, revision) and against the other rows of the data set. A way
is named where it gives the stored vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from amn.data.canaries import (
    SEED,
    TEXT_COLUMN,
    choose_canaries,
    digests_of,
    read_canaries,
    read_texts,
)
from amn.data.chunk_table import ChunkTable
from amn.data.encoder import encode_texts, load_declared
from amn.data.sampling import evenly_spaced, sample_rows, unit_vectors
from amn.errors import CheckNotRunError, DataError, EncodingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.encoder import Encoder
    from amn.data.manifest import EncoderInfo

PREFIXES = ("", "query: ", "passage: ", "search_query: ", "search_document: ")  # E5's, Nomic's
GLUES = (" ", ". ", ": ", "\n", "\n\n")  # between a title and its chunk
# What is measured is the furthest of the rows that are looked at; other rows, and another machine's
# order of sums, may be somewhat further. Defects are a hundred times as far.
HEADROOM = 4.0
ALONE = 8  # texts that are encoded one by one, to see what a batch does
PROBED = 64  # wrong rows that every way is tried on
SEARCHED_ROWS = 1 << 15  # of the data set, in memory


@dataclass(frozen=True)
class Encoding:
    """How to encode the texts of a data set again.

    Attributes:
        load: Makes the encoder of what dataset.json says of it, but for the prefix.
        texts: File with texts, see `read_texts`; None: those that the data set keeps.
        rows: More rows to look at than the canaries, drawn evenly over articles.
    """

    load: Callable[[EncoderInfo], Encoder] = load_declared
    texts: Path | None = None
    rows: int = 0


@dataclass(frozen=True)
class Group:
    """Rows that are not of the named encoder, in one way.

    Attributes:
        name: As after `rows were encoded`; empty where no way gives these rows.
        at: (n,) positions among the rows that were looked at, ascending.
        cosine: Median cosine with their texts, encoded again as it is declared.
        hint: What else there is to say.
    """

    name: str
    at: NDArray[np.int64]
    cosine: float
    hint: str = ""


@dataclass(frozen=True)
class Reencoded:
    """Some rows of a data set, and their texts encoded again.

    Attributes:
        encoder: Its name.
        rows: (n,) int64, ascending.
        dim: Numbers that the encoder makes.
        distances: (n,) float64, length of the difference of unit rows, in [0, 2]; empty where the
            encoder makes another number of them.
        tolerance: What rounding explains of a distance, measured with this encoder.
        wrong: The rows that are further, by what they are.
    """

    dataset: DataSet
    encoder: str
    rows: NDArray[np.int64]
    dim: int
    distances: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    tolerance: float = 0.0
    wrong: tuple[Group, ...] = ()


def reencode(dataset: DataSet, encoding: Encoding) -> Reencoded:
    """Encode the texts of canaries again, and of more rows if asked for, and explain what differs.

    Raises:
        CheckNotRunError: If there are no texts.
        DataError: If texts are not those that the canaries were chosen from.
        EncodingError: If the encoder fails on a text.
    """
    rows, texts = _texts(dataset, encoding)
    encoder = encoding.load(dataset.manifest.encoder)
    again = _Again(dataset, encoder, rows, texts)
    fresh = again.encoded(encoder, again.plain)
    name, dim = encoder.info.name, fresh.shape[1]
    if dim != dataset.dim:
        return Reencoded(dataset, name, rows, dim)
    stored = unit_vectors(dataset, rows).astype(np.float64)
    distances = _apart(fresh, stored)
    tolerance = again.tolerance(fresh, distances)
    wrong = np.flatnonzero(~(distances <= tolerance))
    groups = tuple(_explained(again, fresh, stored, wrong, tolerance)) if len(wrong) else ()
    return Reencoded(dataset, name, rows, dim, distances, tolerance, groups)


def _texts(dataset: DataSet, encoding: Encoding) -> tuple[NDArray[np.int64], list[str]]:
    """Return the rows to look at, ascending, and their texts."""
    supplied = read_texts(encoding.texts, dataset) if encoding.texts else None
    table = ChunkTable(dataset, (TEXT_COLUMN,))

    def texts_of(rows: NDArray[np.int64]) -> list[str | None]:
        if supplied is not None:
            return [supplied.get(int(row)) for row in rows]
        if table.columns and len(rows):
            found: list[str | None] = table.take(rows)[TEXT_COLUMN].to_pylist()
            return found
        return [None] * len(rows)

    canaries = read_canaries(dataset)
    if canaries is None:
        rows, texts = choose_canaries(dataset.codes, texts_of)
    else:
        rows = canaries.rows
        own = canaries.texts if supplied is None else ()
        texts = _verified(dataset, rows, own or texts_of(rows), canaries.digests)
    every = dict(zip(rows.tolist(), texts, strict=True))
    if encoding.rows:
        others = np.setdiff1d(np.arange(len(dataset)), rows)
        more = sample_rows(others, dataset.codes, encoding.rows, np.random.default_rng(SEED))
        every |= {int(r): text for r, text in zip(more, texts_of(more), strict=True) if text}
    if not every or (encoding.rows and len(every) == len(rows) < len(dataset)):
        what = "of more rows than its canaries" if every else "to encode again"
        raise CheckNotRunError(
            f"{dataset.path}: expected texts {what}, got none. Fix: amn check encoder"
            f" {quote(str(dataset.path))} --texts FILE"
        )
    ordered = sorted(every)
    return np.array(ordered, np.int64), [every[row] for row in ordered]


def _verified(
    dataset: DataSet,
    rows: NDArray[np.int64],
    texts: Sequence[str | None],
    digests: Sequence[str],
) -> list[str]:
    """Return the texts of canaries; one that is missing or another text is refused by name."""
    found = [text for text in texts if text is not None]
    command = f"amn check encoder {quote(str(dataset.path))} --texts FILE"
    fix = f"bring the texts that were encoded: {command}"
    if len(found) < len(texts):
        lost = dataset.where(int(rows[texts.index(None)]))
        n = len(texts) - len(found)
        message = f"{lost}: expected its text, got none ({n} of {len(texts)} canaries). Fix: {fix}"
        raise DataError(dataset.path, message)
    pairs = zip(digests_of(found), digests, strict=True)
    other = [k for k, (now, then) in enumerate(pairs) if now != then]
    if other:
        where = dataset.where(int(rows[other[0]]))
        raise DataError(
            dataset.path,
            f"{where}: expected the text with sha256 {digests[other[0]][:12]}, got another text"
            f" ({len(other)} of {len(texts)} canaries). Fix: {fix}",
        )
    return found


def _apart(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the length of the difference of each pair of unit rows, (n,) in [0, 2]."""
    gap = np.asarray(left, np.float64) - np.asarray(right, np.float64)
    return np.asarray(np.sqrt(np.vecdot(gap, gap)))


@dataclass(frozen=True)
class _Again:
    """Texts of some rows, and what encodes them."""

    dataset: DataSet
    encoder: Encoder
    rows: NDArray[np.int64]
    texts: list[str]

    @property
    def prefix(self) -> str:
        """The prefix that dataset.json declares."""
        return self.dataset.manifest.encoder.prefix or ""

    def plain(self, at: int) -> str:
        """Return a text as it is declared to have been encoded."""
        return self.prefix + self.texts[at]

    def glued(self, before: Sequence[str], glue: str, at: int) -> str:
        """Return a text after its own of those that come before."""
        return f"{before[at]}{glue}{self.texts[at]}"

    def encoded(
        self,
        encoder: Encoder,
        write: Callable[[int], str],
        at: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Return the vectors of some of the texts, all by default: (n, D) unit rows."""
        places = range(len(self.rows)) if at is None else at.tolist()
        where = [self.dataset.where(int(self.rows[k])) for k in places]
        texts = [write(k) for k in places]
        return encode_texts(encoder, texts, where=where.__getitem__).astype(np.float64)

    def tolerance(self, fresh: NDArray[np.float64], distances: NDArray[np.float64]) -> float:
        """Return how far apart rounding puts two encodings of a text: (0, 2].

        Measured, the furthest of these: stored in float16, and encoded alone, not in a batch. The
        encoder's other arithmetic is one of them where dataset.json says bfloat16, or says nothing
        and most rows are further apart than that.
        """
        at = evenly_spaced(len(self.rows), ALONE)
        alone = [self.encoded(self.encoder, self.plain, at[k : k + 1]) for k in range(len(at))]
        half = fresh.astype(np.float16).astype(np.float64)
        most = max(_apart(half, fresh).max(), _apart(np.vstack(alone), fresh[at]).max())
        said = self.dataset.manifest.encoder.precision
        if said == "bfloat16" or (said is None and np.median(distances) > HEADROOM * most):
            other = next((one for one in self.encoder.variants() if one.is_rounding), None)
            if other:
                rounded = self.encoded(other.encoder, self.plain, at)
                most = max(most, _apart(rounded, fresh[at]).max())
        return HEADROOM * float(most)

    def ways(self) -> Iterator[tuple[str, Encoder, Callable[[int], str], bool]]:
        """Yield name, encoder, how it is given a text, and whether it differs by rounding only."""
        for prefix in PREFIXES:
            if prefix != self.prefix:
                name = f"with the prefix {prefix!r}" if prefix else "without a prefix"
                yield name, self.encoder, partial(self.glued, [prefix] * len(self.rows), ""), False
        yield "in lower case", self.encoder, lambda at: self.plain(at).lower(), False
        table = ChunkTable(self.dataset, ("title",))
        titles = table.take(self.rows)["title"].to_pylist() if table.columns else []
        for glue in GLUES if any(titles) else ():
            name = f"with the title and {glue!r} before each chunk"
            before = [f"{self.prefix}{title or ''}" for title in titles]
            yield name, self.encoder, partial(self.glued, before, glue), False
        for variant in self.encoder.variants():
            name = variant.name + ", or with as little noise" * variant.is_rounding
            yield name, variant.encoder, self.plain, variant.is_rounding


def _explained(
    again: _Again,
    fresh: NDArray[np.float64],
    stored: NDArray[np.float64],
    wrong: NDArray[np.int64],
    tolerance: float,
) -> Iterator[Group]:
    """Yield the wrong rows by what they are; the way that gives most of them comes first."""
    cosines = np.vecdot(fresh, stored)

    def group(name: str, at: NDArray[np.int64], hint: str = "") -> Group:
        return Group(name, at, float(np.median(cosines[at])), hint)

    probed = wrong[evenly_spaced(len(wrong), PROBED)]
    left = wrong
    for name, encoder, write, most in _best_ways(again, fresh, stored, probed, tolerance):
        is_so = _apart(again.encoded(encoder, write, left), stored[left]) <= most
        if is_so.any():
            yield group(name, left[is_so])
        left = left[~is_so]
        if not len(left):
            return
    elsewhere = _found_elsewhere(again.dataset, fresh[left], tolerance)
    moved = left[elsewhere >= 0]
    if len(moved):
        dataset = again.dataset
        first = int(elsewhere[elsewhere >= 0][0])
        here = dataset.where(int(again.rows[moved[0]]))
        hint = f"their vectors stand elsewhere: that of {here} is {dataset.where(first)}"
        yield group("", moved, hint)
    rest = left[elsewhere < 0]
    if len(rest):
        # Half-way between the two known cases: its own text, and another one.
        other = float(np.median(np.vecdot(fresh, np.roll(stored, 1, axis=0))))
        is_near = np.median(cosines[rest]) > (1 + other) / 2
        what = "noise, an edited text or another revision" if is_near else "another model or text"
        yield group("", rest, f"no way to run it gives them: {what} (other rows {other:.2f})")


def _best_ways(
    again: _Again,
    fresh: NDArray[np.float64],
    stored: NDArray[np.float64],
    probed: NDArray[np.int64],
    tolerance: float,
) -> Iterator[tuple[str, Encoder, Callable[[int], str], float]]:
    """Yield ways that give wrong rows, those of most rows first, until each row has its own."""
    found = []
    for name, encoder, write, is_rounding in again.ways():
        try:
            made = again.encoded(encoder, write, probed)
        except EncodingError:  # a way that it cannot be run in made no row
            continue
        most = HEADROOM * float(_apart(made, fresh[probed]).max()) if is_rounding else tolerance
        is_so = _apart(made, stored[probed]) <= most
        if is_so.any():
            found.append((is_so, (name, encoder, write, most)))
        if is_so.all():
            break
    left = np.ones(len(probed), np.bool_)
    while found and left.any():
        is_so, way = max(found, key=lambda one: np.count_nonzero(one[0] & left))
        if not (is_so & left).any():
            return
        left &= ~is_so
        yield way


def _found_elsewhere(
    dataset: DataSet, fresh: NDArray[np.float64], tolerance: float
) -> NDArray[np.int64]:
    """Return the row of the data set that holds each vector, -1 where none does: (n,) int64."""
    best, at = np.full(len(fresh), -np.inf), np.full(len(fresh), -1)
    for start in range(0, len(dataset), SEARCHED_ROWS):
        rows = np.arange(start, min(start + SEARCHED_ROWS, len(dataset)))
        cosines = fresh @ unit_vectors(dataset, rows).T
        nearest = cosines.argmax(axis=1)
        value = cosines[np.arange(len(fresh)), nearest]
        at = np.where(value > best, rows[nearest], at)
        best = np.maximum(best, value)
    # |a - b|^2 = 2 (1 - a . b) of unit rows; float32 rows are unit within 1e-7.
    return np.where(2 * (1 - best) <= tolerance**2 + 1e-6, at, -1)
