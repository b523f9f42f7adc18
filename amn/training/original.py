"""Checkpoints of the earlier project: torch files with its parameter names, never unpickled."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from amn.errors import CheckpointError
from amn.training.checkpoint import Checkpoint
from amn.training.networks.build import ModelSpec, build_model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

# Original name -> ours. The residual network had no dropout layers, so its numbers differ.
NAMES = {
    "context_encoder": "attention.keys",
    "query_encoder": "attention.query",
    "residual_net.0": "residual.0",
    "residual_net.2": "residual.2",
    "residual_net.3": "residual.4",
    "residual_net.5": "residual.6",
    "residual_net.6": "residual.8",
}
# What torch's own unpickler raises on damaged bytes.
DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    AttributeError,
    AssertionError,
    TypeError,
)
STATE_KEYS = ("model_state_dict", "state_dict", "model")


def import_original(path: Path, *, context: int) -> Checkpoint:
    """Load an original AMN checkpoint (`.pt`).

    It carries no probe and no list of training articles: M001 and M004 say so.

    Args:
        context: Context rows that it will be given; the original network takes any number.

    Raises:
        CheckpointError: If it needs unpickling, or does not hold the original AMN's parameters.
    """
    try:
        data: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(path, "expected a checkpoint, found none") from error
    except DAMAGED as error:
        first = (str(error) or repr(error)).splitlines()[0]
        raise CheckpointError(
            path,
            f"expected tensors only, got a file that torch will not load safely ({first}). "
            "Fix: torch.save(model.state_dict(), path) where it was made",
        ) from error
    within = next((key for key in STATE_KEYS if isinstance(data, dict) and key in data), "")
    weights = _rename(path, data[within] if within else data, within)
    keys, residual = weights["attention.keys.weight"], weights["residual.0.weight"]
    if keys.ndim != 2 or residual.ndim != 2:  # noqa: PLR2004 - matrices
        shapes = f"{tuple(keys.shape)} and {tuple(residual.shape)}"
        raise CheckpointError(
            path, f"expected matrices in context_encoder and residual_net.0, got {shapes}"
        )
    attention_dim, dim = keys.shape
    spec = ModelSpec(
        architecture="amn/original/1",
        dim=dim,
        context=context,
        attention_dim=attention_dim,
        hidden_dim=residual.shape[0],
    )
    model = build_model(spec)
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(path, f"expected the original AMN's weights, got: {error}") from error
    return Checkpoint(
        model=model.eval(),
        spec=spec,
        articles=np.empty(0, np.int64),
        provenance={"imported_from": path.name},
        is_imported=True,
    )


def _as_weights(path: Path, within: str) -> str:
    """Return the command that writes the weights in a file as safetensors.

    Args:
        within: Key that they are under; empty for none.
    """
    load = f"torch.load({str(path)!r}, weights_only=True){f'[{within!r}]' if within else ''}"
    save = f"save_file({load}, {str(path.with_suffix('.safetensors'))!r})"
    return f'python -c "import torch; from safetensors.torch import *; {save}"'


def _rename(path: Path, state: Any, within: str) -> dict[str, Tensor]:  # noqa: ANN401 - whatever the file holds
    """Return the weights under our names, or refuse with what is missing and what is foreign."""
    weights: dict[str, Tensor] = {}
    foreign: list[str] = []
    for name, tensor in state.items() if isinstance(state, dict) else ():
        layer, _, kind = str(name).removeprefix("module.").rpartition(".")
        if layer in NAMES and isinstance(tensor, torch.Tensor):
            weights[f"{NAMES[layer]}.{kind}"] = tensor
        else:
            foreign.append(str(name))
    wanted = {f"{ours}.{kind}" for ours in NAMES.values() for kind in ("weight", "bias")}
    missing = sorted(wanted - weights.keys())
    if missing or foreign:
        raise CheckpointError(
            path,
            f"expected the original AMN's parameters ({', '.join(NAMES)}), "
            f"got {len(missing)} missing {missing[:3]} and {len(foreign)} foreign {foreign[:3]}. "
            f"Fix: {_as_weights(path, within)}, and gate that with [model] factory in case.toml",
        )
    return weights
