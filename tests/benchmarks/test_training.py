"""Training beside plain loops: the same network, the time to the same cosine, the machine's limits.

Every side says its network, batch, precision and threads. Sides take turns, so that a ratio is of
times that lie side by side; a figure is the median over the rounds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
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
from amn.training.networks.build import ModelSpec, build_model, count_parameters
from amn.training.plan import PlanReferences, make_plan, score_plan_references
from amn.training.record import ValidationReferences
from amn.training.workers import run_jobs, seed_jobs, torch_threads
from tests.benchmarks.conftest import DIM, Figure, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from amn.data.windows import Windows
    from amn.training.plan import Plan
    from amn.training.run import Run

GOLDEN_CASE = Path(__file__).parents[2] / "golden" / "wiki-mini"
CORES = 2
CONTEXT = 5
ROUNDS = 5
EPOCHS = 6  # of the trainings whose cosine is compared
SEEDS = (0, 1)
QUALITY_SEEDS = (0, 1, 2)
COSINE_TOLERANCE = 0.001  # of a mean of three seeds, whose standard deviation is near 0.001
HALF_TOLERANCE = 0.0005  # of bfloat16 beside float32: same seeds, same batches
LIMIT_ROUNDS = 12
LIMIT_SHARE = 0.45  # of the machine's matrix products; measured 0.46 to 0.52
GEMM, GEMM_ROUNDS = 1024, 20
COPIED = 2**29  # bytes: larger than any cache
LARGE_WINDOWS, LARGE_SECONDS = 584_000, 60.0
UNSTOPPABLE = ValidationReferences(constant=-1.0, mean=-1.0)  # every run takes all its epochs


@dataclass(frozen=True)
class Side:
    """Who trains what, and how.

    Attributes:
        who: `amn`; `plain`, the loop of `amn.training.plain`; `by window`, the same loop over a
            data set that makes each window when it is asked for it, as trainers over mapped files
            do.
        recipe: `original` (1.51 million weights) or `recency`, the default of a case.
        seeds: Trained side by side, in a process each; `threads` is of each of them.
    """

    who: str
    recipe: str = "original"
    batch: int = 32
    precision: str = "float32"
    seeds: int = 1
    threads: int = CORES

    @property
    def cells(self) -> list[str]:
        """What a line of a table says of it."""
        together = f"{self.seeds} x {self.threads}" if self.seeds > 1 else str(self.threads)
        network = f"{self.recipe}, {n_weights(self.recipe) / 1e6:.2f} M"
        return [self.who, network, str(self.batch), self.precision, together]


def plain_side(batch: int) -> Side:
    """Return the plain loop at a batch size."""
    return Side("plain", batch=batch)


BY_WINDOW = Side("by window")
TOGETHER = {"seeds": len(SEEDS), "threads": 1}
# The same network, batch and recipe, and what the ratio to the plain loop has to reach. Measured
# 1.51, 1.79, 1.48, 1.56, 2.08 and 2.38, in this order; docs/speed.md says what limits them.
SAME = {
    Side("amn", batch=32): 1.35,
    Side("amn", batch=32, **TOGETHER): 1.55,
    Side("amn", batch=256): 1.35,
    Side("amn", batch=256, **TOGETHER): 1.4,
    Side("amn", batch=256, precision="bfloat16"): 1.85,
    Side("amn", batch=256, precision="bfloat16", **TOGETHER): 2.1,
}
DEFAULTS = (
    Side("amn", "recency", batch=256),
    Side("amn", "recency", batch=256, **TOGETHER),
)
SIDES = (plain_side(32), plain_side(256), BY_WINDOW, *SAME, *DEFAULTS)


@cache
def plan_for(recipe: str, **training: Any) -> Plan:
    settings = {
        "schema": 1,
        "dataset": {"path": "data"},
        "split": {"in_dist": {"file": "splits.json"}, "ood": {"articles": "11001-15192"}},
        "model": {"recipe": recipe},
        "training": {"seeds": list(SEEDS), **training},
    }
    case = Case(GOLDEN_CASE, CaseConfig.model_validate(settings))
    dataset = open_dataset(case.dataset_path)
    splits = resolve_splits(case, dataset)
    windows = {
        name: find_windows(dataset, CONTEXT, split.articles) for name, split in splits.items()
    }
    return make_plan(case.config, windows, {n: s.articles for n, s in splits.items()}, {})


@cache
def n_weights(recipe: str) -> int:
    return count_parameters(build_model(plan_for(recipe).spec))


class OnAccess(Dataset[tuple["Tensor", "Tensor"]]):
    """Windows that are read, converted and cut when they are asked for."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(self._windows.gather(slice(index, index + 1))[0])
        return rows[:-1], rows[-1]


@cache
def loaders(side: Side) -> tuple[DataLoader[tuple[Tensor, ...]], ...]:
    """Return what a plain loop trains on and what it validates on."""
    plan = plan_for(side.recipe)
    pairs = ((plan.train, True), (plan.validation, False))
    if side.who == "by window":
        return tuple(DataLoader(OnAccess(w), side.batch, shuffle=order) for w, order in pairs)
    return tuple(
        plain.materialise(
            torch.from_numpy(windows.gather(slice(None))), shuffle=order, batch=side.batch
        )
        for windows, order in pairs
    )


def plan_of(side: Side, **training: Any) -> Plan:
    """Return the plan of one of our own sides."""
    return plan_for(side.recipe, batch_size=side.batch, precision=side.precision, **training)


@cache
def references() -> PlanReferences:
    return score_plan_references(plan_for("recency"))


def our_rate(runs: Iterable[Run]) -> float:
    """Return the rate of seeds that trained at the same time: until the slower one was done."""
    lines = [run.record.epochs for run in runs]
    assert all(len(epochs) == 1 for epochs in lines)
    n = sum(line.n_windows for epochs in lines for line in epochs)
    return n / max(line.seconds for epochs in lines for line in epochs)


def measure(side: Side, folder: Path) -> float:
    """Return windows of training a second over one epoch with its validation."""
    if side.seeds > 1:
        plan = plan_of(side, epochs=1)
        jobs = seed_jobs(plan, {seed: folder / str(seed) for seed in SEEDS}, references())
        assert {job.threads for job in jobs} == {side.threads}
        return our_rate(run_jobs(jobs, engine=LocalEngine(CORES)))
    with torch_threads(side.threads):
        if side.who != "amn":
            begin = time.perf_counter()
            list(plain.train(*loaders(side), epochs=1))
            return len(plan_for(side.recipe).train) / (time.perf_counter() - begin)
        plan = plan_of(side, epochs=1)
        args = (plan.spec, plan.train, plan.validation, plan.config.training)
        (line,) = train(*args, seed=0, references=UNSTOPPABLE).record.epochs
        return line.n_windows / line.seconds


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> dict[Side, list[float]]:
    """Windows a second of every side, a round after the other; the first warms up."""
    folder = tmp_path_factory.mktemp("rates")
    measured: dict[Side, list[float]] = {side: [] for side in SIDES}
    for number in range(ROUNDS + 1):
        for place, side in enumerate(SIDES):
            rate = measure(side, folder / f"{number}-{place}")
            if number:
                measured[side].append(rate)
    return measured


def ratio(rates: dict[Side, list[float]], ours: Side, theirs: Side) -> float:
    """Return the median over the rounds of how many times faster the one side was."""
    return float(np.median(np.divide(rates[ours], rates[theirs])))


@cache
def curve(side: Side) -> tuple[float, ...]:
    """Return the validation cosine after each epoch, the mean of three seeds.

    The default recipe has its own number of epochs, which its schedule spans; the others have
    `EPOCHS`, at the constant rate of the original.
    """
    with torch_threads(CORES):
        if side.who != "amn":
            found = [
                list(plain.train(*loaders(plain_side(side.batch)), epochs=EPOCHS, seed=seed))
                for seed in QUALITY_SEEDS
            ]
        else:
            plan = plan_of(side, **({"epochs": EPOCHS} if side.recipe == "original" else {}))
            args = (plan.spec, plan.train, plan.validation, plan.config.training)
            records = [
                train(*args, seed=seed, references=UNSTOPPABLE).record for seed in QUALITY_SEEDS
            ]
            found = [[line.val_cosine for line in record.epochs] for record in records]
    return tuple(np.mean(found, axis=0).tolist())


@pytest.mark.parametrize("side", SAME, ids=lambda side: "-".join(side.cells))
def test_the_same_network_trains_faster_than_by_a_plain_loop(
    side: Side, rates: dict[Side, list[float]], judge: Callable[[Figure], None]
) -> None:
    if side.precision == "bfloat16":
        half, single = product_rate(1, torch.bfloat16), product_rate(1, torch.float32)
        if half < single:
            said = f"{half / 1e9:,.0f} GFLOP/s, {single / 1e9:,.0f} in float32"
            pytest.skip(f"this processor has no products in bfloat16: {said}")
    theirs = plain_side(side.batch)
    speeds = (f"{np.median(rates[one]):,.0f} windows/s" for one in (side, theirs))
    _, _, batch, precision, threads = side.cells
    name = f"same network, batch {batch}, {precision}, {threads} threads"
    judge(Figure(name, *speeds, ratio=ratio(rates, side, theirs), bar=SAME[side]))


@pytest.mark.parametrize("side", [s for s in SAME if s.seeds == 1], ids=lambda s: "-".join(s.cells))
def test_the_same_network_reaches_the_cosine_of_the_plain_loop(side: Side) -> None:
    assert max(curve(side)) == pytest.approx(
        max(curve(plain_side(side.batch))), abs=COSINE_TOLERANCE
    )


def test_half_precision_reaches_the_cosine_of_float32() -> None:
    single, half = (
        max(curve(Side("amn", batch=256, precision=one))) for one in ("float32", "bfloat16")
    )

    assert half == pytest.approx(single, abs=HALF_TOLERANCE)


def test_the_table_of_the_same_network(
    rates: dict[Side, list[float]], tabulate: Callable[[str, list[str]], None]
) -> None:
    rows = []
    for side in (plain_side(32), BY_WINDOW, plain_side(256), *SAME):
        speed = f"{np.median(rates[side]):,.0f}"
        cosine = max(curve(Side(**{**vars(side), "seeds": 1, "threads": CORES})))
        times = ratio(rates, side, plain_side(side.batch))
        rows.append([*side.cells, speed, f"{times:.2f}", f"{cosine:.4f}"])
    header = ["side", "network", "batch", "precision", "threads", "windows/s", "x plain", "cosine"]
    tabulate("same network", markdown(header, rows))


def test_the_table_of_the_time_to_the_same_cosine(
    rates: dict[Side, list[float]], tabulate: Callable[[str, list[str]], None]
) -> None:
    wanted = max(curve(plain_side(32))) - COSINE_TOLERANCE
    n, seconds = len(plan_for("recency").train), {}
    for side in (BY_WINDOW, plain_side(32), plain_side(256), Side("amn"), DEFAULTS[0]):
        reached = [number for number, cosine in enumerate(curve(side), 1) if cosine >= wanted]
        if reached:
            seconds[side] = (reached[0], reached[0] * n / float(np.median(rates[side])))
    plain_seconds = seconds[plain_side(32)][1]
    rows = [
        [*side.cells, str(epochs), f"{spent:.1f}", f"{plain_seconds / spent:.1f}"]
        for side, (epochs, spent) in seconds.items()
    ]
    header = ["side", "network", "batch", "precision", "threads", "epochs", "seconds", "x plain"]
    tabulate("time to the same cosine", markdown(header, rows))

    assert DEFAULTS[0] in seconds, "the default comes there, or the target is wrong"


def product_rate(threads: int, dtype: torch.dtype) -> float:
    """Return operations a second of a matrix product, the best of several."""
    left, right = (torch.rand(GEMM, GEMM).to(dtype) for _ in range(2))
    seconds = []
    with torch_threads(threads):
        for _ in range(GEMM_ROUNDS):
            begin = time.perf_counter()
            torch.mm(left, right)
            seconds.append(time.perf_counter() - begin)
    return 2 * GEMM**3 / min(seconds)


def test_the_limits_of_the_machine(tabulate: Callable[[str, list[str]], None]) -> None:
    source = np.ones(COPIED, np.uint8)
    copy = np.zeros_like(source)
    begin = time.perf_counter()
    np.copyto(copy, source)
    copied = COPIED / (time.perf_counter() - begin)
    rows = [["memory copy, 1 thread", f"{copied / 1e9:.1f} GB/s"]]
    for threads in (1, CORES):
        for dtype in (torch.float32, torch.bfloat16):
            name = f"matrix product, {str(dtype).removeprefix('torch.')}, {threads} thread(s)"
            rows.append([name, f"{product_rate(threads, dtype) / 1e9:,.0f} GFLOP/s"])
    tabulate("limits of the machine", markdown(["what", "rate"], rows))


def operations(run: Epochs, batch: Any) -> float:
    """Return the floating-point operations of a window's step."""
    with FlopCounterMode(display=False) as counter:
        run.take_step(batch)
    return counter.get_total_flops() / len(batch)


def test_the_share_of_the_machines_limit(judge: Callable[[Figure], None]) -> None:
    plan = plan_for("recency", epochs=EPOCHS)
    run = Epochs(plan.spec, plan.train, plan.validation, plan.config.training, seed=0)
    run.state.model.train()
    batches = list(
        stretch_batches(
            plan.train, length=run.stretch, batch_size=256, rng=np.random.default_rng(0)
        )
    )
    each = operations(run, batches[0])
    seconds, products = [], []
    with torch_threads(1):
        for _ in range(LIMIT_ROUNDS):  # in turn: a core's speed changes with what others do
            begin = time.perf_counter()
            for batch in batches:
                run.take_step(batch)
            seconds.append(time.perf_counter() - begin)
            products.append(product_rate(1, torch.float32))
    limit = max(products)
    reached = len(plan.train) / min(seconds) * each
    name = f"share of the limit, 1 core, {each / 1e6:.2f} MFLOP/window"
    speeds = (f"{reached / 1e9:.0f} GFLOP/s", f"{limit / 1e9:.0f} GFLOP/s")
    judge(Figure(name, *speeds, ratio=reached / limit, bar=LIMIT_SHARE))


def test_an_epoch_of_584k_windows_takes_less_than_a_minute(
    large_folder: Path, judge: Callable[[Figure], None]
) -> None:
    windows = find_windows(open_dataset(large_folder), CONTEXT)
    sizes = {"attention_dim": 32, "hidden_dim": 256, "dropout": 0.4}
    config = TrainingConfig(epochs=1, batch_size=256, stretch=8, loss="cosine", lr=7e-4)
    with torch_threads(CORES):
        record = train(
            ModelSpec(architecture="amn/recency/1", dim=DIM, context=CONTEXT, **sizes),
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
