"""What a gate was asked for: where the candidate comes from, and what to tolerate."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from amn.engines import Engine
    from amn.golden.base.review import MergeBase


Mode = Literal["train", "run", "checkpoint", "metrics"]


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """How to get a candidate, and what to tolerate.

    Attributes:
        cache: Folder for runs by content.
        runs: Run folders to judge instead of training.
        checkpoint: Checkpoint file to judge instead of training.
        metrics: Metrics file to judge instead of training.
        first_run: Judge without a golden; without it a missing golden cannot pass.
        allow_same: Judge a candidate that is the golden's own file.
        encode: Encoder of the data set's texts; with it, `D013 alignment` is declared.
        merge_base: What the change is compared with; with it, `G010 not_loosened` is declared.
            `run_gate` finds it where it is None.
        today: What waivers expire by; without it, none is in force.
        engine: Where seeds are trained; None: on this machine.
        custody_only: Ask only how the golden is kept: nothing is read but that, nothing is trained.
    """

    cache: Path
    runs: tuple[Path, ...] = ()
    checkpoint: Path | None = None
    metrics: Path | None = None
    first_run: bool = False
    allow_same: bool = False
    encode: Callable[[list[str]], NDArray[np.float32]] | None = None
    merge_base: MergeBase | None = None
    today: date | None = None
    engine: Engine | None = None
    custody_only: bool = False

    @property
    def mode(self) -> Mode:
        """Where the candidate comes from."""
        if self.metrics:
            return "metrics"
        if self.checkpoint:
            return "checkpoint"
        return "run" if self.runs else "train"

    def command(self, case: str) -> str:
        """Return the command that gives a case's result again."""
        words: list[str] = ["amn", "gate", case]
        for run in self.runs:
            words += ["--run", str(run)]
        if self.checkpoint:
            words += ["--checkpoint", str(self.checkpoint)]
        if self.metrics:
            words += ["--metrics", str(self.metrics)]
        words += ["--first-run"] * self.first_run + ["--allow-same"] * self.allow_same
        return shlex.join(words)
