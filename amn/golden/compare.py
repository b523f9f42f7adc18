"""Putting a result beside a golden: joining windows by id, and listing what changed between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.errors import GoldenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.golden.schema import GoldenRecord, GoldenSplit, SplitMetrics

EXAMPLES = 3
WINDOW_ID = np.dtype([("article", np.int64), ("chunk", np.int32)])

Kind = Literal["metric", "tolerance", "check", "config", "digest", "artefact", "version"]


def align(
    split: GoldenSplit,
    article_ids: NDArray[np.int64],
    target_chunks: NDArray[np.int32],
    *,
    path: Path,
) -> NDArray[np.intp]:
    """Return (N,) positions of the golden's windows among the candidate's, joined by window id.

    `cosines[..., align(...)]` has the candidate's cosines in the golden's order. Nothing is ever
    joined by row number.

    Args:
        article_ids: (N,) of the candidate's windows.
        target_chunks: (N,) of the candidate's windows.
        path: Golden file, for messages.

    Raises:
        GoldenError: If the two have different windows, or either has one twice: not comparable.
    """
    golden = window_ids(split.article_ids, split.target_chunks)
    candidate = window_ids(article_ids, target_chunks)
    golden_order = np.lexsort((golden["chunk"], golden["article"]))
    candidate_order = np.lexsort((candidate["chunk"], candidate["article"]))
    for side, ids in (("golden", golden[golden_order]), ("candidate", candidate[candidate_order])):
        repeated = ids[1:][ids[1:] == ids[:-1]]
        if len(repeated):
            raise GoldenError(
                path,
                f"not comparable: expected each window of the {side} once, got {len(repeated)} "
                f"repeats ({_examples(repeated)})",
            )
    if not np.array_equal(golden[golden_order], candidate[candidate_order]):
        only_golden, only_candidate = (
            np.setdiff1d(golden, candidate),
            np.setdiff1d(candidate, golden),
        )
        raise GoldenError(
            path,
            f"not comparable: expected the golden's {len(golden)} windows, got {len(candidate)}; "
            f"only in the golden: {len(only_golden)} ({_examples(only_golden)}), "
            f"only in the candidate: {len(only_candidate)} ({_examples(only_candidate)}). "
            "Fix: restore the data set and the split, or amn golden update "
            f"{path.parent.name} with a reason",
        )
    positions = np.empty(len(golden), np.intp)
    positions[golden_order] = candidate_order
    return positions


def window_ids(
    article_ids: NDArray[np.int64], target_chunks: NDArray[np.int32]
) -> NDArray[np.void]:
    """Return (N,) pairs (article, chunk of the target) that name windows."""
    ids = np.empty(len(article_ids), WINDOW_ID)
    ids["article"], ids["chunk"] = article_ids, target_chunks
    return ids


def _examples(ids: NDArray[np.void]) -> str:
    named = [f"article {article} chunk {chunk}" for article, chunk in ids[:EXAMPLES].tolist()]
    return ", ".join(named) + (", ..." if len(ids) > EXAMPLES else "") if named else "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two goldens.

    Attributes:
        key: Where, dotted: `metrics.ood.mean`, `config.training.epochs`.
        old: None when it was not there.
        new: None when it is no longer there.
        loosens: Whether the gate lets more through: a lower mean, fewer windows, a wider margin,
            a larger alpha, a check that is gone.
    """

    kind: Kind
    key: str
    old: Any
    new: Any
    loosens: bool = False

    @property
    def delta(self) -> float | None:
        """New minus old where both are numbers."""
        numbers = (self.old, self.new)
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
            return None
        return float(self.new - self.old)


def diff_golden(old: GoldenRecord, new: GoldenRecord) -> list[Change]:
    """Return what changed from one golden to the next, what matters most first."""
    return [
        *_metric_changes(old, new),
        *_tolerance_changes(old, new),
        *_check_changes(old, new),
        *_changes("config", {"config": old.config}, {"config": new.config}),
        *_changes(
            "digest", {"digests": old.digests.model_dump()}, {"digests": new.digests.model_dump()}
        ),
        *_changes("artefact", _seeds(old), _seeds(new)),
        *_changes(
            "version",
            {"versions": old.versions.model_dump()},
            {"versions": new.versions.model_dump()},
        ),
    ]


def config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the keys of two resolved configs that differ."""
    return list(_changes("config", old, new))


def _metric_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    """Yield the figures of each split that differ."""
    falls = ("mean", "windows", "articles")  # the comparison gets weaker as these fall
    for name in old.metrics:
        before, after = _figures(old.metrics[name]), _figures(new.metrics[name])
        for change in _changes("metric", before, after):
            loosens = change.key in falls and change.new < change.old
            yield Change("metric", f"metrics.{name}.{change.key}", change.old, change.new, loosens)


def _figures(metrics: SplitMetrics) -> dict[str, Any]:
    """Return the metrics without those of single seeds, which do not pair up between goldens."""
    return metrics.model_dump(exclude={"per_seed"})


def _tolerance_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    for change in _changes("tolerance", old.tolerances.model_dump(), new.tolerances.model_dump()):
        loosens = change.key != "why" and change.new > change.old
        yield Change("tolerance", f"tolerances.{change.key}", change.old, change.new, loosens)


def _check_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    for label in old.checks:
        if label not in new.checks:
            yield Change("check", f"checks.{label}", label, None, loosens=True)
    for label in new.checks:
        if label not in old.checks:
            yield Change("check", f"checks.{label}", None, label)


def _seeds(record: GoldenRecord) -> dict[str, Any]:
    """Return the artefact of each seed."""
    return {
        f"artefacts.seed-{seed}": artefact
        for seed, artefact in zip(record.seeds, record.artefacts, strict=True)
    }


def _changes(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the dotted keys whose values differ, in the order of `old`, then what `new` adds."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for key in {**before, **after}:
        if key not in before or key not in after or before[key] != after[key]:
            yield Change(kind, key, before.get(key), after.get(key))


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that is no table, with its dotted key."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
