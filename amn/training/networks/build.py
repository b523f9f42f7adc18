"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from amn.training.networks.spec import ModelSpec

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
