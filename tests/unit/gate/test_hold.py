"""A case that waits for another one is not trained before that one passes."""

from __future__ import annotations

from datetime import date
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from amn.checks.hold import Hold, check_hold
from amn.errors import ConfigError
from amn.gate.makers.of_candidates import hold
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.gate.result import GateResult
from amn.report.outputs import Report, render
from amn.report.text import print_result
from amn.verdict import HOLD, Outcome, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case

TOML = """schema = 1
{blocked_by}
[dataset]
path = "nowhere"
[split]
in_dist.articles = [1]
ood.articles = [2]
"""


def write_case(folder: Path, blocked_by: str = "") -> None:
    folder.mkdir()
    line = f'blocked_by = "{blocked_by}"' if blocked_by else ""
    (folder / "case.toml").write_text(TOML.format(blocked_by=line), encoding="utf-8")


@pytest.fixture
def held(make_case: Any, tmp_path: Path) -> Case:
    """The toy case, waiting for `data` beside it."""
    folder = tmp_path / "held"
    folder.mkdir()
    case = make_case(folder)
    config = case.config.model_copy(update={"blocked_by": "data"})
    return type(case)(folder, config)


def result(status: Status) -> GateResult:
    outcome = Outcome("C002", "ood", status)
    return GateResult("data", ("C002-ood",), (outcome,), reproduce="amn gate data")


def gate_with(status: Status) -> Callable[[Case], tuple[GateResult, str]]:
    return lambda _: (result(status), "amn gate data")


def test_a_case_is_trained_once_the_case_it_waits_for_passes(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data")
    gated: list[str] = []

    def gate(case: Case) -> tuple[GateResult, str]:
        gated.append(case.name)
        return result(Status.PASS), "amn gate data"

    measured = check_hold(hold(held, gate))

    assert gated == ["data"]
    assert not measured.findings


def test_a_case_that_waits_for_nothing_declares_no_hold(toy_case: Case, tmp_path: Path) -> None:
    gate = gate_of(toy_case, GateOptions(cache=tmp_path, first_run=True))

    assert HOLD not in {check.id for check in gate.declared}


@pytest.mark.parametrize(
    ("status", "got"),
    [
        (Status.FAIL, "FAIL (C002-ood)"),
        (Status.HARNESS, "HARNESS (C002-ood)"),
        (Status.INCONCLUSIVE, "INCONCLUSIVE"),
    ],
)
def test_a_case_is_held_while_the_other_does_not_pass(
    held: Case, tmp_path: Path, status: Status, got: str
) -> None:
    write_case(tmp_path / "data")

    (finding,) = check_hold(hold(held, gate_with(status))).findings

    assert str(finding) == (
        f"BLOCKED BY data: expected it to pass before this case is trained, got {got}. "
        "Fix: amn gate data"
    )


def test_of_many_failed_checks_the_line_names_few() -> None:
    labels = tuple(f"R00{n}-x" for n in range(1, 8))

    assert Hold("data", Verdict.FAIL, labels).got == "FAIL (R001-x, R002-x, R003-x and 4 more)"


def test_cases_that_wait_for_each_other_are_refused(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data", blocked_by="third")
    write_case(tmp_path / "third", blocked_by="held")

    with pytest.raises(ConfigError, match="chain with an end, got held -> data -> third -> held"):
        hold(held, lambda _: pytest.fail("gated"))


def test_a_case_that_waits_for_none_that_exists_is_refused(held: Case) -> None:
    with pytest.raises(ConfigError, match="expected a case file, found none"):
        hold(held, lambda _: pytest.fail("gated"))


def test_a_held_case_is_one_line_and_nothing_else_is_looked_at(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data")  # its data set does not exist

    gated = run_gate(held, GateOptions(cache=tmp_path / "cache", first_run=True))

    ran = [outcome for outcome in gated.outcomes if outcome.status is not Status.NOT_RUN]
    assert [outcome.label for outcome in ran] == ["R015-hold"]
    assert gated.verdict is Verdict.FAIL
    assert not (tmp_path / "cache").exists()
    for kind in ("json", "junit", "html", "markdown"):
        assert "BLOCKED BY data" in render(kind, Report((gated,)))
    out = StringIO()
    print_result(gated, Console(file=out, width=100, color_system=None))
    lines = [line for line in out.getvalue().splitlines() if line.strip()]
    assert len(lines) == 2  # the case, and the line


def test_the_other_case_is_gated_by_the_waivers_in_force_today(
    held: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_case(tmp_path / "data")
    asked: list[GateOptions] = []

    def gate(_: Case, options: GateOptions, **__: Any) -> GateResult:
        asked.append(options)
        return result(Status.FAIL)

    monkeypatch.setattr("amn.gate.modes.run_gate", gate)
    options = GateOptions(cache=tmp_path / "cache", first_run=True, today=date(2025, 2, 12))
    gate_of(held, options).outcome(HOLD)

    assert [one.today for one in asked] == [options.today]


@pytest.mark.parametrize("has_golden", [False, True])
def test_a_first_run_asks_the_other_for_a_golden_only_where_it_has_one(
    held: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_golden: bool
) -> None:
    write_case(tmp_path / "data")
    if has_golden:
        (tmp_path / "data" / "golden.json").write_text("{}")
    asked: list[GateOptions] = []

    def gate(_: Case, options: GateOptions, **__: Any) -> GateResult:
        asked.append(options)
        return result(Status.PASS)

    monkeypatch.setattr("amn.gate.modes.run_gate", gate)
    gate_of(held, GateOptions(cache=tmp_path / "cache", first_run=True)).outcome(HOLD)

    assert [one.first_run for one in asked] == [not has_golden]


def test_a_hold_is_no_part_of_what_a_result_depends_on(held: Case, toy_case: Case) -> None:
    assert held.config.digest() == toy_case.config.digest()
