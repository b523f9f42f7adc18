from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from amn.case.limits import GoldenConfig
from amn.golden.ledger import Drift, OtherFigures, drifts_since_anchor, sparkline


def entries(
    *means: float,
    anchors: tuple[int, ...] = (),
    windows: str = "",
    others: tuple[tuple[float, float] | None, ...] = (),
    better: str = "higher",
) -> list[Any]:
    """Return entries of a ledger with these means; `windows` names each one's windows.

    Args:
        others: Mean and own margin of another metric in each entry; None where it has none.
    """
    figures = [
        OtherFigures(mean=one[0], margin=one[1], better=better) if one else None
        for one in others or [None] * len(means)
    ]
    return [
        SimpleNamespace(
            number=number,
            kind="anchor" if number in anchors else "accepted",
            mean=lambda _, mean=mean: mean,
            other=lambda name, figures=figures[number]: figures if name == "rank.ood" else None,
            digests=SimpleNamespace(windows=windows[number] if windows else "w"),
        )
        for number, mean in enumerate(means)
    ]


def drift_of(found: list[Any], name: str = "ood", **limits: Any) -> Drift:
    return drifts_since_anchor(found, GoldenConfig(**limits), ["rank.ood"])[name]


def test_small_steps_add_up() -> None:
    drift = drift_of(entries(0.62, 0.616, 0.612, 0.608, 0.604, 0.6))

    assert drift.total == pytest.approx(-0.02)
    assert (drift.steps, drift.anchor, drift.not_comparable) == (5, 0, 0)
    assert drift.budget == 0.01
    assert drift.with_step(0.59) == pytest.approx(-0.03)


def test_an_anchor_begins_anew() -> None:
    drift = drift_of(entries(0.62, 0.60, 0.60, 0.599, anchors=(2,)))

    assert drift.total == pytest.approx(-0.001)
    assert (drift.steps, drift.anchor) == (1, 2)


def test_a_step_to_other_windows_counts_as_nothing_and_is_told() -> None:
    drift = drift_of(entries(0.62, 0.61, 0.55, 0.54, windows="aabb"))

    assert drift.total == pytest.approx(-0.02)
    assert drift.not_comparable == 1


def test_one_golden_has_not_drifted() -> None:
    assert drift_of(entries(0.62)).total == 0.0


def test_steps_of_another_metric_add_up_within_the_margin_that_the_anchor_explains() -> None:
    others = ((0.30, 0.02), (0.29, 0.05), (0.27, 0.05))

    drift = drift_of(entries(0.6, 0.6, 0.6, others=others), "rank.ood")

    assert (drift.total, drift.budget, drift.steps) == (pytest.approx(-0.03), 0.02, 2)
    declared = drift_of(entries(0.6, 0.6, 0.6, others=others), "rank.ood", margins={"rank": 0.04})
    assert declared.budget == 0.04


def test_a_distance_that_grows_falls() -> None:
    others = ((2.0, 0.1), (2.1, 0.1))

    drift = drift_of(entries(0.6, 0.6, others=others, better="lower"), "rank.ood")

    assert drift.total == pytest.approx(-0.1)
    assert drift.with_step(2.3) == pytest.approx(-0.3)


def test_another_metric_is_measured_from_the_first_entry_from_the_anchor_on_that_has_it() -> None:
    others = ((0.5, 0.1), None, (0.4, 0.02), None, (0.39, 0.3))

    drift = drift_of(entries(*[0.6] * 5, anchors=(1,), others=others), "rank.ood")

    assert (drift.total, drift.budget, drift.anchor) == (pytest.approx(-0.01), 0.02, 2)
    assert "rank.ood" not in drifts_since_anchor(entries(0.6, 0.6), GoldenConfig(), ["rank.ood"])


def test_a_sparkline_has_the_extremes_at_its_ends() -> None:
    assert sparkline([0.60, 0.62, 0.61]) == "▁█▅"
    assert sparkline([0.6, 0.6]) == "▁▁"
