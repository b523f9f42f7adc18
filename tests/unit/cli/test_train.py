"""`amn train --sweep`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CASE = """
schema = 1
dataset = {{ path = "{data}" }}
windows = {{ context = 3 }}
model = {{ attention_dim = 8, hidden_dim = 16 }}
training = {{ epochs = 1, batch_size = 128 }}
[split]
in_dist = {{ articles = "41-52" }}
ood = {{ articles = "53-64" }}
"""
SWEEP = 'schema = 1\nseeds = [0]\n[grid]\n"training.lr" = [0.001, 0.003]\n'


@pytest.fixture
def project(toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "case.toml").write_text(CASE.format(data=toy_data.as_posix()))
    (tmp_path / "rates.toml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_ends_in_a_table_its_numbers_and_a_plot(project: Path) -> None:
    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml"])

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["point", "lr=0.001", "lr=0.003"]
    assert "best by validation cosine" in lines[3]
    facts = json.loads((project / "runs" / "toy-rates.json").read_text())
    assert [point["set"] for point in facts["points"]] == [
        {"training.lr": 0.001},
        {"training.lr": 0.003},
    ]
    assert "<svg" in (project / "runs" / "toy-rates.svg").read_text()

    again = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml", "--format", "json"])

    assert json.loads(again.stdout) == facts


def test_a_sweep_judged_on_one_article_has_no_interval_and_is_written(project: Path) -> None:
    case = project / "toy" / "case.toml"
    case.write_text(case.read_text().replace("53-64", "53"))

    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml"])

    assert result.exit_code == 0, result.output
    facts = json.loads((project / "runs" / "toy-rates.json").read_text())
    assert facts["points"][0]["splits"]["ood"]["interval"]["low"] is None
    assert "<svg" in (project / "runs" / "toy-rates.svg").read_text()


@pytest.mark.parametrize("options", [["--seed", "1"], ["--device", "cuda"]])
def test_what_a_sweep_does_not_go_with_is_refused(project: Path, options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml", *options])

    assert isinstance(result.exception, ArgumentError)
    assert not (project / "runs").exists()


def test_a_sweep_of_a_key_that_is_not_there_trains_nothing(project: Path) -> None:
    (project / "rates.toml").write_text(SWEEP.replace("lr", "rate"))

    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml"])

    assert isinstance(result.exception, ConfigError)
    assert "training.rate: unknown key" in str(result.exception)
    assert not (project / ".amn").exists()
