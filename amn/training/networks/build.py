"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from amn.case.config import CaseConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that decides a network's shape and forward.

    Attributes:
        architecture: Name of a forward: `amn/recency/1`. A changed forward gets a new name.
        dim: Numbers in a vector.
        context: Context rows.

    A network takes the sizes that its kind has (see `amn.case.training`), and no others.
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


# Classes of networks; each takes the fields of `ModelSpec` that its parameters name.
NETWORKS: Registry[Callable[..., nn.Module]] = Registry(
    "amn.networks",
    {
        "amn/recency/1": "amn.training.networks.amn:RecencyAMN",
        "amn/original/1": "amn.training.networks.amn:OriginalAMN",
        "gru/1": "amn.training.networks.gru:GRUPredictor",
        "lstm/1": "amn.training.networks.lstm:LSTMPredictor",
        "transformer/1": "amn.training.networks.transformer:TransformerPredictor",
    },
)


def build_model(spec: ModelSpec) -> nn.Module:
    """Build a network with freshly drawn weights, from torch's current random state.

    Raises:
        ArgumentError: If no network has that name.
    """
    network = NETWORKS.require(spec.architecture, "architecture")
    return network(**{size: getattr(spec, size) for size in inspect.signature(network).parameters})


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(parameter.numel() for parameter in model.parameters())
