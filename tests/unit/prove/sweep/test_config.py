"""A sweep file says which points are tried; what it gets wrong is listed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.errors import ConfigError
from amn.prove.sweep_config import SweepConfig, load_sweep

if TYPE_CHECKING:
    from pathlib import Path


def sweep(**keys: object) -> SweepConfig:
    return SweepConfig.model_validate({"schema": 1, **keys})


def test_every_combination_of_a_grid_is_a_point() -> None:
    points = sweep(grid={"training.lr": [1e-4, 0.01], "windows.context": [3, 5]}).points()

    assert [point.name for point in points] == [
        "lr=0.0001 context=3",
        "lr=0.0001 context=5",
        "lr=0.01 context=3",
        "lr=0.01 context=5",
    ]
    assert points[1].changes == {"training.lr": 1e-4, "windows.context": 5}


def test_a_grid_is_tried_with_every_variant() -> None:
    variants = [{"name": "plain"}, {"name": "averaged", "set": {"training.ema": 0.9}}]

    points = sweep(variants=variants, grid={"training.lr": [0.1, 0.2]}).points()

    assert [point.name for point in points] == [
        "plain lr=0.1",
        "plain lr=0.2",
        "averaged lr=0.1",
        "averaged lr=0.2",
    ]
    assert points[3].changes == {"training.ema": 0.9, "training.lr": 0.2}


def test_keys_that_end_alike_are_named_in_full() -> None:
    points = sweep(grid={"split.in_dist.seed": [1], "split.ood.seed": [2]}).points()

    assert points[0].name == "split.in_dist.seed=1 split.ood.seed=2"


GRID = '[grid]\n"a.b" = [1]\n'
SEARCH = "[search]\ntrials = 1\n[search.space]\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"expected \[search\], or \[grid\] and \[\[variants\]\], got neither"),
        (GRID + SEARCH + '"a.b" = [1]', "got both"),
        ("[grid]\ntraining.lr = [1]", 'expected a key in quotes such as "training.lr"'),
        ('[grid]\n"training.lr" = []', "grid.training.lr: List should have at least 1"),
        ("grids = 1\n" + GRID, "grids: unknown key. Fix: did you mean grid?"),
        ("a = 1\n" + GRID, " a: unknown key. Fix: known keys: schema, title, seeds, grid"),
        ("[search]\nseeed = 1", "search.seeed: unknown key. Fix: did you mean seed?"),
        (
            '[[variants]]\nname = "x"\nchanges = 1',
            "variants.0.changes: unknown key. Fix: known keys: name, set",
        ),
        (
            SEARCH + '"a.b" = { low = 1, high = 2, logs = true }',
            "search.space.a.b.logs: unknown key. Fix: did you mean log?",
        ),
        (
            GRID + '[[variants]]\nname = "x"\nset = { "a.b" = 1 }',
            r"expected a key in grid or in variants, got in both: \['a.b'\]",
        ),
        ('[[variants]]\nname = "x"\n' * 2, "expected different names, got x, x"),
        (
            SEARCH + '"a.b" = { low = 2, high = 1 }',
            "expected low below high, got low 2 and high 1",
        ),
        (
            SEARCH + '"a.b" = { low = 0, high = 1, log = true }',
            "expected low above 0 and below high, got low 0 and high 1",
        ),
        ("title =", "expected TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("schema = 1\n" + text)

    with pytest.raises(ConfigError, match=problem):
        load_sweep(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a sweep file, found none"):
        load_sweep(tmp_path / "sweep.toml")
