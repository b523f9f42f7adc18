from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from amn.case import Case
from amn.config import CaseConfig
from amn.data.dataset import open_dataset
from amn.data.splits import resolve_splits
from amn.data.windows import find_windows
from amn.training.loop import ValidationReferences, train
from amn.training.run import make_plan
from tests.benchmarks import plain
from tests.benchmarks.conftest import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.training.run import Plan
    from tests.benchmarks.conftest import Race

GOLDEN_CASE = Path(__file__).parents[2] / "golden" / "wiki-mini"
EPOCHS = 3
ROUNDS = 3
THROUGHPUT_BAR = 6.0  # measured 5.5 to 6.6 with the default recipe, 3.5 with the original's widths
QUALITY_BAR = 6.0
COSINE_TOLERANCE = 0.002
UNSTOPPABLE = ValidationReferences(constant=-1.0, mean=-1.0)  # every run takes all its epochs


def plan_for(recipe: str, batch_size: int) -> Plan:
    settings = {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"file": "splits.json"}, "ood": {"articles": "11001-15192"}},
        "model": {"recipe": recipe},
        "training": {"epochs": EPOCHS, "batch_size": batch_size},
    }
    case = Case(GOLDEN_CASE, CaseConfig.model_validate(settings))
    dataset = open_dataset(case.dataset_path)
    splits = resolve_splits(case, dataset)
    windows = {name: find_windows(dataset, 5, split.articles) for name, split in splits.items()}
    return make_plan(case.config, windows, {n: s.articles for n, s in splits.items()}, {})


@pytest.mark.parametrize(
    ("recipe", "batch_size", "bar", "rounds"),
    [
        ("recency", 256, THROUGHPUT_BAR, ROUNDS),
        ("original", 256, None, 2),
        ("original", 32, None, 2),
    ],
)
def test_training_throughput(
    recipe: str,
    batch_size: int,
    bar: float | None,
    rounds: int,
    race: Callable[..., Race],
    judge: Callable[[Figure], None],
) -> None:
    plan = plan_for(recipe, batch_size)
    loaders = [
        plain.materialise(torch.from_numpy(windows.gather(slice(None))), shuffle=shuffle)
        for windows, shuffle in ((plan.train, True), (plan.validation, False))
    ]
    records, plain_cosines = [], []

    def ours() -> None:
        config = plan.config.training
        args = (plan.spec, plan.train, plan.validation, config)
        records.append(train(*args, seed=0, references=UNSTOPPABLE).record)

    result = race(ours, lambda: plain_cosines.append(plain.train(*loaders, epochs=EPOCHS)), rounds)

    n = EPOCHS * len(plan.train)
    name = f"training, {recipe}, batch {batch_size}"
    speeds = (f"{n / seconds:,.0f} windows/s" for seconds in (result.ours, result.plain))
    judge(Figure(name, *speeds, ratio=result.ratio, bar=bar))
    assert len({record.best_val_cosine for record in records}) == 1, "not the same twice"
    if bar is not None:
        cosines = [epoch.val_cosine for epoch in records[0].epochs]
        assert max(cosines) >= plain_cosines[0] - COSINE_TOLERANCE
        reached = next(i for i, c in enumerate(cosines) if c >= plain_cosines[0] - COSINE_TOLERANCE)
        seconds = min(sum(e.seconds for e in r.epochs[: reached + 1]) for r in records)
        figures = (f"{seconds:.1f} s (ends {cosines[-1]:.4f})", f"{result.plain:.1f} s")
        name = f"time to plain's cosine {plain_cosines[0]:.4f}"
        judge(Figure(name, *figures, ratio=result.plain / seconds, bar=QUALITY_BAR))
