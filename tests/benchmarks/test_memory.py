from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.conftest import DIM, Figure

if TYPE_CHECKING:
    from collections.abc import Callable

N_WINDOWS = 584_000
LARGEST = 1.5e9
MATERIALISED = N_WINDOWS * 6 * DIM * 4  # bytes of float32 windows, as plain training holds them


def test_an_epoch_of_584k_windows_fits(large_folder: Path, judge: Callable[[Figure], None]) -> None:
    script = Path(__file__).with_name("epoch_of_batches.py")
    command = [sys.executable, str(script), str(large_folder), str(N_WINDOWS)]
    root = Path(__file__).parents[2]

    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603 - our own script

    memory = json.loads(done.stdout)
    gigabytes = {name: f"{memory[name] / 1e9:.2f} GB" for name in memory if name != "windows"}
    name = f"memory: {gigabytes['anonymous']} own, {gigabytes['file_backed']} mapped"
    plain = f"{MATERIALISED / 1e9:.2f} GB"
    ratio, bar = MATERIALISED / memory["peak"], MATERIALISED / LARGEST
    assert memory["windows"] == N_WINDOWS
    judge(Figure(name, gigabytes["peak"], plain, ratio, bar))
