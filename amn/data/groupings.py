"""Groups that every article of a split is in one of: by length, block of ids, kind.

Letters: G articles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.chunk_table import kinds_by_title

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet

LENGTHS = ("short", "middle", "long")
BLOCKS = 4  # of ids


def titles_of(dataset: DataSet, articles: NDArray[Any]) -> dict[Any, str]:
    """Return the title of each article; empty when the chunk table has none."""
    return _first_values(dataset, articles, "title")


def groups_of(
    dataset: DataSet | None,
    articles: NDArray[Any],
    windows: NDArray[np.floating],
    titles: dict[Any, str],
) -> dict[str, dict[Any, str]]:
    """Return grouping -> article -> group.

    Args:
        dataset: Asked for a `kind` column; None where it is not known.
        articles: (G,) ids.
        windows: (G,) how many each one has.
        titles: Of the articles; they tell the kind where no column does.
    """
    kinds = _first_values(dataset, articles, "kind") if dataset else {}
    if not kinds:
        by_title = kinds_by_title(titles.values())
        kinds = {a: kind or "article" for a, kind in zip(titles, by_title, strict=True)}
    groups = {"length": _lengths(articles, windows), "id block": _blocks(articles)}
    return {**groups, "kind": kinds} if len(set(kinds.values())) > 1 else groups


def _lengths(articles: NDArray[Any], windows: NDArray[np.floating]) -> dict[Any, str]:
    """Return the third of each article by its windows."""
    cuts = np.quantile(windows, [1 / 3, 2 / 3])
    names = (
        f"{LENGTHS[0]} (up to {cuts[0]:.0f} windows)",
        LENGTHS[1],
        f"{LENGTHS[2]} (over {cuts[1]:.0f} windows)",
    )
    thirds = np.searchsorted(cuts, windows)
    return {a: names[third] for a, third in zip(articles.tolist(), thirds, strict=True)}


def _blocks(articles: NDArray[Any]) -> dict[Any, str]:
    """Return the quarter of each article by its id: a corpus is ingested in parts."""
    parts = [part for part in np.array_split(articles, BLOCKS) if len(part)]
    return {a: f"ids {part[0]}-{part[-1]}" for part in parts for a in part.tolist()}


def _first_values(dataset: DataSet, articles: NDArray[Any], name: str) -> dict[Any, str]:
    """Return a column's value in the first row of each article, empty without that column."""
    column = dataset.column(name)
    if column is None:
        return {}
    here = np.isin(dataset.articles, articles)
    first = np.unique(dataset.codes, return_index=True)[1][here]
    values = (str(v or "") for v in column.take(first).to_pylist())
    return dict(zip(dataset.articles[here].tolist(), values, strict=True))
