"""The loss ledger: weights are declared or recovered, and what they leave is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amn.training.records.history import EpochFigures, RunHistory
from amn.training.records.loss_terms import read_ledger, recover_weights, relative_change

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCHS = np.arange(12.0)
MSE = 0.001 + 0.0005 * np.exp(-EPOCHS)
INFO = 1.4 - 0.03 * EPOCHS + 0.01 * np.sin(EPOCHS)


def history(terms: dict[str, NDArray[Any]], totals: NDArray[Any], **fields: Any) -> RunHistory:
    lines = tuple(
        EpochFigures(
            epoch=i + 1, train_loss=float(total), terms={n: float(v[i]) for n, v in terms.items()}
        )
        for i, total in enumerate(totals)
    )
    return RunHistory(name="run", epochs=lines, **fields)


@settings(max_examples=50)
@given(
    mse=st.sampled_from([1.0, 0.5, 0.05, 0.25, 2.0]),
    info=st.sampled_from([1.0, 0.5, 0.05, 0.01, 0.15]),
    constant=st.sampled_from([0.0, 0.000976, 0.3]),
)
def test_round_weights_are_recovered_whatever_constant_was_added(
    mse: float, info: float, constant: float
) -> None:
    got = recover_weights({"mse": MSE, "info": INFO}, mse * MSE + info * INFO + constant)

    assert got == {"mse": mse, "info": info}


def test_a_constant_is_left_over_and_not_fitted_away() -> None:
    drift = 1e-6 * np.sin(EPOCHS)
    ledger = read_ledger(history({"mse": MSE, "info": 0 * MSE}, MSE + 0.000976 + drift))

    assert ledger.weights == {"mse": 1.0, "info": 0.0}
    assert ledger.origin == "recovered"
    assert ledger.remainder == pytest.approx(np.full(12, 0.000976), abs=2e-6)
    assert list(ledger.parts) == ["mse"]


def test_a_term_that_was_logged_and_not_trained_on_has_weight_zero() -> None:
    assert recover_weights({"info": INFO, "mse": MSE}, MSE) == {"info": 0.0, "mse": 1.0}


def test_one_epoch_is_enough_when_one_term_is_the_total() -> None:
    got = recover_weights({"info": INFO[:1], "mse": MSE[:1]}, MSE[:1])

    assert got == {"info": 0.0, "mse": 1.0}


def test_too_few_epochs_to_tell_are_not_guessed() -> None:
    terms = {"mse": MSE[:3], "info": INFO[:3]}

    assert recover_weights(terms, MSE[:3] + 0.5 * INFO[:3]) is None


def test_a_total_that_the_terms_do_not_explain_has_no_weights() -> None:
    noise = np.random.default_rng(0).random(12)

    assert recover_weights({"mse": MSE, "info": INFO}, noise) is None


def test_numbers_that_are_not_finite_have_no_weights() -> None:
    assert recover_weights({"mse": MSE * np.nan}, MSE) is None


def test_odd_weights_are_kept_as_fitted() -> None:
    got = recover_weights({"mse": MSE, "info": INFO}, MSE + 0.12345 * INFO)

    assert got is not None
    assert got["info"] == pytest.approx(0.12345, rel=1e-6)


def test_declared_weights_are_used_and_absent_ones_are_zero() -> None:
    terms = {"mse": MSE, "info": INFO}
    ledger = read_ledger(history(terms, MSE, weights={"mse": 1.0}))

    assert ledger.origin == "declared"
    assert ledger.weights == {"mse": 1.0, "info": 0.0}
    assert np.all(ledger.remainder == 0)


def test_shares_are_of_the_weighted_parts() -> None:
    terms = {"mse": np.full(2, 1.0), "info": np.full(2, 8.0)}
    ledger = read_ledger(history(terms, np.full(2, 5.0), weights={"mse": 1.0, "info": 0.5}))

    assert ledger.primary == "mse"
    assert {n: s.tolist() for n, s in ledger.shares().items()} == {
        "mse": [0.2, 0.2], "info": [0.8, 0.8],
    }  # fmt: skip
    assert ledger.ratio("info").tolist() == [4.0, 4.0]


def test_the_primary_term_is_the_declared_one_and_never_the_largest() -> None:
    terms = {"moment": np.full(2, 0.1), "info": np.full(2, 8.0)}
    run = history(terms, np.full(2, 8.1), weights={"moment": 1.0, "info": 1.0})

    assert not read_ledger(run).primary
    assert read_ledger(replace(run, primary="info")).primary == "info"


def test_a_term_that_asks_for_the_target_is_primary_though_it_is_not_trained_on() -> None:
    terms = {"mse": MSE, "info": np.linspace(8.0, 7.0, len(MSE))}
    ledger = read_ledger(history(terms, terms["info"]))

    assert (ledger.primary, ledger.weights) == ("mse", {"mse": 0.0, "info": 1.0})
    assert np.isinf(ledger.ratio("info")).all()


def test_epochs_without_a_total_or_a_term_are_left_out() -> None:
    lines = history({"mse": MSE[:3]}, MSE[:3]).epochs
    holed = (lines[0], EpochFigures(epoch=2, train_loss=1.0), EpochFigures(epoch=3))

    assert read_ledger(RunHistory(name="run", epochs=holed)).epochs.tolist() == [1]


@pytest.mark.parametrize(
    ("values", "change"), [([2.0, 1.0], 0.5), ([0.0, 0.0], 0.0), ([-1.0, 1.0], 2.0), ([], 0.0)]
)
def test_relative_change_is_of_the_largest_size(values: list[float], change: float) -> None:
    if values:
        assert relative_change(np.array(values)) == change
