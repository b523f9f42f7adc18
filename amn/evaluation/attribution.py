"""Where a difference comes from: a few articles, one kind of them, or all a little.

Shapes: G articles.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from scipy.special import bdtr

from amn.evaluation.statistics import ClusterTable, moments_of
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Pattern = Literal["few articles", "broad shift", "no pattern"]

WORST_SHARE = 0.05  # of the articles: the few that may be to blame
MUCH = 0.5  # of the loss: what the few carry when they are to blame
ONE_SIDED = 3.0  # times the gain of as many best articles: in mere scatter the two are alike
SIGN_P = 0.01  # of the sign test, below which articles agree
LISTED = 10  # worst articles
STANDS_OUT = 3.0  # standard errors of slice against rest; about ten slices are looked at


class ArticlePart(NamedTuple):
    """One article's part in the difference; the parts of all articles add up to it."""

    article: int | str
    title: str
    windows: int
    difference: float  # mean over its windows
    part: float  # of the pooled difference


class Slice(NamedTuple):
    """The articles of one group, beside all others.

    Attributes:
        by: What they were grouped by: `length`, `kind`, `id block`.
        difference: Pooled mean over its windows.
        share: Of the whole difference; shares of a grouping add up to 1.
        z: Its difference minus that of the others, in standard errors; 0 where either side has
            fewer than two articles.
    """

    by: str
    name: str
    articles: int
    windows: int
    difference: float
    share: float
    z: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a difference consists of.

    Attributes:
        pattern: `few articles` when a twentieth of them carries half of the loss and as many best
            ones gain far less; else `broad shift` when articles agree in their sign.
        worse: Articles whose mean fell.
        better: Articles whose mean rose.
        sign_p: Two-sided sign test of worse against better.
        n_worst: A twentieth of the articles, at least one.
        worst_share: Of the difference that these carry; above 1 when the others gained.
        without_worst: The pooled difference without them.
        worst: The articles that pull the difference down most, worst first.
        slices: Every group of every grouping, the one that stands out most first.
    """

    difference: float
    pattern: Pattern
    articles: int
    worse: int
    better: int
    sign_p: float
    n_worst: int
    worst_share: float
    without_worst: float
    worst: tuple[ArticlePart, ...]
    slices: tuple[Slice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        values = asdict(self)
        values["worst"] = [part._asdict() for part in self.worst]
        values["slices"] = [piece._asdict() for piece in self.slices]
        return values

    def __str__(self) -> str:
        """Return `broad shift: 58 of 60 articles are worse (sign test p 3e-15), ...`."""
        noun = "article carries" if self.n_worst == 1 else f"{self.n_worst} articles carry"
        text = (
            f"{self.pattern}: {self.worse} of {self.articles} articles are worse (sign test p "
            f"{self.sign_p:.1g}), the worst {noun} {self.worst_share:.0%} of the loss "
            f"({self.without_worst:+.4f} without)"
        )
        first = next(iter(self.slices), None)
        if first and first.z < -STANDS_OUT:
            text += (
                f"; by {first.by}, {first.name} stands out: {first.difference:+.4f} on "
                f"{count_of(first.articles, 'article')} ({first.z:+.1f} standard errors from the "
                "others)"
            )
        return text


def attribute(
    table: ClusterTable,
    *,
    titles: Mapping[Any, str] | None = None,
    groupings: Mapping[str, Mapping[Any, str]] | None = None,
) -> Attribution:
    """Say what the difference of candidate and golden consists of.

    Args:
        table: Sums of the candidate, then those of the golden.
        titles: By article, where known.
        groupings: Name of the grouping -> group of each article.
    """
    sums, n = table.combined, table.sizes.sum()
    order = np.lexsort((table.labels, sums))  # worst first
    labels = table.labels.tolist()
    total = float(sums.sum())
    worst = order[: max(1, math.ceil(WORST_SHARE * len(sums)))]
    left = order[len(worst) :]
    worse, better = int(np.count_nonzero(sums < 0)), int(np.count_nonzero(sums > 0))
    share = float(sums[worst].sum()) / total if total else 0.0
    sign_p = sign_test(worse, better)
    return Attribution(
        difference=total / float(n),
        pattern=_pattern(sums, worst, sign_p),
        articles=len(sums),
        worse=worse,
        better=better,
        sign_p=sign_p,
        n_worst=len(worst),
        worst_share=share,
        without_worst=float(sums[left].sum() / table.sizes[left].sum()) if len(left) else 0.0,
        worst=tuple(
            ArticlePart(
                labels[i],
                (titles or {}).get(labels[i], ""),
                int(table.sizes[i]),
                float(sums[i] / table.sizes[i]),
                float(sums[i] / n),
            )
            for i in order[:LISTED]
            if sums[i] < 0
        ),
        slices=_slices(table, groupings or {}),
    )


def sign_test(worse: int, better: int) -> float:
    """Return the two-sided p of so uneven a split, were both signs equally likely."""
    return min(1.0, 2 * float(bdtr(min(worse, better), worse + better, 0.5)))


def _pattern(sums: NDArray[np.float64], worst: NDArray[np.intp], sign_p: float) -> Pattern:
    """Return what the worst few, the best few and the sign test say together."""
    lost, gained = -sums[worst].sum(), np.sort(sums)[-len(worst) :].sum()
    if lost > 0 and lost >= MUCH * abs(sums.sum()) and lost >= ONE_SIDED * gained:
        return "few articles"
    return "broad shift" if sign_p < SIGN_P else "no pattern"


def _slices(table: ClusterTable, groupings: Mapping[str, Mapping[Any, str]]) -> tuple[Slice, ...]:
    """Return every group, the one that falls furthest below the others first."""
    sums, total = table.combined, float(table.combined.sum())
    slices = []
    for by, groups in groupings.items():
        names = np.array([groups[label] for label in table.labels.tolist()], object)
        for name in sorted(set(names.tolist())):
            mine = names == name
            here = float(sums[mine].sum())
            slices.append(
                Slice(
                    by,
                    name,
                    int(mine.sum()),
                    int(table.sizes[mine].sum()),
                    here / float(table.sizes[mine].sum()),
                    here / total if total else 0.0,
                    _distance(sums, table.sizes, mine),
                )
            )
    return tuple(sorted(slices, key=lambda piece: (piece.z, piece.by, piece.name)))


def _distance(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], mine: NDArray[np.bool_]
) -> float:
    """Return the difference of these articles minus that of the others, in standard errors."""
    if min(mine.sum(), (~mine).sum()) < 2:  # noqa: PLR2004 - one article has no spread
        return 0.0
    sides = []
    for part in (mine, ~mine):
        labels = np.flatnonzero(part)
        sides.append(moments_of(ClusterTable(labels, sizes[part], (sums[None, part],))))
    se = math.hypot(*(side.se for side in sides))
    return (sides[0].mean - sides[1].mean) / se if se else 0.0
