"""Copies of a case whose OOD rows have other vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.broken.rows import rotation
from amn.data.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy


def ood_rows(copy: CaseCopy) -> NDArray[np.float64]:
    """Return the vectors of OOD: (N, D)."""
    ood = copy.splits()["ood"]
    return ood.dataset.gather(ood.rows).astype(np.float64)


def rotate_ood(copy: CaseCopy) -> None:
    """Turn the vectors of OOD at random, all alike."""
    rows = ood_rows(copy)
    replace_ood(copy, rows @ rotation(rows.shape[1]))


def replace_ood(copy: CaseCopy, vectors: NDArray[np.floating]) -> None:
    """Give the rows of OOD other vectors, projected to D at random where they are not D wide.

    Args:
        vectors: (N, any width), a row for each row of OOD, in order; of any length.
    """
    everything, changed = copy.vectors(), np.asarray(vectors, np.float64)
    dim = everything.shape[1]
    if changed.shape[1] != dim:
        changed = changed @ np.random.default_rng(1).standard_normal((changed.shape[1], dim))
    everything[copy.splits()["ood"].rows] = unit_rows(changed)
    copy.set_splits()  # they stay as they are
    copy.rebuild(everything)
