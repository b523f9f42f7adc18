"""What a training leaves behind: one ledger line an epoch, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One line of the loss ledger. Losses are means over the epoch's windows.

    Attributes:
        epoch: 1-based.
        terms: Weighted loss terms by name, the primary one first; they add up to `train_loss`.
        term_grad_norms: Mean gradient norm of each of them, before clipping, over sampled batches.
        val_loss: The primary term on the validation windows; the others depend on the batch.
        grad_norm: Largest gradient norm before clipping.
        lr: Learning rate at the end of the epoch.
        seconds: Wall time of training and validation.
        n_windows: Windows seen; fewer than there are in a curriculum, or when stopped within.
    """

    epoch: int
    train_loss: float
    terms: dict[str, float]
    train_cosine: float
    val_loss: float
    val_cosine: float
    grad_norm: float
    lr: float
    seconds: float
    term_grad_norms: dict[str, float] = field(default_factory=dict)
    n_windows: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """Why training ended before its last epoch.

    Attributes:
        check: The check that owns the reason, such as `R003`.
        epoch: 1-based epoch after which it stopped.
        message: `expected X, got Y`.
    """

    check: str
    epoch: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """The whole course of one training.

    Attributes:
        status: `finished` (early stopping included), `stopped` by a rule, or `crashed` on a number
            it could not go on with.
        constant: Validation cosine of the constant predictor.
        mean: Validation cosine of the mean of the context.
        best_epoch: Epoch of the kept weights, 0 when there is none.
        device: `cpu` or `cuda`.
    """

    seed: int
    status: Literal["finished", "stopped", "crashed"]
    stop: Stop | None
    epochs: tuple[Epoch, ...]
    best_epoch: int
    best_val_cosine: float
    constant: float
    mean: float
    n_train_windows: int
    n_validation_windows: int
    n_parameters: int
    versions: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrainingRecord:
        """Rebuild a record from `to_json`."""
        stop = Stop(**data["stop"]) if data["stop"] else None
        epochs = tuple(Epoch(**epoch) for epoch in data["epochs"])
        return cls(**{**data, "stop": stop, "epochs": epochs})


@dataclass(frozen=True, kw_only=True)
class ValidationReferences:
    """Validation cosines of the predictors that the stopping rules compare with."""

    constant: float
    mean: float
