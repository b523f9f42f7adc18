"""A copy of a case, to be broken: files are shared with a clean copy until they are changed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.case.config import SPLITS, Selector
from amn.case.load import Case
from amn.data.articles import sample_articles
from amn.data.canaries import TEXT_COLUMN
from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST, DataSet, open_dataset
from amn.data.manifest import MANIFEST_FILE, Stage
from amn.data.splits import Split, resolve_splits
from amn.data.vectors import seal_file
from amn.data.writer import Chunks, write_dataset
from amn.storage import sha256_file, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.data.articles import ArticleSample
    from amn.data.ids import Ids

DATA = "data"


@dataclass
class CaseCopy:
    """A case in a folder of its own, whose data set is the folder `data` in it.

    Attributes:
        config: Its settings; they are changed here and not in the file.
    """

    folder: Path
    config: CaseConfig

    @property
    def case(self) -> Case:
        """The case as it is now."""
        return Case(self.folder, self.config)

    @property
    def data(self) -> Path:
        """Folder of the data set."""
        return self.folder / DATA

    @property
    def has_index(self) -> bool:
        """Whether the data set has a FAISS index."""
        return (self.data / INDEX_FILE).exists()

    def dataset(self) -> DataSet:
        """Open the data set as it is now."""
        return open_dataset(self.data)

    def splits(self) -> dict[str, Split]:
        """Resolve the splits as they are now."""
        return resolve_splits(self.case, self.dataset())

    def vectors(self) -> NDArray[Any]:
        """Return all vectors as stored, (N, D), in memory."""
        dataset = self.dataset()
        return dataset.gather(np.arange(len(dataset)))

    def sample(self) -> ArticleSample:
        """Return the articles that statistical checks of the data look at, as they are now."""
        return sample_articles(self.dataset())

    def clone(self, folder: Path) -> CaseCopy:
        """Return a copy that shares every file with this one until it is changed."""
        for source in sorted(self.folder.rglob("*")):
            target = folder / source.relative_to(self.folder)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(source, target)
        return CaseCopy(folder, self.config)

    def own(self, path: Path) -> Path:
        """Make a file this copy's own, so that it can be written in place; return it."""
        temporary = path.with_name(f".own.{path.name}")
        shutil.copyfile(path, temporary)
        temporary.replace(path)
        return path

    def change_vectors(self, change: Callable[[NDArray[Any]], None]) -> None:
        """Change the first shard's vectors in place; no digest is touched."""
        file = self.own(self.dataset().shards[0].path)
        vectors = np.lib.format.open_memmap(file, mode="r+")
        change(vectors)
        vectors.flush()

    def change_bytes(self, path: Path, change: Callable[[bytearray], None]) -> None:
        """Change a file's bytes; no digest is touched."""
        content = bytearray(path.read_bytes())
        change(content)
        self.own(path).write_bytes(content)

    def change_json(self, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
        """Change a JSON file."""
        values = json.loads(path.read_text(encoding="utf-8"))
        change(values)
        write_json(path, values)

    def rebuild(
        self,
        vectors: NDArray[Any],
        article_ids: Ids | None = None,
        chunk_index: NDArray[np.int32] | None = None,
        texts: list[str] | None = None,
    ) -> None:
        """Write the data set anew with every digest right, without an index.

        Args:
            vectors: (N, D).
            article_ids: (N,) of its rows; None for those that they have now.
            chunk_index: (N,) likewise.
            texts: (N,) of its rows; None for a data set without.
        """
        dataset = self.dataset()
        old = dataset.manifest
        article_ids = dataset.article_ids if article_ids is None else article_ids
        chunk_index = dataset.chunk_index if chunk_index is None else chunk_index
        shutil.rmtree(self.data)
        n = len(vectors)
        extra: dict[str, pa.Array[Any] | pa.ChunkedArray[Any]] = {}
        if texts is not None:
            extra[TEXT_COLUMN] = pa.array(texts, pa.large_string())
        write_dataset(
            self.data,
            vectors.astype(old.dtype, copy=False),
            Chunks(article_ids=article_ids, chunk_index=chunk_index, extra=extra),
            name=old.name,
            dtype=old.dtype,
            encoder=old.encoder,
            stages=[Stage(name="import", rows_in=n, rows_out=n)],
        )

    def overwrite_keys(self, article_ids: Ids, chunk_index: NDArray[np.int32]) -> None:
        """Replace the keys of a data set of one shard as a broken exporter writes them, signed."""
        entries = self.dataset().manifest.files
        path = self.data / next(e.path for e in entries if e.path.endswith(".parquet"))
        table = pq.read_table(path)
        for name, values in (("article_id", article_ids), ("chunk_index", chunk_index)):
            at = table.column_names.index(name)
            table = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
        pq.write_table(table, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
        self.sign()

    def sign(self) -> None:
        """Write the digests of the files as they are now into the manifest."""

        def change(manifest: dict[str, Any]) -> None:
            for entry in manifest["files"]:
                now = seal_file(self.data / entry["path"], entry["rows"])
                entry["sha256"] = now.sha256
                if entry.get("seal"):  # another seal, or the first, makes another data set of it
                    entry["seal"] = now.seal

        self.change_json(self.data / MANIFEST_FILE, change)

    def sign_index(self) -> None:
        """Write the index's digest and size as they are now into its record."""
        path = self.data / INDEX_FILE
        self.change_json(
            self.data / INDEX_MANIFEST,
            lambda r: r.update(sha256=sha256_file(path), size_bytes=path.stat().st_size),
        )

    def set_splits(self, **articles: Ids) -> None:
        """Name the articles of all splits; those not given stay what they are now."""
        now = {name: split.articles for name, split in self.splits().items()}
        lists = {name: articles.get(name, now[name]) for name in SPLITS}
        selectors = {name: Selector(articles=ids.tolist()) for name, ids in lists.items()}
        self.configure(split=selectors)

    def configure(self, **sections: dict[str, Any]) -> None:
        """Replace settings, section by section."""
        changed = {
            name: getattr(self.config, name).model_copy(update=values)
            for name, values in sections.items()
        }
        self.config = self.config.model_copy(update=changed)


def _link(source: Path, target: Path) -> None:
    """Share a file where the file system can, or copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
