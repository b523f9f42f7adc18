"""A training that is killed goes on, whatever it was doing, and ends in the same weights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.case.load import load_case
from amn.data.writer import Chunks, write_dataset
from amn.engines import LocalEngine
from amn.gate.modes import plan_of
from amn.storage import sha256_file
from amn.training.plan import score_plan_references
from amn.training.run import RUN_FILES
from amn.training.workers import WORTH_A_PROCESS, run_jobs, seed_jobs
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS = 6
SIDE_BY_SIDE = 2  # of the kills hit a process that trains seeds in processes of its own
SEEDS = (0, 1, 2)
ARTICLES, ROWS, DIM = 64, 16, 24
CASE = """
schema = 1
dataset = { path = "data" }
windows = { context = 3 }
model = { attention_dim = 8, hidden_dim = 16, dropout = 0.2 }
[training]
epochs = 120
batch_size = 100
lr = 0.003
ema = 0.9
schedule = "cosine"
abort = { stall_epochs = 120 }
seeds = [0, 1, 2]
[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }
"""
# With one core seeds are trained one after the other, with two side by side.
TRAIN = """
import os, sys
cores = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, cores[: int(sys.argv.pop(1))])
from amn.cli.main import main
import amn.training.workers
print("ready", flush=True)
main()
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed") / "toy"
    chunks = Chunks(
        article_ids=np.repeat(np.arange(1, ARTICLES + 1), ROWS),
        chunk_index=np.tile(np.arange(ROWS, dtype=np.int32), ARTICLES),
    )
    rows = drifting_rows(ARTICLES, ROWS, DIM)
    write_dataset(folder / "data", rows, chunks, name="toy", dtype="float32")
    (folder / "case.toml").write_text(CASE, "utf-8")
    return folder


def digests(out: Path) -> dict[str, str]:
    """Return the digests of all files of a case's runs: checkpoint, cosines and scores."""
    files = [out / f"toy-seed-{seed}" / name for seed in SEEDS for name in RUN_FILES]
    return {f"{file.parent.name}/{file.name}": sha256_file(file) for file in files}


def undisturbed(case: Path, out: Path) -> float:
    """Train in this process; return the seconds."""
    plan = plan_of(load_case(case))
    assert len(plan.train) * (plan.config.training.epochs or 0) > WORTH_A_PROCESS
    folders = {seed: out / f"toy-seed-{seed}" for seed in SEEDS}
    begin = time.monotonic()
    jobs = seed_jobs(plan, folders, score_plan_references(plan))
    runs = list(run_jobs(jobs, engine=LocalEngine(1)))
    assert len(runs) == len(SEEDS)
    return time.monotonic() - begin


def start(case: Path, out: Path, cores: int) -> subprocess.Popen[str]:
    """Start `amn train` in a process group of its own; return when it begins."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", TRAIN, str(cores), "train", str(case), "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end, which has to be a good one; return what it said."""
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    return err


def written(out: Path) -> dict[str, int]:
    """Return when each entry of a folder was last written."""
    return {p.name: p.stat().st_mtime_ns for p in out.iterdir()} if out.is_dir() else {}


def killed_once(case: Path, out: Path, cores: int, wait_s: float) -> tuple[bool, str]:
    """Kill a training and all its processes after a while; tell if it ran, and what it had said.

    Args:
        wait_s: Counted, where there are several processes, from the first epoch that one ended.
    """
    process, before = start(case, out, cores), written(out)
    while cores > 1 and process.poll() is None and written(out) == before:
        time.sleep(0.01)
    time.sleep(wait_s)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    return process.returncode == -signal.SIGKILL, said


def killed_again_and_again(case: Path, root: Path, longest: float) -> Iterator[tuple[Path, str]]:
    """Kill trainings until there were enough kills; yield each folder, and all that was said."""
    rng = np.random.default_rng(0)
    out, said, kills = root / "killed-0", "", 0
    while kills < KILLS:
        cores = 2 if kills < SIDE_BY_SIDE else 1
        was_running, text = killed_once(case, out, cores, rng.uniform(0, longest))
        kills, said = kills + was_running, said + text
        if not was_running:  # it was faster than the kills: from the beginning
            yield out, said
            out, said = root / f"killed-{kills}", ""
    yield out, said + finish(start(case, out, 1))


def test_killed_at_random_moments_it_ends_in_the_same_weights_and_cosines(
    case: Path, tmp_path: Path
) -> None:
    seconds = undisturbed(case, tmp_path / "whole")
    expected = digests(tmp_path / "whole")

    ends = list(killed_again_and_again(case, tmp_path, seconds))

    assert sum(said.count("resuming at epoch") for _, said in ends) >= KILLS // 2
    for out, _ in ends:
        assert digests(out) == expected
        assert sorted(path.name for path in out.iterdir()) == [f"toy-seed-{s}" for s in SEEDS]
