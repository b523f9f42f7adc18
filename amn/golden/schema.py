"""What a golden holds: the record in golden.json, and the table in golden.csv.

golden.json is laid out for a diff: a line holds what changes together, and what an update leaves
stands on the first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from amn.case.config import EVALUATED
from amn.case.section import Section
from amn.golden.table import Table  # noqa: TC001 - pydantic reads the annotation
from amn.storage import canonical_json, sha256_of
from amn.verdict import Status  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

SCHEMA = 2
COSINE = "cosine"  # the metric that decides
OF_ROWS, OF_PREDICTIONS = "rows", "predictions"  # what an index is searched for
DIGITS = 12  # significant ones of a number in golden.json: bounds need 9
MEAN_ATOL = 1e-9  # of a mean from sums of 10 digits: off by 5e-10 at most
UNIT = 1 + 1e-6  # float32 vectors give cosines of up to about 1 + 1e-7
TOGETHER = (  # fields on one line each, the first of what an update leaves
    ("schema", "case", "title", "articles", "seeds", "tolerances"),
    ("accepted", "digests"),
    ("versions", "numerics", "course"),
)
OPTIONAL = ("profile", "recall", "course")  # fields that are left out where there is nothing
# Levels of tables whose members stand on lines of their own; any other field stands on one line.
LINES = {"checks": 1, "profile": 1, "recall": 1}
UNKNOWN = "unknown"  # of a machine that nobody wrote down
PRECISION = "float32"  # of trainings from before it was a setting


COURSE_DIGITS = 6  # decimals of a validation cosine by epoch: seeds differ in the fourth


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


SplitName = Literal["in_dist", "ood"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(pattern=r"\S")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Cosine = Annotated[float, Field(ge=-UNIT, le=UNIT)]
Count = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_rounded)]
Error = Annotated[Finite, Field(ge=0)]


class SplitMetrics(Section):
    """What was measured on one split with one metric.

    Attributes:
        mean: Over windows and seeds.
        se: Standard error of `mean`, clustered by article.
        lift: `mean` above the strongest reference predictor; above the mean of the context in
            files that were written before, until `amn upgrade`.
        per_seed: Mean over windows of each seed, in the order of `seeds`.
        references: Mean of each reference predictor; `mean` is the mean of the context.
        windows: Of the split.
        articles: That have windows.
        better: Which values of the metric are better.
    """

    mean: Finite
    se: Error
    lift: Finite
    per_seed: Annotated[tuple[Finite, ...], Field(min_length=1)]
    references: dict[Name, Finite]
    windows: Count
    articles: Count
    better: Literal["higher", "lower"] = "higher"

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        _require_close("mean", self.mean, "the mean of per_seed", float(np.mean(self.per_seed)))
        if "mean" not in self.references:
            raise ValueError("references: expected the mean of the context as 'mean', found none")
        if not self.is_over_mean:
            gain = lift_of(self.mean, self.references, self.better)
            _require_close("lift", self.lift, "mean - references", gain)
        return self

    @property
    def strongest(self) -> float:
        """The highest mean of a reference predictor."""
        return max(self.references.values())

    @property
    def is_over_mean(self) -> bool:
        """Whether `lift` is above the mean of the context, and that is not the strongest."""
        over = self.mean - self.references["mean"]
        return abs(self.lift - over) <= MEAN_ATOL < self.strongest - self.references["mean"]


class Tolerances(Section):
    """How much worse still counts as not worse, and why that much."""

    margin: Annotated[float, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    why: Text


class Digests(Section):
    """sha256 of what the result was measured with: equal digests make two results comparable.

    Attributes:
        table: Of golden.csv.
        dataset: Of the vectors.
        splits: Of the resolved lists of articles.
        windows: Of the ids of the windows: article and target chunk, by split.
        config: Of the resolved config.
        models: Of each seed's model.safetensors, in the order of `seeds`.
    """

    table: Sha256
    dataset: Sha256
    splits: Sha256
    windows: Sha256
    config: Sha256
    models: tuple[Sha256, ...]


class Versions(Section):
    """What computed the result; `metric` is the version of the metrics' definitions."""

    amn: Text
    python: Text
    numpy: Text
    torch: Text | None = None
    faiss: Text | None = None
    metric: int


class Numerics(Section):
    """What a fixed computation came to on the machine that measured the golden.

    Attributes:
        class_: Precision, instruction set and library: results of one class differ by rounding
            alone; a part that is not known is `unknown`.
        values: Result of each step (see `amn.evaluation.numerics`).
        machine: Instruction set, libraries, versions and threads: what explains a difference.
    """

    class_: Text = Field(alias="class")
    values: dict[Name, Finite] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict)


def numerics_class(machine: Mapping[str, str], config: Mapping[str, Any]) -> str:
    """Return the numerics class of results: `float32, AVX512, MKL`.

    Args:
        machine: See `amn.evaluation.numerics.machine`.
        config: Resolved; it names the precision of training.
    """
    training = config.get("training")
    settings = training if isinstance(training, dict) else {}
    precision = settings.get("precision", PRECISION)
    parts = (precision, *(machine.get(name, UNKNOWN) for name in ("instructions", "torch_blas")))
    return ", ".join(map(str, parts))


class Accepted(Section):
    """Who accepted a golden, when and why.

    Attributes:
        created: Day of acceptance.
        previous: Digest of the golden.json it replaced; None for the first.
    """

    created: date
    author: Text
    reason: Text
    previous: Sha256 | None = None


class Ended(NamedTuple):
    """How a check ended when the golden was accepted, and its number.

    Attributes:
        status: None where it did not run: there was no golden to compare with yet.
        number: Unrounded but for `DIGITS`; None for a check that is not about one number.
    """

    status: Status | None = None
    number: Finite | None = None


class Checks(Section):
    """The checks that were declared, by label: those before training, and those of the result."""

    data: dict[Text, Ended]
    result: dict[Text, Ended]


class Profiled(NamedTuple):
    """A statistic of the data of one place, as `Statistic` has it."""

    value: Finite
    spread: Error | None = None
    articles: Annotated[int, Field(ge=0)] = 0


class Course(Section):
    """How the seeds of a golden came to their scores, epoch by epoch.

    Attributes:
        windows: Of validation.
        mean: Validation cosine of the mean of the context: with `windows`, which windows these are.
        best: Best validation cosine so far, after each epoch of each seed, in the order of `seeds`.
    """

    windows: Count
    mean: Cosine
    best: Annotated[tuple[tuple[Cosine, ...], ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _is_a_course_of_bests(self) -> Self:
        if len({*map(len, self.best)}) != 1 or not self.best[0]:
            raise ValueError("best: expected as many epochs of each seed, at least one")
        if any(after < before for seed in self.best for before, after in pairwise(seed)):
            raise ValueError("best: expected the best so far, got a fall")
        return self


class GoldenRecord(Section):
    """The whole of golden.json.

    Attributes:
        articles: What ids of articles are: numbers, or names.
        seeds: Training seeds, in the order of every list of seeds.
        by_metric: Metric -> split -> what was measured.
        ended: Every declared check.
        config: Resolved config, so that what changed can be listed key by key.
        numerics: Fingerprint of the machine.
        profile: Statistic of the data -> split, or data set -> its value.
        recall: Configuration of an index -> what was accepted of it: `k`, and for `rows` and
            `predictions` the mean of recall@k and its standard error, `rows_se`.
        course: Of the trainings; None where they are not our own, or the golden is older.
    """

    schema_: Literal[2] = Field(alias="schema")
    case: Text
    title: str = ""
    articles: Literal["int64", "string"] = "int64"
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    tolerances: Tolerances
    accepted: Accepted
    by_metric: dict[Name, dict[SplitName, SplitMetrics]] = Field(alias="metrics")
    ended: Checks = Field(alias="checks")
    digests: Digests
    config: dict[str, Any]
    versions: Versions
    numerics: Numerics
    profile: dict[Name, dict[str, Profiled]] = Field(default_factory=dict)
    recall: dict[Text, dict[Name, Finite]] = Field(default_factory=dict)
    course: Course | None = None

    @property
    def metrics(self) -> dict[str, SplitMetrics]:
        """What was measured with the metric that decides, by split."""
        return self.figures(COSINE)

    def figures(self, metric: str) -> dict[str, SplitMetrics]:
        """Return what was measured with a metric, by split."""
        return dict(self.by_metric[metric].items())

    def asked_seeds(self, asked: str) -> tuple[int, ...] | None:
        """Return whose predictions an index is searched for; None where it is rows."""
        return None if asked == OF_ROWS else self.seeds

    @property
    def checks(self) -> dict[str, Ended]:
        """Every declared check, by label."""
        return {**self.ended.data, **self.ended.result}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: expected different ones, got {list(self.seeds)}")
        if not self.checks:
            raise ValueError("checks: expected at least one, got none")
        if COSINE not in self.by_metric:
            raise ValueError(f"metrics: expected {COSINE}, got {sorted(self.by_metric)}")
        if sha256_of(canonical_json(self.config)) != self.digests.config:
            raise ValueError("config: expected the config of digests.config, got another one")
        return self

    @model_validator(mode="after")
    def _measures_every_split(self) -> Self:
        counts = {"digests.models": len(self.digests.models)}
        counts |= {"course.best": len(self.course.best)} if self.course else {}
        for metric, splits in self.by_metric.items():
            if missing := set(EVALUATED).difference(splits):
                raise ValueError(
                    f"metrics.{metric}: expected {list(EVALUATED)}, got no {min(missing)}"
                )
            counts |= {f"metrics.{metric}.{n}.per_seed": len(m.per_seed) for n, m in splits.items()}
        for name, n in counts.items():
            if n != len(self.seeds):
                raise ValueError(
                    f"{name}: expected one for each of {len(self.seeds)} seeds, got {n}"
                )
        for name, m in self.metrics.items():
            if not max(map(abs, (m.mean, *m.per_seed, *m.references.values()))) <= UNIT:
                raise ValueError(f"metrics.{COSINE}.{name}: expected cosines, got {m.mean!r}")
        return self

    def to_bytes(self) -> bytes:
        """Return golden.json as it is written: equal records give equal bytes."""
        values = self.model_dump(mode="json", by_alias=True)
        for figures in (one for metric in values["metrics"].values() for one in metric.values()):
            if figures["better"] == "higher":
                del figures["better"]
        for name in OPTIONAL:
            if not values[name]:
                del values[name]
        shown = {k: f'"{k}": {_laid_out(v, "  ", LINES.get(k, 0))}' for k, v in values.items()}
        shown["metrics"] = f'"metrics": {_metrics_laid_out(values["metrics"])}'
        together = [
            ", ".join(shown.pop(name) for name in line if name in shown) for line in TOGETHER
        ]
        return ("{" + ",\n ".join([*together, *shown.values()]) + "}\n").encode()


def _laid_out(value: object, indent: str, levels: int) -> str:
    """Return JSON with a line for each member of so many levels of tables."""
    if not (levels and isinstance(value, dict) and value):
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    members = [
        f"{json.dumps(key, ensure_ascii=False)}: " + _laid_out(member, indent + " ", levels - 1)
        for key, member in value.items()
    ]
    return "{" + f",\n{indent}".join(members) + "}"


def _metrics_laid_out(metrics: Mapping[str, object]) -> str:
    """Return the metrics as JSON: a line for each split of the cosine, the others on its last."""
    others = {name: splits for name, splits in metrics.items() if name != COSINE}
    first = _laid_out({COSINE: metrics[COSINE]}, "  ", 2)
    return f"{first[:-1]}, {json.dumps(others, allow_nan=False)[1:]}" if others else first


@dataclass(frozen=True, eq=False)
class Golden:
    """A golden: its record, and the articles of each split, those of training too."""

    record: GoldenRecord
    tables: Mapping[str, Table]

    @property
    def digest(self) -> str:
        """sha256 of golden.json as amn writes it: what the next golden names as `previous`."""
        return sha256_of(self.record.to_bytes())

    @property
    def is_over_mean(self) -> bool:
        """Whether its lifts, and the least one in its config, are over the mean of the context."""
        return any(metrics.is_over_mean for metrics in self.record.metrics.values())

    def over_strongest(self, least: float) -> Golden:
        """Return the same result with lifts over the strongest reference predictor.

        Args:
            least: `criteria.lift` of its case, as it is now.
        """
        record = self.record
        by_metric = {
            name: {
                split: metrics.model_copy(
                    update={"lift": _rounded(metrics.mean - metrics.strongest)}
                )
                for split, metrics in splits.items()
            }
            for name, splits in record.by_metric.items()
        }
        config = {**record.config, "criteria": {**record.config["criteria"], "lift": least}}
        digest = sha256_of(canonical_json(config))
        digests = record.digests.model_copy(update={"config": digest})
        update = {"by_metric": by_metric, "config": config, "digests": digests}
        return replace(self, record=record.model_copy(update=update))

    def sums(self, split: str, metric: str = COSINE) -> NDArray[np.float64]:
        """(S, G) sums of a metric over the windows of each article that has any."""
        return self.tables[split].judged().seeds(metric, self.record.seeds)


def lift_of(mean: float, references: Mapping[str, float], better: str) -> float:
    """Return how much better a mean is than that of the strongest reference predictor."""
    if better == "lower":
        return min(references.values()) - mean
    return mean - max(references.values())


def summarise(
    table: Table,
    seeds: Iterable[int],
    *,
    se: float,
    references: Mapping[str, float],
    metric: str = COSINE,
    better: Literal["higher", "lower"] = "higher",
) -> SplitMetrics:
    """Return what was measured on a split with a metric, as golden.json holds it.

    Args:
        se: Standard error of the mean, clustered by article.
        references: Mean of each reference predictor, among them `mean`.

    Raises:
        ValidationError: If a number is not finite.
    """
    judged = table.judged()
    n = int(judged.sizes.sum())
    per_seed = tuple((judged.seeds(metric, seeds).sum(axis=1) / n).tolist())
    mean = float(np.mean(per_seed))
    return SplitMetrics(
        mean=mean,
        se=se,
        lift=lift_of(mean, references, better),
        per_seed=per_seed,
        references=dict(references),
        windows=n,
        articles=len(judged.articles),
        better=better,
    )


def _require_close(name: str, got: float, source: str, expected: float) -> None:
    """Raise ValueError unless two means of the same numbers agree."""
    if not abs(got - expected) <= MEAN_ATOL:
        raise ValueError(f"{name}: expected {source}, {expected!r}, got {got!r}")
