from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from amn.cli.workflows.require import read_results, unmet
from amn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def result(case: str = "a", verdict: str = "PASS", **statuses: str) -> dict[str, Any]:
    statuses = statuses or {"C001": "PASS", "C002": "WARN"}
    return {
        "case": case,
        "verdict": verdict,
        "word": verdict,
        "scope": {"lacks": [], "is_declared": False},
        "declared": [f"{check}-x" for check in statuses],
        "checks": [
            {"id": c, "name": "x", "status": s, "waiver": "", "approval": ""}
            for c, s in statuses.items()
        ],
    }


def test_every_case_judged_and_every_declared_check_run_is_all_that_is_asked() -> None:
    assert list(unmet([result("a"), result("b", "FAIL", C001="FAIL")], ["a", "b"])) == []


@pytest.mark.parametrize(
    ("results", "cases", "problem"),
    [
        ([], [], "golden/: expected cases, found none"),
        ([result("a")], ["a", "b"], "b: expected a result, found none"),
        ([result("a"), result("a")], ["a"], "a: expected one result, got 2"),
        ([result("a"), result("c")], ["a"], "c: expected only cases under golden/"),
        ([result("a", C001="PASS", C002="NOT RUN")], ["a"], "2 checks to run, 1 did not: C002-x"),
        ([result("a", C001="ERROR")], ["a"], "1 check to run, 1 did not: C001-x"),
        ([result("a") | {"declared": []}], ["a"], "a: expected declared checks, got none"),
        ([result("a") | {"checks": []}], ["a"], "2 did not: C001-x, C002-x"),
        ([result("a") | {"declared": ["C001-x"]}], ["a"], "got also C002-x"),
        ([result("a", C001="FAIL")], ["a"], "expected a failure, got PASS although C001 failed"),
        (
            [result("a") | {"scope": {"lacks": [{}], "is_declared": True}}],
            ["a"],
            "a: expected PARTIAL, got PASS although its scope lacks something",
        ),
    ],
)
def test_what_was_not_looked_at_is_named(
    results: list[dict[str, Any]], cases: list[str], problem: str
) -> None:
    assert problem in "\n".join(unmet(results, cases))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"schema": 1, "results": []}',
        b'{"schema": 2, "results": {}}',
        b'{"schema": 2, "results": [1]}',
        json.dumps({"schema": 2, "results": [result(verdict="GREEN")]}).encode(),
        json.dumps({"schema": 2, "results": [result() | {"checks": None}]}).encode(),
        json.dumps({"schema": 2, "results": [result() | {"declared": [1]}]}).encode(),
        json.dumps({"schema": 2, "results": [result() | {"scope": {}}]}).encode(),
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_result_of_a_gate_is_refused_in_one_line(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "verdict.json").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_results(tmp_path / "verdict.json")

    assert "\n" not in str(caught.value)
    assert ": expected " in str(caught.value)
