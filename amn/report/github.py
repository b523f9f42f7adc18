"""A result as GitHub workflow commands: annotations, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.report.verdict import alarms_of, complete, last_line, together
from amn.report.visible import one_line, visible
from amn.verdict import WORST_FIRST, Status, Verdict, worst_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import GateResult
    from amn.verdict import Outcome

MOST = 9  # GitHub shows ten a step; the tenth is the step's own exit code
LEVELS = {
    Status.ERROR: "error",
    Status.HARNESS: "error",
    Status.FAIL: "error",
    Status.LOOSENED: "error",
    Status.INCONCLUSIVE: "warning",
    Status.WARN: "warning",
}


def to_annotations(results: Sequence[GateResult]) -> str:
    """Return one workflow command an outcome worth reading, then the verdict of each case."""
    notes: list[tuple[int, str]] = []  # how bad, command
    for result in results:
        shown = [o for o in worst_first(complete(result)) if o.status in LEVELS]
        notes += [(WORST_FIRST.index(o.status), _annotation(result.case, o)) for o in shown]
        if result.verdict is Verdict.PARTIAL:
            rank = WORST_FIRST.index(Status.INCONCLUSIVE)
            notes.append((rank, _command("warning", result.case, "scope", last_line(result))))
        elif not shown and result.verdict.exit_code():
            notes.append((0, _command("error", result.case, "verdict", last_line(result))))
    notes.sort(key=lambda note: note[0])
    lines = [command for _, command in notes[:MOST]]
    if len(notes) > MOST:
        lines.append(f"{len(notes) - MOST} more in the log")
    lines += [one_line(last_line(result)) for result in results]
    if len(results) > 1:
        alarms = alarms_of(results)
        lines += [one_line(f"{alarms}.")] if alarms else []
        lines.append(one_line(together(results)))
    return "\n".join(lines)


def _annotation(case: str, outcome: Outcome) -> str:
    """Return the workflow command for an outcome."""
    text = "\n".join(one_line(str(f)) for f in outcome.findings) or outcome.detail
    return _command(LEVELS[outcome.status], case, outcome.label, text)


def _command(level: str, case: str, label: str, text: str) -> str:
    """Return `::error file=...,title=...::message`."""
    title, file = _property(f"amn {label}"), _property(f"golden/{case}/case.toml")
    return f"::{level} file={file},title={title}::{_message(text)}"


def _message(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
