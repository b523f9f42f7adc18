"""Options of `amn gate` that end before anything is gated."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.case.limits import GOLDEN_SEEDS
from amn.cli.main import cli
from amn.errors import ArgumentError, ConfigError
from amn.golden.base.target import CI_VARIABLES
from amn.report.json import json_schema
from tests.checkouts import CASE_TEXT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_published_schema_is_printed() -> None:
    result = CliRunner().invoke(cli, ["gate", "--schema"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json_schema())
    bundle = CliRunner().invoke(cli, ["gate", "--schema", "bundle"])
    assert json.loads(bundle.stdout) == json.loads(json_schema("bundle"))


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "report"],
        ["-o", "report.pdf"],
        ["-o", "pdf=report.pdf"],
        ["-o", "junit="],
        ["-o", "."],
        ["-o", "html=kept"],
        ["-o", "kept/file/x.md"],
        ["-o", "a.md", "-o", "comment=a.md"],
        ["-o", "tensorboard=kept"],
        ["-o", "mlflow=nonsense://x"],
        ["--selftest", "none.json"],
        ["--selftest", "kept/file"],
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_the_gate(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("PASS", "utf-8")

    result = CliRunner().invoke(cli, ["gate", "none", *options])

    assert isinstance(result.exception, ArgumentError)
    assert "\n" not in str(result.exception)
    assert [p.name for p in tmp_path.rglob("*")] == ["kept", "file"]
    assert (tmp_path / "kept/file").read_text("utf-8") == "PASS"


def test_a_wrong_case_leaves_the_reports_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.md").write_text("PASS", "utf-8")

    result = CliRunner().invoke(cli, ["gate", "none", "-o", "old.md"])

    assert isinstance(result.exception, ConfigError)
    assert (tmp_path / "old.md").read_text("utf-8") == "PASS"


def test_a_first_gate_trains_what_a_golden_takes_and_golden_new_trains_nothing(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(toy_data, tmp_path / "data")
    (tmp_path / "golden/case").mkdir(parents=True)
    (tmp_path / "golden/case/case.toml").write_text(CASE_TEXT, "utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "PYTEST_XDIST_WORKER", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)

    assert CliRunner().invoke(cli, ["gate", "case", "--first-run"]).exit_code == 0
    runs = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".amn/runs/*/*/run.json")}
    accepted = CliRunner().invoke(cli, ["golden", "new", "case", "--reason", "first"])

    assert accepted.exit_code == 0, accepted.output
    assert len(runs) == GOLDEN_SEEDS > 3
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".amn/runs/*/*/run.json")}
    assert after == runs
