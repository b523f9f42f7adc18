"""Goldens of schema 1: every window's cosine in golden.npz, read to be compared and migrated.

Shapes: S seeds, N windows of a split.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from amn.case.config import EVALUATED
from amn.case.section import Section, problems_in
from amn.errors import DataError, GoldenError
from amn.evaluation.statistics import tabulate
from amn.evaluation.storage import unpack_arrays
from amn.golden.schema import (
    COSINE,
    MEAN_ATOL,
    SCHEMA,
    UNIT,
    Accepted,
    Checks,
    Digests,
    Ended,
    Finite,
    Golden,
    GoldenRecord,
    Name,
    Numerics,
    Sha256,
    SplitMetrics,
    SplitName,
    Text,
    Tolerances,
    Versions,
    numerics_class,
)
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, parse_golden, table_digest
from amn.golden.table import Table, rounded, windows_by_article
from amn.storage import parse_json, sha256_of
from amn.verdict import BEFORE_TRAINING, FAMILIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

DTYPES = {"cosines": "<f8", "article_ids": "<i8", "target_chunks": "<i4"}


class FormerDigests(Section):
    """sha256 of what the result was measured with; `cosines` is that of golden.npz."""

    dataset: Sha256
    splits: Sha256
    windows: Sha256
    config: Sha256
    cosines: Sha256


class FormerNumerics(Section):
    """What a fixed computation came to on the machine that measured the golden."""

    values: Annotated[dict[Name, Finite], Field(min_length=1)]
    machine: dict[str, str]


class FormerRecord(Section):
    """golden.json of schema 1."""

    schema_: Literal[1] = Field(alias="schema")
    case: Text
    title: str = ""
    created: date
    reason: Text
    author: Text
    previous: Sha256 | None = None
    metrics: dict[SplitName, SplitMetrics]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    tolerances: Tolerances
    checks: Annotated[tuple[Text, ...], Field(min_length=1)]
    digests: FormerDigests
    artefacts: tuple[Sha256, ...]
    versions: Versions
    config: dict[str, Any]
    numerics: FormerNumerics | None = None


def is_former(record: bytes) -> bool:
    """Tell whether a golden.json is of schema 1."""
    try:
        values = parse_json(record)
    except ValueError:
        return False
    return isinstance(values, dict) and values.get("schema") == 1


def parse_any_golden(record: bytes, table: bytes, cosines: bytes, folder: Path) -> Golden:
    """Return the golden that files of this schema or of schema 1 hold.

    Raises:
        GoldenError: As `parse_golden` and `parse_former`.
    """
    if is_former(record):
        return parse_former(record, cosines, folder)
    return parse_golden(record, table, folder)


def parse_former(record: bytes, cosines: bytes, folder: Path) -> Golden:
    """Return a golden of schema 1 as one of this schema, without what it did not hold.

    It has no article of training, no digest of vectors, no sums of reference predictors, and does
    not say how checks ended.

    Args:
        record: golden.json.
        cosines: golden.npz.
        folder: Named in messages only.

    Raises:
        GoldenError: If it is damaged, or the two do not belong together.
    """
    path, fix = folder / GOLDEN_FILE, f"Fix: git checkout -- {quote(str(folder))}"
    try:
        old = FormerRecord.model_validate(parse_json(record))
    except ValidationError as error:
        lines = problems_in(error, whole="record")
        raise GoldenError(path, f"expected a golden, got {'; '.join(lines)}. {fix}") from error
    except ValueError as error:
        raise GoldenError(path, f"expected JSON, got {error}. {fix}") from error
    path = folder / COSINES_FILE
    digest = sha256_of(cosines)
    if digest != old.digests.cosines:
        raise GoldenError(path, f"expected sha256 {old.digests.cosines}, got {digest}. {fix}")
    try:
        arrays = unpack_arrays(cosines, path)
        tables = {split: _table(arrays, split, old) for split in EVALUATED}
        return Golden(_record(old, tables, record), tables)
    except DataError as error:
        raise GoldenError(path, f"{error.message}. {fix}") from error
    except ValidationError as error:
        lines = problems_in(error, whole="record")
        raise GoldenError(path, f"expected a golden, got {'; '.join(lines)}. {fix}") from error
    except ValueError as error:
        raise GoldenError(path, f"{error}. {fix}") from error


def _table(arrays: Mapping[str, NDArray[Any]], split: str, record: FormerRecord) -> Table:
    """Return the sums by article of one split.

    Raises:
        ValueError: If its windows are none, or not those that the record's means are of.
    """
    found = {name: arrays.get(f"{split}_{name}") for name in DTYPES}
    metrics = next((m for name, m in record.metrics.items() if name == split), None)
    if metrics is None:
        raise ValueError(f"metrics: expected {split}, got none")
    for name, dtype in DTYPES.items():
        shape = (len(record.seeds), metrics.windows) if name == "cosines" else (metrics.windows,)
        array = found[name]
        if array is None or array.dtype != np.dtype(dtype) or array.shape != shape:
            got = "none" if array is None else f"{array.dtype} {array.shape}"
            raise ValueError(f"{split}_{name}: expected {np.dtype(dtype)} {shape}, got {got}")
    cosines, articles, chunks = (array for array in found.values() if array is not None)
    if not (np.abs(cosines) <= UNIT).all():
        raise ValueError(f"{split}: expected finite cosines, got others")
    off = np.abs(cosines.mean(axis=1) - metrics.per_seed)
    if not off.max() <= MEAN_ATOL:
        raise ValueError(f"{split}: expected the means that {GOLDEN_FILE} states, got others")
    labels, windows = windows_by_article(articles, chunks)
    if len(labels) != metrics.articles:
        raise ValueError(f"{split}: expected {metrics.articles} articles, got {len(labels)}")
    sums = rounded(tabulate({split: cosines}, articles).by_label().sides[0])
    return Table(
        labels,
        windows,
        np.full(len(labels), -1),
        ("",) * len(labels),
        sums={f"{COSINE}.{seed}": row for seed, row in zip(record.seeds, sums, strict=True)},
    )


def _record(old: FormerRecord, tables: Mapping[str, Table], content: bytes) -> GoldenRecord:
    """Return the record of this schema.

    Raises:
        ValueError: If it does not agree with itself.
    """
    digests = old.digests.model_dump(exclude={"cosines"})
    early = {letter for letter, family in FAMILIES.items() if family in BEFORE_TRAINING}
    checks = {label: Ended() for label in old.checks}
    then = old.numerics.model_dump() if old.numerics else {"values": {}, "machine": {}}
    known = {"class": numerics_class(then["machine"], old.config)}
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "accepted": Accepted(
            created=old.created, author=old.author, reason=old.reason, previous=sha256_of(content)
        ),
        "metrics": {COSINE: old.metrics},
        "checks": Checks(
            data={label: ended for label, ended in checks.items() if label[0] in early},
            result={label: ended for label, ended in checks.items() if label[0] not in early},
        ),
        "digests": Digests(table=table_digest(tables), models=old.artefacts, **digests),
        "config": old.config,
        "versions": old.versions,
        "numerics": Numerics.model_validate(known | then),
        "case": old.case,
        "title": old.title,
        "seeds": old.seeds,
        "tolerances": old.tolerances,
    }
    return GoldenRecord.model_validate(values)


def with_articles(golden: Golden, tables: Mapping[str, Table]) -> Golden:
    """Return a golden of schema 1 with what the data of the case say of its articles.

    Args:
        tables: Every split, training too, with rows, digests of vectors, and the sums of reference
            predictors, of the same windows as the golden's.
    """
    full = {
        split: replace(table, sums={**_spread(golden.tables[split], table), **table.sums})
        if split in golden.tables
        else table
        for split, table in tables.items()
    }
    digests = golden.record.digests.model_copy(update={"table": table_digest(full)})
    return Golden(golden.record.model_copy(update={"digests": digests}), full)


def _spread(judged: Table, table: Table) -> dict[str, NDArray[np.float64]]:
    """Return the sums of the judged articles as columns of a table that has others too."""
    columns = {name: np.full(len(table.articles), np.nan) for name in judged.sums}
    at = np.flatnonzero(np.isin(table.articles, judged.articles))
    for name, values in judged.sums.items():
        columns[name][at] = values
    return columns
