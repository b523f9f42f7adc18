"""Training: deterministic, isolated, converging, and honest about how it ended."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.case.training import RECIPES, TrainingConfig
from amn.data.windows import Windows, find_windows
from amn.errors import ArgumentError
from amn.evaluation.metrics import cosine_rows
from amn.evaluation.runner import score
from amn.training import epochs
from amn.training.epochs import Epochs
from amn.training.loop import Start, Trained, train
from amn.training.networks.build import ModelSpec, build_model
from amn.training.record import TrainingRecord, ValidationReferences
from tests.strategies import in_memory, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable

T, D = 3, 16
SPEC = ModelSpec(architecture="amn/recency/1", dim=D, context=T, attention_dim=8, hidden_dim=16)
EASY = ValidationReferences(constant=-1.0, mean=-1.0)  # no rule stops a training against these
SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "lr": 0.003,
    "weight_decay": 0.0,
    "clip": 1.0,
    "loss": "cosine",
    "schedule": "constant",
}


def toy(n: int = 64, *, seed: int = 0, source: slice = slice(T - 1, T)) -> Windows:
    """Windows whose target is the mean of some context rows, turned by a fixed matrix."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.eye(D) + 0.3 * np.random.default_rng(9).standard_normal((D, D)))[0]
    rows = rng.standard_normal((n, T + 1, D))
    rows[:, -1] = rows[:, source].mean(axis=1) @ turn
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    articles, chunks = running_keys(*[T + 1] * n)
    return find_windows(in_memory(articles, chunks, rows.reshape(-1, D).astype(np.float32)), T)


def fit(
    *, seed: int = 0, spec: ModelSpec = SPEC, windows: Windows | None = None, **changes: Any
) -> Trained:
    progress = changes.pop("progress", None)
    validation = changes.pop("validation", toy(32, seed=1))
    references = changes.pop("references", EASY)
    start = changes.pop("start", Start())
    if "losses" in changes:
        changes["loss"] = None
    config = TrainingConfig(**{**SETTINGS, **changes})
    windows = toy() if windows is None else windows
    return train(
        spec,
        windows,
        validation,
        config,
        seed=seed,
        references=references,
        start=start,
        progress=progress,
    )


def timeless(record: TrainingRecord) -> TrainingRecord:
    return replace(record, epochs=tuple(replace(epoch, seconds=0.0) for epoch in record.epochs))


def weights_of(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.model.state_dict()


def test_a_training_is_identical_twice() -> None:
    spec = replace(SPEC, dropout=0.3)
    first, second = fit(spec=spec), fit(spec=spec)

    assert timeless(first.record) == timeless(second.record)
    for name, tensor in weights_of(first).items():
        assert torch.equal(tensor, weights_of(second)[name])


def test_another_seed_gives_other_weights() -> None:
    first, second = weights_of(fit(seed=0)), weights_of(fit(seed=1))

    assert not torch.equal(first["residual.0.weight"], second["residual.0.weight"])


def test_a_training_leaves_no_trace_in_the_global_random_states() -> None:
    torch.manual_seed(7)
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002 - the state that must not move

    fit(spec=replace(SPEC, dropout=0.5))

    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002 - its state


def test_the_global_random_state_changes_nothing() -> None:
    torch.manual_seed(1)
    first = fit()
    torch.manual_seed(2)

    assert timeless(fit().record) == timeless(first.record)


@pytest.mark.parametrize(
    ("architecture", "source", "lr"),
    [
        ("amn/recency/1", slice(T - 1, T), 0.01),
        ("amn/original/1", slice(0, T), 0.01),
        ("gru/1", slice(0, 1), 0.01),
        ("lstm/1", slice(0, 1), 0.01),
        ("transformer/1", slice(0, 1), 0.002),
    ],
)
def test_a_training_converges_on_a_planted_toy(architecture: str, source: slice, lr: float) -> None:
    spec = replace(SPEC, architecture=architecture, hidden_dim=64)
    windows, validation = toy(512, source=source), toy(32, seed=1, source=source)

    trained = fit(
        spec=spec, windows=windows, validation=validation, epochs=12, batch_size=32, lr=lr
    )

    cosines = [epoch.val_cosine for epoch in trained.record.epochs]

    assert trained.record.best_val_cosine > 0.9
    assert 1 - trained.record.best_val_cosine < 0.5 * (1 - cosines[0])


@pytest.mark.parametrize("loss", ["mse", "cosine"])
def test_the_first_epoch_of_one_batch_equals_a_reference_step(loss: Any) -> None:
    record = fit(epochs=1, batch_size=64, loss=loss).record
    rows = toy().gather(np.arange(64)).astype(np.float64)
    mean = rows[:, :-1].mean(axis=1)  # what an untrained network answers
    cosines = cosine_rows(mean, rows[:, -1])
    expected = {"mse": ((mean - rows[:, -1]) ** 2).mean(), "cosine": 1 - cosines.mean()}

    assert record.epochs[0].train_loss == pytest.approx(expected[loss], abs=1e-6)
    assert record.epochs[0].train_cosine == pytest.approx(cosines.mean(), abs=1e-6)


def test_every_window_is_seen_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    windows, seen = toy(50), list[Any]()
    step = Epochs.take_step

    def spy(self: Any, batch: Any, **options: Any) -> Any:
        seen.append(batch)
        return step(self, batch, **options)

    monkeypatch.setattr(Epochs, "take_step", spy)
    fit(windows=windows, epochs=2, batch_size=16)

    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 2
    first, second = (np.concatenate([b.starts for b in part]) for part in (seen[:4], seen[4:]))
    assert sorted(first) == sorted(second) == list(windows.starts)
    assert not np.array_equal(first, second)


def scripted(
    monkeypatch: pytest.MonkeyPatch, cosines: list[float], losses: list[float] | None = None
) -> Callable[[], list[dict[str, torch.Tensor]]]:
    """Make validation return these; the function returned gives the weights at each."""
    weights: list[dict[str, torch.Tensor]] = []

    def validate(self: Any) -> tuple[float, float]:
        weights.append({k: v.clone() for k, v in self.state.model.state_dict().items()})
        n = len(weights) - 1
        return (losses or [0.5] * len(cosines))[n], cosines[n]

    monkeypatch.setattr(Epochs, "validate", validate)
    return lambda: weights


def test_the_weights_of_the_best_epoch_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scripted(monkeypatch, [0.5, 0.7, 0.69, 0.7])

    trained = fit(epochs=4)

    assert (trained.record.best_epoch, trained.record.best_val_cosine) == (2, 0.7)
    assert trained.record.status == "finished"
    for name, tensor in weights_of(trained).items():
        assert torch.equal(tensor, seen()[1][name])
    assert not torch.equal(seen()[1]["recency"], seen()[3]["recency"])
    assert not trained.model.training


def test_a_rule_stops_a_training_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.7, 0.6, 0.8])

    record = fit(epochs=3).record

    assert record.status == "stopped"
    assert record.stop is not None
    assert (record.stop.check, record.stop.epoch) == ("R003", 2)
    assert len(record.epochs) == 2
    assert record.best_epoch == 1


def test_a_real_training_below_the_constant_predictor_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amn.training.record.FIRST_STEPS", 1)  # an epoch here has few
    record = fit(references=ValidationReferences(constant=0.99, mean=0.995)).record

    assert record.stop is not None
    assert record.stop.check == "R004"
    assert f"got {record.epochs[0].val_cosine:.4f}" in record.stop.message


def broken(windows: Windows, row: int) -> Windows:
    """Windows with one row that is not a number."""
    vectors = windows.dataset.shards[0].vectors.copy()
    vectors[row] = np.nan
    dataset = windows.dataset
    return find_windows(in_memory(dataset.article_ids, dataset.chunk_index, vectors), T)


def test_a_loss_that_is_not_finite_crashes_the_run_and_names_epoch_and_batch() -> None:
    order = np.random.default_rng([5, 1]).permutation(64)
    windows = broken(toy(), int(order[33]) * (T + 1))  # the third batch of 16 of epoch 1

    trained = fit(seed=5, windows=windows)

    assert trained.record.status == "crashed"
    assert trained.record.epochs == ()
    assert trained.record.best_epoch == 0
    assert trained.record.stop is not None
    assert trained.record.stop.check == "R005"
    assert trained.record.stop.message == (
        "epoch 1, batch 3 of 4: expected a finite loss, got nan. Fix: a lower training.lr"
    )
    assert all(tensor.isfinite().all() for tensor in weights_of(trained).values())


def test_weights_that_break_in_the_last_batch_are_seen_by_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, [0.5, math.nan])

    record = fit(epochs=2).record

    assert record.status == "crashed"
    assert len(record.epochs) == 1
    assert record.stop is not None
    assert "epoch 2, validation: expected a finite cosine, got nan" in record.stop.message
    assert record.best_epoch == 1


def test_a_gradient_that_is_not_finite_crashes_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Epochs.take_step

    def exploding(self: Any, batch: Any, **options: Any) -> Any:
        return step(self, batch, **options)._replace(norm=torch.tensor(math.inf))

    monkeypatch.setattr(Epochs, "take_step", exploding)

    record = fit().record

    assert record.stop is not None
    assert "epoch 1, batch 1 of 4: expected a finite gradient, got inf" in record.stop.message


def test_plateau_halves_the_learning_rate_after_its_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, [0.7] * 6, losses=[0.5, 0.4, 0.4, 0.4, 0.4, 0.4])

    record = fit(epochs=6, schedule="plateau", plateau_patience=2, lr=0.008).record

    assert [epoch.lr for epoch in record.epochs] == [0.008] * 4 + [0.004] * 2


def test_the_cosine_schedule_ends_at_a_hundredth() -> None:
    record = fit(epochs=4, schedule="cosine", lr=0.01).record
    rates = [epoch.lr for epoch in record.epochs]

    assert rates[-1] == pytest.approx(1e-4)
    assert rates[1] == pytest.approx((0.01 + 1e-4) / 2)  # half-way through
    assert rates == sorted(rates, reverse=True)


def test_a_constant_schedule_keeps_the_learning_rate() -> None:
    assert {epoch.lr for epoch in fit(lr=0.002).record.epochs} == {0.002}


EVERY_TERM = {"cosine": 1.0, "infonce": 0.02, "moment": 0.5, "variance": 0.5}


@pytest.mark.parametrize(
    "losses", [{"mse": 1.0}, {"cosine": 2.0}, EVERY_TERM, {"mse": 1.0, "infonce": 0.002}]
)
def test_the_ledgers_terms_add_up_to_its_loss(losses: dict[str, float]) -> None:
    record = fit(losses=losses).record

    assert len(record.epochs) == 2
    for epoch in record.epochs:
        assert math.fsum(epoch.terms.values()) == pytest.approx(epoch.train_loss, rel=1e-6)
        assert set(epoch.terms) == set(epoch.term_grad_norms) == set(losses)
        assert all(value > 0 for value in epoch.terms.values())
        assert all(norm > 0 for norm in epoch.term_grad_norms.values())


def test_each_terms_gradient_norm_is_that_of_training_on_it_alone() -> None:
    both = fit(epochs=1, batch_size=64, losses={"cosine": 1.0, "moment": 0.5})
    alone = fit(epochs=1, batch_size=64, loss="cosine")

    norms = both.record.epochs[0].term_grad_norms
    assert norms["cosine"] == pytest.approx(alone.record.epochs[0].grad_norm, rel=1e-5)
    assert norms["moment"] > 0


def test_measuring_gradients_changes_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(SPEC, dropout=0.3)
    losses = {"cosine": 1.0, "moment": 0.5}
    measured = fit(spec=spec, losses=losses)
    monkeypatch.setattr(Epochs, "_term_norms", lambda *_: torch.zeros(2))

    for name, tensor in weights_of(fit(spec=spec, losses=losses)).items():
        assert torch.equal(tensor, weights_of(measured)[name])


def test_validation_takes_the_primary_loss_alone() -> None:
    alone = fit(epochs=1, lr=1e-9, loss="cosine").record.epochs[0]
    both = fit(epochs=1, lr=1e-9, losses={"cosine": 1.0, "variance": 0.5}).record.epochs[0]

    assert both.val_loss == pytest.approx(alone.val_loss, abs=1e-6)
    assert both.train_loss > alone.train_loss + 1e-3


def test_infonce_without_negatives_of_the_same_article_is_another_training() -> None:
    articles, chunks = running_keys(30, 30)
    rows = np.random.default_rng(0).standard_normal((60, D)).astype(np.float32)
    windows = find_windows(in_memory(articles, chunks, rows), T)
    losses = {"cosine": 1.0, "infonce": 0.05}

    plain, apart = (
        fit(windows=windows, losses={**losses, "exclude_same_article": e}).record
        for e in (False, True)
    )

    assert apart.epochs[0].terms["infonce"] < 0.9 * plain.epochs[0].terms["infonce"]


def test_a_secondary_loss_that_dominates_stops_the_run_within_epoch_1() -> None:
    record = fit(epochs=5, batch_size=8, losses={"mse": 0.5, "infonce": 0.5}).record

    assert record.status == "stopped"
    assert record.stop is not None
    assert (record.stop.check, record.stop.epoch) == ("R007", 1)
    assert record.stop.message.startswith("expected at most 50% of the loss from infonce")
    assert [epoch.n_windows for epoch in record.epochs] == [16]  # a quarter of 64
    assert record.epochs[0].terms["infonce"] > record.epochs[0].terms["mse"]


def test_a_secondary_loss_within_its_share_trains_to_the_end() -> None:
    record = fit(losses={"cosine": 1.0, "infonce": 0.01}).record

    assert record.status == "finished"
    assert [epoch.n_windows for epoch in record.epochs] == [64, 64]


def test_the_ledger_is_numbered_and_counts_its_windows() -> None:
    record = fit(epochs=3).record

    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]
    assert (record.n_train_windows, record.n_validation_windows) == (64, 32)
    assert (record.constant, record.mean) == (EASY.constant, EASY.mean)
    assert record.seed == 0


@pytest.mark.parametrize("batch", [5, 1024])
def test_validation_equals_scoring_the_kept_model(
    monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(epochs, "VALIDATION_BATCH", batch)
    trained = fit(epochs=1)

    scored = score(trained.model, toy(32, seed=1))

    line = trained.record.epochs[0]
    assert line.val_cosine == pytest.approx(scored.mean, abs=1e-7)
    assert line.val_loss == pytest.approx(1 - scored.mean, abs=1e-6)


def test_progress_counts_every_batch() -> None:
    calls: list[tuple[int, int, str]] = []

    fit(progress=lambda *call: calls.append(call))

    assert [done for done, _, _ in calls] == list(range(1, 9))
    assert {total for _, total, _ in calls} == {8}
    assert calls[-1][2] == "seed 0 epoch 2"


def test_a_record_survives_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.7, 0.6])
    record = fit(epochs=2).record

    assert record.stop is not None
    assert TrainingRecord.from_json(record.to_json()) == record


def articles_of(n: int, length: int, *, seed: int) -> Windows:
    """Articles that drift: windows in a row share their rows."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n, length, D)).cumsum(axis=1) + 3 * rng.standard_normal((n, 1, D))
    rows = steps / np.linalg.norm(steps, axis=-1, keepdims=True)
    articles, chunks = running_keys(*[length] * n)
    return find_windows(in_memory(articles, chunks, rows.reshape(-1, D).astype(np.float32)), T)


def test_training_by_stretches_reaches_what_training_by_windows_reaches() -> None:
    windows, validation = articles_of(20, 23, seed=0), articles_of(6, 23, seed=1)
    settings: dict[str, Any] = {"epochs": 8, "windows": windows, "validation": validation}

    alone = fit(**settings).record
    together = fit(stretch=5, **settings).record

    assert together.best_val_cosine == pytest.approx(alone.best_val_cosine, abs=0.005)
    assert together.best_val_cosine > together.epochs[0].val_cosine


def test_stretches_for_a_network_that_cannot_share_rows_are_refused() -> None:
    spec = replace(SPEC, architecture="amn/original/1")

    with pytest.raises(ArgumentError, match=r"expected 1 for amn/original/1, got 4$"):
        fit(spec=spec, stretch=4)


@pytest.mark.parametrize("kind", ["gru", "lstm", "transformer"])
def test_a_default_recipe_starts_at_the_mean_and_gets_better_on_a_toy(kind: str) -> None:
    windows, validation = (toy(n, seed=s, source=slice(0, T)) for n, s in ((512, 0), (32, 1)))
    recipe = RECIPES[kind]["regularised"]
    spec = replace(SPEC, architecture=f"{kind}/1", **{**recipe["model"], "hidden_dim": 64})
    batch = validation.gather(slice(None))
    mean = cosine_rows(batch[:, :-1].mean(axis=1, dtype=np.float64), batch[:, -1]).mean()

    settings = {**recipe["training"], "windows": windows, "validation": validation}
    still = fit(spec=spec, **{**settings, "epochs": 1, "lr": 1e-9}).record
    record = fit(spec=spec, **{**settings, "epochs": 8, "batch_size": 32, "lr": 1e-3}).record

    assert still.best_val_cosine == pytest.approx(mean, abs=0.1)
    assert record.best_val_cosine > mean + 0.5


def test_given_weights_take_the_place_of_initial_ones() -> None:
    spec = replace(SPEC, architecture="lstm/1", hidden_dim=24)
    given = {name: torch.zeros_like(t) for name, t in build_model(spec).state_dict().items()}

    trained = fit(spec=spec, init="mean", start=Start(weights=given), epochs=1, lr=1e-9)

    assert all(float(tensor.abs().max()) < 1e-6 for tensor in weights_of(trained).values())


def test_a_network_that_cannot_start_as_a_mean_is_refused() -> None:
    spec = replace(SPEC, architecture="amn/original/1")

    with pytest.raises(ArgumentError, match=r"expected random for amn/original/1, got 'mean'$"):
        fit(spec=spec, init="mean")


def test_a_warm_up_rises_to_the_rate_that_its_schedule_starts_from() -> None:
    record = fit(epochs=4, warmup_epochs=2, schedule="cosine", lr=0.01).record
    rates = [epoch.lr for epoch in record.epochs]

    assert rates[0] == pytest.approx(0.01 * (0.01 + 1) / 2, rel=0.01)
    assert rates[1] == pytest.approx(0.01)
    assert rates[3] == pytest.approx(1e-4)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_warm_up_goes_before_any_schedule(schedule: Any) -> None:
    record = fit(epochs=3, warmup_epochs=1.5, schedule=schedule, lr=0.01).record
    rates = [epoch.lr for epoch in record.epochs]

    assert rates[0] < rates[1] == rates[2] == pytest.approx(0.01)


def test_early_stopping_ends_a_training_well(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.5, 0.7, 0.69, 0.69, 0.8])

    record = fit(epochs=5, early_stopping=2).record

    assert (record.status, record.stop, record.best_epoch) == ("finished", None, 2)
    assert len(record.epochs) == 4


def test_the_moving_average_is_what_is_validated_and_kept() -> None:
    plain, averaged = fit(), fit(ema=0.5)

    kept = score(averaged.model, toy(32, seed=1)).mean
    best = averaged.record.epochs[averaged.record.best_epoch - 1]
    assert kept == pytest.approx(best.val_cosine, abs=1e-6)
    assert not torch.equal(weights_of(plain)["recency"], weights_of(averaged)["recency"])
    assert [e.train_loss for e in plain.record.epochs] == [
        e.train_loss for e in averaged.record.epochs
    ]


def test_a_moving_average_equals_its_definition() -> None:
    seen: list[torch.Tensor] = []
    step = Epochs.take_step

    with pytest.MonkeyPatch.context() as patch:

        def spy(self: Any, batch: Any, **options: Any) -> Any:
            result = step(self, batch, **options)
            seen.append(self.state.model.state_dict()["recency"].clone())
            return result

        patch.setattr(Epochs, "take_step", spy)
        trained = fit(epochs=1, ema=0.75)

    average = seen[0]  # torch starts the average at the weights after the first step
    for weights in seen[1:]:
        average = 0.75 * average + 0.25 * weights
    torch.testing.assert_close(weights_of(trained)["recency"], average)


def test_a_training_starts_from_given_weights() -> None:
    first = fit()
    again = fit(start=Start(weights=weights_of(first)), epochs=1, lr=1e-9)

    torch.testing.assert_close(weights_of(again)["recency"], weights_of(first)["recency"])
    assert again.record.epochs[0].val_cosine == pytest.approx(first.record.best_val_cosine)
