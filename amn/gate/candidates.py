"""Where the judged models come from: trained here, a run folder, or a checkpoint file."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.case.load import load_case
from amn.checks.comparison import Sides, is_decided
from amn.errors import CheckNotRunError, CheckpointError, ConfigError, GoldenError
from amn.evaluation.runner import score
from amn.evaluation.storage import Evaluation
from amn.storage import sha256_file
from amn.training.candidate import Candidate
from amn.training.checkpoint import Checkpoint, load_checkpoint
from amn.training.original import import_original
from amn.training.plan import Plan, make_plan, score_plan_references
from amn.training.run import Run, load_run
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden


def require_no_hold(case: Case, gate: Callable[[Case], GateResult]) -> None:
    """Return when nothing holds the case back.

    Args:
        gate: Gates the case that this one waits for, which lies beside it.

    Raises:
        CheckNotRunError: While that case does not pass.
        ConfigError: If there is no such case, or cases wait for each other.
    """
    blocker = _find_blocker(case)
    if blocker is None:
        return
    result = gate(blocker)
    if result.verdict is not Verdict.PASS:
        failed = ", ".join(outcome.label for outcome in result.outcomes if outcome.has_failed)
        raise CheckNotRunError(
            f"{case.file}: blocked_by: expected {blocker.name} to pass before this case is trained,"
            f" got {result.verdict.name}{failed and f' ({failed})'}. Fix: {result.reproduce}"
        )


def _find_blocker(case: Case) -> Case | None:
    """Return the case that this one waits for, after following the chain to its end."""
    chain, current, first = [case.name], case, None
    while name := current.config.blocked_by:
        chain.append(name)
        if name in chain[:-1]:
            message = f"blocked_by: expected a chain with an end, got {' -> '.join(chain)}"
            raise ConfigError(case.file, [message])
        current = load_case(current.folder.resolve().parent / name)
        first = first or current
    return first


SAFETENSORS = ".safetensors"


def plan_for(case: Case, splits: dict[str, Split], windows: dict[str, Windows]) -> Plan:
    """Return the training plan of a case."""
    digests = {f"dataset.{name}": split.dataset.digest for name, split in splits.items()}
    return make_plan(
        case.config,
        windows,
        {name: split.articles for name, split in splits.items()},
        {**digests, "config": case.config.digest()},
        folder=case.folder,
    )


def trained(
    case: Case,
    runs_of: Callable[[Sequence[int]], list[Run]],
    gate_other: Callable[[Case], GateResult],
) -> tuple[Candidate, ...]:
    """Runs of every seed of the case.

    Raises:
        CheckNotRunError: While the case waits for another one that does not pass.
    """
    require_no_hold(case, gate_other)
    return tuple(of_training(run) for run in runs_of(case.config.training.seeds))


def trained_adaptively(
    case: Case,
    runs_of: Callable[[Sequence[int]], list[Run]],
    gate_other: Callable[[Case], GateResult],
    found_golden: Golden | GoldenError,
) -> tuple[Candidate, ...]:
    """The seeds that it takes to decide: more are trained only while the golden's cannot be told.

    Raises:
        CheckNotRunError: While the case waits for another one that does not pass.
    """
    require_no_hold(case, gate_other)
    limits = case.config.golden
    candidates: tuple[Candidate, ...] = ()
    for look in limits.adaptive_seeds or ():
        new = case.config.training.seeds[len(candidates) : look]
        candidates += tuple(of_training(run) for run in runs_of(new))
        if isinstance(found_golden, GoldenError):  # no seed mends it, and G004 names it
            break
        scored = [candidate.recorded for candidate in candidates if candidate.recorded]
        looks = limits.looks_until(look)
        if is_decided(Sides(tuple(scored), found_golden, limits, case.folder, looks)):
            break
    return candidates


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
    context = plan.config.windows.context
    return (
        Candidate(
            name=checkpoint_file.name,
            record=None,
            recorded=None,
            load=partial(open_checkpoint, checkpoint_file, context=context),
            score=partial(scorer.score, checkpoint_file),
            digest=sha256_file(checkpoint_file),
        ),
    )


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


def of_training(run: Run) -> Candidate:
    """Return a run that was trained for this case; its scores are of this case's windows."""
    return Candidate(
        name=f"seed {run.seed}",
        record=run.record,
        recorded=run.evaluation,
        load=run.checkpoint,
        score=lambda _: run.evaluation,
        digest=run.model_digest,
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
