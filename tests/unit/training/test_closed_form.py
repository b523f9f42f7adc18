"""Reference predictors as models, and networks that are mixed with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.diagnosis.paired import paired_trainings
from amn.errors import CheckNotRunError
from amn.evaluation.reference import RIDGE_SHARE, fit_references
from amn.evaluation.runner import predict, score
from amn.gate.acceptance import accept
from amn.gate.evidence import Evidence
from amn.gate.modes import GateOptions, plan_of, run_gate
from amn.training import closed_form
from amn.training.closed_form import fit, stack
from amn.training.loop import Start, train
from amn.training.networks.build import build_model
from amn.training.networks.linear import Ridge, Stacked, WeightedMean
from amn.training.record import TrainingRecord, ValidationReferences, mixture_in_words
from amn.training.run import load_run
from amn.training.seed import run_seed
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.training.plan import Plan, PlanReferences

KINDS = ("ridge", "weighted_mean", "mean", "last")
NOTHING = ValidationReferences(constant=0.0, mean=0.0)


@pytest.fixture
def closed(make_case: Callable[..., Case], tmp_path: Path) -> Callable[..., Case]:
    """Make the toy case with a model of some kind, and no settings of training."""

    def closed(kind: str, **sections: Any) -> Case:
        values = make_case(tmp_path).config.model_dump(by_alias=True, exclude_unset=True)
        values |= {"model": {"kind": kind}, "training": {}, **sections}
        return Case(tmp_path, CaseConfig.model_validate(values))

    return closed


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_predictor_predicts_the_same_as_a_model(
    closed: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(closed(kind))
    monkeypatch.setattr(closed_form, "PENALTIES", (RIDGE_SHARE,))
    rows = plan.judged["ood"].gather(slice(None))

    model, _ = fit(plan.spec, plan.train, plan.validation, NOTHING, 0)
    with torch.no_grad():
        got = predict(model, torch.from_numpy(rows[:, :-1])).numpy()

    wanted = fit_references(plan.train).predict(rows[:, :-1])[kind]
    np.testing.assert_allclose(got, wanted, atol=2e-6)


def test_validation_articles_choose_the_penalty(
    closed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(closed("ridge"))
    held = {}
    for penalty in closed_form.PENALTIES:
        with monkeypatch.context() as context:
            context.setattr(closed_form, "PENALTIES", (penalty,))
            alone, _ = fit(plan.spec, plan.train, plan.validation, NOTHING, 0)
            held[penalty] = score(alone, plan.validation).mean

    _, record = fit(plan.spec, plan.train, plan.validation, NOTHING, 0)

    assert len({round(value, 6) for value in held.values()}) > 1
    assert record.best_val_cosine == pytest.approx(max(held.values()), abs=1e-9)


def test_no_seed_moves_it_and_its_record_is_one_step(closed: Any) -> None:
    plan = plan_of(closed("ridge"))

    one, record = fit(plan.spec, plan.train, plan.validation, NOTHING, 0)
    other, _ = fit(plan.spec, plan.train, plan.validation, NOTHING, 5)

    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    assert [(line.epoch, line.steps) for line in record.epochs] == [(1, 1)]
    assert (record.status, record.best_epoch) == ("finished", 1)
    assert record.n_parameters == 2 * 24 * 24 + 3


def test_a_ridge_passes_with_one_seed_and_is_compared_with_the_others(
    closed: Any, toy_cache: Path
) -> None:
    case = closed("ridge")

    result = run_gate(case, GateOptions(cache=toy_cache, first_run=True))

    bad = {o.check for o in result.outcomes if o.has_failed}
    assert bad <= {"C001", "C002", "C003", "C004", "C005"}  # what the toy is worth is not the point
    assert next(o for o in result.outcomes if o.check == "E008").status is Status.PASS
    assert [*result.scores["ood"].references] == ["constant", "last", "mean", "weighted_mean"]


def test_a_limit_on_lift_leaves_the_model_itself_out(closed: Any, toy_cache: Path) -> None:
    criteria = {
        "in_dist": 0.1,
        "ood": 0.1,
        "delta": [-1.0, 1.0],
        "lift": -1.0,
        "limit": [{"id": "C101", "metric": "lift", "split": "ood", "least": -1.0}],
    }

    result = run_gate(
        closed("ridge", criteria=criteria), GateOptions(cache=toy_cache, first_run=True)
    )

    number = next(o for o in result.outcomes if o.check == "C101").number
    assert number == pytest.approx(result.scores["ood"].lift.mean, abs=1e-12)
    assert result.scores["ood"].strongest != "ridge"


def test_its_golden_has_one_seed(closed: Any, toy_cache: Path) -> None:
    case = closed("ridge", criteria={"in_dist": 0.1, "ood": 0.1, "delta": [-1.0, 1.0], "lift": -1})

    golden = accept(
        case,
        cache=toy_cache,
        seeds=range(5),
        reason="first",
        author="us",
        created=date(2026, 1, 1),
    ).golden

    assert golden.record.seeds == (0,)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"training": {"epochs": 3}}, 'got epochs beside model.kind "ridge". Fix: remove it'),
        ({"training": {"seeds": [0, 1]}}, "expected one, got 2 beside"),
        (
            {"model": {"kind": "ridge", "stack": True}},
            "expected a network to mix, got kind 'ridge'",
        ),
        ({"model": {"kind": "ridge", "dropout": 0.1}}, "dropout = 0.1: no size of ridge"),
    ],
)
def test_what_means_nothing_for_a_closed_form_is_refused(
    closed: Any, sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        closed("ridge", **sections)


def test_a_case_that_mixes_nothing_is_resolved_as_before(make_case: Any, tmp_path: Path) -> None:
    plain, stacked = make_case(tmp_path), make_case(tmp_path, model={"stack": True})

    assert "stack" not in plain.config.resolved()["model"]
    assert stacked.config.resolved()["model"]["stack"] is True
    assert stacked.config.model.architecture == plain.config.model.architecture + " + linear/1"
    assert stacked.config.training.early_stopping == 8
    assert plain.config.training.early_stopping is None


def record_of(plan: Plan) -> TrainingRecord:
    return fit(replace(plan.spec, architecture="mean/1"), plan.train, plan.validation, NOTHING, 0)[
        1
    ]


def context_mean(*weights: float) -> WeightedMean:
    network = WeightedMean(context=len(weights))
    network.weights.data = torch.tensor(weights)
    return network


def mixed(plan: Plan, *weights: float) -> tuple[Stacked, TrainingRecord]:
    """Mix a weighted mean, in the place of a network, with what the plan's windows fit."""
    return stack(context_mean(*weights), record_of(plan), plan.train, plan.validation)


def test_a_mixture_is_the_best_of_its_grid_on_validation(toy_plan: Plan) -> None:
    model, record = mixed(toy_plan, 0.9, -0.4, 0.1)
    best = score(model, toy_plan.validation).mean

    assert sum(record.mixture.values()) == pytest.approx(1)
    assert record.n_parameters == sum(p.numel() for p in model.parameters())
    for shares in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0.35, 0.2, 0.45)]:
        model.shares.data = torch.tensor(shares, dtype=torch.float32)
        assert score(model, toy_plan.validation).mean <= best + 1e-9


def test_a_network_that_learned_nothing_gets_no_share(toy_plan: Plan) -> None:
    _, record = mixed(toy_plan, -1.0, 0.0, 0.0)

    assert record.mixture["network"] == 0
    assert not mixture_in_words([record]).startswith("network")


def test_a_stacked_run_is_written_and_loaded_whole(
    make_case: Any, toy_references: PlanReferences, tmp_path: Path
) -> None:
    plan = plan_of(make_case(tmp_path, model={"stack": True}))

    run = run_seed(plan, 0, tmp_path / "run", references=toy_references)

    loaded = load_run(tmp_path / "run").checkpoint()
    assert isinstance(loaded.model, Stacked)
    assert loaded.spec.is_stacked
    assert run.record.mixture
    held = score(loaded.model, plan.judged["ood"]).cosines
    np.testing.assert_allclose(held, run.evaluation.scores["ood"].cosines, atol=1e-6)


def test_what_goes_on_from_a_mixture_keeps_its_ridge(
    make_case: Any, toy_references: PlanReferences, tmp_path: Path
) -> None:
    plan = plan_of(make_case(tmp_path, model={"stack": True}))
    with torch.random.fork_rng(devices=[]):
        model = build_model(plan.spec)
    known = torch.full_like(model.ridge.correction.weight, 0.01)
    weights = {**model.state_dict(), "ridge.correction.weight": known}

    trained = train(
        plan.spec,
        plan.train,
        plan.validation,
        plan.config.training,
        seed=0,
        references=toy_references.validation,
        start=Start(weights=weights),
    )

    assert torch.equal(trained.model.state_dict()["ridge.correction.weight"], known)


def test_no_short_training_says_what_a_closed_form_lacks(closed: Any) -> None:
    given = {"plan": plan_of(closed("ridge")), "loaded": (), "evaluations": (), "scans": {}}

    with pytest.raises(CheckNotRunError, match=r"expected a network, got ridge/1, without steps"):
        paired_trainings(Evidence({}, **given), deadline=0.0)


def test_an_untrained_ridge_is_the_mean_of_its_context() -> None:
    context = torch.randn(5, 3, 8, generator=torch.Generator().manual_seed(0))

    assert torch.allclose(Ridge(dim=8, context=3)(context), context.mean(dim=1), atol=1e-6)


def test_a_mixture_is_said_in_words(toy_plan: Plan) -> None:
    record = record_of(toy_plan)
    shares = [
        {"network": 0.5, "ridge": 0.5, "weighted_mean": 0.0},
        {"network": 0.1, "ridge": 0.9, "weighted_mean": 0.0},
    ]

    assert mixture_in_words([record]) == ""
    assert (
        mixture_in_words([replace(record, mixture=one) for one in shares])
        == "ridge 0.70, network 0.30"
    )
