"""What a golden holds: the record in golden.json, and the cosines in golden.npz.

Shapes: S seeds, N windows of a split.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from amn.case.config import EVALUATED
from amn.case.section import Section
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from amn.evaluation.metrics import SplitScores

MEAN_ATOL = 1e-9  # means of the same cosines differ by about 1e-16 between machines
UNIT = 1 + 1e-6  # float32 vectors give cosines of up to about 1 + 1e-7

SplitName = Literal["in_dist", "ood"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(pattern=r"\S")]
Cosine = Annotated[float, Field(ge=-UNIT, le=UNIT)]
Count = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class SplitMetrics(Section):
    """What was measured on one split.

    Attributes:
        mean: Mean cosine over windows and seeds.
        per_seed: Mean cosine over windows of each seed, in the order of `seeds`.
        se: Standard error of `mean`, clustered by article.
        references: Mean cosine of each reference predictor; `mean` is the mean of the context.
        lift: `mean` above the reference predictor `mean`.
    """

    mean: Cosine
    per_seed: Annotated[tuple[Cosine, ...], Field(min_length=1)]
    se: Annotated[float, Field(ge=0)]
    references: dict[str, Cosine]
    lift: float
    windows: Count
    articles: Count

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        _require_close("mean", self.mean, "the mean of per_seed", float(np.mean(self.per_seed)))
        if "mean" not in self.references:
            raise ValueError("references: expected the mean of the context as 'mean', found none")
        _require_close("lift", self.lift, "mean - references", self.mean - self.references["mean"])
        return self


class Tolerances(Section):
    """How much worse still counts as not worse, and why that much."""

    margin: Annotated[float, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    why: Text


class Digests(Section):
    """sha256 of what the result was measured with: equal digests make two results comparable.

    Attributes:
        dataset: Of the vectors.
        splits: Of the resolved lists of articles.
        windows: Of the ids of the windows.
        config: Of the resolved config.
        cosines: Of golden.npz.
    """

    dataset: Sha256
    splits: Sha256
    windows: Sha256
    config: Sha256
    cosines: Sha256


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
        values: Result of each step (see `amn.evaluation.numerics`).
        machine: Instruction set, libraries, versions and threads: what explains a difference.
    """

    values: Annotated[dict[str, Finite], Field(min_length=1)]
    machine: dict[str, str]


class GoldenRecord(Section):
    """The whole of golden.json.

    Attributes:
        created: Day of acceptance.
        reason: Why it was accepted.
        author: Who accepted it.
        previous: Digest of the golden it replaced; None for the first.
        seeds: Training seeds, in the order of the rows of cosines.
        checks: Labels of the checks that were declared when it was accepted.
        artefacts: sha256 of each seed's model.safetensors.
        config: Resolved config, so that what changed can be listed key by key.
        numerics: Fingerprint of the machine; None in goldens from before there was one.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    case: Text
    title: str = ""
    created: date
    reason: Text
    author: Text
    previous: Sha256 | None = None
    metrics: dict[SplitName, SplitMetrics]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    tolerances: Tolerances
    checks: Annotated[tuple[Text, ...], Field(min_length=1)]
    digests: Digests
    artefacts: tuple[Sha256, ...]
    versions: Versions
    config: dict[str, Any]
    numerics: Numerics | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        for name, values in (("seeds", self.seeds), ("checks", self.checks)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected different ones, got {list(values)}")
        if missing := [split for split in EVALUATED if split not in self.metrics]:
            raise ValueError(
                f"metrics: expected {list(EVALUATED)}, got no {' and no '.join(missing)}"
            )
        counts = {"artefacts": len(self.artefacts)}
        counts |= {f"metrics.{name}.per_seed": len(m.per_seed) for name, m in self.metrics.items()}
        for name, n in counts.items():
            if n != len(self.seeds):
                raise ValueError(
                    f"{name}: expected one for each of {len(self.seeds)} seeds, got {n}"
                )
        if sha256_of(canonical_json(self.config)) != self.digests.config:
            raise ValueError("config: expected the config of digests.config, got another one")
        return self

    def to_bytes(self) -> bytes:
        """Return golden.json as it is written: equal records give equal bytes."""
        values = self.model_dump(mode="json", by_alias=True)
        if self.numerics is None:
            del values["numerics"]  # the bytes, and the digest, of goldens from before it stay
        return (json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, eq=False)
class GoldenSplit:
    """The golden's cosines on one split.

    Attributes:
        cosines: (S, N) float64, a row a seed.
        article_ids: (N,) int64.
        target_chunks: (N,) int32; with the article id it names the window.
    """

    cosines: NDArray[np.float64]
    article_ids: NDArray[np.int64]
    target_chunks: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Golden:
    """A golden: its record, and the cosines of each evaluated split."""

    record: GoldenRecord
    splits: Mapping[str, GoldenSplit]

    @property
    def digest(self) -> str:
        """sha256 of golden.json as amn writes it: what the next golden names as `previous`."""
        return sha256_of(self.record.to_bytes())


def stack_seeds(scores: Sequence[SplitScores]) -> GoldenSplit:
    """Return what a golden keeps of a split's scores, one a seed, of the same windows."""
    cosines = np.stack([score.cosines for score in scores])
    return GoldenSplit(cosines, scores[0].article_ids, scores[0].target_chunks)


def summarise(split: GoldenSplit, *, se: float, references: Mapping[str, float]) -> SplitMetrics:
    """Return the metrics of a split, as golden.json holds them.

    Args:
        se: Standard error of the mean, clustered by article.
        references: Mean cosine of each reference predictor, among them `mean`.

    Raises:
        ValidationError: If a number is not finite or not a cosine.
    """
    per_seed = tuple(split.cosines.mean(axis=1).tolist())
    mean = float(np.mean(per_seed))
    return SplitMetrics(
        mean=mean,
        per_seed=per_seed,
        se=se,
        references=dict(references),
        lift=mean - references["mean"],
        windows=len(split.article_ids),
        articles=len(np.unique(split.article_ids)),
    )


def _require_close(name: str, got: float, source: str, expected: float) -> None:
    """Raise ValueError unless two means of the same numbers agree."""
    if not abs(got - expected) <= MEAN_ATOL:
        raise ValueError(f"{name}: expected {source}, {expected!r}, got {got!r}")
