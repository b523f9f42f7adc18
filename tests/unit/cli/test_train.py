"""`amn train`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import ArgumentError, CheckNotRunError, ConfigError
from amn.findings import GateResult, Outcome, Status

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case import Case

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


@pytest.fixture
def gated(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Status]]:
    """The toy case waits for `data`; gates take their result from the end of this list."""
    (project / "data").mkdir()
    text = (project / "toy" / "case.toml").read_text()
    (project / "data" / "case.toml").write_text(text)
    (project / "toy" / "case.toml").write_text(f'blocked_by = "data"{text}')
    results: list[tuple[str, Status]] = []

    def gate(case: Case, *_: object, **__: object) -> GateResult:
        name, status = results.pop()
        assert case.name == name
        outcome = Outcome("C002", "ood", status)
        return GateResult(name, ("C002-ood",), (outcome,), reproduce=f"amn gate {name}")

    monkeypatch.setattr("amn.gate.training.run_gate", gate)
    return results


@pytest.mark.parametrize("options", [[], ["--sweep", "rates.toml"]], ids=["seeds", "sweep"])
def test_a_case_is_not_trained_while_the_one_it_waits_for_fails(
    project: Path, gated: list[tuple[str, Status]], options: list[str]
) -> None:
    gated.append(("data", Status.FAIL))

    result = CliRunner().invoke(cli, ["train", "toy", *options])

    assert isinstance(result.exception, CheckNotRunError)
    assert "expected data to pass before this case is trained, got FAIL (C002-ood)" in str(
        result.exception
    )
    assert not (project / "runs").exists()
    assert not (project / ".amn").exists()


def test_a_case_is_trained_when_the_one_it_waits_for_passes(
    project: Path, gated: list[tuple[str, Status]]
) -> None:
    gated.append(("data", Status.PASS))

    result = CliRunner().invoke(cli, ["train", "toy", "--seed", "0"])

    assert result.exit_code == 0, result.output
    assert gated == []
    assert (project / "runs" / "toy-seed-0" / "run.json").exists()
