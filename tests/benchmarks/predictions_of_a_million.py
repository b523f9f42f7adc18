"""Gate a million predictions in file order and shuffled; print CPU seconds and peak memory.

    python -m tests.benchmarks.predictions_of_a_million FOLDER [WINDOWS]

Needs 10 GB in FOLDER, and 3 GB where temporary files go. CPU seconds are those of all threads, so
that what else runs on the machine says little; two cores take at least half of them.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import numpy as np
from pyarrow import parquet

from amn.case.load import load_case
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.predictions import write_predictions
from amn.gate.modes import GateOptions, gate_of
from tests.benchmarks.conftest import ARTICLE_ROWS, DIM, DRAWN_ARTICLES, _running_text

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


def build(folder: Path, n_windows: int) -> None:
    """Write the data set, its case, and predictions in the order of windows and shuffled."""
    judged = -(-n_windows // (ARTICLE_ROWS - CONTEXT))
    n = (judged + TRAIN_ARTICLES) * ARTICLE_ROWS
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    vectors = np.lib.format.open_memmap(folder / "drawn.npy", "w+", np.float16, (n, DIM))
    for start in range(0, n, DRAWN_ARTICLES * ARTICLE_ROWS):
        rows = _running_text(rng, DRAWN_ARTICLES)
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
    write_predictions(ordered, asked, lambda context: context.mean(axis=1))
    table = parquet.read_table(ordered)
    parquet.write_table(table.take(rng.permutation(len(table))), folder / "shuffled.parquet")


def gate(folder: Path, name: str) -> dict[str, float]:
    """Return what a gate of one file of predictions took: seconds and peak bytes."""
    begin, before = perf_counter(), _cpu()
    options = GateOptions(
        cache=folder / "cache", predictions=(folder / f"{name}.parquet",), first_run=True
    )
    made = gate_of(load_case(folder), options)
    [joined] = made.evidence["joined"]
    joining = _cpu() - before
    made.result()
    return {
        "windows": joined.rows,
        "joined, CPU s": round(joining, 1),
        "all, CPU s": round(_cpu() - before, 1),
        "all, s": round(perf_counter() - begin, 1),
        "peak, GB": round(_peak() / 1e9, 2),
    }


def _cpu() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    """Return the largest resident size until now, in bytes: own pages and mapped ones."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    [peak] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
    return peak


def main(folder: Path, n_windows: int) -> None:
    """Print a line of JSON for each order; a process each, since peak memory is a process's."""
    for name in ("build", "ordered", "shuffled"):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            if name != "build":
                print(json.dumps({name: pool.submit(gate, folder, name).result()}), flush=True)
            elif not folder.exists():
                pool.submit(build, folder, n_windows).result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
