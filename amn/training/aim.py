"""Stopping for futility: a training that cannot come to its golden or its floors any more.

The seeds of a golden say how far a training of that recipe still gets from any epoch on. Where even
the upper prediction bound of that gain leaves a seed below what is needed, the rest of its training
decides nothing. The bound is that of Student's t for one more of n values of one normal
distribution (Hahn & Meeker, Statistical Intervals, 1991, 4.7), at the level of the look.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.storage import canonical_json, sha256_of
from amn.training.record import LEAST_GAIN, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.training.record import TrainingRecord

FUTILE = "R016"  # the check that owns such a stop
SAME = 1e-6  # of a validation cosine: a golden holds 6 decimals, machines differ by 1e-9


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a seed has to come to on one judged split.

    Attributes:
        least: Mean cosine.
        why: `the floor`, or `the golden's 0.6122 less its margin 0.01`.
        ends: Mean cosine of each seed of the golden.
    """

    least: float
    why: str
    ends: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What a training has to come to, and how the seeds of the golden came there.

    Attributes:
        needs: Split -> what is needed there.
        best: Best validation cosine so far after each epoch of each seed of the golden.
        windows: Of their validation.
        mean: Validation cosine of the mean of the context there.
        levels: Of the look after each epoch: chance that it stops a seed that would have come to
            what is needed.
        apart: Why the golden says nothing about this training; empty where it does.
    """

    needs: Mapping[str, Need]
    best: tuple[tuple[float, ...], ...]
    windows: int
    mean: float
    levels: tuple[float, ...]
    apart: str = ""

    @property
    def digest(self) -> str:
        """sha256 of all that a stop depends on beside the training."""
        return sha256_of(canonical_json(asdict(self)))

    def unlike(self, n_windows: int, mean: float) -> str:
        """Return why courses cannot be compared, empty where they can.

        Args:
            n_windows: Of the candidate's validation.
            mean: Validation cosine of the mean of the context there.
        """
        if self.apart:
            return self.apart
        is_same = n_windows == self.windows and abs(mean - self.mean) <= SAME
        theirs, mine = (
            f"{n:,} whose mean of the context has {cosine:.6f}"
            for n, cosine in ((self.windows, self.mean), (n_windows, mean))
        )
        return "" if is_same else f"validation windows: {theirs} in the golden, {mine} here"

    def reaches(self, cosines: Sequence[float]) -> Iterator[tuple[str, float]]:
        """Yield each split with the most that a seed still comes to there, after its epochs so far.

        Args:
            cosines: Validation cosine of each epoch, at least one and fewer than the golden's.
        """
        from scipy.special import stdtrit  # noqa: PLC0415 - loads scipy

        best = np.array(self.best)
        n = len(best)
        at = len(cosines) - 1
        t = -float(stdtrit(n - 1, self.levels[at])) * math.sqrt(1 + 1 / n)
        for split, need in self.needs.items():
            gains = np.array(need.ends)[:, None] - best[:, :-1]  # (S, E - 1) from each epoch on
            spread = gains.std(axis=0, ddof=1)
            # Few seeds may lie together by chance: no spread is taken for less than the usual one.
            usual = max(math.sqrt(float(np.mean(spread**2))), LEAST_GAIN)
            error = t * max(float(spread[at]), usual)
            yield split, max(cosines) + float(gains[:, at].mean()) + error

    def find_stop(self, cosines: Sequence[float]) -> Stop | None:
        """Return why training has to stop after the epochs so far, None to go on.

        Args:
            cosines: As in `reaches`.
        """
        epoch, n_epochs = len(cosines), len(self.best[0])
        if epoch >= n_epochs:
            return None
        for split, reach in self.reaches(cosines):
            need = self.needs[split]
            if reach < need.least:
                there = [seed[epoch - 1] for seed in self.best]
                message = (
                    f"expected to come to {need.least:.4f} on {split}, {need.why}, got at most "
                    f"{reach:.4f} from a validation cosine of {max(cosines):.4f} after epoch "
                    f"{epoch} of {n_epochs}, where the golden's seeds had {min(there):.4f} to "
                    f"{max(there):.4f}"
                )
                return Stop(FUTILE, epoch, message)
        return None


def is_futile(record: TrainingRecord) -> bool:
    """Tell whether a training was stopped because it could not come to its aim."""
    return record.stop is not None and record.stop.check == FUTILE
