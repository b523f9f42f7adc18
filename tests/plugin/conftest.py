"""A small project with one case, and pytest run in it; what was trained once serves every test."""

from __future__ import annotations

import shutil
from datetime import date
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import amn
from amn.case.load import load_case
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, gate_of
from amn.golden.base.review import MergeBase
from amn.golden.store import write_golden
from tests.instead import run_instead
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable


DIM, N_ARTICLES, N_ROWS = 32, 56, 18
CASE = "golden/toy/case.toml"
CASE_TEXT = """\
schema = 1
title  = "toy"

[dataset]
path = "data"

[split]
in_dist = { articles = "41-48" }
ood     = { articles = "49-56" }

[model]
attention_dim = 16
hidden_dim = 32

[training]
epochs = 2
batch_size = 16
lr = 0.003
seeds = [0, 1, 2]

[criteria]
in_dist = 0.20
ood     = 0.20
delta   = [-0.5, 0.5]
lift    = -0.5
"""
# With its entry point installed the plugin is loaded already, and pytest refuses it a second time.
IS_INSTALLED = bool(entry_points(group="pytest11", name="amn"))
LOAD = () if IS_INSTALLED else ("-p", "amn.pytest_plugin")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # many small matrices: threads would only wait for one another


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, cache: Path, _one_thread: None) -> Path:
    """A case with data and golden; its runs are in `cache`."""
    folder = tmp_path_factory.mktemp("made") / "toy"
    folder.mkdir()
    vectors = drifting_rows(N_ARTICLES, N_ROWS, DIM)
    n_rows = len(vectors)
    articles, index = running_keys(*[N_ROWS] * N_ARTICLES, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    stage = Stage(name="made", rows_in=n_rows, rows_out=n_rows)
    write_dataset(folder / "data", vectors, chunks, name="toy", stages=[stage])
    (folder / "case.toml").write_text(CASE_TEXT, encoding="utf-8")
    golden = accept(
        load_case(folder),
        cache=cache,
        seeds=range(5),
        reason="first result",
        author="tests",
        created=date(2025, 1, 31),
    ).golden
    write_golden(folder, golden)
    return folder


@pytest.fixture
def project(pytester: pytest.Pytester, toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with golden/toy; CI's settings of the outer run do not reach it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(amn.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\n")
    shutil.copytree(toy, pytester.path / "golden" / "toy")
    return pytester.path


@pytest.fixture
def run(
    pytester: pytest.Pytester,
    project: Path,  # noqa: ARG001 - what is run
    cache: Path,
) -> Callable[..., pytest.RunResult]:
    """Run pytest in the project; its runs are in the shared cache unless told otherwise."""

    def run(*arguments: str, runs: Path | str | None = cache) -> pytest.RunResult:
        where = () if runs is None else (f"--amn-cache={runs}",)
        return pytester.runpytest_inprocess(*LOAD, *where, *arguments)

    return run


@pytest.fixture
def run_two(
    pytester: pytest.Pytester,
    project: Path,  # noqa: ARG001 - what is run
) -> Callable[..., pytest.RunResult]:
    """Run pytest with two workers, in processes of their own."""

    slow_to_import = ("-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:anyio")

    def run_two(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*LOAD, *slow_to_import, "-n2", *arguments)

    return run_two


@pytest.fixture
def edit(project: Path) -> Callable[[str, str], None]:
    """Replace a piece of the case's text."""

    def edit(old: str, new: str) -> None:
        file = project / CASE
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")

    return edit


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Run a check by another function."""
    return partial(run_instead, monkeypatch)


@pytest.fixture
def n_checks(toy: Path, cache: Path) -> int:
    """How many checks the toy case declares."""
    options = GateOptions(cache=cache, merge_base=MergeBase(toy, None, ""))
    return len(gate_of(load_case(toy), options).declared)
