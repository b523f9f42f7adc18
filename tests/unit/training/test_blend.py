"""Fine-tuning goes on from a checkpoint on new articles, and minds the old ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.case.config import CaseConfig
from amn.errors import ArgumentError, CheckpointError
from amn.evaluation.runner import score
from amn.training.checkpoint import load_checkpoint, save_checkpoint
from amn.training.networks.build import build_model
from amn.training.plan import plan_for, score_plan_references
from amn.training.seed import run_seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.evidence import Evidence
    from amn.training.plan import Plan

OLD = np.arange(1, 21)


@pytest.fixture
def checkpoint(toy_plan: Plan, tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint of the toy's network, which has seen articles 1 to 20."""

    def checkpoint(articles: Any = OLD, *, spec: Any = toy_plan.spec) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            model = build_model(spec)
        path = tmp_path / "old.safetensors"
        save_checkpoint(path, model, spec, articles=articles, provenance={})
        return path

    return checkpoint


@pytest.fixture
def blend(toy_case: Case, toy_splits: Evidence) -> Callable[[Path], Plan]:
    return lambda path: plan_for(
        toy_case.going_on_from(path),
        toy_splits["splits"],
        toy_splits["windows"],
    )


def test_only_new_articles_are_trained_and_validated_on(checkpoint: Any, blend: Any) -> None:
    plan = blend(checkpoint())

    new = set(plan.train.article_ids) | set(plan.validation.article_ids)
    assert new == set(range(21, 41))
    assert set(plan.blend.retained.article_ids) == set(OLD)
    assert plan.seen_articles().tolist() == list(range(1, 41))


def test_the_rate_of_fine_tuning_is_the_plans(toy_case: Case, checkpoint: Any) -> None:
    assert toy_case.going_on_from(checkpoint()).config.training.lr == 1e-4


@pytest.mark.parametrize(("own", "lr"), [({}, 1e-4), ({"lr": 0.002}, 0.002)])
def test_a_case_may_name_its_checkpoint(toy_case: Case, own: dict[str, Any], lr: float) -> None:
    values = toy_case.config.resolved()
    values["training"] = {"init_from": "old.safetensors", **own}

    assert CaseConfig.model_validate(values).training.lr == lr


def test_retention_is_the_score_on_old_articles_before_and_after(
    checkpoint: Any, blend: Any, tmp_path: Path
) -> None:
    path = checkpoint()
    plan = blend(path)

    run = run_seed(plan, 0, tmp_path / "run", references=score_plan_references(plan))

    facts = run.info["retention"]
    old, new = (load_checkpoint(p).model for p in (path, run.folder / "model.safetensors"))
    assert facts["before"] == pytest.approx(score(old, plan.blend.retained).mean)
    assert facts["after"] == pytest.approx(score(new, plan.blend.retained).mean)
    assert (facts["windows"], facts["articles"]) == (len(plan.blend.retained), len(OLD))
    assert run.checkpoint().articles.tolist() == list(range(1, 41))


def test_a_checkpoint_without_old_articles_in_train_has_no_retention(
    checkpoint: Any, blend: Any, tmp_path: Path
) -> None:
    plan = blend(checkpoint(np.array([900])))

    run = run_seed(plan, 0, tmp_path / "run", references=score_plan_references(plan))

    facts = run.info["retention"]
    assert (facts["windows"], facts["before"], facts["after"]) == (0, None, None)


def test_a_key_changes_with_the_checkpoint_and_not_with_its_place(
    checkpoint: Any, blend: Any, toy_plan: Plan, tmp_path: Path
) -> None:
    path = checkpoint()
    first = blend(path).key(0)
    moved = path.rename(tmp_path / "moved.safetensors")

    assert blend(moved).key(0) == first != toy_plan.key(0)
    assert blend(checkpoint(OLD[:10])).key(0) != first


def test_another_network_is_refused(checkpoint: Any, blend: Any, toy_plan: Plan) -> None:
    path = checkpoint(spec=replace(toy_plan.spec, hidden_dim=8, dropout=0.1))

    with pytest.raises(CheckpointError, match=r"expected the case's network, hidden_dim 16, got 8"):
        blend(path)


def test_a_checkpoint_that_does_not_say_what_it_has_seen_is_refused(
    checkpoint: Any, blend: Any
) -> None:
    with pytest.raises(CheckpointError, match="expected a list of training articles, got none"):
        blend(checkpoint(np.empty(0, np.int64)))


def test_a_checkpoint_that_has_seen_everything_leaves_nothing_to_train_on(
    checkpoint: Any, blend: Any
) -> None:
    with pytest.raises(ArgumentError, match=r"got 0 that init_from has not seen\. Fix: more"):
        blend(checkpoint(np.arange(1, 41)))


def test_a_missing_checkpoint_is_named(blend: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: expected a checkpoint, found none"):
        blend(tmp_path / "nowhere")
