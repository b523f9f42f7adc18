"""One seed: trained, scored, and written as a run."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.errors import AmnError, CheckNotRunError
from amn.evaluation.metric import kept_metrics
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.runner import score
from amn.evaluation.storage import Evaluation, save_evaluation
from amn.storage import atomic_folder, sha256_file, with_digest, write_json
from amn.training.aim import is_futile
from amn.training.blend import score_retention
from amn.training.checkpoint import save_checkpoint
from amn.training.loop import Start, Trained, train
from amn.training.networks.build import admit
from amn.training.plan import TRAINING_VERSION, Plan, PlanReferences
from amn.training.run import (
    MODEL_FILE,
    RUN_FILE,
    RUN_FILES,
    Run,
    clear_left_overs,
    given_up,
    load_run,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_seed(
    plan: Plan,
    seed: int,
    folder: Path,
    *,
    references: PlanReferences,
    progress: Callable[[int, int, str], None] | None = None,
    notify: Callable[[str], None] | None = None,
    device: str = "cpu",
) -> Run:
    """Train one seed, score it, and write its folder, whole or not at all.

    One that is stopped on the way to its aim is written where `given_up` says.

    A file beside the folder keeps the state of the training meanwhile: killed and called again, it
    goes on after the last whole epoch and ends in the same weights.

    Args:
        notify: Called with `seed s: resuming at epoch n` when it goes on.
        device: `cpu` or `cuda`.

    Raises:
        FileExistsError: If the folder exists.
    """
    if folder.exists():
        raise FileExistsError(folder)
    state = state_of(folder)
    admit(plan.config, plan.folder)  # again, where this is another process
    start = Start(
        weights=plan.blend.weights if plan.blend else None,
        state=state,
        key=plan.key(seed),
        notify=notify,
    )
    try:
        trained = train(
            plan.spec,
            plan.train,
            plan.validation,
            plan.config.training,
            seed=seed,
            references=references.validation,
            aim=plan.aim,
            start=start,
            progress=progress,
            device=device,
        )
    except Exception as error:
        if not plan.code or isinstance(error, AmnError):
            raise
        got = f"{type(error).__name__}: {error}"
        raise CheckNotRunError(f"{plan.spec.architecture}: expected to train, got {got}") from error
    apart = given_up(folder, plan) if is_futile(trained.record) else None
    _write_run(plan, seed, apart or folder, trained, references)
    clear_left_overs(folder)
    return load_run(apart or folder)


def _write_run(
    plan: Plan, seed: int, folder: Path, trained: Trained, references: PlanReferences
) -> None:
    """Score what was trained and write its folder, whole or not at all."""
    versions = {
        "amn.training": str(TRAINING_VERSION),
        "amn.metric": str(METRIC_VERSION),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    scores = {
        name: score(trained.model, windows, asked=kept_metrics())
        for name, windows in plan.judged.items()
    }
    with atomic_folder(folder) as temporary:
        save_checkpoint(
            temporary / MODEL_FILE,
            trained.model,
            plan.spec,
            articles=plan.seen_articles(),
            # Nothing that the key leaves out: equal keys have to give equal files.
            provenance={"seed": seed, "key": plan.key(seed), "versions": versions},
        )
        save_evaluation(temporary, Evaluation(scores, references.judged))
        info = {
            "schema": 1,
            "key": plan.key(seed),
            "config": plan.config.resolved(),
            "digests": plan.digests,
            "splits": plan.articles,
            "versions": versions,
            "record": trained.record.to_json(),
            "files": {name: sha256_file(temporary / name) for name in RUN_FILES},
        }
        if plan.blend:
            info["retention"] = score_retention(plan.blend, plan.spec, trained.model)
        write_json(temporary / RUN_FILE, with_digest(info))
