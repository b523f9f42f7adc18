"""Defects of speed, as figures: nothing is timed, so noise can neither hide nor make one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from amn.checks.evidence.limits import SpeedEvidence
from amn.golden.speed import RATIOS
from amn.limits_config import SpeedConfig
from amn.selftest.defects import Defect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.gate.session import GateSession
    from amn.selftest.lab import Lab

CHECKS = dict(zip(RATIOS, ("C010", "C011", "C012", "C013"), strict=True))
TITLES = {
    "latency": "one window takes",
    "inference": "scoring takes",
    "training": "an epoch takes",
    "memory": "an epoch needs",
}


def _slower(id_: str, name: str, title: str, *, of_limit: float, of_twin: float | None) -> Defect:
    """Return a defect of one ratio; the others are as good as what is stored for the machine.

    Args:
        of_limit: The ratio, over its limit.
        of_twin: The same ratio over its stored twin; None where nothing is stored.
    """

    @contextmanager
    def inject(lab: Lab) -> Iterator[GateSession]:
        config = lab.pristine.config.speed or SpeedConfig()
        limits = {ratio: float(getattr(config, ratio)) for ratio in RATIOS}
        measured = {**limits, name: of_limit * limits[name]}
        session = lab.clean.judging(lab.clean.candidates)
        evidence = SpeedEvidence(session.case, config, lambda: measured)
        twin = None if of_twin is None else {**measured, name: measured[name] / of_twin}
        vars(evidence)["twin"] = twin
        vars(session)["_speed"] = evidence
        yield session

    return Defect(id_, CHECKS[name], title, inject)


DEFECTS = (
    *(
        _slower(
            f"{name}-below-limit",
            name,
            f"{TITLES[name]} more than case.toml allows",
            of_limit=0.99,
            of_twin=1.0,
        )
        for name in RATIOS
    ),
    *(
        _slower(
            f"{name}-below-twin",
            name,
            f"{TITLES[name]} five times what is stored",
            of_limit=2.0,
            of_twin=0.2,
        )
        for name in RATIOS
    ),
    *(
        _slower(
            f"{name}-without-twin",
            name,
            f"nothing is stored to compare its {name} with",
            of_limit=2.0,
            of_twin=None,
        )
        for name in RATIOS
    ),
)
