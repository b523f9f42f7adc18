"""A training is stopped where looking after every epoch would have stopped it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from amn.case.training import AbortConfig
from amn.diagnosis.records import judge_history
from amn.training.records.history import EpochFigures, RunHistory

FIGURE = st.sampled_from([0.1, 0.45, 0.5, 0.6, 0.7, float("nan"), None])
LINE = st.builds(
    EpochFigures,
    epoch=st.integers(1, 3),
    train_loss=st.sampled_from([0.3, 0.4, None]),
    val_loss=st.sampled_from([0.3, 0.4, None]),
    train_cosine=FIGURE,
    val_cosine=FIGURE,
    lr=st.sampled_from([1e-3, 1e-4, 0.0, None]),
    terms=st.sampled_from([{}, {"mse": 0.3}, {"mse": 0.3, "info": 0.1}, {"mse": 0.1, "info": 0.3}]),
)


@given(
    lines=st.lists(LINE, max_size=8),
    is_numbered=st.booleans(),
    weights=st.sampled_from([None, {"mse": 1, "info": 1}]),
)
def test_a_run_could_be_stopped_where_looking_after_every_epoch_would_have_stopped_it(
    *, lines: list[EpochFigures], is_numbered: bool, weights: dict[str, float] | None
) -> None:
    epochs = (replace(e, epoch=n) if is_numbered else e for n, e in enumerate(lines, 1))
    history = RunHistory(name="x", epochs=tuple(epochs), weights=weights)
    abort = AbortConfig(stall_epochs=2)

    def failing(known: RunHistory) -> set[str]:
        outcomes = judge_history(Path("x"), known, abort).outcomes
        return {outcome.check for outcome in outcomes if outcome.has_failed}

    mine = failing(history) - {"R013"}
    plain = [n for n in range(1, len(lines) + 1) if mine & failing(history.until(n))]
    found = judge_history(Path("x"), history, abort).stop_epoch
    assert found == (history.epochs[plain[0] - 1].epoch if plain else None)
