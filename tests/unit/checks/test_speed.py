from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amn.case.limits import RATIOS, SpeedConfig
from amn.errors import CheckNotRunError, GoldenError
from amn.gate.evidence import Evidence, named
from amn.gate.makers import held_to
from amn.golden.speed import machine, read_speed, speed_file, write_speed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case

CHECKS = dict(zip(("C010", "C011", "C012"), RATIOS, strict=True))
NAN = float("nan")


@pytest.fixture
def evidence(make_case: Callable[..., Case], tmp_path: Path) -> Callable[..., Evidence]:
    """Make evidence of a case that measures 2 everywhere; keywords replace ratios."""

    def evidence(stored: float | None = 2.0, **ratios: float) -> Evidence:
        case = make_case(tmp_path / "case")
        if stored:
            write_speed(case.folder, machine(), dict.fromkeys(RATIOS, stored))
        measured = dict.fromkeys(RATIOS, 2.0) | ratios
        return Evidence(
            named(held_to.golden_folder, held_to.stored_speed),
            case=case,
            speed_limits=SpeedConfig(),
            speed_ratios=measured,
        )

    return evidence


@pytest.mark.parametrize(
    ("check", "name"), [("C010", "latency"), ("C011", "inference"), ("C012", "training")]
)
def test_a_ratio_below_its_limit_fires(
    check: str, name: str, evidence: Callable[..., Evidence], fires: Any
) -> None:
    finding = fires(check, evidence(stored=0.7, **{name: 0.62}))

    assert finding.message == "expected at least 1 times the plain loop, got 0.62"


@pytest.mark.parametrize(("check", "name"), CHECKS.items())
def test_a_ratio_far_below_its_stored_twin_fires(
    check: str, name: str, evidence: Callable[..., Evidence], fires: Any
) -> None:
    finding = fires(check, evidence(**{name: 1.2}))

    assert finding.message == "expected at most 30% below the stored 2.00, got 1.20, 40% below"


@pytest.mark.parametrize("check", CHECKS)
def test_a_ratio_without_a_stored_twin_fires(
    check: str, evidence: Callable[..., Evidence], fires: Any
) -> None:
    finding = fires(check, evidence(stored=None))

    assert "expected a stored twin for this machine, found none" in finding.message
    assert finding.fix.startswith("amn bench case")


@pytest.mark.parametrize(("check", "name"), CHECKS.items())
def test_a_ratio_that_is_no_number_fires(
    check: str, name: str, evidence: Callable[..., Evidence], fires: Any
) -> None:
    assert "got nan" in fires(check, evidence(**{name: NAN})).message


@pytest.mark.parametrize("check", CHECKS)
def test_a_ratio_within_noise_of_its_twin_passes(
    check: str, evidence: Callable[..., Evidence], passes: Any
) -> None:
    outcome = passes(check, evidence(stored=2.5))

    assert (outcome.value, outcome.limit, outcome.detail) == ("2.00 x", ">= 1.75 x", "stored 2.50")


def test_a_measurement_that_could_not_be_taken_is_no_pass(
    evidence: Callable[..., Evidence], passes: Any
) -> None:
    def speed_ratios() -> dict[str, float]:
        raise CheckNotRunError("speed: expected a quiet machine")

    parts = {part: evidence()[part] for part in ("case", "speed_limits", "stored_speed")}

    with pytest.raises(CheckNotRunError, match="quiet machine"):
        passes("C012", Evidence(named(speed_ratios), **parts))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"schema": 1}',
        b'{"schema": 2, "machine": {}, "ratios": {}}',
        b"\xff",
    ],
)
def test_a_damaged_twin_is_no_pass(
    content: bytes, evidence: Callable[..., Evidence], passes: Any
) -> None:
    made = evidence()
    speed_file(made["case"].folder, machine()).write_bytes(content)

    with pytest.raises(GoldenError) as caught:
        passes("C010", made)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ratio", [0, -1, "2", None])
def test_a_twin_that_holds_no_ratio_is_no_pass(
    ratio: Any, evidence: Callable[..., Evidence], passes: Any
) -> None:
    made = evidence()
    write_speed(made["case"].folder, machine(), dict.fromkeys(RATIOS, ratio))

    with pytest.raises(GoldenError, match=r"expected a positive ratio, got .* Fix: amn bench case"):
        passes("C010", made)


def test_the_twin_of_another_machine_is_none(evidence: Callable[..., Evidence]) -> None:
    made = evidence(stored=None)
    other = {**machine(), "processor": "another"}
    write_speed(made["case"].folder, other, dict.fromkeys(RATIOS, 1.0))

    assert made["stored_speed"] is None


def test_a_twin_that_was_stored_with_a_ratio_of_memory_is_read(tmp_path: Path) -> None:
    stored = dict.fromkeys(RATIOS, 2.0)
    write_speed(tmp_path, machine(), {**stored, "memory": 0.6})

    assert read_speed(tmp_path, machine()) == stored


@pytest.mark.parametrize("ratios", [{"latency": 2.0}, dict.fromkeys((*RATIOS, "heat"), 2.0)])
def test_a_twin_of_other_ratios_is_refused(ratios: dict[str, float], tmp_path: Path) -> None:
    write_speed(tmp_path, machine(), ratios)

    with pytest.raises(GoldenError, match=r"expected latency, inference, training, got something"):
        read_speed(tmp_path, machine())
