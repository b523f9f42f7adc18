"""The calibration of a case: noise, error rates, floors, and the margin that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from amn.errors import ArgumentError
from amn.evaluation.statistics import seed_from
from amn.prove.noise import Noise, noise_of
from amn.prove.simulation import Rates, Trials, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amn.case.config import CaseConfig
    from amn.evaluation.statistics import ClusterTable

# Standard deviation between articles of the difference of two good predictors, neither of which is
# the other's retraining: AMN beside ridge on wiki-mini (0.0072 in-dist, 0.0056 OOD), which are
# 0.003 apart. A change of recipe, data or code that is neutral on average still moves articles.
SCATTER = 0.006
FALSE_FAIL = 0.001  # of a harmless change
PASS_RATE = 0.95  # of a harmless change
STEP = 0.0005  # margins are proposed in such steps: finer ones say nothing
NUMERIC = 1e-6  # a mean moves less than this between machines
NEAR = 2.0  # standard errors of a floor within which another draw of articles may miss it


@dataclass(frozen=True)
class Settings:
    """What a calibration is asked for.

    Attributes:
        scatter: Standard deviation between articles of what a harmless change does.
        false_fail: Share of harmless changes that may FAIL.
        pass_rate: Share of harmless changes that must PASS.
        trials: Of each simulation.
    """

    scatter: float = SCATTER
    false_fail: float = FALSE_FAIL
    pass_rate: float = PASS_RATE
    trials: int = 2000

    def __post_init__(self) -> None:
        """Raise ArgumentError for a number out of range."""
        if not (math.isfinite(self.scatter) and self.scatter >= 0):
            raise ArgumentError(f"scatter: expected a number from 0, got {self.scatter}")
        for name in ("false_fail", "pass_rate"):
            if not 0 < getattr(self, name) < 1:
                value = getattr(self, name)
                raise ArgumentError(f"{name}: expected a share between 0 and 1, got {value}")


class Floor(NamedTuple):
    """A floor of the criteria, and how far the score is above it."""

    value: float
    standard_errors: float

    @property
    def is_near(self) -> bool:
        """Whether another draw of articles might well miss it."""
        return abs(self.standard_errors) < NEAR


@dataclass(frozen=True)
class AtMargin:
    """What the gate does at one margin.

    Attributes:
        same: The same recipe, trained again.
        harmless: A change that moves articles but not their mean.
        at_margin: A change that is worse by exactly the margin: a PASS is a false one.
        at_twice: A change that is worse by twice the margin.
    """

    margin: float
    same: Rates
    harmless: Rates
    at_margin: Rates
    at_twice: Rates


@dataclass(frozen=True)
class SplitCalibration:
    """The calibration of one split."""

    noise: Noise
    floor: Floor
    same_se: float
    comparison_se: float
    detectable: float
    margin: float
    table: tuple[AtMargin, ...]


@dataclass(frozen=True)
class Calibration:
    """The calibration of a case.

    Attributes:
        source: Where the seeds came from.
        margin: The case's own.
        proposed: The larger of what the splits need.
    """

    case: str
    source: str
    candidate_seeds: int
    golden_seeds: int
    alpha: float
    settings: Settings
    margin: float
    proposed: float
    splits: Mapping[str, SplitCalibration]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; rates are shares of trials."""
        return {
            "case": self.case,
            "seeds": {
                "source": self.source,
                "candidate": self.candidate_seeds,
                "golden": self.golden_seeds,
            },
            "alpha": self.alpha,
            "scatter": self.settings.scatter,
            "false_fail_rate": self.settings.false_fail,
            "pass_rate": self.settings.pass_rate,
            "trials": self.settings.trials,
            "margin": self.margin,
            "proposed_margin": self.proposed,
            "splits": {name: _split_json(split) for name, split in self.splits.items()},
        }


def calibrate(
    name: str,
    config: CaseConfig,
    scored: Mapping[str, ClusterTable],
    *,
    golden_seeds: int,
    source: str,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Calibration:
    """Calibrate a case from several seeds of its recipe.

    Args:
        scored: Sums by article of the seeds' cosines, on in_dist and ood.
        golden_seeds: Of the golden that candidates are compared with.
        source: Where the seeds came from, for people.

    Raises:
        ArgumentError: If seeds or articles are too few to tell.
    """
    asked = settings or Settings()
    noises = {split: noise_of(split, table) for split, table in scored.items()}
    candidate_seeds = len(config.training.seeds)
    alpha = config.golden.alpha_at(candidate_seeds)  # with adaptive seeds that of the last look
    trials = {}
    for split, noise in noises.items():
        trials[split] = tuple(
            simulate(
                noise,
                candidate_seeds=candidate_seeds,
                golden_seeds=golden_seeds,
                alpha=alpha,
                scatter=scatter,
                trials=asked.trials,
                seed=seed_from("calibrate", split),
                progress=progress,
            )
            for scatter in (0.0, asked.scatter)
        )
    needed = {
        split: max(
            *(t.margin_for(asked.pass_rate, asked.false_fail) for t in trials[split]),
            2 * math.sqrt(2) * noises[split].seed_sd,
            NUMERIC,
        )
        for split in noises
    }
    proposed = round(math.ceil(max(needed.values()) / STEP) * STEP, 6)
    margins = sorted({proposed, config.golden.margin})
    return Calibration(
        case=name,
        source=source,
        candidate_seeds=candidate_seeds,
        golden_seeds=golden_seeds,
        alpha=alpha,
        settings=asked,
        margin=config.golden.margin,
        proposed=proposed,
        splits={
            split: SplitCalibration(
                noise=noise,
                floor=_floor(config, noise),
                same_se=noise.comparison_se(candidate_seeds, golden_seeds),
                comparison_se=noise.comparison_se(candidate_seeds, golden_seeds, asked.scatter),
                detectable=noise.detectable(candidate_seeds, golden_seeds, alpha, asked.scatter),
                margin=needed[split],
                table=tuple(_at(margin, *trials[split]) for margin in margins),
            )
            for split, noise in noises.items()
        },
    )


def _at(margin: float, same: Trials, harmless: Trials) -> AtMargin:
    """Return what the gate does at one margin."""
    return AtMargin(
        margin=margin,
        same=same.rates(margin),
        harmless=harmless.rates(margin),
        at_margin=harmless.rates(margin, margin),
        at_twice=harmless.rates(margin, 2 * margin),
    )


def _floor(config: CaseConfig, noise: Noise) -> Floor:
    """Return a split's floor and how many standard errors the score is above it."""
    value = config.criteria.floor(noise.split)
    return Floor(value, (noise.mean - value) / noise.score_se if noise.score_se else math.inf)


def _split_json(split: SplitCalibration) -> dict[str, Any]:
    """Return one split as plain JSON data."""
    noise = split.noise
    distance = split.floor.standard_errors
    return {
        "articles": noise.articles,
        "effective_articles": noise.effective_articles,
        "windows": int(noise.sizes.sum()),
        "mean": noise.mean,
        "standard_error": noise.score_se,
        "seed_sd": noise.seed_sd,
        "seed_sd_upper_90": noise.seed_sd_high,
        "comparison_standard_error": {"same": split.same_se, "harmless": split.comparison_se},
        "detectable_drop": split.detectable,
        "floor": {
            "value": split.floor.value,
            "standard_errors_above": distance if math.isfinite(distance) else None,
        },
        "needed_margin": split.margin,
        "at_margin": [
            {
                "margin": at.margin,
                "same": at.same._asdict(),
                "harmless": at.harmless._asdict(),
                "drop_of_margin": at.at_margin._asdict(),
                "drop_of_twice_the_margin": at.at_twice._asdict(),
            }
            for at in split.table
        ],
    }
