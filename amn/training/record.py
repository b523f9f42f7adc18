"""What a training leaves behind: one ledger line an epoch, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.case.training import AbortConfig


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
        """Rebuild a record from `to_json`.

        Raises:
            ValueError: If a part is missing, too much, or of another type.
        """
        if unknown := data.keys() - {part.name for part in fields(cls)}:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        return TypeAdapter(cls).validate_python(data)


@dataclass(frozen=True, kw_only=True)
class ValidationReferences:
    """Validation cosines of the predictors that the stopping rules compare with."""

    constant: float
    mean: float


SECONDARY_SHARE = 0.5  # of the loss: what R007 fails a secondary term for


def first_epoch_floor(rule: AbortConfig, *, constant: float, mean: float) -> float:
    """Return what epoch 1 has to reach: a number, or a share of the way from constant to mean."""
    if rule.first_epoch != "relative":
        return float(rule.first_epoch)
    return (1 - rule.first_epoch_share) * constant + rule.first_epoch_share * mean


def find_stop(
    cosines: Sequence[float], rule: AbortConfig, *, constant: float, mean: float
) -> Stop | None:
    """Return why training has to stop after the epochs so far, None to go on.

    Args:
        cosines: Validation cosine of each epoch so far, at least one.
        constant: Validation cosine of the constant predictor.
        mean: Validation cosine of the mean of the context.
    """
    *_, last = find_stops(cosines, rule, constant=constant, mean=mean)
    return last


def find_stops(
    cosines: Sequence[float], rule: AbortConfig, *, constant: float, mean: float
) -> Iterator[Stop | None]:
    """Yield, for each epoch, why training has to stop after it, None to go on."""
    floor = first_epoch_floor(rule, constant=constant, mean=mean)
    best_epoch = 1
    for epoch, now in enumerate(cosines, 1):
        if now > cosines[best_epoch - 1]:
            best_epoch = epoch
        yield _stop_after(epoch, best_epoch, cosines, rule, constant=constant, floor=floor)


def _stop_after(
    epoch: int,
    best_epoch: int,
    cosines: Sequence[float],
    rule: AbortConfig,
    *,
    constant: float,
    floor: float,
) -> Stop | None:
    """Return why training has to stop after one epoch, whatever comes later."""
    before, now = cosines[max(epoch - 2, 0)], cosines[epoch - 1]
    best = cosines[best_epoch - 1]
    if not now > constant:
        message = f"expected above the constant predictor's {constant:.4f}, got {now:.4f}"
        return Stop("R004", epoch, message)
    if epoch == 1 and not now >= floor:
        return Stop("R001", epoch, f"expected at least {floor:.4f} after epoch 1, got {now:.4f}")
    if before - now > rule.drop:
        message = f"expected a fall of at most {rule.drop} in one epoch, got {before - now:.4f}"
        return Stop("R003", epoch, f"{message} ({before:.4f} to {now:.4f})")
    if best > 0 and now < rule.below_best * best:  # a share of a negative best says nothing
        message = f"expected at least {rule.below_best} of the best {best:.4f}, got {now:.4f}"
        return Stop("R003", epoch, message)
    if epoch - best_epoch >= rule.stall_epochs:
        message = f"expected a new best within {rule.stall_epochs} epochs, got none since"
        return Stop("R002", epoch, f"{message} epoch {best_epoch} ({best:.4f})")
    return None


def find_dominance(epoch: int, terms: Mapping[str, float]) -> Stop | None:
    """Return why training has to stop when a secondary loss outweighs all the others.

    Args:
        epoch: 1-based.
        terms: Weighted loss terms, the primary one first.
    """
    sizes = {name: abs(value) for name, value in terms.items()}
    primary, *others = sizes
    largest = max(others, key=sizes.__getitem__, default=primary)
    if largest == primary or sizes[largest] <= SECONDARY_SHARE * sum(sizes.values()):
        return None
    share = sizes[largest] / sum(sizes.values())
    times = sizes[largest] / sizes[primary] if sizes[primary] > 0 else float("inf")
    message = (
        f"expected at most {SECONDARY_SHARE:.0%} of the loss from {largest}, got {share:.1%}, "
        f"{times:.3g} times {primary}"
    )
    return Stop("R007", epoch, message)
