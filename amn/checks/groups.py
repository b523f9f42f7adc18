"""Groups of articles that a regression may hit more than others: by length, by id, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.curation.kinds import kinds_by_title

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

LENGTHS = ("short", "middle", "long")
BLOCKS = 4


def titles_of(dataset: DataSet, articles: NDArray[np.int64]) -> dict[int, str]:
    """Return the title of each article; empty when the chunk table has none."""
    return _first_values(dataset, articles, "title")


def groups_of(
    dataset: DataSet | None, clusters: NDArray[np.int64], titles: dict[int, str]
) -> dict[str, dict[int, str]]:
    """Return grouping -> article -> group.

    Args:
        dataset: Asked for a `kind` column; None where it is not known.
        clusters: (N,) the article of each window.
        titles: Of the articles; they tell the kind where no column does.
    """
    articles, windows = np.unique(clusters, return_counts=True)
    kinds = _first_values(dataset, articles, "kind") if dataset else {}
    if not kinds:
        by_title = kinds_by_title(titles.values())
        kinds = {a: kind or "article" for a, kind in zip(titles, by_title, strict=True)}
    groups = {"length": _lengths(articles, windows), "id block": _blocks(articles)}
    return {**groups, "kind": kinds} if len(set(kinds.values())) > 1 else groups


def _lengths(articles: NDArray[np.int64], windows: NDArray[np.int64]) -> dict[int, str]:
    """Return the third of each article by its windows."""
    cuts = np.quantile(windows, [1 / 3, 2 / 3])
    names = (
        f"{LENGTHS[0]} (up to {cuts[0]:.0f} windows)",
        LENGTHS[1],
        f"{LENGTHS[2]} (over {cuts[1]:.0f} windows)",
    )
    thirds = np.searchsorted(cuts, windows)
    return {int(a): names[third] for a, third in zip(articles, thirds, strict=True)}


def _blocks(articles: NDArray[np.int64]) -> dict[int, str]:
    """Return the quarter of each article by its id: a corpus is ingested in parts."""
    parts = [part for part in np.array_split(articles, BLOCKS) if len(part)]
    return {int(a): f"ids {part[0]}-{part[-1]}" for part in parts for a in part}


def _first_values(dataset: DataSet, articles: NDArray[np.int64], name: str) -> dict[int, str]:
    """Return a column's value in the first row of each article, empty without that column."""
    column = dataset.column(name)
    if column is None:
        return {}
    ids, first = np.unique(dataset.article_ids, return_index=True)
    rows = first[np.isin(ids, articles)]
    values = column.take(rows).to_pylist()
    return dict(
        zip(dataset.article_ids[rows].tolist(), (str(v or "") for v in values), strict=True)
    )
