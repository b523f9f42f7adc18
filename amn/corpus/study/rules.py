"""The rules of a filter: each tells, on its own, which articles it would drop.

A rule sees the data set as it came in, never what another rule has left: the order in which rules
are named changes nothing. Letters: A articles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.kinds import STUB_WORDS
from amn.corpus.study.clusters import NEAR_ARTICLE, is_spare, near_duplicate_clusters
from amn.errors import ArgumentError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from amn.corpus.study.study import Study

Value = float | str | None


@dataclass(frozen=True)
class Rule:
    """One reason to drop an article.

    Attributes:
        name: As it is named in an option.
        reason: As it is counted in the manifest.
        help: What it drops.
        default: Its value when none is given; None for a rule without one.
        drops: Tells which articles it drops: (study, value) -> (A,) bool.
        is_judged: Whether it selects by what a gate judges.
    """

    name: str
    reason: str
    help: str
    default: Value
    drops: Callable[[Study, Value], NDArray[np.bool_]]
    is_judged: bool = False


@dataclass(frozen=True)
class Chosen:
    """A rule with its value."""

    rule: Rule
    value: Value

    def __str__(self) -> str:
        value = None if self.value is None else str(self.value).removesuffix(".0")
        return self.rule.name if value is None else f"{self.rule.name}={value}"


def _of_kind(kind: str) -> Callable[[Study, Value], NDArray[np.bool_]]:
    """Return the rule that drops one kind of page."""

    def drops(study: Study, _: Value) -> NDArray[np.bool_]:
        found, _source = study.kinds
        if found is None:
            raise _cannot_tell(study, kind, "a column kind, title or n_chars")
        return np.asarray(found.astype(str) == kind, np.bool_)

    return drops


def _stubs(study: Study, words: Value) -> NDArray[np.bool_]:
    if study.words is None:
        raise _cannot_tell(study, "stubs", "a column n_chars")
    return np.asarray(study.words < float(words or 0), np.bool_)


def _short(study: Study, rows: Value) -> NDArray[np.bool_]:
    return np.asarray(study.region.sizes < float(rows or 0), np.bool_)


def _near_duplicates(study: Study, cosine: Value) -> NDArray[np.bool_]:
    least = float(cosine or 0)
    if not 0.9 <= least < 1:  # noqa: PLR2004 - below, different articles of one topic match
        raise ArgumentError(f"near-duplicates: expected a cosine from 0.9 to below 1, got {least}")
    clusters = near_duplicate_clusters(study.region, study.means, cosine=least)
    return is_spare(clusters, study.region.sizes)


def _language(study: Study, language: Value) -> NDArray[np.bool_]:
    found = study.region.first_values("language")
    if found is None or all(value is None for value in found):
        raise _cannot_tell(
            study, "language", "a column language", "amn data build --detect-language writes one"
        )
    return np.asarray([value not in {language, None} for value in found], np.bool_)


def _coherence(study: Study, least: Value) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # NaN: an article of one row has none, and stays
        return np.asarray(study.region.coherence < float(least or 0), np.bool_)


def _cannot_tell(
    study: Study, what: str, wanted: str, fix: str = "import the data set with that column"
) -> ArgumentError:
    return ArgumentError(
        f"{study.region.label}: {what}: expected {wanted} in the chunk table, got none. "
        f"Fix: leave the rule out, or {fix}"
    )


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "redirects", "redirect", "pages that only lead to another", None, _of_kind("redirect")
        ),
        Rule(
            "disambiguation",
            "disambiguation",
            "pages that list meanings",
            None,
            _of_kind("disambiguation"),
        ),
        Rule("lists", "list", "pages that are lists", None, _of_kind("list")),
        Rule(
            "series",
            "machine-written series",
            "short pages of one template",
            None,
            _of_kind("series"),
        ),
        Rule("stubs", "stub", "fewer words", float(STUB_WORDS), _stubs),
        Rule("short", "too short", "fewer rows: no window of context 5", 6.0, _short),
        Rule(
            "language",
            "other language",
            "in another language; where nobody can tell it stays",
            "en",
            _language,
        ),
        Rule(
            "near-duplicates",
            "near-duplicate",
            "as alike in the mean, or a fifth of the rows: all but one",
            NEAR_ARTICLE,
            _near_duplicates,
        ),
        Rule(
            "coherence",
            "low coherence",
            "mean cosine of neighbours below: by what a gate judges",
            0.35,
            _coherence,
            is_judged=True,
        ),
    )
}
RECOMMENDED = "lists,disambiguation,stubs=500,coherence=0.35"  # the earlier work's plan


def parse_rules(text: str) -> tuple[Chosen, ...]:
    """Read `lists,stubs=500`; rules come back in the order in which drops are counted.

    Raises:
        ArgumentError: If a rule is unknown, named twice, or its value is none.
    """
    chosen: dict[str, Chosen] = {}
    for part in text.split(","):
        name, has_value, value = (piece.strip() for piece in part.partition("="))
        rule = RULES.get(name)
        if rule is None:
            near = nearest(name, RULES)
            fix = f"--rules {near}" if near else "amn data filter --help"
            message = f"--rules: expected some of {', '.join(RULES)}, got {name!r}"
            raise ArgumentError(f"{message}. Fix: {fix}")
        if name in chosen:
            raise ArgumentError(f"--rules: expected {name} once, got it twice")
        chosen[name] = Chosen(rule, _value(rule, value) if has_value else rule.default)
    return tuple(chosen[name] for name in RULES if name in chosen)


def _value(rule: Rule, text: str) -> Value:
    """Read a rule's value, of the type of its default."""
    if rule.default is None:
        raise ArgumentError(f"--rules: {rule.name}: expected no value, got {text!r}")
    if isinstance(rule.default, str):
        return text
    try:
        number = float(text)
    except ValueError as error:
        raise ArgumentError(f"--rules: {rule.name}: expected a number, got {text!r}") from error
    if not np.isfinite(number):
        raise ArgumentError(f"--rules: {rule.name}: expected a finite number, got {text!r}")
    return number
