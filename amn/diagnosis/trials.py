"""Running the cheap experiments on a gated case: on rows, on what was trained, then trainings."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from amn.diagnosis import data_trials
from amn.diagnosis.diagnosis import Diagnosis, Trial
from amn.diagnosis.ranking import unsettled
from amn.errors import AmnError, ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amn.diagnosis.subject import Subject
    from amn.gate.run import Gate

    Progress = Callable[[int, int, str], None]

MINUTES = 5.0


@dataclass(frozen=True)
class Budget:
    """How much may be tried.

    Attributes:
        minutes: Of all experiments; the gate comes before them.
        size: Steps and seeds of the paired trainings, whatever they take; None: what the minutes
            allow.
        new: Ids of articles that are new; None: see `paired_trainings`.
    """

    minutes: float = MINUTES
    size: tuple[int, int] | None = None
    new: str | None = None


def run_trials(
    gate: Gate, subject: Subject, *, budget: Budget | None = None, progress: Progress | None = None
) -> Diagnosis:
    """Run every experiment that the case allows and return the diagnosis with what they gave.

    Where a check before training failed only the rows are looked at. An experiment that cannot run,
    or comes after the time is up, says why, and gives no figure; hypotheses are then undecided.
    """
    allowed = budget or Budget()
    deadline = time.monotonic() + 60 * allowed.minutes
    planned = _planned(gate, allowed, deadline, progress)
    trials = []
    for number, (name, trial) in enumerate(planned.items()):
        if progress:
            progress(number, len(planned), f"experiment {name}")
        trials.append(_run(name, trial))
    return Diagnosis(subject, tuple(trials), can_try=True)


def _planned(
    gate: Gate, budget: Budget, deadline: float, progress: Progress | None
) -> Mapping[str, Callable[[], Trial]]:
    """Return the experiments that can be run, by name."""
    data = {
        trial.__name__: partial(_on_data, gate, trial)
        for trial in (data_trials.lag_curve, data_trials.resort, data_trials.deduplicate)
    }
    failed = [outcome.label for outcome in gate.before_training() if outcome.has_failed]
    if failed:
        return {**data, "trainings": partial(_not_trained, failed)}
    from amn.diagnosis import model_trials as models  # noqa: PLC0415 - loads torch
    from amn.diagnosis.paired import Size, paired_trainings  # noqa: PLC0415 - loads torch

    cheap = (models.rescore, models.splits, models.coherent_part)
    return {
        **data,
        **{trial.__name__: partial(gate.evidence.call, trial) for trial in cheap},
        "trainings": partial(
            paired_trainings,
            gate.evidence,
            deadline=deadline,
            size=Size(*budget.size) if budget.size else None,
            new=budget.new,
            progress=progress,
        ),
    }


def _on_data(gate: Gate, trial: Callable[..., Trial]) -> Trial:
    return trial(gate.evidence["data_sets"][0])


def _not_trained(failed: list[str]) -> Trial:
    says = f"nothing is trained on data that fail {', '.join(failed)}"
    return Trial("trainings", "not run", (says,), settled=unsettled(says, "mend the data first"))


def _run(name: str, trial: Callable[[], Trial]) -> Trial:
    begin = time.perf_counter()
    try:
        done = trial()
    except ArgumentError:
        raise  # an option that the command was given is wrong
    except AmnError as error:
        why, _, fix = str(error).partition(" Fix: ")
        settled = unsettled(why, fix or "what it says") if name == "trainings" else ()
        return Trial(name, "could not run", (str(error),), settled=settled)
    return replace(done, seconds=time.perf_counter() - begin)
