"""Metrics files: scores of a model that was trained and measured elsewhere, nothing else known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, ValidationError

from amn.case.config import EVALUATED
from amn.case.section import problems_in
from amn.errors import ConfigError, DataError
from amn.evaluation.summary import Summary
from amn.storage import parse_json, read_whole
from amn.training.records.history import RunHistory
from amn.training.records.logs import parse_history

if TYPE_CHECKING:
    from pathlib import Path


def _check_score(value: float) -> float:
    """Refuse what is no cosine; NaN passes on to the criteria, which fail it."""
    if abs(value) > 1:
        raise ValueError(f"expected a cosine in -1 ... 1, got {value}")
    return value


Score = Annotated[float, Strict(), AfterValidator(_check_score)]


class MetricsFile(BaseModel):
    """A metrics file: `{"in_dist": 0.5597, "ood": 0.6375}`, with the epochs where they are known.

    Attributes:
        in_dist: Mean cosine in-dist; null or absent when it was not measured.
        ood: Mean cosine OOD.
        references: split (or `validation`) -> reference predictor -> mean cosine, where measured.
        recorded_status: What was written down as the outcome at the time; shown, never judged.
        model_type: Kind of network.
        dim: D of the vectors.
        loss_weights: Declared weight of each term of the loss.
        history: One table an epoch: `epoch`, `val_cosine`, `train_cosine`, `val_loss`,
            `train_loss`, `lr`, and loss terms as `train_loss_<term>` or under `terms`.
        excerpt: Whether the history leaves epochs out on purpose.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    in_dist: Score | None = None
    ood: Score | None = None
    references: dict[str, dict[str, Score]] = {}
    recorded_status: str = ""
    model_type: str = ""
    dim: int | None = None
    loss_weights: dict[str, float] | None = None
    history: list[dict[str, Any]] = []
    excerpt: bool = False


@dataclass(frozen=True)
class Metrics:
    """What a metrics file says.

    Attributes:
        summaries: Of in_dist and ood.
        history: The course of training; without epochs where the file has none.
    """

    summaries: dict[str, Summary]
    history: RunHistory


FORM = 'write {"in_dist": 0.61, "ood": 0.60}, and epochs under "history" (docs/records.md)'


def read_metrics(path: Path) -> Metrics:
    """Return the scores, and the epochs if there are any, of a metrics file.

    Raises:
        ConfigError: If it is missing, not JSON, has unknown keys, scores outside -1 ... 1, or
            epochs that are no tables of numbers.
    """
    try:
        data = parse_json(read_whole(path))
        metrics = MetricsFile.model_validate(data)
        history = _history(metrics, path)
    except OSError as error:  # none, a folder, a loop of links
        got = "none" if isinstance(error, FileNotFoundError) else error.strerror
        raise ConfigError(path, [f"expected a metrics file, got {got}. Fix: {FORM}"]) from error
    except ValidationError as error:
        wrong = "; ".join(problems_in(error, whole="file"))
        raise ConfigError(path, [f"{wrong}. Fix: {FORM}"]) from error
    except ValueError as error:
        raise ConfigError(path, [f"expected JSON, got {error}. Fix: write it again"]) from error
    except DataError as error:
        line = error.message
        line += "" if "Fix: " in line else f". Fix: {FORM}"
        raise ConfigError(path, [line]) from error
    summaries = {
        split: Summary.of_score(getattr(metrics, split), metrics.references.get(split))
        for split in EVALUATED
    }
    return Metrics(summaries, history)


def _history(metrics: MetricsFile, path: Path) -> RunHistory:
    """Return the course of training; scores alone make a history without epochs."""
    values = metrics.model_dump(exclude={"references"}, exclude_none=True)
    references = metrics.references.get("validation", {})
    if metrics.history:
        return parse_history({**values, "references": references}, path)
    scores: dict[str, float] = {s: values[s] for s in EVALUATED if s in values}
    return RunHistory(
        name=metrics.name or path.stem,
        source=path,
        origin="metrics file",
        scores=scores,
        then=metrics.recorded_status,
    )
