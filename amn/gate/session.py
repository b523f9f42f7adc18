"""One gate of one case: evidence in stages, each made when a check first asks for it.

    data -> index -> split -> windows     before a training step, in seconds
      -> candidates                       trained (or cached), a run, a checkpoint, or metrics
      -> record, model, evaluation        is the measurement sound
      -> criteria, golden                 is the result good enough

A stage whose predecessors failed does not run, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from amn.checks.evidence.data import DataEvidence, DataPart, IndexEvidence, SplitEvidence
from amn.checks.evidence.limits import (
    CriteriaEvidence,
    CustodyEvidence,
    GoldenEvidence,
    SpeedEvidence,
)
from amn.checks.evidence.runs import RecordEvidence, RunEvidence
from amn.checks.registry import BEFORE_TRAINING, Family, Rule, execute, rules
from amn.config import EVALUATED
from amn.errors import AmnError, ArgumentError, CheckNotRunError, ConfigError
from amn.findings import EXECUTED, GateResult, Outcome, Status
from amn.gate.declare import declare
from amn.gate.facts import gather_facts
from amn.gate.hold import require_no_hold
from amn.gate.merit import review_change
from amn.gate.options import GateOptions
from amn.gate.parts import case_parts
from amn.gate.records import abort_for
from amn.gate.seen import Seen, see_candidate
from amn.golden.waivers import read_waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from amn.case import Case
    from amn.checks.evidence.runs import Candidate
    from amn.data.dataset import DataSet
    from amn.evaluation.summary import Summary
    from amn.gate.metrics import Metrics
    from amn.review import Review, Waiver


class GateSession:
    """A gate whose checks run one by one, in any order; what they share is made once.

    Args:
        progress: Called with (done, in all, text) by whatever takes long.
    """

    def __init__(
        self,
        case: Case,
        options: GateOptions,
        *,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self.case, self.options = case, options
        self._progress = progress
        self._outcomes: dict[str, Outcome] = {}
        self.made: dict[Family, object] = {}
        self._no_candidates: AmnError | None = None

    @cached_property
    def declared(self) -> tuple[Rule, ...]:
        """Every check that has to run for this case, in order."""
        return declare(self)

    @cached_property
    def _parts(self) -> tuple[DataPart, ...]:
        """The case's data sets."""
        return case_parts(self.case, self._progress)

    @property
    def dataset(self) -> DataSet:
        """The case's own data set. Raises DataError where it cannot be opened."""
        return self._parts[0].dataset

    @cached_property
    def split_evidence(self) -> SplitEvidence:
        """Splits and windows."""
        return SplitEvidence(self.case, self._parts)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models that are judged: trained now, cached, or brought along."""
        if self._no_candidates:
            raise self._no_candidates
        from amn.gate.candidates import find_candidates  # noqa: PLC0415 - loads torch

        try:
            if self.options.mode == "train":
                require_no_hold(self.case, self._gate_other)
            if self._is_adaptive:
                from amn.gate.adaptive import train_adaptively  # noqa: PLC0415 - loads torch

                evidence, cache = self.split_evidence, self.options.cache
                return train_adaptively(self.case, evidence, cache, self._progress)
            return find_candidates(self.case, self.split_evidence, self.options, self._progress)
        except AmnError as error:
            self._no_candidates = error  # the next check need not try again
            raise

    @property
    def _is_adaptive(self) -> bool:
        """Whether seeds are trained until the comparison with the golden is decided."""
        is_compared = self.options.mode == "train" and not self.options.first_run
        return is_compared and self.case.config.golden.adaptive_seeds is not None

    @property
    def _looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which candidates were looked at; empty where there is one look."""
        return self.case.config.golden.looks_until(len(self.candidates) if self._is_adaptive else 0)

    def _gate_other(self, case: Case) -> GateResult:
        """Gate the case that this one waits for."""
        options = GateOptions(cache=self.options.cache, today=self.options.today)
        return run_gate(case, options, progress=self._progress)

    @cached_property
    def run_evidence(self) -> RunEvidence:
        """The candidates, and the windows they are scored on."""
        windows = {name: self.split_evidence.windows[name] for name in EVALUATED}
        return RunEvidence(self.case, self.candidates, windows, self._parts[0].folder)

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics file: scores, and the course of training where it has one."""
        from amn.gate.metrics import read_metrics  # noqa: PLC0415 - used by one mode

        if self.options.metrics is None:
            raise ArgumentError("options.metrics: expected a file, got none")
        return read_metrics(self.options.metrics)

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The scores that the criteria judge."""
        return self.metrics.summaries if self.options.metrics else self.run_evidence.summaries

    @cached_property
    def _all_waivers(self) -> tuple[Waiver, ...]:
        """The case's waivers, expired ones too."""
        return read_waivers(self.case.folder)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """The waivers in force."""
        today = self.options.today
        return tuple(w for w in self._all_waivers if today and w.created <= today <= w.expires)

    @cached_property
    def custody(self) -> CustodyEvidence:
        """How the golden is kept."""
        base = self.options.merge_base
        find = partial(review_change, self, base) if base else None
        return CustodyEvidence(self.case, find, self._all_waivers, self.options.today)

    def _evidence(self, rule: Rule) -> object:
        """Return what a check looks at, the same object to all of its family."""
        if rule.custody:
            return self.custody
        if rule.when == "speed":
            return self._speed
        family = rule.family
        if family not in self.made:
            self.made[family] = self._make_evidence(family)
        return self.made[family]

    @cached_property
    def _speed(self) -> SpeedEvidence:
        """How fast the case is; measured when a check first asks."""
        if self.case.config.speed is None:
            raise CheckNotRunError("speed: expected a section [speed] in case.toml, found none")
        return SpeedEvidence(self.case, self.case.config.speed, self._measured_speed)

    def _measured_speed(self) -> dict[str, float]:
        from amn.gate.candidates import plan_for  # noqa: PLC0415 - loads torch
        from amn.training.speed import measure_speed  # noqa: PLC0415 - loads torch

        return measure_speed(plan_for(self.case, self.split_evidence))

    def _make_evidence(self, family: Family) -> object:
        if family == "data":
            return DataEvidence(self._parts, self.options.encode)
        if family == "index":
            return IndexEvidence(self._parts[0], self.case.config.index)
        if family in ("split", "windows"):
            return self.split_evidence
        if self.options.metrics and family == "record":
            history = self.metrics.history
            return RecordEvidence((history,), abort_for(history, self.case.config.training.abort))
        return self._result_evidence(family)

    def _result_evidence(self, family: Family) -> object:
        """Return what the families look at that judge a candidate."""
        if family == "criteria" or self.options.metrics:
            return CriteriaEvidence(self.case.config.criteria, self.summaries)
        if family == "golden":
            labels = tuple(rule.label for rule in self.declared)
            return GoldenEvidence(
                self.case, self.candidates, labels, splits=self.split_evidence, looks=self._looks
            )
        return self.run_evidence

    @property
    def seen(self) -> Seen:
        """What the checks have looked at so far; nothing is opened, trained or scored for it."""
        made = vars(self)  # cached properties are here once somebody asked for them
        parts: tuple[DataPart, ...] = made.get("_parts", ())
        scanned = [p for p in parts if {"dataset", "scan"} <= vars(p).keys()]
        candidates: tuple[Candidate, ...] = made.get("candidates", ())
        run = made.get("run_evidence")
        golden = self.made.get("golden")
        return Seen(
            scans=tuple((p.folder.name, p.dataset, p.scan) for p in scanned),
            candidates=tuple(see_candidate(candidate, run) for candidate in candidates),
            golden=vars(golden).get("golden") if golden else None,
            context=self.case.config.windows.context,
            margin=self.case.config.golden.margin,
        )

    def outcome(self, check: str) -> Outcome:
        """Run a declared check, once; what it needs runs first.

        An error that amn raises on purpose becomes an ERROR outcome: it could not be evaluated. Any
        other exception is a defect and is not caught.
        """
        if check not in self._outcomes:
            rule = rules()[check]
            blockers = self._blockers(rule)
            if blockers:
                self._outcomes[check] = rule.not_run(o.label for o in blockers)
            else:
                self._outcomes[check] = self._execute(rule)
        return self._outcomes[check]

    def before_training(self) -> list[Outcome]:
        """Run the checks that need no model and return how they ended."""
        return [self.outcome(r.id) for r in self.declared if r.family in BEFORE_TRAINING]

    def _execute(self, rule: Rule) -> Outcome:
        try:
            return self._waived(rule, execute(rule.id, self._evidence(rule)))
        except ConfigError:
            raise  # the command was used wrongly: exit 2, not a check that could not run
        except AmnError as error:
            return rule.not_evaluated(error)

    def _waived(self, rule: Rule, outcome: Outcome) -> Outcome:
        """Return an outcome as a waiver in force leaves it: a warning that names the waiver."""
        waiver = next((w for w in self.waivers if w.check == rule.id and not rule.custody), None)
        if waiver is None or outcome.status not in (Status.FAIL, Status.INCONCLUSIVE):
            return outcome
        return replace(outcome, status=Status.WARN, detail=f"{waiver} ({outcome.status.value})")

    def _blockers(self, rule: Rule) -> list[Outcome]:
        """Return the failed outcomes that keep a check from running: causes, not consequences."""
        declared = {r.id: r for r in self.declared}
        needed = [check for check in rule.needs if check in declared]
        if rule.family not in BEFORE_TRAINING:
            needed += [r.id for r in declared.values() if r.family in BEFORE_TRAINING]
        causes: dict[str, Outcome] = {}
        for outcome in [self.outcome(check) for check in dict.fromkeys(needed)]:
            if outcome.status is Status.NOT_RUN:
                causes |= {o.check: o for o in self._blockers(declared[outcome.check])}
            elif outcome.has_failed:
                causes[outcome.check] = outcome
        return list(causes.values())

    def judging(
        self,
        candidates: Sequence[Candidate],
        *,
        case: Case | None = None,
        options: GateOptions | None = None,
        split_evidence: SplitEvidence | None = None,
    ) -> GateSession:
        """Return a gate of other candidates on the same data, which are not checked again.

        Args:
            candidates: Judged as they are.
            case: With other limits or another golden; None takes this one's.
            split_evidence: With other windows; None takes this one's.
        """
        session = GateSession(case or self.case, options or self.options, progress=self._progress)
        session._outcomes = {outcome.check: outcome for outcome in self.before_training()}
        vars(session).update(
            _parts=self._parts,
            split_evidence=split_evidence or self.split_evidence,
            candidates=tuple(candidates),
        )
        return session

    def resuming(
        self,
        declared: Sequence[str],
        outcomes: Mapping[str, Outcome],
        candidates: Sequence[Candidate],
    ) -> GateSession:
        """Return a gate that was run elsewhere: outcomes stand, and the others are judged here.

        Args:
            declared: Labels of the checks that were declared there.
            outcomes: Those that stand, by id.
            candidates: With their scores; no data and no models are there.
        """
        session = GateSession(self.case, self.options)
        session._outcomes = dict(outcomes)
        known = (label.partition("-")[0] for label in declared)
        judged = tuple(candidates)
        vars(session).update(
            declared=tuple(rules()[check] for check in known if check in rules()),
            candidates=judged,
            run_evidence=RunEvidence(self.case, judged, {}, self.case.dataset_path),
        )
        session.made["golden"] = GoldenEvidence(
            self.case, judged, tuple(declared), looks=session._looks
        )
        return session

    def result(self) -> GateResult:
        """Run every declared check and return the one object that reports are made from."""
        outcomes = tuple(self.outcome(rule.id) for rule in self.declared)
        return GateResult(
            case=self.case.name,
            declared=tuple(rule.label for rule in self.declared),
            outcomes=outcomes,
            facts=gather_facts(self, outcomes),
            reproduce=self.options.command(self.case.name),
            review=self._found_review(outcomes),
            waivers=self.waivers,
        )

    def _found_review(self, outcomes: tuple[Outcome, ...]) -> Review | None:
        """Return the review that G010 made; None when it made none."""
        is_made = any(o.check == "G010" and o.status in EXECUTED for o in outcomes)
        return self.custody.review if is_made else None


def run_gate(
    case: Case,
    options: GateOptions,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> GateResult:
    """Gate one case: run every declared check and return the result."""
    return GateSession(case, options, progress=progress).result()
