"""The ledger of a golden: every acceptance a line, each with the hash of the line before it.

A line is canonical JSON (sorted keys, no spaces). `hash` is the sha256 of the line without it, and
`previous` the `hash` of the line before, so that an edit, a deletion or a new order of what was
written breaks the chain. Whoever rewrites the whole chain is found by the merge base: there, the
ledger has to begin with the lines that it had before (`amn.golden.base`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import pairwise
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from amn.case.section import Section, problems_in
from amn.errors import DataError, GoldenError
from amn.golden.schema import (  # noqa: TC001 - pydantic reads them
    Cosine,
    Count,
    Sha256,
    SplitName,
    Text,
)
from amn.storage import as_committed, canonical_json, parse_json, read_whole, sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.golden.schema import GoldenRecord


LEDGER_FILE = "ledger.jsonl"
SCHEMA = 1

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Kind = Literal["accepted", "adopted", "anchor", "migrated"]


class Figures(Section):
    """What a golden says of one split, as `SplitMetrics` has it."""

    mean: Cosine
    se: Annotated[float, Field(ge=0)]
    windows: Count
    articles: Count


class EntryDigests(Section):
    """sha256 of both files of the golden, and of what it was measured with.

    Attributes:
        golden: Of golden.json.
        table: Of golden.csv; None in entries from before there was one.
        cosines: Of golden.npz, which goldens of schema 1 had in its place.
    """

    golden: Sha256
    table: Sha256 | None = None
    cosines: Sha256 | None = None
    dataset: Sha256
    windows: Sha256
    config: Sha256

    @model_validator(mode="after")
    def _has_one_of_both(self) -> Self:
        if (self.table is None) == (self.cosines is None):
            raise ValueError("expected the digest of a table, or of cosines")
        return self


class Entry(Section):
    """One line of the ledger.

    Attributes:
        number: From 0, in order.
        kind: `accepted` a result; `adopted` a golden that was there before its ledger; `anchor`
            the same golden again, as what later ones must not drift away from: a release;
            `migrated` the same golden, in the files of another schema.
        commit: HEAD when it was accepted; None outside git.
        verdict: Of the gate that judged it; None where nothing was judged.
        accepted_regression: Whether it was accepted although it failed or was worse.
        previous: `hash` of the line before; None on the first.
        hash: sha256 of the line without `hash`.
    """

    schema_: Literal[1] = Field(alias="schema")
    number: Annotated[int, Field(ge=0)]
    kind: Kind
    case: Text
    time: AwareDatetime
    author: Text
    reason: Text
    commit: Commit | None
    verdict: Literal["PASS", "INCONCLUSIVE", "FAIL"] | None
    accepted_regression: bool
    metrics: dict[SplitName, Figures]
    seeds: tuple[int, ...]
    margin: Annotated[float, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    digests: EntryDigests
    previous: Sha256 | None
    hash: Sha256

    def mean(self, split: str) -> float:
        """Return the accepted mean of `in_dist` or `ood`."""
        return next(figures.mean for name, figures in self.metrics.items() if name == split)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What an entry says beside the golden: by what gate it was accepted, from what, and when.

    Attributes:
        time: None: the day that the golden names, at midnight UTC.
    """

    kind: Kind = "accepted"
    commit: str | None = None
    verdict: Literal["PASS", "INCONCLUSIVE", "FAIL"] | None = "PASS"
    accepted_regression: bool = False
    time: datetime | None = None
    author: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line of a ledger; `line` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The lines of a ledger, and what is wrong with them.

    Attributes:
        entries: What could be read, in order.
        problems: Empty when the chain holds.
    """

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()


def inspect_ledger(content: bytes) -> Ledger:
    """Read a ledger and verify its chain; nothing is raised for a damaged one."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    before: str | None = None
    lines = content.split(b"\n")
    if lines[-1]:
        problems.append(Problem(len(lines), "expected a line break at its end: it was cut off"))
    else:
        lines.pop()
    if not lines:
        problems.append(Problem(1, "expected at least one entry, found none"))
    for number, line in enumerate(lines):
        values, message = _parse(line)
        if not message:
            message = _broken_link(values, number, before)
        if message:
            problems.append(Problem(number + 1, message))
        before = values.get("hash")
        try:
            entries.append(Entry.model_validate(values))
        except ValidationError as error:
            if not message:
                wrong = "; ".join(problems_in(error))
                problems.append(Problem(number + 1, f"expected an entry, got {wrong}"))
    for entry in entries[1:]:
        if entry.case != entries[0].case:
            message = f"stale entry: expected case {entries[0].case!r}, got {entry.case!r}"
            problems.append(Problem(entry.number + 1, message))
    return Ledger(tuple(entries), tuple(problems))


def _parse(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the values of a line, and what is wrong with the line by itself."""
    try:
        values = parse_json(line)
    except ValueError as error:  # of JSON or of UTF-8
        return {}, f"expected JSON, got {error}"
    if not isinstance(values, dict):
        return {}, f"expected an entry, got {type(values).__name__}"
    bare = {key: value for key, value in values.items() if key != "hash"}
    try:
        found = sha256_of(canonical_json(bare))
        is_canonical = canonical_json(values) == line
    except ValueError:  # NaN or infinity
        return values, "expected finite numbers: the entry was edited"
    if values.get("hash") != found:
        stated = str(values.get("hash"))[:12]
        return values, f"expected hash {found[:12]}…, got {stated}…: the entry was edited"
    return values, "" if is_canonical else "expected canonical JSON: the line was edited"


def _broken_link(values: dict[str, Any], number: int, before: str | None) -> str:
    """Return how a line fails to follow the one before it; empty when it does follow."""
    if values.get("number") != number:
        got = values.get("number")
        return f"expected entry {number}, got {got}: an entry was deleted, added or moved"
    if values.get("previous") != before:
        wanted, got = (f"{str(v)[:12]}…" if v else "none" for v in (before, values.get("previous")))
        return f"expected previous {wanted}, got {got}: an entry before it was changed or deleted"
    return ""


def find_ledger(folder: Path) -> Ledger | None:
    """Return the ledger of a case, sound or not; None when there is none.

    Raises:
        GoldenError: If what is there is no file.
    """
    path = folder / LEDGER_FILE
    try:
        return inspect_ledger(as_committed(read_whole(path, folder)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DataError as error:
        raise GoldenError(path, error.message) from error
    except OSError as error:  # a folder, a loop of links
        fix = f"git checkout -- {quote(str(path))}"
        raise GoldenError(path, f"expected a file, got: {error.strerror}. Fix: {fix}") from error


def read_ledger(folder: Path) -> tuple[Entry, ...]:
    """Return the entries of a case's ledger; none when there is no ledger.

    Raises:
        GoldenError: If its chain is broken; the message names the first line.
    """
    path = folder / LEDGER_FILE
    ledger = find_ledger(folder)
    if ledger is None:
        return ()
    if ledger.problems:
        first = ledger.problems[0]
        more = len(ledger.problems) - 1
        rest = f" ({more} more: amn golden verify {quote(folder.name)})" if more else ""
        raise GoldenError(
            path,
            f"line {first.line}: {first.message}{rest}. Fix: git checkout -- {quote(str(path))}",
        )
    return ledger.entries


def extended(
    folder: Path, record: GoldenRecord, acceptance: Acceptance, *, golden_digest: str
) -> bytes:
    """Return the ledger of a case with one more entry; nothing is written.

    Args:
        golden_digest: sha256 of golden.json.

    Raises:
        GoldenError: If the ledger that is there is broken.
    """
    entries = read_ledger(folder)
    accepted = acceptance.time or datetime.combine(record.accepted.created, time.min, UTC)
    figures = Figures.model_fields
    digests = record.digests.model_dump(include=set(EntryDigests.model_fields))
    bare = {
        "schema": SCHEMA,
        "number": len(entries),
        "kind": acceptance.kind,
        "case": record.case,
        "time": accepted.isoformat(timespec="seconds"),
        "author": acceptance.author or record.accepted.author,
        "reason": acceptance.reason or record.accepted.reason,
        "commit": acceptance.commit,
        "verdict": acceptance.verdict,
        "accepted_regression": acceptance.accepted_regression,
        "metrics": {n: m.model_dump(include=set(figures)) for n, m in record.metrics.items()},
        "seeds": list(record.seeds),
        "margin": record.tolerances.margin,
        "alpha": record.tolerances.alpha,
        "digests": {"golden": golden_digest, **digests},
        "previous": entries[-1].hash if entries else None,
    }
    entry = {**bare, "hash": sha256_of(canonical_json(bare))}
    Entry.model_validate(entry)
    before = as_committed(read_whole(folder / LEDGER_FILE)) if entries else b""
    return before + canonical_json(entry) + b"\n"


BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Drift:
    """How a split's accepted mean moved since the anchor.

    Attributes:
        total: Sum of the steps between goldens of the same windows; below 0 is worse.
        steps: How many goldens were accepted since the anchor.
        not_comparable: How many of these steps changed the windows, and so count as 0.
        anchor: Number of the entry that it is measured from.
    """

    total: float
    steps: int
    not_comparable: int
    anchor: int


def drift_since_anchor(entries: Sequence[Entry], split: str) -> Drift:
    """Return how far a split's mean moved since the last anchor, or since the first entry.

    Small steps that each stay within a margin add up here.

    Args:
        entries: At least one, in order.
    """
    anchors = [entry.number for entry in entries if entry.kind == "anchor"]
    anchor = anchors[-1] if anchors else 0
    steps = list(pairwise(entries[anchor:]))
    comparable = [(a, b) for a, b in steps if a.digests.windows == b.digests.windows]
    total = sum(b.mean(split) - a.mean(split) for a, b in comparable)
    accepted = [after for _, after in steps if after.kind != "migrated"]
    return Drift(float(total), len(accepted), len(steps) - len(comparable), anchor)


def sparkline(values: Sequence[float]) -> str:
    """Return one bar a value, the lowest and the highest value at the ends of the scale."""
    low, high = min(values), max(values)
    if high == low:
        return BARS[0] * len(values)
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / (high - low) * top)] for value in values)
