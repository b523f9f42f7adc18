"""Copies of a case, to be broken: files are shared with a clean copy until they are changed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from amn.case import Case
from amn.config import SPLITS, Selector
from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST, DataSet, open_dataset
from amn.data.manifest import MANIFEST_FILE, Stage
from amn.data.seal import seal_file
from amn.data.splits import Split, resolve_splits
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError
from amn.golden.ledger import LEDGER_FILE
from amn.golden.speed import SPEED_FOLDER
from amn.golden.store import COSINES_FILE, GOLDEN_FILE
from amn.index.build import build_index
from amn.index.manifest import read_index_manifest
from amn.places import CASE_FILE
from amn.storage import sha256_file, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from amn.config import CaseConfig

DATA = "data"
MOST_ROWS = 40_000  # of a case that is copied whole; a larger one is sampled by article


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
        self, vectors: NDArray[Any], article_ids: NDArray[np.int64], chunk_index: NDArray[np.int32]
    ) -> None:
        """Write the data set anew with every digest right, without an index."""
        old = self.dataset().manifest
        shutil.rmtree(self.data)
        n = len(vectors)
        write_dataset(
            self.data,
            vectors.astype(old.dtype, copy=False),
            Chunks(article_ids=article_ids, chunk_index=chunk_index),
            name=old.name,
            dtype=old.dtype,
            encoder=old.encoder,
            stages=[Stage(name="import", rows_in=n, rows_out=n)],
        )

    def overwrite_keys(
        self, article_ids: NDArray[np.int64], chunk_index: NDArray[np.int32]
    ) -> None:
        """Replace the keys of a data set of one shard as a broken exporter writes them, signed."""
        import pyarrow as pa  # noqa: PLC0415 - used here alone

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

    def set_splits(self, **articles: NDArray[np.int64]) -> None:
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


def copy_case(case: Case, folder: Path) -> CaseCopy:
    """Copy a case; one of more than `MOST_ROWS` rows is sampled by article, without its golden.

    Raises:
        ArgumentError: If its splits name other data sets.
        DataError: If its data set cannot be opened.
    """
    split = case.config.split
    others = [s.dataset for s in (split.train, split.in_dist, split.ood) if s and s.dataset]
    if others:
        raise ArgumentError(
            f"{case.file}: expected a case of one data set, got {len(others) + 1}. "
            "Fix: amn selftest on a case whose splits are of its own data set"
        )
    dataset = open_dataset(case.dataset_path)
    config = case.config
    if Path(config.dataset.path) != Path(DATA):
        config = _with(config, dataset=config.dataset.model_copy(update={"path": DATA}))
    if len(dataset) > MOST_ROWS:
        return _sample(Case(case.folder, config), dataset, folder)
    (folder / DATA).mkdir(parents=True)
    files = [MANIFEST_FILE, INDEX_FILE, INDEX_MANIFEST, *(f.path for f in dataset.manifest.files)]
    _copy_files(dataset.path, folder / DATA, files)
    _copy_files(case.folder, folder, [CASE_FILE, GOLDEN_FILE, COSINES_FILE, LEDGER_FILE])
    if (case.folder / SPEED_FOLDER).is_dir():
        shutil.copytree(case.folder / SPEED_FOLDER, folder / SPEED_FOLDER)
    return CaseCopy(folder, _copy_lists(case.folder, config, folder))


def _copy_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Copy those files that are there."""
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _copy_lists(source: Path, config: CaseConfig, target: Path) -> CaseConfig:
    """Copy the files with lists of articles that splits name; return the config of the copy."""
    selectors = {}
    for name in SPLITS:
        selector = getattr(config.split, name)
        if selector and selector.file:
            file = Path(selector.file)
            is_beside = file.name == selector.file
            shutil.copyfile(source / file, target / (file.name if is_beside else f"{name}.json"))
            if not is_beside:
                selectors[name] = selector.model_copy(update={"file": f"{name}.json"})
    if not selectors:
        return config  # as it is: the golden was made with it
    return _with(config, split=config.split.model_copy(update=selectors))


def _sample(case: Case, dataset: DataSet, folder: Path) -> CaseCopy:
    """Copy articles of every split, drawn evenly, until there are about half of `MOST_ROWS`."""
    share = MOST_ROWS / 2 / len(dataset)
    rng = np.random.default_rng(0)
    splits = resolve_splits(case, dataset)
    chosen = {
        name: np.sort(rng.permutation(s.articles)[: max(8, round(share * len(s.articles)))])
        for name, s in splits.items()
    }
    rows = np.flatnonzero(np.isin(dataset.article_ids, np.concatenate(list(chosen.values()))))
    copy = write_rows(folder / DATA, dataset, rows)
    if dataset.index_path.exists():
        build_index(copy, read_index_manifest(dataset.path).kind)
    sampled = CaseCopy(folder, case.config)
    sampled.configure(split={name: Selector(articles=ids.tolist()) for name, ids in chosen.items()})
    return sampled


def write_rows(folder: Path, dataset: DataSet, rows: NDArray[np.int64], **changed: Any) -> DataSet:  # noqa: ANN401 - those of `write_dataset`
    """Write some rows of a data set as one of its own.

    Args:
        changed: Arguments of `write_dataset` in place of what the data set's manifest says.
    """
    manifest = dataset.manifest
    said = {"name": manifest.name, "dtype": manifest.dtype, "encoder": manifest.encoder}
    return write_dataset(
        folder,
        dataset.gather(rows),
        Chunks(article_ids=dataset.article_ids[rows], chunk_index=dataset.chunk_index[rows]),
        stages=[Stage(name="sample", rows_in=len(rows), rows_out=len(rows))],
        **{**said, **changed},
    )


def _with(config: CaseConfig, **sections: object) -> CaseConfig:
    return config.model_copy(update=sections)


def _link(source: Path, target: Path) -> None:
    """Share a file where the file system can, or copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
