"""Adaptive seeds: no more are trained than the comparison needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amn.case.load import load_case
from amn.errors import ConfigError
from amn.gate.modes import GateOptions, gate_of
from amn.golden.store import write_golden
from amn.verdict import Status

if TYPE_CHECKING:
    from pathlib import Path

    from amn.gate.run import Gate

SEEDS = {"seeds": [0, 1, 2, 3, 4]}


@pytest.fixture
def gate(make_case: Any, toy_golden: Any, toy_cache: Path, tmp_path: Path) -> Any:
    """A gate of the toy case with its golden, looked at after 3 and 5 seeds."""

    def gate(margin: float, margins: Any = None, guard: Any = (), **options: Any) -> Gate:
        write_golden(tmp_path, toy_golden)
        golden = {"margin": margin, "adaptive_seeds": [3, 5], "margins": margins or {}}
        criteria = {"guard": guard}
        case = make_case(tmp_path, golden=golden, training=SEEDS, criteria=criteria)
        return gate_of(case, GateOptions(cache=toy_cache, **options))

    return gate


def test_three_seeds_are_enough_where_they_decide(gate: Any) -> None:
    found = gate(0.3)

    assert [c.name for c in found.evidence["candidates"]] == ["seed 0", "seed 1", "seed 2"]
    assert found.outcome("G001").status is Status.PASS
    assert found.outcome("G001").detail.endswith("alpha 0.01875, spent 0.01875 of 0.05")
    assert found.outcome("E008").status is Status.PASS


def test_all_seeds_are_trained_while_the_comparison_is_undecided(gate: Any) -> None:
    found = gate(1e-6)

    assert len(found.evidence["candidates"]) == 5
    assert (
        "look 2 of 2 at 5 seeds, alpha 0.03125, spent 0.05 of 0.05" in found.outcome("G001").detail
    )


def test_what_comes_next_has_to_be_decided_as_well(gate: Any) -> None:
    assert len(gate(0.3, margins={"in_article": 1e-9}).evidence["candidates"]) == 5


def test_a_metric_of_the_cases_own_is_not_looked_at_before_the_last_seed(gate: Any) -> None:
    guard = {"id": "G101", "metric": "l2", "split": "ood"}
    kept = gate(0.3, guard=[{**guard, "metric": "contrastive"}])
    own = gate(0.3, guard=[guard])

    assert len(kept.evidence["candidates"]) == 3
    assert len(own.evidence["candidates"]) == 5


def test_a_first_run_has_no_golden_to_look_at_and_trains_all(gate: Any) -> None:
    assert len(gate(0.3, first_run=True).evidence["candidates"]) == 5


def test_what_cannot_be_compared_trains_no_further_seed_and_is_named(
    gate: Any, tmp_path: Path
) -> None:
    found = gate(1e-6)
    (tmp_path / "golden.csv").write_bytes(b"damaged")

    assert len(found.evidence["candidates"]) == 3
    assert found.outcome("G004").has_failed


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        ("adaptive_seeds = [3]", "golden.adaptive_seeds: "),
        ("adaptive_seeds = [2, 3]", "expected growing numbers from 3 on, got [2, 3]"),
        ("adaptive_seeds = [5, 3]", "expected growing numbers from 3 on, got [5, 3]"),
        ("adaptive_seeds = [3, 5]", "expected the last look at all 3 of training.seeds, got 5"),
        ("adaptive_seeds = 'all'", "golden.adaptive_seeds: "),
    ],
)
def test_looks_that_make_no_sense_are_refused(golden: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text(
        "schema = 1\n[dataset]\npath = 'data'\n[split]\nin_dist = { fraction = 0.1 }\n"
        f"ood = {{ articles = '1-9' }}\n[golden]\n{golden}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_case(tmp_path)

    assert message in str(caught.value)
