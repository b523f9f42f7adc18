"""A difference from the golden taken apart: its worst articles, and its groups of articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from amn.report.page.charts import CHARACTER, WIDTH, Chart, Key, Mark, line, rectangle, scale, text
from amn.report.verdict import article_name, attributions, by_grouping
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.evaluation.attribution import Attribution
    from amn.gate.result import GateResult

ROW, BAR, EDGE = 34.0, 11.0, 6.0
NUMBER = 8 * CHARACTER  # room for `-0.0312`
HEAD = 20.0  # a line that names a grouping


class Strip(NamedTuple):
    """One row: a bar from zero under its name.

    Attributes:
        note: Said beside the name, at the right.
        head: Printed above the row; empty for none.
    """

    name: str
    difference: float
    note: str = ""
    head: str = ""


def attribution_charts(result: GateResult) -> Iterator[Chart]:
    """Yield two charts a comparison that did not simply pass: articles, then groups of them."""
    for check, found in attributions(result).items():
        split = result.compared[check].split
        if found.worst:
            yield _articles(split, found)
        if list(by_grouping(found.slices)):
            yield _slices(split, found)


def _articles(split: str, found: Attribution) -> Chart:
    """Draw the articles that pull the difference down most."""
    strips = [
        Strip(article_name(part), part.difference, count_of(part.windows, "window"))
        for part in found.worst
    ]
    return Chart(
        title=f"{split}: {found.pattern}, the worst articles",
        description=f"Candidate minus golden, {found.difference:+.4f}. {found}.",
        marks=tuple(_draw(strips, found.difference)),
        keys=(
            Key("box worse", f"the {len(strips)} worst of {found.articles} articles"),
            Key("line mean", f"all {found.difference:+.4f}"),
        ),
        header=("article", "windows", "difference", "part of it"),
        rows=tuple(
            (article_name(part), f"{part.windows}", f"{part.difference:+.4f}", f"{part.part:+.5f}")
            for part in found.worst
        ),
        height=_height(strips),
    )


def _slices(split: str, found: Attribution) -> Chart:
    """Draw the difference of each group of articles."""
    strips = [
        Strip(
            piece.name,
            piece.difference,
            f"{count_of(piece.articles, 'article')}, {piece.z:+.1f} se",
            f"by {by}" if place == 0 else "",
        )
        for by, pieces in by_grouping(found.slices)
        for place, piece in enumerate(pieces)
    ]
    first = found.slices[0]
    return Chart(
        title=f"{split}: the difference by group of articles",
        description=(
            f"Candidate minus golden in groups of articles; se: standard errors from the others. "
            f"Lowest beside the others: {first.by} {first.name}, {first.difference:+.4f}."
        ),
        marks=tuple(_draw(strips, found.difference)),
        keys=(
            Key("box worse", "below"),
            Key("box better", "above"),
            Key("line mean", f"all {found.difference:+.4f}"),
        ),
        header=("by", "group", "articles", "difference", "share", "from the others"),
        rows=tuple(
            (
                p.by,
                p.name,
                f"{p.articles}",
                f"{p.difference:+.4f}",
                f"{p.share:.0%}",
                f"{p.z:+.1f} se",
            )
            for p in found.slices
        ),
        height=_height(strips),
    )


def _height(strips: Sequence[Strip]) -> float:
    return ROW * len(strips) + HEAD * sum(bool(strip.head) for strip in strips) + EDGE


def _draw(strips: Sequence[Strip], whole: float) -> Iterator[Mark]:
    """Yield the marks of rows, and a dashed line at the whole difference through their bars."""
    values = [0.0, whole, *(strip.difference for strip in strips)]
    at = scale(values, EDGE, WIDTH - EDGE - NUMBER, pad=0)
    y = 0.0
    for strip in strips:
        if strip.head:
            yield text(EDGE, y + 14, strip.head, "label")
            y += HEAD
        room = int((WIDTH - 2 * EDGE) / CHARACTER) - len(strip.note) - 2
        name = strip.name if len(strip.name) <= room else f"{strip.name[: room - 1]}…"
        yield text(EDGE, y + 14, name, "name")
        yield text(WIDTH - EDGE, y + 14, strip.note, "tick end")
        zero, end = at(0), at(strip.difference)
        css = "box worse" if strip.difference < 0 else "box better"
        yield rectangle(min(zero, end), y + 19, abs(end - zero), BAR, css)
        yield text(WIDTH - EDGE, y + 29, f"{strip.difference:+.4f}", "tick end")
        yield line(zero, y + 18, zero, y + 31, "axis")
        yield line(at(whole), y + 17, at(whole), y + 32, "line mean")
        y += ROW
