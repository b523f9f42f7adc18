from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.corpus.cli import command
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

WIDTH = 100


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_a_description_is_one_screen(toy: Path) -> None:
    result = run("describe", toy)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == "toy: 480 rows x 16, 40 articles, encoder unknown"
    for what in ("coherence", "by lag", "duplicates", "effective rank", "diversity", "ridge"):
        assert what in result.stdout


def test_a_description_for_machines_is_json_with_a_schema(toy: Path) -> None:
    found = json.loads(run("describe", toy, "--format", "json", "--articles", "0-9").stdout)

    assert found["schema"] == 1
    assert found["description"]["articles"] == 10
    assert found["description"]["label"] == "toy 0-9"


def test_a_comparison_is_one_screen_and_ends_with_the_answer(toy: Path) -> None:
    result = run("compare", toy, "--articles-a", "0-19", "--articles-b", "20-39")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) <= 45
    assert max(map(len, lines)) <= WIDTH
    assert lines[-1].startswith("Is B more coherent than A? ")


def test_a_comparison_for_machines_has_the_verdict(toy: Path) -> None:
    result = run("compare", toy, toy, "--format", "json")
    found = json.loads(result.stdout)["comparison"]

    assert found["verdict"] == "no"
    assert found["measures"][0]["name"] == "coherence"
    assert found["measures"][0]["difference"]["value"] == 0


def test_a_set_is_not_compared_with_nothing(toy: Path) -> None:
    result = run("compare", toy)

    assert result.exit_code == 2
    assert "expected a second data set, or --articles-a and --articles-b" in result.stderr


def test_ids_that_are_not_there_are_an_error(toy: Path) -> None:
    result = run("describe", toy, "--articles", "99")

    assert isinstance(result.exception, ArgumentError)


@pytest.mark.parametrize("name", ["describe", "compare"])
def test_the_help_has_examples(name: str) -> None:
    assert f"    amn data {name} " in run(name, "--help").stdout
