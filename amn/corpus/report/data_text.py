"""What `amn data describe` and `amn data compare` print: one screen of 100 columns."""

from __future__ import annotations

import math
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

from amn.corpus.study.circular import sentence as circular_sentence
from amn.report.page.plots import number
from amn.report.visible import visible
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.corpus.study.compare import Comparison
    from amn.corpus.study.describe import Description
    from amn.corpus.study.difference import Difference
    from amn.evaluation.distribution import Distribution
    from amn.evaluation.statistics import Interval

WIDTH = 100
BARS = " ▁▂▃▄▅▆▇█"
SHOWN_BINS = 24
EFFECTS = ((0.2, "tiny"), (0.5, "small"), (0.8, "medium"), (math.inf, "large"))  # Cohen, 1988
SHOWN_LANGUAGES = 5
TOO_FEW = "too few articles"  # in place of an interval without ends


def spark(counts: Sequence[int], bins: int = SHOWN_BINS) -> str:
    """Return a histogram as a line of bars, as high as their part of the highest."""
    bins = min(bins, len(counts))
    edges = [round(k * len(counts) / bins) for k in range(bins + 1)]
    sums = [sum(counts[low:high]) for low, high in pairwise(edges)]
    top = max([*sums, 1])
    return "".join(BARS[math.ceil(8 * n / top)] for n in sums)


def interval(found: Interval | None) -> str:
    """Return a mean and its bounds."""
    if found is None:
        return "-"
    return f"{found.mean:.4f} ({bounds(found, '.4f')})"


def bounds(found: Interval | Difference, style: str = "+.4f") -> str:
    """Return the bounds of an interval; of too few articles there is none."""
    if math.isinf(found.low):
        return TOO_FEW
    return f"{found.low:{style}} … {found.high:{style}}"


def describe_text(d: Description) -> str:
    """Return a description."""
    lines = [
        (
            f"{d.label}: {count_of(d.rows, 'row')} x {d.dim}, {count_of(d.articles, 'article')}, "
            f"encoder {d.encoder}"
        ),
        "",
        *_kinds(d),
        *_distributions(d),
        "",
        f"coherence    {interval(d.coherence_interval)}, random pair {d.geometry.random_pair:.4f}",
        "  by lag     " + "  ".join(f"{lag} {value:.2f}" for lag, value in d.lags),
        *_blocks(d),
        *_state(d),
        "",
        *_references(d),
    ]
    return visible("\n".join(lines))


def _kinds(d: Description) -> list[str]:
    """Return the table of kinds."""
    if d.kinds is None:
        return ["kinds: not known: the chunk table has no kind, title or n_chars", ""]
    lines = [f"{'kind':<16}{'articles':>10}{'share':>9}{'rows':>12}{'share':>9}"]
    lines += [
        f"{k.kind:<16}{k.articles:>10,}{number(k.articles / d.articles, 'share'):>9}"
        f"{k.rows:>12,}{number(k.rows / d.rows, 'share'):>9}"
        for k in d.kinds
    ]
    return [*lines, f"(told from: {d.kinds_from})", ""]


def _distributions(d: Description) -> list[str]:
    """Return the table of distributions."""
    named: list[tuple[str, Distribution | None, str]] = [
        ("words an article", d.article_words, "count"),
        ("rows an article", d.article_rows, "count"),
        ("characters a chunk", d.chunk_chars, "count"),
        ("cosine of neighbours", d.coherence, "cosine"),
        ("mean by article", d.article_coherence, "cosine"),
    ]
    lines = [f"{'':<21}{'mean':>8}{'5 %':>8}{'25 %':>8}{'median':>8}{'75 %':>8}{'95 %':>8}"]
    lines += [
        f"{name:<21}"
        + "".join(f"{number(v, style):>8}" for v in (x.mean, x.p5, x.p25, x.median, x.p75, x.p95))
        + f"  {spark(x.counts)}"
        for name, x, style in named
        if x is not None
    ]
    return lines


def _blocks(d: Description) -> list[str]:
    """Return coherence by block of ids, two blocks a line."""
    cells = [
        f"{ids:<20}{number(b.coherence, 'cosine'):>7}{b.rows_an_article:>7.1f} rows"
        for ids, b in ((f"{b.first}-{b.last}", b) for b in d.blocks)
    ]
    half = math.ceil(len(cells) / 2)
    pairs = [(cells[k], cells[k + half] if k + half < len(cells) else "") for k in range(half)]
    return [
        f"  {'by id' if not k else '':<11}{a}    {b}".rstrip() for k, (a, b) in enumerate(pairs)
    ]


def _state(d: Description) -> list[str]:
    """Return duplicates, geometry, diversity and windows."""
    g, x = d.geometry, d.duplicates
    share = number(d.articles_with_windows / d.articles, "share")
    found = {
        "duplicates": f"{x.rows:,} rows repeat another, {x.neighbours:,} copies of neighbours, "
        f"{x.articles:,} articles in {x.clusters:,} near-duplicate groups",
        "geometry": f"effective rank {g.rank:.0f} of {d.dim} ({g.sampled_rows:,} rows), "
        f"mean vector {g.mean_length:.3f} long",
        "diversity": f"of {g.sampled_articles:,} articles: as many as {g.diversity:.0f} with "
        f"nothing in common; nearest other {number(g.nearest, 'cosine')}",
        "windows": f"{d.windows:,} of context {d.context}; {share} of articles have one",
    }
    if d.languages:
        found["languages"] = _languages(d.languages)
    lines = [f"{name:<13}{text}" for name, text in found.items()]
    return [*lines, *(f"{'noted':<13}{what}: {count_of(n, 'row')}" for what, n in d.noted.items())]


def _languages(languages: dict[str, int]) -> str:
    """Return the most frequent languages, and what is left."""
    most = list(languages.items())[:SHOWN_LANGUAGES]
    left = sum(languages.values()) - sum(n for _, n in most)
    others = f", {left:,} in {len(languages) - len(most)} more" if left else ""
    return ", ".join(f"{n:,} {language}" for language, n in most) + others


def _references(d: Description) -> list[str]:
    """Return the reference predictors, or why there are none."""
    if not d.references:
        return [f"reference predictors: none: {d.references_note}"]
    some = next(iter(d.references.values()))
    lines = [f"reference predictors on {some.n_clusters:,} held-out articles (seeded)"]
    names = list(d.references)
    cells = [f"{name:<15}{interval(d.references[name])}" for name in names]
    half = math.ceil(len(cells) / 2)
    for k in range(half):
        right = cells[k + half] if k + half < len(cells) else ""
        lines.append(f"  {cells[k]:<47}{right}".rstrip())
    return lines


def effect_word(effect: float) -> str:
    """Return how large an effect is by convention."""
    return next((word for limit, word in EFFECTS if abs(effect) < limit), "")


def compare_text(c: Comparison) -> str:
    """Return a comparison: what differs, what fits on either are worth, and the answer."""
    o = c.overlap
    lines = [
        f"A  {c.a.label}: {count_of(c.a.rows, 'row')}, {count_of(c.a.articles, 'article')}",
        f"B  {c.b.label}: {count_of(c.b.rows, 'row')}, {count_of(c.b.articles, 'article')}",
        f"   {count_of(o.both, 'article')} in both, {o.only_a:,} only in A, {o.only_b:,} only in B",
        "",
        f"{'':<26}{'A':>10}{'B':>10}{'B - A':>11}   {'95 % interval':<24}{'effect':>14}",
    ]
    lines += [_measure_line(m.name, m.style, m.difference) for m in c.measures]
    lines += ["", *_kind_lines(c), "", *_geometry_lines(c), "", *_fitted_lines(c), "", c.answer]
    return visible("\n".join(lines))


def _measure_line(name: str, style: str, d: Difference) -> str:
    """Return one measure: both means, the difference, its interval, its effect."""
    between = f"{number(d.low, style)} … {number(d.high, style)}"
    if math.isinf(d.low):
        between = TOO_FEW
    mark = "*" if d.low > 0 or d.high < 0 else " "
    effect = "-" if math.isnan(d.effect) else f"{d.effect:+.2f} {effect_word(d.effect)}"
    return (
        f"{name:<26}{number(d.a, style):>10}{number(d.b, style):>10}"
        f"{number(d.value, style):>11} {mark} {between:<24}{effect:>14}"
    )


def _kind_lines(c: Comparison) -> list[str]:
    """Return how rows divide over kinds on both sides."""
    if c.a.kinds is None or c.b.kinds is None:
        return []
    counts = [{k.kind: k for k in side.kinds or ()} for side in (c.a, c.b)]
    names = dict.fromkeys([*counts[0], *counts[1]])
    lines = [f"{'articles by kind':<26}{'A':>10}{'':>9}{'B':>10}"]
    for name in names:
        cells = ""
        for side, found in zip((c.a, c.b), counts, strict=True):
            n = found[name].articles if name in found else 0
            cells += f"{n:>10,}{number(n / side.articles, 'share'):>9}"
        lines.append(f"  {name:<24}{cells}")
    return lines


def _geometry_lines(c: Comparison) -> list[str]:
    """Return what has no interval: ranks, diversity, random pairs, lags."""
    a, b = c.a.geometry, c.b.geometry
    rows = [
        ("random pair", f"{a.random_pair:.4f}", f"{b.random_pair:.4f}", ""),
        ("effective rank", f"{a.rank:.0f}", f"{b.rank:.0f}", f"of {b.sampled_rows:,} rows each"),
        (
            "diversity (Vendi)",
            f"{a.diversity:.0f}",
            f"{b.diversity:.0f}",
            f"of {b.sampled_articles:,} articles each",
        ),
        ("windows", f"{c.a.windows:,}", f"{c.b.windows:,}", f"of context {c.a.context}"),
        (
            "articles with a window",
            number(c.a.articles_with_windows / c.a.articles, "share"),
            number(c.b.articles_with_windows / c.b.articles, "share"),
            "",
        ),
    ]
    return [
        f"{name:<26}{left:>10}{right:>10}   {note}".rstrip() for name, left, right, note in rows
    ]


def _fitted_lines(c: Comparison) -> list[str]:
    """Return ridge fitted on A and on B, judged on the same held-out articles."""
    if not c.fitted:
        return [f"ridge fitted on either: not possible: {c.fitted_note}"]
    head = f"{'ridge, judged on':<26}{'fit on A':>10}{'fit on B':>10}{'B - A':>11}"
    lines = [f"{head}   95 % interval, the same windows"]
    names = {
        "A": "A's held-out articles",
        "B": "B's held-out articles",
        "common": "common: both, unfiltered" if c.circular else "common: both",
    }
    for f in c.fitted:
        mark = "*" if f.gain.low > 0 or f.gain.high < 0 else " "
        lines.append(
            f"{names[f.judged_on]:<26}{f.a:>10.4f}{f.b:>10.4f}{f.gain.mean:>+11.4f} {mark} "
            f"{bounds(f.gain)}"
        )
    return lines


def warning_text(c: Comparison) -> str:
    """Return the line that calls a circular filter by its name."""
    return visible(textwrap.fill(circular_sentence(c.circular, c.b.label), WIDTH))
