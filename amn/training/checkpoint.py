"""Checkpoints: weights, what they are, what they were trained on, and proof of what they compute.

One safetensors file. Beside the weights it holds `probe.output` (what the network answered to a
fixed input) and `manifest.articles` (ids it was trained on); the metadata holds the description,
the probe's seed and free provenance. Loading runs the probe again: a class with the same names and
shapes but another forward is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from amn.data.ids import as_ids, is_text
from amn.errors import ArgumentError, CheckpointError, DataError, mended_by
from amn.evaluation.runner import predict
from amn.storage import canonical_json, parse_json, regular, sha256_of, write_bytes
from amn.training.brought import DESCRIPTION
from amn.training.networks.build import ModelSpec, build_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from amn.data.ids import Ids

FORMAT = "amn-checkpoint/1"
PROBE_WINDOWS = 8
PROBE_SEED = 20_071
PROBE_ATOL = 1e-5  # instruction sets differ by less than 1e-6, look-alike forwards by 1e-2 or more
GOLDEN_RATIO = 0.6180339887498949
WEIGHTS = "weights."
ARTICLES = "manifest.articles"
# Types of the parts of a description, as they are annotated; the rest is free.
PARTS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int)}
DIGEST = "sha256"  # of everything else in the file: the probe does not see every bit


@dataclass(frozen=True)
class Checkpoint:
    """A network that has been shown to compute what it computed when it was saved.

    Attributes:
        model: In evaluation mode.
        articles: (n,) ids of the articles it was trained on, ascending; empty if unknown.
        provenance: What the writer said about it (seed, digests, versions).
        is_imported: Whether it came without a probe, from another project's file.
    """

    model: nn.Module
    spec: ModelSpec
    articles: Ids
    provenance: dict[str, Any]
    is_imported: bool = False


def probe_input(spec: ModelSpec, seed: int) -> Tensor:
    """Return the fixed probe, (8, T, D) float32 unit rows.

    frac(i * sqrt(i) * golden ratio + seed / 1000) - 0.5: operations that IEEE 754 rounds one way
    only (a power is not), so it stays the same in every version of every library.
    """
    i = np.arange(PROBE_WINDOWS * spec.context * spec.dim, dtype=np.float64)
    values = np.mod(i * np.sqrt(i) * GOLDEN_RATIO + seed / 1000, 1.0) - 0.5
    rows = values.reshape(PROBE_WINDOWS, spec.context, spec.dim)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return torch.from_numpy(rows.astype(np.float32))


def probe_output(model: nn.Module, spec: ModelSpec, seed: int) -> Tensor:
    """Return the unit-length predictions for the probe, (8, D), in evaluation mode."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        output = predict(model, probe_input(spec, seed))
    model.train(was_training)
    return output


def save_checkpoint(
    path: Path,
    model: nn.Module,
    spec: ModelSpec,
    *,
    articles: Ids,
    provenance: dict[str, Any],
) -> None:
    """Write a checkpoint atomically."""
    tensors = {WEIGHTS + name: t.contiguous() for name, t in model.state_dict().items()}
    tensors["probe.output"] = probe_output(model, spec, PROBE_SEED)
    tensors[ARTICLES] = _packed(np.unique(as_ids(articles)))
    description: dict[str, Any] = {
        "format": FORMAT,
        "spec": spec.to_json(),
        "probe_seed": PROBE_SEED,
        "provenance": provenance,
    }
    description[DIGEST] = _digest(description, tensors)
    write_bytes(path, save(tensors, {DESCRIPTION: json.dumps(description, sort_keys=True)}))


def _packed(ids: Ids) -> Tensor:
    """Return ids as a tensor: (n,) int64, or the bytes of a list in JSON, for it has no strings."""
    if not is_text(ids):
        return torch.from_numpy(ids)
    return torch.frombuffer(bytearray(canonical_json(ids.tolist())), dtype=torch.uint8)


def _unpacked(stored: Tensor) -> Ids:
    """Return the ids that `_packed` has stored."""
    if stored.dtype == torch.int64:
        return stored.numpy()
    return as_ids(json.loads(stored.numpy().tobytes()))


@mended_by("train it again: amn train CASE --out FOLDER")
def load_checkpoint(
    path: Path, *, build: Callable[[ModelSpec], nn.Module] = build_model
) -> Checkpoint:
    """Load a checkpoint and prove that it still computes what it computed when it was saved.

    Args:
        build: Makes the network from its description; yours, to load into a class of your own.

    Raises:
        CheckpointError: If the file is damaged, names or shapes differ, or the probe's answer does.
    """
    metadata, tensors = _read(path)
    description = _read_description(path, metadata)
    stated, digest = str(description.get(DIGEST)), _digest(description, tensors)
    if stated != digest:
        raise CheckpointError(
            path,
            f"expected content of sha256 {stated[:12]}, got {digest[:12]}: changed or damaged. "
            "Fix: train again, or restore it",
        )
    try:
        spec = _spec(description["spec"])
        seed, provenance = int(description["probe_seed"]), dict(description["provenance"])
        stored, articles = tensors["probe.output"], _unpacked(tensors[ARTICLES])
        model = build(spec)
    except ArgumentError as error:
        raise CheckpointError(path, str(error)) from error
    except (KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        what = " ".join(str(error).split())
        raise CheckpointError(
            path, f"expected a description of a network, got: {what}. Fix: train again"
        ) from error
    weights = {n.removeprefix(WEIGHTS): t for n, t in tensors.items() if n.startswith(WEIGHTS)}
    _load_weights(path, model, weights)
    verify_probe(path, model, spec, seed, stored)
    return Checkpoint(
        model=model.eval(),
        spec=spec,
        articles=articles,
        provenance=provenance,
    )


def load_weights(path: Path, spec: ModelSpec) -> Checkpoint:
    """Load plain weights into the network that a case names; they carry no probe and no articles.

    Raises:
        CheckpointError: If the file is damaged, or names or shapes differ from the network's.
    """
    _, weights = _read(path)
    try:
        model = build_model(spec)
    except ArgumentError as error:
        raise CheckpointError(path, str(error)) from error
    _load_weights(path, model, weights)
    return Checkpoint(
        model=model.eval(),
        spec=spec,
        articles=np.empty(0, np.int64),
        provenance={"imported_from": path.name},
        is_imported=True,
    )


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return metadata and tensors of a safetensors file."""
    try:
        with safe_open(regular(path), framework="pt") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise CheckpointError(path, "expected a checkpoint, found none") from error
    except DataError as error:
        raise CheckpointError(path, error.message) from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            path,
            f"expected a whole safetensors file, got: {error}. Fix: train again, or restore it",
        ) from error


def _spec(described: dict[str, Any]) -> ModelSpec:
    """Return the description of a network, each part of its own type.

    Raises:
        TypeError: If a part is of another.
        ValueError: If a size is not above zero.
    """
    spec = ModelSpec(**described)
    for part in fields(spec):
        value, wanted = getattr(spec, part.name), PARTS.get(str(part.type), (Mapping,))
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TypeError(f"{part.name}: expected {part.type}, got {type(value).__name__}")
        if isinstance(value, int) and part.type == "int" and value < 1:
            raise ValueError(f"{part.name}: expected at least 1, got {value}")
    return spec


def verify_probe(path: Path, model: nn.Module, spec: ModelSpec, seed: int, stored: Tensor) -> float:
    """Return the largest difference between the probe's answer now and when it was saved.

    Raises:
        CheckpointError: If it is above 1e-5, or not a number.
    """
    now = probe_output(model, spec, seed)
    difference = float((now - stored).abs().max()) if now.shape == stored.shape else float("inf")
    if not difference <= PROBE_ATOL:
        cosine = float((now * stored).sum(-1).mean()) if now.shape == stored.shape else float("nan")
        raise CheckpointError(
            path,
            f"probe parity: expected the answers it gave when saved within {PROBE_ATOL}, got a "
            f"difference of {difference:.3g} (cosine {cosine:.4f}). {type(model).__name__} has "
            f"the right names and shapes but another forward than {spec.architecture}. "
            "Fix: load it with amn.training.checkpoint.load_checkpoint and its own architecture",
        )
    return difference


def _read_description(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Return what the metadata say about the checkpoint, or refuse a file of another format."""
    try:
        description = parse_json(metadata.get(DESCRIPTION, "{}"))
    except ValueError as error:
        raise CheckpointError(path, f"expected a description in JSON, got: {error}") from error
    found = description.get("format") if isinstance(description, dict) else description
    if found != FORMAT:
        fix = "of another network: [model] factory in case.toml, or amn gate CASE --predictions"
        raise CheckpointError(path, f"expected format {FORMAT}, got {found}. Fix: {fix}")
    return dict(description)


def _digest(description: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """Return one sha256 of the description but for its digest, and of every tensor."""
    described = {key: value for key, value in description.items() if key != DIGEST}
    listed = {
        name: [str(tensor.dtype), list(tensor.shape), sha256_of(tensor.numpy().tobytes())]
        for name, tensor in tensors.items()
    }
    return sha256_of(canonical_json([described, listed]))


def _load_weights(path: Path, model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load weights whose names and shapes all match, or list what does not."""
    own = model.state_dict()
    problems = [f"missing {name}" for name in sorted(own.keys() - weights.keys())]
    problems += [f"unexpected {name}" for name in sorted(weights.keys() - own.keys())]
    problems += [
        f"{name}: expected shape {tuple(own[name].shape)}, got {tuple(weights[name].shape)}"
        for name in sorted(own.keys() & weights.keys())
        if own[name].shape != weights[name].shape
    ]
    if problems:
        raise CheckpointError(
            path, "expected the network's own weights, got: " + "; ".join(problems)
        )
    model.load_state_dict(weights, strict=True)
