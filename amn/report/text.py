"""A result for people: a table, the findings, and one last line that says it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import markup
from rich.table import Table

from amn.checks.meaning import by_cause
from amn.report.terminal import STYLES, VERDICT_STYLES, WIDTH
from amn.report.terminal import results as terminal
from amn.report.verdict import (
    alarms_of,
    beside_merge_base,
    by_family,
    complete,
    data_cells,
    data_changes,
    headroom_lines,
    last_line,
    score_cells,
    together,
    worst_verdict,
)
from amn.report.visible import one_line
from amn.report.why import why
from amn.training.record import mixture_in_words
from amn.verdict import Status, Verdict, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult
    from amn.report.why import Why
    from amn.verdict import Outcome

ALWAYS_LISTED = ("C", "G")
NARROW = 90  # columns that the table of scores takes with five reference predictors


def print_result(
    result: GateResult, console: Console | None = None, *, verbose: bool = False
) -> None:
    """Print a result; the last line repeats the verdict.

    Args:
        verbose: Every check on a line of its own; otherwise those of a family that all passed share
            one, and only criteria, golden and what did not pass are listed.
    """
    out = console or terminal()
    if result.scope.since and result.verdict is Verdict.PASS and not verbose:
        print_verdict(result.verdict, last_line(result), out)
        return
    found = None if verbose else why(result)
    gap = "" if found else "\n"  # what it is, by how much and why stand on the first eight lines
    out.print(f"[bold]{escape(result.case)}[/]  {escape(result.title)}{gap}")
    if result.held and not verbose:
        print_verdict(result.verdict, last_line(result), out)
        return
    if found:
        _print_why(found, result, out)
    if result.record:
        out.print(f"{escape(status_line(result))}\n", soft_wrap=True)
    if not verbose:
        out.print(families_table(result.outcomes))
        out.print()
    listed = [o for o in result.outcomes if verbose or _is_listed(o)]
    if listed:
        out.print(checks_table(listed, out.width))
        out.print()
    if result.scores:
        out.print(scores_table(result.scores, out.width))
        if mixture := mixture_in_words([one.record for one in result.candidates if one.record]):
            out.print(f"mixture of {mixture}, by validation articles", style="dim")
        out.print()
    left = [one for one in data_changes(result)[1] if one.has_left]
    if left:
        out.print(cells_table(data_cells(left)))
        out.print()
    _print_notes(result, out)
    print_verdict(result.verdict, last_line(result), out)


def _print_why(found: Why, result: GateResult, out: Console) -> None:
    """Print what failed, by how much, the likely cause and what to do."""
    print_verdict(result.verdict, f"{result.verdict.value}: {found.what}", out)
    width = max(len(name) for name, _ in found.lines)
    for name, text in found.lines:
        out.print(f"  {escape(name):{width}}  {escape(text)}", soft_wrap=True)
    out.print()


def _print_notes(result: GateResult, out: Console) -> None:
    """Print findings, waivers, limits to look at, and what the change owes to itself."""
    for outcome in by_cause(complete(result)):
        if outcome.findings:
            print_findings(outcome, out)
    if result.scope.note:
        out.print(f"{escape(result.scope.note)}\n", soft_wrap=True)
    if result.waivers:
        out.print("[yellow]waived[/]")
        for waiver in result.waivers:
            out.print(f"  {escape(str(waiver))}", soft_wrap=True)
        out.print()
    if limits := headroom_lines(result):
        out.print("[bold]limits to look at[/]")
        for line in limits:
            out.print(f"  {escape(line)}", soft_wrap=True)
        out.print()
    if result.review and (result.review.loosenings or result.verdict is Verdict.LOOSENED):
        out.print(f"{escape(beside_merge_base(result))}\n", soft_wrap=True)


def print_results(
    results: Sequence[GateResult], console: Console | None = None, *, verbose: bool = False
) -> None:
    """Print results; after several, what they come to together."""
    out = console or terminal()
    for result in results:
        print_result(result, out, verbose=verbose)
    if len(results) > 1:
        out.print()
        if alarms := alarms_of(results):
            out.print(f"{escape(str(alarms))}.\n", soft_wrap=True)
        print_verdict(worst_verdict(results), together(results), out)


def print_verdict(verdict: Verdict, sentence: str, out: Console) -> None:
    """Print the line that a reader looks for; it begins with the verdict."""
    rest = one_line(sentence).removeprefix(verdict.value)
    out.print(f"[{VERDICT_STYLES[verdict]}]{verdict.value}[/]{markup.escape(rest)}", soft_wrap=True)


def escape(text: str) -> str:
    """Return text of others on one line, in which rich finds no markup."""
    return markup.escape(one_line(text))


def cell(text: str) -> str:
    """Return text of others for a table, where a wrapped line may begin with any part of it."""
    return escape(text).replace("::", "\\x3a:")


def status_line(result: GateResult) -> str:
    """Return what a run came to, as we see it and as it was written down at the time."""
    note = result.record
    if note is None:
        return ""
    text = f"status: {note.statuses[0].value}"
    text += f"; written down then: {note.recorded}" if note.recorded else ""
    stop = note.stop_epoch
    return text + (f"; could have been stopped after epoch {stop}" if stop else "")


def _is_listed(outcome: Outcome) -> bool:
    """Tell whether a check has a line of its own in the short report."""
    if outcome.status is Status.NOT_RUN:
        return False
    return outcome.status is not Status.PASS or outcome.check[0] in ALWAYS_LISTED


def families_table(outcomes: Sequence[Outcome]) -> Table:
    """Return one line a family of checks: how many, how they ended, and how long they took."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in range(4):
        table.add_column(justify="right" if column in (1, 3) else "left", no_wrap=True)
    for name, mine in by_family(outcomes):
        counts = {status: sum(o.status is status for o in mine) for status in Status}
        parts = [
            f"[{STYLES[status]}]{status.value}[/]" + (f" {n}" if n < len(mine) else "")
            for status, n in counts.items()
            if n
        ]
        seconds = sum(o.seconds for o in mine)
        table.add_row(
            f"{mine[0].check[0]}  {name}",
            count_of(len(mine), "check"),
            " ".join(parts),
            f"{seconds:.1f} s",
        )
    return table


def checks_table(outcomes: Sequence[Outcome], width: int = WIDTH) -> Table:
    """Return a table of checks: name, value, limit, status, and the detail that fits.

    In fewer than `NARROW` columns no detail does, beside what a check has found.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("value", overflow="fold", max_width=22)
    table.add_column("limit", overflow="fold", max_width=20)
    table.add_column("status", no_wrap=True)
    table.add_column("", overflow="fold", style="dim")
    for o in outcomes:
        status = f"[{STYLES[o.status]}]{o.status.value}[/]"
        shown = "" if width < NARROW and (o.status is Status.PASS or o.findings) else o.detail
        value, limit, detail = (cell(text) for text in (o.value, o.limit, shown))
        table.add_row(cell(f"{o.check} {o.name}"), value, limit, status, detail)
    return table


def scores_table(scores: Mapping[str, Summary], width: int = WIDTH) -> Table:
    """Return the scores beside what the reference predictors get.

    A row a split; in fewer than `NARROW` columns a column a split, so that no number is cut.
    """
    lines = score_cells(scores, to="-")
    if width < NARROW:
        lines = [list(column) for column in zip(*lines, strict=True)]
    return cells_table(lines)


def cells_table(lines: Sequence[Sequence[str]]) -> Table:
    """Return a table of a header and lines below it; numbers stand on the right."""
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(lines[0]):
        table.add_column(cell(name), justify="right" if place else "left")
    for line in lines[1:]:
        table.add_row(*map(cell, line))
    return table


def print_findings(outcome: Outcome, out: Console) -> None:
    """Print what a check found: where, what, and how to fix it."""
    out.print(f"[{STYLES[outcome.status]}]{outcome.status.value} {escape(outcome.label)}[/]")
    for finding in outcome.findings:
        out.print(f"  {escape(finding.where)}: {escape(finding.message)}", soft_wrap=True)
        if finding.fix:
            out.print(f"    fix: {escape(finding.fix)}", soft_wrap=True, style="dim")
    out.print(f"    why: amn rules {outcome.check}\n", style="dim")
