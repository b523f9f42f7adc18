"""Where the judged models come from: trained here, a run folder, or a checkpoint file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from amn.checks.evidence import Candidate
from amn.config import EVALUATED
from amn.errors import CheckpointError
from amn.evaluation.runner import score
from amn.evaluation.storage import Evaluation
from amn.gate.cache import RunCache
from amn.storage import sha256_file
from amn.training.checkpoint import Checkpoint, load_checkpoint
from amn.training.original import import_original
from amn.training.run import Plan, Run, load_run, make_plan, score_plan_references

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.checks.evidence import SplitEvidence
    from amn.config import Case
    from amn.gate.session import GateOptions

SAFETENSORS = ".safetensors"


def plan_for(case: Case, evidence: SplitEvidence) -> Plan:
    """Return the training plan of a case."""
    splits = evidence.splits
    digests = {f"dataset.{name}": split.dataset.digest for name, split in splits.items()}
    return make_plan(
        case.config,
        evidence.windows,
        {name: split.articles for name, split in splits.items()},
        {**digests, "config": case.config.digest()},
    )


def find_candidates(
    case: Case,
    evidence: SplitEvidence,
    options: GateOptions,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Candidate, ...]:
    """Return the candidates that the options ask for, scored on the case's windows.

    Raises:
        DataError: If a run folder is damaged.
        CheckpointError: If a checkpoint cannot be loaded, so that nothing can be scored.
    """
    plan = plan_for(case, evidence)
    if options.checkpoint:
        return (_from_checkpoint(plan, options.checkpoint),)
    if options.runs:
        return tuple(_from_run(plan, load_run(folder)) for folder in options.runs)
    cache = RunCache(options.cache)
    runs = [cache.run(plan, seed, progress=progress) for seed in case.config.training.seeds]
    return tuple(
        Candidate(
            name=f"seed {run.seed}",
            record=run.record,
            recorded=run.evaluation,
            evaluation=run.evaluation,
            load=run.checkpoint,
            digest=run.model_digest,
        )
        for run in runs
    )


def open_checkpoint(path: Path, *, context: int) -> Checkpoint:
    """Load a checkpoint of ours (`.safetensors`) or of the earlier project (`.pt`)."""
    if path.suffix == SAFETENSORS:
        return load_checkpoint(path)
    return import_original(path, context=context)


def score_checkpoint(plan: Plan, checkpoint: Checkpoint, path: Path) -> Evaluation:
    """Score a checkpoint on a plan's windows, beside the reference predictors.

    Raises:
        CheckpointError: If it predicts vectors of another dimension.
    """
    dim = plan.train.dataset.dim
    if checkpoint.spec.dim != dim:
        raise CheckpointError(path, f"expected vectors of {dim} numbers, got {checkpoint.spec.dim}")
    scores = {name: score(checkpoint.model, plan.judged[name]) for name in EVALUATED}
    return Evaluation(scores, score_plan_references(plan).judged)


def _from_checkpoint(plan: Plan, path: Path) -> Candidate:
    """Load and score a checkpoint file."""
    context = plan.config.windows.context
    evaluation = score_checkpoint(plan, open_checkpoint(path, context=context), path)
    return Candidate(
        name=path.name,
        record=None,
        recorded=None,
        evaluation=evaluation,
        load=partial(open_checkpoint, path, context=context),
        digest=sha256_file(path),
    )


def _from_run(plan: Plan, run: Run) -> Candidate:
    """Score a run's checkpoint again on the case's windows; E007 compares with what it recorded."""
    return Candidate(
        name=run.folder.name,
        record=run.record,
        recorded=run.evaluation,
        evaluation=score_checkpoint(plan, run.checkpoint(), run.folder),
        load=run.checkpoint,
        digest=run.model_digest,
    )
