"""Seeds and sweeps on a cluster end in the files that they end in on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.data.writer import Chunks, write_dataset
from amn.engines.ray import RayEngine, ray_cluster
from amn.errors import ArgumentError, DataError, WorkerError
from amn.training.run import load_run
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.engines import Tell

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

ARTICLES, ROWS, DIM = 64, 16, 24
CASE = """
schema = 1
dataset = { path = "data" }
windows = { context = 3 }
model = { attention_dim = 8, hidden_dim = 16, dropout = 0.2 }
training = { epochs = 3, batch_size = 100, seeds = [0, 1] }
[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }
"""
SWEEP = """
schema = 1
seeds = [0]
[grid]
"training.lr" = [0.001, 0.003]
[[variants]]
name = "plain"
[[variants]]
name = "averaged"
set = { "training.ema" = 0.9 }
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(cpus=2):
        yield


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    chunks = Chunks(
        article_ids=np.repeat(np.arange(1, ARTICLES + 1), ROWS),
        chunk_index=np.tile(np.arange(ROWS, dtype=np.int32), ARTICLES),
    )
    rows = drifting_rows(ARTICLES, ROWS, DIM)
    write_dataset(tmp_path / "toy" / "data", rows, chunks, name="toy", dtype="float32")
    (tmp_path / "toy" / "case.toml").write_text(CASE)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)  # paths of the command are relative, and mean the same on a worker
    return Path("toy")


def amn(*words: str) -> str:
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("cluster")
def test_seeds_on_a_cluster_end_in_the_same_files(case: Path) -> None:
    amn("train", str(case), "--out", "local")
    amn("train", str(case), "--out", "ray", "--engine", "ray")

    for seed in (0, 1):
        here, there = (load_run(Path(out) / f"toy-seed-{seed}") for out in ("local", "ray"))
        assert here.info["files"] == there.info["files"]
        assert here.info["key"] == there.info["key"]
    assert sorted(path.name for path in Path("ray").iterdir()) == ["toy-seed-0", "toy-seed-1"]


@pytest.mark.usefixtures("cluster")
def test_a_sweep_on_a_cluster_ends_in_the_same_files(case: Path) -> None:
    words = ("train", str(case), "--sweep", "sweep.toml", "--format", "json")
    amn(*words)
    Path(".amn").rename("local")
    amn(*words, "--engine", "ray")

    here, there = (
        {path.name: load_run(path).info["files"] for path in root.glob("??/*") if path.is_dir()}
        for root in (Path("local/runs"), Path(".amn/runs"))
    )
    assert len(here) == 4
    assert here == there


def test_an_engine_without_a_gpu_refuses_one(case: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^--device: expected cpu with --engine ray, got auto"):
        amn("train", str(case), "--engine", "ray", "--device", "auto")


def square(number: int, tell: Tell) -> int:
    tell(number)
    return number * number


def refuse(number: int, _: Tell) -> int:
    raise DataError(Path("file"), f"got {number}")


def die_once(mark: Path, _: Tell) -> str:
    with suppress(FileExistsError):
        mark.touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(_: int, __: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("cluster")
def test_every_item_is_called_once_and_heard() -> None:
    heard: list[int] = []

    results = list(RayEngine().map(square, iter(range(9)), tell=heard.append))

    assert sorted(results) == [number * number for number in range(9)]
    assert sorted(heard) == list(range(9))


@pytest.mark.usefixtures("cluster")
def test_an_error_in_a_call_is_raised_here() -> None:
    with pytest.raises(DataError, match=r"^file: got 3"):
        list(RayEngine(most=1).map(refuse, [3]))


@pytest.mark.usefixtures("cluster")
def test_what_a_dead_worker_was_doing_is_done_again_but_not_for_ever(tmp_path: Path) -> None:
    assert list(RayEngine().map(die_once, [tmp_path / "mark"])) == ["done"]

    with pytest.raises(WorkerError, match=r"^ray: expected every worker to live, got: "):
        list(RayEngine().map(die, [1]))


@pytest.mark.usefixtures("cluster")
def test_cases_gated_on_a_cluster_have_the_verdicts_that_they_have_here(case: Path) -> None:
    other = case.with_name("other")
    shutil.copytree(case, other)
    (other / "case.toml").write_text(CASE.replace("seeds = [0, 1]", "seeds = [2, 3]"))
    words = ("gate", str(case), str(other), "--first-run", "--format", "json")

    def figures(*more: str) -> list[tuple[str, str, float | None]]:
        result = CliRunner().invoke(cli, [*words, *more], catch_exceptions=False)
        found = json.loads(result.stdout)["results"]
        return [
            (one["case"], check["status"], check["number"])
            for one in found
            for check in one["checks"]
        ]

    here, there = figures("--cache", "local"), figures("--cache", "ray", "--engine", "ray")

    assert len(here) > 100
    assert here == there
    trained = [path for path in Path("ray").glob("*/*") if path.is_dir()]
    assert len(trained) == 4
