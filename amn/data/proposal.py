"""A split that a data set suggests: what it declares, what it is made of, or chance; and why."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED
from amn.data.ids import IdSet, is_text
from amn.data.windows import find_windows
from amn.errors import ArgumentError, DataError
from amn.storage import parse_json, read_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.ids import Ids

    Selectors = dict[str, dict[str, Any]]  # by split, as in case.toml

OOD_SHARE = 0.2  # of the articles
IN_DIST_SHARE = 0.12  # of the others
MIN_ARTICLES = 8  # to judge on: with fewer no interval means anything
LISTS = "splits.json"  # as `amn data split` writes it
# What a column of splits may call them: as case.toml does, or as Hugging Face and Keras do.
CALLED = {
    "train": ("train",),
    "in_dist": ("in_dist", "validation", "valid", "val", "dev"),
    "ood": ("ood", "test"),
}
GROUPS = ("source", "domain", "subset", "kind", "category")
DATES = ("date", "published", "created", "year", "timestamp")
ISO_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ].*)?)?)?")  # such text is in the order of time


@dataclass(frozen=True)
class Proposal:
    """How the articles of a new case can be divided.

    Attributes:
        selectors: split -> its table in case.toml; what is in none of them trains.
        why: One sentence.
    """

    selectors: Selectors
    why: str


def propose_split(
    dataset: DataSet,
    ood: str | None,
    lists: tuple[Path, ...],
    *,
    context: int,
    least: int = MIN_ARTICLES,
) -> Proposal:
    """Return the split that comes first of: asked for, declared, by a column, by chance.

    Only articles that have windows count: stubs of fewer rows are judged by nobody.

    Args:
        ood: Ids of the OOD articles, where somebody names them.
        lists: Files with lists of ids, such as `amn data split` writes; none has to be there.
        context: Rows of a window before its target.
        least: Articles that a judged split should have; a quarter of all where there are fewer.

    Raises:
        ArgumentError: If too few articles are left to train and to judge on, or `ood` is none.
        DataError: If a file of lists is broken.
    """
    some = _Judgeable(dataset, np.unique(find_windows(dataset, context).codes), least)
    if ood:
        try:
            named = IdSet.of(ood.split(",") if is_text(dataset.articles) else ood)
        except ArgumentError as error:
            raise ArgumentError(f"--ood: {error}") from error
        if not named.holds(dataset.articles).any():
            held = f"{dataset.articles[0]} ... {dataset.articles[-1]}"
            n = max(MIN_ARTICLES, round(OOD_SHARE * some.n))
            last = _named(dataset.articles[some.codes][-n:])
            fix = f"--ood {last if isinstance(last, str) else ','.join(last)}"
            message = f"--ood {ood}: expected ids of its articles, {held}, got none"
            raise ArgumentError(f"{message}. Fix: {fix}")
        some.require(some.count(named.holds(dataset.articles)))
        return Proposal(_beside(some, named), "OOD is what --ood names")
    if found := _listed(lists) or _declared(some):
        return found
    some.require(max(MIN_ARTICLES, round(OOD_SHARE * some.n)))
    return _grouped(some) or _latest(some) or _by_chance(some)


@dataclass(frozen=True)
class _Judgeable:
    """The articles of a data set that have windows.

    Attributes:
        codes: (n,) of them, ascending.
        least: Of them that a judged split should have.
    """

    dataset: DataSet
    codes: NDArray[np.int64]
    least: int

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.codes)

    def count(self, mine: NDArray[np.bool_]) -> int:
        """Return how many of some articles, (A,), are among them."""
        return int(np.count_nonzero(mine[self.codes]))

    def wanted(self, n: int) -> int:
        """Return how many of n a judged split should have: `least`, or a quarter."""
        return max(MIN_ARTICLES, min(self.least, n // 4))

    def require(self, n_ood: int) -> None:
        """Raise ArgumentError where OOD leaves too few."""
        if self.n - n_ood < 2 * MIN_ARTICLES:
            raise ArgumentError(
                f"{self.dataset.path}: expected {MIN_ARTICLES} or more articles with windows each "
                f"in train, in_dist and ood, got {self.n}, {n_ood} of them for ood. "
                "Fix: a data set of more, or longer, articles"
            )

    def fraction(self, share: float, n: int, seed: int) -> dict[str, Any]:
        """Return a draw of a share of n of them, or of as many as are wanted."""
        return {"fraction": max(share, math.ceil(100 * self.wanted(n) / n) / 100), "seed": seed}


def _beside(some: _Judgeable, ood: IdSet) -> Selectors:
    """Return OOD, and in-dist drawn from what it leaves."""
    rest = some.n - some.count(ood.holds(some.dataset.articles))
    in_dist = some.fraction(IN_DIST_SHARE, rest, 0)
    return {"in_dist": in_dist, "ood": {"articles": ood.to_json()}}


def _listed(lists: tuple[Path, ...]) -> Proposal | None:
    """Return the split of the first file that has a list for each evaluated one."""
    for file in lists:
        try:
            found = parse_json(read_whole(file))
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise DataError(file, f"expected JSON, got {error}") from error
        if isinstance(found, dict) and all(isinstance(found.get(name), list) for name in EVALUATED):
            names = [name for name in CALLED if isinstance(found.get(name), list)]
            return Proposal({name: {"file": file} for name in names}, f"as {file} lists it")
    return None


def _declared(some: _Judgeable) -> Proposal | None:
    """Return the split that a column `split` declares, if it names all three."""
    values = _by_article(some.dataset, "split")
    if values is None:
        return None
    found = {name: [c for c in called if c in values] for name, called in CALLED.items()}
    if not all(len(called) == 1 for called in found.values()):
        return None
    held = {name: values == called[0] for name, called in found.items()}
    if any(some.count(mine) < MIN_ARTICLES for mine in held.values()):
        return None
    words = ", ".join(f"{name} is what it calls {called[0]!r}" for name, called in found.items())
    ids = some.dataset.articles
    selectors = {name: {"articles": _named(ids[mine])} for name, mine in held.items()}
    return Proposal(selectors, f"by the column split: {words}")


def _grouped(some: _Judgeable) -> Proposal | None:
    """Return OOD as one group of a column: the one whose share is nearest to `OOD_SHARE`."""
    dataset, n = some.dataset, some.n
    for column in GROUPS:
        values = _by_article(dataset, column)
        if values is None:
            continue
        mine = [str(v) for v in values[some.codes] if v is not None]
        names, counts = np.unique(mine, return_counts=True)
        enough = (counts >= some.wanted(n)) & (n - counts >= 2 * MIN_ARTICLES)
        fits = enough & (counts <= n / 2)
        if fits.any():
            distance = np.where(fits, np.abs(counts / n - OOD_SHARE), np.inf)
            name = names[np.argmin(distance)]
            named = np.array([v is not None and str(v) == name for v in values])
            why = (
                f"OOD is the articles whose {column} is {str(name)!r}, of {len(names)} in that "
                f"column: training never sees one"
            )
            ood = IdSet.of(dataset.articles[named].tolist())
            return Proposal(_beside(some, ood), why)
    return None


def _latest(some: _Judgeable) -> Proposal | None:
    """Return OOD as the latest articles, about `OOD_SHARE` of them, none as old as any other."""
    dataset, n = some.dataset, some.n
    for column in DATES:
        values = _by_article(dataset, column)
        if values is None or any(v is None for v in values) or not _are_dates(values):
            continue
        ordered = sorted(values[some.codes])
        since = ordered[n - max(MIN_ARTICLES, round(OOD_SHARE * n))]
        mine = np.array([v >= since for v in values])
        if MIN_ARTICLES <= some.count(mine) <= min(n / 2, n - 2 * MIN_ARTICLES):
            why = f"OOD is the articles from {column} {since} on: training sees older ones alone"
            ood = IdSet.of(dataset.articles[mine].tolist())
            return Proposal(_beside(some, ood), why)
    return None


def _by_chance(some: _Judgeable) -> Proposal:
    """Return both as drawn by chance."""
    in_dist = some.fraction(IN_DIST_SHARE, some.n, 0)
    left = some.n - round(in_dist["fraction"] * some.n)
    why = (
        "both are drawn by chance, so OOD is no shift and says what in-dist says. "
        "Fix: --ood IDS, or a column source, kind or date in the data set"
    )
    return Proposal({"in_dist": in_dist, "ood": some.fraction(OOD_SHARE, left, 1)}, why)


def _named(ids: Ids) -> str | list[str]:
    return IdSet.of(ids.tolist()).to_json()


def _by_article(dataset: DataSet, name: str) -> Any:  # noqa: ANN401 - values of any type
    """Return a column's value of each article, (A,) objects; None where it changes within one."""
    column = dataset.column(name)
    if column is None or not len(column):
        return None
    encoded = column.dictionary_encode("encode").unify_dictionaries()
    chunks: list[Any] = encoded.chunks
    places = np.concatenate([np.asarray(c.indices.fill_null(-1)) for c in chunks])
    first = np.unique(dataset.codes, return_index=True)[1]
    if (places[first][dataset.codes] != places).any():
        return None
    kept: list[Any] = chunks[0].dictionary.to_pylist()
    values = np.empty(len(first), object)
    values[:] = [kept[place] for place in places[first].tolist()]
    return values


def _are_dates(values: Any) -> bool:  # noqa: ANN401 - values of any type
    """Tell whether values are in the order of time: dates, years, or text that begins with one."""
    if all(isinstance(v, str) for v in values):
        return all(ISO_DATE.fullmatch(v) for v in values)
    return len({type(v) for v in values}) == 1 and type(values[0]) in (int, date, datetime)
