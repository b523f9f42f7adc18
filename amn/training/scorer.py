"""Candidates that were trained before: their files, opened and scored on a plan's windows."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.errors import CheckpointError
from amn.evaluation.metric import kept_metrics
from amn.evaluation.runner import PartScoring
from amn.storage import sha256_file
from amn.training.brought import kind_of
from amn.training.candidate import Begun, Candidate
from amn.training.checkpoint import Checkpoint, load_checkpoint, load_weights
from amn.training.plan import score_plan_references
from amn.training.run import load_run

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.evaluation.storage import Evaluation
    from amn.training.networks.build import ModelSpec
    from amn.training.plan import Plan
    from amn.training.run import Run


def open_checkpoint(path: Path, spec: ModelSpec) -> Checkpoint:
    """Load a checkpoint of ours, plain weights of a factory, ONNX, or the earlier project's `.pt`.

    Args:
        spec: The network that the case asks for.

    Raises:
        CheckpointError: If it is none of these, is damaged, or does not fit; with the way that
            does.
        MissingDependencyError: If it is ONNX, and onnxruntime is not installed.
    """
    kind = kind_of(path)
    if kind == "checkpoint":
        return load_checkpoint(path)
    if kind == "onnx":
        from amn.training.onnx import load_onnx  # noqa: PLC0415 - few models are ONNX

        return load_onnx(path, spec)
    if kind == "torch":
        from amn.training.original import import_original  # noqa: PLC0415 - the earlier project's

        return import_original(path, context=spec.context)
    if not spec.architecture.startswith("factory "):
        raise CheckpointError(
            path,
            f"expected a description, or a case that names its network, got plain weights and "
            f'{spec.architecture}. Fix: [model] factory = "module:function" in case.toml, or its '
            "predictions: amn gate CASE --predictions FILE",
        )
    return load_weights(path, spec)


class Scorer:
    """Scores checkpoints on a plan's windows; the reference predictors are fitted once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def _references(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        return score_plan_references(self.plan).judged

    def begin(self, path: Path, checkpoint: Checkpoint) -> Begun:
        """Begin to score a checkpoint; nothing is predicted yet.

        Args:
            path: Where it came from, for messages.

        Raises:
            CheckpointError: If it predicts vectors of another dimension.
        """
        dim = self.plan.train.dataset.dim
        if checkpoint.spec.dim != dim:
            message = f"expected vectors of {dim} numbers, got {checkpoint.spec.dim}"
            raise CheckpointError(path, message)
        parts = {
            name: PartScoring(checkpoint.model, self.plan.judged[name], asked=kept_metrics())
            for name in EVALUATED
        }
        return Begun(parts, lambda: self._references)

    def score(self, path: Path, checkpoint: Checkpoint) -> Evaluation:
        """Score a checkpoint beside the reference predictors: see `begin`."""
        return self.begin(path, checkpoint).evaluation()


def evaluate(plan: Plan, path: Path) -> Evaluation:
    """Score a checkpoint file on a plan's windows, beside the reference predictors.

    Raises:
        CheckpointError: If it cannot be loaded, or predicts vectors of another dimension.
    """
    return Scorer(plan).score(path, open_checkpoint(path, plan.spec))


def _from_run(scorer: Scorer, run: Run) -> Candidate:
    """Return a run whose checkpoint is scored again here; E007 compares with what it recorded."""
    return Candidate(
        name=run.folder.name,
        record=run.record,
        recorded=run.evaluation,
        load=run.checkpoint,
        score=partial(scorer.score, run.folder),
        begin=partial(scorer.begin, run.folder),
        digest=run.model_digest,
        settings=run.info["config"],
    )


def from_runs(plan: Plan, run_folders: tuple[Path, ...]) -> tuple[Candidate, ...]:
    """Runs that were brought along, scored again here; E007 compares with what they recorded.

    Raises:
        DataError: If a run folder is damaged.
    """
    scorer = Scorer(plan)
    return tuple(_from_run(scorer, load_run(folder)) for folder in run_folders)


def from_checkpoint(plan: Plan, checkpoint_file: Path) -> tuple[Candidate, ...]:
    """A checkpoint file that was brought along; it is not loaded yet.

    Raises:
        CheckpointError: If there is no such file.
    """
    scorer = Scorer(plan)
    if not checkpoint_file.is_file():
        raise CheckpointError(checkpoint_file, "expected a checkpoint, found none")
    return (
        Candidate(
            name=checkpoint_file.name,
            record=None,
            recorded=None,
            load=partial(open_checkpoint, checkpoint_file, plan.spec),
            score=partial(scorer.score, checkpoint_file),
            begin=partial(scorer.begin, checkpoint_file),
            digest=sha256_file(checkpoint_file),
        ),
    )
