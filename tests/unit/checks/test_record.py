"""R: each check fires on a ledger that breaks its rule, and names seed, epoch and number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from amn.case.training import AbortConfig
from amn.checks.check import checks
from amn.errors import CheckNotRunError
from amn.gate.evidence import Evidence
from amn.gate.makers.of_courses import COURSE
from amn.training.aim import Aim, Need
from amn.training.record import Epoch, Stop, TrainingRecord
from amn.training.records.history import EpochFigures, RunHistory
from amn.verdict import Status

CLEAN = (0.55, 0.58, 0.585)


def record(*cosines: float, **changes: Any) -> TrainingRecord:
    """A ledger with these validation cosines, where the constant scores 0.2 and the mean 0.6."""
    epochs = tuple(
        Epoch(
            epoch=i,
            train_loss=1 - cosine,
            terms={"cosine": 1 - cosine},
            train_cosine=cosine,
            val_loss=1 - cosine,
            val_cosine=cosine,
            grad_norm=1.0,
            lr=1e-3,
            seconds=0.1,
        )
        for i, cosine in enumerate(cosines, start=1)
    )
    values: dict[str, Any] = {
        "seed": 0,
        "status": "finished",
        "stop": None,
        "epochs": epochs,
        "best_epoch": 1,
        "best_val_cosine": max(cosines, default=-1.0),
        "constant": 0.2,
        "mean": 0.6,
        "n_train_windows": 100,
        "n_validation_windows": 20,
        "n_parameters": 10,
    }
    return TrainingRecord(**{**values, **changes})


@pytest.mark.parametrize("check", ["R001", "R002", "R003", "R004", "R005"])
def test_a_clean_training_passes(check: str, run_evidence: Any, passes: Any) -> None:
    passes(check, run_evidence())
    passes(check, run_evidence(record=record(*CLEAN)))


@pytest.mark.parametrize("check", ["R001", "R002", "R003", "R004", "R005"])
def test_a_candidate_without_a_record_cannot_be_checked(check: str, run_evidence: Any) -> None:
    with pytest.raises(CheckNotRunError, match="seed 0: expected a training record, found none"):
        checks()[check].run(run_evidence(record=None))


def test_r005_fires_on_a_crashed_seed(run_evidence: Any, fires: Any) -> None:
    stop = Stop("R005", 3, "epoch 3, batch 17 of 31: expected a finite loss, got nan")
    crashed = record(*CLEAN[:2], status="crashed", stop=stop)

    finding = fires("R005", run_evidence(record=crashed))

    assert finding.where == "seed 0"
    assert finding.message == stop.message


def test_r001_fires_on_a_low_first_epoch(run_evidence: Any, fires: Any) -> None:
    finding = fires("R001", run_evidence(record=record(0.3, 0.58)))

    assert finding.where == "seed 0, epoch 1"
    assert finding.message == "expected at least 0.4000 after epoch 1, got 0.3000"


def test_r001_fires_below_the_number_that_the_case_asks_for(
    run_evidence: Any, fires: Any, make_case: Any, tmp_path: Any
) -> None:
    case = make_case(tmp_path, training={"abort": {"first_epoch": 0.9}})

    finding = fires("R001", run_evidence(case=case, record=record(*CLEAN)))

    assert finding.message == "expected at least 0.9000 after epoch 1, got 0.5500"


def test_r002_fires_on_a_stall(run_evidence: Any, fires: Any) -> None:
    finding = fires("R002", run_evidence(record=record(0.5601, *[0.56] * 12)))

    assert finding.where == "seed 0, epoch 11"
    assert finding.message == (
        "expected a new best, by more than 0.0001, within 10 epochs, got none since epoch 1 "
        "(0.5601)"
    )


def test_r003_fires_on_a_fall(run_evidence: Any, fires: Any) -> None:
    finding = fires("R003", run_evidence(record=record(0.5601, 0.4789, 0.56)))

    assert finding.where == "seed 0, epoch 2"
    assert finding.message == (
        "expected a fall of at most 0.05 in one epoch, got 0.0812 (0.5601 to 0.4789)"
    )


def test_r003_fires_on_a_slow_collapse(run_evidence: Any, fires: Any) -> None:
    finding = fires("R003", run_evidence(record=record(0.6, 0.56, 0.52, 0.475)))

    assert finding.where == "seed 0, epoch 4"
    assert finding.message == "expected at least 0.8 of the best 0.6000, got 0.4750"


@pytest.mark.parametrize("cosine", [0.2, 0.0132, -0.5, math.nan])
def test_r004_fires_at_or_below_the_constant_predictor(
    run_evidence: Any, fires: Any, cosine: float
) -> None:
    finding = fires("R004", run_evidence(record=record(0.5, cosine)))

    assert finding.where == "seed 0, epoch 2"
    assert finding.message == f"expected above the constant predictor's 0.2000, got {cosine:.4f}"


def test_a_record_that_calls_itself_finished_is_judged_by_its_ledger(
    run_evidence: Any, fires: Any
) -> None:
    hidden = record(0.6, 0.4, 0.6, status="finished", stop=None)

    assert "0.2000" in fires("R003", run_evidence(record=hidden)).message


def test_every_bad_seed_is_named(run_evidence: Any) -> None:
    evidence = run_evidence()
    bad = tuple(replace(c, record=record(0.3)) for c in evidence["candidates"])

    outcome = checks()["R001"].run(evidence.with_(candidates=bad))

    assert [f.where for f in outcome.findings] == [f"seed {i}, epoch 1" for i in range(3)]
    assert outcome.status is Status.FAIL
    assert (outcome.value, outcome.limit) == ("0.3000", ">= 0.4000")


def test_r013_fires_on_a_run_that_never_came_half_way_to_the_mean(
    run_evidence: Any, fires: Any
) -> None:
    finding = fires("R013", run_evidence(record=record(0.35, 0.39)))

    assert finding.message == (
        "expected a best validation cosine of at least 0.4000, half-way from constant to mean of "
        "the context, got 0.3900"
    )


def test_r013_warns_below_the_mean_and_passes_above(
    run_evidence: Any, fires: Any, passes: Any
) -> None:
    finding = fires("R013", run_evidence(record=record(0.5, 0.6)), Status.WARN)

    assert "expected 0.001 above the mean of the context's 0.6000, got 0.6000" in finding.message
    passes("R013", run_evidence(n=1, record=record(0.5, 0.6011)))


def test_a_foreign_record_is_held_against_assumed_references(fires: Any) -> None:
    lines = (EpochFigures(epoch=1, val_cosine=0.0034),)
    histories = (RunHistory(name="lstm", epochs=lines),)
    evidence = Evidence(COURSE, histories=histories, abort=AbortConfig())

    for id_ in ("R004", "R013"):
        finding = fires(id_, evidence, Status.INCONCLUSIVE)
        assert "(assumed: the record names no reference predictor)" in finding.message
        assert "--reference constant=COSINE" in finding.fix


def test_what_is_assumed_keeps_no_rule_from_looking(fires: Any) -> None:
    lines = tuple(EpochFigures(epoch=n, val_cosine=c) for n, c in enumerate((0.55, 0.05), 1))
    histories = (RunHistory(name="fell", epochs=lines),)
    evidence = Evidence(COURSE, histories=histories, abort=AbortConfig())

    fires("R004", evidence, Status.INCONCLUSIVE)
    assert "0.05" in fires("R003", evidence).message


def test_below_zero_is_below_every_constant_predictor(fires: Any) -> None:
    lines = (EpochFigures(epoch=1, val_cosine=-0.0034),)
    histories = (RunHistory(name="lstm", epochs=lines),)
    evidence = Evidence(COURSE, histories=histories, abort=AbortConfig())

    finding = fires("R004", evidence)
    assert finding.where == "lstm, epoch 1"
    assert finding.message.endswith("at least 0, the least of any constant predictor, got -0.0034")


@pytest.mark.parametrize("status", ["unfinished", "unknown"])
def test_r005_fires_on_a_training_without_an_end(fires: Any, status: Any) -> None:
    run = RunHistory(name="mine", status=status, stop="expected a finished training, got killed")
    outcome = fires("R005", Evidence(COURSE, histories=(run,), abort=AbortConfig()))

    assert outcome.message.endswith("got killed")


def test_r001_shows_the_number_that_failed_beside_its_limit_also_below_the_constant(
    run_evidence: Any, fires: Any
) -> None:
    low = record(0.19)
    outcome_of = fires("R001", run_evidence(record=low))

    assert "got 0.1900" in outcome_of.message


def test_r004_is_no_fault_of_the_measurement_where_another_loss_outweighs_the_primary_one(
    run_evidence: Any, fires: Any
) -> None:
    low = record(0.1)
    terms = {"mse": 0.001, "infonce": 1.0}
    dominated = replace(
        low, epochs=tuple(replace(e, terms=terms, train_loss=1.001) for e in low.epochs)
    )

    assert fires("R004", run_evidence(record=low), Status.HARNESS)
    assert fires("R004", run_evidence(record=dominated), Status.FAIL)


ENDS = {"in_dist": 0.62, "ood": 0.61}
NEEDS = {
    split: Need(least=end - 0.01, why=f"the golden's {end} less its margin 0.01", ends=(end, end))
    for split, end in ENDS.items()
}
AIM = Aim(
    needs=NEEDS,
    best=((0.58, 0.59, 0.6), (0.58, 0.59, 0.6)),
    windows=20,
    mean=0.6,
    levels=(0.4, 0.4),
)


def test_r016_fires_on_a_seed_that_was_stopped_and_names_epoch_and_numbers(
    run_evidence: Any, fires: Any
) -> None:
    stopped = record(0.5, status="stopped", stop=AIM.find_stop([0.5]))

    finding = fires("R016", run_evidence(record=stopped, aim=AIM))

    assert finding.where == "seed 0, epoch 1"
    assert finding.message == (
        "expected to come to 0.6100 on in_dist, the golden's 0.62 less its margin 0.01, got at "
        "most 0.5400 from a validation cosine of 0.5000 after epoch 1 of 3, where the golden's "
        "seeds had 0.5800 to 0.5800"
    )


def test_r016_says_what_was_to_spare_and_why_nobody_was_compared(
    run_evidence: Any, passes: Any
) -> None:
    evidence = run_evidence(n=1, record=record(0.58, 0.59, 0.6))

    same = passes("R016", evidence.with_(aim=AIM))
    other = passes("R016", evidence.with_(aim=replace(AIM, windows=21)))
    apart = passes("R016", evidence.with_(aim=replace(AIM, apart="training.lr 1, 2 in the golden")))

    assert same.value == "0 of 1 stopped, least to spare +0.0100"
    assert other.value.startswith("not compared: validation windows: 21 whose")
    assert apart.value == "not compared: training.lr 1, 2 in the golden"


def test_a_stop_of_another_rule_is_not_r016(run_evidence: Any, passes: Any) -> None:
    stop = Stop("R003", 2, "expected a fall of at most 0.05 in one epoch, got 0.2")
    evidence = run_evidence(n=1, record=record(0.58, 0.59, status="stopped", stop=stop), aim=AIM)

    assert passes("R016", evidence).value == "0 of 1 stopped, least to spare +0.0100"
