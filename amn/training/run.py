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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from amn.config import EVALUATED
from amn.errors import ArgumentError, DataError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.references import score_references
from amn.evaluation.runner import score
from amn.evaluation.storage import (
    COSINES_FILE,
    EVALUATION_FILE,
    Evaluation,
    load_evaluation,
    save_evaluation,
)
from amn.models.build import ModelSpec, spec_for
from amn.models.reference import fit_references
from amn.storage import (
    atomic_folder,
    canonical_json,
    parse_json,
    sha256_file,
    sha256_of,
    write_json,
)
from amn.training.blend import Blend, open_blend, score_retention
from amn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from amn.training.compute import CPU, Compute
from amn.training.loop import Start, Trained, ValidationReferences, train
from amn.training.record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from amn.config import CaseConfig
    from amn.data.windows import Windows

RUN_FILE, MODEL_FILE = "run.json", "model.safetensors"
RUN_FILES = (MODEL_FILE, COSINES_FILE, EVALUATION_FILE)
TRAINING_VERSION = 1  # part of every cache key: raise it when training changes its results
VALIDATION_SHARE = 0.1  # of the training articles; they choose the best epoch and train nothing
FEWEST_ARTICLES = 2  # one to learn from, one for validation
HERE = Path()
VALIDATION_WINDOWS = 8192  # more would slow every epoch and move the mean by less than 1e-3


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, the same for all its seeds.

    Attributes:
        train: Windows to learn from.
        validation: Windows of other training articles, which choose the best epoch.
        judged: Windows of in_dist and ood.
        articles: Ids of each split, as resolved.
        digests: Of the data sets and the resolved config.
        blend: The checkpoint to go on from, where there is one.
    """

    config: CaseConfig
    spec: ModelSpec
    train: Windows
    validation: Windows
    judged: dict[str, Windows]
    articles: dict[str, list[int]]
    digests: dict[str, str]
    blend: Blend | None = None

    def seen_articles(self) -> NDArray[np.int64]:
        """Return the ids of all articles that a trained network has seen, ascending."""
        own = np.asarray(self.articles["train"], np.int64)
        return own if self.blend is None else np.union1d(own, self.blend.articles)

    def key(self, seed: int) -> str:
        """Return what the result of a seed depends on, as one digest: equal keys, equal results."""
        config = self.config.resolved()
        training = {k: v for k, v in config["training"].items() if k != "seeds"}
        training["init_from"] = self.blend and self.blend.digest
        content = {
            "spec": self.spec.to_json(),
            "training": training,
            "articles": self.articles,
            "data": {k: v for k, v in self.digests.items() if k != "config"},
            "seed": seed,
            "versions": [TRAINING_VERSION, METRIC_VERSION, torch.__version__, np.__version__],
        }
        return sha256_of(canonical_json(content))


def make_plan(
    config: CaseConfig, windows: Mapping[str, Windows], articles: Mapping[str, NDArray[np.int64]],
    digests: Mapping[str, str], *, folder: Path = HERE,
) -> Plan:  # fmt: skip
    """Set training articles aside for validation and put a plan together.

    Args:
        windows: Of train, in_dist and ood.
        articles: Ids of the same splits.
        folder: Of the case: where `training.init_from` is looked for.

    Raises:
        ArgumentError: If fewer than two training articles have windows.
        CheckpointError: If `training.init_from` is no checkpoint to go on from.
    """
    spec, blend = spec_for(config, windows["train"].dataset.dim), None
    ids = np.unique(windows["train"].article_ids)
    if config.training.init_from:
        blend = open_blend(folder / config.training.init_from, spec, windows["train"])
        ids = np.setdiff1d(ids, blend.articles)
    if len(ids) < FEWEST_ARTICLES:
        raise ArgumentError(
            f"split.train: expected windows of at least {FEWEST_ARTICLES} articles, one of them "
            f"for validation, got {len(ids)}{(blend and ' that init_from has not seen') or ''}. "
            "Fix: more articles in [split]"
        )
    n = max(1, round(VALIDATION_SHARE * len(ids)))
    held = np.sort(np.random.default_rng(0).choice(ids, n, replace=False))
    is_held = np.isin(windows["train"].article_ids, held)
    is_trained = np.isin(windows["train"].article_ids, np.setdiff1d(ids, held))
    validation = windows["train"].take(np.flatnonzero(is_held))
    if len(validation) > VALIDATION_WINDOWS:
        spaced = np.linspace(0, len(validation) - 1, VALIDATION_WINDOWS).astype(np.int64)
        validation = validation.take(spaced)
    return Plan(
        config=config,
        spec=spec,
        train=windows["train"].take(np.flatnonzero(is_trained)),
        validation=validation,
        judged={name: windows[name] for name in EVALUATED},
        articles={name: [int(i) for i in ids] for name, ids in articles.items()},
        digests=dict(digests),
        blend=blend,
    )


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


@dataclass(frozen=True)
class PlanReferences:
    """The reference predictors' scores on a plan's windows, the same for all seeds.

    Attributes:
        validation: What the stopping rules compare with.
        judged: split -> reference predictor -> (N,) float64 cosines.
    """

    validation: ValidationReferences
    judged: dict[str, dict[str, NDArray[np.float64]]]


def score_plan_references(plan: Plan) -> PlanReferences:
    """Fit the reference predictors on the training windows and score them."""
    references = fit_references(plan.train)
    validation = score_references(references, plan.validation)
    return PlanReferences(
        validation=ValidationReferences(
            constant=float(validation["constant"].mean()), mean=float(validation["mean"].mean())
        ),
        judged={name: score_references(references, w) for name, w in plan.judged.items()},
    )


def run_seed(
    plan: Plan,
    seed: int,
    folder: Path,
    *,
    references: PlanReferences,
    progress: Callable[[int, int, str], None] | None = None,
    notify: Callable[[str], None] | None = None,
    compute: Compute = CPU,
) -> Run:
    """Train one seed, score it, and write its folder, whole or not at all.

    A file beside the folder keeps the state of the training meanwhile: killed and called again, it
    goes on after the last whole epoch and ends in the same weights.

    Args:
        notify: Called with `seed s: resuming at epoch n` when it goes on.
        compute: Where several processes train together, the first one writes and all return it.

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
        compute=compute,
    )
    if compute.rank == 0:
        _write_run(plan, seed, folder, trained, references)
        clear_left_overs(folder)
    compute.wait()
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
        write_json(temporary / RUN_FILE, {**info, "sha256": sha256_of(canonical_json(info))})


def load_run(folder: Path) -> Run:
    """Open a run folder and verify its digests.

    Raises:
        DataError: If a file is missing, was changed, or is not what run.json says.
    """
    path = folder / RUN_FILE
    try:
        info = parse_json(path.read_bytes())
        stated = info.pop("sha256")
        got = sha256_of(canonical_json(info))
        if got != stated:
            raise DataError(path, f"expected sha256 {stated[:12]}… of its content, got {got[:12]}…")
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
