from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from amn.cli import main
from amn.cli.lazy import LazyGroup
from amn.corpus import cli as data

GROUPS = {"amn": (main.cli, main.COMMANDS), "amn data": (data.command, data.COMMANDS)}


@pytest.mark.parametrize("group", GROUPS)
def test_every_listed_command_is_there_under_its_name(group: str) -> None:
    command, summaries = GROUPS[group]
    assert isinstance(command, LazyGroup)

    for name in summaries:
        found = command.get_command(click.Context(command), name)
        assert found is not None
        assert found.name == name


def test_an_unknown_command_is_wrong_use() -> None:
    result = CliRunner().invoke(data.command, ["imprt"])

    assert result.exit_code == 2
    assert "expected a command, got 'imprt'. Fix: data import" in result.output
