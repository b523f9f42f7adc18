"""golden.json and golden.csv: written together with their ledger, read only as a pair."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from amn.case.config import EVALUATED, SPLITS
from amn.case.section import problems_in
from amn.errors import DataError, GoldenError
from amn.golden.ledger import LEDGER_FILE, Acceptance, extended
from amn.golden.schema import (
    COSINE,
    MEAN_ATOL,
    OF_PREDICTIONS,
    OF_ROWS,
    SCHEMA,
    UNIT,
    Golden,
    GoldenRecord,
    SplitMetrics,
)
from amn.golden.table import RECALL, parse_csv, recall_sums, to_csv
from amn.golden.transaction import BEFORE, replace_together, undo
from amn.golden.waivers import WAIVERS_FILE
from amn.storage import (
    MOST_FOUND_BYTES,
    as_committed,
    parse_json,
    read_whole,
    sha256_of,
    write_bytes,
)
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from amn.golden.table import Table

GOLDEN_FILE = "golden.json"
TABLE_FILE = "golden.csv"
COSINES_FILE = "golden.npz"  # of schema 1, in place of the table
WRITTEN = (TABLE_FILE, GOLDEN_FILE, COSINES_FILE, LEDGER_FILE)  # together
REFERENCES_KEPT = ("last", "mean")  # what they score tells other vectors under the same ids


def read_golden(folder: Path) -> Golden:
    """Read the golden of a case.

    Raises:
        GoldenError: If it is missing, damaged, of another schema, its files do not belong together,
            or a change of it was cut off.
    """
    require_at_rest(folder)
    record = read_file(folder, GOLDEN_FILE)
    parsed = parse_record(record, folder)  # of another schema it has no table
    return _put_together(parsed, read_file(folder, TABLE_FILE), folder)


def read_file(folder: Path, name: str) -> bytes:
    """Return the content of one file of a golden.

    Raises:
        GoldenError: If there is no such file.
    """
    path = folder / name
    try:
        return as_committed(read_whole(path, folder, MOST_FOUND_BYTES))
    except (FileNotFoundError, NotADirectoryError) as error:
        fix = f"git checkout -- {quote(str(path))}"
        others = (TABLE_FILE, LEDGER_FILE)
        if name == GOLDEN_FILE and not any((folder / other).exists() for other in others):
            fix = f"amn golden new {quote(folder.name)} --reason TEXT"
        raise GoldenError(path, f"expected a golden, found none. Fix: {fix}") from error
    except DataError as error:
        raise GoldenError(path, error.message) from error
    except OSError as error:  # a folder, a loop of links
        fix = f"git checkout -- {quote(str(path))}"
        raise GoldenError(path, f"expected a file, got: {error.strerror}. Fix: {fix}") from error


def require_at_rest(folder: Path) -> None:
    """Return when no change of a golden was cut off.

    Raises:
        GoldenError: If one was; the message names the command that undoes it and goes on.
    """
    before = folder / BEFORE
    if not before.is_dir():
        return
    name = quote(folder.name)
    command = f"amn golden new {name} --reason TEXT"
    if (before / GOLDEN_FILE).exists():
        command = f"amn golden update {name} --reason TEXT"
    if (before / COSINES_FILE).exists():
        command = f"amn upgrade {name}"
    message = "expected a golden at rest, found a change that was cut off"
    raise GoldenError(before, f"{message}. Fix: the command that was, such as {command}")


def mend(folder: Path) -> bool:
    """Undo a change of a golden that was cut off; tell whether there was one."""
    return undo(folder, WRITTEN)


def parse_golden(record: bytes, table: bytes, folder: Path) -> Golden:
    """Return the golden that two files hold, wherever they were read from.

    Args:
        record: golden.json.
        table: golden.csv.
        folder: Named in messages only: a golden of another git revision is in no folder.

    Raises:
        GoldenError: As `read_golden`.
    """
    return _put_together(parse_record(record, folder), table, folder)


def _put_together(record: GoldenRecord, table: bytes, folder: Path) -> Golden:
    """Return the golden of a record and a golden.csv.

    Raises:
        GoldenError: If the two do not belong together.
    """
    path, fix = folder / TABLE_FILE, f"Fix: git checkout -- {quote(str(folder))}"
    digest = sha256_of(table)
    if digest != record.digests.table:
        raise GoldenError(
            path, f"expected sha256 {record.digests.table}, got {digest}: it was changed. {fix}"
        )
    try:
        golden = Golden(record, parse_csv(table, named=record.articles == "string"))
    except ValueError as error:
        raise GoldenError(path, f"{error}. {fix}") from error
    _verify(golden, folder)
    return golden


def parse_record(content: bytes, folder: Path) -> GoldenRecord:
    """Return the record that a golden.json holds.

    Raises:
        GoldenError: If it is no golden.json of this schema; the message lists every problem.
    """
    path = folder / GOLDEN_FILE
    fix = f"Fix: git checkout -- {quote(str(path))}"
    try:
        values = parse_json(content)
    except ValueError as error:
        raise GoldenError(path, f"expected JSON, got {error}. {fix}") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema == 1:
        message = f"expected schema {SCHEMA}, got 1, of an earlier version"
        raise GoldenError(path, f"{message}. Fix: amn upgrade {quote(folder.name)}")
    if schema != SCHEMA:
        raise GoldenError(
            path,
            f"expected schema {SCHEMA}, got {schema!r}. Fix: use the amn that wrote it",
        )
    try:
        return GoldenRecord.model_validate(values)
    except ValidationError as error:
        lines = problems_in(error, whole="record")
        raise GoldenError(path, f"expected a golden, got {'; '.join(lines)}. {fix}") from error


def write_golden(folder: Path, golden: Golden, acceptance: Acceptance | None = None) -> None:
    """Write both files of a golden and their entry in the ledger, or leave what was there.

    A golden.npz of schema 1 is removed.

    Raises:
        GoldenError: If the record and the table do not agree, or the chain of the ledger is broken.
    """
    table = to_csv(golden.tables)
    digest = sha256_of(table)
    if digest != golden.record.digests.table:
        raise GoldenError(
            folder / TABLE_FILE,
            f"expected the table of digests.table, {golden.record.digests.table}, "
            f"got {digest}. Fix: digests.table = table_digest(tables)",
        )
    _verify(golden, folder)
    content = golden.record.to_bytes()
    acceptance = acceptance or Acceptance()
    ledger = extended(folder, golden, acceptance, golden_digest=sha256_of(content))
    files = {TABLE_FILE: table, GOLDEN_FILE: content, COSINES_FILE: None, LEDGER_FILE: ledger}
    replace_together(folder, files)


def enter(folder: Path, acceptance: Acceptance) -> None:
    """Enter the golden that is there in the ledger once more: adopt it, or make it the anchor.

    Raises:
        GoldenError: If there is no sound golden, or the chain of the ledger is broken.
    """
    golden = read_golden(folder)
    digest = sha256_of(as_committed(read_whole(folder / GOLDEN_FILE)))
    write_bytes(
        folder / LEDGER_FILE,
        extended(folder, golden, acceptance, golden_digest=digest),
    )


def table_digest(tables: Mapping[str, Table]) -> str:
    """Return the sha256 that golden.csv will have: `digests.table` of the record."""
    return sha256_of(to_csv(tables))


def _verify(golden: Golden, folder: Path) -> None:
    """Raise GoldenError unless the table is sound and gives the record's metrics."""
    problem = next(_problems(golden), None)
    if problem:
        fix = f"git checkout -- {quote(str(folder))}"
        raise GoldenError(folder / TABLE_FILE, f"{problem}. Fix: {fix}")


def _problems(golden: Golden) -> Iterator[str]:
    """Yield what of the table does not belong to the record."""
    record = golden.record
    if missing := [split for split in EVALUATED if split not in golden.tables]:
        yield f"expected articles of {', '.join(SPLITS)}, found none of {missing[0]}"
        return
    wanted = {f"{metric}.{seed}" for metric in record.by_metric for seed in record.seeds}
    allowed = wanted | {
        f"{metric}.{name}" for metric in record.by_metric for name in REFERENCES_KEPT
    }
    for split in EVALUATED:
        table = golden.tables[split]
        columns = {c for c in table.sums if not (record.recall and c.startswith(RECALL))}
        if not wanted <= columns <= allowed:
            yield f"{split}: expected columns {sorted(wanted)}, got {sorted(table.sums)}"
            return
        for metric, splits in record.by_metric.items():
            for problem in _disagreements(table.judged(), metric, splits[split], record.seeds):
                yield f"{split}: {problem}"
    for name, figures in record.recall.items():
        for asked in (OF_ROWS, OF_PREDICTIONS):
            found = recall_sums(golden.tables, name, record.asked_seeds(asked))
            got = found.mean if found else None
            if asked in figures and not (
                got is not None and abs(got - figures[asked]) <= MEAN_ATOL
            ):
                yield f"recall {name}, {asked}: expected {figures[asked]!r}, got {got!r}"


def _disagreements(
    table: Table, metric: str, metrics: SplitMetrics, seeds: tuple[int, ...]
) -> Iterator[str]:
    """Yield where the sums of a split are not those of the record's means."""
    sizes = table.sizes
    n = int(sizes.sum())
    found, said = (n, len(sizes)), (metrics.windows, metrics.articles)
    if found != said:
        numbers = "expected {} windows of {} articles as in {}, got {} of {}"
        yield numbers.format(*said, GOLDEN_FILE, *found)
        return
    means = {str(seed): mean for seed, mean in zip(seeds, metrics.per_seed, strict=True)}
    means |= {name: mean for name, mean in metrics.references.items() if name in REFERENCES_KEPT}
    for name, mean in means.items():
        sums = table.sums.get(f"{metric}.{name}")
        if sums is None:
            continue
        if metric == COSINE and not (np.abs(sums) <= UNIT * sizes).all():
            worst = int(np.abs(sums / sizes).argmax())
            yield (
                f"expected sums of cosines, got {sums[worst]:g} of {sizes[worst]} windows in "
                f"article {table.articles[worst]}"
            )
        elif not abs(float(sums.sum()) / n - mean) <= MEAN_ATOL:
            got = float(sums.sum()) / n
            yield f"expected the mean that {GOLDEN_FILE} states for {name}, {mean!r}, got {got!r}"


KEPT = (GOLDEN_FILE, TABLE_FILE, COSINES_FILE, LEDGER_FILE, WAIVERS_FILE)  # beside a case.toml


@dataclass(frozen=True, slots=True)
class Orphan:
    """A folder with files of a golden and no case.toml; `files` are those of a golden only."""

    folder: Path
    files: tuple[Path, ...]


def find_orphans(golden_folder: Path) -> list[Orphan]:
    """Return the folders under golden/ that hold a golden and no case, by name."""
    found = []
    for folder in sorted(path for path in golden_folder.glob("*") if path.is_dir()):
        files = tuple(path for name in KEPT if _is_there(path := folder / name))
        if files and not _is_there(folder / CASE_FILE):
            found.append(Orphan(folder, files))
    return found


def _is_there(path: Path) -> bool:
    """Tell whether a path names anything, a link that leads nowhere too."""
    return path.exists() or path.is_symlink()
