"""What a training leaves behind: one ledger line an epoch, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from functools import cache
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from amn.case.limits import LIFT
from amn.verdict import shown

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
        steps: Optimiser steps taken; 0 where nobody counted.
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
    steps: int = 0


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
        mixture: Share of each part, of a network that was mixed with linear predictors; they add up
            to 1.
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
    mixture: dict[str, float] = field(default_factory=dict)

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
        return _reader().validate_python(data)


@cache
def _reader() -> TypeAdapter[TrainingRecord]:
    """Reader of records: to make one takes longer than to read with it."""
    return TypeAdapter(TrainingRecord)


@dataclass(frozen=True, kw_only=True)
class ValidationReferences:
    """Validation cosines of the predictors that the stopping rules compare with."""

    constant: float
    mean: float


LEAST_PATIENCE = 2  # validations without a new best: one may be noise


def mixture_in_words(records: Sequence[TrainingRecord]) -> str:
    """Return the mean share of each part of mixtures, the largest first; empty where none is one.

    `ridge 0.55, network 0.45`; what has no share is left out.
    """
    mixed = [record.mixture for record in records if record.mixture]
    parts = mixed[0] if mixed else {}
    means = {part: sum(one[part] for one in mixed) / len(mixed) for part in parts}
    ordered = sorted(means.items(), key=lambda item: -item[1])
    return ", ".join(f"{part.replace('_', ' ')} {share:.2f}" for part, share in ordered if share)


SECONDARY_SHARE = 0.5  # of the loss: what R007 fails a secondary term for
# Of a cosine. Ten epochs (`stall_epochs`) that gain less each come to less than `criteria.lift`
# asks for; rounding moves a mean by 1e-9.
LEAST_GAIN = LIFT / 10
# Optimiser steps after which a network that starts from nothing is half-way. Measured on 120
# articles of wiki-mini, AMN, lr 3e-4, dropout 0.1, floor 0.40: 0.325 after 73 steps, 0.408 after
# 146, 0.452 after 219. Fewer steps decide nothing: R013 looks at the best epoch all the same.
FIRST_STEPS = 200


def first_epoch_floor(rule: AbortConfig, *, constant: float, mean: float) -> float:
    """Return what epoch 1 has to reach: a number, or a share of the way from constant to mean."""
    if rule.first_epoch != "relative":
        return float(rule.first_epoch)
    return (1 - rule.first_epoch_share) * constant + rule.first_epoch_share * mean


def first_due(rule: AbortConfig, steps: Sequence[int]) -> int | None:
    """Return the 1-based epoch after which the first one's floor holds; None while it is too early.

    A share of the way to the mean of the context takes steps, not epochs. A number of one's own
    holds for epoch 1.

    Args:
        steps: Of each epoch so far, as in `first_counted`.
    """
    return first_counted(steps) if rule.first_epoch == "relative" else 1


def first_counted(steps: Sequence[int]) -> int | None:
    """Return the first epoch by whose end enough steps were taken to judge; None while none is.

    Args:
        steps: Optimiser steps of each epoch so far; none, or 0, where nobody counted: then it is 1.
    """
    if not all(steps):
        return 1
    reached = (n for n, taken in enumerate(accumulate(steps), 1) if taken >= FIRST_STEPS)
    return next(reached, None if steps else 1)


def find_stop(
    cosines: Sequence[float],
    rule: AbortConfig,
    *,
    constant: float,
    mean: float,
    steps: Sequence[int] = (),
) -> Stop | None:
    """Return why training has to stop after the epochs so far, None to go on.

    Args:
        cosines: Validation cosine of each epoch so far, at least one.
        constant: Validation cosine of the constant predictor.
        mean: Validation cosine of the mean of the context.
        steps: Optimiser steps of each epoch; empty where nobody counted.
    """
    *_, last = find_stops(cosines, rule, constant=constant, mean=mean, steps=steps)
    return last[0] if last else None


def last_gain(cosines: Sequence[float]) -> int:
    """Return the 1-based epoch of the last new best: better by more than rounding is.

    Args:
        cosines: Validation cosine of each epoch, at least one.
    """
    best_epoch = 1
    for epoch, now in enumerate(cosines, 1):
        if now - cosines[best_epoch - 1] > LEAST_GAIN:
            best_epoch = epoch
    return best_epoch


def find_stops(
    cosines: Sequence[float],
    rule: AbortConfig,
    *,
    constant: float,
    mean: float,
    steps: Sequence[int] = (),
    numbers: Sequence[int] = (),
) -> Iterator[tuple[Stop, ...]]:
    """Yield, for each validation, every rule by which training has to stop after it.

    None to go on. The first names the reason: another may fail for it. A gain of rounding is no new
    best.

    Args:
        numbers: Epoch of each validation, for what is said and for how long none was better; empty
            where every epoch was validated.
    """
    known = numbers or range(1, len(cosines) + 1)
    floor = first_epoch_floor(rule, constant=constant, mean=mean)
    due, counted = first_due(rule, steps), first_counted(steps)
    for epoch, now in enumerate(cosines, 1):
        is_early = counted is None or epoch < counted
        below = -inf if is_early and now == now else constant  # noqa: PLR0124 - NaN is never early
        stops = _stops_after(cosines[:epoch], rule, constant=below, numbers=known)
        if epoch == due and not now >= floor:
            got = f"got {shown(now, floor)}"
            message = f"expected at least {floor:.4f} after epoch {known[epoch - 1]}, {got}"
            low = Stop("R001", epoch, message)
            stops = sorted([low, *stops], key=lambda stop: stop.check != "R004")
        yield tuple(stops)


def _stops_after(
    cosines: Sequence[float], rule: AbortConfig, *, constant: float, numbers: Sequence[int]
) -> list[Stop]:
    """Return the rules, R001 aside, by which training has to stop after the last validation."""
    epoch, best_epoch = len(cosines), last_gain(cosines)
    before, now = cosines[max(epoch - 2, 0)], cosines[epoch - 1]
    best = cosines[best_epoch - 1]
    found = []
    if not now > constant:
        got = f"got {shown(now, constant)}"
        message = f"expected above the constant predictor's {constant:.4f}, {got}"
        found.append(Stop("R004", epoch, message))
    if before - now > rule.drop:
        fall = shown(before - now, rule.drop)
        message = f"expected a fall of at most {rule.drop} in one epoch, got {fall}"
        found.append(Stop("R003", epoch, f"{message} ({before:.4f} to {now:.4f})"))
    elif best > 0 and now < rule.below_best * best:  # a share of a negative best says nothing
        message = f"expected at least {rule.below_best} of the best {best:.4f}, got {now:.4f}"
        found.append(Stop("R003", epoch, message))
    since = numbers[best_epoch - 1]
    is_late = numbers[epoch - 1] - since >= rule.stall_epochs
    if is_late and epoch - best_epoch >= min(LEAST_PATIENCE, rule.stall_epochs):
        message = (
            f"expected a new best, by more than {LEAST_GAIN:g}, within {rule.stall_epochs} epochs,"
            f" got none since epoch {since} ({best:.4f})"
        )
        found.append(Stop("R002", epoch, message))
    return found


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
