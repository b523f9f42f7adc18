"""From a description to a network, and the names by which checkpoints know it."""

from __future__ import annotations

import inspect
import sys
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from amn.case.training import CLOSED_FORM, STACKED
from amn.errors import ArgumentError
from amn.registry import Registry
from amn.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from amn.case.config import CaseConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that decides a network's shape and forward.

    Attributes:
        architecture: Name of a forward: `amn/recency/1`. A changed forward gets a new name; with
            ` + linear/1` at its end it is mixed with linear predictors.
        dim: Numbers in a vector.
        context: Context rows.
        options: What a factory of one's own is called with besides.

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
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_stacked(self) -> bool:
        """Whether the network is mixed with linear predictors."""
        return self.architecture.endswith(STACKED)

    @property
    def unstacked(self) -> ModelSpec:
        """The network alone."""
        return replace(self, architecture=self.architecture.removesuffix(STACKED))

    @property
    def is_closed_form(self) -> bool:
        """Whether its weights have a closed form: no seed moves them."""
        return self.architecture.removesuffix("/1") in CLOSED_FORM

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON data."""
        values = asdict(self)
        return values if self.options else {k: v for k, v in values.items() if k != "options"}


def spec_for(config: CaseConfig, dim: int) -> ModelSpec:
    """Return the network that a case asks for, on vectors of `dim` numbers."""
    return ModelSpec(
        architecture=config.model.architecture,
        dim=dim,
        context=config.windows.context,
        options=config.model.options,
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
        "ridge/1": "amn.training.networks.linear:Ridge",
        "weighted_mean/1": "amn.training.networks.linear:WeightedMean",
        "mean/1": "amn.training.networks.linear:WeightedMean",
        "last/1": "amn.training.networks.linear:WeightedMean",
    },
)


ADMITTED: dict[str, Callable[..., nn.Module]] = {}  # by architecture: factories that a case names


def admit(config: CaseConfig, folder: Path) -> str:
    """Import the factory that a case names, and return the sha256 of its module's source.

    Only what a case names is ever imported: the name in a checkpoint runs no code. Empty where the
    case names none.

    Args:
        folder: Of the case: where its module is looked for first.

    Raises:
        ArgumentError: If it cannot be imported, or is no function.
    """
    factory = config.model.factory
    if factory is None:
        return ""
    module, _, name = factory.partition(":")
    places = [str(folder.resolve()), str(Path.cwd())]
    for file in (Path(place, *module.split(".")).with_suffix(".py") for place in places):
        known = sys.modules.get(module)
        if known and file.is_file() and known.__file__ != str(file):
            del sys.modules[module]  # of another case
            break
    sys.path[:0] = places
    try:
        found = import_module(module)
        function = getattr(found, name)
        source = inspect.getsource(found)
    except Exception as error:
        got, root = f"{type(error).__name__}: {error}", module.partition(".")[0]
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == root
        fix = f"put {root}.py beside case.toml or where amn runs, or install it"
        raise ArgumentError(
            f"model.factory: expected a function {name} in {module}, got {got}. Fix: "
            f"{fix if is_missing else f'mend {module}, or name another function'}"
        ) from error
    finally:
        for place in places:
            sys.path.remove(place)
    if not callable(function):
        raise ArgumentError(f"model.factory: expected a function, got {type(function).__name__}")
    ADMITTED[config.model.architecture] = function
    return sha256_of(source.encode())


def _build_own(spec: ModelSpec) -> nn.Module:
    """Build a network of one's own, and see that it gives one vector a window."""
    factory = ADMITTED.get(spec.architecture)
    if factory is None:
        raise ArgumentError(
            f"architecture: expected a case that names {spec.architecture!r}, got none: a file"
            " runs no code by its own word. Fix: gate it with its case"
        )
    what = spec.architecture
    try:
        model = factory(dim=spec.dim, context=spec.context, **spec.options)
        with torch.no_grad():
            shape = tuple(model.eval()(torch.zeros(2, spec.context, spec.dim)).shape)
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise ArgumentError(f"{what}: expected a torch module, got {got}") from error
    if shape != (2, spec.dim):
        raise ArgumentError(
            f"{what}: expected (2, {spec.dim}) for contexts (2, {spec.context}, {spec.dim}), got "
            f"{shape}"
        )
    return model


def build_model(spec: ModelSpec) -> nn.Module:
    """Build a network with freshly drawn weights, from torch's current random state.

    Raises:
        ArgumentError: If no network has that name, or a factory gives none.
    """
    if spec.is_stacked:
        from amn.training.networks.linear import Stacked  # noqa: PLC0415 - few are mixed

        return Stacked(build_model(spec.unstacked), dim=spec.dim, context=spec.context)
    if spec.architecture.startswith("factory "):
        return _build_own(spec)
    network = NETWORKS.require(spec.architecture, "architecture")
    return network(**{size: getattr(spec, size) for size in inspect.signature(network).parameters})


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(parameter.numel() for parameter in model.parameters())
