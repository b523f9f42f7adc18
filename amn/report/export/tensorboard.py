"""Results as TensorBoard event files: a folder a case, with one below it for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from amn.errors import require
from amn.report.export.curves import points
from amn.report.export.numbers import numbers
from amn.storage import atomic_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amn.gate.result import GateResult


class Scalar(NamedTuple):
    """One point of one curve."""

    tag: str
    value: float
    step: int
    seconds: float


def log_to_tensorboard(target: str, results: Sequence[GateResult]) -> None:
    """Write a new log folder whole: `tensorboard --logdir PATH` shows scores and curves.

    Raises:
        FileExistsError: If the folder exists: two results in one folder would be drawn as one.
        MissingDependencyError: If tensorboard is not installed.
    """
    require("tensorboard.summary.writer.event_file_writer", extra="records")
    with atomic_folder(Path(target)) as folder:
        for result in results:
            scores = [Scalar(f"{n.split}/{n.measure}", n.value, 0, 0.0) for n in numbers(result)]
            _write(folder / result.case, scores)
            for candidate in result.candidates:
                if candidate.record:
                    curves = (Scalar(*point) for point in points(candidate.record))
                    _write(folder / result.case / candidate.name.replace(" ", "-"), curves)


def _write(folder: Path, scalars: Iterable[Scalar]) -> None:
    """Write one event file."""
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 - an extra
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415 - as above
    from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415 - as above

    writer = EventFileWriter(str(folder))
    for scalar in scalars:
        summary = Summary(value=[Summary.Value(tag=scalar.tag, simple_value=scalar.value)])
        writer.add_event(Event(wall_time=scalar.seconds, step=scalar.step, summary=summary))
    writer.close()
