"""C: speed, as ratios against the plain loop in the same run, beside their stored twin.

A ratio that is not finite, or that has no twin, fails: it cannot have been looked at. The defects
are figures: nothing is timed, so noise can neither hide nor make one.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from amn.case.limits import RATIOS
from amn.checks.check import check
from amn.verdict import Finding, Measured, Standing, shown

if TYPE_CHECKING:
    from amn.case.limits import SpeedConfig
    from amn.case.load import Case

    Parts = dict[str, object]


def latency_below_limit(speed_limits: SpeedConfig) -> Parts:
    """One window takes more than case.toml allows."""
    return _figures(speed_limits, "latency", of_limit=0.99, of_twin=1.0)


def latency_below_twin(speed_limits: SpeedConfig) -> Parts:
    """One window takes five times what is stored."""
    return _figures(speed_limits, "latency", of_limit=2.0, of_twin=0.2)


def latency_without_twin(speed_limits: SpeedConfig) -> Parts:
    """Nothing is stored to compare its latency with."""
    return _figures(speed_limits, "latency", of_limit=2.0, of_twin=None)


@check(
    "C010",
    "latency",
    broken_by=[latency_below_limit, latency_below_twin, latency_without_twin],
)
def check_latency(
    case: Case,
    speed_limits: SpeedConfig,
    speed_ratios: dict[str, float],
    stored_speed: dict[str, float] | None,
) -> Measured:
    """One window is predicted at least speed.latency times as fast as by the plain loop.

    That is about as fast as what is stored for this machine.

    Why: A model behind a service answers one request at a time; a layer that loops in Python shows
    here first.
    Fix: Profile what changed; amn bench CASE stores what is meant, and a machine without stored
    ratios fails
    """
    return _fast_enough("latency", case, speed_limits, speed_ratios, stored_speed)


def inference_below_limit(speed_limits: SpeedConfig) -> Parts:
    """Scoring takes more than case.toml allows."""
    return _figures(speed_limits, "inference", of_limit=0.99, of_twin=1.0)


def inference_below_twin(speed_limits: SpeedConfig) -> Parts:
    """Scoring takes five times what is stored."""
    return _figures(speed_limits, "inference", of_limit=2.0, of_twin=0.2)


def inference_without_twin(speed_limits: SpeedConfig) -> Parts:
    """Nothing is stored to compare its inference with."""
    return _figures(speed_limits, "inference", of_limit=2.0, of_twin=None)


@check(
    "C011",
    "inference",
    broken_by=[inference_below_limit, inference_below_twin, inference_without_twin],
)
def check_inference(
    case: Case,
    speed_limits: SpeedConfig,
    speed_ratios: dict[str, float],
    stored_speed: dict[str, float] | None,
) -> Measured:
    """Windows are scored at least speed.inference times as fast as by the plain loop.

    That is about as fast as what is stored for this machine.

    Why: Evaluation runs in every gate: one that got slow is one that is switched off.
    Fix: Profile what changed; amn bench CASE stores what is meant, and a machine without stored
    ratios fails
    """
    return _fast_enough("inference", case, speed_limits, speed_ratios, stored_speed)


def training_below_limit(speed_limits: SpeedConfig) -> Parts:
    """An epoch takes more than case.toml allows."""
    return _figures(speed_limits, "training", of_limit=0.99, of_twin=1.0)


def training_below_twin(speed_limits: SpeedConfig) -> Parts:
    """An epoch takes five times what is stored."""
    return _figures(speed_limits, "training", of_limit=2.0, of_twin=0.2)


def training_without_twin(speed_limits: SpeedConfig) -> Parts:
    """Nothing is stored to compare its training with."""
    return _figures(speed_limits, "training", of_limit=2.0, of_twin=None)


@check(
    "C012",
    "training",
    broken_by=[training_below_limit, training_below_twin, training_without_twin],
)
def check_training(
    case: Case,
    speed_limits: SpeedConfig,
    speed_ratios: dict[str, float],
    stored_speed: dict[str, float] | None,
) -> Measured:
    """An epoch trains at least speed.training times as fast as the plain DataLoader loop.

    That is about as fast as what is stored for this machine.

    Why: A copy of every window, or a read-out after every batch, costs more than the network does,
    and no score tells.
    Fix: Profile what changed; amn bench CASE stores what is meant, and a machine without stored
    ratios fails
    """
    return _fast_enough("training", case, speed_limits, speed_ratios, stored_speed)


def _fast_enough(
    name: str,
    case: Case,
    limits: SpeedConfig,
    ratios: dict[str, float],
    twin: dict[str, float] | None,
) -> Measured:
    """Compare a ratio with its limit and with its stored twin."""
    ratio, limit = ratios[name], getattr(limits, name)
    bench = f"amn bench {quote(case.name)}"
    findings = []
    if not ratio >= limit:
        message = f"expected at least {limit:g} times the plain loop, got {ratio:.2f}"
        findings.append(Finding(name, message, "profile what changed, or amn gate when idle"))
    if twin is None:
        message = "expected a stored twin for this machine, found none: nothing to compare with"
        findings.append(Finding(name, message, f"{bench} on this machine, and commit it"))
    elif not ratio >= twin[name] * (1 - limits.tolerance):
        share = 1 - ratio / twin[name]
        message = (
            f"expected at most {limits.tolerance:.0%} below the stored "
            f"{twin[name]:.2f}, got {ratio:.2f}, {share:.0%} below"
        )
        findings.append(Finding(name, message, f"profile what changed, or {bench}"))
    stored = f"stored {twin[name]:.2f}" if twin else "nothing stored"
    least = max(limit, twin[name] * (1 - limits.tolerance)) if twin else limit
    asked = f">= {least:.3g} x" + ("" if twin else ", one stored")
    value = f"{shown(ratio, least, 2)} x"
    return Measured(value, asked, findings, stored, ratio, Standing(least=limit))


def _figures(limits: SpeedConfig, name: str, *, of_limit: float, of_twin: float | None) -> Parts:
    """Return figures of which one ratio is slow; the others are at their limits, and as stored.

    Args:
        of_limit: The ratio, over its limit.
        of_twin: The ratio over its stored twin; None where nothing is stored.
    """
    measured = {ratio: float(getattr(limits, ratio)) for ratio in RATIOS}
    measured[name] *= of_limit
    twin = None if of_twin is None else {**measured, name: measured[name] / of_twin}
    return {"speed_ratios": measured, "stored_speed": twin}
