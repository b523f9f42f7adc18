"""M: each check fires on a model that breaks it, and names the candidate and the number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch import Tensor, nn

from amn.checks.check import checks
from amn.data.dataset import open_dataset
from amn.errors import CheckpointError
from amn.training.checkpoint import load_checkpoint, save_checkpoint
from amn.training.networks.build import ModelSpec, build_model
from amn.verdict import Status

if TYPE_CHECKING:
    from pathlib import Path

SPEC = ModelSpec(architecture="amn/recency/1", dim=24, context=3, attention_dim=8, hidden_dim=16)


class DependsOnTheBatch(nn.Module):
    """Subtracts the mean over the batch, as a batch norm in training mode does."""

    def forward(self, context: Tensor) -> Tensor:
        last = context[:, -1]
        return last - 0.5 * last.mean(dim=0)


def with_scores(candidate: Any, split: str, **changes: Any) -> Any:
    """Return a candidate's evaluation with other scores of a split."""
    scores = candidate.recorded.scores
    changed = {**scores, split: replace(scores[split], **changes)}
    return replace(candidate.recorded, scores=changed)


def with_checkpoint(candidate: Any, **changes: Any) -> Any:
    """Return a loader of the candidate's checkpoint with other fields."""
    loaded = replace(candidate.load(), **changes)
    return lambda: loaded


@pytest.mark.parametrize("check", ["M001", "M002", "M003", "M004", "M005", "M006"])
def test_trained_models_pass(check: str, run_evidence: Any, passes: Any) -> None:
    passes(check, run_evidence())


def test_m001_fires_on_a_checkpoint_of_a_lookalike(
    run_evidence: Any, fires: Any, tmp_path: Path
) -> None:
    class Lookalike(nn.Module):
        """The recency network's names and shapes; the weights of the context are ignored."""

        def __init__(self) -> None:
            super().__init__()
            inner = build_model(SPEC)
            self.attention, self.residual = inner.attention, inner.residual
            self.recency = inner.recency

        def forward(self, context: Tensor) -> Tensor:
            mean = context.mean(dim=1)
            return mean + self.residual((mean, context[:, -1])) + context[:, 0]

    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Lookalike(), SPEC, articles=np.arange(3), provenance={})

    finding = fires("M001", run_evidence(load=lambda: load_checkpoint(path)))

    assert finding.where == "seed 0"
    assert "m.safetensors: probe parity: expected the answers it gave when saved" in finding.message
    assert "got a difference of 0." in finding.message


def test_m001_fires_on_a_checkpoint_that_is_gone(
    run_evidence: Any, fires: Any, tmp_path: Path
) -> None:
    def gone() -> Any:
        raise CheckpointError(tmp_path, "expected a checkpoint, found none")

    assert "found none" in fires("M001", run_evidence(load=gone)).message


def test_m001_warns_of_an_imported_checkpoint_without_a_probe(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    load = with_checkpoint(toy_candidates[0], is_imported=True)

    finding = fires("M001", run_evidence(load=load), Status.WARN)

    assert "expected a stored probe, got an imported file without one" in finding.message


@pytest.mark.parametrize("error", [0.31, 1.1e-4, math.nan])
def test_m002_fires_on_predictions_of_another_length(
    run_evidence: Any, toy_candidates: Any, fires: Any, error: float
) -> None:
    evaluation = with_scores(toy_candidates[0], "ood", norm_error=error)

    finding = fires("M002", run_evidence(evaluation=evaluation))

    assert finding.where == "seed 0, ood"
    assert finding.message == f"expected length 1 within 0.0001, got an error of {error:.3g}"


def test_m003_fires_on_a_model_that_depends_on_its_batch(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    load = with_checkpoint(toy_candidates[0], model=DependsOnTheBatch())

    outcome = checks()["M003"].run(run_evidence(load=load))
    finding = fires("M003", run_evidence(load=load))

    assert finding.where == "seed 0, in_dist"
    number = float(finding.message.rsplit(" ", 1)[1])
    assert number > 1e-3
    assert outcome.value.startswith("difference ")
    assert len(outcome.findings) == 2


def test_m004_fires_on_judged_articles_that_were_trained_on(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    load = with_checkpoint(toy_candidates[0], articles=np.array([1, 2, 54, 57]))

    finding = fires("M004", run_evidence(load=load))

    assert finding.where == "seed 0, ood"
    assert finding.message == "expected no article of its training, got 2 of 12 (54, 57)"


def test_m004_warns_when_the_training_articles_are_unknown(
    run_evidence: Any, toy_candidates: Any, fires: Any
) -> None:
    load = with_checkpoint(toy_candidates[0], articles=np.empty(0, np.int64))

    finding = fires("M004", run_evidence(load=load), Status.WARN)

    assert "got none: a leak cannot be ruled out" in finding.message


def test_m004_compares_no_ids_of_another_data_set(
    run_evidence: Any, toy_candidates: Any, toy_splits: Any, passes: Any, toy_data: Path
) -> None:
    load = with_checkpoint(toy_candidates[0], articles=np.array([54]))
    splits, judged = toy_splits["splits"], toy_splits["judged"]
    train = replace(splits["train"], dataset=open_dataset(toy_data))

    evidence = run_evidence(load=load).with_(splits={**splits, "train": train}, judged=judged)

    passes("M004", evidence)


@pytest.mark.parametrize(
    ("rank", "target_rank", "message"),
    [
        (1.3, 21.5, "expected an effective rank of at least 2.1, got 1.3 for targets of 21.5"),
        (math.nan, 20.0, "expected an effective rank of at least 2.0, got nan for targets of 20.0"),
        (0.0, 0.0, "expected an effective rank of at least 0.0, got 0.0 for targets of 0.0"),
    ],
)
def test_m005_fires_on_predictions_that_are_nearly_one_vector(
    run_evidence: Any,
    toy_candidates: Any,
    fires: Any,
    rank: float,
    target_rank: float,
    message: str,
) -> None:
    evaluation = with_scores(toy_candidates[0], "ood", rank=rank, target_rank=target_rank)

    finding = fires("M005", run_evidence(evaluation=evaluation))

    assert finding.where == "seed 0, ood"
    assert finding.message == message


def test_m005_passes_at_exactly_a_tenth(
    run_evidence: Any, toy_candidates: Any, passes: Any
) -> None:
    evaluation = with_scores(toy_candidates[0], "ood", rank=2.0, target_rank=20.0)

    passes("M005", run_evidence(evaluation=evaluation))


def test_m006_fires_on_another_architecture(
    run_evidence: Any, fires: Any, make_case: Any, tmp_path: Path
) -> None:
    case = make_case(tmp_path, model={"recipe": "original"})

    finding = fires("M006", run_evidence(case=case))

    assert finding.message == "expected amn/original/1, got amn/recency/1"


def test_m006_fires_on_another_context(run_evidence: Any, toy_candidates: Any, fires: Any) -> None:
    load = with_checkpoint(toy_candidates[0], spec=replace(SPEC, context=7))

    finding = fires("M006", run_evidence(load=load))

    assert finding.message == "expected context 3, got 7"
