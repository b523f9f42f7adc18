"""How far the limits of a case are from what its golden measured: neither idle nor within noise.

A floor judges a frozen set, so what moves a result across it is the noise of training: the standard
deviation of the seeds' means, over the root of the number of seeds that a gate trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.case.config import EVALUATED
from amn.case.limits import IDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.case.config import CaseConfig
    from amn.golden.schema import GoldenRecord, SplitMetrics

Note = Literal["", "within noise", "too far"]
NEAR = 3.0  # standard deviations of a gate's mean: nearer, about one sound run in 700 fails


@dataclass(frozen=True, slots=True)
class Headroom:
    """One limit beside what was measured.

    Attributes:
        limit: Key in case.toml.
        value: What the golden measured; for a margin, nothing but noise: 0.
        bound: The limit.
        noise: Standard deviation of what a gate compares with it, from the golden's seeds.
        note: Empty when the limit is neither idle nor within noise.
        proposal: A limit that is neither; None where there is nothing to propose.
    """

    limit: str
    value: float
    bound: float
    noise: float
    note: Note = ""
    proposal: float | None = None

    @property
    def distance(self) -> float:
        """How far the result may fall before the limit is met."""
        return self.value - self.bound

    @property
    def sigmas(self) -> float:
        """The distance in standard deviations of noise; infinite without noise."""
        return self.distance / self.noise if self.noise > 0 else float("inf")

    def __str__(self) -> str:
        """Return what is wrong with the limit, and what to set it to."""
        where = f"{self.limit} {self.bound:.4f}: the golden's {self.value:.4f}"
        text = where if self.note else f"{where} is {self.distance:+.4f} from it"
        if self.note == "too far":
            text += f" may fall by {self.distance:.4f} unnoticed"
        elif self.note:
            text += f" is {self.sigmas:.1f} standard deviations of training noise away"
        return text if self.proposal is None else f"{text}; consider {self.proposal:.3f}"


def headrooms(config: CaseConfig, record: GoldenRecord) -> Iterator[Headroom]:
    """Yield each floor and the margin beside what the golden measured."""
    n_seeds = len(config.training.seeds)
    margin = config.golden.margin
    for split in EVALUATED:
        metrics = next(m for name, m in record.metrics.items() if name == split)
        noise = _seed_sd(metrics) / np.sqrt(n_seeds)
        floor = config.criteria.floor(split)
        yield _judged(f"criteria.{split}", metrics.mean, floor, noise, margin)
        lift = metrics.mean - metrics.strongest
        yield _judged(f"criteria.lift {split}", lift, config.criteria.lift, noise, margin)
        # Candidate and golden are both means over seeds.
        both = _seed_sd(metrics) * np.sqrt(1 / n_seeds + 1 / len(record.seeds))
        yield _judged(f"golden.margin {split}", 0.0, -margin, float(both), margin)


def _seed_sd(metrics: SplitMetrics) -> float:
    """Return the standard deviation of the seeds' means; 0 with one seed: it is not known."""
    return float(np.std(metrics.per_seed, ddof=1)) if len(metrics.per_seed) > 1 else 0.0


def _judged(limit: str, value: float, bound: float, noise: float, margin: float) -> Headroom:
    """Return the headroom of one limit, with what to set it to where it is not sound."""
    distance = value - bound
    if distance < NEAR * noise:
        proposal = float(np.floor((value - NEAR * noise) * 1000) / 1000)
        return Headroom(limit, value, bound, noise, "within noise", proposal)
    if distance > IDLE * margin:
        proposal = float(np.floor((value - margin) * 1000) / 1000)
        return Headroom(limit, value, bound, noise, "too far", proposal)
    return Headroom(limit, value, bound, noise)
