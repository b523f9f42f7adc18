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
