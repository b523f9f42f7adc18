"""Playing the scenes: each failing version is gated and diagnosed, beside the healthy case."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.checks.check import Defect, parameters
from amn.diagnosis.diagnosis import Diagnosis
from amn.diagnosis.ranking import line_of
from amn.diagnosis.subject import of_result
from amn.prove.lab import COPY, Lab
from amn.prove.scenes import SCENES
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case.load import Case
    from amn.gate.run import Gate
    from amn.prove.scenes import Scene
    from amn.verdict import Outcome

SOUND = (Verdict.PASS.value, Verdict.PARTIAL.value)  # of a case that is in no repository


@dataclass(frozen=True)
class Played:
    """One scene and what came of it.

    Attributes:
        expected: Id of the cause that had to come first.
        named: Id of the cause that did; empty where nothing failed.
        title: Of that cause, with its weight in a word.
        verdict: Of the failing version.
        failing: The check that tells the two apart, with its number, in the failing version.
        healthy: The same check in the healthy one.
        epochs: Epochs that the failing version trained; 0 where it was refused before training.
        seconds: Time of the failing version.
    """

    scene: str
    done: str
    then: str
    expected: str
    named: str
    title: str
    verdict: str
    failing: str
    healthy: str
    epochs: int
    seconds: float

    @property
    def is_named(self) -> bool:
        """Whether the cause that it really had came first."""
        return self.named == self.expected


@dataclass(frozen=True)
class History:
    """All scenes of one case.

    Attributes:
        healthy: Verdict of the case itself.
        scores: Its scores.
    """

    case: str
    healthy: str
    scores: dict[str, float]
    scenes: tuple[Played, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the case is healthy and every scene was named for what it is."""
        is_sound = self.healthy in SOUND and bool(self.scenes)
        return is_sound and all(scene.is_named for scene in self.scenes)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"schema": 1, "passed": self.passed, **asdict(self)}


def play_history(
    case: Case,
    *,
    cache: Path,
    scenes: Sequence[Scene] = SCENES,
    progress: Callable[[int, int, str], None] | None = None,
) -> History:
    """Do every scene again on a copy of a case.

    Args:
        case: Only read; it has to pass its gate.
        cache: Finished runs, by content; the healthy version's are trained if they are not there.

    Raises:
        CheckNotRunError: If the case does not pass its own gate.
    """
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="amn-demo-") as folder:
        lab = Lab(case, cache, Path(folder), progress=progress)
        healthy = of_result(lab.clean.result())
        known = {outcome.check: outcome for outcome in healthy.outcomes}
        played = []
        for number, scene in enumerate(scenes):
            if progress:
                progress(number, len(scenes), "playing scenes")
            played.append(_play(lab, scene, known))
    return History(
        case=case.name,
        healthy=healthy.verdict,
        scores=healthy.scores,
        scenes=tuple(played),
        seconds=time.perf_counter() - begin,
    )


def _play(lab: Lab, scene: Scene, healthy: dict[str, Outcome]) -> Played:
    """Gate and diagnose the failing version of one scene."""
    begin = time.perf_counter()
    is_copy = COPY in parameters(scene.defect)
    with lab.broken(Defect(scene.defect), is_early=is_copy) as gate:
        diagnosis = Diagnosis(of_result(gate.result()))
        epochs = _epochs(gate)
    first = diagnosis.causes[0] if diagnosis.causes else None
    failed = {o.check: o for o in diagnosis.subject.failed if o.status is not Status.NOT_RUN}
    shown = next((check for check in scene.shows if check in failed), scene.shows[0])
    return Played(
        scene=scene.id,
        done=scene.done,
        then=scene.then,
        expected=scene.cause,
        named=first.cause.id if first else "",
        title=f"{first.cause.title} ({first.degree})" if first else "nothing failed",
        verdict=diagnosis.subject.verdict,
        failing=lab.readable(line_of(failed[shown])) if shown in failed else "",
        healthy=line_of(healthy[shown]) if shown in healthy else "",
        epochs=epochs,
        seconds=time.perf_counter() - begin,
    )


def _epochs(gate: Gate) -> int:
    """Return the most epochs that a seed trained for this gate; 0 where data were refused."""
    if any(outcome.has_failed for outcome in gate.before_training()):
        return 0
    records = [candidate.record for candidate in gate.result().candidates]
    return max((len(record.epochs) for record in records if record), default=0)
