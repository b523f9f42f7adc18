"""A fix that names a command names one that exists."""

from __future__ import annotations

import re
from pathlib import Path

import click

import amn
from amn.cli.main import COMMANDS, cli

COMMAND = re.compile(r"\bamn ([a-z]+)(?: ([a-z]+))?")
PROSE = {
    "import",
    "writes",
    "raises",
    "that",
    "is",
    "started",
    "brings",
    "loads",
    "itself",
    "from",
    "was",
    "runs",
    "and",
    "by",
}  # `import amn`, and sentences about amn itself


def mentioned() -> set[tuple[str, str]]:
    """Return every `amn WORD WORD` in the checks' texts and in messages."""
    root = Path(amn.__file__).parent
    files = [*root.rglob("*.py"), *root.rglob("*.toml")]
    return {found for file in files for found in COMMAND.findall(file.read_text("utf-8"))}


def test_every_command_that_a_text_names_exists() -> None:
    context = click.Context(cli)
    groups = {
        name: command.list_commands(context)
        for name in COMMANDS
        if isinstance(command := cli.get_command(context, name), click.Group)
    }
    found = {pair for pair in mentioned() if pair[0] not in PROSE}

    assert len(found) > 10
    assert {name for name, _ in found} <= set(COMMANDS)
    wrong = {
        (name, sub) for name, sub in found if name in groups and sub and sub not in groups[name]
    }
    assert wrong == set()
