"""A run that its case did not ask for is named, key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amn.checks.model import check_as_declared
from amn.gate.modes import GateOptions, gate_of
from amn.verdict import Status

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case
    from amn.training.run import Run


def differing(case: Case, other: Case) -> list[str]:
    made = check_as_declared({"run": other.config.resolved()}, case, case.config.resolved())
    return [finding.where.removeprefix("run, ") for finding in made.findings]


@pytest.mark.parametrize(
    ("training", "keys"),
    [
        ({}, []),
        ({"seeds": [7], "abort": {"drop": 0.2}}, []),
        ({"lr": 1e-6}, ["training.lr"]),
        (
            {"lr": 1e-6, "init_from": "other.safetensors"},
            ["training.init_from", "training.lr"],
        ),
        ({"curriculum": [{"from_epoch": 1, "coherent": 0.5}]}, ["training.curriculum"]),
        ({"weight_decay": 0.5}, ["training.weight_decay"]),
    ],
    ids=str,
)
def test_every_key_that_shapes_a_training_is_compared(
    toy_case: Case, make_case: Any, training: dict[str, Any], keys: list[str]
) -> None:
    other = make_case(toy_case.folder, training=training)

    assert sorted(differing(toy_case, other)) == keys


def test_another_context_and_another_width_are_named(toy_case: Case, make_case: Any) -> None:
    other = make_case(toy_case.folder, windows={"context": 4}, model={"hidden_dim": 32})

    assert differing(toy_case, other) == ["windows.context", "model.hidden_dim"]


def test_a_checkpoint_is_the_same_however_its_path_is_written(
    make_case: Any, tmp_path: Path
) -> None:
    short = make_case(tmp_path, training={"init_from": "first.safetensors"})
    whole = make_case(tmp_path, training={"init_from": str(tmp_path / "first.safetensors")})

    assert differing(short, whole) == []


def test_a_gate_of_a_run_refuses_one_that_was_made_otherwise(
    toy_case: Case, make_case: Any, toy_runs: tuple[Run, ...], tmp_path: Path
) -> None:
    def status(case: Case) -> Status:
        options = GateOptions(cache=tmp_path, runs=(toy_runs[0].folder,), first_run=True)
        return gate_of(case, options).outcome("M010").status

    assert status(toy_case) is Status.PASS
    assert status(make_case(toy_case.folder, training={"lr": 1e-5})) is Status.FAIL


def test_m010_fires_with_each_key_and_what_it_was(toy_case: Case, make_case: Any) -> None:
    other = make_case(toy_case.folder, training={"lr": 1e-6})

    measured = check_as_declared(
        {"run": other.config.resolved()}, toy_case, toy_case.config.resolved()
    )

    (finding,) = measured.findings
    assert measured.value == "1 other setting"
    assert finding.where == "run, training.lr"
    assert finding.message == f"expected 0.003 as in {toy_case.file}, got 1e-06"
