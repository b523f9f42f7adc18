"""Seeds trained in processes of their own end as they would have in this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.engines import LocalEngine
from amn.training import workers
from amn.training.workers import run_jobs, seed_jobs, torch_threads

if TYPE_CHECKING:
    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (3, 1), (8, 2), (16, 5)])
def test_the_cores_are_shared_by_the_seeds_of_the_case(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    expected: int,
) -> None:
    monkeypatch.setattr(workers, "available_cores", lambda: cores)

    (job,) = seed_jobs(toy_plan, {2: tmp_path}, toy_references)

    assert len(toy_plan.config.training.seeds) == 3
    assert job.threads == expected


@pytest.mark.parametrize(
    ("n_seeds", "cores", "at_once"),
    [(2, 2, 2), (3, 2, 3), (4, 2, 2), (5, 2, 3), (3, 4, 4), (5, 4, 5), (7, 4, 7), (2, 8, 8)],
)
def test_seeds_that_are_left_over_train_among_the_first(
    toy_plan: Plan, toy_references: PlanReferences, n_seeds: int, cores: int, at_once: int
) -> None:
    threads = max(1, cores // n_seeds)
    made = {"plan": toy_plan, "references": toy_references, "threads": threads}

    jobs = [workers.Job(seed=seed, folder=Path(str(seed)), **made) for seed in range(n_seeds)]

    assert workers.shared_cores(jobs, cores) == at_once


def test_threads_are_set_for_the_block_alone() -> None:
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == before


def train_two(
    plan: Plan, folder: Path, references: PlanReferences, **options: Any
) -> dict[int, Run]:
    jobs = seed_jobs(plan, {seed: folder / str(seed) for seed in (0, 1)}, references)
    return {run.seed: run for run in run_jobs(jobs, **options)}


@pytest.mark.slow
def test_processes_give_the_same_files_as_one_process(
    toy_plan: Plan, toy_references: PlanReferences, tmp_path: Path
) -> None:
    told: list[str] = []
    here = train_two(toy_plan, tmp_path / "here", toy_references)

    apart = train_two(
        toy_plan,
        tmp_path / "apart",
        toy_references,
        engine=LocalEngine(2),
        progress=lambda _, __, text: told.append(text),
    )

    assert sorted(apart) == [0, 1]
    for seed, run in apart.items():
        assert run.info["files"] == here[seed].info["files"]
        ours, theirs = run.evaluation.scores["ood"], here[seed].evaluation.scores["ood"]
        assert np.array_equal(ours.cosines, theirs.cosines)
    assert {text.split()[1] for text in told} == {"0", "1"}


def test_an_error_in_one_of_them_is_raised_and_leaves_nothing(
    toy_plan: Plan, toy_references: PlanReferences, tmp_path: Path
) -> None:
    (tmp_path / "0").mkdir()

    with pytest.raises(FileExistsError):
        train_two(toy_plan, tmp_path, toy_references)

    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(("worth", "cores"), [(1, 2), (10**9, 1)])
def test_small_trainings_are_made_in_this_process(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worth: int,
    cores: int,
) -> None:
    made: list[int] = []

    class Noted(LocalEngine):
        def map(self, *_: Any, **__: Any) -> Any:
            made.append(self.cores)
            return iter(())

    monkeypatch.setattr(workers, "WORTH_A_PROCESS", worth)
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    monkeypatch.setattr(workers, "LocalEngine", Noted)

    train_two(toy_plan, tmp_path, toy_references)

    assert made == [cores]
