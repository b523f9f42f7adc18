"""Every number with a limit as a bullet: where it is, how sure that is, and where it must be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from amn.evaluation.summary import Summary
from amn.report.page.charts import (
    CHARACTER,
    WIDTH,
    Chart,
    Key,
    Mark,
    Scale,
    line,
    rectangle,
    scale,
    text,
)
from amn.verdict import Outcome, Standing, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.golden.compare import Moved

ROW, BAR, BAR_TOP = 62.0, 14.0, 22.0
EDGE = 6.0
TONES = {Status.PASS: "good", Status.WARN: "unsure", Status.INCONCLUSIVE: "unsure"}


def margins(outcomes: Sequence[Outcome]) -> Chart | None:
    """Return one bullet a check whose number has a limit; None where there is none.

    The reference predictors stand beside a score, where a check found its summary.
    """
    shown = [o for o in outcomes if o.standing and o.number is not None and math.isfinite(o.number)]
    return _bullets("Margins: numbers against their limits", shown) if shown else None


def beside_golden(moved: Sequence[Moved]) -> Chart | None:
    """Return one bullet a statistic of the data, in the range around the golden's; or None."""
    shown = [
        Outcome(
            one.name,
            one.place,
            Status.INCONCLUSIVE if one.has_left else Status.PASS,
            f"{one.new.value:.4g}",
            f"{one.old.value:.4g} in the golden, within {one.reach:.2g}",
            number=one.new.value,
            standing=Standing(least=one.old.value - one.reach, most=one.old.value + one.reach),
        )
        for one in moved
        if one.old and one.new and one.reach
    ]
    return _bullets("The data beside the golden's", shown) if shown else None


def _bullets(title: str, shown: Sequence[Outcome]) -> Chart:
    """Return a chart of one bullet a number."""
    marks: list[Mark] = []
    for position, outcome in enumerate(shown):
        references = outcome.data.references if isinstance(outcome.data, Summary) else {}
        marks += _bullet(outcome, references, top=position * ROW)
    rows = [
        (f"{o.check} {o.name}", o.value, o.limit, _interval(o.standing), o.status.value)
        for o in shown
    ]
    worst = "; ".join(
        f"{name} {value}, limit {limit}, {status}" for name, value, limit, _, status in rows
    )
    return Chart(
        title=title,
        description=f"{worst}.",
        marks=tuple(marks),
        keys=(
            Key("line value", "number"),
            Key("box interval", "95 % interval"),
            Key("line limit", "limit"),
            Key("line mean", "reference predictors"),
        ),
        header=("check", "value", "limit", "interval", "status"),
        rows=tuple(rows),
        height=ROW * len(shown),
    )


def _bullet(outcome: Outcome, references: Mapping[str, float], *, top: float) -> list[Mark]:
    """Return one row: its words above, the bar, and the limit below."""
    standing = outcome.standing
    assert standing is not None  # noqa: S101 - the caller chose those that have one
    ends = [standing.low, standing.high, standing.least, standing.most, outcome.number]
    near = [v for v in ends if v is not None and math.isfinite(v)]
    known = [v for v in references.values() if math.isfinite(v)]
    inside = [v for v in known if v >= min(near) - 3 * max(max(near) - min(near), 0.01)]
    at = scale([*near, *inside], EDGE, WIDTH - EDGE, pad=0.08)
    y = top + BAR_TOP
    marks = [rectangle(EDGE, y, WIDTH - 2 * EDGE, BAR, "allowed")]
    marks += _forbidden(standing, at, y)
    low, high = (_clip(v, at) for v in (standing.low, standing.high))
    if standing.low is not None and standing.high is not None:
        marks.append(rectangle(at(low), y + 4, at(high) - at(low), BAR - 8, "interval"))
    for name, value in references.items():
        if value in inside:
            mark = line(at(value), y, at(value), y + BAR, "reference mean")
            marks.append(Mark(mark.tag, mark.css, mark.values, title=f"{name} {value:.4f}"))
    number = outcome.number or 0.0
    marks.append(line(at(number), y - 3, at(number), y + BAR + 3, "value"))
    marks.append(text(EDGE, top + 14, f"{outcome.check} {outcome.name}", "name"))
    status = outcome.status.value
    marks.append(
        text(
            WIDTH - EDGE,
            top + 14,
            f"{outcome.value}  {status}",
            f"{TONES.get(outcome.status, 'bad')} end",
        )
    )
    for limit in (standing.least, standing.most):
        if limit is not None:
            marks += _limit(limit, at, y)
    return marks


def _forbidden(standing: Standing, at: Scale, y: float) -> list[Mark]:
    """Return the areas that the number may not be in."""
    marks = []
    if standing.least is not None:
        marks.append(rectangle(EDGE, y, at(standing.least) - EDGE, BAR, "forbidden"))
    if standing.most is not None:
        start = at(standing.most)
        marks.append(rectangle(start, y, WIDTH - EDGE - start, BAR, "forbidden"))
    return marks


def _limit(limit: float, at: Scale, y: float) -> list[Mark]:
    """Return a limit's line and its number below it."""
    label = f"{limit:+.3f}" if abs(limit) < 0.1 else f"{limit:.4f}"  # noqa: PLR2004 - differences are small
    half = CHARACTER * len(label) / 2
    place = min(max(at(limit), EDGE + half), WIDTH - EDGE - half)
    return [
        line(at(limit), y - 3, at(limit), y + BAR + 3, "limit"),
        text(place, y + BAR + 16, label, "tick middle"),
    ]


def _clip(value: float | None, at: Scale) -> float:
    """Return an end of an interval inside the bar; an endless one reaches its edge."""
    return min(max(value if value is not None else 0.0, at.low), at.high)


def _interval(standing: Standing | None) -> str:
    """Return `0.5949 ... 0.6148`, nothing where there is none."""
    if standing is None or standing.low is None or standing.high is None:
        return ""
    return f"{standing.low:.4f} ... {standing.high:.4f}"
