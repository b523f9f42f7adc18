"""A toy case on disk, and a small sweep of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.case.load import Case, load_case
from amn.prove.sweep import run_sweep
from amn.prove.sweep_config import SweepConfig

if TYPE_CHECKING:
    from pathlib import Path

    from amn.prove.sweep_result import PointResult

GRID = {
    "schema": 1,
    "title": "rates",
    "seeds": [0, 1],
    "grid": {"training.lr": [1e-9, 0.003], "windows.context": [3, 4]},
}


@pytest.fixture(scope="session")
def case_on_disk(toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("sweep") / "toy"
    folder.mkdir()
    (folder / "case.toml").write_text(
        f"""
schema = 1
dataset = {{ path = "{toy_data.as_posix()}" }}
windows = {{ context = 3 }}
model = {{ attention_dim = 8, hidden_dim = 16 }}
training = {{ epochs = 2, batch_size = 128 }}
[split]
in_dist = {{ articles = "41-52" }}
ood = {{ articles = "53-64" }}
"""
    )
    return load_case(folder)


@pytest.fixture(scope="session")
def grid() -> SweepConfig:
    return SweepConfig.model_validate(GRID)


@pytest.fixture(scope="session")
def grid_results(case_on_disk: Case, grid: SweepConfig, toy_cache: Path) -> tuple[PointResult, ...]:
    return tuple(
        run_sweep(case_on_disk, grid, cache=toy_cache, file=case_on_disk.folder / "sweep.toml")
    )
