"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amn.errors import ArgumentError
from amn.models.amn import OriginalAMN, RecencyAMN
from amn.models.gru import GRUPredictor
from amn.models.lstm import LSTMPredictor
from amn.models.transformer import TransformerPredictor

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from amn.config import CaseConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that decides a network's shape and forward.

    Attributes:
        architecture: Name of a forward: `amn/recency/1`. A changed forward gets a new name.
        dim: Numbers in a vector.
        context: Context rows.

    A network takes the sizes that its kind has (see `amn.recipes`) and leaves the others alone.
    """

    architecture: str
    dim: int
    context: int
    attention_dim: int = 256
    hidden_dim: int = 512
    layers: int = 1
    heads: int = 1
    dropout: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON data."""
        return asdict(self)


def spec_for(config: CaseConfig, dim: int) -> ModelSpec:
    """Return the network that a case asks for, on vectors of `dim` numbers."""
    return ModelSpec(
        architecture=config.model.architecture,
        dim=dim,
        context=config.windows.context,
        **config.model.sizes(),
    )


def _recency(spec: ModelSpec) -> nn.Module:
    return RecencyAMN(
        dim=spec.dim,
        context=spec.context,
        attention_dim=spec.attention_dim,
        hidden_dim=spec.hidden_dim,
        dropout=spec.dropout,
    )


def _original(spec: ModelSpec) -> nn.Module:
    return OriginalAMN(
        dim=spec.dim,
        attention_dim=spec.attention_dim,
        hidden_dim=spec.hidden_dim,
        dropout=spec.dropout,
    )


def _gru(spec: ModelSpec) -> nn.Module:
    return GRUPredictor(
        dim=spec.dim, hidden_dim=spec.hidden_dim, layers=spec.layers, dropout=spec.dropout
    )


def _lstm(spec: ModelSpec) -> nn.Module:
    return LSTMPredictor(
        dim=spec.dim, hidden_dim=spec.hidden_dim, layers=spec.layers, dropout=spec.dropout
    )


def _transformer(spec: ModelSpec) -> nn.Module:
    return TransformerPredictor(
        dim=spec.dim,
        hidden_dim=spec.hidden_dim,
        layers=spec.layers,
        heads=spec.heads,
        dropout=spec.dropout,
    )


ARCHITECTURES: dict[str, Callable[[ModelSpec], nn.Module]] = {
    "amn/recency/1": _recency,
    "amn/original/1": _original,
    "gru/1": _gru,
    "lstm/1": _lstm,
    "transformer/1": _transformer,
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
