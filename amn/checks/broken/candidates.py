"""Candidates and scores with a defect, as the parts of the evidence that it changes.

A network's forward takes contexts (B, T, D) and gives raw predictions (B, D): B windows, T context
rows, D numbers in a vector.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from amn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.storage import Evaluation
    from amn.training.candidate import Candidate
    from amn.training.checkpoint import Checkpoint

    Parts = dict[str, object]
    Forward = Callable[[Any], Any]


def changed(
    evaluation: Evaluation, split: str, change: Callable[[SplitScores], SplitScores]
) -> Evaluation:
    """Return an evaluation with other scores of one split."""
    scores = {**evaluation.scores, split: change(evaluation.scores[split])}
    return replace(evaluation, scores=scores)


def first_changed(
    evaluations: tuple[Evaluation, ...], split: str, change: Callable[[SplitScores], SplitScores]
) -> Parts:
    """Return the scores of all candidates, of which the first has others on one split."""
    first, *others = evaluations
    return {"evaluations": (changed(first, split, change), *others)}


def shifted(evaluation: Evaluation, split: str, mean: float) -> Evaluation:
    """Return an evaluation whose mean on a split is another, by the same step in every window."""
    return changed(evaluation, split, lambda s: replace(s, cosines=s.cosines + (mean - s.mean)))


def with_forward(model: Any, answer: Callable[[Forward, Any], Any]) -> Any:  # noqa: ANN401 - a network
    """Return a network with the same weights and another forward: answer(old forward, context)."""
    other, forward = copy(model), model.forward
    other.forward = lambda context: answer(forward, context)
    return other


def answering(checkpoints: tuple[Checkpoint, ...], answer: Callable[[Forward, Any], Any]) -> Parts:
    """Return the loaded models, of which the first answers otherwise: see `with_forward`."""
    first, *others = checkpoints
    return {"checkpoints": (replace(first, model=with_forward(first.model, answer)), *others)}


def lookalike(candidate: Candidate) -> Candidate:
    """Return a candidate whose weights are loaded into a class with another forward."""
    from amn.training.checkpoint import load_checkpoint  # noqa: PLC0415 - as above
    from amn.training.networks.build import build_model  # noqa: PLC0415 - loads torch

    def build(spec: Any) -> Any:  # noqa: ANN401 - as `load_checkpoint` calls it
        return with_forward(build_model(spec), lambda forward, x: forward(x) - 2 * x[:, 0])

    return _written(candidate, lambda path: load_checkpoint(path, build=build))


def damaged(candidate: Candidate) -> Candidate:
    """Return a candidate of whose checkpoint one bit is flipped on disk."""
    from amn.training.checkpoint import load_checkpoint  # noqa: PLC0415 - loads torch

    def load(path: Path) -> Checkpoint:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0b10
        path.write_bytes(content)
        return load_checkpoint(path)

    return _written(candidate, load)


def _written(candidate: Candidate, load: Callable[[Path], Checkpoint]) -> Candidate:
    """Return a candidate whose checkpoint is written again, and read by other means.

    Its errors name the file alone: the folder is gone when they are read.
    """
    from amn.training.checkpoint import save_checkpoint  # noqa: PLC0415 - loads torch

    def reload() -> Checkpoint:
        sound = candidate.load()
        with TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            save_checkpoint(
                path,
                sound.model,
                sound.spec,
                articles=sound.articles,
                provenance=sound.provenance,
            )
            try:
                return load(path)
            except CheckpointError as error:
                raise CheckpointError(Path(path.name), error.message) from error

    return replace(candidate, load=reload)
