"""R009 to R012: a record is whole, in order and one with itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.training import AbortConfig
from amn.checks.check import checks
from amn.checks.record import check_first_epoch, check_stall
from amn.checks.record_sound import check_epochs
from amn.errors import CheckNotRunError
from amn.gate.evidence import Evidence
from amn.gate.makers.of_courses import COURSE
from amn.training.records.history import EpochFigures, RunHistory
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

D = 768
VAL = np.array([0.445, 0.45, 0.453, 0.455, 0.46])
TRAIN = VAL + 0.002
CHECKS = ["R009", "R010", "R011", "R012"]


def history(**fields: Any) -> RunHistory:
    lines = tuple(
        EpochFigures(
            epoch=i + 1,
            train_loss=0.001,
            val_loss=float(2 * (1 - cosine) / D),
            train_cosine=float(TRAIN[i]),
            val_cosine=float(cosine),
            lr=0.0005 if i < 3 else 0.00025,
        )
        for i, cosine in enumerate(VAL)
    )
    return RunHistory(name="790k", epochs=lines, **fields)


def changed(at: int, **figures: Any) -> RunHistory:
    """Change figures of the epoch with index `at`."""
    lines = list(history().epochs)
    lines[at] = replace(lines[at], **figures)
    return replace(history(), epochs=tuple(lines))


def evidence(history: RunHistory) -> Evidence:
    return Evidence(COURSE, histories=(history,))


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_record_passes(check: str, passes: Any, run_evidence: Any) -> None:
    passes(check, evidence(history()))
    passes(check, run_evidence())


def test_r009_fires_on_an_edited_cosine(fires: Any) -> None:
    finding = fires("R009", evidence(changed(2, val_cosine=0.4531)))

    assert finding.where == "790k, epoch 3"
    assert "expected val_loss = 2 (1 - val_cosine) / 768 = 0.00142421875" in finding.message


def test_r009_fires_on_a_cosine_edited_by_a_millionth(fires: Any, passes: Any) -> None:
    fires("R009", evidence(changed(2, val_cosine=0.453 + 2e-6)))
    passes("R009", evidence(changed(2, val_cosine=0.453 + 1e-7)))


def test_r009_fires_on_an_edited_cosine_loss(fires: Any, run_evidence: Any) -> None:
    found = run_evidence()
    record = found["candidates"][0].record
    line = replace(record.epochs[1], val_cosine=record.epochs[1].val_cosine - 0.001)
    epochs = (record.epochs[0], line, *record.epochs[2:])

    finding = fires("R009", run_evidence(record=replace(record, epochs=epochs)))

    assert finding.where == "seed 0, epoch 2"
    assert "expected val_loss = 1 - val_cosine" in finding.message


def test_r009_cannot_run_where_no_epoch_has_both_figures() -> None:
    lines = (EpochFigures(epoch=1, val_loss=0.5), EpochFigures(epoch=2, val_cosine=0.5))

    with pytest.raises(CheckNotRunError, match="expected an epoch with val_loss and val_cosine"):
        checks()["R009"].run(evidence(replace(history(), epochs=lines)))


def test_r009_uses_a_declared_dimension(fires: Any) -> None:
    assert "/ 384" in fires("R009", evidence(history(dim=384))).message


def test_r009_warns_when_nothing_binds_loss_and_cosine(fires: Any) -> None:
    lines = tuple(replace(e, val_loss=0.1 * e.epoch) for e in history().epochs)
    finding = fires("R009", evidence(RunHistory(name="x", epochs=lines)), Status.WARN)

    assert "got neither: D would be 2.2 ... 11.1" in finding.message


def test_r009_fires_on_a_best_that_is_none_of_the_epochs(fires: Any, passes: Any) -> None:
    best = float(2 * (1 - VAL[-1]) / D)
    passes("R009", evidence(history(bests={"val_loss": best, "val_cosine": 0.46})))

    finding = fires("R009", evidence(history(bests={"val_loss": best * 0.99})))
    assert "expected the best val_loss of its epochs" in finding.message


def test_r010_fires_on_a_gap_a_repeat_and_a_late_start(fires: Any) -> None:
    for numbers, first in (((1, 2, 4, 5, 6), 4), ((1, 2, 2, 3, 4), 2), ((3, 4, 5, 6, 7), 3)):
        lines = zip(history().epochs, numbers, strict=True)
        found = replace(history(), epochs=tuple(replace(e, epoch=n) for e, n in lines))
        finding = fires("R010", evidence(found))

        assert finding.where == f"790k, epoch {first}"
        assert "expected epochs 1 ... 5 in order, got" in finding.message


def test_r010_lets_an_excerpt_leave_epochs_out_but_not_turn_back(fires: Any, passes: Any) -> None:
    lines = history(is_excerpt=True).epochs
    gap = replace(history(is_excerpt=True), epochs=(lines[0], lines[3]))
    passes("R010", evidence(gap))

    finding = fires("R010", evidence(replace(gap, epochs=(lines[3], lines[0]))))
    assert "expected epochs in order, got 4, 1" in finding.message


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"val_cosine": None}, "expected val_cosine as in the other epochs, got none"),
        ({"train_loss": float("nan")}, "expected a finite train_loss, got nan"),
        ({"val_cosine": 45.3}, "expected val_cosine in -1 ... 1, got 45.3"),
        ({"terms": {"mse": float("inf")}}, "expected a finite mse, got inf"),
    ],
)
def test_r010_fires_on_a_hole_and_on_what_is_no_number(
    fires: Any, figures: Any, problem: str
) -> None:
    finding = fires("R010", evidence(changed(2, **figures)))

    assert (finding.where, finding.message) == ("790k, epoch 3", problem)


def test_r011_fires_when_validation_is_the_training_column(fires: Any) -> None:
    lines = tuple(replace(e, train_cosine=e.val_cosine) for e in history().epochs)
    finding = fires("R011", evidence(replace(history(), epochs=lines)))

    assert "got val_cosine == train_cosine in 5 of 5 epochs" in finding.message


def test_r011_fires_on_exchanged_columns(fires: Any) -> None:
    lines = tuple(
        replace(e, train_cosine=e.val_cosine, val_cosine=e.train_cosine) for e in history().epochs
    )
    finding = fires("R011", evidence(replace(history(), epochs=lines)))

    assert "expected val_loss to go with val_cosine, got 2 (1 - train_cosine) / 768" in (
        finding.message
    )


def test_r011_warns_of_a_score_that_is_a_training_cosine(fires: Any, passes: Any) -> None:
    fires("R011", evidence(history(scores={"in_dist": 0.462})), Status.WARN)
    passes("R011", evidence(history(scores={"in_dist": 0.46})))
    best_second = changed(1, val_cosine=0.47, val_loss=2 * 0.53 / D)
    for score, says in [(0.462, fires), (0.452, fires), (0.455, passes), (0.447, passes)]:
        told = evidence(replace(best_second, scores={"in_dist": score}))
        says("R011", told, *[Status.WARN] * (says is fires))  # of the last epoch, of the best one


def test_r012_fires_on_a_rate_that_rises_again(fires: Any) -> None:
    finding = fires("R012", evidence(changed(4, lr=0.0005)))

    assert finding.where == "790k, epoch 5"
    assert finding.message == "expected no rise after a fall, got 0.00025 to 0.0005"


def test_r012_lets_a_warm_up_rise(passes: Any) -> None:
    passes("R012", evidence(changed(0, lr=0.0001)))


@pytest.mark.parametrize("rate", [0.0, -0.1, float("nan")])
def test_r012_fails_on_a_rate_that_trains_nothing(fires: Any, rate: float) -> None:
    assert "expected a positive learning rate" in (
        fires("R012", evidence(changed(4, lr=rate)), Status.FAIL).message
    )


def test_rates_that_change_all_the_time_are_summed_up(passes: Any) -> None:
    lines = tuple(replace(e, lr=0.001 / e.epoch) for e in history().epochs)
    outcome = passes("R012", evidence(replace(history(), epochs=lines)))

    assert outcome.value == "0.001 ... 0.0002, 4 changes"


def test_r014_fires_on_a_column_that_looks_like_a_score(fires: Any, passes: Any) -> None:
    def read(*unknown: str) -> Evidence:
        runs = (RunHistory(name="mine", epochs=(EpochFigures(epoch=1),), unknown=unknown),)
        return Evidence({}, histories=runs, read_columns=runs)

    finding = fires("R014", read("mood", "val_f1", "Nce Aux"))
    assert finding.message.endswith("score or a loss, got val_f1, Nce Aux")
    passes("R014", read("mood", "weather"))


def validated(*epochs: int, n: int = 12, **more: Any) -> RunHistory:
    """A training of n epochs of which some were validated; more: epoch -> validation cosine."""
    cosines = {e: 0.5 + 0.1 * (1 - 0.8**e) for e in epochs} | more.get("cosines", {})
    lines = [
        EpochFigures(epoch=e, train_cosine=0.52 + 0.001 * e, val_cosine=cosines.get(e))
        for e in range(1, n + 1)
    ]
    references = {"constant": 0.2, "mean": 0.55}
    return RunHistory(name="x", epochs=tuple(lines), references=references)


@pytest.mark.parametrize(
    ("epochs", "every"),
    [
        ((2, 4, 6, 8, 10, 12), 2),
        ((1, 3, 5, 7, 9, 11), 2),
        ((5, 10), 5),
        ((5, 10, 12), 5),  # and the last one
        ((12,), 12),
        (range(1, 13), 1),
        ((1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12), 1),  # one is missing
        ((2, 4, 6, 7, 8, 10, 12), 1),
        ((2, 4, 6), 1),  # it was cut
        ((1,), 1),
        ((6, 8, 10, 12), 1),
    ],
)
def test_validation_every_few_epochs_is_read_and_named_and_a_hole_in_it_is_one(
    epochs: Iterable[int], every: int
) -> None:
    history = validated(*epochs)
    found = check_epochs((history,))
    is_whole = every > 1 or len(list(epochs)) == 12

    assert history.validated_every == every
    assert bool(found.findings) is not is_whole
    assert (f"validated every {every}" in found.value) is (every > 1)


def test_rules_of_epochs_look_at_the_validations_that_there_are() -> None:
    rising = {e: 0.5 + 0.001 * e for e in range(3, 61, 3)}
    healthy = validated(*rising, n=60, cosines=rising)
    flat = validated(*rising, n=60, cosines={**rising, **dict.fromkeys(range(12, 61, 3), 0.509)})
    low = validated(*rising, n=60, cosines={**rising, 3: 0.25})
    rare = validated(20, 40, 60, n=60, cosines={20: 0.58, 40: 0.58, 60: 0.6})

    assert check_stall((healthy,), AbortConfig()).findings == []
    assert check_stall((rare,), AbortConfig()).findings == []  # one look without a best is none
    found = check_stall((flat,), AbortConfig()).findings[0]
    assert found.where == "x, epoch 21"  # twelve epochs after the ninth, the first look past ten
    assert "within 10 epochs, got none since epoch 9 (0.5090)" in found.message
    first = check_first_epoch((low,), AbortConfig())
    assert (first.findings[0].where, first.limit) == ("x, epoch 3", ">= 0.3750 in epoch 3")
    assert "after epoch 3, got 0.2500" in first.findings[0].message
