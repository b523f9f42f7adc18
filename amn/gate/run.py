"""The loop: every declared check on the evidence, once, after what it needs.

    hold                                  while another case has to pass first, nothing else runs
      -> data, index, split, windows      before a training step, in seconds
      -> record, model, evaluation        is the measurement sound
      -> criteria, golden                 is the result good enough

A check whose predecessors failed does not run, and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING

from amn.checks.looks import ARTICLE_LOOKS
from amn.errors import AmnError, CheckNotRunError, ConfigError, expect
from amn.gate.evidence import Evidence, declare
from amn.gate.makers import EVERY
from amn.gate.makers.at_rest import PACKAGES
from amn.gate.makers.held_to import OUTCOMES, is_custody, judged_by
from amn.gate.result import GateResult
from amn.system import one_thread
from amn.verdict import BEFORE_TRAINING, HOLD, OWN, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amn.checks.check import Check
    from amn.verdict import Waiver

CASE_WORD = re.compile(r"\bCASE\b")  # of a command in a fix
LATE = frozenset({"candidates", "plan", "golden_folder", "review", "histories", *OUTCOMES})


def is_early(check: Check) -> bool:
    """Tell whether a check is run, and has to pass, before anything is trained.

    Those of others are, where nothing that they read is made from a candidate or a golden.
    """
    if check.family != OWN:
        return check.family in BEFORE_TRAINING
    whole = Evidence(EVERY)
    return not any(whole.sources(part) & LATE for part in check.reads)


@dataclass(frozen=True)
class About:
    """What a result is called.

    Attributes:
        case: Name of the case.
        mode: Where the candidate comes from; empty where none is asked for.
        title: Of the case, for people.
        reproduce: The command that gives the result again.
    """

    case: str
    mode: str = ""
    title: str = ""
    reproduce: str = ""


class Gate:
    """The declared checks of some evidence, run one by one, in any order.

    Args:
        declared: Checks that have to run; None takes all whose evidence is promised.
        standing: Outcomes that stand already, by id of the check.
        about: What the result is called.
    """

    def __init__(
        self,
        evidence: Evidence,
        about: About,
        *,
        declared: Sequence[Check] | None = None,
        standing: Mapping[str, Outcome] | None = None,
    ) -> None:
        self.evidence = evidence
        self.declared = declare(evidence) if declared is None else tuple(declared)
        self._outcomes = dict(standing or {})
        self._causes: dict[str, list[Outcome]] = {}
        self.about = about

    def outcome(self, check: str) -> Outcome:
        """Run a declared check, once; what it needs runs first.

        An error that amn raises on purpose becomes an ERROR outcome: it could not be evaluated. So
        does any in a check of one's own; in ours it is a defect and is not caught.
        """
        if check not in self._outcomes:
            found = next(one for one in self.declared if one.id == check)
            causes = self._causes_of(found)
            if causes:
                self._outcomes[check] = found.not_run(cause.label for cause in causes)
            else:
                self._outcomes[check] = self._run(found)
        return self._outcomes[check]

    def require_packages(self) -> None:
        """Return where every declared check can be run to its end; nothing is made for the answer.

        Raises:
            MissingDependencyError: If a part that one reads takes a package that is not here.
        """
        read = {part for check in self.declared for part in check.reads}
        made = frozenset[str]().union(*map(self.evidence.sources, read))
        for part, package in PACKAGES.items():
            if part in made:
                expect(package)

    def before_training(self) -> list[Outcome]:
        """Run the checks that need no model, the hold among them, and return how they ended."""
        return [self.outcome(check.id) for check in self.untrained]

    @cached_property
    def untrained(self) -> list[Check]:
        """The declared checks that need no model, not even to say which windows it has missed."""
        return [
            check
            for check in self.declared
            if check.id == HOLD
            or (
                check.id in self._early
                and not any("trainings" in self.evidence.sources(part) for part in check.reads)
            )
        ]

    @cached_property
    def _early(self) -> list[str]:
        """Ids of the declared checks that have to pass before a model is looked at."""
        return [check.id for check in self.declared if is_early(check)]

    def _run(self, check: Check) -> Outcome:
        self._keep_outcomes(check)
        waivers = self._waivers  # a file of them that is wrong is refused before anything is made
        try:
            with one_thread():
                outcome = self._named(check.run(self.evidence))
                return self._let_through(check, outcome, waivers)
        except ConfigError:
            raise  # the command was used wrongly: exit 2, not a check that could not run
        except AmnError as error:
            return check.not_evaluated(error)
        except Exception as error:
            if check.family != OWN:
                raise
            return check.not_evaluated(CheckNotRunError(f"{type(error).__name__}: {error}"))

    def _named(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose fixes can be typed: with the case's name where they say CASE."""
        name = quote(self.about.case)
        findings = tuple(
            replace(one, fix=CASE_WORD.sub(lambda _: name, one.fix)) for one in outcome.findings
        )
        return replace(outcome, findings=findings)

    def _keep_outcomes(self, check: Check) -> None:
        """Give a check that reads how others ended what this gate found, once and for all."""
        for part, families in OUTCOMES.items():
            if part in check.reads and part not in self.evidence.made:
                mine = judged_by(self.declared, families)
                every = {one.id for one in judged_by(declare(self.evidence), families)}
                if every <= {one.id for one in mine}:  # else its maker runs the others, too
                    self.evidence.keep(part, tuple(self.outcome(one.id) for one in mine))

    def _let_through(self, check: Check, outcome: Outcome, waivers: Iterable[Waiver]) -> Outcome:
        """Return an outcome as a waiver in force, or an approval, leaves it: a warning."""
        waiver = next((w for w in waivers if w.check == check.id), None)
        is_waivable = outcome.status in (Status.FAIL, Status.INCONCLUSIVE)
        if waiver and is_waivable and not is_custody(check):
            detail = f"{waiver} ({outcome.status.value})"
            return replace(outcome, status=Status.WARN, detail=detail, waiver=str(waiver))
        approval = self.evidence.get("approval", "")
        if approval and outcome.status in (Status.LOOSENED, Status.INCONCLUSIVE):
            detail = f"approved by {approval} ({outcome.status.value})"
            return replace(outcome, status=Status.WARN, detail=detail, approval=approval)
        return outcome

    @property
    def _waivers(self) -> tuple[Waiver, ...]:
        waivers: tuple[Waiver, ...] = self.evidence.get("waivers", ())
        return waivers

    def _causes_of(self, check: Check) -> list[Outcome]:
        """Return the failed outcomes that keep a check from running: causes, not consequences."""
        if check.id not in self._causes:  # many wait for the same few
            self._causes[check.id] = self._find_causes(check)
        return self._causes[check.id]

    def _find_causes(self, check: Check) -> list[Outcome]:
        declared = {one.id: one for one in self.declared}
        if check.id == HOLD:
            return []
        if HOLD in declared and self.outcome(HOLD).has_failed:
            return [self.outcome(HOLD)]
        needed = [one for one in check.needs if one in declared]
        if ARTICLE_LOOKS in declared and self._reads_all_scores(check):
            needed.append(ARTICLE_LOOKS)
        if check.id not in self._early:
            needed += self._early
        elif check not in self.untrained:
            needed += [one.id for one in self.untrained]
        causes: dict[str, Outcome] = {}
        for outcome in [self.outcome(one) for one in dict.fromkeys(needed)]:
            if outcome.status is Status.NOT_RUN:
                causes |= {o.check: o for o in self._causes_of(declared[outcome.check])}
            elif outcome.has_failed:
                causes[outcome.check] = outcome
        return list(causes.values())

    def _reads_all_scores(self, check: Check) -> bool:
        """Tell whether a check waits for what some of the articles show."""
        return any("evaluations" in self.evidence.sources(part) for part in check.reads)

    def result(self) -> GateResult:
        """Run every declared check and return the one object that reports are made from.

        Raises:
            MissingDependencyError: If one takes a package that is not here; none is run then.
        """
        self.require_packages()
        outcomes = tuple(self.outcome(check.id) for check in self.declared)
        made = self.evidence.made
        return GateResult(
            declared=tuple(check.label for check in self.declared),
            outcomes=outcomes,
            made=made,
            review=made.get("review"),
            waivers=self._waivers,
            case=self.about.case,
            mode=self.about.mode,
            title=self.about.title,
            reproduce=self.about.reproduce,
        )
