"""Training and scoring a case on their own: what `amn train` and `amn eval` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.case.training import BLEND_LR
from amn.evaluation.storage import save_evaluation
from amn.evaluation.summary import summarise_split
from amn.gate.candidates import require_no_hold
from amn.gate.modes import evidence_of, run_gate
from amn.gate.options import GateOptions
from amn.training.plan import score_plan_references
from amn.training.run import find_run
from amn.training.scorer import Scorer, open_checkpoint
from amn.training.workers import run_jobs, seed_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from amn.case.load import Case
    from amn.engines import Engine
    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult
    from amn.training.plan import Plan
    from amn.training.run import Run


def train_case(
    case: Case,
    out: Path,
    seeds: Sequence[int] = (),
    *,
    progress: Callable[[int, int, str], None] | None = None,
    notify: Callable[[str], None] | None = None,
    device: str = "cpu",
    engine: Engine | None = None,
) -> Iterator[Run]:
    """Train seeds of a case into `out/<case>-seed-<n>` and yield each run as it ends.

    A seed whose run is there already is not trained again: killed and called again, it goes on.

    Args:
        notify: Called with `seed s: resuming at epoch n` when a killed training goes on, and with
            `seed s: finished before` when its run is there.
        device: `cpu` or `cuda`.
        engine: Where seeds are trained; None: on this machine.

    Raises:
        FileExistsError: If a folder has another run, or none, before anything is trained.
    """
    wanted = seeds or case.config.training.seeds
    plan = case_plan(case)
    folders = {seed: out / f"{case.name}-seed-{seed}" for seed in wanted}
    found = {seed: find_run(plan, seed, folder) for seed, folder in folders.items()}
    for seed, run in found.items():
        if run:
            if notify:
                notify(f"seed {seed}: finished before, in {run.folder}")
            yield run
    missing = {seed: folders[seed] for seed, run in found.items() if run is None}
    if not missing:
        return
    jobs = seed_jobs(plan, missing, score_plan_references(plan), device=device)
    yield from run_jobs(jobs, engine=engine, progress=progress, notify=notify)


def require_trainable(
    case: Case,
    cache: Path,
    *,
    today: date | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Return unless the case waits for another one, which is gated for it, that does not pass.

    Args:
        cache: Folder of runs by content, where the other case's are kept.
        today: What its waivers expire by; without it, none is in force.

    Raises:
        CheckNotRunError: While the other case does not pass.
        ConfigError: If there is no such case, or cases wait for each other.
    """

    def gate(other: Case) -> GateResult:
        return run_gate(other, GateOptions(cache=cache, today=today), progress=progress)

    if case.config.blocked_by is not None:
        require_no_hold(case, gate)


def with_init_from(case: Case, checkpoint: Path) -> Case:
    """Return a case that goes on from a checkpoint, at the rate of fine-tuning (1e-4)."""
    return case.with_training(init_from=str(checkpoint.resolve()), lr=BLEND_LR)


def evaluate_checkpoint(
    case: Case,
    path: Path,
    out: Path | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, Summary]:
    """Score a checkpoint on a case, write the evaluation to `out` if given, return the scores."""
    plan = case_plan(case)
    checkpoint = open_checkpoint(path, context=case.config.windows.context)
    if progress:
        progress(0, 1, "scoring every window")
    evaluation = Scorer(plan).score(path, checkpoint)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        save_evaluation(out, evaluation)
    return {split: summarise_split([evaluation], split) for split in EVALUATED}


def case_plan(case: Case) -> Plan:
    """Return the training plan of a case; its data is opened, not checked."""
    plan: Plan = evidence_of(case, GateOptions(cache=case.folder))["plan"]
    return plan
