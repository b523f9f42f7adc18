"""Metrics files: scores of a model that was trained and measured elsewhere, nothing else known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from amn.config import EVALUATED
from amn.errors import ConfigError
from amn.evaluation.summary import Summary

if TYPE_CHECKING:
    from pathlib import Path


def _check_score(value: float) -> float:
    """Refuse what is no cosine; NaN passes on to the criteria, which fail it."""
    if abs(value) > 1:
        raise ValueError(f"expected a cosine in -1 ... 1, got {value}")
    return value


Score = Annotated[float, AfterValidator(_check_score)]


class Metrics(BaseModel):
    """A metrics file: `{"in_dist": 0.5597, "ood": 0.6375}`.

    Attributes:
        in_dist: Mean cosine in-dist; null or absent when it was not measured.
        ood: Mean cosine OOD.
        references: split -> reference predictor -> mean cosine, where they were measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    in_dist: Score | None = None
    ood: Score | None = None
    references: dict[str, dict[str, Score]] = {}


def read_metrics(path: Path) -> dict[str, Summary]:
    """Return the summaries of a metrics file.

    Raises:
        ConfigError: If it is missing, not JSON, has unknown keys, or scores outside -1 ... 1.
    """
    try:
        metrics = Metrics.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(path, ["expected a metrics file, found none"]) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"expected JSON, got {error}"]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError(path, problems) from error
    return {split: _summary(metrics, split) for split in EVALUATED}


def _summary(metrics: Metrics, split: str) -> Summary:
    """Return one split's summary; what was not measured has mean NaN and no seeds."""
    value = getattr(metrics, split)
    return Summary(
        mean=float("nan") if value is None else value,
        per_seed=() if value is None else (value,),
        references=metrics.references.get(split, {}),
    )
