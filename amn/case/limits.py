"""What case.toml may say of limits: floors, the golden's margin, the index's recall, speed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from amn.case.section import Cosine, Positive, Section

LEAST_LOOK = 2  # seeds: one has no spread

PROFILES: dict[str, dict[str, Any]] = {
    "minimum": {"in_dist": 0.54, "ood": 0.60, "delta": (0.05, 0.10)},
    "target": {"in_dist": 0.56, "ood": 0.63, "delta": (0.06, 0.08)},
}


class CriteriaConfig(Section):
    """The floors. A profile sets them; values of your own replace the profile's.

    Attributes:
        delta: Range of OOD minus in-dist. The profile's range is a warning, your own is a limit.
        lift: Least gain over the mean of the context, on both splits.
        scope: How much is enough for `amn ci require`: a whole gate; a model whose training nobody
            saw; or scores alone. It shapes no result, so it is no part of the resolved config.
    """

    profile: Literal["minimum", "target"] = "minimum"
    in_dist: Cosine | None = None
    ood: Cosine | None = None
    delta: tuple[float, float] | None = None
    lift: float = 0.0
    scope: Literal["whole", "model", "scores"] = "whole"

    @model_validator(mode="after")
    def _delta_is_a_range(self) -> CriteriaConfig:
        if self.delta and not self.delta[0] <= self.delta[1]:
            raise ValueError(f"delta: expected the lower end first, got {list(self.delta)}")
        return self

    def floor(self, split: str) -> float:
        """Return the floor of `in_dist` or `ood`."""
        own = self.in_dist if split == "in_dist" else self.ood
        return float(PROFILES[self.profile][split] if own is None else own)

    def delta_range(self) -> tuple[float, float]:
        """Return the range that OOD minus in-dist is expected in."""
        low, high = self.delta or PROFILES[self.profile]["delta"]
        return float(low), float(high)


class GoldenConfig(Section):
    """How the comparison with the golden is judged.

    Attributes:
        margin: How much worse, in cosine, still counts as not worse.
        alpha: One-sided error of the bound.
        drift: How far accepted goldens may fall below the anchor in all; None: one margin. It says
            what may be accepted and shapes no result, so it is no part of the resolved config.
        adaptive_seeds: Numbers of seeds at which a candidate is looked at, such as `[2, 3, 5]`: the
            next ones are trained only while the comparison is undecided. None: all, at one look.
    """

    margin: Positive = 0.01
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    drift: Positive | None = None
    adaptive_seeds: list[int] | None = Field(default=None, min_length=2)

    @model_validator(mode="after")
    def _looks_grow(self) -> GoldenConfig:
        looks = self.adaptive_seeds
        if looks and (looks[0] < LEAST_LOOK or sorted(set(looks)) != looks):
            raise ValueError(
                f"adaptive_seeds: expected growing numbers from {LEAST_LOOK} on, got {looks}"
            )
        return self

    def looks_until(self, seeds: int) -> tuple[int, ...]:
        """Return the looks up to the one at so many seeds."""
        return tuple(look for look in self.adaptive_seeds or () if look <= seeds)

    def alpha_at(self, look: int) -> float:
        """Return the share of alpha that a look at so many seeds spends; shares add up to alpha.

        In proportion to the seeds: `[2, 3, 5]` spends 0.01, 0.015 and 0.025 of 0.05.
        """
        looks = self.adaptive_seeds
        return self.alpha * look / sum(looks) if looks else self.alpha

    @property
    def drift_budget(self) -> float:
        """The largest fall below the anchor."""
        return self.margin if self.drift is None else self.drift


class IndexConfig(Section):
    """What the FAISS index has to reach on sampled queries.

    Attributes:
        recall_at: k of recall@k against exact search.
        recall: Floor of the lower 95 % bound of recall@k.
        self_recall: Floor of the share of rows found first by their own vector.
    """

    recall_at: int = Field(default=10, ge=1)
    recall: Annotated[float, Field(gt=0, le=1)] = 0.9
    self_recall: Annotated[float, Field(gt=0, le=1)] = 0.99


RATIOS = ("latency", "inference", "training")  # speed beside the plain loop, see `amn bench`


class SpeedConfig(Section):
    """How fast a case has to be: plain's cost over ours, so 2 is twice as fast.

    Where the section is, every figure is a declared check; none of them can be left out.

    Attributes:
        latency: Of one window.
        inference: Of many windows.
        training: Of an epoch.
        tolerance: Share by which a ratio may fall below its stored twin: what noise explains.
    """

    latency: Positive = 1.0
    inference: Positive = 1.0
    training: Positive = 1.0
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.3
