"""A gate whose training is broken is over early, and says where; one like the golden's is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import torch

from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, gate_of, train_together
from amn.golden.store import TABLE_FILE, write_golden
from amn.golden.waivers import Waiver
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.gate.run import Gate
    from amn.golden.schema import Golden


@pytest.fixture
def gate(make_case: Any, toy_golden: Golden, tmp_path: Path) -> Callable[..., Gate]:
    """A gate of the toy case with its golden, and an empty cache."""

    def gate(*, cache: Path | None = None, accepted: Golden = toy_golden, **sections: Any) -> Gate:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        write_golden(folder, accepted)
        return gate_of(make_case(folder, **sections), GateOptions(cache=cache or tmp_path / "runs"))

    return gate


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training in which no weight ever moves."""
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda _: None)


def epochs(gate: Gate) -> list[int]:
    return [len(one.record.epochs) for one in gate.evidence["candidates"]]


def test_a_golden_keeps_the_course_of_its_seeds(toy_golden: Golden, toy_runs: Any) -> None:
    course = toy_golden.record.course

    assert course
    assert (course.windows, course.mean) == (52, 0.752513)
    assert [len(seed) for seed in course.best] == [3] * 5
    first = [line.val_cosine for line in toy_runs[0].record.epochs]
    assert course.best[0] == tuple(round(max(first[: n + 1]), 6) for n in range(3))


def test_a_mixture_comes_to_more_than_its_network_so_it_has_no_course(
    make_case: Any, tmp_path: Path
) -> None:
    mixed = make_case(tmp_path / "case", model={"stack": True}, training={"epochs": 1})
    made = {"reason": "mixed", "author": "A. Nonymous", "created": date(2025, 1, 31)}

    accepted = accept(mixed, cache=tmp_path / "runs", seeds=range(5), **made)

    assert accepted.golden.record.course is None


@pytest.mark.usefixtures("frozen")
def test_every_seed_of_a_broken_training_is_stopped_and_none_passes(
    gate: Callable[..., Gate],
) -> None:
    found = gate()

    assert epochs(found) == [1, 1, 1]
    outcome = found.outcome("R016")
    assert outcome.status is Status.FAIL
    assert [finding.where for finding in outcome.findings] == [
        f"seed {seed}, epoch 1" for seed in range(3)
    ]
    assert "after epoch 1 of 3, where the golden's seeds had 0.78" in outcome.findings[0].message
    assert found.result().verdict is Verdict.FAIL


@pytest.mark.usefixtures("frozen")
def test_what_was_stopped_is_not_trained_again_and_not_taken_for_the_whole(
    gate: Callable[..., Gate], tmp_path: Path
) -> None:
    first = gate()
    cache = tmp_path / "runs"
    train_together([first], GateOptions(cache=cache))
    before = {path: path.stat().st_mtime_ns for path in cache.glob("*/*/run.json")}

    assert epochs(gate()) == [1, 1, 1]
    assert {path: path.stat().st_mtime_ns for path in cache.glob("*/*/run.json")} == before
    assert epochs(gate(golden={"futility": False})) == [3, 3, 3]


def test_without_a_course_or_with_the_switch_off_nobody_asks(
    gate: Callable[..., Gate], toy_golden: Golden
) -> None:
    older = replace(toy_golden, record=toy_golden.record.model_copy(update={"course": None}))

    for found in (gate(golden={"futility": False}), gate(accepted=older)):
        assert "R016" not in {check.id for check in found.declared}
        assert found.evidence.get("aim") is None


def test_a_damaged_table_is_named_by_its_own_check_alone(
    gate: Callable[..., Gate], toy_cache: Path, tmp_path: Path
) -> None:
    found = gate(cache=toy_cache)
    (tmp_path / "case" / TABLE_FILE).write_bytes(b"damaged")

    assert found.outcome("R016").status is Status.PASS
    assert found.outcome("G004").has_failed
    assert found.result().verdict is Verdict.HARNESS


@pytest.mark.usefixtures("frozen")
def test_seeds_end_at_the_look_at_which_one_was_stopped(gate: Callable[..., Gate]) -> None:
    looks = {"adaptive_seeds": [3, 5]}
    found = gate(golden=looks, training={"seeds": [0, 1, 2, 3, 4]})

    assert epochs(found) == [1, 1, 1]
    assert found.outcome("E008").status is Status.PASS


def test_what_is_as_good_as_the_golden_is_not_stopped(
    gate: Callable[..., Gate], toy_cache: Path
) -> None:
    outcome = gate(cache=toy_cache).outcome("R016")

    assert outcome.status is Status.PASS
    assert outcome.value.startswith("0 of 3 stopped, least to spare +0.0")


@pytest.mark.parametrize(
    ("sections", "apart"),
    [
        ({}, ""),
        ({"training": {"seeds": [7, 8, 9]}, "golden": {"margin": 0.02}}, ""),
        ({"training": {"lr": 0.001}}, "training.lr 0.001, 0.003 in the golden"),
        ({"model": {"hidden_dim": 8}}, "model.hidden_dim 8, 16 in the golden"),
        ({"training": {"epochs": 4}}, "training.epochs 4, 3 in the golden"),
        ({"training": {"init_from": "x.safetensors"}}, "weights that the golden does not know"),
    ],
)
def test_another_recipe_has_a_course_of_its_own(
    gate: Callable[..., Gate], sections: dict[str, Any], apart: str
) -> None:
    found = gate(**sections).evidence["aim"].apart

    assert (apart in found) if apart else found == ""


def test_the_higher_of_floor_and_golden_less_margin_is_needed_unless_it_is_waived(
    gate: Callable[..., Gate], toy_golden: Golden
) -> None:
    means = {split: one.mean for split, one in toy_golden.record.metrics.items()}
    strict = {"criteria": {"ood": 0.9}}

    def needed(*waived: str, **sections: Any) -> dict[str, float]:
        day = date(2025, 1, 31)
        waivers = tuple(Waiver(check, "known", "A. Nonymous", day, day) for check in waived)
        aim = gate(**sections).evidence.with_(waivers=waivers)["aim"]
        return {split: need.least for split, need in aim.needs.items()}

    by_golden = {split: mean - 0.01 for split, mean in means.items()}
    assert needed() == by_golden
    assert needed(**strict) == {**by_golden, "ood": 0.9}
    assert needed("C002", **strict) == by_golden
    assert needed("G001", "G002") == {"in_dist": 0.3, "ood": 0.3}
    assert needed("G001", "C002") == {"in_dist": by_golden["in_dist"]}
    assert needed("R016") == {}
