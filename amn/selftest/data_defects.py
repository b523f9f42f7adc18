"""A defect of a data set that the checks of its splits catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.selftest.defects import in_files

if TYPE_CHECKING:
    from amn.checks.broken.copies import CaseCopy


def near_articles(copy: CaseCopy) -> None:
    """Append a tenth of the articles again, with a little noise on every row, under new ids."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = dataset.articles[::10]
    mine = np.flatnonzero(np.isin(dataset.article_ids, some))
    noise = np.random.default_rng(0).standard_normal((len(mine), dataset.dim))
    again = vectors[mine] + 0.1 * noise / np.sqrt(dataset.dim)
    ids = np.concatenate(
        [dataset.article_ids, dataset.article_ids[mine] + 1 + dataset.articles[-1]]
    )
    both = np.concatenate([vectors, again])
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    lists = {name: split.articles for name, split in copy.splits().items()}
    copy.rebuild(both, ids, np.concatenate([dataset.chunk_index, dataset.chunk_index[mine]]))
    copy.set_splits(**lists)


DEFECTS = (
    in_files("near-articles", "S010", "a tenth of the articles is there twice", near_articles),
)
