"""The one object that every report and the exit code are made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amn.checks.comparison import Compared
from amn.gate.scope import Scope, said, scope_of
from amn.golden.headroom import Headroom, headrooms
from amn.training.records.history import RunHistory, history_of
from amn.verdict import EXECUTED, HOLD, Status, Verdict, count_of, family_of, html_of, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.case.config import CaseConfig
    from amn.case.load import Case
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.storage import Evaluation
    from amn.evaluation.summary import Summary
    from amn.evaluation.surroundings import Behaviour
    from amn.golden.schema import Golden
    from amn.training.candidate import Candidate, Observed
    from amn.training.record import TrainingRecord
    from amn.training.records.history import RunStatus
    from amn.verdict import Finding, Outcome, Review, Waiver


@dataclass(frozen=True, slots=True)
class RecordNote:
    """What a record says besides its checks.

    Attributes:
        statuses: What the run came to, the status that explains most first.
        reason: The finding behind the first status.
        recorded: Outcome as it was written down at the time.
        stop_epoch: First epoch after which it could have been stopped.
        error: Why it could not be read.
        unread: Keys that no reader knows, as they are.
        is_alone: Whether nothing but the record was judged.
    """

    statuses: tuple[RunStatus, ...]
    reason: str = ""
    recorded: str = ""
    stop_epoch: int | None = None
    error: str = ""
    unread: Mapping[str, Any] = field(default_factory=dict)
    is_alone: bool = True


@dataclass(frozen=True, slots=True)
class JudgedCandidate:
    """One judged model, as far as the gate came with it.

    Attributes:
        name: For people: `seed 0`.
        record: Its course of training, where there is one.
        evaluation: Its scores; None when it was not scored.
        behaviour: split -> what it did with a sample of windows, where a check asked.
        digest: sha256 of its file.
        seed: That it was trained with, where it is known.
    """

    name: str
    record: TrainingRecord | None = None
    evaluation: Evaluation | None = None
    behaviour: Mapping[str, Behaviour] = field(default_factory=dict)
    digest: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class GateResult:
    """The verdict over one case, and all that it was reached from; true where it is PASS.

    Attributes:
        case: Name of the case.
        declared: Labels of every check that had to run.
        outcomes: One for each declared check, in order; a missing one is an ERROR.
        made: The evidence that is there because a check asked for it; reports open nothing more.
        mode: Where the candidate came from; empty where none was asked for.
        title: Of the case, for people.
        reproduce: The command that gives this result again.
        review: The change beside its merge base; None when nobody asked for it.
        waivers: Those in force; a check that one of them lets through has status WARN.
        record: Where records of training were judged.
    """

    case: str
    declared: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    made: Mapping[str, Any] = field(default_factory=dict)
    mode: str = ""
    title: str = ""
    reproduce: str = ""
    review: Review | None = None
    waivers: tuple[Waiver, ...] = ()
    record: RecordNote | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict over all declared checks; PASS only where that is a whole gate."""
        found = self.judged
        return Verdict.PARTIAL if found is Verdict.PASS and self.scope.lacks else found

    @property
    def judged(self) -> Verdict:
        """The verdict over what was looked at, whatever its scope."""
        return judge(self.declared, self.outcomes)

    @property
    def scope(self) -> Scope:
        """What the verdict rests on."""
        return scope_of(self.made)

    @property
    def word(self) -> str:
        """The verdict with what it takes to read it: `PASS (2 waived)`, `PARTIAL (scores only)`."""
        return said(self.verdict, self.scope, self.outcomes)

    @property
    def exit_code(self) -> int:
        """The exit code without --strict."""
        return self.verdict.exit_code()

    def __bool__(self) -> bool:
        """Tell whether it is PASS, waived and approved checks included."""
        return self.verdict is Verdict.PASS

    def __repr__(self) -> str:
        return f"GateResult({self.case!r}: {self.word}, {count_of(len(self.declared), 'check')})"

    def _repr_html_(self) -> str:
        """The same for a notebook, with the checks that did not pass."""
        head = ("check", "status", "value", "limit", "finding")
        rows = [
            (o.label, o.status.value, o.value, o.limit, o.findings[0].message if o.findings else "")
            for o in self.outcomes
            if o.status is not Status.PASS
        ]
        return html_of(repr(self), [head, *rows] if rows else ())

    @property
    def held(self) -> Finding | None:
        """Why nothing was looked at: the case that this one waits for does not pass."""
        hold = next((o for o in self.outcomes if o.check == HOLD and o.has_failed), None)
        return hold.findings[0] if hold and hold.findings else None

    @property
    def scores(self) -> Mapping[str, Summary]:
        """The score of each split; empty where no criterion was judged: it may mean nothing."""
        is_judged = any(
            family_of(o.check) == "criteria" and o.status in EXECUTED for o in self.outcomes
        )
        found: Mapping[str, Summary] = self.made.get("summaries", {}) if is_judged else {}
        return found

    @property
    def candidates(self) -> tuple[JudgedCandidate, ...]:
        """The models that were judged; empty where the gate stopped before them."""
        candidates: tuple[Candidate, ...] = self.made.get("candidates", ())
        scored = self.made.get("evaluations") or [one.recorded for one in candidates]
        if {"evaluations", "measured"} <= self.made.keys():
            scored = list(map(_with_values, scored, self.made["measured"]))
        observed: tuple[Observed, ...] = self.made.get("behaviours", ())
        return tuple(
            JudgedCandidate(
                one.name,
                one.record,
                evaluation,
                {o.split: o.behaviour for o in observed if o.candidate == one.name},
                one.digest,
                one.seed,
            )
            for one, evaluation in zip(candidates, scored, strict=True)
        )

    @property
    def histories(self) -> tuple[RunHistory, ...]:
        """The courses of the trainings that the gate has come to."""
        kind = self.config.model.kind if self.config else ""
        return tuple(
            history_of(one.name, one.record, model=kind) for one in self.candidates if one.record
        )

    @property
    def golden(self) -> Golden | None:
        """The golden; None when there is none, it could not be read, or nobody asked."""
        found: Golden | None = self.made.get("golden")
        return found

    @property
    def config(self) -> CaseConfig | None:
        """The settings of the case; None for a record alone."""
        case: Case | None = self.made.get("case")
        return case.config if case else None

    @property
    def windows(self) -> dict[str, int]:
        """Windows of each split, where the scores are of windows."""
        found = self.made.get("windows", {}) if self.scores else {}
        return {name: len(windows) for name, windows in found.items()}

    @property
    def digests(self) -> dict[str, str]:
        """Digests of the settings, and of the data set where the scores are of its windows."""
        if not self.mode or self.config is None:
            return {}
        data_sets = self.made.get("data_sets", ()) if self.scores else ()
        found = {"dataset_digest": data_sets[0].digest} if data_sets else {}
        return {**found, "config_digest": self.config.digest()}

    @property
    def compared(self) -> dict[str, Compared]:
        """Id of each check that compared with the golden -> what it found."""
        return {o.check: o.data for o in self.outcomes if isinstance(o.data, Compared)}

    @property
    def headroom(self) -> tuple[Headroom, ...]:
        """Limits that sit too far below what the golden measured, or within noise."""
        if self.config is None or self.golden is None:
            return ()
        found = headrooms(self.config, self.golden.record)
        return tuple(one for one in found if one.note)


def _with_values(evaluation: Evaluation, measured: Mapping[str, SplitScores]) -> Evaluation:
    """Return scores with what was measured beside the cosine."""
    scores = {
        split: replace(scores, values=measured[split].values)
        for split, scores in evaluation.scores.items()
    }
    return replace(evaluation, scores=scores)
