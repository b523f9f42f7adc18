"""Results as one HTML file that needs no network: the verdict first, then what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from amn.checks.check import checks
from amn.report.page.attribution import attribution_charts
from amn.report.page.figures import draw
from amn.report.page.margins import beside_golden, margins
from amn.report.page.template import render
from amn.report.verdict import (
    SPEAKING,
    alarms_of,
    beside_merge_base,
    by_family,
    complete,
    counted,
    data_cells,
    data_changes,
    headroom_lines,
    last_line,
    score_cells,
    worst_cases_first,
    worst_verdict,
)
from amn.report.why import meaning, why
from amn.verdict import Status, count_of, worst_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.gate.result import GateResult
    from amn.report.page.charts import Chart
    from amn.report.page.faults import FaultMatrix
    from amn.report.why import Why
    from amn.verdict import Outcome

DIGEST_CHARACTERS = 12
# Four screens of a phone to the end of what was found: cards that are open, letters of findings in
# each, and cards that are folded one by one.
MOST_OPEN, MOST_LETTERS, MOST_FOLDED = 4, 350, 8


@dataclass(frozen=True)
class FamilyView:
    """One family of checks: how each ended, and how many ended how."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Number of checks by status, in the order of the statuses."""
        found = [(s.value, sum(o.status is s for o in self.outcomes)) for s in Status]
        return [(status, n) for status, n in found if n]

    @property
    def has_failed(self) -> bool:
        """Whether one of them keeps the change from being merged."""
        return any(outcome.has_failed for outcome in self.outcomes)

    @property
    def seconds(self) -> float:
        """Time that they took."""
        return sum(outcome.seconds for outcome in self.outcomes)


@dataclass(frozen=True)
class CaseView:
    """One case as the template reads it.

    Attributes:
        id: Of its section; no other case has it.
        why: The first screen of one that does not pass; None for others.
        meaning: What the verdict means, in a sentence.
        sentence: The last line of the text report, without its command.
        beside: What the change owes to itself, in sentences.
        limits: A line a limit that can catch nothing, or fails on noise.
        speaking: Outcomes that have something to say, the worst first.
        scores: A header, then a line a split.
        data: A header, then a line a statistic of the data beside the golden's.
        not_drawn: Why there are no more figures; empty when all are there.
    """

    id: str
    result: GateResult
    why: Why | None
    meaning: str
    sentence: str
    beside: str
    limits: tuple[str, ...]
    speaking: tuple[Outcome, ...]
    scores: list[list[str]]
    data: list[list[str]]
    charts: tuple[Chart, ...]
    not_drawn: str
    families: tuple[FamilyView, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def n_checks(self) -> int:
        """How many checks the case has."""
        return sum(len(family.outcomes) for family in self.families)


def to_html(
    results: Sequence[GateResult],
    faults: Mapping[str, FaultMatrix] | None = None,
) -> str:
    """Return the page.

    Args:
        faults: Case -> its self-test, for the cases that have one.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    return render(
        "page.html",
        cases=[_view(f"case-{k}", result) for k, result in enumerate(worst_cases_first(results))],
        faults=faults or {},
        verdict=worst_verdict(results),
        counted=counted(results),
        alarms=alarms_of(results),
        checks=checks(),
        most_open=MOST_OPEN,
        most_folded=MOST_FOLDED,
        n_shown=n_shown,
    )


def n_shown(outcome: Outcome) -> int:
    """Return how many findings of a check are shown unfolded: the first, and short ones after."""
    letters = accumulate(len(f"{one.where}{one.message}{one.fix}") for one in outcome.findings)
    return max(1, sum(so_far <= MOST_LETTERS for so_far in letters))


def _view(identifier: str, result: GateResult) -> CaseView:
    """Return what the template shows of one case."""
    outcomes = complete(result)
    moved = data_changes(result)[1]
    first = tuple(filter(None, (margins(outcomes), beside_golden(moved))))
    return CaseView(
        id=identifier,
        result=result,
        why=why(result),
        meaning=meaning(result),
        beside=beside_merge_base(result),
        limits=tuple(headroom_lines(result)),
        sentence=last_line(result).removesuffix(f" Reproduce: {result.reproduce}"),
        speaking=tuple(o for o in worst_first(outcomes) if o.status in SPEAKING),
        scores=score_cells(result.scores),
        data=data_cells(moved),
        charts=(*first, *attribution_charts(result), *draw(result)),
        not_drawn=_not_drawn(result, outcomes),
        families=tuple(FamilyView(name, tuple(mine)) for name, mine in by_family(outcomes)),
        facts=_facts(result),
    )


def _not_drawn(result: GateResult, outcomes: Sequence[Outcome]) -> str:
    """Return why there is nothing to draw of the model; empty where there is."""
    if any(candidate.evaluation for candidate in result.candidates):
        return ""
    blockers = [o.label for o in outcomes if o.has_failed and o.status is not Status.NOT_RUN]
    because = f": {', '.join(blockers)} came first" if blockers else ""
    return f"No figures of a model: nothing was trained or scored window by window{because}."


def _facts(result: GateResult) -> tuple[tuple[str, str], ...]:
    """Return what was measured, for people: data, config, seeds, windows, golden."""
    rows = [("looked at", str(result.scope))]
    rows += [("candidates from", result.mode)] if result.mode else []
    if result.windows:
        rows.append(("candidates", ", ".join(one.name for one in result.candidates)))
        counts = (f"{name} {n:,}" for name, n in result.windows.items())
        rows.append(("windows", ", ".join(counts)))
    rows += [
        (key.replace("_", " "), digest[:DIGEST_CHARACTERS])
        for key, digest in result.digests.items()
    ]
    if result.golden:
        record = result.golden.record
        then = record.accepted
        seeds = count_of(len(record.seeds), "seed")
        text = f"{then.created}, {seeds}, by {then.author}: {then.reason}"
        rows.append(("golden", text))
        versions = record.versions.model_dump(exclude_none=True)
        rows.append(("golden's versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return tuple(rows)
