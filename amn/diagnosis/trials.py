"""Running the cheap experiments on a gated case: those of the data, then those that need models."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from amn.diagnosis import data_trials
from amn.diagnosis.diagnosis import Diagnosis, Trial
from amn.errors import AmnError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amn.diagnosis.subject import Subject
    from amn.gate.run import Gate


def run_trials(
    gate: Gate,
    subject: Subject,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> Diagnosis:
    """Run every experiment that the case allows and return the diagnosis with what they gave.

    Where a check before training failed only the rows are looked at. An experiment that cannot run
    says why, and gives no figure.
    """
    planned = _planned(gate)
    trials = []
    for number, (name, trial) in enumerate(planned.items()):
        if progress:
            progress(number, len(planned), f"experiment {name}")
        trials.append(_run(name, trial))
    return Diagnosis(subject, tuple(trials), can_try=True)


def _planned(gate: Gate) -> Mapping[str, Callable[[], Trial]]:
    """Return the experiments that can be run, by name."""
    data = {
        trial.__name__: partial(_on_data, gate, trial)
        for trial in (data_trials.lag_curve, data_trials.resort, data_trials.deduplicate)
    }
    if any(outcome.has_failed for outcome in gate.before_training()):
        return data
    from amn.diagnosis import model_trials as models  # noqa: PLC0415 - loads torch

    return data | {
        trial.__name__: partial(gate.evidence.call, trial)
        for trial in (
            models.rescore,
            models.splits,
            models.coherent_part,
            models.contexts,
            models.short_training,
        )
    }


def _on_data(gate: Gate, trial: Callable[..., Trial]) -> Trial:
    return trial(gate.evidence["data_sets"][0])


def _run(name: str, trial: Callable[[], Trial]) -> Trial:
    begin = time.perf_counter()
    try:
        done = trial()
    except AmnError as error:
        return Trial(name, "could not run", (str(error),))
    return replace(done, seconds=time.perf_counter() - begin)
