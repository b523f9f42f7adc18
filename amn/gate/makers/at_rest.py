"""Makers of what is at rest: data sets, the index, splits and windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.checks.split_copies import LEAKED_SHARE
from amn.data.articles import sample_articles, sample_split
from amn.data.beside_train import pooled
from amn.data.dataset import DataSet, open_dataset, stored_digests
from amn.data.elsewhere import fetch_index, fetched
from amn.data.row_order import row_order
from amn.data.scan import RowScan, Scanned, scan_rows
from amn.data.splits import Split, resolve_splits
from amn.data.windows import Windows, find_windows
from amn.errors import AmnError, DataError
from amn.gate.evidence import named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.limits import Configuration, DataConfig, IndexConfig
    from amn.case.load import Case
    from amn.case.place import Source
    from amn.data.articles import ArticleSample
    from amn.data.index.reader import OpenIndex
    from amn.data.index.recall import Answers, Recalled
    from amn.data.reencoding import Encoding, Reencoded
    from amn.data.row_order import RowOrder
    from amn.data.shared_text import SharedText

    Progress = Callable[[int, int, str], None]


Sound = TypeVar("Sound")


def folders(case: Case, progress: Progress | None) -> tuple[Path | DataError, ...]:
    """Folders of the case's own data set, then of those that its splits name, each once.

    What a store keeps is fetched; of what is not as its digest says, why.
    """

    def attempt(source: Source) -> Path | DataError:
        try:
            return fetched(case, source, progress=progress)
        except DataError as error:
            return error

    return tuple(map(attempt, sources(case)))


def sources(case: Case) -> tuple[Source, ...]:
    """Return the data sets of a case, its own first, each once."""
    return tuple({case.folder_of(one).resolve(): one for one in case.sources}.values())


def opened(folders: tuple[Path | DataError, ...]) -> tuple[DataSet | DataError, ...]:
    """Each data set, or why it cannot be opened."""

    def attempt(folder: Path | DataError) -> DataSet | DataError:
        try:
            return open_dataset(sound(folder))
        except DataError as error:
            return error

    return tuple(map(attempt, folders))


def data_sets(opened: tuple[DataSet | DataError, ...]) -> tuple[DataSet, ...]:
    """The data sets of a case, its own first. Raises DataError for one that cannot be opened."""
    return tuple(sound(one) for one in opened)


def sound(one: Sound | AmnError) -> Sound:
    """Return what is sound, raise what is an error in its place."""
    if isinstance(one, AmnError):
        raise one
    return one


def scanned(data_sets: tuple[DataSet, ...], progress: Progress | None) -> tuple[Scanned, ...]:
    """The data sets, each with one pass over all its rows."""
    told = partial(_tell_scan, progress) if progress else None
    return tuple(Scanned(dataset, scan_rows(dataset, progress=told)) for dataset in data_sets)


def _tell_scan(progress: Progress, done: int, total: int) -> None:
    progress(done, total, "reading every row")


def article_samples(data_sets: tuple[DataSet, ...]) -> tuple[ArticleSample, ...]:
    """Some rows of some articles of each data set: see `sample_articles`."""
    return tuple(sample_articles(dataset) for dataset in data_sets)


def article_orders(article_samples: tuple[ArticleSample, ...]) -> tuple[RowOrder, ...]:
    """How much the order of its rows is worth in each of those articles."""
    return tuple(row_order(sample) for sample in article_samples)


def data_limits(case: Case) -> DataConfig:
    """What the statistical checks of the data are held to."""
    return case.config.data


def reencoded(data_sets: tuple[DataSet, ...], encoding: Encoding) -> tuple[Reencoded, ...]:
    """Canaries of each data set that has some, encoded again; where none has, texts of all."""
    from amn.data.reencoding import reencode  # noqa: PLC0415 - few gates have an encoder

    chosen = [dataset for dataset in data_sets if dataset.manifest.canaries] or data_sets
    return tuple(reencode(dataset, encoding) for dataset in chosen)


def row_digests(
    data_sets: tuple[DataSet, ...],
) -> tuple[NDArray[np.uint64] | DataError | None, ...]:
    """The digest stored with each row of each data set; None without, an error where unreadable."""
    return tuple(stored_digests(dataset) for dataset in data_sets)


def indexed(data_sets: tuple[DataSet, ...]) -> DataSet:
    """The data set whose index is judged."""
    return data_sets[0]


def fetched_index(case: Case, data_sets: tuple[DataSet, ...], progress: Progress | None) -> DataSet:
    """The data set whose index is judged, which a store keeps: the index is fetched."""
    fetch_index(case, progress)
    return data_sets[0]


def index_limits(case: Case) -> IndexConfig:
    """What the case asks of its index."""
    return case.config.index


def opened_index(indexed: DataSet) -> OpenIndex | DataError:
    """The index, or why faiss cannot open it."""
    from amn.data.index.reader import open_index  # noqa: PLC0415 - loads faiss

    try:
        return open_index(indexed.index_path)
    except DataError as error:
        return error


def index(opened_index: OpenIndex | DataError) -> OpenIndex:
    """The open index. Raises DataError where faiss cannot open it."""
    return sound(opened_index)


def answers(index: OpenIndex, indexed: DataSet, index_limits: IndexConfig) -> Answers:
    """Answers of the index to rows drawn evenly over articles."""
    from amn.data.index.recall import search_sample  # noqa: PLC0415 - loads faiss

    return search_sample(index, indexed, recall_at=index_limits.recall_at)


def configured(case: Case) -> tuple[Configuration, ...]:
    """The configurations of an index that the case declares."""
    return case.config.index.configuration


def built_indexes(
    case: Case, data_sets: tuple[DataSet, ...], configured: tuple[Configuration, ...]
) -> dict[str, OpenIndex]:
    """An index of the case's own data set for each of them, by name; nothing is written."""
    from amn.data.index.build import build_in_memory  # noqa: PLC0415 - loads faiss
    from amn.data.index.reader import open_index  # noqa: PLC0415 - as above

    own = data_sets[0]
    if case.sources[0].is_elsewhere and any(one.kind == "file" for one in configured):
        fetch_index(case, None)
    return {
        one.name: open_index(own.index_path)
        if one.kind == "file"
        else build_in_memory(own, one.kind, one.parameters)
        for one in configured
    }


def recalled_rows(
    case: Case,
    data_sets: tuple[DataSet, ...],
    splits: dict[str, Split],
    built_indexes: dict[str, OpenIndex],
) -> dict[str, Recalled]:
    """How well each of them answers rows of the case's articles, drawn evenly over these."""
    from amn.data.index.recall import row_queries, search_for  # noqa: PLC0415 - few cases ask

    own = data_sets[0]
    rows = {name: split.rows for name, split in splits.items() if split.dataset is own}
    queries = row_queries(own, rows, case.config.index.recall_at)
    return {name: search_for(index, own, queries) for name, index in built_indexes.items()}


def recalled_predictions(
    case: Case,
    data_sets: tuple[DataSet, ...],
    built_indexes: dict[str, OpenIndex],
    queried_predictions: tuple[dict[str, NDArray[np.float32]], ...],
    judged: dict[str, Windows],
    queried: dict[str, NDArray[np.int64]],
) -> dict[str, Recalled]:
    """How well each of them answers the predictions of each seed, on a sample of windows."""
    from amn.data.index.recall import search_for, vector_queries  # noqa: PLC0415 - as above

    own = data_sets[0]
    places = [
        f"{split} {article}"
        for split in EVALUATED
        for article in judged[split].article_ids[queried[split]].tolist()
    ]
    vectors = np.concatenate([one[split] for one in queried_predictions for split in EVALUATED])
    n = len(queried_predictions)
    queries = vector_queries(own, vectors, places * n, case.config.index.recall_at)
    return {name: search_for(index, own, queries, n) for name, index in built_indexes.items()}


def splits(case: Case, data_sets: tuple[DataSet, ...]) -> dict[str, Split]:
    """Articles of train, in_dist and ood, each with its data set."""
    found = resolve_splits(case, data_sets[0])
    # Splits that name another data set share its mapped files and scan.
    own = {dataset.path.resolve(): dataset for dataset in data_sets}
    return {
        name: Split(name, own[split.dataset.path.resolve()], split.articles, split.missing)
        for name, split in found.items()
    }


def split_samples(
    splits: dict[str, Split],
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
) -> dict[str, ArticleSample]:
    """The articles of each split in its data set's sample, or one of its own: see `sample_split`.

    Of a large data set the sample holds few articles of a small split.
    """
    of = {id(dataset): sample for dataset, sample in zip(data_sets, article_samples, strict=True)}
    return {
        name: sample_split(split.dataset, split.articles, of[id(split.dataset)])
        for name, split in splits.items()
    }


def split_mains(
    splits: dict[str, Split],
    split_samples: dict[str, ArticleSample],
    article_samples: tuple[ArticleSample, ...],
) -> dict[str, ArticleSample]:
    """The same rows along the main directions of their data set, of all splits' rows if several."""
    is_one = len({id(split.dataset) for split in splits.values()}) == 1
    both = article_samples[0] if is_one else pooled(*(split_samples[name] for name in SPLITS))
    return {name: sample.along(both.basis) for name, sample in split_samples.items()}


def shared_texts(splits: dict[str, Split]) -> dict[str, SharedText]:
    """What evaluated articles have of the text of training articles, where texts are kept."""
    from amn.data.shared_text import find_shared_text  # noqa: PLC0415 - few data sets have texts

    return find_shared_text(splits, LEAKED_SHARE)


def windows(case: Case, splits: dict[str, Split]) -> dict[str, Windows]:
    """Windows of train, in_dist and ood."""
    context = case.config.windows.context
    return {
        name: find_windows(splits[name].dataset, context, splits[name].articles) for name in SPLITS
    }


def scans(splits: dict[str, Split], scanned: tuple[Scanned, ...]) -> dict[str, RowScan]:
    """The scan of the data set that each split draws from."""
    return {
        name: next(one.scan for one in scanned if one.dataset is split.dataset)
        for name, split in splits.items()
    }


def judged(windows: dict[str, Windows]) -> dict[str, Windows]:
    """Windows of in_dist and ood, which candidates are scored on."""
    return {name: windows[name] for name in EVALUATED}


def judged_data(splits: dict[str, Split]) -> dict[str, DataSet]:
    """The data set that each split draws from: titles and kinds of its articles."""
    return {name: split.dataset for name, split in splits.items()}


# The packages, each of an extra, that parts and all that is made from them take.
PACKAGES = {"plan": "torch", "opened_index": "faiss"}
DATA = named(
    folders, opened, data_sets, scanned, article_samples, article_orders, data_limits, reencoded
)  # fmt: skip - one line of what is at rest
INDEX = named(indexed, index_limits, opened_index, index, answers)
CONFIGURED = named(configured, built_indexes, recalled_rows, recalled_predictions)
SPLIT = named(splits, split_samples, split_mains, windows, scans, judged, judged_data)
