"""A diagnosis for people: the likely causes in full, the others in a line; healthy in three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from amn.diagnosis.causes import causes
from amn.report.failure.render import figure
from amn.verdict import Status, count_of, cut

if TYPE_CHECKING:
    from rich.console import Console

    from amn.diagnosis.causes import Cause
    from amn.diagnosis.diagnosis import Diagnosis
    from amn.diagnosis.ranking import RankedCause
    from amn.diagnosis.subject import Subject

MOST_FULL = 3  # causes shown with all their evidence; --verbose shows every one so
MOST_TEXT = 300  # letters of one piece of evidence


def print_diagnosis(diagnosis: Diagnosis, out: Console, *, verbose: bool = False) -> None:
    """Print a diagnosis."""
    subject = diagnosis.subject
    if subject.is_healthy:
        for line in healthy_lines(subject):
            out.print(escape(line), soft_wrap=True)
        _print_trials(diagnosis, out)
        _print_settled(diagnosis, out)
        return
    out.print(f"[bold red]{escape(_headline(subject))}[/]", soft_wrap=True)
    if diagnosis.causes:
        first = diagnosis.causes[0]
        likely = diagnosis.likely or f"{first.cause.title} ({first.degree})"
        out.print(f"Look first at: [bold]{escape(likely)}[/]", soft_wrap=True)
    _print_trials(diagnosis, out)
    _print_settled(diagnosis, out)
    full = diagnosis.causes if verbose else diagnosis.causes[:MOST_FULL]
    for number, ranked in enumerate(full, start=1):
        _print_cause(number, ranked, diagnosis, out)
    if others := diagnosis.causes[len(full) :]:
        out.print("\nLess likely")
        for ranked in others:
            out.print(f"  {ranked.points:+4.1f}  {escape(ranked.cause.title)}")
    if diagnosis.ruled_out:
        out.print("\nRuled out")
        for ranked in diagnosis.ruled_out:
            text = f"{ranked.cause.title}: {cut(ranked.speaks_against[0].text, MOST_TEXT)}"
            out.print(Padding(escape(text), (0, 0, 0, 2)))
    out.print("\nDecision")
    out.print(Padding(escape(diagnosis.decision), (0, 0, 0, 2)))
    if subject.reproduce:
        out.print(f"\nReproduce: {escape(subject.reproduce)}", soft_wrap=True)


def healthy_lines(subject: Subject) -> tuple[str, str, str]:
    """Return what is said of a run in which nothing failed."""
    names = {"in_dist": "in-dist", "ood": "OOD"}
    scores = [f"{names.get(n, n)} {figure(value)}" for n, value in subject.scores.items()]
    if subject.lift is not None:
        scores.append(f"{subject.lift:+.4f} or more above the strongest reference predictor")
    warned = ", ".join(outcome.check for outcome in subject.warned)
    advice = f"Worth reading: the warnings of {warned}." if warned else "Nothing to do."
    return (
        f"{subject.name}: healthy. {count_of(len(subject.outcomes), 'check')} ran, none failed.",
        ", ".join(scores) or "Only the course of training is known; it was not scored.",
        f"{advice} Reproduce: {subject.reproduce}",
    )


def _headline(subject: Subject) -> str:
    """Return `wiki-mini: FAIL; 2 of 61 checks failed (C002, G001), 12 could not run after them`."""
    failed = [o.check for o in subject.failed if o.status is not Status.NOT_RUN]
    n_waiting = len(subject.failed) - len(failed)
    waiting = f"; {n_waiting} were not run after that" if n_waiting else ""
    return (
        f"{subject.name}: {subject.verdict}; {len(failed)} of {len(subject.outcomes)} checks did "
        f"not pass ({', '.join(failed)}){waiting}"
    )


def _print_trials(diagnosis: Diagnosis, out: Console) -> None:
    for trial in diagnosis.trials:
        out.print(f"\n[bold]experiment {escape(trial.id)}[/]: {escape(trial.title)}")
        for line in trial.lines:
            out.print(Padding(escape(line), (0, 0, 0, 2)))


def _print_settled(diagnosis: Diagnosis, out: Console) -> None:
    """Print what the experiments say of each hypothesis, and what would decide an open one."""
    if not diagnosis.settled:
        return
    out.print("\n[bold]Hypotheses[/]")
    titles = {cause.id: cause.title for cause in causes()}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in diagnosis.settled:
        needs = f"\nwould take: {one.needs}" if one.needs else ""
        table.add_row(one.answer, escape(f"{titles[one.cause]}\n{one.says}{needs}"))
    out.print(Padding(table, (0, 0, 0, 2)))


def _print_cause(number: int, ranked: RankedCause, diagnosis: Diagnosis, out: Console) -> None:
    """Print a cause with its evidence, the experiment that settles it, and what to do."""
    cause = ranked.cause
    out.print(f"\n[bold]{number}. {escape(cause.title)}[/]  {ranked.points:+.1f}, {ranked.degree}")
    out.print(Padding(escape(cause.why), (0, 0, 0, 3)))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, evidence in (("for", ranked.speaks_for), ("against", ranked.speaks_against)):
        for item in evidence:
            table.add_row(label, f"{item.points:+.1f}  {escape(cut(item.text, MOST_TEXT))}")
    table.add_row("settle", escape(cause.experiment) + _offer(cause, diagnosis))
    for label, texts in (("do", cause.actions), ("do not", cause.avoid), ("next", cause.next)):
        for text in texts:
            table.add_row(label, escape(_after(label, text)))
    out.print(Padding(table, (0, 0, 0, 3)))


def _offer(cause: Cause, diagnosis: Diagnosis) -> str:
    """Say where the experiment that settles a cause has been run, or how to run it."""
    if cause.trial in {trial.id for trial in diagnosis.trials}:
        return f" Done above: {cause.trial}."
    return " Here: --run-experiments." if cause.trial and diagnosis.can_try else ""


def _after(label: str, text: str) -> str:
    """Return a text without the words that its label says already."""
    rest = text.removeprefix("Do not ")
    return rest[0].lower() + rest[1:] if label == "do not" else text
