"""Scope: what a verdict rests on, read off the evidence that was made, never off a mode.

A whole gate reads the data, measures a model and, where the golden's had one, the course of its
training, compares it with the golden, and the change with its merge base. What passes with less
than that is PARTIAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.verdict import Verdict, family_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from amn.checks.recorded import Recorded
    from amn.golden.schema import Golden
    from amn.verdict import Outcome, Review

DATA, MODEL, RECORD, GOLDEN, BASE = PARTS = ("data", "model", "record", "golden", "merge base")
SCORES, SEEDS, CHECKS = "scores", "seeds", "checks"  # what else a scope may lack, or be all of
# Part of the evidence -> that it was made shows what was looked at.
SHOWN_BY = {DATA: "scanned", MODEL: "evaluations", RECORD: "histories", GOLDEN: "sides"}
WITHOUT = {
    DATA: "data not read",
    RECORD: "no record of training",
    GOLDEN: "golden not compared",
}
# Part of the evidence -> what was asked where nothing else was.
ALONE = {"golden_folder": "custody of the golden", "reencoded": "encoder"}
# What a case may declare to be enough, as `criteria.scope`: kinds of what may be missing.
DECLARED = {"scores": {SCORES}, "model": {RECORD, SEEDS}}


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a whole gate has and this one has not.

    Attributes:
        kind: Of `PARTS`, or `scores`, `seeds`, `checks`.
        why: For people: `no merge base: no commit yet`.
    """

    kind: str
    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True)
class Scope:
    """What a verdict rests on.

    Attributes:
        looked: The parts of `PARTS` that were looked at, in their order.
        lacks: Why that is not all; empty for a whole gate.
        declared: What the case at the merge base declares to be enough; empty for a whole gate.
        note: What else was not looked at, which no verdict depends on; and how numbers of two
            numerics classes were compared. Empty for nothing.
        since: Commit whose recorded PASS stands, for people; empty where the case was judged.
    """

    looked: tuple[str, ...] = ()
    lacks: tuple[Lack, ...] = (Lack("data", "nothing looked at"),)
    declared: str = ""
    note: str = ""
    since: str = ""

    @property
    def is_declared(self) -> bool:
        """Whether the case at the merge base declares that this much is enough."""
        return {lack.kind for lack in self.lacks} <= DECLARED.get(self.declared, set())

    @property
    def why(self) -> str:
        """Why it is not all, for people; empty for a whole gate."""
        return "; ".join(map(str, self.lacks))

    def __str__(self) -> str:
        rest = f" ({self.why})" if self.lacks else ""
        note = f"; {self.note}" if self.note else ""
        return (", ".join(self.looked) or "nothing") + rest + note


def parts_looked_at(made: Mapping[str, Any]) -> set[str]:
    """Return the parts of a whole gate that were looked at, by the evidence that was made."""
    looked = {part for part, evidence in SHOWN_BY.items() if evidence in made}
    review: Review | None = made.get("review")
    recorded: Recorded | None = made.get("recorded")
    looked |= {*recorded.looked} - {BASE} if recorded else set()
    return looked | {BASE} if review and review.base else looked


def scope_of(made: Mapping[str, Any]) -> Scope:
    """Return the scope of a gate that has come to its end."""
    looked = parts_looked_at(made)
    review: Review | None = made.get("review")
    recorded: Recorded | None = made.get("recorded")
    stands = f"not judged again: as at its PASS of {recorded.time:%Y-%m-%d}" if recorded else ""
    notes = [made.get("encoder_note"), str(made.get("classes", "")), stands]
    return Scope(
        looked=tuple(part for part in PARTS if part in looked),
        lacks=(*_lacks(looked, made), *_base_lacks(looked, review.note if review else None)),
        declared=review.scope if review else "",
        note="; ".join(filter(None, notes)),
        since=recorded.since if recorded else "",
    )


def scope_of_items(facts: Iterable[Mapping[str, Any]], n_deselected: int, n_declared: int) -> Scope:
    """Return the scope of checks that ran as tests, one by one, maybe in several processes.

    Args:
        facts: `looked` and `base_note` of each check that ran, and whether it saw a golden that was
            accepted `without_course`.
    """
    ran = list(facts)
    looked = {part for fact in ran for part in fact.get("looked", ())}
    notes = [fact["base_note"] for fact in ran if fact.get("base_note")]
    has_records = not any(fact.get("without_course") for fact in ran)
    lacks = _lacks(looked if has_records else looked | {RECORD}, {})
    if n_deselected:
        lacks = [Lack(CHECKS, f"{n_deselected} of {n_declared} checks deselected")]
    lacks += _base_lacks(looked, notes[0] if notes else "") if notes or not n_deselected else []
    return Scope(tuple(part for part in PARTS if part in looked), tuple(lacks))


def said(verdict: Verdict, scope: Scope, outcomes: Iterable[Outcome]) -> str:
    """Return a verdict in words: what a PARTIAL one lacks, what was let through in a PASS."""
    found = tuple(outcomes)
    waived = sum(bool(outcome.waiver) for outcome in found)
    more = [scope.why] if verdict is Verdict.PARTIAL else []
    if verdict in (Verdict.PASS, Verdict.PARTIAL):
        more += [f"unchanged since {scope.since}"] if scope.since else []
        more += [f"{waived} waived"] if waived else []
        more += [f"approved by {who}" for who in dict.fromkeys(o.approval for o in found) if who]
    return f"{verdict.value} ({'; '.join(more)})" if more else verdict.value


def _lacks(looked: Collection[str], made: Mapping[str, Any]) -> list[Lack]:
    """Return what is missing but for the merge base; of little, what there is: `scores only`."""
    if MODEL in looked:
        seen = looked if has_records(made) else {*looked, RECORD}
        found = [Lack(part, why) for part, why in WITHOUT.items() if part not in seen]
        return [*found, *_seed_lacks(made)]
    if "summaries" in made:
        return [Lack(SCORES, "scores only")]
    looks = made["looked"].looks if "looked" in made else ()
    if looks:
        return [Lack(MODEL, f"model scored on {looks[-1].where} only")]
    little = [part for part in (DATA, RECORD) if part in looked]
    what = " and ".join(little) or next((ALONE[part] for part in ALONE if part in made), "")
    return [Lack(MODEL, f"{what} only" if what else "nothing looked at")]


def has_records(made: Mapping[str, Any]) -> bool:
    """Tell whether the golden was accepted with a course of training; one of predictions is not."""
    golden: Golden | None = made.get("golden")
    checks = golden.record.checks if golden else ()
    return golden is None or any(family_of(label.partition("-")[0]) == RECORD for label in checks)


def _seed_lacks(made: Mapping[str, Any]) -> list[Lack]:
    """Return that fewer seeds were brought than the case asks for; copies of one are one.

    Where the gate trains, a check counts them.
    """
    candidates = made.get("candidates", ())
    case = made.get("case")
    if case is None or "asked" in made or not candidates:
        return []
    n, wanted = len({one.digest for one in candidates}), len(case.config.training.seeds)
    return [Lack(SEEDS, f"{n} of {wanted} seeds")] if n < wanted else []


def _base_lacks(looked: Collection[str], note: str | None) -> list[Lack]:
    """Return that nothing was compared with a merge base, and why.

    Args:
        note: Of the comparison; None where nobody asked for one.
    """
    if BASE in looked or (note is None and MODEL not in looked):
        return []  # of a part of a gate
    return [Lack(BASE, f"no merge base: {note}" if note else "no merge base")]
