"""The rules that stop a training which cannot end well. Cosines are validation cosines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.training.record import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.case.training import AbortConfig

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
