"""A result as GitHub workflow commands: annotations, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.findings import Status
from amn.report.text import last_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.findings import GateResult, Outcome

MOST = 9  # GitHub shows ten errors a step; the last one is the verdict
LEVELS = {
    Status.HARNESS: "error",
    Status.ERROR: "error",
    Status.FAIL: "error",
    Status.LOOSENED: "error",
    Status.INCONCLUSIVE: "warning",
    Status.WARN: "warning",
}
ORDER = tuple(LEVELS)


def to_annotations(results: Sequence[GateResult]) -> str:
    """Return one workflow command a finding, then the verdict of each case."""
    lines: list[str] = []
    for result in results:
        bad = sorted(
            (o for o in result.outcomes if o.status in LEVELS), key=lambda o: ORDER.index(o.status)
        )
        notes = [_annotation(result.case, outcome) for outcome in bad]
        lines += notes[:MOST]
        if len(notes) > MOST:
            lines.append(f"{len(notes) - MOST} more in the log")
        lines.append(last_line(result))
    return "\n".join(lines)


def _annotation(case: str, outcome: Outcome) -> str:
    """Return `::error file=...,title=...::message`."""
    text = "\n".join(str(f) for f in outcome.findings) or outcome.detail
    title = _property(f"amn {outcome.label}")
    file = _property(f"golden/{case}/case.toml")
    return f"::{LEVELS[outcome.status]} file={file},title={title}::{_message(text)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
