"""A result beside its golden, joined by article, and what changed between two goldens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.errors import GoldenError
from amn.evaluation.statistics import ClusterTable, moments_of, tabulate
from amn.golden.schema import COSINE
from amn.golden.table import rounded, windows_by_article, windows_lost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from amn.evaluation.metrics import SplitScores
    from amn.golden.schema import Ended, Golden, GoldenRecord, SplitMetrics
    from amn.golden.table import Table

SEED_ERRORS = 5.0  # standard errors of a seed beside the others: retraining does not reach it

Kind = Literal["metric", "tolerance", "check", "number", "config", "digest", "version"]


def joined(
    golden: Golden,
    split: str,
    scores: Sequence[SplitScores],
    *,
    path: Path,
    metric: str = COSINE,
) -> ClusterTable:
    """Return the sums of a candidate, one seed a score, and those of its golden, by article.

    Sums of both sides have the digits that golden.csv holds, so that equal results are equal.
    Windows are compared by their ids; nothing is ever joined by row number.

    Args:
        path: Golden file, for messages.

    Raises:
        GoldenError: If the two have different windows, or the candidate has one twice: not
            comparable.
        ArgumentError: If a score is not finite.
    """
    theirs = require_same_windows(golden, split, scores, path=path)
    values = [(s.of(metric), s.article_ids) for s in scores]
    sums = [tabulate({split: v[None]}, ids).by_label().sides[0] for v, ids in values]
    golden_sums = theirs.seeds(metric, golden.record.seeds)
    sizes = theirs.sizes.astype(np.float64)
    return ClusterTable(theirs.articles, sizes, (rounded(np.concatenate(sums)), golden_sums))


def require_same_windows(
    golden: Golden, split: str, scores: Sequence[SplitScores], *, path: Path
) -> Table:
    """Return the articles of a golden where a candidate has the same windows.

    Raises:
        GoldenError: If it has others, or one twice; the message names the first.
    """
    table = golden.tables[split].judged()
    for score in scores:
        _require_same(table, score, path)
    return table


def _require_same(golden: Table, score: SplitScores, path: Path) -> None:
    """Return when a candidate has the windows of the golden.

    Raises:
        GoldenError: If it has others; the message names the first.
    """
    try:
        articles, windows = windows_by_article(score.article_ids, score.target_chunks)
    except ValueError as error:
        message = f"not comparable: expected each window of the candidate once, got {error}"
        raise GoldenError(path, message) from error
    ours = dict(zip(articles.tolist(), windows, strict=True))
    theirs = golden.spans
    if ours == theirs:
        return
    only_golden, of_golden = windows_lost(theirs, ours)
    only_candidate, of_candidate = windows_lost(ours, theirs)
    raise GoldenError(
        path,
        f"not comparable: expected the golden's {golden.sizes.sum()} windows, got "
        f"{len(score.article_ids)}; only in the golden: {only_golden} ({of_golden}), "
        f"only in the candidate: {only_candidate} ({of_candidate}). "
        "Fix: restore the data set and the split, or amn golden update "
        f"{path.parent.name} with a reason",
    )


def own_margin(golden: Golden, split: str, metric: str) -> float:
    """Return the margin that a golden gives one of its metrics: what it explains by itself.

    One standard error of its mean, clustered by article: as far as another draw of as many articles
    moves it. At least five of the difference of a seed from the others, paired and clustered: what
    training again does.
    """
    error = golden.record.figures(metric)[split].se
    sums = golden.sums(split, metric)
    if len(sums) == 1:
        return error
    table = golden.tables[split].judged()
    sizes = table.sizes.astype(np.float64)
    squares = [
        moments_of(ClusterTable(table.articles, sizes, (sums[[i]], np.delete(sums, i, 0)))).se ** 2
        for i in range(len(sums))
    ]
    return max(error, SEED_ERRORS * math.sqrt(float(np.mean(squares))))


def moved_articles(old: Golden, new: Golden, split: str) -> list[tuple[str, float]]:
    """Return the articles of a split whose mean moved, with by how much, the lowest first.

    Articles with other windows than before are left out.
    """
    before, after = (golden.tables[split].judged() for golden in (old, new))
    is_same = [after.spans.get(a) == w for a, w in before.spans.items()]
    kept = before.articles[np.array(is_same, np.bool_)]
    means = [
        (golden.sums(split).mean(axis=0) / table.sizes)[np.isin(table.articles, kept)]
        for golden, table in ((old, before), (new, after))
    ]
    by = means[1] - means[0]
    order = [i for i in np.argsort(by, kind="stable").tolist() if by[i]]
    return [(str(kept[i]), float(by[i])) for i in order]


def changed_vectors(old: Golden, new: Golden) -> tuple[list[str], list[str], list[str]]:
    """Return the articles whose vectors changed, those that are new, and those that are gone.

    Where a golden does not know vectors, as one of schema 1, nothing is said to have changed.
    """
    before, after = (_vectors(golden) for golden in (old, new))
    both = [key for key in before if key in after]
    changed = [key for key in both if before[key] and after[key] and before[key] != after[key]]
    came, went = [key for key in after if key not in before], [k for k in before if k not in after]
    if not all(before.values()):
        came, went = [], []
    named = [[str(article) for _, article in keys] for keys in (changed, came, went)]
    return named[0], named[1], named[2]


def _vectors(golden: Golden) -> dict[tuple[str, Any], str]:
    return {
        (split, article): vectors
        for split, table in golden.tables.items()
        for article, vectors in zip(table.articles.tolist(), table.vectors, strict=True)
    }


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
        *_changes(
            "version",
            {"versions": old.versions.model_dump(), "numerics": old.numerics.class_},
            {"versions": new.versions.model_dump(), "numerics": new.numerics.class_},
        ),
    ]


def config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the keys of two resolved configs that differ."""
    return list(_changes("config", old, new))


def _metric_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    """Yield the figures of each split that differ."""
    falls = ("mean", "windows", "articles")  # the comparison gets weaker as these fall
    for metric in {**old.by_metric, **new.by_metric}:
        prefix = "metrics" if metric == COSINE else f"metrics.{metric}"
        if metric not in old.by_metric or metric not in new.by_metric:
            yield Change("metric", prefix, *_shown_means(metric, old, new))
            continue
        for name, was in old.by_metric[metric].items():
            sign = -1 if was.better == "lower" else 1
            before, after = _figures(was), _figures(new.by_metric[metric][name])
            for change in _changes("metric", before, after):
                by = change.delta or 0.0
                loosens = change.key in falls and (sign if change.key == "mean" else 1) * by < 0
                yield Change(
                    "metric", f"{prefix}.{name}.{change.key}", change.old, change.new, loosens
                )


def _shown_means(metric: str, *records: GoldenRecord) -> tuple[str | None, str | None]:
    """Return the means of a metric in each of two goldens, None where one has it not."""
    old, new = (
        ", ".join(f"{split} {m.mean:.4f}" for split, m in record.by_metric[metric].items())
        if metric in record.by_metric
        else None
        for record in records
    )
    return old, new


def _figures(metrics: SplitMetrics) -> dict[str, Any]:
    """Return the metrics without those of single seeds, which do not pair up between goldens."""
    return metrics.model_dump(exclude={"per_seed"})


def _tolerance_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    for change in _changes("tolerance", old.tolerances.model_dump(), new.tolerances.model_dump()):
        loosens = change.key != "why" and change.new > change.old
        yield Change("tolerance", f"tolerances.{change.key}", change.old, change.new, loosens)


def _check_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    """Yield the checks that are gone, that ended in another way, that came, and whose number moved.

    How a check ended is not known of a golden of schema 1.
    """
    before, after = old.checks, new.checks
    for label in before:
        if label not in after:
            yield Change("check", f"checks.{label}", label, None, loosens=True)
    for label, now in after.items():
        if label not in before:
            yield Change("check", f"checks.{label}", None, label)
            continue
        was = before[label]
        if was.status and now.status is not was.status:
            yield Change("check", f"checks.{label}", _status(was), _status(now))
    for label, now in after.items():
        if label in before and before[label].status and before[label].number != now.number:
            yield Change("number", f"checks.{label}", before[label].number, now.number)


def _status(ended: Ended) -> str:
    return ended.status.value if ended.status else "not run"


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
