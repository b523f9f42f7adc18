"""golden.json and golden.npz: written as a pair, entered in the ledger, read only as a pair."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from amn.case.section import problems_in
from amn.errors import DataError, GoldenError
from amn.evaluation.storage import pack_arrays, unpack_arrays
from amn.golden.ledger import LEDGER_FILE, Acceptance, extended
from amn.golden.schema import MEAN_ATOL, UNIT, Golden, GoldenRecord, GoldenSplit, SplitMetrics
from amn.golden.waivers import WAIVERS_FILE
from amn.storage import as_committed, atomic_path, parse_json, sha256_of, write_bytes
from amn.system import CASE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


GOLDEN_FILE = "golden.json"
COSINES_FILE = "golden.npz"
SCHEMA = 1
DTYPES = {"cosines": "<f8", "article_ids": "<i8", "target_chunks": "<i4"}


def read_golden(folder: Path) -> Golden:
    """Read the golden of a case.

    Raises:
        GoldenError: If it is missing, damaged, of another schema, or its files do not belong
            together.
    """
    contents = []
    for name in (GOLDEN_FILE, COSINES_FILE):
        path = folder / name
        try:
            contents.append(as_committed(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError) as error:
            fix = (
                "amn golden new"
                if name == GOLDEN_FILE
                else f"git checkout -- {quote(str(path))}, or amn golden update"
            ) + f" {quote(folder.name)} --reason TEXT"
            raise GoldenError(path, f"expected a golden, found none. Fix: {fix}") from error
        except OSError as error:  # a folder, a loop of links
            fix = f"git checkout -- {quote(str(path))}"
            raise GoldenError(
                path, f"expected a file, got: {error.strerror}. Fix: {fix}"
            ) from error
    return parse_golden(contents[0], contents[1], folder)


def parse_golden(record: bytes, cosines: bytes, folder: Path) -> Golden:
    """Return the golden that two files hold, wherever they were read from.

    Args:
        record: golden.json.
        cosines: golden.npz.
        folder: Named in messages only: a golden of another git revision is in no folder.

    Raises:
        GoldenError: As `read_golden`.
    """
    parsed = parse_record(record, folder)
    path = folder / COSINES_FILE
    digest = sha256_of(cosines)
    if digest != parsed.digests.cosines:
        raise GoldenError(
            path,
            f"expected sha256 {parsed.digests.cosines}, got {digest}: the file is damaged, or an "
            f"update was cut off between its two files. Fix: git checkout -- {quote(str(folder))}, "
            f"or amn golden update {quote(folder.name)} --reason TEXT",
        )
    golden = Golden(parsed, _unpack(cosines, path))
    _verify(golden, folder)
    return golden


def parse_record(content: bytes, folder: Path) -> GoldenRecord:
    """Return the record that a golden.json holds.

    Raises:
        GoldenError: If it is no golden.json of this schema; the message lists every problem.
    """
    path = folder / GOLDEN_FILE
    update = f"amn golden update {quote(folder.name)} --reason TEXT"
    fix = f"Fix: git checkout -- {quote(str(path))}, or {update}"
    try:
        values = parse_json(content)
    except ValueError as error:
        raise GoldenError(path, f"expected JSON, got {error}. {fix}") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema != SCHEMA:
        raise GoldenError(
            path,
            f"expected schema {SCHEMA}, got {schema!r}. Fix: use the amn that wrote it, "
            f"or amn golden update {quote(folder.name)} --reason TEXT",
        )
    try:
        return GoldenRecord.model_validate(values)
    except ValidationError as error:
        lines = problems_in(error, whole="record")
        raise GoldenError(path, f"expected a golden, got {'; '.join(lines)}. {fix}") from error


def write_golden(folder: Path, golden: Golden, acceptance: Acceptance | None = None) -> None:
    """Write both files of a golden and their entry in the ledger, or leave what was there.

    All are complete on disk before any takes its name: golden.npz first, the ledger last. A crash
    in between leaves files that do not belong together: `read_golden` refuses a record of other
    cosines by digest, and a golden that is not the ledger's last entry is `G009`.

    Raises:
        GoldenError: If the record and the cosines do not agree, a cosine is no finite cosine, or
            the chain of the ledger is broken.
    """
    cosines = pack_splits(golden.splits)
    digest = sha256_of(cosines)
    if digest != golden.record.digests.cosines:
        raise GoldenError(
            folder / COSINES_FILE,
            f"expected the cosines of digests.cosines, {golden.record.digests.cosines}, "
            f"got {digest}. Fix: digests.cosines = cosines_digest(splits)",
        )
    _verify(golden, folder)
    content = golden.record.to_bytes()
    acceptance = acceptance or Acceptance()
    ledger = extended(folder, golden.record, acceptance, golden_digest=sha256_of(content))
    with (
        atomic_path(folder / LEDGER_FILE) as ledger_file,  # left last, so it is renamed last
        atomic_path(folder / GOLDEN_FILE) as record_file,
        atomic_path(folder / COSINES_FILE) as cosines_file,
    ):
        ledger_file.write_bytes(ledger)
        record_file.write_bytes(content)
        cosines_file.write_bytes(cosines)


def enter(folder: Path, acceptance: Acceptance) -> None:
    """Enter the golden that is there in the ledger once more: adopt it, or make it the anchor.

    Raises:
        GoldenError: If there is no sound golden, or the chain of the ledger is broken.
    """
    golden = read_golden(folder)
    digest = sha256_of(as_committed((folder / GOLDEN_FILE).read_bytes()))
    write_bytes(
        folder / LEDGER_FILE,
        extended(folder, golden.record, acceptance, golden_digest=digest),
    )


def pack_splits(splits: Mapping[str, GoldenSplit]) -> bytes:
    """Return golden.npz: the same cosines give the same bytes on every machine."""
    arrays = {
        f"{name}_{field}": np.ascontiguousarray(getattr(splits[name], field), dtype)
        for name in sorted(splits)
        for field, dtype in DTYPES.items()
    }
    return pack_arrays(arrays)


def cosines_digest(splits: Mapping[str, GoldenSplit]) -> str:
    """Return the sha256 that golden.npz will have: `digests.cosines` of the record."""
    return sha256_of(pack_splits(splits))


def _unpack(content: bytes, path: Path) -> dict[str, GoldenSplit]:
    """Return the splits of a golden.npz."""
    try:
        arrays = unpack_arrays(content, path)
    except DataError as error:
        raise GoldenError(path, error.message) from error
    suffix = "_cosines"
    splits = [name.removesuffix(suffix) for name in arrays if name.endswith(suffix)]
    expected = {
        f"{name}_{field}": np.dtype(dtype) for name in splits for field, dtype in DTYPES.items()
    }
    found = {name: array.dtype for name, array in arrays.items()}
    if found != expected:
        raise GoldenError(path, f"expected arrays {_listed(expected)}, got {_listed(found)}")
    return {
        name: GoldenSplit(**{field: arrays[f"{name}_{field}"] for field in DTYPES})
        for name in splits
    }


def _listed(dtypes: Mapping[str, np.dtype[Any]]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in sorted(dtypes.items())) or "none"


def _verify(golden: Golden, folder: Path) -> None:
    """Raise GoldenError unless the cosines are sound and give the record's metrics."""
    path = folder / COSINES_FILE
    if set(golden.splits) != set(golden.record.metrics):
        raise GoldenError(
            path, f"expected splits {sorted(golden.record.metrics)}, got {sorted(golden.splits)}"
        )
    for name, metrics in golden.record.metrics.items():
        split = golden.splits[name]
        if problem := _shape_problem(split, metrics) or _content_problem(split, metrics):
            raise GoldenError(
                path,
                f"{name}: {problem}. Fix: amn golden update {quote(folder.name)} --reason TEXT",
            )


def _shape_problem(split: GoldenSplit, metrics: SplitMetrics) -> str | None:
    """Return what is wrong with shapes and types, None when nothing is."""
    shape = (len(metrics.per_seed), metrics.windows)
    if split.cosines.shape != shape:
        return f"expected {shape} cosines (seeds, windows), got {split.cosines.shape}"
    for field, dtype in DTYPES.items():
        array: NDArray[Any] = getattr(split, field)
        if array.dtype != dtype:
            return f"expected {field} of type {np.dtype(dtype)}, got {array.dtype}"
        if array.shape[-1:] != shape[1:]:
            return f"expected {shape[1]} windows in {field}, got {array.shape}"
    return None


def _content_problem(split: GoldenSplit, metrics: SplitMetrics) -> str | None:
    """Return what is wrong with the numbers, None when nothing is."""
    bad = ~(np.abs(split.cosines) <= UNIT)  # NaN compares false
    if bad.any():
        seed, window = np.argwhere(bad)[0]
        return (
            f"expected finite cosines, got {split.cosines[seed, window]} for window {window} of "
            f"row {seed}; {np.count_nonzero(bad)} in all"
        )
    order = np.lexsort((split.target_chunks, split.article_ids))
    articles, chunks = split.article_ids[order], split.target_chunks[order]
    repeated = np.flatnonzero((np.diff(articles) == 0) & (np.diff(chunks) == 0))
    if len(repeated):
        first = repeated[0]
        return (
            f"expected each window once, got article {articles[first]} chunk {chunks[first]} "
            f"twice; {len(repeated)} repeats in all"
        )
    n_articles = len(np.unique(articles))
    if n_articles != metrics.articles:
        return f"expected {metrics.articles} articles, got {n_articles}"
    means = split.cosines.mean(axis=1)
    off = np.abs(means - metrics.per_seed)
    if not off.max() <= MEAN_ATOL:
        row = int(off.argmax())
        return (
            f"expected the mean that {GOLDEN_FILE} states for row {row}, "
            f"{metrics.per_seed[row]!r}, got {float(means[row])!r}"
        )
    return None


KEPT = (GOLDEN_FILE, COSINES_FILE, LEDGER_FILE, WAIVERS_FILE)  # kept beside a case.toml


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
