"""Where the command writes: results to stdout, progress and logs to stderr."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from amn.report.terminal import VisibleConsole, results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["progress_bar", "results", "row_bar"]

QUIET_SECONDS = 2.0  # what is done sooner needs no bar
LOG_SECONDS = 30.0  # between two lines of progress in a log


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int | None, str], None]]:
    """Yield a function (done, in all, text) that draws a bar on stderr after two seconds.

    Where stderr is no terminal it writes a line every `LOG_SECONDS`.
    """
    console = VisibleConsole(stderr=True)
    if not console.is_terminal:
        yield _progress_log(console)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    begin = time.monotonic()
    tasks: dict[str, int] = {}

    def report(done: int, total: int | None, text: str) -> None:
        if time.monotonic() - begin < QUIET_SECONDS:
            return
        bar.start()
        kind = " ".join(text.split()[:2])  # `seed 0 epoch 3` moves the bar of `seed 0`
        if kind not in tasks:
            tasks[kind] = bar.add_task(text, total=total)
        bar.update(
            bar.task_ids[list(tasks).index(kind)], completed=done, total=total, description=text
        )

    try:
        yield report
    finally:
        if bar.live.is_started:  # else it would write an empty line
            bar.stop()


def _progress_log(console: Console) -> Callable[[int, int | None, str], None]:
    """Return a function (done, in all, text) that writes how far it is and the time left."""
    last = time.monotonic()
    began: dict[str, tuple[float, int]] = {}  # when each kind of work was first heard of, and where

    def report(done: int, total: int | None, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        since, first = began.setdefault(" ".join(text.split()[:2]), (now, done))
        if now - last < LOG_SECONDS:
            return
        last = now
        line = f"{text}: {done:,}" if total is None else f"{text}: {done:,} of {total:,}"
        if total and done > first:
            seconds = (now - since) / (done - first) * (total - done)
            line += f", about {timedelta(seconds=round(seconds))} left"
        console.print(line, highlight=False, soft_wrap=True)

    return report


@contextmanager
def row_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield the function to call with (rows done, rows in all); shown as `progress_bar` does."""
    with progress_bar() as progress:
        yield lambda done, total: progress(done, total, title)
