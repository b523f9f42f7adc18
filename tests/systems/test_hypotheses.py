"""The hypotheses of a failed training: planted ones are supported, others refuted, in time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.data.writer import Chunks, write_dataset
from tests.strategies import running_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.systems.conftest import Workplace

ARTICLES, ROWS, DIM = 80, 24, 16  # 50 train, 15 are in-dist, 15 OOD
TURN = 0.3  # radians a row: what there is to learn
PLAN = "150x3"


def article(rng: np.random.Generator, noise: float, *, is_reversed: bool = False) -> NDArray:
    """Rows that turn, a step a row; of reversed ones what follows is what came before."""
    scale = np.repeat(0.7 ** np.arange(DIM // 2), 2)
    planes = (rng.normal(size=DIM) * scale).reshape(-1, 2)
    angles = TURN * np.arange(ROWS)[:, None]
    cos, sin = np.cos(angles), np.sin(angles)
    turned = [cos * planes[:, 0] - sin * planes[:, 1], sin * planes[:, 0] + cos * planes[:, 1]]
    rows = np.stack(turned, axis=-1).reshape(ROWS, DIM)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows += noise * rng.normal(size=rows.shape) / np.sqrt(DIM)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows[::-1] if is_reversed else rows).astype(np.float32)


def case_of(place: Workplace, plant: str, **training: object) -> str:
    """Write the data with a plant, and a case over it whose floors nothing reaches."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(ARTICLES):
        is_mixed = i < 50 and i % 4 == 0
        if plant == "diluted":
            rows.append(article(rng, 1.0 if is_mixed else 0.4, is_reversed=is_mixed))
        elif plant == "hard ood":
            rows.append(article(rng, 1.0 if i >= 65 else 0.4))
        else:
            rows.append(article(rng, 0.2, is_reversed=plant == "new rows" and 30 <= i < 50))
    ids, index = running_keys(*[ROWS] * ARTICLES, first=1)
    chunks = Chunks(article_ids=ids, chunk_index=index)
    write_dataset(place.folder / "rows", np.concatenate(rows), chunks, name="x", dtype="float32")
    settings = {"epochs": 20, "batch_size": 32, "lr": 0.003, "seeds": [0, 1], **training}
    folder = place.case(
        "plant",
        data=place.folder / "rows",
        model="attention_dim = 8\nhidden_dim = 64",
        training="\n".join(f"{name} = {value}" for name, value in settings.items()),
        criteria="in_dist = 0.99\nood = 0.99\ndelta = [-0.5, 0.5]",
    )
    text = (folder / "case.toml").read_text()
    for split, ids_of in (("in_dist", "51-65"), ("ood", "66-80")):
        text = text.replace(
            f'{split} = {{ file = "{place.data}/splits.json" }}',
            f'{split} = {{ articles = "{ids_of}" }}',
        )
    (folder / "case.toml").write_text(text)
    return "plant"


def answers(place: Workplace, *words: str) -> dict[str, str]:
    options = ("--first-run", "--run-experiments", "--format", "json", *words)
    shown = place.amn("diagnose", "plant", *options)
    found = json.loads(shown[shown.index("{") :])["diagnoses"][0]
    return {one["cause"]: one["answer"] for one in found["hypotheses"]}


@pytest.mark.parametrize(
    ("plant", "training", "supported", "refuted"),
    [
        ("diluted", {}, {"dilution"}, {"learning_rate", "new_rows"}),
        ("new rows", {}, {"new_rows"}, {"dilution", "learning_rate"}),
        ("hard ood", {}, set(), {"dilution", "context", "learning_rate", "new_rows"}),
        ("none", {"lr": 1e-9}, {"learning_rate"}, {"dilution", "new_rows"}),
    ],
)
def test_what_is_planted_is_supported_and_what_is_not_is_refuted(
    place: Workplace, plant: str, training: dict, supported: set, refuted: set
) -> None:
    case_of(place, plant, **training)

    new = ("--new", "31-50") if plant == "new rows" else ()
    found = answers(place, "--plan", PLAN, *new)

    assert set(found) == {"dilution", "context", "learning_rate", "new_rows"}
    assert {cause for cause, answer in found.items() if answer == "supported"} >= supported
    assert {cause for cause, answer in found.items() if answer == "refuted"} >= refuted


def test_rows_that_are_said_to_be_new_are_those_that_are_left_out(place: Workplace) -> None:
    case_of(place, "new rows")

    assert answers(place, "--plan", PLAN, "--new", "1-20")["new_rows"] == "refuted"
    assert answers(place, "--plan", PLAN, "--new", "31-50")["new_rows"] == "supported"


def test_the_plan_that_a_budget_came_to_gives_the_same_answers(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.diagnosis.paired.MOST_SEEDS", 2)
    case_of(place, "none", epochs=3)
    place.amn("gate", "plant", "--first-run", code=1)  # what the budget does not count
    words = ("diagnose", "plant", "--first-run", "--run-experiments")

    def trainings(*more: str) -> list[str]:
        shown = place.amn(*words, *more, "--format", "json")
        trials = json.loads(shown[shown.index("{") :])["diagnoses"][0]["experiments"]
        lines: list[str] = trials[-1]["lines"]
        return lines

    sized = trainings("--minutes", "60")  # all steps of the case, on a machine of any speed
    plan = sized[-1].removeprefix("the same again: ").split()
    again = trainings(*plan)

    assert again == sized
    assert trainings("--minutes", "0.0001")[0].startswith("trainings: expected time for 64 steps")
