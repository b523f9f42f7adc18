"""Judging records alone: no data, no model, only what was written down."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from amn.case.config import EVALUATED
from amn.case.limits import CriteriaConfig
from amn.case.training import AbortConfig
from amn.checks.check import checks
from amn.checks.meaning import explained, statuses
from amn.errors import CheckNotRunError, DataError, MissingDependencyError
from amn.evaluation.summary import Summary
from amn.gate.evidence import Evidence, declare
from amn.gate.makers.of_courses import COURSE, abort_for, course_makers, no_best_cosines
from amn.gate.result import GateResult, RecordNote
from amn.gate.run import About, Gate
from amn.training.records.find import read_record, search_records
from amn.training.records.history import RunStatus
from amn.training.records.names import KNOWN
from amn.verdict import Status, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from amn.checks.check import Check
    from amn.training.records.history import RunHistory
    from amn.training.records.names import Names
    from amn.verdict import Outcome


# `calibrated`: half-way from the constant predictor to the mean of the context, or less far for a
# kind of network that starts from nothing. `seed`: the earlier project's number, which stops good
# GRU and Transformer runs.
ABORT_PROFILES = {"calibrated": AbortConfig(), "seed": AbortConfig(first_epoch=0.5)}


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

    def as_result(self, reproduce: str) -> GateResult:
        """Return it as the object that reports are made from; unreadable is ERROR."""
        note = RecordNote(
            statuses=self.statuses,
            reason=self.reason,
            recorded=self.history.then if self.history else "",
            stop_epoch=self.stop_epoch,
            error=self.error,
            unread=self.history.unread if self.history else {},
        )
        return GateResult(
            case=self.history.name if self.history else self.path.name,
            declared=tuple(check.label for check in declared_checks(self.history)),
            outcomes=self.outcomes,
            made={"histories": (self.history,)} if self.history else {},
            mode="record",
            title=self.title,
            reproduce=reproduce,
            record=note,
        )

    @property
    def title(self) -> str:
        """Where it comes from, and what of it was not checked."""
        if self.history is None:
            return str(self.path)
        held = declared_checks(self.history)
        missing = [check.id for check in declared_checks(None) if check not in held]
        note = f"; not in the record: what {', '.join(missing)} would read" if missing else ""
        return f"{self.history.origin}, {count_of(len(self.history.epochs), 'epoch')}{note}"


def of_history(history: RunHistory, abort: AbortConfig) -> Gate:
    """Return the gate of a history alone: the checks that it holds the figures of.

    Args:
        abort: The stopping rules to replay.
    """
    chosen = course_makers(history)
    given: dict[str, Any] = {"histories": (history,), "abort": abort}
    if not history.scores:  # nothing else would tell whether the model has learned
        chosen = {"best_cosines": no_best_cosines, **chosen}
    else:
        criteria = CriteriaConfig.model_validate(history.settings.get("criteria", {}))
        scores = {split: Summary.of_score(history.scores.get(split)) for split in EVALUATED}
        given |= {"criteria": criteria, "summaries": scores}
    about = About(history.name, "record")
    return Gate(Evidence(chosen, **given), about)


def declared_checks(history: RunHistory | None) -> tuple[Check, ...]:
    """Return the checks that have to run on a history; all that a record can have without one."""
    if history:
        return of_history(history, AbortConfig()).declared
    whole = dict.fromkeys(("histories", "abort", "criteria", "summaries"))
    return declare(Evidence(COURSE, **whole))


def judge_history(path: Path, history: RunHistory, abort: AbortConfig) -> JudgedRecord:
    """Run every check that a history can be judged by, and find where it could have been stopped.

    Args:
        path: Where it was found.
        abort: The stopping rules to replay.
    """
    abort = abort_for(history, abort)
    result = of_history(history, abort).result()
    failed = {o.check for o in result.outcomes if o.has_failed and o.status is not Status.NOT_RUN}
    plain = _first_failure(history, abort, [checks()[check] for check in failed])
    stop = history.epochs[plain - 1].epoch if plain else None
    return JudgedRecord(path, history, explained(result.outcomes), stop)


def _first_failure(history: RunHistory, abort: AbortConfig, failed: list[Check]) -> int | None:
    """Return after how many epochs one of the checks that failed did so first, None for never."""

    def fails(n: int, mine: list[Check]) -> bool:
        known = of_history(history.until(n), abort)
        return any(_fails(check, known.evidence) for check in mine if check in known.declared)

    n_epochs = len(history.epochs)
    lasting = [check for check in failed if check.course == "lasting"]
    passing = [check for check in failed if check.course == "passing"]
    first = bisect_left(range(n_epochs + 1), True, key=lambda n: fails(n, lasting))  # noqa: FBT003 - what is looked for
    if passing:
        first = next((n for n in range(1, min(first, n_epochs + 1)) if fails(n, passing)), first)
    return first if first <= n_epochs else None


def _fails(check: Check, evidence: Evidence) -> bool:
    """Tell whether a check fails, or cannot look, on the first epochs."""
    try:
        return check.run(evidence).has_failed
    except CheckNotRunError:
        return True


@dataclass(frozen=True)
class JudgedRecords:
    """Every record under some paths, judged, and the files there that are none.

    Attributes:
        left_out: Why a file was not read -> how many files.
    """

    judged: tuple[JudgedRecord, ...]
    left_out: Mapping[str, int]


def judge_records(
    paths: Sequence[Path],
    abort: AbortConfig,
    references: Mapping[str, float] | None = None,
    names: Names = KNOWN,
) -> list[JudgedRecord]:
    """Read and judge every record under some paths: see `judge_paths`."""
    return list(judge_paths(paths, abort, references, names).judged)


def judge_paths(
    paths: Sequence[Path],
    abort: AbortConfig,
    references: Mapping[str, float] | None = None,
    names: Names = KNOWN,
) -> JudgedRecords:
    """Read and judge every record under some paths; one that cannot be read hides no other.

    Args:
        references: Validation cosines of `constant` and `mean` for records that name none.
        names: What a user says of columns.

    Raises:
        DataError: If there is nothing under one of the paths.
    """
    found = search_records(paths)
    judged = (_judge_path(path, abort, references or {}, names) for path in found.records)
    return JudgedRecords(tuple(judged), found.left_out)


def _judge_path(
    path: Path, abort: AbortConfig, references: Mapping[str, float], names: Names
) -> JudgedRecord:
    try:
        history = read_record(path, names)
    except (DataError, MissingDependencyError) as error:
        message = error.message if isinstance(error, DataError) else str(error)
        return JudgedRecord(path, None, error=message)
    known = {**references, **history.references}
    return judge_history(path, replace(history, references=known), abort)
