"""The plan's networks and ways of training: each is trained by the command, on real vectors."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from amn.data.dataset import open_dataset
from amn.training.run import load_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.systems.conftest import Workplace


@pytest.mark.parametrize(
    ("kind", "n"),
    [("amn", 1_510_912), ("lstm", 5_120_768), ("gru", 7_095_552), ("transformer", 17_867_520)],
)
def test_amn_and_its_siblings_have_the_parameters_of_the_original_work(
    parameters: Callable[[str], int], kind: str, n: int
) -> None:
    assert parameters(kind) == n


def test_mse_with_plateau_trains_and_is_scored_in_dist_ood_and_delta(place: Workplace) -> None:
    place.case("mse", training="seeds = [0]\nepochs = 3\nplateau_patience = 0\nlr = 0.002")

    place.amn("train", "mse")
    shown = place.amn("eval", "mse", "--checkpoint", "runs/mse-seed-0/model.safetensors")

    record = place.record("mse")["record"]
    assert record["n_parameters"] == 1_510_912
    assert [set(epoch["terms"]) for epoch in record["epochs"]] == [{"mse"}] * 3
    rates = [0.002, *(epoch["lr"] for epoch in record["epochs"])]
    assert all(now in (before, before / 2) for before, now in pairwise(rates))
    assert "delta" in shown
    scores = evaluate_run(place)
    assert f"{scores['ood'] - scores['in_dist']:+.4f}" in shown


def evaluate_run(place: Workplace) -> dict[str, float]:
    file = place.folder / "runs" / "mse-seed-0"
    return {name: score.mean for name, score in load_run(file).evaluation.scores.items()}


def test_infonce_at_half_is_stopped_in_epoch_1_and_named_before_what_it_causes(
    place: Workplace,
) -> None:
    losses = "seeds = [0]\nlosses = { mse = 0.5, infonce = 0.5 }"
    place.case("infonce", training=losses, criteria="in_dist = 0.54\nood = 0.60")

    trained = place.amn("train", "infonce", code=1)
    judged = place.amn("gate", "infonce", "--run", "runs/infonce-seed-0", "--first-run", code=1)

    assert "stopped by R007 in epoch 1" in trained
    assert "of the loss from infonce" in trained
    assert judged.splitlines()[-1].startswith("FAIL: ")
    assert judged.splitlines()[-1].partition("(")[2].startswith("R007 secondary_share")
    assert "load the checkpoint with the class" not in judged
    assert place.amn("diagnose", "runs/infonce-seed-0").partition("1. ")[2].startswith("Dominant")


def test_a_curriculum_shows_the_coherent_windows_first(place: Workplace) -> None:
    phases = """seeds = [0]
epochs = 3
curriculum = [
  { from_epoch = 1, coherent = 0.5 },
  { from_epoch = 2, coherent = 0.5, mixed = 0.5 },
  { from_epoch = 3 },
]"""
    place.case("phases", training=phases)

    place.amn("train", "phases")

    record = place.record("phases")["record"]
    n = record["n_train_windows"]
    shares = [epoch["n_windows"] / n for epoch in record["epochs"]]
    assert shares == pytest.approx([0.5, 0.75, 1.0], abs=0.01)


def test_conservative_settings_are_not_stopped_for_the_few_steps_of_an_epoch(
    place: Workplace,
) -> None:
    settings = "seeds = [0]\nlr = 3e-4\nweight_decay = 0.01\nepochs = 3"
    place.case("careful", model='recipe = "original"\ndropout = 0.1', training=settings)

    place.amn("train", "careful")

    record = place.record("careful")["record"]
    assert record["status"] == "finished"
    first = record["epochs"][0]
    assert first["val_cosine"] < (record["constant"] + record["mean"]) / 2  # epoch 1 is low


@pytest.mark.parametrize("context", [7, 9])
def test_a_longer_context_is_trained_and_judged_on_windows_of_its_own(
    place: Workplace, context: int
) -> None:
    place.case("longer", windows=f"context = {context}", training="seeds = [0]\nepochs = 1")

    place.amn("train", "longer")

    assert place.record("longer")["config"]["windows"]["context"] == context


def test_a_blend_keeps_account_of_what_it_had_learned_and_is_no_run_of_a_case_without_it(
    place: Workplace,
) -> None:
    place.case("first", training="seeds = [0]\nepochs = 2")
    judged_ids = json.loads((place.data / "splits.json").read_text())
    known = open_dataset(place.data).articles.tolist()
    ids = [i for i in known if i not in (*judged_ids["in_dist"], *judged_ids["ood"])][:20]
    text = (place.folder / "golden/first/case.toml").read_text()
    half = text.replace("[windows]", f"train = {{ articles = {ids} }}\n[windows]")
    (place.folder / "golden/first/case.toml").write_text(half)
    place.case("all")

    place.amn("train", "first")
    start = "runs/first-seed-0/model.safetensors"
    place.amn("train", "all", "--init-from", start, "--out", "blend")
    judged = place.amn("gate", "all", "--run", "blend/all-seed-0", "--first-run", code=1)

    made = place.record("all", "blend")
    assert made["config"]["training"]["lr"] == 1e-4
    assert made["retention"]["before"] is not None
    assert made["retention"]["after"] is not None
    assert "M010 as_declared" in judged
    assert "training.init_from" in judged
    assert "training.lr" in judged


def test_models_are_held_back_until_the_question_of_the_data_is_settled(place: Workplace) -> None:
    place.case("mse", criteria="in_dist = 0.99\nood = 0.99", training="seeds = [0]\nepochs = 1")
    place.case("lstm", 'blocked_by = "mse"', model='kind = "lstm"\nrecipe = "original"')

    before = place.amn("train", "lstm", code=1)
    place.amn("gate", "mse", "--first-run", code=1)
    after = place.amn("train", "lstm", code=1)
    gated = place.amn("gate", "lstm", "--first-run", code=1)

    assert before.startswith("BLOCKED BY mse: ")
    assert "C001-in_dist" in after
    assert sum("BLOCKED BY mse" in line for line in gated.splitlines()) == 1
    assert not (place.folder / "runs").exists()


def test_a_network_that_learned_nothing_fails_by_name(place: Workplace) -> None:
    floors = "in_dist = 0.2\nood = 0.2\ndelta = [-0.5, 0.5]"
    training = "seeds = [0]\nlr = 1e-9\nepochs = 2"
    place.case("idle", model='recipe = "recency"', training=training, criteria=floors)

    judged = place.amn("gate", "idle", "--first-run", code=1)

    assert "C004 lift_in_dist" in judged.splitlines()[-1]
    assert "C005 lift_ood" in judged.splitlines()[-1]
