"""The one object that every report and the exit code are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amn.findings import judge
from amn.golden.headroom import Headroom, headrooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.checks.comparison import Compared
    from amn.evaluation.summary import Summary
    from amn.findings import Outcome, Verdict
    from amn.records.status import RunStatus
    from amn.review import Review, Waiver


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
class GateResult:
    """The verdict over one case, and all that it was reached from.

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
        """The verdict over all declared checks."""
        return judge(self.declared, self.outcomes)

    @property
    def scores(self) -> Mapping[str, Summary]:
        """The score of each split; empty when nothing was scored."""
        found: Mapping[str, Summary] = self.made.get("summaries", {})
        return found

    @property
    def compared(self) -> dict[str, Compared]:
        """Id of each check that compared with the golden -> what it found."""
        from amn.checks.comparison import Compared  # noqa: PLC0415 - for those that have compared

        return {o.check: o.data for o in self.outcomes if isinstance(o.data, Compared)}

    @property
    def headroom(self) -> tuple[Headroom, ...]:
        """Limits that sit too far below what the golden measured, or within noise."""
        case, golden = self.made.get("case"), self.made.get("golden")
        if case is None or golden is None:
            return ()
        return tuple(one for one in headrooms(case.config, golden.record) if one.note)
