"""What a defect is, and the ways to bring one into a case."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from amn.checks.registry import BEFORE_TRAINING, implementation, rules
from amn.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.checks.broken.copies import CaseCopy
    from amn.checks.evidence.data import SplitEvidence
    from amn.checks.evidence.runs import Candidate
    from amn.config import CaseConfig
    from amn.data.windows import Windows
    from amn.evaluation.storage import Evaluation
    from amn.findings import Measured
    from amn.gate.session import GateSession
    from amn.selftest.lab import Lab

BLOCKS = frozenset({Status.FAIL, Status.HARNESS})
WARNS = frozenset({Status.WARN})
COULD_NOT_RUN = frozenset({Status.ERROR})

When = Literal["before training", "after training"]
Injection = Callable[["Lab"], AbstractContextManager["GateSession"]]


@dataclass(frozen=True)
class Defect:
    """One known defect, and the check that has to catch it.

    Attributes:
        id: Short name, such as `nan-row`.
        check: Id of the check that owns it.
        title: What is wrong, for people.
        inject: Gives a gate of the case with the defect in it, for as long as the context lasts.
        statuses: Ends of that check that count as caught: a failure, unless the check only warns.
    """

    id: str
    check: str
    title: str
    inject: Injection
    statuses: frozenset[Status] = BLOCKS

    @property
    def when(self) -> When:
        """Whether it is caught before a training step is spent."""
        is_early = rules()[self.check].family in BEFORE_TRAINING
        return "before training" if is_early else "after training"


def on_copy(
    change: Callable[[CaseCopy], None],
    gate: Callable[[Lab, CaseCopy], GateSession] = lambda lab, copy: lab.gate(copy),
) -> Injection:
    """Return the injection that changes a copy of the case.

    Args:
        gate: Gates the changed copy; as a new case unless another is given.
    """

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        with lab.copy() as copy:
            change(copy)
            yield gate(lab, copy)

    return inject


def in_files(
    id_: str,
    check: str,
    title: str,
    change: Callable[[CaseCopy], None],
    statuses: frozenset[Status] = BLOCKS,
) -> Defect:
    """Return a defect of the case's files or settings."""
    return Defect(id_, check, title, on_copy(change), statuses)


def in_windows(
    id_: str, check: str, title: str, change: Callable[[SplitEvidence], dict[str, Windows]]
) -> Defect:
    """Return a defect of the code that finds windows."""

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        session = lab.gate(lab.pristine)
        vars(session.split_evidence)["windows"] = change(session.split_evidence)
        yield session

    return Defect(id_, check, title, inject)


def in_candidate(
    id_: str,
    check: str,
    title: str,
    change: Callable[[Candidate, Lab], Candidate],
    statuses: frozenset[Status] = BLOCKS,
) -> Defect:
    """Return a defect of one model, its record or its scores; the other seeds are sound."""

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        first, *others = lab.clean.candidates
        yield lab.clean.judging([change(first, lab), *others])

    return Defect(id_, check, title, inject, statuses)


def in_scores(
    id_: str,
    check: str,
    title: str,
    change: Callable[[Evaluation, CaseConfig], Evaluation],
    statuses: frozenset[Status] = BLOCKS,
) -> Defect:
    """Return a defect of the scores of all candidates."""

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        config = lab.pristine.config
        yield lab.clean.judging(
            [scored(c, change(c.evaluation, config)) for c in lab.clean.candidates]
        )

    return Defect(id_, check, title, inject, statuses)


def scored(candidate: Candidate, evaluation: Evaluation) -> Candidate:
    """Return a candidate with other scores; its checkpoint is not loaded again."""
    return replace(candidate, load=lambda: candidate.checkpoint, score=lambda _: evaluation)


def in_golden(
    id_: str,
    check: str,
    title: str,
    change: Callable[[CaseCopy], None],
    statuses: frozenset[Status] = BLOCKS,
) -> Defect:
    """Return a defect of the golden, or of the settings that it is compared with."""

    def judge(lab: Lab, copy: CaseCopy) -> GateSession:
        return lab.clean.judging(lab.clean.candidates, case=copy.case)

    return Defect(id_, check, title, on_copy(change, judge), statuses)


def in_check(
    id_: str, check: str, title: str, function: Callable[[Any], Measured] | None
) -> Defect:
    """Return a check that does not look: another implementation, or none."""

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        with implementation(check, function):
            yield lab.gate(lab.pristine)

    return Defect(id_, check, title, inject, COULD_NOT_RUN)


def in_code(id_: str, check: str, title: str, where: tuple[str, str], value: object) -> Defect:
    """Return a defect of amn's own code.

    Args:
        where: Module, and the name in it that gets another value.
    """

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        module, name = import_module(where[0]), where[1]
        before = getattr(module, name)
        setattr(module, name, value)
        try:
            yield lab.clean.judging(lab.clean.candidates)
        finally:
            setattr(module, name, before)

    return Defect(id_, check, title, inject)
