"""Judging records alone: no data, no model, only what was written down."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amn.checks.evidence.limits import CriteriaEvidence
from amn.checks.evidence.runs import RecordEvidence
from amn.checks.meaning import statuses
from amn.checks.registry import Rule, execute, rules
from amn.config import EVALUATED
from amn.errors import CheckNotRunError, DataError
from amn.evaluation.summary import Summary
from amn.findings import GateResult, Outcome, Status
from amn.limits_config import CriteriaConfig
from amn.recipes import RECIPES
from amn.records.find import find_records, read_record
from amn.records.status import RunStatus
from amn.training_config import AbortConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from amn.records.history import RunHistory


# `calibrated`: half-way from the constant predictor to the mean of the context, or less far for a
# kind of network that starts from nothing. `seed`: the earlier project's number, which stops good
# GRU and Transformer runs.
ABORT_PROFILES = {"calibrated": AbortConfig(), "seed": AbortConfig(first_epoch=0.5)}
SKILL = "R013"  # what a record is judged by where it brings no scores
MOST_NAMES = 8  # of what nobody could read, in a message
AT_THE_END = {"R005", SKILL}  # what they ask for may still come: no reason to stop earlier
LASTING = {"R001", "R002", "R003", "R004", "R010", "R012"}  # failed once, they fail ever after


@dataclass(frozen=True)
class JudgedRecord:
    """A record and what the checks say about it.

    Attributes:
        path: Where it was found.
        history: None where it could not be read.
        stop_epoch: First epoch after which one of its failures was plain to see; None without one.
        error: Why it could not be read.
    """

    path: Path
    history: RunHistory | None
    outcomes: tuple[Outcome, ...] = ()
    stop_epoch: int | None = None
    error: str = ""

    def require_readable(self) -> None:
        """Raise DataError for a record that could not be read."""
        if self.history is None:
            raise DataError(self.path, self.error)

    @property
    def statuses(self) -> tuple[RunStatus, ...]:
        """Every status that applies, the one that explains most first."""
        if self.history is None:
            return (RunStatus.UNREADABLE,)
        return statuses(self.outcomes)

    @property
    def status(self) -> RunStatus:
        """What the run came to."""
        return self.statuses[0]

    @property
    def reason(self) -> str:
        """The finding behind the status, as one line."""
        if self.history is None:
            return self.error
        outcome = self._decisive
        if outcome and outcome.findings:
            return f"{outcome.check} {outcome.findings[0].message}"
        return self.brief

    @property
    def brief(self) -> str:
        """The number behind the status, in a few words."""
        if self.history is None:
            return self.error
        if self._decisive:
            without = (finding.message for finding in self._decisive.findings)  # it has no number
            return f"{self._decisive.check} {self._decisive.value or next(without, '')}"
        best = self.history.best
        text = f"best {best.val_cosine:.4f} in epoch {best.epoch}" if best else "no cosine"
        warned = [outcome.check for outcome in self.outcomes if outcome.status is Status.WARN]
        return text + (f" (warned: {', '.join(warned)})" if warned else "")

    @property
    def _decisive(self) -> Outcome | None:
        """The outcome that the status comes from; None for a success."""
        if self.history is None or self.status is RunStatus.SUCCESS:
            return None
        return next((o for o in self.outcomes if statuses([o])[0] is self.status), None)

    def result(self, reproduce: str) -> GateResult:
        """Return it as the object that reports are made from; unreadable is ERROR."""
        name = self.history.name if self.history else self.path.name
        labels = [rule.label for rule in declared_rules(self.history)]
        return GateResult(
            case=name,
            declared=tuple(labels or [rule.label for rule in _record_rules()]),
            outcomes=self.outcomes,
            facts={
                "title": self.title,
                "mode": "record",
                "status": self.status.value,
                "statuses": [status.value for status in self.statuses],
                "reason": self.reason,
                "recorded_status": self.history.then if self.history else "",
                "stop_epoch": self.stop_epoch,
                "error": self.error,
                "unread": self.history.unread if self.history else {},
            },
            reproduce=reproduce,
        )

    @property
    def title(self) -> str:
        """Where it comes from, and what of it was not checked."""
        if self.history is None:
            return str(self.path)
        missing = [rule.id for rule in _record_rules() if not _can_run(rule, self.history)]
        note = f"; not in the record: what {', '.join(missing)} would read" if missing else ""
        return f"{self.history.origin}, {len(self.history.epochs)} epochs{note}"


def _record_rules() -> list[Rule]:
    """Return the checks that a record alone can be judged by."""
    return [rule for rule in rules().values() if "metrics" in rule.modes and not rule.custody]


def _can_run(rule: Rule, history: RunHistory) -> bool:
    """Tell whether a history holds what a check reads."""
    if rule.family != "record":
        return bool(history.scores)
    return set(rule.reads) <= history.parts


def declared_rules(history: RunHistory | None) -> list[Rule]:
    """Return the checks that have to run on a history: those that it holds the figures of.

    Without a validation cosine and without scores nothing tells whether the model has learned; the
    check of its skill is declared all the same, and says that it could not look.
    """
    return [
        rule
        for rule in _record_rules()
        if history and (_can_run(rule, history) or (rule.id == SKILL and not history.scores))
    ]


def abort_for(history: RunHistory, abort: AbortConfig) -> AbortConfig:
    """Return the stopping rules for a history: how far epoch 1 has to come depends on its model.

    A record that brings no rules of its own is taken for one that started from nothing, as the
    earlier project's did: by its kind's recipe `original`.
    """
    if history.settings.get("abort"):
        return AbortConfig.model_validate(history.settings["abort"])
    recipes = RECIPES.get(history.model.partition("_")[0], {})  # `transformer_optimized`
    own = recipes.get("original", {}).get("training", {}).get("abort", {})
    share = own.get("first_epoch_share", abort.first_epoch_share)
    return abort.model_copy(update={"first_epoch_share": share})


def judge_history(path: Path, history: RunHistory, abort: AbortConfig) -> JudgedRecord:
    """Run every check that a history can be judged by, and find where it could have been stopped.

    Args:
        path: Where it was found.
        abort: The stopping rules to replay.
    """
    abort = abort_for(history, abort)
    outcomes = _run(history, abort)
    failed = {o.check for o in outcomes if o.has_failed and o.status is not Status.NOT_RUN}
    plain = _first_failure(history, abort, failed - AT_THE_END)
    return JudgedRecord(path, history, outcomes, history.epochs[plain - 1].epoch if plain else None)


def _first_failure(history: RunHistory, abort: AbortConfig, failed: set[str]) -> int | None:
    """Return after how many epochs one of the checks that failed did so first, None for never."""

    def fails(n: int, checks: set[str]) -> bool:
        known = history.until(n)
        mine = (rule for rule in declared_rules(known) if rule.id in checks)
        return any(_execute(rule, known, abort).has_failed for rule in mine)

    n_epochs = len(history.epochs)
    lasting, others = failed & LASTING, failed - LASTING
    first = bisect_left(range(n_epochs + 1), True, key=lambda n: fails(n, lasting))  # noqa: FBT003 - what is looked for
    if others:
        first = next((n for n in range(1, min(first, n_epochs + 1)) if fails(n, others)), first)
    return first if first <= n_epochs else None


def _run(history: RunHistory, abort: AbortConfig) -> tuple[Outcome, ...]:
    """Run the declared checks in order; one whose cause failed first does not run."""
    outcomes: dict[str, Outcome] = {}
    for rule in declared_rules(history):
        causes = [
            outcomes[check].label
            for check in rule.needs
            if check in outcomes and outcomes[check].has_failed
        ]
        if causes:
            outcomes[rule.id] = rule.not_run(causes)
        elif not _can_run(rule, history):
            outcomes[rule.id] = rule.not_evaluated(_without_skill(history))
        else:
            outcomes[rule.id] = _execute(rule, history, abort)
    return tuple(outcomes.values())


def _without_skill(history: RunHistory) -> CheckNotRunError:
    """Say that a record tells nothing of the model's skill, and what of it nobody could read."""
    unread = [
        name for names in history.unread.values() if isinstance(names, list) for name in names
    ]
    got = f"none among {', '.join(map(str, unread[:MOST_NAMES]))}" if unread else "none"
    fix = "write it under that name"
    return CheckNotRunError(
        f"{history.name}: expected val_cosine in an epoch, got {got}. Fix: {fix}"
    )


def _execute(rule: Rule, history: RunHistory, abort: AbortConfig) -> Outcome:
    """Run one check on the course of training, or on the scores; one that cannot look is ERROR."""
    evidence: RecordEvidence | CriteriaEvidence
    if rule.family == "record":
        evidence = RecordEvidence((history,), abort)
    else:
        criteria = CriteriaConfig.model_validate(history.settings.get("criteria", {}))
        summaries = {split: Summary.of_score(history.scores.get(split)) for split in EVALUATED}
        evidence = CriteriaEvidence(criteria, summaries)
    try:
        return execute(rule.id, evidence)
    except CheckNotRunError as error:
        return rule.not_evaluated(error)


def judge_records(
    paths: Sequence[Path], abort: AbortConfig, references: Mapping[str, float] | None = None
) -> list[JudgedRecord]:
    """Read and judge every record under some paths; one that cannot be read hides no other.

    Args:
        references: Validation cosines of `constant` and `mean` for records that name none.

    Raises:
        DataError: If there is nothing under one of the paths.
    """
    found = [record for path in paths for record in find_records(path)]
    return [_judge_path(path, abort, references or {}) for path in dict.fromkeys(found)]


def _judge_path(path: Path, abort: AbortConfig, references: Mapping[str, float]) -> JudgedRecord:
    try:
        history = read_record(path)
    except DataError as error:
        return JudgedRecord(path, None, error=error.message)
    known = {**references, **history.references}
    return judge_history(path, replace(history, references=known), abort)
