"""Defects of a model, its checkpoint, and the harness that feeds it.

Letters: B windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.models.amn import is_permutation_invariant
from amn.models.build import build_model
from amn.selftest.defects import BLOCKS, WARNS, in_candidate
from amn.training.checkpoint import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.checks.evidence.runs import Candidate
    from amn.selftest.lab import Lab

Forward = Any  # (B, T, D) tensor -> (B, D) tensor
OTHER_LENGTH = 0.31
COLLAPSED_SHARE = 0.02  # of the targets' rank


def with_forward(model: Any, answer: Callable[[Forward, Any], Any]) -> Any:  # noqa: ANN401 - a network
    """Return a network with the same weights and another forward: answer(old forward, context)."""
    changed, forward = copy.copy(model), model.forward
    changed.forward = lambda context: answer(forward, context)
    return changed


def answering(candidate: Candidate, answer: Callable[[Forward, Any], Any]) -> Candidate:
    """Return a candidate whose model answers otherwise than it did when it was scored."""
    loaded = candidate.checkpoint
    changed = replace(loaded, model=with_forward(loaded.model, answer))
    return replace(candidate, load=lambda: changed, score=lambda _: candidate.evaluation)


def _saved(candidate: Candidate, lab: Lab) -> Path:
    """Write the candidate's checkpoint into the lab; return its path."""
    loaded = candidate.checkpoint
    path = lab.folder / "model.safetensors"
    save_checkpoint(
        path,
        loaded.model,
        loaded.spec,
        articles=loaded.articles,
        provenance=loaded.provenance,
    )
    return path


def lookalike(candidate: Candidate, lab: Lab) -> Candidate:
    """Load the weights into a class of the same names and shapes with another forward."""
    path = _saved(candidate, lab)

    def build(spec: Any) -> Any:  # noqa: ANN401 - as `load_checkpoint` calls it
        return with_forward(build_model(spec), lambda forward, x: forward(x) - 2 * x[:, 0])

    return replace(candidate, load=lambda: load_checkpoint(path, build=build))


def damaged(candidate: Candidate, lab: Lab) -> Candidate:
    """Flip one bit of the weights on disk."""
    path = _saved(candidate, lab)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0b10
    path.write_bytes(content)
    return replace(candidate, load=lambda: load_checkpoint(path))


def raw_output(candidate: Candidate, _: Lab) -> Candidate:
    """Score raw output, whose length is not 1."""
    evaluation = candidate.evaluation
    scores = {n: replace(s, norm_error=OTHER_LENGTH) for n, s in evaluation.scores.items()}
    return replace(candidate, score=lambda _: replace(evaluation, scores=scores))


def batch_dependent(candidate: Candidate, _: Lab) -> Candidate:
    """Subtract the mean over the batch, as a batch norm in training mode does."""
    return answering(candidate, lambda forward, x: forward(x) - 0.5 * forward(x).mean(dim=0))


def judged_articles_trained(candidate: Candidate, lab: Lab) -> Candidate:
    """Train on three OOD articles."""
    judged = np.unique(lab.clean.split_evidence.windows["ood"].article_ids)[:3]
    loaded = candidate.checkpoint
    changed = replace(loaded, articles=np.union1d(loaded.articles, judged))
    return replace(candidate, load=lambda: changed)


def collapsed(candidate: Candidate, _: Lab) -> Candidate:
    """Score predictions that fill a fiftieth of the directions of the targets."""
    evaluation = candidate.evaluation
    scores = {
        n: replace(s, rank=COLLAPSED_SHARE * s.target_rank) for n, s in evaluation.scores.items()
    }
    return replace(candidate, score=lambda _: replace(evaluation, scores=scores))


def other_architecture(candidate: Candidate, _: Lab) -> Candidate:
    """Judge a checkpoint of an architecture that the case does not name."""
    loaded = candidate.checkpoint
    changed = replace(loaded, spec=replace(loaded.spec, architecture="another/architecture/1"))
    return replace(candidate, load=lambda: changed)


def order_broken(candidate: Candidate, _: Lab) -> Candidate:
    """Use order where the architecture has none, or none where it has."""
    is_invariant = is_permutation_invariant(candidate.checkpoint.model)

    def answer(forward: Forward, x: Any) -> Any:  # noqa: ANN401 - a tensor
        return forward(x) + x[:, -1] if is_invariant else x.mean(dim=1)

    return answering(candidate, answer)


def read_backwards(candidate: Candidate, _: Lab) -> Candidate:
    """Take the oldest row for the newest."""
    return answering(candidate, lambda _, x: x[:, 0])


def one_vector(candidate: Candidate, _: Lab) -> Candidate:
    """Predict one vector and a little of the real prediction: a high rank around one mean."""
    return answering(candidate, lambda forward, x: forward(x)[:1] + 0.05 * forward(x))


def context_too_early(candidate: Candidate, _: Lab) -> Candidate:
    """Feed the rows that end one before the last."""
    return answering(candidate, lambda forward, x: forward(x[:, [0, *range(x.shape[1] - 1)]]))


def predictions_shuffled(candidate: Candidate, _: Lab) -> Candidate:
    """Give every window the prediction of another one, half the batch away."""
    return answering(candidate, lambda forward, x: forward(x).roll(len(x) // 2, dims=0))


def constant(candidate: Candidate, _: Lab) -> Candidate:
    """Predict the first window's answer for all."""
    return answering(candidate, lambda forward, x: forward(x)[:1].expand(len(x), -1))


def topic_only(candidate: Candidate, _: Lab) -> Candidate:
    """Point away from the last row: the target is never the nearest of its neighbours."""
    return answering(candidate, lambda _, x: -x[:, -1])


DEFECTS = (
    in_candidate("lookalike-class", "M001", "weights loaded into a look-alike class", lookalike),
    in_candidate("damaged-checkpoint", "M001", "one bit of the checkpoint is flipped", damaged),
    in_candidate("raw-output", "M002", "raw output is scored, not unit vectors", raw_output),
    in_candidate("batch-dependent", "M003", "answers depend on the batch", batch_dependent),
    in_candidate(
        "judged-trained", "M004", "three OOD articles were trained on", judged_articles_trained
    ),
    in_candidate("collapsed", "M005", "predictions fill few directions", collapsed),
    in_candidate(
        "other-architecture",
        "M006",
        "the checkpoint is of another architecture",
        other_architecture,
        WARNS,
    ),
    in_candidate(
        "order-broken",
        "M007",
        "the order of the context is not used as declared",
        order_broken,
        WARNS | BLOCKS,
    ),
    in_candidate("read-backwards", "M008", "the context is read backwards", read_backwards),
    in_candidate("one-vector", "M009", "one vector and a little noise is predicted", one_vector),
    in_candidate("context-too-early", "E009", "the context ends one row early", context_too_early),
    in_candidate(
        "predictions-shuffled", "E010", "predictions belong to other windows", predictions_shuffled
    ),
    in_candidate("constant-answer", "E011", "one answer for every window", constant),
    in_candidate(
        "topic-only", "E012", "the target is never told from its neighbours", topic_only, WARNS
    ),
)  # fmt: skip - a defect is one entry
