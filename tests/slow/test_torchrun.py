"""`torchrun -m amn train`: several processes end as one does, or end cleanly when one dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.data.writer import Chunks, write_dataset
from amn.training.run import Run, load_run
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ARTICLES, ROWS, DIM = 64, 16, 24
TOLERANCE = 1e-4  # of cosines: what the product asks; measured 6e-8
PATIENCE_S = 120  # a clean end takes seconds; without one it is the ten minutes of a lost process
CASE = """
schema = 1
dataset = { path = "data" }
windows = { context = 3 }
model = { attention_dim = 8, hidden_dim = 16 }
[training]
epochs = EPOCHS
batch_size = 100
lr = 0.003
ema = 0.9
seeds = [0, 1]
[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }
"""


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Path]:
    chunks = Chunks(
        article_ids=np.repeat(np.arange(1, ARTICLES + 1), ROWS),
        chunk_index=np.tile(np.arange(ROWS, dtype=np.int32), ARTICLES),
    )
    rows = drifting_rows(ARTICLES, ROWS, DIM)
    write_dataset(tmp_path / "toy" / "data", rows, chunks, name="toy", dtype="float32")
    (tmp_path / "toy" / "case.toml").write_text(CASE.replace("EPOCHS", "3"))
    yield tmp_path / "toy"
    stop(tmp_path / "toy")


def start(case: Path, out: str, *options: str, processes: int) -> subprocess.Popen[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launch if processes else []), "-m", "amn", "train", str(case)]
    return subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--out", str(case.parent / out), *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out + err


def members(case: Path) -> dict[int, bytes]:
    """Return the processes that train a case, torchrun among them, each with its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(case) in (folder / "cmdline").read_bytes():
                found[int(folder.name)] = (folder / "environ").read_bytes()
    return found


def stop(case: Path) -> None:
    """Kill what still trains a case."""
    for pid in members(case):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_of(case: Path, out: str, seed: int) -> Run:
    return load_run(case.parent / out / f"toy-seed-{seed}")


def test_two_processes_give_the_result_of_one(case: Path) -> None:
    for out, processes in (("one", 0), ("two", 2)):
        code, said = finish(start(case, out, "--device", "cpu", processes=processes))
        assert code == 0, said
        assert said.count("next: amn gate") == 1

    for seed in (0, 1):
        one, two = run_of(case, "one", seed), run_of(case, "two", seed)
        assert (one.record.processes, two.record.processes) == (1, 2)
        for ours, theirs in zip(one.record.epochs, two.record.epochs, strict=True):
            assert ours.train_loss == pytest.approx(theirs.train_loss, abs=1e-6)
            assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-4)
            assert ours.n_windows == theirs.n_windows
        for split, scores in one.evaluation.scores.items():
            cosines = two.evaluation.scores[split].cosines
            assert np.abs(scores.cosines - cosines).max() < TOLERANCE
    left = [p.name for p in (case.parent / "two").iterdir() if p.name.startswith(".")]
    assert left == []


def test_when_one_process_dies_all_end_and_the_same_command_goes_on(case: Path) -> None:
    (case / "case.toml").write_text(CASE.replace("EPOCHS", "400"))
    out = case.parent / "cut"
    process = start(case, "cut", "--seed", "0", processes=2)
    deadline = time.monotonic() + PATIENCE_S
    while not (out / ".toy-seed-0.state").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = [pid for pid, environ in members(case).items() if b"RANK=1" in environ.split(b"\0")]
    assert len(second) == 1

    os.kill(second[0], signal.SIGKILL)
    code, said = finish(process)

    assert code != 0, said
    assert members(case) == {}
    assert [p.name for p in out.iterdir()] == [".toy-seed-0.state"]
    resumed = start(case, "cut", "--seed", "0", processes=2)
    assert resumed.stderr is not None
    try:
        line = next(text for text in resumed.stderr if "resuming" in text)
    finally:
        stop(case)
        resumed.communicate()
    assert re.match(r"seed 0: resuming at epoch \d+", line)
