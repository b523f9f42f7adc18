"""`amn train`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import ArgumentError, ConfigError
from amn.gate import modes
from amn.gate.result import GateResult
from amn.training.run import load_run
from amn.verdict import Outcome, Status

if TYPE_CHECKING:
    from amn.case.load import Case

ROOT = Path(__file__).parents[3]
IS_SETTLED = modes._is_settled
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
    assert "<svg" in (project / "runs" / "toy-rates.html").read_text()

    again = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml", "--format", "json"])

    assert json.loads(again.stdout) == facts


def test_a_sweep_judged_on_one_article_has_no_interval_and_is_written(project: Path) -> None:
    case = project / "toy" / "case.toml"
    case.write_text(case.read_text().replace("53-64", "53"))

    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml"])

    assert result.exit_code == 0, result.output
    facts = json.loads((project / "runs" / "toy-rates.json").read_text())
    assert facts["points"][0]["splits"]["ood"]["interval"]["low"] is None
    assert "<svg" in (project / "runs" / "toy-rates.html").read_text()


@pytest.mark.parametrize("options", [["--seed", "1"], ["--device", "cuda"]])
def test_what_a_sweep_does_not_go_with_is_refused(project: Path, options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml", *options])

    assert isinstance(result.exception, ArgumentError)
    assert not (project / "runs").exists()


def test_a_form_of_the_sweeps_table_needs_a_sweep(project: Path) -> None:
    result = CliRunner().invoke(cli, ["train", "toy", "--format", "json"])

    assert result.exit_code == 2
    assert "expected --sweep beside it" in result.output
    assert not (project / "runs").exists()


def test_a_sweep_of_a_key_that_is_not_there_trains_nothing(project: Path) -> None:
    (project / "rates.toml").write_text(SWEEP.replace("lr", "rate"))

    result = CliRunner().invoke(cli, ["train", "toy", "--sweep", "rates.toml"])

    assert isinstance(result.exception, ConfigError)
    assert "training.rate: unknown key" in str(result.exception)
    assert not (project / ".amn").exists()


def test_a_training_that_a_rule_stopped_names_it_with_its_number_and_is_1(
    project: Path,
) -> None:
    case = project / "toy" / "case.toml"
    way = "epochs = 3, abort.first_epoch = 0.99,"
    case.write_text(case.read_text().replace("epochs = 1,", way))

    result = CliRunner().invoke(cli, ["train", "toy", "--seed", "0"])

    assert result.exit_code == 1
    [line] = [one for one in result.stdout.splitlines() if "R001" in one]
    assert line.startswith("runs/toy-seed-0: stopped by R001 in epoch 1: expected at least 0.99")
    assert "got 0." in line
    assert "amn rules R001" in line


KILLED = """
import os, signal
from amn.cli.main import main
from amn.training.epochs import Epochs
steps, step = [], Epochs.take_step
def dying(self, batch, **options):
    steps.append(batch)
    if len(steps) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, **options)
Epochs.take_step = dying
main()
"""


@pytest.mark.slow
def test_after_a_sigkill_the_same_command_goes_on_and_ends_in_the_same_files(project: Path) -> None:
    (project / "toy" / "case.toml").write_text(
        (project / "toy" / "case.toml").read_text().replace("epochs = 1", "epochs = 3")
    )
    words = ["train", "toy", "--seed", "0", "--seed", "1", "--out"]
    killed = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", KILLED, *words, "killed"],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in Path("killed").iterdir()] == [".toy-seed-0.state"]

    resumed = CliRunner().invoke(cli, [*words, "killed"])
    again = CliRunner().invoke(cli, [*words, "killed"])
    whole = CliRunner().invoke(cli, [*words, "whole"])

    assert resumed.exit_code == again.exit_code == whole.exit_code == 0
    assert "seed 0: resuming at epoch 2" in resumed.stderr
    assert "seed 1: finished before" in again.stderr
    for seed in (0, 1):
        one, other = (load_run(Path(out) / f"toy-seed-{seed}") for out in ("killed", "whole"))
        assert one.info["files"] == other.info["files"]
    assert sorted(path.name for path in Path("killed").iterdir()) == ["toy-seed-0", "toy-seed-1"]


def test_a_folder_with_another_run_is_not_taken_for_this_one(project: Path) -> None:
    words = ["train", "toy", "--seed", "0"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    text = (project / "toy" / "case.toml").read_text()
    (project / "toy" / "case.toml").write_text(text.replace("128", "64"))

    result = CliRunner().invoke(cli, words)

    assert isinstance(result.exception, FileExistsError)


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

    monkeypatch.setattr("amn.gate.modes.run_gate", gate)
    monkeypatch.setattr("amn.gate.modes._is_settled", lambda *_: True)
    return results


@pytest.mark.parametrize("options", [[], ["--sweep", "rates.toml"]], ids=["seeds", "sweep"])
def test_a_case_is_not_trained_while_the_one_it_waits_for_fails(
    project: Path, gated: list[tuple[str, Status]], options: list[str]
) -> None:
    gated.append(("data", Status.FAIL))

    result = CliRunner().invoke(cli, ["train", "toy", *options])

    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("BLOCKED BY data: expected it to pass before this case is trained, got")
    assert "FAIL (C002-ood)" in line
    assert not (project / "runs").exists()
    assert not (project / ".amn").exists()


def test_a_case_is_not_trained_and_neither_is_the_one_it_waits_for_without_its_verdict(
    project: Path, gated: list[tuple[str, Status]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.gate.modes._is_settled", IS_SETTLED)

    result = CliRunner().invoke(cli, ["train", "toy"])

    assert result.exit_code == 1
    assert gated == []
    (line,) = result.stdout.splitlines()
    assert line.endswith(
        "got no verdict: it is not trained here yet. Fix: amn gate data --first-run"
    )
    assert not (project / ".amn").exists()


def test_a_case_is_trained_when_the_one_it_waits_for_passes(
    project: Path, gated: list[tuple[str, Status]]
) -> None:
    gated.append(("data", Status.PASS))

    result = CliRunner().invoke(cli, ["train", "toy", "--seed", "0"])

    assert result.exit_code == 0, result.output
    assert gated == []
    assert (project / "runs" / "toy-seed-0" / "run.json").exists()
