from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from amn.case.load import load_case
from amn.corpus.cli import command
from amn.data.dataset import open_dataset
from amn.data.splits import resolve_splits

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["split", *map(str, arguments)])


def test_the_lists_that_are_written_are_what_a_case_reads(toy: Path) -> None:
    folder = toy.parent / "case"
    result = run(toy, folder / "splits.json", "--by", "article", "--in-dist", "0.3", "--ood", "0.3")
    lines = result.stdout.splitlines()
    section = "\n".join(lines[lines.index("") + 1 :])
    (folder / "case.toml").write_text(f'schema = 1\n[dataset]\npath = "../toy"\n{section}\n')

    splits = resolve_splits(load_case(folder), open_dataset(toy))

    assert result.exit_code == 0
    assert max(map(len, lines)) <= 100
    assert {name: len(split.articles) for name, split in splits.items()} == {
        "train": 20,
        "in_dist": 8,
        "ood": 12,
    }


def test_a_filter_can_leave_the_evaluated_articles_of_the_lists_alone(toy: Path) -> None:
    splits = toy.parent / "splits.json"
    run(toy, splits, "--in-dist", "0.3", "--ood", "0.3")
    lists = json.loads(splits.read_text())

    arguments = ["filter", str(toy), "--dry-run", "--rules", "stubs=9999", "--format", "json"]
    result = CliRunner().invoke(command, [*arguments, "--exempt", str(splits)])

    found = json.loads(result.stdout)["filter"]
    assert found["kept"]["articles"] == len(lists["in_dist"]) + len(lists["ood"])


def test_a_split_for_machines_is_json(toy: Path) -> None:
    result = run(toy, toy.parent / "s.json", "--in-dist", "0.3", "--ood", "0.3", "--format", "json")

    found = json.loads(result.stdout)["split"]["reports"]
    assert [report["name"] for report in found] == ["train", "in_dist", "ood"]


def test_lists_that_exist_are_left_alone(toy: Path) -> None:
    (toy.parent / "s.json").write_text("mine")

    result = run(toy, toy.parent / "s.json")

    assert isinstance(result.exception, FileExistsError)
    assert (toy.parent / "s.json").read_text() == "mine"


def test_nothing_is_written_for_a_split_that_cannot_be_judged(toy: Path) -> None:
    result = run(toy, toy.parent / "s.json", "--ood", "0.01")

    assert result.exception is not None
    assert not (toy.parent / "s.json").exists()


def test_the_help_has_examples() -> None:
    assert "    amn data split data/wiki golden/wiki/splits.json\n" in run("--help").stdout
