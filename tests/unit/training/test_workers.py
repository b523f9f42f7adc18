"""Seeds trained in processes of their own end as they would have in this one."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.errors import TrainingError
from amn.training import workers
from amn.training.workers import run_seeds, threads_each, torch_threads

if TYPE_CHECKING:
    from pathlib import Path

    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run


@pytest.mark.parametrize(
    ("seeds", "cores", "expected"), [(3, 2, 1), (3, 16, 5), (1, 8, 8), (5, 1, 1), (0, 4, 4)]
)
def test_the_cores_are_shared_by_the_seeds_of_the_case(
    seeds: int, cores: int, expected: int
) -> None:
    assert threads_each(seeds, cores) == expected


def test_threads_are_set_for_the_block_alone() -> None:
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == before


def train_two(
    plan: Plan, folder: Path, references: PlanReferences, cores: int, **options: Any
) -> dict[int, Run]:
    folders = {seed: folder / str(seed) for seed in (0, 1)}
    made = run_seeds(plan, folders, references=references, cores=cores, **options)
    return {run.seed: run for run in made}


@pytest.mark.slow
def test_processes_give_the_same_files_as_one_process(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    here = train_two(toy_plan, tmp_path / "here", toy_references, 1)
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)

    apart = train_two(
        toy_plan,
        tmp_path / "apart",
        toy_references,
        2,
        progress=lambda _, __, text: told.append(text),
    )

    assert sorted(apart) == [0, 1]
    for seed, run in apart.items():
        assert run.info["files"] == here[seed].info["files"]
        ours, theirs = run.evaluation.scores["ood"], here[seed].evaluation.scores["ood"]
        assert np.array_equal(ours.cosines, theirs.cosines)
    assert {text.split()[1] for text in told} == {"0", "1"}


def work_then_end(pipe: Any, *_: object) -> None:
    pipe.recv()
    os._exit(9)


def work_then_be_killed(pipe: Any, *_: object) -> None:
    pipe.recv()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "said"),
    [
        (work_then_end, r"ended with 9\. Fix: see its own error above"),
        (work_then_be_killed, r"ended with -9\. Fix: more memory, or fewer seeds at a time"),
    ],
)
def test_a_process_that_dies_is_an_error_with_its_seed(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: object,
    said: str,
) -> None:
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(workers, "_work", work)

    with pytest.raises(TrainingError, match=rf"^seed [01]: .* a process that {said}; the same"):
        train_two(toy_plan, tmp_path, toy_references, 2)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_error_in_a_process_is_raised_here(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)
    (tmp_path / "0").mkdir()

    with pytest.raises(FileExistsError):
        train_two(toy_plan, tmp_path, toy_references, 2)

    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
