"""Results over time: a line a gate in a file a case, in a folder of the user's choice.

No server keeps it: a folder that the default branch's job writes, on a branch of its own or in a
store of artefacts. They show a result that creeps before the comparisons with its golden, each
within the margin, have spent it; and where git has them from the default branch, the last one tells
which case cannot have changed since (`amn.report.recorded`).
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from pydantic import AwareDatetime, Field, ValidationError

from amn.case.section import Section, problems_in
from amn.checks.comparison import COMPARED
from amn.errors import DataError
from amn.storage import finite, read_whole, sha256_of, write_bytes
from amn.system import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from amn.gate.result import GateResult
    from amn.verdict import Outcome

SUFFIX = ".jsonl"
MOST_BYTES = 1 << 28  # half a million lines
FEWEST = 4  # results: of fewer no order is rarer than 5 % (1 of 3! is 17 %, of 4! 4 %)


class Score(Section):
    """A split's score as it was judged: mean cosine, its 95 % interval, and the golden beside it.

    Attributes:
        difference: Candidate minus golden; None where nothing was compared.
        lower: Its one-sided lower bound.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    lower: float | None = None


class Line(Section):
    """One gate of one case.

    Attributes:
        commit: That was checked out; None outside git.
        looked: Parts of a whole gate that were looked at.
        config: sha256 of the resolved settings.
        dataset: sha256 of the data set's manifest; None where it was not read.
        golden: sha256 of golden.json; None without a golden.
        amn: Version.
        inputs: Name of each input of the verdict -> its digest; empty where they do not decide it.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    time: AwareDatetime
    case: str
    commit: str | None = None
    verdict: str
    word: str
    scores: dict[str, Score] = Field(default_factory=dict)
    looked: tuple[str, ...] = ()
    config: str | None = None
    dataset: str | None = None
    golden: str | None = None
    amn: str = __version__
    inputs: dict[str, str] = Field(default_factory=dict)


def line_of(
    result: GateResult, now: datetime, commit: str | None, inputs: Mapping[str, str] | None = None
) -> Line:
    """Return the line of a result.

    Args:
        now: With a time zone; seconds are kept.
        inputs: See `amn.gate.inputs`; None where they do not decide it.
    """
    ended = {outcome.check: outcome for outcome in result.outcomes}
    beside = {split: ended[check] for split, check in COMPARED.items() if check in ended}
    scores = {
        split: Score(
            mean=one.mean,
            low=finite(one.interval.low) if one.interval else None,
            high=finite(one.interval.high) if one.interval else None,
            difference=finite(beside[split].number) if split in beside else None,
            lower=_lower(beside.get(split)),
        )
        for split, one in result.scores.items()
        if math.isfinite(one.mean)
    }
    return Line(
        time=now.replace(microsecond=0),
        case=result.case,
        commit=commit,
        verdict=result.verdict.value,
        word=result.word,
        scores=scores,
        looked=result.scope.looked,
        config=result.digests.get("config_digest"),
        dataset=result.digests.get("dataset_digest"),
        golden=result.golden.digest if result.golden else None,
        inputs=dict(inputs or {}),
    )


def _lower(outcome: Outcome | None) -> float | None:
    """Return the lower bound of a comparison; None where nothing was compared, or it has none."""
    standing = outcome.standing if outcome else None
    bound: float | None = finite(standing.low) if standing else None
    return bound


def append(folder: Path, lines: Iterable[Line]) -> None:
    """Append lines to `CASE.jsonl` of their cases: each file whole, or as it was.

    Raises:
        DataError: If what is there is no history: it is left as it is.
    """
    for line in lines:
        path = file_of(folder, line.case)
        lock = sha256_of(str(path.resolve()).encode())
        with FileLock(Path(tempfile.gettempdir(), f".amn-history-{lock[:16]}.lock")):
            before = read_whole(path, most=MOST_BYTES) if read_all([path]) else b""
            unsaid = set() if line.inputs else {"inputs"}
            text = line.model_dump_json(by_alias=True, exclude_none=True, exclude=unsaid)
            write_bytes(path, before + text.encode() + b"\n")


def read_all(paths: Iterable[Path]) -> list[tuple[Line, ...]]:
    """Return the lines of the histories that are there.

    Raises:
        DataError: If one is damaged.
    """
    return [read(path) for path in paths if os.path.lexists(path)]


def file_of(folder: Path, case: str) -> Path:
    """Return the file of a case's history."""
    return folder / f"{case}{SUFFIX}"


def read(path: Path) -> tuple[Line, ...]:
    """Return the lines of a history, in the order that they were written in.

    Raises:
        DataError: If it is missing, or a line is damaged.
    """
    try:
        text = read_whole(path, most=MOST_BYTES).decode()
    except FileNotFoundError as error:
        fix = f"amn gate {path.stem} --history {path.parent}"
        raise DataError(path, f"expected a history, found none. Fix: {fix}") from error
    except UnicodeDecodeError as error:
        raise DataError(path, f"expected lines of JSON, got: {error}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> tuple[Line, ...]:
    """Return the lines of a history's text.

    Args:
        path: Where it is from, for messages.

    Raises:
        DataError: If a line is damaged.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found.append(Line.model_validate(json.loads(line), by_alias=True))
        except ValidationError as error:
            what = problems_in(error, whole="line")[0]
            raise DataError(path, f"line {number}: {what}. Fix: remove the line") from error
        except ValueError as error:
            message = f"line {number}: expected JSON, got: {error}. Fix: remove the line"
            raise DataError(path, message) from error
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a split's results go while golden and data stay the same.

    Attributes:
        values: Mean of each result that is another than the one before, oldest first.
        slope: Median change from one result to a later one, a step (Theil-Sen: Sen 1968).
        p: Chance of an order that falls as much where there is no trend, one-sided (Mann 1945,
            with Kendall's tau); None of fewer than 4 results, or where all are equal.
    """

    values: tuple[float, ...]
    slope: float = 0.0
    p: float | None = None

    @property
    def creeps(self) -> bool:
        """Whether results fall, one after another, beyond chance (p <= 0.05)."""
        return self.p is not None and self.p <= 0.05 and self.slope < 0  # noqa: PLR2004 - alpha

    def steps_to(self, margin: float) -> int | None:
        """Return after how many more results of that slope a margin is spent; None if none falls.

        Args:
            margin: What the first of the values may lose.
        """
        if self.slope >= 0:
            return None
        left = margin - (self.values[0] - self.values[-1])
        return max(0, round(left / -self.slope))


def trend_of(lines: Sequence[Line], split: str) -> Trend:
    """Return the trend of a split since golden or data last changed."""
    kept: list[Line] = []
    for line in reversed(lines):
        if kept and (line.golden, line.dataset) != (kept[-1].golden, kept[-1].dataset):
            break
        if split in line.scores:
            kept.append(line)
    means = [line.scores[split].mean for line in reversed(kept)]
    values = tuple(value for value, _ in groupby(means))  # gated twice is no second result
    if len(values) < FEWEST or len({*values}) == 1:
        return Trend(values)
    from scipy.stats import kendalltau, theilslopes  # noqa: PLC0415 - takes half a second to load

    order = range(len(values))
    found = kendalltau(order, values, alternative="less")
    return Trend(values, float(theilslopes(values, order).slope), float(found.pvalue))
