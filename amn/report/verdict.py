"""What every form of a report says alike: every outcome, the worst first, what a verdict means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amn.checks.comparison import holm
from amn.checks.meaning import by_cause
from amn.golden.compare import Profiles, VectorChanges
from amn.verdict import (
    FAMILIES,
    OWN,
    VERDICTS,
    Finding,
    Outcome,
    Status,
    Verdict,
    count_of,
    family_of,
    worst_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from amn.evaluation.attribution import ArticlePart, Attribution, Slice
    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult
    from amn.golden.compare import Moved


MEANING = {
    Verdict.PASS: (
        "Every declared check ran and passed; the golden and the merge base were compared."
    ),
    Verdict.PARTIAL: "What was looked at passed, and it is not all: that is not a pass.",
    Verdict.FAIL: "This change must not be merged.",
    Verdict.LOOSENED: (
        "It passes, and this change lets more through than its merge base does: a person has to "
        "approve that."
    ),
    Verdict.INCONCLUSIVE: (
        "The data cannot decide: nothing failed, and not everything is shown to hold."
    ),
    Verdict.HARNESS: (
        "The measurement itself is broken: its scores say nothing about the model. "
        "Repair the measurement before judging the change."
    ),
    Verdict.ERROR: (
        "A declared check could not run, so nothing was decided: not looking is never a pass."
    ),
}
HOLDING = (  # nothing fails as it stands
    Verdict.PASS,
    Verdict.PARTIAL,
    Verdict.LOOSENED,
    Verdict.INCONCLUSIVE,
)
BESIDE_SCOPE = (Verdict.LOOSENED, Verdict.INCONCLUSIVE)  # whose word does not name what is lacking
SPEAKING = frozenset(Status) - {Status.PASS, Status.NOT_RUN}  # what did not run names its cause


def complete(result: GateResult) -> tuple[Outcome, ...]:
    """Return an outcome for every declared check, and one more for each that nobody declared.

    A declared check without an outcome becomes an ERROR, as it does in the verdict.
    """
    found = {outcome.label: outcome for outcome in result.outcomes}
    outcomes = [found.get(label) or _missing(label) for label in result.declared]
    others = [outcome for label, outcome in found.items() if label not in result.declared]
    return (*outcomes, *map(_undeclared, others))


def beside_merge_base(result: GateResult) -> str:
    """Return what the change owes to itself, in sentences; empty where nobody asked."""
    review = result.review
    if review is None:
        return ""
    if not review.base:
        return f"Not compared with a merge base: {review.note}."
    base = f"the merge base {review.base[:10]} with {review.target}"
    names = ", ".join(review.worse_on_base)
    if result.verdict not in HOLDING:
        text = f"Compared with {base}."
    elif names:
        text = (
            f"It passes only because of this change: by the limits and the golden of {base} it "
            f"fails {names}."
        )
    elif review.open_on_base:
        text = (
            f"By the limits and the golden of {base} it fails nothing, and "
            f"{', '.join(review.open_on_base)} cannot be decided."
        )
    elif not review.is_judged:
        text = f"No result was judged; the files were compared with {base}."
    else:
        word = "passes" if result.verdict is not Verdict.INCONCLUSIVE else "fails nothing"
        text = f"It {word} on merit: by the limits and the golden of {base} as well."
    if review.loosenings:
        what = list(dict.fromkeys(loosening.what for loosening in review.loosenings))
        text += f" This change {' and '.join(filter(None, [', '.join(what[:-1]), what[-1]]))}."
    if review.approval:
        text += f" That is let through by {review.approval}."
    return text + (f" Also in it: {review.note}." if review.note else "")


def last_line(result: GateResult) -> str:
    """Return `FAIL: 2 of 31 checks (C002 ood, G001 ood). Reproduce: amn gate wiki-mini`."""
    n, reproduce = len(result.declared), f"Reproduce: {result.reproduce}"
    if result.held:
        return f"{result.word}: {result.held}. Reproduce: {result.reproduce}"
    outcomes = complete(result)
    bad = by_cause(o for o in outcomes if o.has_failed and o.status is not Status.NOT_RUN)
    idle = sum(o.status is Status.NOT_RUN for o in outcomes)
    names = ", ".join(f"{o.check} {o.name}" for o in bad)
    if result.verdict in (Verdict.PASS, Verdict.PARTIAL):
        is_whole = result.review and result.review.is_on_merit and not result.scope.lacks
        is_held = any(outcome.waiver or outcome.approval for outcome in outcomes)
        merit = ", on merit" if is_whole and not is_held else ""
        warned = [f"{o.check} {o.name}" for o in result.outcomes if o.status is Status.WARN]
        text = f"{n} of {count_of(n, 'check')}{merit}"
        text += f", warnings: {', '.join(warned)}" if warned else ""
    elif result.verdict is Verdict.LOOSENED:
        text = f"passes {result.review}" if result.review else f"{len(bad)} of {n} checks ({names})"
    elif result.verdict is Verdict.INCONCLUSIVE:
        open_ = [o for o in result.outcomes if o.status is Status.INCONCLUSIVE]
        text = f"{len(open_)} of {n} checks ({', '.join(f'{o.check} {o.name}' for o in open_)})"
    else:
        text = f"{len(bad)} of {n} checks ({names})" + (f", {idle} not run" if idle else "")
    little = (
        f"; {result.scope.why}" if result.verdict in BESIDE_SCOPE and result.scope.lacks else ""
    )
    return f"{result.word}: {text}{little}. {reproduce}"


def counted(results: Sequence[GateResult]) -> str:
    """Return how many cases do not pass, `2 of 3 cases`; where all pass, how many that are."""
    n = sum(result.verdict is not Verdict.PASS for result in results) or len(results)
    return f"{n} of {count_of(len(results), 'case')}"


def together(results: Sequence[GateResult]) -> str:
    """Return `FAIL: 2 of 3 cases (HARNESS other, FAIL wiki-mini)`, the worst first."""
    ordered = worst_cases_first(results)
    named = [f"{r.word} {r.case}" for r in ordered if r.verdict is not Verdict.PASS]
    names = f" ({', '.join(named)})" if named else ""
    return f"{worst_verdict(results).value}: {counted(results)}{names}"


def headroom_lines(result: GateResult) -> list[str]:
    """Return a line a limit that sits too far below what the golden measured, or within noise."""
    return [str(one) for one in result.headroom]


def _missing(label: str) -> Outcome:
    """Return the outcome of a declared check that nobody ran."""
    check, _, name = label.partition("-")
    finding = Finding(label, "expected the check to run, found no outcome", f"amn rules {check}")
    return Outcome(check, name, Status.ERROR, findings=(finding,))


def _undeclared(outcome: Outcome) -> Outcome:
    """Return an outcome that nobody asked for as an ERROR."""
    finding = Finding(outcome.label, "expected only declared checks, got one that is not declared")
    return Outcome(outcome.check, outcome.name, Status.ERROR, findings=(finding,))


def by_family(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return what each family is about, and how its checks ended; in the order of a gate."""
    found: dict[str, list[Outcome]] = {name: [] for name in (*FAMILIES.values(), OWN)}
    for outcome in outcomes:
        found[family_of(outcome.check)].append(outcome)
    return [(name, mine) for name, mine in found.items() if mine]


def worst_cases_first(results: Iterable[GateResult]) -> list[GateResult]:
    """Return results by verdict, the worst first; equal ones stay in their order."""
    return sorted(results, key=lambda result: VERDICTS.index(result.verdict))


def worst_verdict(results: Sequence[GateResult]) -> Verdict:
    """Return the worst verdict of several cases; ERROR when there is none."""
    return worst_of(result.verdict for result in results)


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of several cases together.

    Attributes:
        comparisons: With goldens, in all cases.
        alpha: Chance of any false alarm among them; the smallest of the cases'.
        standing: `case check` of the alarms that Holm's levels uphold.
        doubtful: The others.
    """

    comparisons: int
    alpha: float
    standing: tuple[str, ...]
    doubtful: tuple[str, ...]

    def __str__(self) -> str:
        n = len(self.standing) + len(self.doubtful)
        verb = "survives" if len(self.standing) == 1 else "survive"
        which = f" ({', '.join(self.standing)})" if self.standing else ""
        text = (
            f"{len(self.standing)} of {n} alarms {verb} Holm at {self.alpha * 100:g} % over the "
            f"{self.comparisons} comparisons of this run{which}"
        )
        if self.doubtful:
            names = ", ".join(self.doubtful)
            text += f"; {names} may be chance among so many, and fails by its own case all the same"
        return text


def alarms_of(results: Sequence[GateResult]) -> Alarms | None:
    """Return the alarms of several cases; None for one case, and where there is no alarm."""
    made = []
    for result in results:
        compared = result.compared
        alpha = min((one.alpha for one in compared.values()), default=1.0)
        made.append((result.case, {check: one.p for check, one in compared.items()}, alpha))
    return alarms_over(made)


def alarms_over(
    made: Sequence[tuple[str, Mapping[str, float | None], float]],
) -> Alarms | None:
    """Return the alarms of several cases; None for one case, and where there is no alarm.

    Args:
        made: Name of each case, p of its comparisons by check (None without an alarm), alpha.
    """
    tests: dict[str, tuple[str, float | None]] = {  # by place: two folders may have one name
        f"{place} {check}": (f"{case} {check}", p)
        for place, (case, compared, _) in enumerate(made)
        for check, p in compared.items()
    }
    found = {key: p for key, (_, p) in tests.items() if p is not None}
    if len(made) < 2 or not found:  # noqa: PLR2004 - one case has Holm's levels of its own
        return None
    alpha = min(level for _, compared, level in made if compared)
    standing = holm(tests, lambda key, level: found.get(key, 1.0) <= level, alpha)
    return Alarms(
        comparisons=len(tests),
        alpha=alpha,
        standing=tuple(tests[key][0] for key in found if key in standing),
        doubtful=tuple(tests[key][0] for key in found if key not in standing),
    )


def data_changes(result: GateResult) -> tuple[VectorChanges | None, tuple[Moved, ...]]:
    """Return what changed in the data since the golden; nothing where nobody compared them."""
    vectors = next((o.data for o in result.outcomes if isinstance(o.data, VectorChanges)), None)
    moved = next((o.data for o in result.outcomes if isinstance(o.data, Profiles)), Profiles(()))
    return vectors, moved.moved


def data_cells(moved: Sequence[Moved]) -> list[list[str]]:
    """Return a header, then a line a statistic of the data beside the golden's."""
    lines = [["data", "where", "golden", "now", "change", "range", "what it means"]]
    for one in moved:
        then, now = (f"{side.value:.4g}" if side else "" for side in (one.old, one.new))
        reach = "" if one.reach is None else f"{one.reach:.2g}"
        says = (one.words or "left its range") if one.has_left else ""
        change = f"{one.by:+.2g}" if one.old and one.new else ""
        lines.append([one.name, one.place, then, now, change, reach, says])
    return lines


BAR = 20  # characters of the longest bar


def attributions(result: GateResult) -> dict[str, Attribution]:
    """Return check -> where its difference comes from, for comparisons that did not simply pass."""
    found = result.compared.items()
    return {check: one.attribution for check, one in found if one.attribution}


def article_name(part: ArticlePart) -> str:
    """Return `4711 Lantern`, or the id alone where no title is known."""
    return f"{part.article} {part.title}".strip()


def by_grouping(slices: Iterable[Slice]) -> Iterator[tuple[str, list[Slice]]]:
    """Yield each grouping (`length`, `kind`, `id block`) with its groups in the order of names.

    One group alone is everything, and says nothing.
    """
    groups: dict[str, list[Slice]] = {}
    for piece in sorted(slices, key=lambda piece: (piece.by, piece.name)):
        groups.setdefault(piece.by, []).append(piece)
    yield from ((by, group) for by, group in groups.items() if len(group) > 1)


def bars(differences: Iterable[float]) -> list[str]:
    """Return a bar a difference, the largest `BAR` characters long; a gain is hollow."""
    values = list(differences)
    most = max((abs(value) for value in values), default=0.0) or 1.0
    lengths = (round(BAR * abs(value) / most) for value in values)
    return [("█" if v < 0 else "░") * n for v, n in zip(values, lengths, strict=True)]


def score_cells(scores: Mapping[str, Summary], *, to: str = " … ") -> list[list[str]]:
    """Return a header, then a line a split: its score beside what the reference predictors get.

    Args:
        scores: Of each split; a metrics file may know references for one of them only.
        to: Between the ends of an interval.
    """
    names = list(dict.fromkeys(name for f in scores.values() for name in f.references))
    lines = [["split", "score", "95 % interval", "lift", *names]]
    for split, score in scores.items():
        ends = score.interval
        interval = f"{ends.low:.4f}{to}{ends.high:.4f}" if ends else ""
        lift = f"{score.lift.mean:+.4f}" if score.lift else ""
        known = score.references
        references = [f"{known[name]:.4f}" if name in known else "" for name in names]
        lines.append([split, f"{score.mean:.4f}", interval, lift, *references])
    return lines
