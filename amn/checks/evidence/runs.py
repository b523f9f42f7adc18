"""What is judged: candidates, the records of their training, what they do and what they score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from amn.config import EVALUATED
from amn.errors import CheckNotRunError
from amn.evaluation.summary import Summary, summarise_split
from amn.evaluation.surroundings import Surroundings, find_surroundings
from amn.records.history import history_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case import Case
    from amn.data.windows import Windows
    from amn.evaluation.behaviour import Behaviour
    from amn.evaluation.storage import Evaluation
    from amn.records.history import RunHistory
    from amn.training.checkpoint import Checkpoint
    from amn.training.record import TrainingRecord
    from amn.training_config import AbortConfig

BEHAVIOUR_WINDOWS = 128  # a split, evenly over its articles: 0.02 s a candidate


@dataclass(frozen=True)
class Candidate:
    """One model that is judged: a training of one seed, a run folder, or a checkpoint.

    Attributes:
        name: For people: `seed 0`, or its path.
        record: Its course of training, where there is one.
        recorded: The scores that came with it; None for a bare checkpoint.
        load: Loads it through the public loader, which verifies its probe.
        score: Returns a loaded checkpoint's scores on the case's windows.
        digest: sha256 of its file.
    """

    name: str
    record: TrainingRecord | None
    recorded: Evaluation | None
    load: Callable[[], Checkpoint]
    score: Callable[[Checkpoint], Evaluation]
    digest: str

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The loaded model. Raises CheckpointError: `M001 probe` turns that into a finding."""
        return self.load()

    @cached_property
    def evaluation(self) -> Evaluation:
        """Its scores on the case's windows; made when a check first asks, after `M001 probe`."""
        return self.score(self.checkpoint)


class Histories(Protocol):
    """What the record checks look at."""

    @property
    def histories(self) -> tuple[RunHistory, ...]:
        """The courses of training, one a candidate or record."""

    @property
    def abort(self) -> AbortConfig:
        """The stopping rules that are replayed."""


@dataclass(frozen=True)
class RecordEvidence:
    """Records alone: nothing is known but what was written down."""

    histories: tuple[RunHistory, ...]
    abort: AbortConfig


@dataclass(frozen=True)
class RunEvidence:
    """The candidates of a case, and the windows they were scored on.

    Attributes:
        windows: Of in_dist and ood.
        dataset_path: Folder of the data set whose articles training used.
    """

    case: Case
    candidates: tuple[Candidate, ...]
    windows: dict[str, Windows]
    dataset_path: Path

    @cached_property
    def _sampled(self) -> dict[str, Surroundings]:
        return {}

    @cached_property
    def _observed(self) -> dict[tuple[int, str], Behaviour]:
        return {}

    def surroundings(self, split: str) -> Surroundings:
        """Return the rows around the targets of a sample of a split's windows."""
        if split not in self._sampled:
            from amn.evaluation.probes import sample_windows  # noqa: PLC0415 - loads torch

            windows = self.windows[split]
            chosen = sample_windows(windows, BEHAVIOUR_WINDOWS, seed=3)
            self._sampled[split] = find_surroundings(windows, chosen)
        return self._sampled[split]

    def behaviour(self, candidate: Candidate, split: str) -> Behaviour:
        """Return what a candidate does with that sample; measured once."""
        key = (id(candidate), split)
        if key not in self._observed:
            from amn.evaluation.behaviour import observe  # noqa: PLC0415 - loads torch

            model = candidate.checkpoint.model
            self._observed[key] = observe(model, self.surroundings(split))
        return self._observed[key]

    def observed(self, candidate: Candidate) -> dict[str, Behaviour]:
        """Return the behaviour of a candidate on the splits where a check has asked for it."""
        mine = id(candidate)
        return {split: seen for (owner, split), seen in self._observed.items() if owner == mine}

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The score of each evaluated split."""
        evaluations = [candidate.evaluation for candidate in self.candidates]
        return {split: summarise_split(evaluations, split) for split in EVALUATED}

    @cached_property
    def histories(self) -> tuple[RunHistory, ...]:
        """The course of training of each candidate; one without a record cannot be checked."""
        histories = []
        for candidate in self.candidates:
            if candidate.record is None:
                raise CheckNotRunError(f"{candidate.name}: expected a training record, found none")
            kind = self.case.config.model.kind
            histories.append(history_of(candidate.name, candidate.record, model=kind))
        return tuple(histories)

    @property
    def abort(self) -> AbortConfig:
        """The stopping rules of the case."""
        return self.case.config.training.abort
