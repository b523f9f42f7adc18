"""M: the model: is it the one that was trained, and does it predict one thing on every path."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from amn.case.config import CaseConfig
from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.data.ids import are_in
from amn.errors import ArgumentError, CheckpointError
from amn.evaluation.metrics import NORM_ATOL
from amn.evaluation.surroundings import sample_windows
from amn.golden.compare import config_changes
from amn.training.candidate import scores_of
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from amn.case.load import Case
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.evaluation.storage import Evaluation
    from amn.training.candidate import Candidate
    from amn.training.checkpoint import Checkpoint

    Parts = dict[str, object]

PATH_ATOL = 1e-5  # float32 sums in another order leave 5e-7
PATH_WINDOWS = 16  # each also alone, at the price of a whole forward
NOT_SHAPING = ("seeds", "abort")  # keys of [training] that other checks look at
UNKNOWN = "a leak cannot be ruled out"
RANK_SHARE = 0.1  # measured on wiki-mini: 0.47 to 0.55 trained, 0.33 after one epoch


def lookalike_class(candidates: tuple[Candidate, ...]) -> Parts:
    """Weights loaded into a look-alike class."""
    first, *others = candidates
    return {"candidates": (broken.candidates.lookalike(first), *others)}


def damaged_checkpoint(candidates: tuple[Candidate, ...]) -> Parts:
    """One bit of the checkpoint is flipped."""
    first, *others = candidates
    return {"candidates": (broken.candidates.damaged(first), *others)}


@check(
    "M001",
    "probe",
    severity=Severity.HARNESS,
    broken_by=[lookalike_class, damaged_checkpoint],
)
def check_probe(
    candidates: tuple[Candidate, ...], loaded: tuple[Checkpoint | CheckpointError, ...]
) -> Measured:
    """Loaded through the public loader, every checkpoint answers its probe as saved, within 1e-5.

    Why: Two classes with the same parameter names and shapes but another forward load each other's
    weights without an error, and score near 0.
    Fix: Load the checkpoint with the class that its architecture id names
    """
    findings = []
    for candidate, checkpoint in zip(candidates, loaded, strict=True):
        if isinstance(checkpoint, CheckpointError):
            findings.append(Finding(candidate.name, str(checkpoint)))
        elif checkpoint.is_imported:
            message = (
                "expected a stored probe, got an imported file without one: its forward is unproven"
            )
            findings.append(Finding(candidate.name, message, severity=Severity.WARNING))
    bad = sum(isinstance(one, CheckpointError) for one in loaded)
    value = count_of(len(candidates), "checkpoint", bad) + " otherwise" * bool(bad)
    return Measured(value, "answer as saved", findings)


def raw_output(evaluations: tuple[Evaluation, ...]) -> Parts:
    """Raw output is scored, not unit vectors."""
    first, *others = evaluations
    scores = {name: replace(split, norm_error=0.31) for name, split in first.scores.items()}
    return {"evaluations": (replace(first, scores=scores), *others)}


@check(
    "M002",
    "unit_output",
    severity=Severity.HARNESS,
    needs=["M001"],
    broken_by=[raw_output],
)
def check_unit_output(norm_errors: dict[str, float]) -> Measured:
    """Every prediction has length 1 within 1e-4.

    Why: A loss or a server that takes the raw output for the prediction measures something else
    than this gate.
    Fix: Predict through amn.evaluation.runner.predict
    """
    findings = [
        Finding(where, f"expected length 1 within {NORM_ATOL}, got an error of {error:.3g}")
        for where, error in norm_errors.items()
        if not error <= NORM_ATOL
    ]
    return Measured(f"error {np.max(list(norm_errors.values())):.1e}", f"<= {NORM_ATOL}", findings)


def batch_dependent(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """Answers depend on the batch.

    The mean over the batch is subtracted, as a batch norm in training mode does.
    """
    return broken.candidates.answering(
        checkpoints, lambda forward, x: forward(x) - 0.5 * forward(x).mean(dim=0)
    )


@check(
    "M003",
    "one_path",
    severity=Severity.HARNESS,
    needs=["M001"],
    broken_by=[batch_dependent],
)
def check_one_path(
    candidates: tuple[Candidate, ...],
    checkpoints: tuple[Checkpoint, ...],
    judged: dict[str, Windows],
) -> Measured:
    """A batch, single windows and the training loss give a window one cosine, within 1e-5.

    Why: Train, evaluate and serve that compute features differently make every comparison between
    them meaningless.
    Fix: Remove what depends on the batch (batch norm), or on the mode (dropout outside nn.Dropout)
    """
    from amn.evaluation.runner import path_difference  # noqa: PLC0415 - loads torch
    from amn.training.losses import cosine_rows  # noqa: PLC0415 - as above

    findings, largest = [], 0.0
    for candidate, checkpoint in zip(candidates, checkpoints, strict=True):
        for split, windows in judged.items():
            chosen = sample_windows(windows, PATH_WINDOWS, seed=0)
            difference = path_difference(
                checkpoint.model, windows, chosen, training_cosine=cosine_rows
            )
            largest = float(np.maximum(largest, difference))
            if not difference <= PATH_ATOL:
                message = (
                    f"expected one cosine on every path within {PATH_ATOL}, got a difference of"
                )
                findings.append(
                    Finding(f"{candidate.name}, {split}", f"{message} {difference:.3g}")
                )
    return Measured(f"difference {largest:.1e}", f"<= {PATH_ATOL}", findings)


def judged_trained(checkpoints: tuple[Checkpoint, ...], judged: dict[str, Windows]) -> Parts:
    """Three OOD articles were trained on."""
    first, *others = checkpoints
    articles = np.union1d(first.articles, np.unique(judged["ood"].article_ids)[:3])
    return {"checkpoints": (replace(first, articles=articles), *others)}


@check("M004", "training_articles", needs=["M001"], broken_by=[judged_trained])
def check_training_articles(
    candidates: tuple[Candidate, ...],
    described: tuple[Checkpoint, ...],
    judged: dict[str, Windows],
    splits: dict[str, Split],
) -> Measured:
    """No judged article is in the training manifest inside the checkpoint.

    Why: OOD articles inside the training range made good numbers out of memorised text.
    Fix: Judge on other articles, or train without these
    """
    findings, known, judged_too = [], 0, 0
    for candidate, checkpoint in zip(candidates, described, strict=True):
        trained = checkpoint.articles
        known = max(known, len(trained))
        if not len(trained):
            message = f"expected a list of training articles, got none: {UNKNOWN}"
            findings.append(Finding(candidate.name, message, severity=Severity.WARNING))
        for split, windows in judged.items():
            if windows.dataset is not splits["train"].dataset:
                continue  # ids of another data set name other articles
            mine = windows.dataset.articles[np.unique(windows.codes)]
            try:
                leaked = mine[are_in(mine, trained)]
            except ArgumentError as error:
                findings.append(Finding(f"{candidate.name}, {split}", f"{error}: {UNKNOWN}"))
                continue
            judged_too = max(judged_too, len(leaked))
            if len(leaked):
                message = (
                    f"expected no article of its training, got {len(leaked)} of {len(mine)} "
                    f"({some_ids(leaked)})"
                )
                findings.append(Finding(f"{candidate.name}, {split}", message))
    return Measured(count_of(known, "training article", judged_too), "none judged", findings)


def collapsed(evaluations: tuple[Evaluation, ...]) -> Parts:
    """Predictions fill few directions."""
    first, *others = evaluations
    share = 0.02  # of the targets'
    scores = {name: replace(s, rank=share * s.target_rank) for name, s in first.scores.items()}
    return {"evaluations": (replace(first, scores=scores), *others)}


@check("M005", "diversity", needs=["M001"], broken_by=[collapsed])
def check_diversity(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> Measured:
    """The effective rank of the predictions is at least a tenth of that of the targets.

    Why: A network that predicts nearly the same vector everywhere can hold a cosine and be of no
    use.
    Fix: Lower training.lr; look at the ledger for a collapse (R003)
    """
    findings, shares = [], []
    for where, _, scores in scores_of(candidates, evaluations):
        floor = RANK_SHARE * scores.target_rank
        share = scores.rank / scores.target_rank if scores.target_rank > 0 else np.nan
        shares.append(share)
        if not share >= RANK_SHARE:
            message = (
                f"expected an effective rank of at least {floor:.1f}, got {scores.rank:.1f} "
                f"for targets of {scores.target_rank:.1f}"
            )
            findings.append(Finding(where, message))
    return Measured(f"{np.min(shares):.2f} of targets' rank", f">= {RANK_SHARE}", findings)


def other_architecture(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """The checkpoint is of another architecture."""
    first, *others = checkpoints
    spec = replace(first.spec, architecture="another/architecture/1")
    return {"checkpoints": (replace(first, spec=spec), *others)}


@check(
    "M006",
    "architecture",
    severity=Severity.WARNING,
    needs=["M001"],
    broken_by=[other_architecture],
)
def check_architecture(
    case: Case, candidates: tuple[Candidate, ...], described: tuple[Checkpoint, ...]
) -> Measured:
    """The checkpoint's architecture and context are those of the case.

    Why: A checkpoint of another architecture is compared, but the comparison is of recipes, not of
    data.
    Fix: Name the same model in case.toml if this is not meant
    """
    expected, context = case.config.model.architecture, case.config.windows.context
    findings = []
    for candidate, checkpoint in zip(candidates, described, strict=True):
        spec = checkpoint.spec
        if spec.architecture != expected:
            message = f"expected {expected}, got {spec.architecture}"
            findings.append(Finding(candidate.name, message, "name it in [model] if it is meant"))
        if spec.context != context:
            message = f"expected context {context}, got {spec.context}"
            findings.append(Finding(candidate.name, message, "set windows.context"))
    return Measured(described[0].spec.architecture, expected, findings)


def made_by_another_case(made_by: Mapping[str, Mapping[str, Any]]) -> Parts:
    """A run has gone on from another checkpoint, at a rate that its case does not declare."""
    name, settings = next(iter(made_by.items()))
    training = {**settings["training"], "init_from": "another.safetensors", "lr": 1e-6}
    return {"made_by": {**made_by, name: {**settings, "training": training}}}


@check("M010", "as_declared", broken_by=[made_by_another_case])
def check_as_declared(
    made_by: Mapping[str, Mapping[str, Any]], case: Case, settings: dict[str, Any]
) -> Measured:
    """A run was made by what its case declares: every key of windows, model and training.

    Seeds and stopping rules aside, which are judged by themselves (E008, R001 to R004).

    Why: A fine-tuning of a checkpoint that passes for the case's own training is a golden that
    nobody can train again.
    Fix: Gate it by a case that declares what it was made by, or train the case: amn train CASE
    """
    findings = [
        Finding(
            f"{name}, {change.key}",
            f"expected {change.old!r} as in {case.file}, got {change.new!r}",
            f"declare it there, or amn train {shlex.quote(case.name)}",
        )
        for name, given in made_by.items()
        for change in config_changes(shaping(settings, case.folder), shaping(given, case.folder))
    ]
    n = len({finding.where for finding in findings})
    return Measured(count_of(n, "other setting"), "none", findings)


def shaping(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what shapes a training, of a resolved config; paths as they are, not as written."""
    known: Mapping[str, Any] = config
    with suppress(ValidationError):  # a setting that is newer than the run had its default then
        known = CaseConfig.model_validate(config).resolved()
    found = {part: dict(known[part]) for part in ("windows", "model", "training")}
    found["training"] = {k: v for k, v in found["training"].items() if k not in NOT_SHAPING}
    if start := found["training"].get("init_from"):
        found["training"]["init_from"] = str((folder / start).resolve())
    return found
