"""R006 to R008: the terms of the loss add up, none dominates, none is dead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amn.checks.check import checks
from amn.checks.meaning import statuses
from amn.gate.evidence import Evidence
from amn.gate.makers.of_courses import COURSE
from amn.training.records.history import EpochFigures, RunHistory
from amn.verdict import Status

N = 12
EPOCHS = np.arange(float(N))
MSE = 0.001 + 0.0005 * np.exp(-EPOCHS)
INFO = 1.4 - 0.03 * EPOCHS + 0.01 * np.sin(EPOCHS)


def evidence(totals: Any, weights: dict[str, float] | None = None, **terms: Any) -> Evidence:
    lines = tuple(
        EpochFigures(
            epoch=i + 1, train_loss=float(total), terms={n: float(v[i]) for n, v in terms.items()}
        )
        for i, total in enumerate(totals)
    )
    history = RunHistory(name="790k", epochs=lines, weights=weights)
    return Evidence(COURSE, histories=(history,))


@pytest.mark.parametrize("check", ["R006", "R007", "R008"])
def test_a_loss_of_one_declared_term_passes(check: str, passes: Any) -> None:
    passes(check, evidence(MSE, {"mse": 1.0}, mse=MSE))


@pytest.mark.parametrize("check", ["R006", "R007", "R008"])
def test_our_own_runs_pass(check: str, passes: Any, run_evidence: Any) -> None:
    passes(check, run_evidence())


def test_r006_fires_on_an_undeclared_constant(fires: Any) -> None:
    finding = fires("R006", evidence(MSE + 0.000976, mse=MSE, info=0 * MSE))

    assert "an undeclared constant term of 0.000976, 48.0%" in finding.message
    assert "weights: mse 1, info 0 (recovered by regression)" in finding.message


def test_r006_names_a_recorded_term_that_the_constant_could_be(fires: Any) -> None:
    variance = 0.9654 + 1e-5 * EPOCHS
    finding = fires("R006", evidence(MSE + 1e-3 * variance, mse=MSE, variance=variance))

    assert "it would be variance at weight 0.001" in finding.message


def test_r006_fires_on_a_declared_loss_that_has_another_term(fires: Any) -> None:
    totals = MSE + 0.001 * INFO
    finding = fires("R006", evidence(totals, {"mse": 1.0}, mse=MSE, info=INFO))

    assert "an undeclared term of 0.00106 ... 0.0014" in finding.message
    assert "recovered" not in finding.message


def test_r006_only_warns_of_a_small_rest_where_it_had_to_recover_the_weights(fires: Any) -> None:
    fires("R006", evidence(0.5 * MSE + 0.5 * INFO + 0.001, mse=MSE, info=INFO), Status.WARN)
    fires("R006", evidence(MSE * 1.00001, {"mse": 1.0}, mse=MSE), Status.FAIL)


@pytest.mark.parametrize("check", ["R006", "R007"])
def test_weights_that_cannot_be_told_are_no_pass(check: str, fires: Any) -> None:
    short = evidence((MSE + INFO)[:3], mse=MSE[:3], info=INFO[:3])
    assert "epochs enough to recover them" in fires(check, short, Status.INCONCLUSIVE).message

    noise = np.random.default_rng(0).random(N)
    assert "no weights that fit" in fires(check, evidence(noise, mse=MSE, info=INFO)).message


def test_r006_fires_on_a_total_that_is_no_number(fires: Any) -> None:
    totals = np.where(EPOCHS == 3, np.nan, MSE)

    fires("R006", evidence(totals, {"mse": 1.0}, mse=MSE))


def test_r007_fires_on_infonce_that_dwarfs_the_mse(fires: Any) -> None:
    weights = {"mse": 0.5, "info": 0.5}
    finding = fires("R007", evidence(0.5 * MSE + 0.5 * INFO, weights, mse=MSE, info=INFO))

    assert finding.where == "790k, epoch 1"
    assert "expected at most 50% of the loss from info, got 99.9%, 933.3 times mse" in (
        finding.message
    )


def test_r007_warns_above_a_fifth_and_passes_below(fires: Any, passes: Any) -> None:
    mse, info = np.full(N, 0.7), np.full(N, 0.3)
    weights = {"mse": 1.0, "info": 1.0}

    assert "got 30.0%" in fires("R007", evidence(mse + info, weights, mse=mse, info=info),
                                Status.WARN).message  # fmt: skip
    weights = {"mse": 1.0, "info": 0.5}
    passes("R007", evidence(mse + info / 2, weights, mse=mse, info=info))


def test_r007_names_the_epoch_in_which_a_term_became_dominant(fires: Any) -> None:
    info = np.where(EPOCHS < 4, 0.1, 2.0)
    found = evidence(1 + info, {"mse": 1.0, "info": 1.0}, mse=np.ones(N), info=info)

    assert fires("R007", found).where == "790k, epoch 5"


def test_r008_fires_on_a_term_that_does_not_move(fires: Any) -> None:
    variance = 0.968 - 0.0003 * EPOCHS
    weights = {"mse": 1.0, "variance": 1e-4}
    finding = fires("R008", evidence(MSE + 1e-4 * variance, weights, mse=MSE, variance=variance))

    assert "expected variance to change by at least 1% over the run, got 0.34%" in finding.message


def test_r008_says_nothing_of_a_term_without_weight_or_of_a_short_run(passes: Any) -> None:
    still = np.ones(N)
    passes("R008", evidence(MSE, {"mse": 1.0, "variance": 0.0}, mse=MSE, variance=still))
    passes("R008", evidence(MSE[:4] + 1, {"mse": 1, "v": 1}, mse=MSE[:4], v=still[:4]))


def test_what_is_not_in_any_epoch_is_not_measured() -> None:
    outcome = checks()["R007"].run(evidence([], mse=MSE))

    assert outcome.value == "no secondary term"


@pytest.mark.parametrize(
    ("term", "status"), [("info", "INFONCE_DOMINANCE"), ("variance", "DOMINANT_TERM")]
)
def test_a_dominant_term_is_called_by_its_name(term: str, status: str) -> None:
    found = evidence(MSE + INFO, {"mse": 1.0, term: 1.0}, mse=MSE, **{term: INFO})

    (named,) = statuses([checks()["R007"].run(found)])

    assert named.value == status
