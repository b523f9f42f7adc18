"""A run: one training of a case and its scores, in a folder that proves it is whole.

`run.json` (settings, digests, split lists, ledger) names the digests of the other files, which are
the checkpoint and the evaluation; a file that was changed afterwards is refused.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING, Any

from amn.errors import DataError, in_words, mended_by
from amn.evaluation.storage import (
    COSINES_FILE,
    EVALUATION_FILE,
    Evaluation,
    load_evaluation,
)
from amn.storage import (
    parse_json,
    read_whole,
    sha256_file,
    without_digest,
)
from amn.training.candidate import Candidate
from amn.training.checkpoint import Checkpoint, load_checkpoint
from amn.training.record import TrainingRecord

if TYPE_CHECKING:
    from pathlib import Path

    from amn.training.plan import Plan


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

    def candidate(self) -> Candidate:
        """Return it as what is judged, where its scores are of the windows of the case at hand."""
        return Candidate(
            name=f"seed {self.seed}",
            record=self.record,
            recorded=self.evaluation,
            load=self.checkpoint,
            score=lambda _: self.evaluation,
            digest=self.model_digest,
        )


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


def given_up(folder: Path, plan: Plan) -> Path | None:
    """Return where a run lies that was stopped on the way to its plan's aim; None without an aim.

    Nobody who looks for a finished one, or has another aim, finds it there.

    Args:
        folder: Of the finished run.
    """
    return folder.with_name(f"{folder.name}-{plan.aim.digest[:16]}") if plan.aim else None


def state_of(folder: Path) -> Path:
    """Return the file beside a run's folder that a killed training goes on from."""
    return folder.with_name(f".{folder.name}.state")


def clear_left_overs(folder: Path) -> None:
    """Remove what trainings of a run that is whole now have left beside its folder."""
    state = state_of(folder)
    state.unlink(missing_ok=True)
    for left_over in folder.parent.glob(f".{escape(state.name)}.*"):  # a state, half-written
        left_over.unlink(missing_ok=True)
    for left_over in folder.parent.glob(f".{escape(folder.name)}.*"):  # a run, half-written
        shutil.rmtree(left_over, ignore_errors=True)


@mended_by("train it again: amn train CASE --out FOLDER")
def load_run(folder: Path) -> Run:
    """Open a run folder and verify its digests.

    Raises:
        DataError: If a file is missing, was changed, or is not what run.json says.
    """
    path = folder / RUN_FILE
    try:
        info = without_digest(parse_json(read_whole(path)), path)
        digests = {name: info["files"][name] for name in RUN_FILES}
        record = TrainingRecord.from_json(info["record"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(path, "expected a run, found none. Fix: amn train CASE") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(path, f"expected the record of a run, got: {in_words(error)}") from error
    for name, digest in digests.items():
        file = folder / name
        got = sha256_file(file) if file.is_file() else "no file"
        if got != digest:
            raise DataError(file, f"expected sha256 {digest[:12]}… as in run.json, got {got[:12]}")
    return Run(folder, record, load_evaluation(folder), info)
