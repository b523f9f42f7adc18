"""A build: from a source of articles to a data set, resumable from any moment.

```
source ─▶ pages ─▶ kinds ─▶ chunks ─▶ vectors ─▶ sorted shards ─▶ FOLDER
          └──── text stage ────┘     └ encoding ┘ └── assembly ──┘
```
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.account import source_note, stages_of
from amn.corpus.assembly import canaries_of, find_articles, write_sorted
from amn.corpus.plan import make_plan
from amn.corpus.ray_data import encode_on_ray
from amn.corpus.rows import StagedRows
from amn.corpus.staging import TEXTS, VECTORS, Staging, discard, staging
from amn.corpus.tasks import COLUMNS, BuildEncoder, ChunkPages, EncodeRows, Pages, Tally
from amn.data.dataset import open_dataset
from amn.data.encoder import fingerprint
from amn.data.manifest import MANIFEST_FILE, EncoderInfo, Manifest, read_manifest
from amn.engines import LocalEngine
from amn.engines.ray import RayEngine
from amn.errors import BuildError, DataError
from amn.storage import write_json
from amn.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.corpus.plan import BuildConfig
    from amn.corpus.sources import Source
    from amn.data.dataset import DataSet
    from amn.engines import Engine

    Progress = Callable[[int, int | None, str], None]  # done, in all where it is known, of what

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Built:
    """A data set that was built.

    Attributes:
        path: Its folder.
        n_articles: That have a row.
        places: The first places of pages that gave no article, by reason.
    """

    path: Path
    manifest: Manifest
    n_articles: int
    places: dict[str, list[str]]

    @cached_property
    def dataset(self) -> DataSet:
        """The data set, opened: 12 bytes of memory a row, which building it does not take."""
        return open_dataset(self.path)


def build_dataset(
    destination: Path,
    config: BuildConfig,
    *,
    engine: Engine | None = None,
    restart: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Build a data set in the new folder `destination`, or go on with a build that was stopped.

    Killed at any moment and called again with the same config, it ends in the same bytes.

    Args:
        engine: Where the work is done; None: in this process.
        restart: Throw away what a stopped build finished.
        progress: Called with (done, in all or None, of what).

    Raises:
        ArgumentError: If the build that was stopped had another plan.
        BuildError: If the disk is full, or another process builds the same data set.
        DataError: If the source is damaged, has an id twice, or gives no rows.
        EncodingError: If the encoder fails; the message names the text.
        FileExistsError: If `destination` exists.
    """
    progress = progress or (lambda done, total, text: None)  # noqa: ARG005 - shows nothing
    encoder = config.load()
    print_ = fingerprint(encoder)
    info = encoder.info.model_copy(
        update={"probe_digest": print_.digest, "probe": print_.to_text()}
    )
    plan = make_plan(config, info)
    with _space(destination), staging(destination, plan, restart=restart) as (parts, began_with):
        if not destination.exists() and config.series:
            config = replace(config, source=_with_series(config.source, parts, progress))
        info = EncoderInfo.model_validate(began_with["encoder"])
        shared = BuildEncoder(config.load, info.probe or "", encoder)
        work = _Build(config, parts, engine or LocalEngine(), progress, shared)
        if not destination.exists():
            work.chunk()
            work.encode()
            noted = work.cut(encoder.max_tokens)
            work.assemble(destination, info, source_note(began_with["source"]), noted)
        elif not parts.is_end(destination / MANIFEST_FILE):
            raise FileExistsError(destination)
        tally = work.tally()
        discard(parts)
    return Built(destination, read_manifest(destination), tally.articles, tally.places)


def _with_series(source: Source, parts: Staging, progress: Progress) -> Source:
    """Return the source that knows its machine-written series, found once a build."""
    series = parts.series
    if series is not None:
        return replace(source, series=series)
    found = source.with_series(lambda pages: progress(pages, None, "finding series"))
    parts.end_series(found.series)
    return found


@dataclass(frozen=True)
class _Build:
    """The stages of one build."""

    config: BuildConfig
    staging: Staging
    engine: Engine
    progress: Progress
    encoder: BuildEncoder

    def chunk(self) -> None:
        """The text stage: every page to its part of the chunk table."""
        n_parts = self.staging.n_text_parts
        if n_parts is not None and all(
            self.staging.is_finished(TEXTS, number) for number in range(n_parts)
        ):
            return
        seen = _Seen()
        pages = 0
        todo = self._unfinished_pages(seen)
        task = ChunkPages(self.staging, self.config, self.encoder)
        # A semantic chunker encodes: one encoder with every core, rather than one a process.
        cores = available_cores() if self.config.chunking.style == "semantic" else 1
        for finished in self.engine.map(task, todo, cores=cores):
            pages += finished
            self.progress(pages + seen.skipped, None, "reading pages")
        self.staging.end_texts(seen.parts)

    def _unfinished_pages(self, seen: _Seen) -> Iterator[Pages]:
        """Yield the parts of the source that are still to be made; count all of them."""
        pages = iter(self.config.source.records())
        while part := list(islice(pages, self.config.pages_per_part)):
            number, seen.parts = seen.parts, seen.parts + 1
            if self.staging.is_finished(TEXTS, number):
                seen.skipped += len(part)
            else:
                yield Pages(number, part)

    def encode(self) -> None:
        """The encoding stage: every row of the chunk table to its vector."""
        rows = self._rows()
        # Before hours of encoding: an id that is there twice would be found at the end.
        find_articles(rows, self.config.source.path)
        todo = [
            number
            for number in range(rows.n_vector_parts)
            if not self.staging.is_finished(VECTORS, number)
        ]
        size = self.config.rows_per_part
        left = sum(min(size, len(rows) - number * size) for number in todo)
        done = len(rows) - left

        def told(so_far: int) -> None:
            self.progress(done + so_far, len(rows), "encoding rows")

        task = EncodeRows(self.staging, self.config, self.encoder, told)
        told(0)
        ended: Iterator[int] = map(task, todo)  # the encoder's own threads use every core
        if isinstance(self.engine, RayEngine):
            ended = encode_on_ray(task, todo, actors=self.engine.most)
        for finished in ended:
            done += finished
            self.progress(done, len(rows), "encoding rows")

    def cut(self, max_tokens: int | None) -> dict[str, int]:
        """Return how many rows are longer than the encoder reads, by what to call them."""
        parts = range(self._rows().n_vector_parts)
        cut = sum(self.staging.record(VECTORS, number)["cut"] for number in parts)
        return {f"longer than the {max_tokens} tokens that it reads": cut} if cut else {}

    def assemble(
        self, destination: Path, info: EncoderInfo, source: str, noted: dict[str, int]
    ) -> None:
        """Sort, write shards and manifest, and give the folder its name: the last step.

        Args:
            noted: Of the encoded rows, see `Stage`.
        """
        rows = self._rows()
        articles = find_articles(rows, self.config.source.path)
        columns = tuple(
            name
            for name in COLUMNS
            if name != "where" and (name != "text" or self.config.keep_text)
        )
        folder = self.staging.folder / "dataset"
        folder.mkdir()
        files = write_sorted(
            folder,
            rows,
            articles,
            columns=columns,
            dtype=np.dtype(self.config.dtype),
            progress=lambda done: self.progress(done, len(rows), "sorting rows"),
        )
        canaries = canaries_of(folder, rows, articles, keep_text=self.config.keep_text)
        tally = self.tally()
        manifest = Manifest(
            schema=1,
            name=self.config.name,
            rows=len(rows),
            dim=rows.dim,
            dtype=self.config.dtype,
            encoder=info,
            source=source,
            licence=self.config.licence,
            stages=stages_of(self.config, tally, info, noted),
            kinds=dict(sorted(tally.kinds.items())),
            canaries=canaries,
            files=files,
        )
        write_json(folder / MANIFEST_FILE, manifest.to_json())
        self.staging.end(folder / MANIFEST_FILE)
        folder.rename(destination)

    def tally(self) -> Tally:
        """Return what became of every page."""
        total = Tally()
        for number in range(self.staging.n_text_parts or 0):
            total.add(self.staging.record(TEXTS, number))
        return total

    def _rows(self) -> StagedRows:
        rows = StagedRows(self.staging, self.config.rows_per_part)
        if not len(rows):
            tally = self.tally()
            gone = {**tally.skipped, **tally.dropped, "no chunk": tally.no_chunk}
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in gone.items() if n)
            raise DataError(
                self.config.source.path,
                f"expected articles with text, got {tally.pages:,} pages and no row"
                f" ({reasons or 'it is empty'}). Fix: look at --articles, --drop and --min-chars",
            )
        return rows


@dataclass
class _Seen:
    """Parts of the source so far, and pages in those that were finished before."""

    parts: int = 0
    skipped: int = 0


@contextmanager
def _space(destination: Path) -> Iterator[None]:
    """Say what a full disk means for the build."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise BuildError(
            f"{destination.parent}: expected room for the build, got a full disk ({error}). Fix:"
            " make room and run it again: it goes on where it stopped"
        ) from error
