"""Training against a plain loop: a case's seeds at a time, one alone, and the machine's limit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.case.training import TrainingConfig
from amn.data.dataset import open_dataset
from amn.data.splits import resolve_splits
from amn.data.stretches import stretch_batches
from amn.data.windows import find_windows
from amn.engines import LocalEngine
from amn.training import plain
from amn.training.epochs import Epochs
from amn.training.loop import train
from amn.training.networks.build import ModelSpec
from amn.training.plan import PlanReferences, make_plan, score_plan_references
from amn.training.record import ValidationReferences
from amn.training.workers import run_jobs, seed_jobs, torch_threads
from tests.benchmarks.conftest import DIM, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.training.plan import Plan
    from amn.training.run import Run

GOLDEN_CASE = Path(__file__).parents[2] / "golden" / "wiki-mini"
CORES = 2
EPOCHS = 6
SEEDS = (0, 1)
QUALITY_SEEDS = (0, 1, 2)
COSINE_TOLERANCE = 0.001
# Against the plain loop at these batch sizes, in bfloat16.
BARS = {32: 10.0, 256: 3.0}
FLOAT32_BARS = {32: 8.0, 256: 3.0}  # measured 8.5 to 11 and 3.3 to 3.6
LIMIT_ROUNDS = 12
LIMIT_SHARE = 0.45  # of the machine's matrix products; measured 0.46 to 0.52
GEMM, GEMM_ROUNDS = 1024, 20
LARGE_WINDOWS, LARGE_SECONDS = 584_000, 60.0
UNSTOPPABLE = ValidationReferences(constant=-1.0, mean=-1.0)  # every run takes all its epochs


def plan_for(recipe: str, **training: Any) -> Plan:
    settings = {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"file": "splits.json"}, "ood": {"articles": "11001-15192"}},
        "model": {"recipe": recipe},
        "training": {"epochs": EPOCHS, "seeds": list(SEEDS), **training},
    }
    case = Case(GOLDEN_CASE, CaseConfig.model_validate(settings))
    dataset = open_dataset(case.dataset_path)
    splits = resolve_splits(case, dataset)
    windows = {name: find_windows(dataset, 5, split.articles) for name, split in splits.items()}
    return make_plan(case.config, windows, {n: s.articles for n, s in splits.items()}, {})


@dataclass(frozen=True)
class Rate:
    """Windows of training a second, validation included, and each seed's best cosine."""

    windows_per_second: float
    cosines: tuple[float, ...]


@pytest.fixture(scope="module")
def plain_rate() -> Callable[[int], Rate]:
    """Measure the plain loop, each batch size once: seeds one after the other, on all cores."""
    measured: dict[int, Rate] = {}

    def plain_rate(batch: int) -> Rate:
        if batch not in measured:
            plan = plan_for("recency")
            loaders = [
                plain.materialise(
                    torch.from_numpy(windows.gather(slice(None))), shuffle=shuffle, batch=batch
                )
                for windows, shuffle in ((plan.train, True), (plan.validation, False))
            ]
            begin = time.perf_counter()
            with torch_threads(CORES):
                cosines = [
                    plain.train(*loaders, epochs=EPOCHS, seed=seed) for seed in QUALITY_SEEDS
                ]
            seconds = time.perf_counter() - begin
            n = len(QUALITY_SEEDS) * EPOCHS * len(plan.train)
            measured[batch] = Rate(n / seconds, tuple(cosines))
        return measured[batch]

    return plain_rate


@pytest.fixture(scope="module")
def references() -> PlanReferences:
    return score_plan_references(plan_for("recency"))


def our_rate(runs: Sequence[Run]) -> Rate:
    """Return the rate of seeds that trained at the same time: until the slower one was done."""
    lines = [run.record.epochs for run in runs]
    seconds = max(sum(line.seconds for line in epochs) for epochs in lines)
    n = sum(line.n_windows for epochs in lines for line in epochs)
    return Rate(n / seconds, tuple(run.record.best_val_cosine for run in runs))


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def seeds_together(
    request: pytest.FixtureRequest,
    references: PlanReferences,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Rate]:
    """The seeds of a case in two processes; the better of two rounds."""
    folder = tmp_path_factory.mktemp(request.param)
    plan, rates = plan_for("recency", precision=request.param), []
    for number in range(2):
        folders = {seed: folder / f"{number}-{seed}" for seed in SEEDS}
        runs = list(run_jobs(seed_jobs(plan, folders, references), engine=LocalEngine(CORES)))
        assert all(run.record.status == "finished" for run in runs)
        rates.append(our_rate(runs))
    return request.param, max(rates, key=lambda rate: rate.windows_per_second)


@pytest.mark.parametrize("batch", BARS)
def test_a_case_trains_faster_than_a_plain_loop(
    batch: int,
    seeds_together: tuple[str, Rate],
    plain_rate: Callable[[int], Rate],
    judge: Callable[[Figure], None],
) -> None:
    precision, ours = seeds_together
    theirs = plain_rate(batch)
    speeds = (f"{rate.windows_per_second:,.0f} windows/s" for rate in (ours, theirs))
    ratio = ours.windows_per_second / theirs.windows_per_second
    name = f"training 2 seeds, {precision}; plain batch {batch}"
    bars = FLOAT32_BARS if precision == "float32" else BARS
    judge(Figure(name, *speeds, ratio=ratio, bar=bars[batch]))


@pytest.mark.parametrize("batch", BARS)
def test_one_seed_alone_against_a_plain_loop(
    batch: int, plain_rate: Callable[[int], Rate], judge: Callable[[Figure], None]
) -> None:
    plan = plan_for("recency")
    with torch_threads(CORES):
        record = train(
            plan.spec,
            plan.train,
            plan.validation,
            plan.config.training,
            seed=0,
            references=UNSTOPPABLE,
        ).record
    ours = sum(e.n_windows for e in record.epochs) / sum(e.seconds for e in record.epochs)
    theirs = plain_rate(batch).windows_per_second
    name = f"training 1 seed, float32; plain batch {batch}"
    speeds = (f"{ours:,.0f} windows/s", f"{theirs:,.0f} windows/s")
    judge(Figure(name, *speeds, ratio=ours / theirs))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_cosine_is_that_of_the_plain_loop_or_better(
    precision: str, plain_rate: Callable[[int], Rate], judge: Callable[[Figure], None]
) -> None:
    plan = plan_for("recency", precision=precision)
    best = [
        train(
            plan.spec,
            plan.train,
            plan.validation,
            plan.config.training,
            seed=seed,
            references=UNSTOPPABLE,
        ).record.best_val_cosine
        for seed in QUALITY_SEEDS
    ]
    ours, theirs = float(np.mean(best)), float(np.mean(plain_rate(32).cosines))
    name = f"validation cosine, {precision}, 3 seeds, {EPOCHS} epochs"
    judge(Figure(name, f"{ours:.4f}", f"{theirs:.4f}", ratio=ours / theirs))
    assert ours >= theirs - COSINE_TOLERANCE


def gemm_seconds() -> float:
    """Return the seconds of a float32 matrix product, the best of several."""
    left, right = torch.rand(GEMM, GEMM), torch.rand(GEMM, GEMM)
    seconds = []
    for _ in range(GEMM_ROUNDS):
        begin = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def test_the_share_of_the_machines_limit(judge: Callable[[Figure], None]) -> None:
    plan = plan_for("recency")
    run = Epochs(plan.spec, plan.train, plan.validation, plan.config.training, seed=0)
    run.state.model.train()
    batches = list(
        stretch_batches(
            plan.train, length=run.stretch, batch_size=256, rng=np.random.default_rng(0)
        )
    )
    with FlopCounterMode(display=False) as counter:
        run.take_step(batches[0])
    operations = counter.get_total_flops() / len(batches[0])
    seconds, products = [], []
    with torch_threads(1):
        for _ in range(LIMIT_ROUNDS):  # in turn: a core's speed changes with what others do
            begin = time.perf_counter()
            for batch in batches:
                run.take_step(batch)
            seconds.append(time.perf_counter() - begin)
            products.append(gemm_seconds())
    limit = 2 * GEMM**3 / min(products)
    reached = len(plan.train) / min(seconds) * operations
    name = f"share of the limit, 1 core, {operations / 1e6:.2f} MFLOP/window"
    speeds = (f"{reached / 1e9:.0f} GFLOP/s", f"{limit / 1e9:.0f} GFLOP/s")
    judge(Figure(name, *speeds, ratio=reached / limit, bar=LIMIT_SHARE))


def test_an_epoch_of_584k_windows_takes_less_than_a_minute(
    large_folder: Path, judge: Callable[[Figure], None]
) -> None:
    windows = find_windows(open_dataset(large_folder), 5)
    sizes = {"attention_dim": 32, "hidden_dim": 256, "dropout": 0.4}
    config = TrainingConfig(epochs=1, batch_size=256, stretch=8, loss="cosine", lr=7e-4)
    with torch_threads(CORES):
        record = train(
            ModelSpec(architecture="amn/recency/1", dim=DIM, context=5, **sizes),
            windows.take(slice(LARGE_WINDOWS)),
            windows.take(slice(LARGE_WINDOWS, LARGE_WINDOWS + 1024)),
            config,
            seed=0,
            references=UNSTOPPABLE,
        ).record
    seconds = record.epochs[0].seconds
    assert record.epochs[0].n_windows == LARGE_WINDOWS
    name = "one epoch of 584k windows, 1 seed, 2 threads"
    figures = (f"{seconds:.1f} s", f"{LARGE_SECONDS:.0f} s asked")
    judge(Figure(name, *figures, ratio=LARGE_SECONDS / seconds, bar=1.0))
