"""The cache saves time and never trust."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.engines import LocalEngine
from amn.storage import canonical_json, sha256_of
from amn.training import cache as cache_module
from amn.training import workers
from amn.training.cache import RunCache

if TYPE_CHECKING:
    from pathlib import Path

    from amn.training.plan import Plan
    from amn.training.run import Run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were really trained, in order."""
    seeds: list[int] = []
    run_seed = workers.run_seed

    def counted(plan: Any, seed: int, folder: Any, **options: Any) -> Run:
        seeds.append(seed)
        return run_seed(plan, seed, folder, **options)

    monkeypatch.setattr(workers, "run_seed", counted)
    return seeds


@pytest.fixture
def filled(toy_runs: tuple[Run, ...], toy_plan: Plan, tmp_path: Path) -> Path:
    """A cache of its own with the run of seed 0."""
    key = toy_plan.key(0)
    shutil.copytree(toy_runs[0].folder, tmp_path / key[:2] / key)
    return tmp_path


def entry(folder: Path, plan: Plan) -> Path:
    key = plan.key(0)
    return folder / key[:2] / key


def test_a_key_is_trained_once(toy_plan: Plan, tmp_path: Path, trained: list[int]) -> None:
    folder = tmp_path / "runs"

    first, again = RunCache(folder).run(toy_plan, 0), RunCache(folder).run(toy_plan, 0)

    assert trained == [0]
    assert first.info == again.info
    assert first.folder == entry(folder, toy_plan)
    assert (folder / ".gitignore").read_text("utf-8") == "*\n"


def test_another_seed_is_another_run(
    toy_plan: Plan, filled: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Plan, seed: int, folder: Path, **__: Any) -> Any:
        trained.append(seed)
        return SimpleNamespace(folder=folder)

    monkeypatch.setattr(workers, "run_seed", run)
    cache = RunCache(filled)

    cache.run(toy_plan, 0)
    cache.run(toy_plan, 5)

    assert trained == [5]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["run.json", "model.safetensors", "evaluation.json", "cosines.npz"]
)
@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()], ids=["flip", "unlink"])
def test_a_damaged_entry_is_made_again(
    toy_plan: Plan,
    filled: Path,
    toy_runs: tuple[Run, ...],
    trained: list[int],
    name: str,
    damage: Any,
) -> None:
    damage(entry(filled, toy_plan) / name)

    again = RunCache(filled).run(toy_plan, 0)

    assert trained == [0]
    assert again.info["files"] == toy_runs[0].info["files"]


def test_an_entry_under_another_key_is_made_again(
    toy_plan: Plan, filled: Path, trained: list[int]
) -> None:
    file = entry(filled, toy_plan) / "run.json"
    info = json.loads(file.read_text())
    del info["sha256"]
    info["key"] = "0" * 64
    file.write_text(json.dumps({**info, "sha256": sha256_of(canonical_json(info))}))

    assert RunCache(filled).run(toy_plan, 0).info["key"] == toy_plan.key(0)
    assert trained == [0]


def test_an_interrupted_training_leaves_no_entry(
    toy_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("amn.training.seed.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RunCache(tmp_path).run(toy_plan, 0)

    assert not entry(tmp_path, toy_plan).exists()


def test_references_are_scored_once_for_all_seeds_and_again_for_another_plan(
    toy_plan: Plan, toy_references: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[Plan] = []
    used: list[Any] = []

    def score(plan: Plan) -> Any:
        scored.append(plan)
        return replace(toy_references, judged={"of": len(scored)})

    def run(_: Plan, __: int, folder: Path, *, references: Any, **___: Any) -> Any:
        used.append(references.judged["of"])
        return SimpleNamespace(folder=folder)

    monkeypatch.setattr(cache_module, "score_plan_references", score)
    monkeypatch.setattr(workers, "run_seed", run)
    cache = RunCache(tmp_path)
    for other in range(3):
        articles = {**toy_plan.articles, "train": [other]}
        for seed in (0, 1):
            # A plan of its own each time: what is kept must not hang on an object's address.
            cache.run(replace(toy_plan, articles=articles), seed)

    assert used == [1, 1, 2, 2, 3, 3]
    assert len(scored) == 3


def test_a_cached_run_scores_what_it_scored(
    toy_plan: Plan, filled: Path, toy_runs: tuple[Run, ...]
) -> None:
    cached = RunCache(filled).run(toy_plan, 0)

    for split in ("in_dist", "ood"):
        expected = toy_runs[0].evaluation.scores[split].cosines
        assert np.array_equal(cached.evaluation.scores[split].cosines, expected)


def test_seeds_of_several_plans_are_one_call_of_an_engine(
    toy_plan: Plan, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    class Noted(LocalEngine):
        def map(self, function: Any, items: Any, **options: Any) -> Any:
            calls.append([str(job) for job in items])
            return super().map(function, items, **options)

    monkeypatch.setattr(
        workers, "run_seed", lambda _, __, folder, **___: SimpleNamespace(folder=folder)
    )
    other = replace(toy_plan, articles={**toy_plan.articles, "train": [7]})

    wanted = [(toy_plan, [0, 1]), (other, [1]), (toy_plan, [1])]
    runs = RunCache(filled).all_runs(wanted, engine=Noted())

    assert calls == [["seed 1", "seed 1"]]  # seed 0 is there, and the last one is the first's
    keys = [[run.folder.name for run in each] for each in runs]
    assert keys == [[plan.key(seed) for seed in seeds] for plan, seeds in wanted]
