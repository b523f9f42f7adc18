"""Where the judged models come from: trained here, a run folder, or a checkpoint file."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from amn.checks.evidence.runs import Candidate
from amn.config import EVALUATED
from amn.errors import CheckpointError
from amn.evaluation.runner import score
from amn.evaluation.storage import Evaluation
from amn.gate.cache import RunCache
from amn.storage import sha256_file
from amn.training.checkpoint import Checkpoint, load_checkpoint
from amn.training.original import import_original
from amn.training.plan import Plan, make_plan, score_plan_references
from amn.training.run import Run, load_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.case import Case
    from amn.checks.evidence.data import SplitEvidence
    from amn.gate.options import GateOptions

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
        folder=case.folder,
    )


def find_candidates(
    case: Case,
    evidence: SplitEvidence,
    options: GateOptions,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Candidate, ...]:
    """Return the candidates that the options ask for; what is brought along is not loaded yet.

    Raises:
        DataError: If a run folder is damaged.
        CheckpointError: If there is no such checkpoint.
    """
    plan = plan_for(case, evidence)
    if options.checkpoint:
        return (_from_checkpoint(Scorer(plan), options.checkpoint),)
    if options.runs:
        scorer = Scorer(plan)
        return tuple(_from_run(scorer, load_run(folder)) for folder in options.runs)
    runs = RunCache(options.cache).runs(plan, case.config.training.seeds, progress=progress)
    return tuple(trained(run) for run in runs)


def open_checkpoint(path: Path, *, context: int) -> Checkpoint:
    """Load a checkpoint of ours (`.safetensors`) or of the earlier project (`.pt`)."""
    if path.suffix == SAFETENSORS:
        return load_checkpoint(path)
    return import_original(path, context=context)


class Scorer:
    """Scores checkpoints on a plan's windows; the reference predictors are fitted once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def _references(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        return score_plan_references(self.plan).judged

    def score(self, path: Path, checkpoint: Checkpoint) -> Evaluation:
        """Score a checkpoint beside the reference predictors.

        Args:
            path: Where it came from, for messages.

        Raises:
            CheckpointError: If it predicts vectors of another dimension.
        """
        dim = self.plan.train.dataset.dim
        if checkpoint.spec.dim != dim:
            message = f"expected vectors of {dim} numbers, got {checkpoint.spec.dim}"
            raise CheckpointError(path, message)
        scores = {name: score(checkpoint.model, self.plan.judged[name]) for name in EVALUATED}
        return Evaluation(scores, self._references)


def trained(run: Run) -> Candidate:
    """Return a run that was trained for this case; its scores are of this case's windows."""
    return Candidate(
        name=f"seed {run.seed}",
        record=run.record,
        recorded=run.evaluation,
        load=run.checkpoint,
        score=lambda _: run.evaluation,
        digest=run.model_digest,
    )


def _from_checkpoint(scorer: Scorer, path: Path) -> Candidate:
    """Return a checkpoint file as a candidate."""
    if not path.is_file():
        raise CheckpointError(path, "expected a checkpoint, found none")
    return Candidate(
        name=path.name,
        record=None,
        recorded=None,
        load=partial(open_checkpoint, path, context=scorer.plan.config.windows.context),
        score=partial(scorer.score, path),
        digest=sha256_file(path),
    )


def _from_run(scorer: Scorer, run: Run) -> Candidate:
    """Return a run whose checkpoint is scored again here; E007 compares with what it recorded."""
    return Candidate(
        name=run.folder.name,
        record=run.record,
        recorded=run.evaluation,
        load=run.checkpoint,
        score=partial(scorer.score, run.folder),
        digest=run.model_digest,
    )
