"""One row of the failure report: a record or a gated case, and what its checks say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.meaning import statuses
from amn.training.records.history import RunStatus
from amn.training.records.loss_terms import read_ledger
from amn.verdict import Verdict

if TYPE_CHECKING:
    from amn.diagnosis.records import JudgedRecord
    from amn.gate.result import GateResult
    from amn.training.records.history import EpochFigures, RunHistory
    from amn.verdict import Outcome

VISIBLE = 0.01  # a smaller undeclared share of the loss is left to R006 to tell


@dataclass(frozen=True)
class ReportedRun:
    """One row of the results table, and where its figures come from.

    Attributes:
        statuses: Every status that applies, the one that explains most first.
        then: Outcome as it was written down at the time.
        stop_epoch: First epoch after which it could have been stopped.
        histories: Courses of training: one of a record, one a seed of a case.
    """

    name: str
    statuses: tuple[RunStatus, ...]
    then: str
    stop_epoch: int | None
    scores: dict[str, float]
    outcomes: tuple[Outcome, ...]
    histories: tuple[RunHistory, ...]
    error: str = ""

    @property
    def status(self) -> RunStatus:
        """What the run came to."""
        return self.statuses[0]

    @property
    def delta(self) -> float | None:
        """OOD minus in-dist, where both were measured."""
        if {"in_dist", "ood"} <= set(self.scores):
            return self.scores["ood"] - self.scores["in_dist"]
        return None

    @property
    def best(self) -> EpochFigures | None:
        """The best epoch of all its histories by validation cosine."""
        lines = [history.best for history in self.histories]
        return max((e for e in lines if e), key=lambda e: e.val_cosine or 0.0, default=None)

    @property
    def loss(self) -> str:
        """The loss as its ledger tells it: `0.5 mse + 0.5 info`."""
        return describe_loss(self.histories[0]) if self.histories else ""


def from_record(judged: JudgedRecord) -> ReportedRun:
    """Return a judged record as a row."""
    history = judged.history
    return ReportedRun(
        name=history.name if history else judged.path.name,
        statuses=judged.statuses,
        then=history.then if history else "",
        stop_epoch=judged.stop_epoch,
        scores=history.scores if history else {},
        outcomes=judged.outcomes,
        histories=(history,) if history else (),
        error=judged.error,
    )


def from_gate(result: GateResult) -> ReportedRun:
    """Return a gated case as a row; its scores are means over the seeds."""
    scores = {split: score.mean for split, score in result.scores.items()}
    found = statuses(result.outcomes)
    if result.verdict is Verdict.ERROR and found == (RunStatus.SUCCESS,):
        found = (RunStatus.NOT_MEASURED,)
    return ReportedRun(result.case, found, "", None, scores, result.outcomes, result.histories)


def describe_loss(history: RunHistory) -> str:
    """Return `mse`, or the weighted sum that it is; empty where no terms are recorded."""
    if not history.weights and "terms" not in history.parts:
        return ""
    ledger = read_ledger(history)
    weights = ledger.weights if len(ledger.totals) else history.weights
    if weights is None:
        return "unknown weights of " + ", ".join(ledger.terms)
    used = {name: weight for name, weight in weights.items() if weight}
    is_plain = list(used.values()) == [1.0]
    parts = list(used) if is_plain else [f"{weight:.3g} {name}" for name, weight in used.items()]
    rest = float(np.median(ledger.remainder)) if len(ledger.totals) else 0.0
    if abs(rest) > VISIBLE * float(np.abs(ledger.totals).max(initial=0.0)):
        parts.append(f"{rest:.3g} undeclared")
    return " + ".join(parts)
