"""Several records for people: one line each, and one last line that says it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from amn.report.terminal import VERDICT_STYLES
from amn.training.records.history import RunStatus
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from amn.diagnosis.records import JudgedRecord
    from amn.gate.result import GateResult

MOST_NAMES = 3
HARMLESS = (Verdict.PASS, Verdict.PARTIAL, Verdict.INCONCLUSIVE)
LONGEST_NAME = 36
LONGEST_STOP = 4  # digits of an epoch
GAP = 2  # columns between two columns of a table
LONGEST_STATUS = max(len(status.value) for status in RunStatus)


def print_records(
    judged: Sequence[JudgedRecord], results: Sequence[GateResult], verdict: Verdict, out: Console
) -> None:
    """Print one line a record: name, status, where it could have been stopped, the number behind.

    Args:
        results: Of the records, in their order.
        verdict: The worst of them.
    """
    width = min(LONGEST_NAME, max(len(result.case) for result in results))
    table = Table(box=None, pad_edge=False)
    table.add_column("record", no_wrap=True, overflow="ellipsis", width=width)
    table.add_column("status", no_wrap=True, min_width=LONGEST_STATUS)
    table.add_column("stop", justify="right", no_wrap=True, min_width=LONGEST_STOP)
    # A reason that is too long would take the room of the others: rich cuts every column then.
    left = max(len("reason"), out.width - width - LONGEST_STATUS - LONGEST_STOP - 3 * GAP)
    table.add_column("reason", no_wrap=True, overflow="ellipsis", max_width=left)
    for one, result in zip(judged, results, strict=True):
        status = f"[{VERDICT_STYLES[result.verdict]}]{one.status.value}[/]"
        stop = "" if one.stop_epoch is None else str(one.stop_epoch)
        table.add_row(escape(result.case), status, stop, escape(one.brief))
    out.print(table)
    out.print("\nstop: the epoch after which the run could have been stopped\n", style="dim")
    for one in judged:
        if one.error:
            out.print(f"{escape(str(one.path))}: {escape(one.error)}", soft_wrap=True)
    bad = [r.case for r in results if r.verdict not in HARMLESS]
    names = ", ".join(bad[:MOST_NAMES]) + (" …" if len(bad) > MOST_NAMES else "")
    text = f"{len(bad)} of {len(results)} records ({names})" if bad else f"{len(results)} records"
    more = " One in full: amn check run FILE" if bad else ""
    style = VERDICT_STYLES[verdict]
    out.print(f"[{style}]{verdict.value}[/]: {escape(text)}.{more}", soft_wrap=True)
