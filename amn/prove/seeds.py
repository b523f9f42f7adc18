"""Seeds of one recipe to estimate noise from: those of the golden, or runs of the cache."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.errors import CheckNotRunError
from amn.evaluation.statistics import ClusterTable, tabulate
from amn.golden.store import GOLDEN_FILE, read_golden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amn.case.load import Case

USUAL_GOLDEN_SEEDS = 5  # of the golden that a case without one will get


@dataclass(frozen=True)
class ScoredSeeds:
    """Several seeds of a case's recipe.

    Attributes:
        splits: Sums by article of their cosines.
        golden_seeds: Of the case's golden, or of the one that it will get.
        source: Where they came from, for people.
    """

    splits: Mapping[str, ClusterTable]
    golden_seeds: int
    source: str


def scored_seeds(
    case: Case,
    *,
    cache: Path,
    n: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> ScoredSeeds:
    """Return the seeds of the golden; with `n`, or without a golden, those of the run cache.

    Args:
        cache: Folder for runs by content; seeds that are not there are trained.
        n: Seeds 0 to n - 1 of the case as it is now; None asks for the golden's.

    Raises:
        GoldenError: If the golden is damaged.
        CheckNotRunError: If a check before training fails: nothing is trained on broken data.
    """
    has_golden = (case.folder / GOLDEN_FILE).exists()
    golden = read_golden(case.folder) if has_golden else None
    golden_seeds = len(golden.record.seeds) if golden else USUAL_GOLDEN_SEEDS
    if golden and n is None:
        judged = {split: golden.tables[split].judged() for split in EVALUATED}
        tables = {
            split: ClusterTable(t.articles, t.sizes.astype(float), (golden.sums(split),))
            for split, t in judged.items()
        }
        return ScoredSeeds(tables, golden_seeds, f"the golden of {golden.record.accepted.created}")
    seeds = list(range(n)) if n else case.config.training.seeds
    splits = _trained(case, seeds, cache, progress)
    listed = ", ".join(map(str, seeds))
    return ScoredSeeds(splits, golden_seeds, f"seeds {listed} of the case as it is now")


def _trained(
    case: Case,
    seeds: list[int],
    cache: Path,
    progress: Callable[[int, int, str], None] | None,
) -> dict[str, ClusterTable]:
    """Train what the cache does not have, on data that pass their checks, and return sums."""
    from amn.gate.modes import GateOptions, gate_of  # noqa: PLC0415 - not for a golden's seeds

    options = GateOptions(cache=cache, first_run=True)
    gate = gate_of(case.with_training(seeds=seeds), options, progress=progress)
    gate.require_packages()
    failed = [outcome.label for outcome in gate.before_training() if outcome.has_failed]
    if failed:
        raise CheckNotRunError(
            f"{case.name}: expected data that pass every check before training, got "
            f"{', '.join(failed)}. Fix: amn gate {quote(case.name)} --first-run"
        )
    scores = {n: [one.scores[n] for one in gate.evidence["evaluations"]] for n in EVALUATED}
    return {
        name: tabulate({name: np.stack([one.cosines for one in each])}, each[0].article_ids)
        for name, each in scores.items()
    }
