"""The experiments: each moves the ranking towards the cause that was injected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.checks.check import Defect
from amn.checks.data_copies import double_ingestion
from amn.checks.data_rows import insertion_order
from amn.cli.diagnose import command
from amn.diagnosis.ranking import HYPOTHESES
from amn.diagnosis.subject import of_result
from amn.diagnosis.trials import Budget, run_trials
from amn.prove.lab import Lab
from amn.prove.scenes import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case
    from amn.diagnosis.diagnosis import Diagnosis

DATA = ["lag_curve", "resort", "deduplicate"]
ALL = [*DATA, "rescore", "splits", "coherent_part", "trainings"]
SMALL = Budget(size=(4, 2))


@pytest.fixture(scope="module")
def lab(toy_case: Case, toy_runs: Any, toy_cache: Path, tmp_path_factory: Any) -> Lab:
    assert toy_runs
    return Lab(toy_case, toy_cache, tmp_path_factory.mktemp("lab"))


def tried_on(lab: Lab, change: Callable[..., None]) -> Diagnosis:
    with lab.copy() as copy:
        change(copy)
        gate = lab.gate(copy)
        return run_trials(gate, of_result(gate.result()), budget=SMALL)


def test_sorting_the_rows_of_an_insertion_order_brings_the_text_back(lab: Lab) -> None:
    found = tried_on(lab, insertion_order)

    assert [trial.id for trial in found.trials] == [*DATA, "trainings"]
    assert {one.answer for one in found.settled} == {"undecided"}
    assert "nothing is trained on data that fail D005" in found.settled[0].says
    assert found.figures["resort_gain"] > 0.03
    assert (found.causes[0].cause.id, found.causes[0].points) == ("order", 9.0)


def test_dropping_copies_shows_what_coherence_was_worth(lab: Lab) -> None:
    found = tried_on(lab, double_ingestion)

    assert found.figures["copied_rows"] == pytest.approx(0.5, abs=0.01)
    assert abs(found.figures["resort_gain"]) < 1e-9
    assert found.causes[0].cause.id == "duplicates"


def test_on_sound_rows_the_public_loader_gives_the_recorded_scores(lab: Lab) -> None:
    found = run_trials(lab.clean, of_result(lab.clean.result()), budget=SMALL)
    lines = {trial.id: " ".join(trial.lines) for trial in found.trials}

    assert [trial.id for trial in found.trials] == ALL
    assert found.causes == ()
    assert found.figures["rescore_change"] < 1e-5
    assert abs(found.figures["resort_gain"]) < 1e-9
    assert found.figures["copied_rows"] == 0
    assert "falls with the distance" in lines["lag_curve"]
    assert set(found.figures) >= {"coherent_margin", "split_gap"}
    assert [one.cause for one in found.settled] == [*HYPOTHESES]


def test_a_look_alike_class_loads_through_the_public_loader_alone(lab: Lab) -> None:
    with lab.broken(Defect(SCENES[0].defect), is_early=False) as gate:
        found = run_trials(gate, of_result(gate.result()), budget=SMALL)

    assert found.figures["rescore_change"] == 1.0
    assert (found.causes[0].cause.id, found.causes[0].points) == ("loader", 10.0)


def test_a_record_alone_has_nothing_to_experiment_on(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"val_cosine": 0.5}]')
    result = CliRunner().invoke(command, [str(tmp_path / "a.json"), "--run-experiments"])

    assert result.exit_code == 2
    assert "--run-experiments: expected a case, or a run with --case" in result.stderr
