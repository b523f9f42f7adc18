from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from amn.cli.main import cli
from amn.errors import DataError


@pytest.fixture(autouse=True)
def _with_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("golden/toy").mkdir(parents=True)
    Path("golden/toy/case.toml").touch()


def require(verdict: str, *statuses: str, options: tuple[str, ...] = ()) -> Result:
    checks = [{"id": f"C00{i}", "name": "x", "status": s} for i, s in enumerate(statuses)]
    declared = [f"{check['id']}-x" for check in checks]
    results = [{"case": "toy", "verdict": verdict, "declared": declared, "checks": checks}]
    Path("verdict.json").write_text(json.dumps({"schema": 1, "results": results}), "utf-8")
    return CliRunner().invoke(cli, ["ci", "require", "verdict.json", *options])


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        ("PASS", "PASS", 0),
        ("FAIL", "FAIL", 1),
        ("HARNESS", "HARNESS", 3),
        ("ERROR", "ERROR", 3),
        ("INCONCLUSIVE", "INCONCLUSIVE", 0),
        ("LOOSENED", "LOOSENED", 5),
    ],
)
def test_the_exit_code_is_that_of_the_gate(verdict: str, status: str, code: int) -> None:
    assert require(verdict, status).exit_code == code


def test_strict_does_not_let_inconclusive_pass() -> None:
    assert require("INCONCLUSIVE", "INCONCLUSIVE", options=("--strict",)).exit_code == 4


def test_a_pass_in_which_a_declared_check_did_not_run_is_none() -> None:
    result = require("PASS", "PASS", "NOT RUN")

    assert result.exit_code == 3
    assert "toy: expected 2 checks to run, 1 did not: C001-x" in result.output


def test_a_case_that_was_not_judged_is_named() -> None:
    Path("golden/other").mkdir()
    Path("golden/other/case.toml").touch()

    result = require("PASS", "PASS")

    assert result.exit_code == 3
    assert "other: expected a result, found none" in result.output


def test_a_file_that_is_not_there_is_not_evaluated() -> None:
    result = CliRunner().invoke(cli, ["ci", "require", "none.json"])

    assert isinstance(result.exception, DataError)
    assert "Fix: amn gate -o none.json" in str(result.exception)
