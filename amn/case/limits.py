"""What case.toml may say of limits: floors, data, the golden's margin, recall, speed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from amn.case.section import Cosine, Positive, Section

SplitName = Literal["in_dist", "ood"]
COSINE = "cosine"
MIN_SEEDS = 3  # of a candidate, at its first look: two differ by as much as luck does
GOLDEN_SEEDS = 5  # of a golden, at least
GUARDS = ("in_article", "reciprocal_rank")  # metrics of what comes next: a golden guards them
OF_METRIC: dict[SplitName, str] = {
    "ood": "G018",
    "in_dist": "G019",
}  # checks of the metric that a case is judged by
LIFT = 0.001  # of a cosine: what is less matters to nobody, and rounding reaches a thousandth of it

IDLE = 3.0  # margins below what was measured: a fall of that size passes such a floor

PROFILES: dict[str, dict[str, Any]] = {
    "minimum": {"in_dist": 0.54, "ood": 0.60, "delta": (0.05, 0.10)},
    "target": {"in_dist": 0.56, "ood": 0.63, "delta": (0.06, 0.08)},
}


class Limit(Section):
    """One limit of a case's own, on any metric: a check of its own.

    Attributes:
        id: Of its check, C101 to C999: stable, so that waivers and goldens can name it.
        metric: Its name: see `amn rules --metrics`; `lift` is over the strongest reference.
        split: On which windows it is measured.
        slice: Column of the chunk table -> value, or a range of numbers; None takes all windows.
        least: What the metric has to reach; exactly one of least and most.
        most: What it may not exceed.
        by: Whether the estimate has to hold, or the end of its 95 % interval as well.
    """

    id: Annotated[str, Field(pattern=r"^C[1-9]\d\d$")]
    metric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    split: Literal["in_dist", "ood"]
    slice: dict[str, str] | None = Field(default=None, min_length=1, max_length=1)
    least: float | None = None
    most: float | None = None
    by: Literal["estimate", "bound"] = "estimate"

    @model_validator(mode="after")
    def _one_side(self) -> Limit:
        if (self.least is None) == (self.most is None):
            got = "none" if self.least is None else "both"
            raise ValueError(f"{self.id}: expected one of least and most, got {got}")
        return self

    def holds(self, value: float) -> bool:
        """Tell whether a value is within the limit; NaN is not."""
        return value >= self.least if self.least is not None else value <= (self.most or 0.0)

    @property
    def where(self) -> str:
        """`ood, kind = list`: which windows it is about."""
        named = [f"{column} = {value}" for column, value in (self.slice or {}).items()]
        return ", ".join([self.split, *named])

    def __str__(self) -> str:
        """Return `in_article of ood, kind = list is at least 0.6, by its bound`."""
        value = f"least {self.least:g}" if self.least is not None else f"most {self.most:g}"
        return f"{self.metric} of {self.where} is at {value}, by its {self.by}"


class Guard(Section):
    """One metric that may not get worse than the golden's: a check of its own.

    Attributes:
        id: Of its check, G101 to G999: stable, so that waivers and goldens can name it.
        metric: Its name: see `amn rules --metrics`; its margin is in [golden.margins].
        split: On which windows it is compared.
    """

    id: Annotated[str, Field(pattern=r"^G[1-9]\d\d$")]
    metric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    split: Literal["in_dist", "ood"]

    @property
    def name(self) -> str:
        """`l2.ood`: what is compared."""
        return f"{self.metric}.{self.split}"

    def __str__(self) -> str:
        """Return `l2 of ood is not worse than the golden's`."""
        return f"{self.metric} of {self.split} is not worse than the golden's"


class CriteriaConfig(Section):
    """The floors. A profile sets them; values of your own replace the profile's.

    Attributes:
        profile: `minimum`: in-dist 0.54, OOD 0.60; `target`: 0.56 and 0.63.
        in_dist: Least score in-dist.
        ood: Least score OOD.
        delta: Range of OOD minus in-dist. The profile's range is a warning, your own is a limit.
        lift: Least gain over the strongest reference predictor, on both splits.
        scope: How much is enough for `amn ci require`: a whole gate; a model whose training nobody
            saw; or scores alone. It shapes no result, so it is no part of the resolved config.
        limit: Limits on any metric, beside the floors.
        guard: Metrics that may not get worse than the golden's, beside the cosine and what comes
            next.
        metric: What the case is judged by. With another one than the cosine, for rows that are not
            of length 1, floors, range and lift are not asked: limits on that metric take their
            place, one at least on all windows of each split.
    """

    profile: Literal["minimum", "target"] = "minimum"
    in_dist: Cosine | None = None
    ood: Cosine | None = None
    delta: tuple[float, float] | None = None
    lift: float = LIFT
    scope: Literal["whole", "model", "scores"] = "whole"
    limit: tuple[Limit, ...] = ()
    guard: tuple[Guard, ...] = ()
    metric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = COSINE

    @model_validator(mode="after")
    def _limits_have_ids_of_their_own(self) -> CriteriaConfig:
        for where, own in (("limit", self.limit), ("guard", self.guard)):
            ids = [one.id for one in own]
            if repeated := sorted({one for one in ids if ids.count(one) > 1}):
                expected = f"{where}: expected an id of its own for each"
                raise ValueError(f"{expected}, got {repeated[0]} twice")
        return self

    @model_validator(mode="after")
    def _guards_what_is_not_guarded(self) -> CriteriaConfig:
        names = [guard.name for guard in self.guard]
        for guard in self.guard:
            if guard.metric in (COSINE, *GUARDS, self.metric) or names.count(guard.name) > 1:
                expected = "guard: expected a metric that is not compared with the golden already"
                raise ValueError(f"{expected}, got {guard.name}")
        return self

    @model_validator(mode="after")
    def _limits_take_the_place_of_floors(self) -> CriteriaConfig:
        if self.by_cosine:
            return self
        own = sorted({"profile", "in_dist", "ood", "delta", "lift"} & self.model_fields_set)
        if own:
            raise ValueError(f"{own[0]}: expected none, it is of the cosine, beside {self.metric}")
        limited = {one.split for one in self.limit if one.metric == self.metric and not one.slice}
        if missing := [split for split in ("in_dist", "ood") if split not in limited]:
            expected = f"a [[criteria.limit]] on {self.metric} of {missing[0]} without a slice"
            raise ValueError(f"metric: expected {expected}, got none")
        return self

    @property
    def by_cosine(self) -> bool:
        """Whether the case is judged by the cosine."""
        return self.metric == COSINE

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What is compared with the golden: the metric of the case, and what it declares."""
        if self.by_cosine:
            return self.guard
        own = [
            Guard.model_construct(id=id_, metric=self.metric, split=split)
            for split, id_ in OF_METRIC.items()
        ]
        return (*own, *self.guard)

    @model_validator(mode="after")
    def _delta_is_a_range(self) -> CriteriaConfig:
        if self.delta and not self.delta[0] <= self.delta[1]:
            ends = list(self.delta)
            fix = f"delta = {ends[::-1]}"
            raise ValueError(f"delta: expected the lower end first, got {ends}. Fix: {fix}")
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
        margins: How much worse still counts as not worse, by metric that is compared beside the
            cosine; without one it is what the golden's own articles and seeds explain.
        drift: How far accepted goldens may fall below the anchor in all; None: one margin. It says
            what may be accepted and shapes no result, so it is no part of the resolved config.
        adaptive_seeds: Numbers of seeds at which a candidate is looked at, such as `[3, 5]`: the
            next ones are trained only while the comparison is undecided. None: all, at one look.
        futility: Whether a training that cannot come to the golden or its floors any more is
            stopped (R016). It saves time and shapes no result, so it is no part of the resolved
            config.
        article_looks: Whether a run or a checkpoint is looked at on some of the articles first, and
            not scored on the others where these show that it is worse than the golden by more than
            the margin (G028). No part of the resolved config, likewise.
    """

    margin: Positive = 0.01
    margins: dict[str, Positive] = Field(default_factory=dict)
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    drift: Positive | None = None
    adaptive_seeds: list[int] | None = Field(default=None, min_length=2)
    futility: bool = True
    article_looks: bool = False

    @model_validator(mode="after")
    def _looks_grow(self) -> GoldenConfig:
        looks = self.adaptive_seeds
        if looks and (looks[0] < MIN_SEEDS or sorted(set(looks)) != looks):
            raise ValueError(
                f"adaptive_seeds: expected growing numbers from {MIN_SEEDS} on, got {looks}"
            )
        return self

    def looks_until(self, seeds: int) -> tuple[int, ...]:
        """Return the looks up to the one at so many seeds."""
        return tuple(look for look in self.adaptive_seeds or () if look <= seeds)

    def alpha_at(self, look: int) -> float:
        """Return the share of alpha that a look at so many seeds spends; shares add up to alpha.

        In proportion to the seeds: `[3, 5]` spends 0.01875 and 0.03125 of 0.05.
        """
        looks = self.adaptive_seeds
        return self.alpha * look / sum(looks) if looks else self.alpha

    def level_at(self, look: int, of: int) -> float:
        """Return the level of the look of a number, from 1 on, at whether one of so many is lost.

        What is looked at are seeds, after each epoch, and splits, after some of the articles. Half
        of what is left of its share of alpha: the first looks, which save most, have most, and all
        looks at all of them add up to less than alpha (Bonferroni), those of both kinds together.
        One alpha bounds passing what is not good enough at any look at seeds, and one stopping in
        vain what is.
        """
        kinds = max(self.futility + self.article_looks, 1)
        return self.alpha / kinds / of * 0.5**look

    @property
    def drift_budget(self) -> float:
        """The largest fall below the anchor."""
        return self.margin if self.drift is None else self.drift


IndexKind = Literal["flat", "sq8", "sq6", "sq4", "ivf", "hnsw", "pq"]
PARAMETERS: dict[str, tuple[str, ...]] = {  # of each kind that has some
    "ivf": ("nlist", "nprobe"),
    "hnsw": ("m", "ef_construction", "ef_search"),
    "pq": ("nlist", "nprobe", "m", "bits"),
}
RECALL = "recall"  # what the margins of a golden call it


class Configuration(Section):
    """One index that is built from the rows of the data set and searched: a check of its own.

    Attributes:
        id: Of its check, I101 to I999: stable, so that waivers and goldens can name it.
        name: What a golden calls it.
        kind: As `amn index build --kind` takes it; `file` is index.faiss as it lies there.
        parameters: Of the kind, such as `nprobe`; without them its own for data of this size.
        recall: Floor of the lower 95 % bound of recall@k; None: that of [index].
    """

    id: Annotated[str, Field(pattern=r"^I[1-9]\d\d$")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal[IndexKind, "file"]
    parameters: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    recall: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _has_parameters_of_its_kind(self) -> Configuration:
        known = PARAMETERS.get(self.kind, ())
        if foreign := sorted({*self.parameters} - {*known}):
            expected = (
                f"{self.id}: expected parameters of {self.kind} ({', '.join(known) or 'none'})"
            )
            raise ValueError(f"{expected}, got {foreign[0]}")
        return self

    def __str__(self) -> str:
        """Return `ivf with nprobe 8`."""
        given = [f"{name} {value}" for name, value in self.parameters.items()]
        return f"{self.kind} with {', '.join(given)}" if given else self.kind


class IndexConfig(Section):
    """What the FAISS index has to reach on sampled queries.

    Attributes:
        recall_at: k of recall@k against exact search.
        recall: Floor of the lower 95 % bound of recall@k.
        self_recall: Floor of the share of rows found first by their own vector.
        configuration: Indexes that are built in the gate and compared with the golden.
    """

    recall_at: int = Field(default=10, ge=1)
    recall: Annotated[float, Field(gt=0, le=1)] = 0.9
    self_recall: Annotated[float, Field(gt=0, le=1)] = 0.99
    configuration: tuple[Configuration, ...] = ()

    @model_validator(mode="after")
    def _configurations_are_told_apart(self) -> IndexConfig:
        for what, shown in (("id", "an id"), ("name", "a name")):
            own = [getattr(one, what) for one in self.configuration]
            if repeated := sorted({one for one in own if own.count(one) > 1}):
                expected = f"configuration: expected {shown} of its own for each"
                raise ValueError(f"{expected}, got {repeated[0]} twice")
        return self

    def floor(self, configuration: Configuration) -> float:
        """Return the floor of a configuration's recall."""
        return self.recall if configuration.recall is None else configuration.recall


Share = Annotated[float, Field(ge=0, le=1)]


class DataConfig(Section):
    """What the statistical checks of the data are held to; a case's own limits with why.

    Attributes:
        reason: Why a limit is another one than the default's.
        row_order: D007: least z of the order of rows.
        duplicates: D008: most neighbours that are copies.
        borders: D014: least z of the fall of the cosine at borders of articles.
        groups: D015: least share of what halves of one group have in common.
        shared_space: S006: least share of what halves of train have in common.
        blocks: D016: most of the fall from neighbours to any two rows, at one period.
        order_stretch: D017: least z of 20 articles that follow each other.
        unordered: D018: least chance of as many articles whose order says nothing.
        border_stretch: D019: least fall at 20 borders, in shares of the mean.
        positions: D020: most places at which all articles jump.
        string_order: D030: least z of neighbours as they are, beside a string sort undone.
        lone_rows: D021: most rows as unlike both neighbours as random ones.
        reversed: D023: least chance of as many articles that run backwards.
        apart: D024 to D027: most articles, as a share of all, that are not like the others.
        leaked: S003, S004: most rows that are training rows as well.
        near_articles: S010, S014: most articles that are near-copies, or whose text train has.
        easier: S008: most standard deviations of an article that a split is easier than train.
        turned: S011: least of train's mean that a split's has along it.
        separable: S012: most times that a split stands out as train's own halves do.
    """

    reason: str = ""
    row_order: float = 3.1
    duplicates: Share = 0.005
    borders: float = 3.1
    groups: Share = 0.5
    shared_space: Share = 0.5
    blocks: Share = 0.5
    order_stretch: float = 1.6
    unordered: Share = 0.001
    border_stretch: float = 0.25
    positions: Annotated[int, Field(ge=0)] = 2
    string_order: float = -3.1
    lone_rows: Share = 0.08
    reversed: Share = 0.001
    apart: Share = 0.02
    leaked: Share = 0.005
    near_articles: Share = 0.02
    easier: Positive = 1.0
    turned: float = 0.2
    separable: Positive = 2.0

    @model_validator(mode="after")
    def _says_why(self) -> DataConfig:
        own = sorted(self.model_fields_set - {"reason"})
        if own and not self.reason.strip():
            raise ValueError(f"reason: expected why {', '.join(own)} is not the default, got none")
        return self

    def limits(self) -> dict[str, float]:
        """Return every limit by name."""
        return {name: float(value) for name, value in self.model_dump(exclude={"reason"}).items()}


LEAST = (  # limits of [data] that a number may not be below; the others may not be above
    "row_order", "borders", "groups", "shared_space", "order_stretch", "unordered",
    "border_stretch", "reversed", "string_order", "turned",
)  # fmt: skip


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
