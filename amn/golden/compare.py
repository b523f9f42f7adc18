"""A result beside its golden, joined by article, and what changed between two goldens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from scipy.special import stdtrit

from amn.data.sketch import from_text
from amn.errors import GoldenError
from amn.evaluation.statistics import NO_SPREAD, ClusterTable, moments_of, tabulate
from amn.golden.schema import COSINE, OF_PREDICTIONS, OF_ROWS, Profiled
from amn.golden.table import DIGEST, rounded, windows_by_article, windows_lost
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.ids import Ids
    from amn.evaluation.metrics import SplitScores
    from amn.golden.schema import Course, Ended, Golden, GoldenRecord, SplitMetrics
    from amn.golden.table import Table
    from amn.verdict import Outcome

SEED_ERRORS = 5.0  # standard errors of a seed beside the others: retraining does not reach it

Profile = Mapping[str, Mapping[str, Profiled]]
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


class WithIds(Protocol):
    """Windows, or scores of them: each has an article, and a chunk that it ends with."""

    @property
    def article_ids(self) -> Ids:
        """(N,)."""

    @property
    def target_chunks(self) -> NDArray[np.int32]:
        """(N,)."""


def require_same_windows(
    golden: Golden, split: str, scores: Sequence[WithIds], *, path: Path
) -> Table:
    """Return the articles of a golden where a candidate has the same windows.

    Raises:
        GoldenError: If it has others, or one twice; the message names the first.
    """
    table = golden.tables[split].judged()
    for score in scores:
        _require_same(table, score, path)
    return table


def _require_same(golden: Table, score: WithIds, path: Path) -> None:
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
    table = golden.tables[split].judged()
    sizes = table.sizes.astype(np.float64)
    error = golden.record.figures(metric)[split].se
    return margin_of(error, ClusterTable(table.articles, sizes, (golden.sums(split, metric),)))


def margin_of(error: float, table: ClusterTable) -> float:
    """Return the margin that accepted sums explain by themselves: see `own_margin`.

    Args:
        error: Standard error of their mean, clustered by article.
        table: One side, a line a seed.
    """
    (sums,) = table.sides
    # Where all articles are alike every difference counts, but that of rounding.
    error = max(error, NO_SPREAD)
    if len(sums) == 1:
        return error
    squares = [
        moments_of(replace(table, sides=(sums[[i]], np.delete(sums, i, 0)))).se ** 2
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


PROFILE_DIGITS = 6  # of a statistic of the data: further than two machines agree
SHARE = 0.5  # of the model's gain that the references have: nearer to all of it than to none
EASIER = ": easier data, not a better model"
# How far rows may be off for another precision: root mean square of the error, in lengths of a row.
# Rounding once is at most the unit roundoff, 2^-11 and 2^-8. An encoder that ran in bfloat16 is
# four times as far from one that ran in float32: measured, 1e-4 in 1 - cosine, 0.014.
PRECISIONS = {"float16": 2.0**-11, "bfloat16": 4 * 2.0**-8}
FARTHEST = 6.0  # times as far, one number of a sketch: a normal one is once in 10^9


@dataclass(frozen=True)
class VectorChanges:
    """Articles of which a golden holds other vectors, each a split and an id, by what happened.

    Attributes:
        changed: Other vectors under the same id.
        exchanged: Vectors that another article had.
        came: Not in this split before.
        went: No longer in it.
        encoded: The same vectors, all of them encoded or stored again, within `precision`.
        precision: Class of these, `float16` or `bfloat16`; empty where there are none.
        off: Root mean square of their error, in lengths of a row.
        unknown: Articles whose vectors the golden does not know.
    """

    changed: tuple[tuple[str, Any], ...] = ()
    exchanged: tuple[tuple[str, Any], ...] = ()
    came: tuple[tuple[str, Any], ...] = ()
    went: tuple[tuple[str, Any], ...] = ()
    encoded: tuple[tuple[str, Any], ...] = ()
    precision: str = ""
    off: float = 0.0
    unknown: tuple[tuple[str, Any], ...] = ()

    @property
    def kinds(self) -> dict[str, tuple[tuple[str, Any], ...]]:
        """What makes the data others -> articles, without kinds that have none."""
        names = ("changed", "exchanged", "came", "went", "unknown")
        return {name: found for name in names if (found := getattr(self, name))}

    @property
    def all_kinds(self) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
        """The same, with those that were encoded or stored again."""
        again = f"encoded again within {self.precision}"
        return [*self.kinds.items(), *([(again, self.encoded)] if self.encoded else [])]

    def __bool__(self) -> bool:
        """Tell whether the data are others, rounding aside."""
        return bool(self.kinds)

    def to_json(self) -> dict[str, Any]:
        """Return every article by what happened to it, as plain data."""
        lists = {name: [list(key) for key in found] for name, found in self.all_kinds}
        return {"articles": lists, "precision": self.precision, "off": self.off}

    @property
    def is_same(self) -> bool:
        """Whether every vector is the accepted one, to the last bit."""
        return not self.kinds and not self.encoded


def vector_changes(old: Mapping[str, Table], new: Mapping[str, Table]) -> VectorChanges:
    """Return the articles whose vectors are not those of a golden, by their digests.

    Data are encoded again where the digest of every article changed and no sketch by more than a
    precision explains: a part that is off by as little came from somewhere else.

    Args:
        old: Split -> its articles.
        new: Likewise.
    """
    before, after = _vectors(old), _vectors(new)
    digests = {key: cell[DIGEST] for key, cell in before.items()}
    both = [key for key in before if key in after]
    changed = [key for key in both if before[key] and digests[key] != after[key][DIGEST]]
    unknown = tuple(key for key in both if not before[key])
    came, went = (
        tuple(key for key in mine if key not in theirs)
        for mine, theirs in ((after, before), (before, after))
    )
    precision, off = "", 0.0
    if both and len(changed) == len(both):
        precision, off = _precision([before[key] for key in both], [after[key] for key in both])
    if precision:
        encoded, changed = tuple(changed), []
    else:
        encoded = ()
    others = {digest: key for key, digest in digests.items() if digest}
    exchanged = tuple(k for k in changed if others.get(after[k][DIGEST], k) != k)
    plain = tuple(key for key in changed if key not in set(exchanged))
    return VectorChanges(plain, exchanged, came, went, encoded, precision, off, unknown)


def _precision(old: Sequence[str], new: Sequence[str]) -> tuple[str, float]:
    """Return the first precision that explains every sketch, and the root mean square of its error.

    Args:
        old: Cells of articles: digest and sketch.
        new: Of the same articles.
    """
    texts = [[cell[DIGEST.stop :] for cell in cells] for cells in (old, new)]
    if not all(map(all, texts)):
        return "", 0.0
    was, now = (np.array([from_text(text) for text in side]) for side in texts)
    error = now - was
    off = float(np.sqrt(np.mean(error**2)))
    for name, limit in PRECISIONS.items():
        if off <= limit and np.abs(error).max() <= FARTHEST * limit:
            return name, off
    return "", off


def _vectors(tables: Mapping[str, Table]) -> dict[tuple[str, Any], str]:
    return {
        (split, article): vectors
        for split, table in tables.items()
        for article, vectors in zip(table.articles.tolist(), table.vectors, strict=True)
    }


NEIGHBOURS, CONTEXT = "neighbours", "context"  # statistics: of rows, and of contexts and targets
WORDS = {  # of a statistic that rose, and of one that fell
    NEIGHBOURS: ("neighbours are {:.2g} more alike", "neighbours are {:.2g} less alike"),
    CONTEXT: ("contexts are {:.2g} nearer to targets", "contexts are {:.2g} further from targets"),
}


@dataclass(frozen=True, slots=True)
class Moved:
    """A statistic of the data beside the golden's.

    Attributes:
        name: Of the statistic: `neighbours`.
        place: Split, or data set.
        old: None where the golden has none.
        new: None where it is no longer measured.
        reach: How far the two may be apart for their articles' own spread; None: not known.
    """

    name: str
    place: str
    old: Profiled | None
    new: Profiled | None
    reach: float | None = None

    @property
    def by(self) -> float:
        """New minus old; 0 where one of them is not known."""
        return self.new.value - self.old.value if self.old and self.new else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        sides = {side: getattr(self, side)._asdict() if getattr(self, side) else None
                 for side in ("old", "new")}  # fmt: skip
        about = {"name": self.name, "place": self.place, **sides}
        return {**about, "reach": self.reach, "has_left": self.has_left, "words": self.words}

    @property
    def words(self) -> str:
        """What that means; empty where nobody has words for it."""
        words = WORDS.get(self.name)
        said = words[self.by < 0].format(abs(self.by)) if words and self.by else ""
        return f"{said} than in the accepted set" if said else ""

    @property
    def has_left(self) -> bool:
        """Whether it left the range that articles explain, or nobody measured it any more."""
        return self.new is None or (self.reach is not None and not abs(self.by) <= self.reach)


def profile_of(outcomes: Iterable[Outcome]) -> dict[str, dict[str, Profiled]]:
    """Return what checks measured of the data: statistic -> place -> its value.

    Numbers have `PROFILE_DIGITS` significant digits.
    """
    return {
        name: {
            place: Profiled(
                float(f"{found.value:.{PROFILE_DIGITS}g}"),
                None if found.spread is None else float(f"{found.spread:.{PROFILE_DIGITS}g}"),
                found.articles,
            )
            for place, found in places.items()
            if found.articles
        }
        for outcome in outcomes
        for name, places in outcome.profile.items()
        if any(found.articles for found in places.values())
    }


def profile_changes(old: Profile, new: Profile, alpha: float) -> list[Moved]:
    """Return every statistic of two profiles, those that left their range first.

    The reach is that of Student's t of two independent groups of articles, two-sided, at alpha over
    the number of statistics (Bonferroni): one in 1 / alpha data sets that are as before has any
    that leaves. Degrees of freedom are those of the smaller group.

    Args:
        alpha: Chance that any leaves though nothing changed.
    """
    keys = [(n, p) for profile in (old, new) for n, places in profile.items() for p in places]
    pairs = {(n, p): (old.get(n, {}).get(p), new.get(n, {}).get(p)) for n, p in keys}
    m = sum(was is not None and now is not None for was, now in pairs.values())
    found = []
    for (name, place), (was, now) in pairs.items():
        reach = None
        if was and now and was.spread is not None and now.spread is not None:
            degrees = max(min(was.articles, now.articles) - 1, 1)
            t = -float(stdtrit(degrees, alpha / (2 * m)))
            reach = t * math.hypot(was.spread, now.spread)
        found.append(Moved(name, place, was, now, reach))
    return sorted(found, key=lambda moved: not moved.has_left)


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
        *_recall_changes(old, new),
        *_course_changes(old, new),
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


@dataclass(frozen=True, slots=True)
class Profiles:
    """Every statistic of the data beside the golden's, those that left their range first."""

    moved: tuple[Moved, ...]


def gains_in_words(references: float, model: float) -> str:
    """Say what the strongest reference predictor and the model gained on other data."""
    said = [
        f"{who} {'gained' if gain >= 0 else 'lost'} {abs(gain):.2g}"
        for who, gain in (("reference predictors", references), ("the model", model))
    ]
    return "; ".join(said) + EASIER * is_easier(references, model)


def is_easier(references: float, model: float) -> bool:
    """Tell whether most of a model's gain is that of the data: the references have half of it."""
    return references > 0 and references >= SHARE * model


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


def _recall_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    """Yield the figures of each configuration of an index that differ."""
    for change in _changes("metric", {"recall": old.recall}, {"recall": new.recall}):
        is_mean = change.key.rpartition(".")[2] in (OF_ROWS, OF_PREDICTIONS)
        loosens = is_mean and (change.new is None or (change.delta or 0.0) < 0)
        yield replace(change, loosens=loosens)


def _course_changes(old: GoldenRecord, new: GoldenRecord) -> Iterator[Change]:
    """Yield that the course of the trainings is another one; a candidate is stopped by it."""
    if old.course != new.course:
        yield Change("metric", "course", _in_words(old.course), _in_words(new.course))


def _in_words(course: Course | None) -> str | None:
    """Return `15 epochs, best 0.5980 to 0.6113`: validation, mean over seeds, of first and last."""
    if course is None:
        return None
    first, last = (float(np.mean([seed[at] for seed in course.best])) for at in (0, -1))
    return f"{count_of(len(course.best[0]), 'epoch')}, best {first:.4f} to {last:.4f}"


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
