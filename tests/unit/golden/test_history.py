from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from amn.golden.ledger import drift_since_anchor, sparkline


def entries(*means: float, anchors: tuple[int, ...] = (), windows: str = "") -> list[Any]:
    """Return entries of a ledger with these OOD means; `windows` names each one's windows."""
    return [
        SimpleNamespace(
            number=number,
            kind="anchor" if number in anchors else "accepted",
            mean=lambda _, mean=mean: mean,
            digests=SimpleNamespace(windows=windows[number] if windows else "w"),
        )
        for number, mean in enumerate(means)
    ]


def test_small_steps_add_up() -> None:
    drift = drift_since_anchor(entries(0.62, 0.616, 0.612, 0.608, 0.604, 0.6), "ood")

    assert drift.total == pytest.approx(-0.02)
    assert (drift.steps, drift.anchor, drift.not_comparable) == (5, 0, 0)


def test_an_anchor_begins_anew() -> None:
    drift = drift_since_anchor(entries(0.62, 0.60, 0.60, 0.599, anchors=(2,)), "ood")

    assert drift.total == pytest.approx(-0.001)
    assert (drift.steps, drift.anchor) == (1, 2)


def test_a_step_to_other_windows_counts_as_nothing_and_is_told() -> None:
    drift = drift_since_anchor(entries(0.62, 0.61, 0.55, 0.54, windows="aabb"), "ood")

    assert drift.total == pytest.approx(-0.02)
    assert drift.not_comparable == 1


def test_one_golden_has_not_drifted() -> None:
    assert drift_since_anchor(entries(0.62), "ood").total == 0.0


def test_a_sparkline_has_the_extremes_at_its_ends() -> None:
    assert sparkline([0.60, 0.62, 0.61]) == "▁█▅"
    assert sparkline([0.6, 0.6]) == "▁▁"
