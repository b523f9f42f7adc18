"""What is diagnosed: a gated case, a record, or the JSON of a gate; all end as one value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amn.diagnosis.figures import record_figures
from amn.errors import DataError, in_words
from amn.storage import parse_json, read_whole
from amn.verdict import RESULT_SCHEMA, Finding, Outcome, Status, judge

if TYPE_CHECKING:
    from pathlib import Path

    from amn.diagnosis.records import JudgedRecord
    from amn.gate.result import GateResult

PASSED = (Status.PASS, Status.WARN)


@dataclass(frozen=True)
class Subject:
    """How every check of one run or case ended, and the figures that go with it.

    Attributes:
        name: For people.
        verdict: In one word, as its gate or its record has it.
        scores: Mean cosines of the judged splits, where they were measured.
        figures: See `figures.FIGURES`; only what is known.
        reproduce: The command that gives the outcomes again.
    """

    name: str
    verdict: str
    outcomes: tuple[Outcome, ...]
    scores: dict[str, float] = field(default_factory=dict)
    lift: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    reproduce: str = ""

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The checks that did not pass."""
        return tuple(outcome for outcome in self.outcomes if outcome.status not in PASSED)

    @property
    def warned(self) -> tuple[Outcome, ...]:
        """The checks that warn."""
        return tuple(outcome for outcome in self.outcomes if outcome.status is Status.WARN)

    @property
    def is_healthy(self) -> bool:
        """Whether checks ran and every one passed; nothing looked at is not healthy."""
        return bool(self.outcomes) and not self.failed


def of_result(result: GateResult) -> Subject:
    """Return a gate's result as a subject, with the courses of its trainings."""
    lifts = [score.lift.mean for score in result.scores.values() if score.lift]
    references = [score.references for score in result.scores.values()]
    means = [known["mean"] for known in references if "mean" in known]
    figures = {"mean_cosine": min(means)} if means else {}
    return Subject(
        name=result.case,
        verdict=result.verdict.value,
        outcomes=result.outcomes,
        scores={n: s.mean for n, s in result.scores.items() if math.isfinite(s.mean)},
        lift=min(lifts, default=None),
        figures=figures | record_figures(result.histories),
        reproduce=result.reproduce,
    )


def of_record(judged: JudgedRecord, reproduce: str) -> Subject:
    """Return a judged record as a subject; in one that cannot be read no check could look."""
    if judged.history is None:
        finding = Finding(str(judged.path), judged.error)
        unread = Outcome("R010", "epochs", Status.ERROR, findings=(finding,))
        return Subject(judged.path.name, judged.status.value, (unread,), reproduce=reproduce)
    history = judged.history
    return Subject(
        name=history.name,
        verdict=judged.status.value,
        outcomes=judged.outcomes,
        scores=dict(history.scores),
        figures=record_figures([history]),
        reproduce=reproduce,
    )


def read_subjects(path: Path) -> list[Subject] | None:
    """Return what the JSON of `amn gate --format json` tells; None where it is something else.

    Raises:
        DataError: If it is such a document, of another schema or with results that are none.
    """
    try:
        document = parse_json(read_whole(path))
    except (OSError, ValueError):
        return None  # a folder, a table, a damaged record: for the readers of records to tell
    if not isinstance(document, dict) or "results" not in document:
        return None
    if document.get("schema") != RESULT_SCHEMA:
        raise DataError(path, f"expected schema {RESULT_SCHEMA}, got {document.get('schema')!r}")
    try:
        return [_subject(item) for item in document["results"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            path,
            f"expected results of a gate, got: {in_words(error)}. Fix: amn gate --format json",
        ) from error


def _subject(item: dict[str, Any]) -> Subject:
    """Return one result of such a document."""
    outcomes = tuple(Outcome.from_json(check) for check in item["checks"])
    scores: dict[str, Any] = _table(_table(item["facts"]).get("scores"))
    lifts = [_table(split.get("lift")).get("mean") for split in scores.values()]
    known = [float(lift) for lift in lifts if lift is not None]
    means = [_table(split.get("references")).get("mean") for split in scores.values()]
    found = [float(mean) for mean in means if mean is not None]
    return Subject(
        name=str(item["case"]),
        verdict=judge(item["declared"], outcomes).value,
        outcomes=outcomes,
        scores={n: float(s["mean"]) for n, s in scores.items() if s.get("mean") is not None},
        lift=min(known, default=None),
        figures={"mean_cosine": min(found)} if found else {},
        reproduce=str(item["reproduce"]),
    )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
