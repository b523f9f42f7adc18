"""E009-E013, M007-M009: each check fires on a model that behaves so, and names the number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amn.checks.check import checks
from amn.evaluation import surroundings
from amn.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKS = ["E009", "E010", "E011", "E012", "E013", "M007", "M008", "M009"]


class Answer(nn.Module):
    """Answers with what a function makes of the context (B, T, D)."""

    def __init__(
        self, answer: Callable[[Tensor], Tensor], *, permutation_invariant: bool = False
    ) -> None:
        super().__init__()
        self.answer, self.permutation_invariant = answer, permutation_invariant

    def forward(self, context: Tensor) -> Tensor:
        return self.answer(context)


def noise(context: Tensor) -> Tensor:
    return torch.randn(len(context), context.shape[-1], generator=torch.Generator().manual_seed(0))


@pytest.fixture
def answering(run_evidence: Any) -> Callable[..., Any]:
    """Make evidence whose first candidate answers so."""

    def answering(answer: Callable[[Tensor], Tensor], **options: Any) -> Any:
        (trained,) = run_evidence(n=1)["checkpoints"]
        loaded = replace(trained, model=Answer(answer, **options))
        return run_evidence(n=1, load=lambda: loaded)

    return answering


@pytest.mark.parametrize("check", CHECKS)
def test_trained_models_pass(check: str, run_evidence: Any, passes: Any) -> None:
    passes(check, run_evidence())


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "M007"])
def test_the_mean_of_the_context_passes(check: str, answering: Any, passes: Any) -> None:
    passes(check, answering(lambda context: context.mean(dim=1)))


def test_e009_fires_on_a_model_that_points_to_the_oldest_row(answering: Any, fires: Any) -> None:
    finding = fires("E009", answering(lambda context: context[:, 0]))

    assert finding.where == "seed 0, in_dist"
    assert finding.message.startswith("expected the peak at offset 0 or -1, got 1.000 at -3 (")


@pytest.mark.parametrize(
    ("low", "status"), [(0.895, Status.PASS), (0.93, Status.HARNESS), (np.nan, Status.HARNESS)]
)
def test_e010_asks_for_less_where_any_two_targets_are_alike(
    low: float, status: Status, run_evidence: Any
) -> None:
    evidence = run_evidence(n=1)
    seen = evidence["behaviours"][0]
    curve = (low, *[low + (0.942 - low) * i / 8 for i in range(1, 9)])  # of E5's passages
    alike = replace(seen.behaviour, curve=curve, target_pairwise=0.75)

    outcome = checks()["E010"].run(
        evidence.with_(behaviours=(replace(seen, behaviour=alike), *evidence["behaviours"][1:]))
    )

    assert outcome.status is status


def test_e010_fires_on_random_predictions(answering: Any, fires: Any) -> None:
    finding = fires("E010", answering(noise))

    assert "expected a range of at least 0.05 over offsets -5 ... +3, got 0.0" in finding.message
    assert finding.message.endswith("the model is not connected to its input")


def test_e011_fires_on_one_vector_for_everything(answering: Any, fires: Any) -> None:
    finding = fires("E011", answering(lambda context: torch.ones_like(context[:, 0])))

    assert "over 128 predictions, got 50.0% (chance 50 %)" in finding.message


def test_e012_warns_of_predictions_that_miss_their_target_in_the_article(
    answering: Any, fires: Any
) -> None:
    finding = fires("E012", answering(lambda context: -context.mean(dim=1)), Status.WARN)

    assert finding.message.startswith("expected the target first more often than by chance, ")
    assert finding.message.endswith("7.7%, got 0.8% of 128 predictions")


def test_e013_fires_when_a_probe_is_off_by_one(
    run_evidence: Any, fires: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by_one(self: surroundings.Surroundings, offset: int) -> int:
        return int(np.searchsorted(self.offsets, offset)) + (offset <= 0)

    monkeypatch.setattr(surroundings.Surroundings, "_at", off_by_one)

    finding = fires("E013", run_evidence(n=1))

    assert "for the oracle at -1 = the last row at 0 within 1e-09, got 0." in finding.message


def test_m007_fires_on_a_model_that_breaks_its_declared_invariance(
    answering: Any, fires: Any
) -> None:
    evidence = answering(lambda context: context[:, -1], permutation_invariant=True)

    finding = fires("M007", evidence, Status.HARNESS)

    assert "as the architecture declares, got a difference of 0." in finding.message or (
        "as the architecture declares, got a difference of 1." in finding.message
    )


def test_m007_warns_of_a_model_that_has_learned_no_order(answering: Any, fires: Any) -> None:
    finding = fires("M007", answering(lambda context: context.mean(dim=1)), Status.WARN)

    assert finding.message.endswith("it has learned no order")


def test_m008_fires_on_a_model_that_reads_its_context_backwards(answering: Any, fires: Any) -> None:
    finding = fires("M008", answering(lambda context: context[:, 0]))

    assert "expected no gain from reading the context newest first, got +0." in finding.message


def test_m009_fires_on_one_vector_with_a_little_noise(answering: Any, fires: Any) -> None:
    evidence = answering(lambda context: torch.ones_like(context[:, 0]) + 0.05 * context[:, -1])

    finding = fires("M009", evidence)

    assert "expected predictions to differ at least 25% as much as targets, got " in finding.message


def test_nan_predictions_pass_no_check_of_behaviour(answering: Any) -> None:
    evidence = answering(lambda context: torch.full_like(context[:, 0], torch.nan))

    for check in ("E009", "E010", "E011", "E012", "M008", "M009"):
        assert checks()[check].run(evidence).status is not Status.PASS, check
