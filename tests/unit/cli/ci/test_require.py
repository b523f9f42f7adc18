from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from amn.cli.main import cli
from amn.errors import DataError
from tests.checkouts import CASE_TEXT, begin_change


@pytest.fixture(autouse=True)
def _with_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("golden/toy").mkdir(parents=True)
    Path("golden/toy/case.toml").touch()


def require(verdict: str, *statuses: str, **changes: Any) -> Result:
    checks = [
        {"id": f"C00{i}", "name": "x", "status": s, "waiver": "", "approval": ""}
        for i, s in enumerate(statuses)
    ]
    result = {
        "case": "toy",
        "verdict": verdict,
        "word": verdict,
        "scope": {"lacks": [], "is_declared": False},
        "declared": [f"{check['id']}-x" for check in checks],
        "checks": checks,
    }
    document = {"schema": 2, "results": [result | changes]}
    Path("verdict.json").write_text(json.dumps(document), "utf-8")
    return CliRunner().invoke(cli, ["ci", "require", "verdict.json"])


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        ("PASS", "PASS", 0),
        ("FAIL", "FAIL", 1),
        ("HARNESS", "HARNESS", 3),
        ("ERROR", "ERROR", 3),
        ("INCONCLUSIVE", "INCONCLUSIVE", 4),
        ("LOOSENED", "LOOSENED", 5),
    ],
)
def test_the_exit_code_is_that_of_a_strict_gate(verdict: str, status: str, code: int) -> None:
    assert require(verdict, status).exit_code == code


@pytest.mark.parametrize(
    ("is_said", "at_base", "code"),
    [(False, True, 4), (True, True, 0), (True, False, 4), (True, None, 4)],
)
def test_a_partial_verdict_is_enough_only_where_git_says_that_the_merge_base_declares_it(
    *, is_said: bool, at_base: bool | None, code: int
) -> None:
    scope = '\nscope = "scores"' if at_base else ""
    Path("golden/toy/case.toml").write_text(
        CASE_TEXT.replace("lift = -0.05", f"lift = -0.05{scope}"), "utf-8"
    )
    if at_base is not None:
        begin_change(Path())
    lacks = [{"kind": "scores", "why": "scores only"}]

    result = require("PARTIAL", "PASS", scope={"lacks": lacks, "is_declared": is_said})

    assert result.exit_code == code, result.output
    assert ("declare criteria.scope in a change of its own" in result.output) == (code != 0)


def test_what_was_waived_or_approved_is_listed() -> None:
    held = {"id": "C001", "name": "ood", "status": "WARN", "waiver": "C001 waived", "approval": ""}
    approved = held | {"id": "G010", "waiver": "", "approval": "C. Lead: agreed"}

    result = require("PASS", checks=[held, approved], declared=["C001-ood", "G010-ood"])

    assert result.exit_code == 0
    assert result.output.splitlines()[1:] == [
        "  C001 ood: C001 waived",
        "  G010 ood: approved by C. Lead: agreed",
    ]


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
