"""Results as one HTML file that needs no network: the verdict first, then what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.checks.registry import rules
from amn.findings import Status
from amn.report.alarms import alarms_of
from amn.report.page.attribution import attribution_charts
from amn.report.page.figures import draw
from amn.report.page.margins import margins
from amn.report.page.template import render
from amn.report.scores import score_cells
from amn.report.text import FAMILY_NAMES, last_line
from amn.report.verdict import (
    MEANING,
    SPEAKING,
    WORST_FIRST,
    beside_merge_base,
    complete,
    counted,
    headroom_lines,
    worst_first,
    worst_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.findings import GateResult, Outcome
    from amn.gate.seen import Seen
    from amn.report.page.charts import Chart
    from amn.report.page.faults import FaultMatrix

DIGEST_CHARACTERS = 12


@dataclass(frozen=True)
class FamilyView:
    """One family of checks: how each ended, and how many ended how."""

    letter: str
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
        sentence: The last line of the text report, without its command.
        beside: What the change owes to itself, in sentences.
        limits: A line a limit that can catch nothing, or fails on noise.
        speaking: Outcomes that have something to say, the worst first.
        scores: A header, then a line a split.
        not_drawn: Why there are no more figures; empty when all are there.
    """

    id: str
    result: GateResult
    sentence: str
    beside: str
    limits: tuple[str, ...]
    speaking: tuple[Outcome, ...]
    scores: list[list[str]]
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
    seen: Sequence[Seen],
    faults: Mapping[str, FaultMatrix] | None = None,
) -> str:
    """Return the page.

    Args:
        seen: What each gate looked at, in the order of `results`.
        faults: Case -> its self-test, for the cases that have one.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    pairs = sorted(
        zip(results, seen, strict=True), key=lambda pair: WORST_FIRST.index(pair[0].verdict)
    )
    return render(
        "page.html",
        cases=[_view(f"case-{k}", result, saw) for k, (result, saw) in enumerate(pairs)],
        faults=faults or {},
        verdict=worst_verdict(results),
        counted=counted(results),
        alarms=alarms_of(results),
        meaning=MEANING,
        rules=rules(),
    )


def _view(identifier: str, result: GateResult, seen: Seen) -> CaseView:
    """Return what the template shows of one case."""
    outcomes = complete(result)
    scores = result.facts.get("scores")
    known: dict[str, Any] = scores if isinstance(scores, dict) else {}
    bullets = margins(outcomes, known)
    letters = dict.fromkeys(o.check[:1] for o in outcomes)
    return CaseView(
        id=identifier,
        result=result,
        beside=beside_merge_base(result),
        limits=tuple(headroom_lines(result)),
        sentence=last_line(result).removesuffix(f" Reproduce: {result.reproduce}"),
        speaking=tuple(o for o in worst_first(outcomes) if o.status in SPEAKING),
        scores=score_cells(known),
        charts=(*((bullets,) if bullets else ()), *attribution_charts(result), *draw(seen)),
        not_drawn=_not_drawn(seen, outcomes),
        families=tuple(
            FamilyView(
                letter,
                FAMILY_NAMES.get(letter, ""),
                tuple(o for o in outcomes if o.check[:1] == letter),
            )
            for letter in letters
        ),
        facts=_facts(result, seen),
    )


def _not_drawn(seen: Seen, outcomes: Sequence[Outcome]) -> str:
    """Return why there is nothing to draw of the model; empty where there is."""
    if any(candidate.evaluation for candidate in seen.candidates):
        return ""
    blockers = [o.label for o in outcomes if o.has_failed and o.status is not Status.NOT_RUN]
    because = f": {', '.join(blockers)} came first" if blockers else ""
    return f"No figures of a model: nothing was trained or scored window by window{because}."


def _facts(result: GateResult, seen: Seen) -> tuple[tuple[str, str], ...]:
    """Return what was measured, for people: data, config, seeds, windows, golden."""
    facts: dict[str, Any] = result.facts
    rows = [("candidates from", str(facts["mode"]))] if "mode" in facts else []
    if facts.get("candidates"):
        rows.append(("candidates", ", ".join(facts["candidates"])))
    if facts.get("windows"):
        counts = (f"{name} {n:,}" for name, n in facts["windows"].items())
        rows.append(("windows", ", ".join(counts)))
    rows += [
        (key.replace("_", " "), str(facts[key])[:DIGEST_CHARACTERS])
        for key in ("dataset_digest", "config_digest")
        if facts.get(key)
    ]
    if seen.golden:
        record = seen.golden.record
        text = f"{record.created}, {len(record.seeds)} seeds, by {record.author}: {record.reason}"
        rows.append(("golden", text))
        versions = record.versions.model_dump(exclude_none=True)
        rows.append(("golden's versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return tuple(rows)
