"""A case that waits for another one is not trained before that one passes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import CheckNotRunError, ConfigError
from amn.gate.makers import blocker
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.gate.result import GateResult
from amn.verdict import Outcome, Status

if TYPE_CHECKING:
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


def test_a_case_is_trained_once_the_case_it_waits_for_passes(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data")
    gated: list[str] = []

    def gate(case: Case) -> GateResult:
        gated.append(case.name)
        return result(Status.PASS)

    blocker(held, gate)

    assert gated == ["data"]


def test_a_case_that_waits_for_nothing_gates_nothing_else(toy_case: Case) -> None:
    blocker(toy_case, lambda _: pytest.fail("gated"))


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

    with pytest.raises(CheckNotRunError) as caught:
        blocker(held, lambda _: result(status))

    assert str(caught.value) == (
        f"{held.file}: blocked_by: expected data to pass before this case is trained, got {got}. "
        "Fix: amn gate data"
    )


def test_cases_that_wait_for_each_other_are_refused(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data", blocked_by="third")
    write_case(tmp_path / "third", blocked_by="held")

    with pytest.raises(ConfigError, match="chain with an end, got held -> data -> third -> held"):
        blocker(held, lambda _: pytest.fail("gated"))


def test_a_case_that_waits_for_none_that_exists_is_refused(held: Case) -> None:
    with pytest.raises(ConfigError, match="expected a case file, found none"):
        blocker(held, lambda _: pytest.fail("gated"))


def test_a_held_gate_trains_nothing_and_is_not_evaluated(held: Case, tmp_path: Path) -> None:
    write_case(tmp_path / "data")  # its data set does not exist

    gated = run_gate(held, GateOptions(cache=tmp_path / "cache", first_run=True))

    outcomes = {outcome.check: outcome for outcome in gated.outcomes}
    assert gated.verdict.exit_code() == 3
    assert outcomes["D001"].status is Status.PASS
    assert outcomes["R005"].status is Status.ERROR
    assert "expected data to pass before this case is trained" in str(outcomes["R005"].findings[0])
    assert not (tmp_path / "cache").exists()


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
    with pytest.raises(CheckNotRunError, match="expected data to pass"):
        gate_of(held, options).evidence["candidates"]

    assert [one.today for one in asked] == [options.today]


def test_a_hold_is_no_part_of_what_a_result_depends_on(held: Case, toy_case: Case) -> None:
    assert held.config.digest() == toy_case.config.digest()
