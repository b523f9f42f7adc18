"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.errors import ArgumentError
from amn.training.networks.amn import OriginalAMN, RecencyAMN
from amn.training.networks.gru import GRUPredictor
from amn.training.networks.lstm import LSTMPredictor
from amn.training.networks.transformer import TransformerPredictor

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from amn.training.networks.spec import ModelSpec


def _built(network: Callable[..., nn.Module], *sizes: str) -> Callable[[ModelSpec], nn.Module]:
    """Return what builds a network that has these sizes."""

    def build(spec: ModelSpec) -> nn.Module:
        own = {name: getattr(spec, name) for name in sizes}
        return network(dim=spec.dim, dropout=spec.dropout, **own)

    return build


ARCHITECTURES: dict[str, Callable[[ModelSpec], nn.Module]] = {
    "amn/recency/1": _built(RecencyAMN, "context", "attention_dim", "hidden_dim"),
    "amn/original/1": _built(OriginalAMN, "attention_dim", "hidden_dim"),
    "gru/1": _built(GRUPredictor, "hidden_dim", "layers"),
    "lstm/1": _built(LSTMPredictor, "hidden_dim", "layers"),
    "transformer/1": _built(TransformerPredictor, "hidden_dim", "layers", "heads"),
}


def build_model(spec: ModelSpec) -> nn.Module:
    """Build a network with freshly drawn weights, from torch's current random state.

    Raises:
        ArgumentError: If no network has that name.
    """
    if spec.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ArgumentError(f"architecture: expected one of {known}, got {spec.architecture!r}")
    return ARCHITECTURES[spec.architecture](spec)


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(parameter.numel() for parameter in model.parameters())
