"""The description of a network: all that decides its shape and forward."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amn.case.config import CaseConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that decides a network's shape and forward.

    Attributes:
        architecture: Name of a forward: `amn/recency/1`. A changed forward gets a new name.
        dim: Numbers in a vector.
        context: Context rows.

    A network takes the sizes that its kind has (see `amn.case.recipes`), and no others.
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
