"""Defects of splits and windows: leaks, other vector spaces, windows across articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.config import SPLITS, Selector
from amn.curation.circular import JUDGED_REASONS
from amn.data.coherence import mean_by_article
from amn.data.manifest import MANIFEST_FILE, EncoderInfo
from amn.data.scan import scan_rows
from amn.data.windows import Windows
from amn.checks.broken.copying import write_rows
from amn.selftest.defects import WARNS, in_files, in_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.evidence.data import SplitEvidence
    from amn.checks.broken.copies import CaseCopy

OFFSET = 0.6  # length of the shift; on wiki-mini, of 110 OOD articles, 0.3 is seen as well
NEAR = 0.998  # cosine of a near-copy with its original


def article_in_two(copy: CaseCopy) -> None:
    """Train on the first OOD article too."""
    splits = copy.splits()
    train = np.union1d(splits["train"].articles, splits["ood"].articles[:1])
    copy.set_splits(train=train)


def empty_ood(copy: CaseCopy) -> None:
    """Name OOD articles that do not exist."""
    last = int(copy.dataset().articles[-1])
    copy.set_splits(ood=np.arange(last + 1, last + 20))


def _add_to_ood(copy: CaseCopy, noise: float) -> None:
    """Append a copy of the longest training article to OOD, with noise on every row.

    Args:
        noise: Length of what is added to each unit row.
    """
    dataset, splits = copy.dataset(), copy.splits()
    articles, counts = np.unique(dataset.article_ids, return_counts=True)
    in_train = np.isin(articles, splits["train"].articles)
    longest = articles[in_train][np.argmax(counts[in_train])]
    mine = np.flatnonzero(dataset.article_ids == longest)
    rows = np.concatenate([np.arange(len(dataset)), mine])
    vectors, ids = dataset.gather(rows), dataset.article_ids[rows].copy()
    ids[-len(mine) :] = dataset.articles[-1] + 1
    if noise:
        rng = np.random.default_rng(0)
        added = rng.standard_normal((len(mine), dataset.dim))
        changed = vectors[-len(mine) :] + noise * added / np.sqrt(dataset.dim)
        changed /= np.linalg.norm(changed, axis=1, keepdims=True)
        vectors[-len(mine) :] = changed
    lists = {name: split.articles for name, split in splits.items()}
    copy.rebuild(vectors, ids, dataset.chunk_index[rows])
    lists["ood"] = np.append(lists["ood"], dataset.articles[-1] + 1)
    copy.set_splits(**lists)


def copied_article(copy: CaseCopy) -> None:
    """Put a copy of a training article into OOD under a new id."""
    _add_to_ood(copy, noise=0.0)


def near_copied_article(copy: CaseCopy) -> None:
    """Put a near-copy of a training article into OOD under a new id."""
    _add_to_ood(copy, noise=float(np.sqrt(1 / NEAR**2 - 1)))


def ood_rows(copy: CaseCopy) -> NDArray[np.float64]:
    """Return the vectors of OOD: (N, D)."""
    dataset, ood = copy.dataset(), copy.splits()["ood"]
    rows = dataset.gather(np.flatnonzero(np.isin(dataset.article_ids, ood.articles)))
    return rows.astype(np.float64)


def replace_ood(copy: CaseCopy, vectors: NDArray[np.floating]) -> None:
    """Give the rows of OOD other vectors, projected to D at random where they are not D wide.

    Args:
        vectors: (N, any width), a row for each row of OOD, in order; of any length.
    """
    dataset, splits = copy.dataset(), copy.splits()
    lists = {name: split.articles for name, split in splits.items()}
    changed = np.asarray(vectors, np.float64)
    if changed.shape[1] != dataset.dim:
        up = np.random.default_rng(1).standard_normal((changed.shape[1], dataset.dim))
        changed = changed @ up
    everything = copy.vectors()
    ood = np.isin(dataset.article_ids, splits["ood"].articles)
    everything[ood] = changed / np.linalg.norm(changed, axis=1, keepdims=True)
    copy.rebuild(everything, dataset.article_ids, dataset.chunk_index)
    copy.set_splits(**lists)


def rotated_ood(copy: CaseCopy) -> None:
    """Rotate the OOD rows at random: another encoder of the same dimension."""
    rows = ood_rows(copy)
    dim = rows.shape[1]
    replace_ood(copy, rows @ np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0])


def negated_ood(copy: CaseCopy) -> None:
    """Turn every sign of the OOD rows: the same directions, the other way."""
    replace_ood(copy, -ood_rows(copy))


def shifted_ood(copy: CaseCopy) -> None:
    """Shift the OOD rows by one vector: another prefix or pooling."""
    rows = ood_rows(copy)
    direction = np.random.default_rng(1).standard_normal(rows.shape[1])
    replace_ood(copy, rows + OFFSET * direction / np.linalg.norm(direction))


def other_encoder(copy: CaseCopy) -> None:
    """Take OOD from a data set that names another encoder."""
    dataset, splits = copy.dataset(), copy.splits()
    rows = np.flatnonzero(np.isin(dataset.article_ids, splits["ood"].articles))
    write_rows(
        copy.folder / "ood-data",
        dataset,
        rows,
        name="ood",
        encoder=EncoderInfo(name="another/encoder"),
    )
    copy.set_splits(train=splits["train"].articles, in_dist=splits["in_dist"].articles)
    copy.configure(split={"ood": Selector(dataset="ood-data")})


def easiest_articles(copy: CaseCopy) -> None:
    """Judge in-dist on the most coherent articles instead of a draw."""
    dataset, splits = copy.dataset(), copy.splits()
    pool = np.union1d(splits["train"].articles, splits["in_dist"].articles)
    _, means = mean_by_article(dataset, scan_rows(dataset).adjacent, 1)
    coherence = means[np.isin(dataset.articles, pool)]
    easiest = np.sort(pool[np.argsort(coherence)[-len(splits["in_dist"].articles) :]])
    copy.set_splits(train=np.setdiff1d(pool, easiest), in_dist=easiest)


def circular_filter(copy: CaseCopy) -> None:
    """Drop the rows that a model scores low, the judged ones too."""

    def change(manifest: dict[str, Any]) -> None:
        n, dropped = manifest["rows"], manifest["rows"] // 20
        stage = {"name": "filter", "rows_in": n + dropped, "rows_out": n}
        manifest["stages"] = [{**stage, "dropped": {JUDGED_REASONS[0]: dropped}}]

    copy.change_json(copy.data / MANIFEST_FILE, change)


def across_articles(evidence: SplitEvidence) -> dict[str, Windows]:
    """Start a window at every row, whatever follows it."""
    result = {}
    for name, windows in evidence.windows.items():
        dataset, context = windows.dataset, windows.context
        starts = np.arange(len(dataset) - context)
        mine = np.isin(dataset.article_ids[starts], evidence.splits[name].articles)
        result[name] = Windows(dataset, starts[mine], context)
    return result


def training_windows_judged(evidence: SplitEvidence) -> dict[str, Windows]:
    """Judge in-dist on some windows of train too."""
    windows = dict(evidence.windows)
    both = np.concatenate([windows["in_dist"].starts, windows["train"].starts[:50]])
    windows["in_dist"] = Windows(
        windows["in_dist"].dataset, np.sort(both), windows["train"].context
    )
    return windows


def every_second_window(evidence: SplitEvidence) -> dict[str, Windows]:
    """Lose every second window."""
    return {name: evidence.windows[name].take(slice(None, None, 2)) for name in SPLITS}


DEFECTS = (
    in_files("article-in-two-splits", "S001", "an OOD article is trained on", article_in_two),
    in_files("empty-ood", "S002", "the OOD articles do not exist", empty_ood),
    in_files("copied-article", "S003", "OOD has a copy of a training article", copied_article),
    in_files("near-copy", "S004", "OOD has a near-copy of a training article", near_copied_article),
    in_files("other-encoder", "S005", "OOD names another encoder", other_encoder),
    in_files("rotated-ood", "S006", "OOD was encoded by another encoder", rotated_ood),
    in_files("negated-ood", "S006", "the signs of OOD are turned", negated_ood),
    in_files("shifted-ood", "S007", "OOD was encoded with another prefix", shifted_ood, WARNS),
    in_files("easy-in-dist", "S008", "in-dist is the easiest articles", easiest_articles, WARNS),
    in_files(
        "circular-filter", "S009", "judged rows were filtered by what is judged", circular_filter
    ),
    in_windows("across-articles", "W001", "windows cross from article to article", across_articles),
    in_windows(
        "training-judged", "W002", "in-dist is judged on training windows", training_windows_judged
    ),
    in_windows("windows-lost", "W003", "every second window is lost", every_second_window),
)  # fmt: skip - one line a defect
