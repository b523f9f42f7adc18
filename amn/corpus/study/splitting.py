"""`amn data split`: which articles train, which are judged, and no near-duplicate on both sides.

Letters: A articles, G groups of articles that are drawn together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.corpus.study.difference import Difference, Side, difference
from amn.corpus.study.measures import coherence, ease
from amn.corpus.study.scores import FIT_WINDOWS, JUDGED_WINDOWS, judge_on, windows_of
from amn.data.ids import are_in
from amn.data.windows import find_windows
from amn.errors import ArgumentError
from amn.evaluation.reference import fit_references
from amn.evaluation.statistics import Interval, seed_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.region import Region
    from amn.corpus.study.study import Study
    from amn.data.ids import Ids, IdSet

By = Literal["article", "block", "cluster"]
FEWEST_ARTICLES = 8  # of an evaluated split: fewer give no interval
TRAIN, IN_DIST, OOD = range(3)  # positions in SPLITS
CLEAR_GAP = 0.01  # easier or harder than train by so much, and surely so, is worth a warning


@dataclass(frozen=True)
class SplitPlan:
    """Which article is where.

    Attributes:
        labels: (A,) int8: TRAIN, IN_DIST or OOD.
        moved: Articles that went where their near-duplicates are.
        settings: How it was drawn.
    """

    study: Study
    labels: NDArray[np.int8]
    moved: int
    settings: dict[str, Any]

    def articles(self, name: str) -> Ids:
        """Return the ids of a split, ascending."""
        return self.region(name).ids

    def region(self, name: str) -> Region:
        """Return a split as a region."""
        return self.study.region.take(self.labels == SPLITS.index(name), name)

    def to_json(self) -> dict[str, Any]:
        """Return the lists by name, as `file` in case.toml reads them, and how they were made."""
        lists = {name: self.articles(name).tolist() for name in SPLITS}
        made = {"dataset": self.study.region.dataset.digest, **self.settings}
        return {"schema": 1, **lists, "made": made}


@dataclass(frozen=True)
class SplitReport:
    """How one split compares with train.

    Attributes:
        ridge: Fitted on train; None for train itself, and where there is no window.
        coherence: Train against this split.
        ease: Cosine of the context's mean with the target, train against this split.
    """

    name: str
    articles: int
    rows: int
    windows: int
    ridge: Interval | None
    coherence: Difference
    ease: Difference

    @property
    def warning(self) -> str:
        """What makes a score on this split mean something else, empty when nothing does."""
        if self.name == "train":
            return ""
        parts = [
            f"{what} {d.value:+.3f} ({d.low:+.3f} … {d.high:+.3f}) against train"
            for what, d in (("coherence", self.coherence), ("mean of the context", self.ease))
            if abs(d.value) >= CLEAR_GAP and (d.low > 0 or d.high < 0)
        ]
        if not parts:
            return ""
        tone = "easier" if (self.ease.value or self.coherence.value) > 0 else "harder"
        return f"{self.name} is {tone} than train: {', '.join(parts)}"


def plan_split(
    study: Study,
    *,
    by: By,
    in_dist: float,
    ood: float,
    ood_articles: IdSet | None = None,
) -> SplitPlan:
    """Divide the articles of a data set.

    Articles without a window cannot be judged on and train. OOD is drawn first, in-dist by chance
    from what is left. Near-duplicates never end on both sides: drawn by cluster they stay
    together; otherwise those that were drawn apart are moved together (see `settle`).

    Args:
        by: How OOD is drawn: single articles by chance, the block of the highest ids, or whole
            clusters of near-duplicates by chance.
        in_dist: Share of the articles that OOD leaves, between 0 and 1.
        ood: Share of the articles, between 0 and 1.
        ood_articles: Ids that are OOD, in place of a draw.

    Raises:
        ArgumentError: If a share is out of range, or an evaluated split has fewer than 8 articles.
    """
    region = study.region
    for name, share in (("--in-dist", in_dist), ("--ood", ood)):
        if not 0 < share < 1:
            raise ArgumentError(f"{name}: expected a share between 0 and 1, got {share}")
    rng = np.random.default_rng(study.seed)
    found = find_windows(region.dataset, study.context, region.ids)
    eligible = are_in(region.ids, found.dataset.articles[np.unique(found.codes)])
    groups = study.clusters if by == "cluster" else np.arange(len(region))
    labels = np.full(len(region), TRAIN, np.int8)
    if ood_articles is not None:
        labels[ood_articles.holds(region.ids)] = OOD
    else:
        order = np.arange(len(region))[::-1] if by == "block" else rng.permutation(len(region))
        labels[_draw(groups, eligible, round(ood * eligible.sum()), order)] = OOD
    left = eligible & (labels == TRAIN)
    order = rng.permutation(len(region))
    labels[_draw(groups, left, round(in_dist * left.sum()), order) & (labels == TRAIN)] = IN_DIST
    drawn, labels = labels, settle(study.clusters, labels)
    for name, label in (("in_dist", IN_DIST), ("ood", OOD)):
        n = int(((labels == label) & eligible).sum())
        if n < FEWEST_ARTICLES:
            raise ArgumentError(
                f"{name}: expected at least {FEWEST_ARTICLES} articles with a window of context "
                f"{study.context}, got {n}. Fix: a larger share, or more articles"
            )
    settings: dict[str, Any] = {"by": by, "in_dist": in_dist, "seed": study.seed}
    settings |= {"ood": ood} if ood_articles is None else {"ood": ood_articles.to_json()}
    moved = int(np.count_nonzero(drawn != labels))
    return SplitPlan(study, labels, moved, {**settings, "context": study.context})


def _draw(
    groups: NDArray[np.int64], eligible: NDArray[np.bool_], n: int, order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Draw whole groups, in the order of their first article, until n eligible articles are drawn.

    Args:
        groups: (A,) the group of each article.
        order: (A,) positions of articles.

    Returns:
        (A,) bool: articles of the drawn groups.
    """
    sizes = np.bincount(groups[eligible], minlength=int(groups.max()) + 1)
    first = np.unique(groups[order], return_index=True)
    drawn = first[0][np.argsort(first[1], kind="stable")]
    drawn = drawn[sizes[drawn] > 0]
    enough = int(np.searchsorted(np.cumsum(sizes[drawn]), n))
    return np.isin(groups, drawn[: enough + 1])


def settle(clusters: NDArray[np.int64], labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return labels that are the same throughout each cluster: (A,) int8.

    A cluster with an article in train trains, else one with an article in OOD is OOD: what training
    has seen in one copy is not judged on in another.
    """
    result = labels.copy()
    for label in (OOD, TRAIN):
        result[(np.bincount(clusters, labels == label) > 0)[clusters]] = label
    return result


def assess(plan: SplitPlan) -> tuple[SplitReport, ...]:
    """Return how representative each split is: coherence, ease, and ridge fitted on train."""
    study = plan.study
    region = study.region
    pairs = Side(np.arange(len(region)), *coherence(study))
    windows = Side(np.arange(len(region)), *ease(study))
    fitted = fit_references(windows_of(plan.region("train"), study.context, FIT_WINDOWS))
    reports: list[SplitReport] = []
    for name in SPLITS:
        mine = plan.labels == SPLITS.index(name)
        part = plan.region(name)
        ridge = None
        if name in EVALUATED:
            judged = judge_on(fitted, windows_of(part, study.context, JUDGED_WINDOWS))
            ridge = judged.interval("ridge", seed=seed_from("split", name, str(study.seed)))
        train = plan.labels == TRAIN
        reports.append(
            SplitReport(
                name=name,
                articles=len(part),
                rows=len(part.rows),
                windows=len(windows_of(part, study.context)),
                ridge=ridge,
                coherence=difference(pairs.take(train), pairs.take(mine)),
                ease=difference(windows.take(train), windows.take(mine)),
            )
        )
    return tuple(reports)
