"""A candidate beside its golden on every split: the looks at it, and which of them may alert.

A PASS stands for itself: every comparison has to hold at its own level, so that many comparisons
make no false PASS likelier. A FAIL is an alarm, and many comparisons do make a false one likelier:
alarms are held to Holm's levels (Holm 1979).

With adaptive seeds a candidate is looked at more than once. Each look spends a share of alpha, in
proportion to its seeds; the shares add up to alpha, so that the chance of a false PASS at any look
is at most alpha, whatever was seen at the looks before (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.case.limits import GUARDS, RECALL
from amn.errors import ArgumentError, GoldenError
from amn.evaluation.noninferiority import table_noninferiority
from amn.evaluation.statistics import RESAMPLES, ClusterTable, seed_from, tabulate
from amn.golden.compare import joined, margin_of, own_margin, require_same_windows
from amn.golden.schema import COSINE, OF_ROWS
from amn.golden.store import TABLE_FILE
from amn.golden.table import RecallSums, recall_sums, rounded
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from amn.case.limits import GoldenConfig, Guard
    from amn.data.index.recall import Recalled
    from amn.evaluation.attribution import Attribution
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.noninferiority import Comparison
    from amn.evaluation.storage import Evaluation
    from amn.golden.schema import Golden, GoldenRecord

COMPARED = {"ood": "G001", "in_dist": "G002"}  # seeds the resamples of each split's comparison
GUARDED = {  # metric and split, of what comes next; Holm's levels are theirs alone
    "in_article.ood": "G014",
    "in_article.in_dist": "G015",
    "reciprocal_rank.ood": "G016",
    "reciprocal_rank.in_dist": "G017",
}


def guarded_names(guards: Iterable[Guard]) -> tuple[str, ...]:
    """Return what is compared with the golden beside the cosine: `in_article.ood`, ..."""
    return (*GUARDED, *(guard.name for guard in guards))


RECALLS = {"recalls_of_rows": "G025", "recalls_of_predictions": "G026"}  # part -> its check
MEND = "Fix: amn golden update CASE --reason TEXT"
LEAST_P = 1 / (RESAMPLES + 1)  # one resample is as far off


@dataclass(frozen=True, slots=True)
class Classes:
    """Numerics classes: of the machine that measured the golden, and of this one.

    Attributes:
        then: The golden's, such as `float32, AVX512, MKL`.
        now: Of what is measured here.
        off: Largest difference of what the fixed computation came to on the two; None where the
            golden has none of it.
    """

    then: str = ""
    now: str = ""
    off: float | None = 0.0

    @property
    def tolerance(self) -> float:
        """How much wider bounds are: as far as the two were measured to be apart."""
        return self.off or 0.0 if self.then != self.now else 0.0

    def __str__(self) -> str:
        """Say how the two are compared; empty for one class."""
        if self.then == self.now:
            return ""
        how = "how far they are apart nobody has measured"
        if self.off is not None:
            how = f"bounds are wider by {self.off:.1g}, as far as both were measured to be apart"
        return f"numerics class {self.then} in the golden, {self.now} here: {how}"


ONE_CLASS = Classes()


@dataclass(frozen=True)
class Sides:
    """A candidate and the golden that it is compared with.

    Attributes:
        evaluations: Of the candidate, one a seed.
        folder: Of the golden, for messages.
        looks: Numbers of seeds at which candidates were looked at so far, the last one being all of
            them; empty where there is but one look.
        classes: Numerics classes of the two.
    """

    evaluations: tuple[Evaluation, ...]
    golden: Golden
    limits: GoldenConfig
    folder: Path
    looks: tuple[int, ...] = ()
    classes: Classes = ONE_CLASS
    _tables: dict[str, ClusterTable] = field(default_factory=dict, init=False, repr=False)

    @property
    def compared(self) -> Mapping[str, str]:
        """What is compared, with the check that does; a name is that of a split."""
        return COMPARED

    @property
    def alpha(self) -> float:
        """One-sided error of a bound at this look."""
        return self.limits.alpha_at(self.looks[-1]) if self.looks else self.limits.alpha

    def require_same_windows(self, split: str) -> None:
        """Return when candidate and golden have the same windows.

        Raises:
            GoldenError: If they have not.
        """
        require_same_windows(self.golden, split, self._scores(split), path=self._path)

    def _scores(self, split: str) -> list[SplitScores]:
        return [evaluation.scores[split] for evaluation in self.evaluations]

    @property
    def _path(self) -> Path:
        return self.folder / TABLE_FILE

    def aim(self, name: str) -> tuple[str, str]:
        """Return the metric and the split of something that is compared."""
        return COSINE, name

    def margin(self, name: str) -> float:
        """How much worse still counts as not worse."""
        del name
        return self.limits.margin

    def table(self, name: str) -> ClusterTable:
        """Return the sums of candidate and golden by article, higher is better.

        Raises:
            GoldenError: If the two have different windows, or the golden lacks the metric.
        """
        if name not in self._tables:
            metric, split = self.aim(name)
            record = self.golden.record
            if metric not in record.by_metric:
                expected = f"expected sums of {metric}, got {', '.join(record.by_metric)}"
                raise GoldenError(self._path, f"{expected}. {MEND}")
            scores = self._scores(split)
            table = joined(self.golden, split, scores, path=self._path, metric=metric)
            is_lower = record.figures(metric)[split].better == "lower"
            self._tables[name] = table.negated() if is_lower else table
        return self._tables[name]

    def compare(self, name: str, alpha: float) -> Comparison:
        """Compare at a level; of two numerics classes bounds are wider, by how far these are apart.

        Raises:
            GoldenError: If the two have different windows.
        """
        found = table_noninferiority(
            self.table(name),
            margin=self.margin(name),
            alpha=alpha,
            seed=seed_from(self.compared[name], self.golden.record.digests.windows),
        )
        return found.widened(self.classes.tolerance) if self.classes.tolerance else found

    def fails(self, name: str, level: float) -> bool:
        """Tell whether a comparison fails at a level."""
        try:
            return self.compare(name, level).verdict is Verdict.FAIL
        except GoldenError:  # other windows: G003 says so; no alarm, but one of the tests
            return False

    def judge(self, name: str) -> Judged:
        """Judge one comparison: its own PASS, and its FAIL beside the others.

        Raises:
            GoldenError: If the windows of its split differ from the golden's.
        """
        comparison = self.compare(name, self.alpha)
        if comparison.verdict is not Verdict.FAIL:
            return Judged(comparison, comparison.verdict, self.alpha)
        levels = holm(self.compared, self.fails, self.alpha)
        if name in levels:
            return Judged(comparison, Verdict.FAIL, levels[name], self._p(name))
        return Judged(comparison, Verdict.INCONCLUSIVE, self.alpha / len(self.compared))

    def _p(self, name: str) -> float:
        """Return the smallest level at which a comparison fails that fails at alpha, to 2 %.

        Not below what the resamples can tell, so that of more than 100 comparisons none is an alarm
        at alpha 0.05 whatever its difference.
        """
        high, low = self.alpha, LEAST_P
        if self.fails(name, low):
            return low
        while high > 1.02 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.fails(name, middle) else (middle, high)
        return high


@dataclass(frozen=True)
class Guarded(Sides):
    """A candidate and its golden by the metrics that tell what comes next, and those of a case.

    Attributes:
        measured: Of the candidate, one a seed: scores by split, with the values of metrics.
        guards: Of the case.
    """

    measured: tuple[Mapping[str, SplitScores], ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def compared(self) -> Mapping[str, str]:
        """What is compared, with the check that does; a name is that of a metric and a split."""
        return {**GUARDED, **{guard.name: guard.id for guard in self.guards}}

    def _scores(self, split: str) -> list[SplitScores]:
        return [scores[split] for scores in self.measured]

    def aim(self, name: str) -> tuple[str, str]:
        """Return the metric and the split of `in_article.ood`."""
        metric, split = name.split(".")
        return metric, split

    def margin(self, name: str) -> float:
        """How much worse still counts as not worse: declared, or what the golden explains."""
        metric, split = self.aim(name)
        return self.limits.margins.get(metric) or own_margin(self.golden, split, metric)


@dataclass(frozen=True)
class Recalls(Sides):
    """The recall of indexes and that of the golden, by configuration.

    Attributes:
        recalled: Configuration -> how well its index answers.
        asked: What it is searched for: `rows` or `predictions`.
    """

    recalled: Mapping[str, Recalled] = field(default_factory=dict)
    asked: str = OF_ROWS

    @property
    def compared(self) -> Mapping[str, str]:
        """The configurations that the golden has, each with what seeds its resamples."""
        known = self.golden.record.recall
        return {
            name: f"recall of {self.asked}: {name}"
            for name in self.recalled
            if self.asked in known.get(name, {})
        }

    def accepted(self, name: str) -> float:
        """Return the golden's mean recall."""
        return self.golden.record.recall[name][self.asked]

    def margin(self, name: str) -> float:
        """How much worse still counts as not worse: declared, or what the golden explains."""
        error = self.golden.record.recall[name][f"{self.asked}_se"]
        accepted = replace(self.table(name), sides=self.table(name).sides[1:])
        return self.limits.margins.get(RECALL) or margin_of(error, accepted)

    def table(self, name: str) -> ClusterTable:
        """Return the sums of recall of candidate and golden by article.

        Raises:
            GoldenError: If the golden asked other queries, or for another number of rows.
        """
        if name not in self._tables:
            found, record = self.recalled[name], self.golden.record
            theirs = recall_sums(self.golden.tables, name, record.asked_seeds(self.asked))
            if theirs is None:
                raise GoldenError(self._path, f"expected sums of recall.{name}, got none. {MEND}")
            ours = sums_of(found)
            at = np.minimum(np.searchsorted(ours.places, theirs.places), len(ours.places) - 1)
            is_same = (ours.places[at] == theirs.places) & (ours.sizes[at] == theirs.sizes)
            k = int(record.recall[name]["k"])
            if not is_same.all() or k != found.k:
                expected = f"expected {theirs.sizes.sum():.0f} queries of recall@{k} as accepted"
                got = f"{ours.sizes.sum():.0f} of recall@{found.k}, others in {(~is_same).sum()}"
                message = f"not comparable: {expected}, got {got} articles. {MEND}"
                raise GoldenError(self._path, message)
            sides = (rounded(ours.sums[:, at]), theirs.sums)
            self._tables[name] = ClusterTable(theirs.places, theirs.sizes, sides)
        return self._tables[name]


def sums_of(found: Recalled) -> RecallSums:
    """Return the sums of recall by article, as a golden holds them."""
    table = tabulate({RECALL: found.recall}, found.places).by_label()
    return RecallSums(table.labels, table.sizes, table.sides[0])


def is_guarded(record: GoldenRecord) -> bool:
    """Tell whether a golden has what comes next beside its cosines."""
    return {*GUARDS} <= {*record.by_metric}


@dataclass(frozen=True, slots=True)
class Judged:
    """One split's comparison, and what follows from it beside the others.

    Attributes:
        comparison: At the level of this look.
        verdict: Of the comparison; a FAIL that is no alarm by Holm is INCONCLUSIVE.
        level: At which its FAIL was asked for; the comparison's own where it did not fail.
        p: Smallest level at which it still fails; None where it is no alarm.
    """

    comparison: Comparison
    verdict: Verdict
    level: float
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a check that compared a split with the golden found, for reports.

    Attributes:
        alpha: One-sided error of its bounds.
        p: Smallest level at which it still fails; None where it is no alarm.
        attribution: Where the difference comes from; None where nobody had to ask.
    """

    split: str
    alpha: float
    p: float | None = None
    attribution: Attribution | None = None


def is_decided(*sides: Sides) -> bool:
    """Tell whether more seeds would be trained for nothing: all that is compared is decided.

    What cannot be compared at all is decided as well: no seed mends it, and the checks name it.
    """
    try:
        verdicts = {one.judge(name).verdict for one in sides for name in one.compared}
    except (GoldenError, ArgumentError):
        return True
    return Verdict.INCONCLUSIVE not in verdicts


def holm(
    names: Iterable[str], fails: Callable[[str, float], bool], alpha: float
) -> dict[str, float]:
    """Return the names that are alarms, with the level at which each is one.

    Of m tests those that fail at alpha / m are alarms; if there are any, the m' others are asked at
    alpha / m', and so on until none is added: Holm's step-down, by levels and without p-values.

    Args:
        fails: Tells whether a test fails at a level; at a higher one it then fails as well.
    """
    left, found = list(names), dict[str, float]()
    while left:
        level = alpha / len(left)
        new = [name for name in left if fails(name, level)]
        if not new:
            break
        found |= dict.fromkeys(new, level)
        left = [name for name in left if name not in found]
    return found
