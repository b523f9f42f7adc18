"""A run: one training of a case and its scores, in a folder that proves it is whole.

`run.json` (settings, digests, split lists, ledger) names the digests of the other files, which are
the checkpoint and the evaluation; a file that was changed afterwards is refused.
"""

from __future__ import annotations

import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from amn.errors import DataError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.runner import score
from amn.evaluation.storage import (
    COSINES_FILE,
    EVALUATION_FILE,
    Evaluation,
    load_evaluation,
    save_evaluation,
)
from amn.storage import (
    atomic_folder,
    parse_json,
    sha256_file,
    with_digest,
    without_digest,
    write_json,
)
from amn.training.blend import score_retention
from amn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from amn.training.loop import Start, Trained, train
from amn.training.plan import TRAINING_VERSION, Plan, PlanReferences
from amn.training.record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


RUN_FILE, MODEL_FILE = "run.json", "model.safetensors"
RUN_FILES = (MODEL_FILE, COSINES_FILE, EVALUATION_FILE)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: Where it is.
        evaluation: Scores of in_dist and ood, beside the reference predictors'.
        info: The whole of run.json.
    """

    folder: Path
    record: TrainingRecord
    evaluation: Evaluation
    info: dict[str, Any]

    @property
    def seed(self) -> int:
        """The seed of weights, order and dropout."""
        return self.record.seed

    @property
    def model_digest(self) -> str:
        """sha256 of the checkpoint file."""
        return str(self.info["files"][MODEL_FILE])

    def checkpoint(self) -> Checkpoint:
        """Load the model through the public loader, which verifies its probe."""
        return load_checkpoint(self.folder / MODEL_FILE)


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
    state = _state_of(folder)
    trained = train(
        plan.spec,
        plan.train,
        plan.validation,
        plan.config.training,
        seed=seed,
        references=references.validation,
        start=Start(
            weights=plan.blend.weights if plan.blend else None,
            state=state,
            key=plan.key(seed),
            notify=notify,
        ),
        progress=progress,
        device=device,
    )
    _write_run(plan, seed, folder, trained, references)
    clear_left_overs(folder)
    return load_run(folder)


def find_run(plan: Plan, seed: int, folder: Path) -> Run | None:
    """Return the run that a folder has already; None where there is no folder.

    A kill may come between the writing of a run and the removal of what it went on from: that is
    done here.

    Raises:
        FileExistsError: If it is another run, or none.
    """
    if not folder.exists():
        return None
    with suppress(DataError):
        run = load_run(folder)
        if run.info["key"] == plan.key(seed):
            clear_left_overs(folder)
            return run
    raise FileExistsError(folder)


def _state_of(folder: Path) -> Path:
    """Return the file beside a run's folder that a killed training goes on from."""
    return folder.with_name(f".{folder.name}.state")


def clear_left_overs(folder: Path) -> None:
    """Remove what trainings of a run that is whole now have left beside its folder."""
    state = _state_of(folder)
    state.unlink(missing_ok=True)
    for left_over in folder.parent.glob(f".{escape(state.name)}.*"):  # a state, half-written
        left_over.unlink(missing_ok=True)
    for left_over in folder.parent.glob(f".{escape(folder.name)}.*"):  # a run, half-written
        shutil.rmtree(left_over, ignore_errors=True)


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
    scores = {name: score(trained.model, windows) for name, windows in plan.judged.items()}
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


def load_run(folder: Path) -> Run:
    """Open a run folder and verify its digests.

    Raises:
        DataError: If a file is missing, was changed, or is not what run.json says.
    """
    path = folder / RUN_FILE
    try:
        info = without_digest(parse_json(path.read_bytes()), path)
        digests = {name: info["files"][name] for name in RUN_FILES}
        record = TrainingRecord.from_json(info["record"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(path, "expected a run, found none. Fix: amn train CASE") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(path, f"expected the record of a run, got: {error!r}") from error
    for name, digest in digests.items():
        file = folder / name
        got = sha256_file(file) if file.is_file() else "no file"
        if got != digest:
            raise DataError(file, f"expected sha256 {digest[:12]}… as in run.json, got {got[:12]}")
    return Run(folder, record, load_evaluation(folder), info)
