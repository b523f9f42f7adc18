from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.corpus.cli import command
from amn.corpus.cli.filter import parse_target
from amn.data.dataset import open_dataset
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["filter", *map(str, arguments)])


def test_a_dry_run_counts_and_writes_nothing(toy: Path) -> None:
    result = run(toy, toy.parent / "clean", "--rules", "lists,stubs", "--dry-run")

    assert result.exit_code == 0
    assert not (toy.parent / "clean").exists()
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert (
        "lists                                1          12              12          12  list"
        in (result.stdout)
    )
    assert "kept                                38         456  95.0 % of rows" in result.stdout
    assert "common, unfiltered" in result.stdout
    assert "CIRCULAR" not in result.stdout


def test_a_filter_writes_and_says_what_comes_next(toy: Path) -> None:
    result = run(toy, toy.parent / "clean", "--rules", "lists")

    made = open_dataset(toy.parent / "clean")
    assert len(made) == 468
    assert "  filter: 480 -> 468 rows, 12 list\n" in result.stdout
    assert f"Next: amn check data {made.path}\n" in result.stdout


def test_a_filter_by_coherence_is_called_circular_by_name(toy: Path) -> None:
    result = run(toy, "--target-rows", "300-340", "--rules", "lists", "--dry-run")

    assert "CIRCULAR FILTER: coherence=0." in result.stdout
    assert "--exempt splits.json" in result.stdout


def test_exempt_articles_are_read_from_a_file(toy: Path) -> None:
    (toy.parent / "splits.json").write_text(json.dumps({"in_dist": [0], "ood": [5]}))

    result = run(toy, toy.parent / "c", "--rules", "lists", "--exempt", toy.parent / "splits.json")

    assert result.exit_code == 0
    stage = open_dataset(toy.parent / "c").manifest.stages[-1]
    assert (stage.rows_out, stage.settings["exempt"]) == (480, "0, 5")


def test_a_filter_for_machines_is_json(toy: Path) -> None:
    found = json.loads(run(toy, "--rules", "lists", "--dry-run", "--format", "json").stdout)

    assert found["filter"]["stage"]["dropped"] == {"list": 12}
    assert found["filter"]["kept"] == {"articles": 39, "rows": 468}
    assert found["filter"]["circular"] is None


def test_a_destination_that_exists_is_refused_before_anything_is_read(toy: Path) -> None:
    (toy.parent / "clean").mkdir()

    result = run(toy.parent, toy.parent / "clean")

    assert isinstance(result.exception, FileExistsError)


def test_a_filter_needs_a_destination_or_a_dry_run(toy: Path) -> None:
    result = run(toy)

    assert result.exit_code == 2
    assert "expected a DESTINATION, or --dry-run" in result.stderr


@pytest.mark.parametrize("text", ["600000", "9-1", "a-b", "-"])
def test_a_target_that_is_no_range_is_named(text: str) -> None:
    with pytest.raises(ArgumentError, match=f"expected LOW-HIGH such as .*, got '{text}'"):
        parse_target(text)


def test_a_target_may_have_separators() -> None:
    assert parse_target("600_000-650,000") == (600_000, 650_000)


def test_the_help_lists_every_rule_and_examples() -> None:
    text = run("--help").stdout

    assert "    amn data filter data/wiki --dry-run\n" in text
    for rule in ("lists", "stubs=500", "near-duplicates=0.98", "coherence=0.35", "language=en"):
        assert f"\n    {rule} " in text


def test_the_exempt_split_goes_with_the_filtered_set(toy: Path) -> None:
    lists = {"in_dist": [0, 1], "ood": [5, 6]}
    (toy.parent / "kept.json").write_text(json.dumps(lists))

    run(toy, toy.parent / "c", "--rules", "lists", "--exempt", toy.parent / "kept.json")
    run(toy, toy.parent / "d", "--rules", "lists", "--exempt", "0, 5")

    assert json.loads((toy.parent / "c" / "splits.json").read_text()) == {"schema": 1, **lists}
    assert not (toy.parent / "d" / "splits.json").exists()  # nobody said which is which
