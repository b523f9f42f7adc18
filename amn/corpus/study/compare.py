"""`amn data compare A B`: what differs, by how much, and whether B may be called more coherent.

Letters: A articles, N windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.study.circular import Circular, find_circular
from amn.corpus.study.describe import describe
from amn.corpus.study.difference import Difference, Side, difference
from amn.corpus.study.fits import Fitted, compare_fits
from amn.corpus.study.geometry import SAMPLE_ARTICLES, SAMPLE_ROWS
from amn.corpus.study.measures import MEASURES
from amn.corpus.study.region import shared_articles
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.corpus.study.describe import Description
    from amn.corpus.study.region import Region
    from amn.corpus.study.study import Study

ALIKE = 0.01  # coherences within this are alike: a tenth of what order itself is worth


@dataclass(frozen=True)
class Overlap:
    """Which articles two regions share: same id, same opening row."""

    both: int
    only_a: int
    only_b: int


@dataclass(frozen=True)
class Measure:
    """One line of the comparison.

    Attributes:
        style: How its numbers are written: `cosine`, `count` or `share`.
    """

    name: str
    style: str
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """Two regions side by side.

    Attributes:
        a: The region that is known.
        b: The region that is new.
        fitted: Empty when a side has too few windows; `fitted_note` says why.
        circular: Filters by what is judged, that made B from A.
    """

    a: Description
    b: Description
    overlap: Overlap
    measures: tuple[Measure, ...]
    fitted: tuple[Fitted, ...]
    fitted_note: str
    circular: tuple[Circular, ...]

    @property
    def coherence(self) -> Difference:
        """The comparison's first line."""
        return self.measures[0].difference

    @property
    def verdict(self) -> str:
        """`yes`, `no` or `cannot tell`: is B more coherent than A?"""
        found = self.coherence
        if math.isinf(found.low) or math.isnan(found.value):
            return "cannot tell"
        if max(abs(found.low), abs(found.high)) < ALIKE or found.high < 0:
            return "no"
        return "yes" if found.low > 0 else "cannot tell"

    @property
    def answer(self) -> str:
        """The decision tree's first question and its answer, in one line."""
        found = self.coherence
        why = ""
        if self.verdict == "no":
            why = " (less)" if found.high < 0 else f" (alike within {ALIKE})"
        elif self.verdict == "yes" and self.circular:
            why = " (by its own filter)"
        return (
            f"Is B more coherent than A? {self.verdict}{why}: B {found.b:.4f}, A {found.a:.4f}, "
            f"{found.value:+.4f} ({found.low:+.4f} … {found.high:+.4f})"
        )


def compare(a: Study, b: Study) -> Comparison:
    """Compare two regions, B with A.

    Samples are as large on both sides, so that ranks and diversity can be compared.

    Raises:
        ArgumentError: If their vectors cannot lie in one space.
    """
    _require_one_space(a.region, b.region)
    shared_a, shared_b = shared_articles(a.region, b.region)
    units = _units(a.region, b.region, shared_b)
    rows = min(len(a.region.rows), len(b.region.rows), SAMPLE_ROWS)
    articles = min(len(a.region), len(b.region), SAMPLE_ARTICLES)
    one, other = (describe(s, sample_rows=rows, sample_articles=articles) for s in (a, b))
    if one.label == other.label:
        one, other = (
            replace(one, label=f"{one.label} (A)"),
            replace(other, label=f"{other.label} (B)"),
        )
    fitted, note = compare_fits(a, b, shared_b)
    measures = (*_measures(a, b, units), *_nearest(a, b, shared_b))
    return Comparison(
        a=one,
        b=other,
        overlap=Overlap(int(shared_b.sum()), int((~shared_a).sum()), int((~shared_b).sum())),
        measures=measures,
        fitted=fitted,
        fitted_note=note,
        circular=find_circular(a, b, shared_a),
    )


def _require_one_space(a: Region, b: Region) -> None:
    """Raise ArgumentError when dimensions or encoders differ."""
    left, right = a.dataset.manifest, b.dataset.manifest
    if left.dim != right.dim:
        raise ArgumentError(
            f"{b.label}: expected vectors of {left.dim} numbers as in {a.label}, got {right.dim}. "
            "Fix: encode both with one encoder"
        )
    names = {left.encoder.name, right.encoder.name} - {"unknown"}
    if len(names) > 1:
        raise ArgumentError(
            f"{b.label}: expected vectors of {left.encoder.name} as in {a.label}, got those of "
            f"{right.encoder.name}. Fix: encode both with one encoder"
        )


def _units(
    a: Region, b: Region, shared_b: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return identities of both sides' articles, ordered as ids; those of B alone are negative."""
    own = np.arange(len(b))
    return np.arange(len(a)), np.where(shared_b, np.searchsorted(a.ids, b.ids), -own - 1)


def _measures(
    a: Study, b: Study, units: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[Measure, ...]:
    """Return all lines of the comparison that both sides can fill."""
    found: list[Measure] = []
    for name, style, measure in MEASURES:
        left, right = measure(a), measure(b)
        if left is not None and right is not None:
            sides = Side(units[0], *left), Side(units[1], *right)
            found.append(Measure(name, style, difference(*sides)))
    return tuple(found)


def _nearest(a: Study, b: Study, shared_b: NDArray[np.bool_]) -> tuple[Measure, ...]:
    """Return how near the nearest article of A is to B's own articles and to A's others.

    B's articles that A has too are left out; both sides look among the same sample of A.
    """
    rng = np.random.default_rng(a.seed)
    among = np.sort(rng.permutation(len(a.region))[:SAMPLE_ARTICLES])
    new = np.sort(rng.permutation(np.flatnonzero(~shared_b))[:SAMPLE_ARTICLES])
    if not len(new) or len(among) <= 1:
        return ()
    own = a.means[among] @ a.means[among].T
    np.fill_diagonal(own, -1.0)
    far = b.means[new] @ a.means[among].T
    sides = [
        Side(ids, np.asarray(alike.max(axis=1), np.float64), np.ones(len(ids)))
        for ids, alike in ((among, own), (-new - 1, far))
    ]
    return (Measure("nearest article of A", "cosine", difference(*sides)),)
