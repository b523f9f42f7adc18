"""`amn diagnose`: three lines for a healthy run, and for another one what a stranger needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.cli.diagnose import command
from amn.gate.result import GateResult
from amn.report.json import to_json
from amn.verdict import Finding, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.case.load import Case

HISTORY = Path(__file__).parents[2] / "data" / "history"


def diagnose(*words: str) -> Any:
    return CliRunner().invoke(command, list(words))


def test_a_healthy_run_is_three_lines() -> None:
    result = diagnose(str(HISTORY / "584k.json"))

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0] == "584k baseline: healthy. 12 checks ran, none failed."
    assert lines[1] == "in-dist 0.5597, OOD 0.6375"
    assert lines[2].startswith("Nothing to do. Reproduce: amn diagnose ")


@pytest.mark.parametrize(
    ("name", "cause"), [("790k-1", "Loader"), ("790k-2", "Dominant term"), ("790k-3", "Loader")]
)
def test_the_failed_attempts_have_their_cause_on_top(name: str, cause: str) -> None:
    result = diagnose(str(HISTORY / f"{name}.json"))

    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert cause in text.split("Look first at:")[1].split("1.")[0]
    for label in (" for ", " settle ", " do ", " do not ", " next ", " Reproduce: "):
        assert label in text
    indented = [line for line in result.stdout.splitlines() if line.startswith(" ")]
    assert max(map(len, indented)) <= 100


def test_it_ends_with_what_to_do_now() -> None:
    text = " ".join(diagnose(str(HISTORY / "790k-3.json")).stdout.split())
    values = json.loads(diagnose(str(HISTORY / "790k-3.json"), "--format", "json").stdout)

    decision = values["diagnoses"][0]["decision"]
    assert decision.startswith("Loader or class mismatch")
    assert f"Decision {decision} Reproduce: amn diagnose " in text
    assert values["diagnoses"][0]["ruled_out"] == []


def test_the_json_of_a_gate_is_diagnosed_without_its_case(tmp_path: Path) -> None:
    finding = Finding("data", "expected at most 0.5%, got 50.0%")
    failed = Outcome("D008", "adjacent_duplicates", Status.FAIL, findings=(finding,))
    waiting = Outcome("C001", "in_dist", Status.NOT_RUN)
    labels = ("D008-adjacent_duplicates", "C001-in_dist")
    path = tmp_path / "verdict.json"
    path.write_text(to_json([GateResult("wiki", labels, (failed, waiting))]))
    text = diagnose(str(path)).stdout
    values = json.loads(diagnose(str(path), "--format", "json").stdout)["diagnoses"][0]

    assert text.startswith(
        "wiki: FAIL; 1 of 2 checks did not pass (D008); 1 were not run after that\n"
    )
    assert values["causes"][0]["id"] == "duplicates"
    assert "got 50.0%" in values["causes"][0]["for"][0]["text"]
    assert values["healthy"] is False


def test_a_case_is_gated_first(
    make_case: Callable[..., Case], toy_cache: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    cases = {"good": make_case(tmp_path), "high": make_case(tmp_path, criteria={"ood": 0.99})}
    monkeypatch.setattr("amn.cli.diagnose.is_case", lambda target: target in cases)
    monkeypatch.setattr("amn.cli.diagnose.find_case", cases.__getitem__)
    options = ("--first-run", "--cache", str(toy_cache))
    good, high = diagnose("good", *options), diagnose("high", *options, "--verbose")

    assert ": healthy. " in good.stdout.splitlines()[0]
    assert len(good.stdout.splitlines()) == 3
    assert "checks did not pass (C002)" in high.stdout
    assert "Look first at: " in high.stdout


def test_what_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    missing = diagnose(str(tmp_path / "nothing"))
    (tmp_path / "model.safetensors").write_bytes(b"")
    bare = diagnose(str(tmp_path / "model.safetensors"))

    assert str(missing.exception).endswith(
        "expected a case, run, record or verdict, found none. Fix: amn diagnose CASE"
    )
    assert bare.exit_code == 2
    assert "expected the case of this checkpoint. Fix: --case" in bare.stderr
