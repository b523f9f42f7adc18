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

from amn.case.config import EVALUATED
from amn.case.section import Section, problems_in
from amn.errors import DataError, GoldenError
from amn.golden.compare import own_margin
from amn.golden.schema import (
    COSINE,
    Cosine,
    Count,
    Finite,
    Name,
    Sha256,
    SplitName,
    Text,
)
from amn.storage import as_committed, canonical_json, parse_json, read_whole, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from amn.case.limits import GoldenConfig
    from amn.golden.schema import Golden


LEDGER_FILE = "ledger.jsonl"
SCHEMA = 1

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Kind = Literal["accepted", "adopted", "anchor", "migrated"]
Better = Literal["higher", "lower"]


class Figures(Section):
    """What a golden says of one split, as `SplitMetrics` has it."""

    mean: Cosine
    se: Annotated[float, Field(ge=0)]
    windows: Count
    articles: Count


class OtherFigures(Section):
    """What a golden says of one split by a metric beside the cosine.

    Attributes:
        margin: What the golden explains by itself: see `own_margin`.
        better: Which values of the metric are better.
    """

    mean: Finite
    margin: Annotated[Finite, Field(gt=0)]
    better: Better = "higher"


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
        others: Metric beside the cosine -> split -> figures; empty in entries from before them.
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
    others: dict[Name, dict[SplitName, OtherFigures]] = Field(default_factory=dict)
    seeds: tuple[int, ...]
    margin: Annotated[float, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    digests: EntryDigests
    previous: Sha256 | None
    hash: Sha256

    def mean(self, split: str) -> float:
        """Return the accepted mean of `in_dist` or `ood`."""
        return next(figures.mean for name, figures in self.metrics.items() if name == split)

    def other(self, name: str) -> OtherFigures | None:
        """Return the figures of `in_article.ood`, None where it has none."""
        metric, wanted = name.split(".")
        splits = self.others.get(metric, {})
        return next((figures for split, figures in splits.items() if split == wanted), None)


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


def extended(folder: Path, golden: Golden, acceptance: Acceptance, *, golden_digest: str) -> bytes:
    """Return the ledger of a case with one more entry; nothing is written.

    Args:
        golden_digest: sha256 of golden.json.

    Raises:
        GoldenError: If the ledger that is there is broken.
    """
    entries, record = read_ledger(folder), golden.record
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
    if others := _others(golden):
        bare["others"] = others
    entry = {**bare, "hash": sha256_of(canonical_json(bare))}
    Entry.model_validate(entry)
    before = as_committed(read_whole(folder / LEDGER_FILE)) if entries else b""
    return before + canonical_json(entry) + b"\n"


def _others(golden: Golden) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the figures of every metric beside the cosine, as an entry holds them."""
    return {
        metric: {
            split: OtherFigures(
                mean=figures.mean,
                margin=own_margin(golden, split, metric),
                better=figures.better,
            ).model_dump(exclude_defaults=True)
            for split, figures in golden.record.figures(metric).items()
        }
        for metric in golden.record.by_metric
        if metric != COSINE
    }


BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Drift:
    """How an accepted mean moved since the anchor.

    Attributes:
        total: Sum of the steps between goldens of the same windows; below 0 is worse.
        steps: How many goldens were accepted since the anchor.
        not_comparable: How many of these steps changed the windows, and so count as 0.
        anchor: Number of the entry that it is measured from.
        budget: How far it may have fallen.
        windows: Digest of the windows of the last golden.
        mean: Of the last golden.
        sign: 1 where higher is better, -1 where lower is.
    """

    total: float
    steps: int
    not_comparable: int
    anchor: int
    budget: float
    windows: str
    mean: float
    sign: int = 1

    def with_step(self, mean: float) -> float:
        """Return the total with one more step, to a mean."""
        return self.total + self.sign * (mean - self.mean)


def drifts_since_anchor(
    entries: Sequence[Entry], limits: GoldenConfig, guarded: Iterable[str] = ()
) -> dict[str, Drift]:
    """Return how far means moved since the last anchor, or since the first entry, by name.

    Small steps that each stay within a margin add up here. A name is a split, whose cosines have
    the case's budget; or `in_article.ood`, whose budget is one margin: the declared one, or what
    the golden at the anchor explains by itself. It is measured from the first entry from the anchor
    on that has it, and is left out where none has.

    Args:
        entries: At least one, in order.
        guarded: What is compared with the golden beside the cosine.
    """
    anchors = [entry.number for entry in entries if entry.kind == "anchor"]
    since = entries[anchors[-1] if anchors else 0 :]
    found = {}
    for split in EVALUATED:
        means = [(entry, entry.mean(split)) for entry in since]
        found[split] = _drift(means, limits.drift_budget)
    for name in guarded:
        figures = [(entry, other) for entry in since if (other := entry.other(name))]
        if figures:
            first = figures[0][1]
            means = [(entry, other.mean) for entry, other in figures]
            budget = limits.margins.get(name.split(".")[0]) or first.margin
            found[name] = _drift(means, budget, -1 if first.better == "lower" else 1)
    return found


def _drift(means: Sequence[tuple[Entry, float]], budget: float, sign: int = 1) -> Drift:
    """Return how far a mean moved over entries."""
    steps = list(pairwise(means))
    comparable = [(a, b) for (e, a), (f, b) in steps if e.digests.windows == f.digests.windows]
    accepted = [after for _, (after, _) in steps if after.kind != "migrated"]
    last, mean = means[-1]
    return Drift(
        total=sign * float(sum(b - a for a, b in comparable)),
        steps=len(accepted),
        not_comparable=len(steps) - len(comparable),
        anchor=means[0][0].number,
        budget=budget,
        windows=last.digests.windows,
        mean=mean,
        sign=sign,
    )


def sparkline(values: Sequence[float]) -> str:
    """Return one bar a value, the lowest and the highest value at the ends of the scale."""
    low, high = min(values), max(values)
    if high == low:
        return BARS[0] * len(values)
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / (high - low) * top)] for value in values)
