from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.conftest import DIM, LARGE_ROWS, Figure

if TYPE_CHECKING:
    from collections.abc import Callable

N_WINDOWS = 584_000
LARGEST = 1.5e9
LARGEST_OF_ALL = 2e9  # of a million rows, checked, trained on and scored
MATERIALISED = N_WINDOWS * 6 * DIM * 4  # bytes of float32 windows, as plain training holds them


def measured(script: str, *words: str) -> dict[str, int]:
    """Run a script of this folder in a process of its own; return what it printed."""
    command = [sys.executable, "-m", f"tests.benchmarks.{script}", *words]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603 - our own script
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_an_epoch_of_584k_windows_fits(large_folder: Path, judge: Callable[[Figure], None]) -> None:
    memory = measured("epoch_of_batches", str(large_folder), str(N_WINDOWS))

    gigabytes = {name: f"{memory[name] / 1e9:.2f} GB" for name in memory if name != "windows"}
    name = f"memory: {gigabytes['anonymous']} own, {gigabytes['file_backed']} mapped"
    plain = f"{MATERIALISED / 1e9:.2f} GB"
    ratio, bar = MATERIALISED / memory["peak"], MATERIALISED / LARGEST
    assert memory["windows"] == N_WINDOWS
    judge(Figure(name, gigabytes["peak"], plain, ratio, bar))


def test_a_million_rows_are_checked_trained_on_and_scored_in_2_gb(
    large_folder: Path, tmp_path: Path, judge: Callable[[Figure], None]
) -> None:
    seen = measured("case_of_a_million_rows", str(large_folder), str(tmp_path / "large"))

    plain = (seen["trained"] + seen["scored"]) * 6 * DIM * 4
    sizes = (f"{seen['checking'] / 1e9:.2f} GB checking", f"{seen['peak'] / 1e9:.2f} GB in all")
    assert seen["rows"] == LARGE_ROWS
    assert seen["checks"] > 20
    assert min(seen["trained"], 4 * seen["scored"]) > LARGE_ROWS / 2
    name = f"memory, 1M rows: {sizes[0]}"
    judge(
        Figure(
            name, sizes[1], f"{plain / 1e9:.1f} GB", plain / seen["peak"], plain / LARGEST_OF_ALL
        )
    )
