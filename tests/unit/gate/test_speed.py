"""Speed is asked for where case.toml says so, and cannot be left out quietly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.case.config import CaseConfig
from amn.case.limits import RATIOS
from amn.cli.main import cli
from amn.errors import AmnError
from amn.gate.modes import GateOptions, gate_of
from amn.golden.base.loosenings import limit_loosenings
from amn.golden.speed import machine, read_speed
from amn.training import speed
from amn.training.speed import measure_speed
from amn.verdict import Status
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case
    from amn.training.plan import Plan

CHECKS = ["C010", "C011", "C012"]


@pytest.fixture(autouse=True)
def _few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "ROUNDS", 1)
    monkeypatch.setattr(speed, "CALLS", 3)
    monkeypatch.setattr(speed, "SAMPLE", 64)


def config(**section: Any) -> CaseConfig:
    extra = {"speed": section} if section else {}
    return CaseConfig.model_validate({**CASE, "dataset": {"path": "data"}, **extra})


def test_speed_is_declared_only_where_case_toml_asks_for_it(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    options = GateOptions(cache=tmp_path, first_run=True)
    plain, asked = make_case(tmp_path / "a"), make_case(tmp_path / "b", speed={"training": 2.0})

    def declared(case: Case) -> list[str]:
        return [c.id for c in gate_of(case, options).declared if "speed_ratios" in c.reads]

    assert declared(plain) == []
    assert declared(asked) == CHECKS


def test_a_gate_without_a_stored_twin_fails_and_one_with_it_looks(
    make_case: Callable[..., Case], tmp_path: Path
) -> None:
    loose = {**dict.fromkeys(RATIOS, 0.001), "tolerance": 0.99}
    case = make_case(tmp_path / "case", speed=loose)
    gate = gate_of(case, GateOptions(cache=tmp_path, first_run=True))
    assert {gate.outcome(check).status for check in CHECKS} == {Status.FAIL}


def test_no_figure_can_be_switched_off() -> None:
    for wrong in ({"training": 0}, {"inference": -1}, {"latency": False}, {"enabled": False}):
        with pytest.raises(ValueError, match="validation error"):
            config(**wrong)


def test_speed_shapes_no_result() -> None:
    assert config(training=2.0).digest() == config().digest()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({"training": 2.0}, {"training": 1.0}, "lowered a floor"),
        ({"tolerance": 0.1}, {"tolerance": 0.5}, "widened a margin"),
        ({"training": 2.0}, {}, "removed the checks of speed"),
    ],
)
def test_a_looser_limit_is_a_loosening(
    old: dict[str, float], new: dict[str, float], what: str
) -> None:
    assert [one.what for one in limit_loosenings(config(**old), config(**new), "f")] == [what]


def test_a_section_that_is_new_or_stricter_is_none() -> None:
    assert list(limit_loosenings(config(), config(training=2.0), "f")) == []
    assert list(limit_loosenings(config(training=1.0), config(training=2.0), "f")) == []


def test_every_ratio_is_measured(toy_plan: Plan) -> None:
    ratios = measure_speed(toy_plan)

    assert tuple(ratios) == RATIOS
    assert all(ratio > 0 for ratio in ratios.values())


def test_bench_stores_what_it_measured(
    make_case: Callable[..., Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(tmp_path / "case")
    monkeypatch.setattr("amn.cli.bench.find_case", lambda _: case)

    dry = CliRunner().invoke(cli, ["bench", "case", "--dry-run"])
    assert (dry.exit_code, read_speed(case.folder, machine())) == (0, None)

    done = CliRunner().invoke(cli, ["bench", "case"])
    stored = read_speed(case.folder, machine())
    assert done.exit_code == 0
    assert stored is not None
    assert f"training   {stored['training']:6.2f} x the plain loop" in done.output


@pytest.mark.parametrize(
    "words", [[], ["none"], ["a", "b"], ["golden"], ["."], ["none", "--format", "xml"], ["-x"]]
)
def test_bad_input_of_bench_is_refused_and_stores_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(cli, ["bench", *words])

    assert result.exit_code == 2 or isinstance(result.exception, AmnError)
    assert list(tmp_path.iterdir()) == []
