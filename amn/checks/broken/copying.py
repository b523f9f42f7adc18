"""How a case is copied: with all that its data, its splits and its golden are made of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import SPLITS, Selector
from amn.case.load import Case
from amn.checks.broken.copies import DATA, CaseCopy
from amn.data.canaries import CANARIES_FILE, TEXT_COLUMN
from amn.data.chunk_table import ChunkTable
from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST, DataSet, open_dataset
from amn.data.elsewhere import fetch_index, fetched
from amn.data.index.build import build_index
from amn.data.index.reader import ADOPTED, read_index_manifest
from amn.data.manifest import MANIFEST_FILE, Stage
from amn.data.shared_text import has_texts
from amn.data.splits import resolve_splits
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError
from amn.golden.speed import SPEED_FOLDER
from amn.golden.store import WRITTEN
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig

MOST_ROWS = 40_000  # of a case that is copied whole; a larger one is sampled by article


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
    if case.config.dataset.index_sha256:
        fetch_index(case)
    dataset = open_dataset(fetched(case, case.sources[0]))
    config = case.config
    if config.dataset.sha256 or Path(config.dataset.path) != Path(DATA):
        here = {"path": DATA, "sha256": None, "index_sha256": None}  # a copy that may be broken
        config = config.model_copy(update={"dataset": config.dataset.model_copy(update=here)})
    if len(dataset) > MOST_ROWS:
        return _sample(Case(case.folder, config), dataset, folder)
    (folder / DATA).mkdir(parents=True)
    names = [MANIFEST_FILE, INDEX_FILE, INDEX_MANIFEST, CANARIES_FILE]
    files = [*names, *(f.path for f in dataset.manifest.files)]
    _copy_files(dataset.path, folder / DATA, files)
    _copy_files(case.folder, folder, [CASE_FILE, *WRITTEN])
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
    return config.model_copy(update={"split": config.split.model_copy(update=selectors)})


def _sample(case: Case, dataset: DataSet, folder: Path) -> CaseCopy:
    """Copy articles of every split, drawn evenly, until there are about half of `MOST_ROWS`."""
    share = MOST_ROWS / 2 / len(dataset)
    rng = np.random.default_rng(0)
    splits = resolve_splits(case, dataset)
    chosen = {
        name: np.sort(rng.permutation(s.articles)[: max(8, round(share * len(s.articles)))])
        for name, s in splits.items()
    }
    rows = dataset.rows_of(np.concatenate(list(chosen.values())))
    copy = write_rows(folder / DATA, dataset, rows, texts=has_texts(dataset.path))
    if dataset.index_path.exists():
        kind = read_index_manifest(dataset.path).kind
        build_index(copy, "flat" if kind == ADOPTED else kind)
    sampled = CaseCopy(folder, case.config)
    sampled.configure(split={name: Selector(articles=ids.tolist()) for name, ids in chosen.items()})
    return sampled


def write_rows(
    folder: Path,
    dataset: DataSet,
    rows: NDArray[np.int64],
    *,
    texts: bool = False,
    **changed: Any,  # noqa: ANN401 - those of `write_dataset`
) -> DataSet:
    """Write some rows of a data set as one of its own.

    Args:
        texts: Whether to write the texts of the rows, too.
        changed: Arguments of `write_dataset` in place of what the data set's manifest says.
    """
    manifest = dataset.manifest
    said = {"name": manifest.name, "dtype": manifest.dtype, "encoder": manifest.encoder}
    table = ChunkTable(dataset, (TEXT_COLUMN,)).take(rows) if texts else None
    return write_dataset(
        folder,
        dataset.gather(rows),
        Chunks(
            article_ids=dataset.article_ids[rows],
            chunk_index=dataset.chunk_index[rows],
            extra={TEXT_COLUMN: table[TEXT_COLUMN]} if table else {},
        ),
        stages=[Stage(name="sample", rows_in=len(rows), rows_out=len(rows))],
        **{**said, **changed},
    )
