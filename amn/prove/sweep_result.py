"""What came of a point of a sweep: its scores with intervals, beside the golden's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED
from amn.errors import ArgumentError, GoldenError
from amn.evaluation.statistics import ClusterTable, Interval, seed_from, table_interval
from amn.evaluation.summary import Summary, summarise_split
from amn.golden.compare import joined

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.golden.schema import Golden
    from amn.prove.sweep_config import Point
    from amn.training.run import Run


@dataclass(frozen=True)
class PointResult:
    """One line of a sweep's table.

    Attributes:
        seeds: Trained, in their order.
        val_cosines: Best validation cosine of each seed.
        statuses: How each seed's training ended.
        splits: Score, interval and lift of each judged split.
        against_golden: Gain over the golden on the same windows by split; None where the windows
            differ; empty where the case has no golden.
        n_parameters: Trained numbers of the network.
        windows_per_second: Of a seed's fastest epoch, validation included: what else the machine
            does slows the others.
    """

    point: Point
    seeds: tuple[int, ...]
    val_cosines: tuple[float, ...]
    statuses: tuple[str, ...]
    epochs: tuple[int, ...]
    splits: dict[str, Summary]
    against_golden: dict[str, Interval | None]
    n_parameters: int
    n_train_windows: int
    windows_per_second: float

    @property
    def val_cosine(self) -> float:
        """Mean of the seeds' best validation cosines: what chooses between points."""
        return float(np.mean(self.val_cosines))

    @property
    def has_finished(self) -> bool:
        """Whether every seed's training came to its end."""
        return set(self.statuses) == {"finished"}

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain data; a score may be no finite number."""
        facts = asdict(self)
        point = facts.pop("point")
        return {
            "name": point["name"],
            "set": point["changes"],
            "val_cosine": self.val_cosine,
        } | facts


def make_result(
    point: Point, runs: Sequence[Run], golden: Golden | None, golden_path: Path
) -> PointResult:
    """Put the figures of a point's runs together.

    Args:
        runs: One a seed.
        golden: Of the case as it stands, if it has one.
        golden_path: Its file, for messages.
    """
    records = [run.record for run in runs]
    lines = [line for record in records for line in record.epochs]
    return PointResult(
        point=point,
        seeds=tuple(run.seed for run in runs),
        val_cosines=tuple(record.best_val_cosine for record in records),
        statuses=tuple(record.status for record in records),
        epochs=tuple(len(record.epochs) for record in records),
        splits={
            split: summarise_split([run.evaluation for run in runs], split) for split in EVALUATED
        },
        against_golden={
            split: _gain(runs, golden, split, golden_path) for split in EVALUATED if golden
        },
        n_parameters=records[0].n_parameters,
        n_train_windows=records[0].n_train_windows,
        windows_per_second=max((line.n_windows / line.seconds for line in lines), default=0.0),
    )


def _gain(runs: Sequence[Run], golden: Golden, split: str, path: Path) -> Interval | None:
    """Return the gain over the golden on the same windows, clustered by article."""
    scores = [run.evaluation.scores[split] for run in runs]
    try:
        table = joined(golden, split, scores, path=path)
    except (GoldenError, ArgumentError):  # another context or split: other windows; or no numbers
        return None
    gain = ClusterTable(table.labels, table.sizes, (table.combined[None],))
    return table_interval(gain, seed=seed_from("sweep", split))
