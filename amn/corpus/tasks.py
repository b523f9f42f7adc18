"""What engines run: pages to a part of the chunk table, rows of it to a part of the vectors.

A task is picklable, reads and writes the staging folder, and leaves the same bytes in any process.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from amn.corpus.articles import Skipped
from amn.corpus.chunking import make_chunker
from amn.corpus.language import language_detector
from amn.corpus.rows import StagedRows
from amn.corpus.staging import TEXTS, VECTORS
from amn.data.encoder import encode_texts, fingerprint
from amn.data.fingerprint import TOLERANCE, Fingerprint, compare_fingerprints
from amn.data.writer import write_npy
from amn.engines import silent
from amn.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.corpus.articles import Article
    from amn.corpus.chunking import Chunk
    from amn.corpus.plan import BuildConfig
    from amn.corpus.sources import Record
    from amn.corpus.staging import Staging
    from amn.data.encoder import Encoder
    from amn.engines import Tell

COLUMNS: dict[str, pa.DataType] = {
    "article_id": pa.int64(),
    "chunk_index": pa.int32(),
    "title": pa.string(),
    "kind": pa.string(),
    "language": pa.string(),  # ISO 639; null where nobody can tell
    "char_start": pa.int32(),  # in the article's plain text
    "n_chars": pa.int32(),
    "text": pa.string(),
    "where": pa.string(),  # in the source; for messages, it is not in the data set
}
SHOWN_PLACES = 3


@dataclass
class Tally:
    """What became of the pages of a part."""

    pages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    no_chunk: int = 0
    articles: int = 0
    too_short: int = 0
    rows: int = 0

    def skip(self, page: Skipped) -> None:
        """Count a page that gave no article; keep the first places of a reason."""
        self.skipped[page.reason] += 1
        places = self.places.setdefault(page.reason, [])
        if len(places) < SHOWN_PLACES:
            places.append(page.where)

    def add(self, record: dict[str, Any]) -> None:
        """Add what another part counted, as its record has it."""
        for name in ("pages", "no_chunk", "articles", "too_short", "rows"):
            setattr(self, name, getattr(self, name) + record[name])
        for name in ("skipped", "kinds", "dropped"):
            getattr(self, name).update(record[name])
        for reason, places in record["places"].items():
            mine = self.places.setdefault(reason, [])
            mine += places[: SHOWN_PLACES - len(mine)]


@dataclass
class BuildEncoder:
    """The encoder of a build. It never leaves its process: another one has devices of its own.

    Attributes:
        load: Makes it, in any process.
        probe: What the plan's encoder makes of the probe texts; one that is loaded does the same.
        loaded: When this process has it already.
    """

    load: Callable[[], Encoder]
    probe: str
    loaded: Encoder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"loaded": None}

    def get(self) -> Encoder:
        """Return the encoder, loaded at most once a process.

        Raises:
            EncodingError: If what is loaded here is another encoder than the plan's.
        """
        if self.loaded is None:
            encoder = self.load()
            distance = compare_fingerprints(fingerprint(encoder), Fingerprint.from_text(self.probe))
            if not distance <= TOLERANCE:
                raise EncodingError(
                    f"{encoder.info.name}: expected the encoder that this build began with, got one"
                    f" whose probe vectors are {distance:.3g} away (1 - cosine). Fix: the same"
                    " model on every machine"
                )
            self.loaded = encoder
        return self.loaded


class Pages(NamedTuple):
    """A part of the source: its number, and its raw pages."""

    number: int
    items: Sequence[Record | Skipped]

    def __str__(self) -> str:
        return f"part {self.number} of the pages"


@dataclass
class ChunkPages:
    """The text stage: raw pages to a part of the chunk table."""

    staging: Staging
    config: BuildConfig
    encoder: BuildEncoder

    def __call__(self, part: Pages, _: Tell = silent) -> int:
        """Write a part; return how many pages it has."""
        tally = Tally(pages=len(part.items))
        chunks: list[tuple[Article, Chunk]] = []
        for item in part.items:
            page = item if isinstance(item, Skipped) else self.config.source.parse(item)
            if isinstance(page, Skipped):
                tally.skip(page)
                continue
            tally.kinds[page.kind] += 1
            if page.kind in self.config.dropped_kinds:
                tally.dropped[page.kind] += 1
                continue
            found, too_short = self._chunker(page)
            tally.too_short += too_short
            tally.articles += bool(found)
            tally.no_chunk += not found
            if found and self.config.detect_language:
                page = replace(page, language=self._detect(page.text))
            chunks += [(page, chunk) for chunk in found]
        tally.rows = len(chunks)
        table = _table(chunks)
        # Not asdict: before Python 3.12 it makes other Counters of a Counter's items.
        self.staging.finish(TEXTS, part.number, lambda path: _write(path, table), tally.__dict__)
        return tally.pages

    @cached_property
    def _detect(self) -> Any:  # noqa: ANN401 - as _chunker
        return language_detector()

    @cached_property
    def _chunker(self) -> Any:  # noqa: ANN401 - a Chunker; cached_property needs the name at run time
        if self.config.chunking.style != "semantic":
            return make_chunker(self.config.chunking)
        encoder = self.encoder.get()
        return make_chunker(self.config.chunking, encode=lambda texts: encode_texts(encoder, texts))


def _table(chunks: list[tuple[Article, Chunk]]) -> pa.Table:
    columns = [
        [chunk.article_id for _, chunk in chunks],
        [chunk.chunk_index for _, chunk in chunks],
        [page.title for page, _ in chunks],
        [str(page.kind) for page, _ in chunks],
        [page.language for page, _ in chunks],
        [chunk.start for _, chunk in chunks],
        [chunk.end - chunk.start for _, chunk in chunks],
        [chunk.text for _, chunk in chunks],
        [page.where for page, _ in chunks],
    ]
    return pa.table(columns, schema=pa.schema(COLUMNS))


def _write(path: Path, table: pa.Table) -> None:
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


@dataclass
class EncodeRows:
    """The encoding stage: rows of the chunk table to a part of the vectors."""

    staging: Staging
    config: BuildConfig
    encoder: BuildEncoder
    told: Callable[[int], None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"told": None}  # a bar is drawn in one process

    def __call__(self, number: int, _: Tell = silent) -> int:
        """Write part `number`; return how many rows it has.

        Raises:
            EncodingError: If the encoder fails; the message names article and chunk.
        """
        size = self.config.rows_per_part
        start = number * size
        table = self._rows.table(start, min(start + size, len(self._rows)))

        def where(row: int) -> str:
            article, chunk = table["article_id"][row], table["chunk_index"][row]
            return f"article {article} chunk {chunk} ({table['where'][row]}, row {start + row})"

        texts: list[Any] = table["text"].to_pylist()
        encoder = self.encoder.get()
        rows = encode_texts(encoder, texts, where=where, told=self.told).astype(self.config.dtype)
        record = {"rows": len(rows), "dim": rows.shape[1], "cut": encoder.count_cut(texts)}
        self.staging.finish(VECTORS, number, lambda path: _save(path, rows), record)
        return len(rows)

    @cached_property
    def _rows(self) -> StagedRows:
        return StagedRows(self.staging, self.config.rows_per_part)


def _save(path: Path, rows: NDArray[np.floating[Any]]) -> None:
    write_npy(path, [rows], rows.shape, rows.dtype)
