"""Lines of a log become epochs: which column is which figure, and which lines are one epoch."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from amn.errors import DataError, shown
from amn.training.records.history import FIGURES, EpochFigures
from amn.training.records.names import ASIDE_FIELD, RUN, is_finer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from amn.training.records.names import Names

Row = tuple[str, "Mapping[str, Any]"]  # address of a line, for messages, and its cells
COLUMNS = 'amn check run FILE --columns NAMES.toml, where [columns] says "NAME" = "val_cosine"'
END_OF_EPOCH = -1  # the step that sentence-transformers writes after the last one of an epoch


@dataclass(frozen=True)
class Log:
    """What the lines of a log say.

    Attributes:
        epochs: One line an epoch.
        unknown: Columns that nobody understood, in the order of the log.
        is_stepped: Whether training was logged by step: an epoch may then lack such a figure.
    """

    epochs: tuple[EpochFigures, ...]
    unknown: tuple[str, ...] = ()
    is_stepped: bool = False


@dataclass
class _Point:
    """One line: where it stands in the training, and the values of its known columns."""

    epoch: float | None
    step: float | None
    values: dict[str, float] = field(default_factory=dict)


def number(value: object, path: Path, where: str) -> float | None:
    """Return a figure as float64; empty is None, NaN and infinity stay what they are.

    Raises:
        DataError: If it is no number; `where` says which one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise DataError(path, f"{where}: expected a number, got {shown(value)}")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise DataError(path, f"{where}: expected a number, got {shown(value)}") from error


def flatten(cells: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and values of a table in tables: `{"terms": {"mse": 1}}` has `terms/mse`."""
    for name, value in cells.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value


def read_log(rows: Sequence[Row], path: Path, names: Names) -> Log:
    """Return what the lines of a log say.

    Lines that name an epoch are grouped by it; where they name steps alone, the validations are the
    epochs; lines that name neither are an epoch each.

    Raises:
        DataError: If a known cell is no number, two columns are one figure, or an epoch is not
            whole.
    """
    flat = [(where, dict(flatten(cells))) for where, cells in rows]
    held = {name: None for _, cells in flat for name, v in cells.items() if not _is_empty(v)}
    fields = {name: names.field(name) for name in held}
    lists = {name for _, cells in flat for name, v in cells.items() if isinstance(v, list)}
    unknown = tuple(name for name in held if fields[name] is None or name in lists)
    chosen = pick_columns({n: f for n, f in fields.items() if f and n not in lists}, path)
    points, is_aside = [], set()
    for where, cells in flat:
        got = {
            f: value
            for f, name in chosen.items()
            if name in cells
            and (value := number(cells[name], path, f"{where}, {name}")) is not None
        }
        epoch, step = got.pop("epoch", None), got.pop("step", None)
        point = _Point(epoch, math.inf if step == END_OF_EPOCH else step, got)
        if point.epoch is not None and not math.isfinite(point.epoch):
            raise DataError(
                path, f"{where}: expected a whole number of the epoch, got {point.epoch}"
            )
        points.append(point)
        if not got and any(
            fields.get(name) == ASIDE_FIELD and not _is_empty(v) for name, v in cells.items()
        ):
            is_aside.add(id(point))  # a line of test figures, or of what no rule reads
    points = [p for p in points if id(p) not in is_aside]
    has_steps = any(p.step is not None for p in points)
    if any(p.epoch is not None for p in points):
        epochs = _by_epoch(points, path, has_steps=has_steps)
    elif has_steps:
        series = defaultdict[str, list[tuple[float, float]]](list)
        for p in points:
            if p.values and p.step is None:
                raise DataError(path, "expected a step in each line, found one without")
            for name, value in p.values.items():
                series[name].append((p.step or 0.0, value))
        epochs = join_series(series, path)
    else:
        epochs = tuple(_line(n, [p]) for n, p in enumerate(points, 1))
    return Log(epochs, unknown, is_stepped=has_steps)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def pick_columns(fields: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the column of each figure; a log by epoch counts before the same by step."""
    found = defaultdict[str, list[str]](list)
    for name, figure in fields.items():
        if figure != ASIDE_FIELD:
            found[figure].append(name)
    chosen = {}
    for figure, columns in found.items():
        best = [name for name in columns if not is_finer(name)] or columns
        if len(best) > 1:
            runs = sorted({match["run"] for name in best if (match := RUN.fullmatch(name))})
            what = "one run" if len(runs) > 1 else f"one column of {figure}"
            got = ", ".join(runs if len(runs) > 1 else best)
            fix = "export one run alone" if len(runs) > 1 else f'{COLUMNS} and "NAME" = "ignore"'
            raise DataError(path, f"expected {what}, got {got}. Fix: {fix}")
        chosen[figure] = best[0]
    return chosen


def _by_epoch(points: list[_Point], path: Path, *, has_steps: bool) -> tuple[EpochFigures, ...]:
    """Return one line an epoch, counted from 1.

    Lightning and transformers write several lines an epoch: neighbours of one epoch that share no
    figure, or whose steps ascend, are one. Keras and Lightning count from 0; transformers counts
    in fractions, of which 0.5 and 1.0 are of the first epoch.
    """
    is_fraction = any(p.epoch is not None and p.epoch != int(p.epoch) for p in points)
    if is_fraction and not has_steps:
        odd = next(p.epoch for p in points if p.epoch is not None and p.epoch != int(p.epoch))
        raise DataError(path, f"expected a whole number of the epoch, got {odd}")
    groups: list[tuple[int, list[_Point]]] = []
    for position, point in enumerate(points, 1):
        if point.epoch is None:
            number_ = groups[-1][0] if groups and has_steps else position
        else:
            number_ = math.ceil(point.epoch)
        if is_fraction and number_ == 0:
            continue  # a look before the first step
        if groups and groups[-1][0] == number_ and _goes_on(groups[-1][1], point):
            groups[-1][1].append(point)
        else:
            groups.append((number_, [point]))
    shift = 1 if groups and groups[0][0] == 0 else 0
    return tuple(_line(n + shift, group) for n, group in groups)


def _goes_on(group: Sequence[_Point], point: _Point) -> bool:
    """Tell whether a line belongs to the epoch of those before it."""
    if not any(point.values.keys() & other.values.keys() for other in group):
        return True
    last = group[-1].step
    return last is not None and point.step is not None and point.step > last


def join_series(
    series: Mapping[str, Sequence[tuple[float, float]]], path: Path
) -> tuple[EpochFigures, ...]:
    """Put series `(step, value)` by figure together into epochs.

    The series with the most steps among the validation figures tells the epochs; of training, what
    was logged since the one before belongs to it. A step that was written twice keeps its last
    value, as the trackers show it. Steps that start at 0, or count batches, become 1, 2, 3; a
    missing one leaves its gap.

    Raises:
        DataError: If the points of a series have no steps of their own.
    """
    known = {name: dict(points) for name, points in series.items()}
    for name, points in known.items():
        if len(points) == 1 < len(series[name]):
            step, n = next(iter(points)), len(series[name])
            raise DataError(
                path,
                f"{name}: expected a step of its own for each point, got {n} points at step "
                f"{step:g}. Fix: log it with step=epoch",
            )
    if not known:
        return ()
    lead = max(known, key=lambda name: (name.startswith("val_"), name != "lr", len(known[name])))
    steps = sorted(known[lead])
    lines = []
    for before, step in pairwise([-math.inf, *steps]):
        since = [
            _Point(None, at, {name: value})
            for name, values in known.items()
            for at, value in sorted(values.items())
            if before < at <= step
        ]
        lines.append(_line(_epoch(step, steps), since))
    return tuple(lines)


def _epoch(step: float, steps: list[float]) -> int:
    """Return the 1-based epoch of a step."""
    stride = min((b - a for a, b in pairwise(steps)), default=1)
    if stride == 1 and steps[0] > 0:
        return int(step)  # a log that starts at epoch 7 says so
    return int((step - steps[0]) // stride) + 1


def _line(epoch: int, points: Sequence[_Point]) -> EpochFigures:
    """Return one epoch: training figures are means of what was logged, the others the last."""
    values = defaultdict[str, list[float]](list)
    for point in points:
        for name, value in point.values.items():
            values[name].append(value)
    got = {name: _of_epoch(name, several) for name, several in values.items()}
    return EpochFigures(
        epoch=epoch,
        terms={n.removeprefix("terms."): v for n, v in got.items() if n.startswith("terms.")},
        **{name: got.get(name) for name in FIGURES},  # type: ignore[arg-type]  # none of them is steps
    )


def _of_epoch(name: str, values: list[float]) -> float:
    """Return the figure of an epoch from those logged in it; one that is not finite stays."""
    odd = next((value for value in values if not math.isfinite(value)), None)
    if odd is not None:
        return odd
    is_mean = name.startswith(("train_", "terms."))
    return math.fsum(values) / len(values) if is_mean else values[-1]
