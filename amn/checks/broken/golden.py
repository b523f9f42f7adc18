"""Goldens with a defect, with every digest right but the one that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amn.golden.schema import Golden, GoldenSplit, summarise
from amn.golden.store import cosines_digest, read_golden, write_golden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.golden.schema import GoldenRecord


def golden_of_windows(
    golden: Golden,
    chosen: dict[str, NDArray[np.bool_]],
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Golden:
    """Return a golden of some windows of each split, with every digest right.

    Args:
        chosen: split -> (N,) bool; a split that is not named keeps all its windows.
        references: split -> reference predictor -> its mean cosine on these windows; None leaves
            what they scored on all of them.
    """
    splits = {
        name: GoldenSplit(
            split.cosines[:, chosen[name]],
            split.article_ids[chosen[name]],
            split.target_chunks[chosen[name]],
        )
        if name in chosen
        else split
        for name, split in golden.splits.items()
    }
    old = golden.record
    metrics = {
        name: summarise(
            splits[name], se=m.se, references=(references or {}).get(name, m.references)
        )
        for name, m in old.metrics.items()
    }
    digests = old.digests.model_copy(update={"cosines": cosines_digest(splits)})
    return Golden(old.model_copy(update={"metrics": metrics, "digests": digests}), splits)


def with_record(copy: CaseCopy, change: Callable[[GoldenRecord], dict[str, Any]]) -> None:
    """Give the golden of a copy other fields of its record.

    Args:
        change: Returns the fields that differ.
    """
    golden = read_golden(copy.folder)
    record = golden.record.model_copy(update=change(golden.record))
    write_golden(copy.folder, Golden(record, golden.splits))


def accept_lower(copy: CaseCopy, *, by: float) -> None:
    """Accept a golden whose cosines are lower, in every window of every split."""
    golden = read_golden(copy.folder)
    splits = {
        name: GoldenSplit(split.cosines - by, split.article_ids, split.target_chunks)
        for name, split in golden.splits.items()
    }
    metrics = {
        name: summarise(splits[name], se=m.se, references=m.references)
        for name, m in golden.record.metrics.items()
    }
    digests = golden.record.digests.model_copy(update={"cosines": cosines_digest(splits)})
    record = golden.record.model_copy(update={"metrics": metrics, "digests": digests})
    write_golden(copy.folder, Golden(record, splits))
