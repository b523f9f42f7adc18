"""Copies of the shipped case, to be broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amn.case.load import load_case
from amn.checks.broken.copies import CaseCopy
from amn.checks.broken.copying import copy_case
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.golden.base.review import MergeBase
from amn.verdict import Outcome, Status

if TYPE_CHECKING:
    from amn.gate.result import GateResult

SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini"


@dataclass
class GatedCopy(CaseCopy):
    """A copy of the shipped case that can be gated."""

    def gate(self) -> GateResult:
        """Gate it with an empty cache: a run folder appears only if something was trained."""
        return run_gate(self.case, GateOptions(cache=self.folder / "cache"))

    def outcome(self, check: str) -> Outcome:
        """Run one check of a gate, after what it needs."""
        base = MergeBase(self.folder, None, "")
        options = GateOptions(cache=self.folder / "cache", merge_base=base)
        return gate_of(self.case, options).outcome(check)

    def was_trained(self) -> bool:
        return (self.folder / "cache").exists()


@pytest.fixture
def case_copy(tmp_path: Path) -> GatedCopy:
    copied = copy_case(load_case(SHIPPED), tmp_path / "wiki-mini")
    return GatedCopy(copied.folder, copied.config)


def failing(result: GateResult) -> dict[str, Outcome]:
    """Return the checks that ran and failed, by id."""
    idle = (Status.PASS, Status.WARN, Status.NOT_RUN)
    return {o.check: o for o in result.outcomes if o.status not in idle}


def text_of(outcome: Outcome) -> str:
    return "\n".join(str(finding) for finding in outcome.findings)
