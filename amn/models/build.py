"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amn.errors import ArgumentError
from amn.models.amn import OriginalAMN, RecencyAMN

if TYPE_CHECKING:
    from torch import nn

    from amn.config import CaseConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that decides a network's shape and forward.

    Attributes:
        architecture: Name of a forward: `amn/recency/1`. A changed forward gets a new name.
        dim: Numbers in a vector.
        context: Context rows.
    """

    architecture: str
    dim: int
    context: int
    attention_dim: int = 256
    hidden_dim: int = 512
    dropout: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON data."""
        return asdict(self)


def spec_for(config: CaseConfig, dim: int) -> ModelSpec:
    """Return the network that a case asks for, on vectors of `dim` numbers."""
    model = config.model
    return ModelSpec(
        architecture=f"{model.kind}/{model.recipe}/1",
        dim=dim,
        context=config.windows.context,
        attention_dim=model.attention_dim,
        hidden_dim=model.hidden_dim,
        dropout=model.dropout,
    )


def build_model(spec: ModelSpec) -> nn.Module:
    """Build a network with freshly drawn weights, from torch's current random state.

    Raises:
        ArgumentError: If no network has that name.
    """
    sizes = {"attention_dim": spec.attention_dim, "hidden_dim": spec.hidden_dim}
    if spec.architecture == "amn/original/1":
        return OriginalAMN(dim=spec.dim, dropout=spec.dropout, **sizes)
    if spec.architecture == "amn/recency/1":
        return RecencyAMN(dim=spec.dim, context=spec.context, dropout=spec.dropout, **sizes)
    raise ArgumentError(
        f"architecture: expected amn/original/1 or amn/recency/1, got {spec.architecture!r}"
    )


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(parameter.numel() for parameter in model.parameters())
