"""Gate a million predictions beside a golden of others; print seconds and peak memory.

    python -m tests.benchmarks.predictions_of_a_million FOLDER [WINDOWS]

They are gated by the command, in the order of windows and shuffled. Needs 16 GB in FOLDER, and 3 GB
where temporary files go. CPU seconds are those of all threads, so that what else runs on the
machine says little; two cores take at least half of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
from pyarrow import parquet

from amn.case.load import load_case
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.window_files import write_predictions
from amn.gate.modes import GateOptions, gate_of
from tests.benchmarks.conftest import ARTICLE_ROWS, DIM, DRAWN_ARTICLES, running_text

CONTEXT = 5
TRAIN_ARTICLES = 2_000
CASE = """
schema = 1
[dataset]
path = "data"
[split]
in_dist = {{ articles = "0-{middle}" }}
ood = {{ articles = "{next}-{last}" }}
[windows]
context = 5
[golden]
"""
ACCEPTED, GATED = (1, 1, 2, 3, 6), (1, 1, 2, 3, 5)  # weights of the rows of the context
ORDERS = ("ordered.parquet", "shuffled.parquet", "ordered.npz", "ordered.npy")


def build(folder: Path, n_windows: int) -> None:
    """Write the data set, its case, and two models' predictions: one to accept, one to gate."""
    judged = -(-n_windows // (ARTICLE_ROWS - CONTEXT))
    n = (judged + TRAIN_ARTICLES) * ARTICLE_ROWS
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    vectors = np.lib.format.open_memmap(folder / "drawn.npy", "w+", np.float16, (n, DIM))
    for start in range(0, n, DRAWN_ARTICLES * ARTICLE_ROWS):
        rows = running_text(rng, DRAWN_ARTICLES)
        vectors[start : start + len(rows)] = rows[: n - start]
    article, chunk = np.divmod(np.arange(n), ARTICLE_ROWS)
    keys = Chunks(article_ids=article, chunk_index=chunk.astype(np.int32))
    stages = [Stage(name="drawn", rows_in=n, rows_out=n)]
    write_dataset(folder / "data", vectors, keys, name="large", stages=stages)
    (folder / "drawn.npy").unlink()
    middle = judged // 2
    text = CASE.format(middle=middle - 1, next=middle, last=judged - 1)
    (folder / "case.toml").write_text(text, "utf-8")
    windows = gate_of(load_case(folder), GateOptions(cache=folder / "cache")).evidence["windows"]
    asked = {split: windows[split] for split in ("in_dist", "ood")}
    ordered = folder / "ordered.parquet"
    for file, weights in ((folder / "accepted.parquet", ACCEPTED), (ordered, GATED)):
        mixture = np.array(weights, np.float32)
        write_predictions(file, asked, partial(np.matmul, mixture))
    table = parquet.read_table(ordered)
    flat = table["prediction"].combine_chunks().flatten().to_numpy().reshape(len(table), DIM)
    names = np.array(table["window"].to_pylist())
    np.savez(folder / "ordered.npz", window=names, prediction=flat)
    np.save(folder / "ordered.npy", flat)
    np.save(folder / "ordered.windows.npy", names)
    parquet.write_table(table.take(rng.permutation(len(table))), folder / "shuffled.parquet")


def run(*words: str | Path) -> dict[str, float]:
    """Run the command; return its exit code, what it took, and the most memory that it had."""
    begin = perf_counter()
    command = [sys.executable, "-m", "amn", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:  # noqa: S603 - our own
        told = child.stderr.read() if child.stderr else b""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode > 1:
        sys.exit(told.decode())
    return {
        "exit": child.returncode,
        "s": round(perf_counter() - begin, 1),
        "CPU s": round(used.ru_utime + used.ru_stime, 1),
        "peak, GB": round(used.ru_maxrss * 1024 / 1e9, 2),
    }


def main(folder: Path, n_windows: int) -> None:
    """Print a line of JSON for each way to bring the predictions."""
    if not folder.exists():
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(build, folder, n_windows).result()
    if not (folder / "golden.json").exists():
        first = ("--predictions", folder / "accepted.parquet", "--reason", "benchmark")
        accepted = run("golden", "new", folder, *first, "--author", "x", "--accept-regression")
        print(json.dumps({"golden": accepted}), flush=True)
    for name in ORDERS:
        print(json.dumps({name: run("gate", folder, "--predictions", folder / name)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
