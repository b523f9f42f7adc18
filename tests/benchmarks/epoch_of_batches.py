"""Gather every window once in shuffled order and train a few steps; print the memory it took.

A process of its own: peak memory is a process's, and the one of a test run is not this one's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from amn.case.training import TrainingConfig
from amn.data.dataset import open_dataset
from amn.data.windows import find_windows
from amn.training.loop import train
from amn.training.networks.build import ModelSpec
from amn.training.record import ValidationReferences

CONTEXT = 5
BATCH = 256
STEPS = 8


def main(folder: Path, n_windows: int) -> None:
    """Print one line of JSON: windows seen, and peak, anonymous and file-backed bytes."""
    windows = find_windows(open_dataset(folder), CONTEXT).take(slice(n_windows))
    order = np.random.default_rng(0).permutation(len(windows))
    n_seen = sum(
        len(windows.gather(order[start : start + BATCH])) for start in range(0, len(order), BATCH)
    )
    train(
        ModelSpec(architecture="amn/recency/1", dim=windows.dataset.dim, context=CONTEXT),
        windows.take(np.sort(order[: STEPS * BATCH])),
        windows.take(slice(BATCH)),
        TrainingConfig(epochs=1, batch_size=BATCH, loss="cosine"),
        seed=0,
        references=ValidationReferences(constant=-1.0, mean=-1.0),
    )
    now = _sizes("smaps_rollup")
    result = {
        "windows": n_seen,
        "peak": _sizes("status")["VmHWM"],  # getrusage's peak would be the parent's, if higher
        "anonymous": now["Anonymous"],
        "file_backed": now["Rss"] - now["Anonymous"],
    }
    print(json.dumps(result))


def _sizes(name: str) -> dict[str, int]:
    """Return the sizes that a file of /proc/self lists, in bytes."""
    lines = Path("/proc/self", name).read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if line.endswith("kB")]
    return {field[0].rstrip(":"): int(field[1]) * 1024 for field in fields}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
