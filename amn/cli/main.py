"""Entry of the `amn` command: finds the sub-command, turns errors into exit codes.

Exit codes: 0 passed, 1 FAIL, 2 wrong use or config, 3 HARNESS or could not be evaluated,
4 INCONCLUSIVE under --strict, 5 a golden or a limit was loosened in this change.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from amn.cli.lazy import LazyGroup
from amn.errors import (
    EXTRAS,
    AmnError,
    ArgumentError,
    ConfigError,
    MissingDependencyError,
    missing,
    nearest,
)
from amn.report.visible import visible
from amn.system import __version__

COMMANDS = {
    "gate": "The main job: check, train, measure, compare; one verdict.",
    "case": "Cases: what is gated.",
    "check": "One family of checks: data, index, split or run.",
    "train": "Train a case's seeds, without a verdict.",
    "windows": "The windows of a case: what any model has to predict.",
    "eval": "Score a checkpoint or run, without a verdict.",
    "calibrate": "Noise, smallest detectable drop, error rates, and the margin that follows.",
    "golden": "Goldens: new, update, log, verify and more.",
    "data": "Data sets: import, build, describe, compare, filter, split.",
    "index": "FAISS indexes: build.",
    "selftest": "Inject known defects: each must be caught by the check that owns it.",
    "diagnose": "Why it failed: ranked causes with evidence, and what to do.",
    "report": "What happened, why, and what to do next: the failure report.",
    "history": "Results over time: where they went, and who accepted what.",
    "bench": "The speed of a case beside the plain loop: measured, and stored for its checks.",
    "merge": "Results of shards, put together.",
    "replay": "Reach a verdict again from its bundle: no data, no weights, no git.",
    "upgrade": "Files of an earlier version, rewritten as this one has them.",
    "ci": "Ready workflows for GitHub, GitLab and Jenkins.",
    "doctor": "What is missing before the gate blocks a merge.",
    "demo": "Demonstrations: the failures of the earlier work.",
    "rules": "What a check means, why it exists, how to fix it.",
}
USAGE_ERROR, NOT_EVALUATED, INTERRUPTED = 2, 3, 130
STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
FEW_COLLECTIONS = 100_000  # new objects between two of them; Python's own number is 700


@click.group(
    cls=LazyGroup,
    package="amn.cli",
    summaries=COMMANDS,
    elsewhere={"data": "amn.corpus.cli"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="amn")
def cli() -> None:
    """The regression gate for next-embedding predictors.

    \b
    Examples:
      amn gate                        every case under golden/
      amn gate wiki-mini              one case
      amn case new NAME --dataset PATH
      amn rules D007
    """  # noqa: D301 - \b keeps click from wrapping the examples


def main() -> None:
    """Run the command and exit with its code; errors are one message on stderr."""
    try:
        code = cli.main(prog_name="amn", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(USAGE_ERROR)
    except click.ClickException as error:
        click.echo(f"ERROR: {visible(_wrong_use(error))}", err=True)
        sys.exit(USAGE_ERROR)
    except click.exceptions.Abort:
        click.echo("interrupted: nothing was left half-written", err=True)
        sys.exit(INTERRUPTED)
    except (ConfigError, ArgumentError, MissingDependencyError, FileExistsError) as error:
        taken = error.filename or str(error) if isinstance(error, FileExistsError) else ""
        shown = f"{taken}: exists. Fix: another name, or move it away" if taken else str(error)
        click.echo(f"ERROR: {visible(shown)}", err=True)
        sys.exit(USAGE_ERROR)
    except ModuleNotFoundError as error:  # of an extra, by a command's own imports
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            _defect()
        click.echo(f"ERROR: {missing(package, EXTRAS[package])}", err=True)
        sys.exit(USAGE_ERROR)
    except AmnError as error:
        click.echo(f"ERROR: {visible(str(error))}", err=True)
        sys.exit(NOT_EVALUATED)
    except OSError as error:  # a full disk, a folder that nobody may write to
        where = visible(str(error.filename or "standard output, or a file"))
        click.echo(
            f"ERROR: {where}: expected a file that can be read and written, got: "
            f"{error.strerror or error}. Nothing was left half-written",
            err=True,
        )
        sys.exit(NOT_EVALUATED)
    except Exception:  # noqa: BLE001 - a defect must not exit with 1, which means FAIL
        _defect()
    sys.exit(code if isinstance(code, int) else 0)


def _defect() -> NoReturn:
    """Say what went wrong in amn itself, and exit with 3: nothing was judged."""
    traceback.print_exc()
    click.echo("ERROR: a defect of amn: nothing was judged. Fix: report the lines above", err=True)
    sys.exit(NOT_EVALUATED)


def _wrong_use(error: click.ClickException) -> str:
    """Return in one line which command was given what it does not take, and where to look."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "amn"
    message = " ".join(error.format_message().split())
    if "Fix: " in message:
        return f"{command}: {message}"
    if meant := _choice(message):
        return f"{command}: {message} Fix: {meant}"
    end = "" if message.endswith((".", "?")) else "."
    return f"{command}: {message}{end} Fix: {command} --help"


def _choice(message: str) -> str:
    """Return the command line with the choice that was meant; empty where none is like it."""
    from amn.cli.slips import typed  # noqa: PLC0415 - of a slip alone

    given, is_choice, choices = message.partition("' is not one of ")
    given = given.rpartition("'")[2]
    known = [choice.strip(" '.") for choice in choices.split(",")]
    return typed(given, nearest(given, known)) if is_choice else ""


def run() -> None:
    """Run `main` as all that this process is for: its end is quick, and so are its imports.

    Taking torch, faiss and their objects down one by one takes 0.4 s of a gate, and looking for
    garbage among what is imported another 0.3 s.
    """
    gc.set_threshold(FEW_COLLECTIONS)
    for name, mode in STREAMS.items():  # one that is closed is None, and its number the next file's
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        code = end.code
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:  # whoever reads has seen enough
                pass
            except OSError:
                code = NOT_EVALUATED
        os._exit(code)


if __name__ == "__main__":
    run()
