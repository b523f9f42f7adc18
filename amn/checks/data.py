"""D: what a data set says about itself: files, digests, stages, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from amn.checks import data_borders, data_order, data_rows, data_space
from amn.checks.listing import listed
from amn.checks.registry import implements
from amn.data.chunk_table import ChunkTable
from amn.data.dataset import HASH_COLUMN, numbers
from amn.data.manifest import MANIFEST_FILE
from amn.data.sampling import sample_rows, unit_vectors
from amn.errors import CheckNotRunError, DataError
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.evidence.data import DataEvidence, DataPart

# imported because they register the family's other checks
__all__ = ["data_borders", "data_order", "data_rows", "data_space"]

TEXT_COLUMN = "text"
ALIGNED_ROWS = 64  # a shift by one row shows in every one of them
ALIGNED_COSINE = 0.99  # float16 storage and another machine's encoder stay above 0.999


@implements("D003")
def check_readable(evidence: DataEvidence) -> Measured:
    """D003: every file is there, whole, and holds rows."""
    if not evidence.parts:
        raise CheckNotRunError("D003-readable: expected a data set, got none")
    findings: list[Finding] = []
    sizes: list[str] = []
    for part in evidence.parts:
        try:
            dataset = part.dataset
        except DataError as error:
            message, _, fix = error.message.partition(". Fix: ")
            findings.append(
                Finding(str(error.path), message, fix or "restore the file, or build again")
            )
            continue
        sizes.append(f"{len(dataset):,} x {dataset.dim} {dataset.manifest.dtype}")
        if not len(dataset):
            findings.append(
                Finding(
                    str(part.folder), "expected rows, got none", "amn data import SOURCE FOLDER"
                )
            )
    return Measured(", ".join(sizes) or "unreadable", "whole files with rows", findings)


@implements("D012")
def check_digests(evidence: DataEvidence) -> Measured:
    """D012: every file is, byte for byte, the one the manifest declares."""
    findings: list[Finding] = []
    n_files = 0
    for part in evidence.parts:
        for entry in part.dataset.manifest.files:
            n_files += 1
            digest = part.scan.file_digests[entry.path]
            if digest != entry.sha256:
                findings.append(
                    Finding(
                        f"{part.folder.name}/{entry.path}",
                        f"expected sha256 {entry.sha256[:12]}, got {digest[:12]}",
                        f"restore the file, or look at what changed: git log -- {entry.path}",
                    )
                )
    return Measured(f"{len(findings)} of {n_files} files differ", "0 differ", findings)


@implements("D009")
def check_stages(evidence: DataEvidence) -> Measured:
    """D009: no row was lost between the stages of the data set's making."""
    findings: list[Finding] = []
    n_stages = 0
    for part in evidence.parts:
        n_stages += len(part.dataset.manifest.stages)
        findings += _stage_findings(part)
    return Measured(f"{n_stages} stages", "each adds up, and with the next", findings)


def _stage_findings(part: DataPart) -> list[Finding]:
    """Return what does not add up in one manifest."""
    manifest = part.dataset.manifest
    where = f"{part.folder.name}/{MANIFEST_FILE}"
    if not manifest.stages:
        return [
            Finding(
                where,
                "expected the stages of its making, got none: rows lost before cannot be seen",
                "record stages when the data set is built: amn data import",
                Severity.WARNING,
            )
        ]
    fix = "find where the rows went, and build again: amn data import"
    findings: list[Finding] = []
    for stage in manifest.stages:
        dropped = sum(stage.dropped.values())
        left = stage.rows_in - dropped
        if left != stage.rows_out:
            message = (
                f"expected {stage.rows_in:,} {stage.unit} in - {dropped:,} dropped = "
                f"{left:,} out, got {stage.rows_out:,}"
            )
            findings.append(Finding(f"{where}: stage {stage.name}", message, fix))
    for before, after in zip(manifest.stages, manifest.stages[1:], strict=False):
        # Where articles are cut into rows, the stage says how many articles it got.
        came_in = after.rows_in if after.unit == before.unit else after.articles
        if before.rows_out != came_in:
            got = "rows whose articles nobody counted" if came_in is None else f"{came_in:,}"
            message = f"expected the {before.rows_out:,} {before.unit} of {before.name}, got {got}"
            findings.append(Finding(f"{where}: stage {after.name}", message, fix))
    last = manifest.stages[-1]
    if last.unit != "rows" or last.rows_out != manifest.rows:
        message = (
            f"expected {last.rows_out:,} {last.unit} as after stage {last.name},"
            f" got {manifest.rows:,}"
        )
        findings.append(Finding(where, message, fix))
    return findings


@implements("D011")
def check_row_digests(evidence: DataEvidence) -> Measured:
    """D011: every row is the one that was written, in its place."""
    findings: list[Finding] = []
    changed = rows = 0
    for part in evidence.parts:
        try:
            stored = _stored_hashes(part)
        except (DataError, OSError, pa.ArrowException) as error:
            message = f"expected a readable column {HASH_COLUMN}, got: {error}"
            findings.append(Finding(part.folder.name, message, "restore the chunk files"))
            continue
        if stored is None:
            message = f"expected a column {HASH_COLUMN}, got none: changed rows cannot be named"
            fix = "write it again: amn data import"
            findings.append(Finding(part.folder.name, message, fix, Severity.WARNING))
            continue
        different = np.flatnonzero(stored != part.scan.hashes)
        rows += len(stored)
        changed += len(different)
        findings += _changed_rows(part, stored, different)
    if not rows and not findings:
        raise CheckNotRunError("D011-row_digests: expected rows with stored digests, got none")
    return Measured(f"{changed:,} of {rows:,} rows changed", "0 changed", findings)


def _stored_hashes(part: DataPart) -> NDArray[np.uint64] | None:
    """Return the digest that was stored with each row, None when there is no such column."""
    column = part.dataset.column(HASH_COLUMN)
    if column is None:
        return None
    if column.type != pa.uint64():
        raise DataError(part.folder, f"{HASH_COLUMN}: expected uint64, got {column.type}")
    if column.null_count:
        raise DataError(part.folder, f"{HASH_COLUMN}: expected no nulls, got {column.null_count}")
    return numbers(column, np.uint64)


def _changed_rows(
    part: DataPart, stored: NDArray[np.uint64], different: NDArray[np.int64]
) -> list[Finding]:
    """Name rows that are not what was written, and whose vector they hold instead."""
    hashes = part.scan.hashes
    order = np.argsort(stored, kind="stable") if len(different) else np.empty(0, np.int64)

    def describe(row: int) -> Finding:
        at = int(np.searchsorted(stored, hashes[row], sorter=order))
        owner = int(order[min(at, len(order) - 1)])
        if stored[owner] == hashes[row]:
            got = f"got the vector of {part.dataset.where(owner)}"
        else:
            got = f"got {int(hashes[row]):016x}: the row changed"
        return Finding(
            f"{part.folder.name}: {part.dataset.where(row)}",
            f"expected the vector with digest {int(stored[row]):016x}, {got}",
            "restore the vectors, or build them again: amn data import",
        )

    return listed(different, describe, part.folder.name)


@implements("D013")
def check_alignment(evidence: DataEvidence) -> Measured:
    """D013: texts of sampled rows, encoded again, give the vectors that are stored."""
    if evidence.encode is None:
        raise CheckNotRunError(
            "D013-alignment: expected an encoder, got none. Fix: amn check data --encoder MODEL"
        )
    findings: list[Finding] = []
    lowest = np.inf
    for part in evidence.parts:
        dataset = part.dataset
        table = ChunkTable(dataset, (TEXT_COLUMN,))
        if not table.columns:
            raise CheckNotRunError(
                f"{part.folder}: expected a column {TEXT_COLUMN} to encode again, got none"
            )
        rng = np.random.default_rng(13)
        rows = sample_rows(np.arange(len(dataset)), dataset.article_ids, ALIGNED_ROWS, rng)
        chosen = [str(text or "") for text in table.take(rows)[TEXT_COLUMN].to_pylist()]
        again = np.asarray(evidence.encode(chosen), np.float64)
        if again.shape != (len(rows), dataset.dim):
            message = f"expected an encoder of {dataset.dim} numbers, got shape {again.shape}"
            findings.append(Finding(part.folder.name, message, "use the encoder in dataset.json"))
            continue
        norms = np.maximum(np.linalg.norm(again, axis=1), np.finfo(np.float64).tiny)
        cosines = np.vecdot(again, unit_vectors(dataset, rows)) / norms
        lowest = min(lowest, float(cosines.min()))
        findings += _misaligned(part, rows, cosines)
    return Measured(f"lowest cosine {lowest:.4f}", f">= {ALIGNED_COSINE}", findings)


def _misaligned(
    part: DataPart, rows: NDArray[np.int64], cosines: NDArray[np.float64]
) -> list[Finding]:
    """Name sampled rows whose text gives another vector."""

    def describe(sample: int) -> Finding:
        return Finding(
            f"{part.folder.name}: {part.dataset.where(int(rows[sample]))}",
            f"expected cosine >= {ALIGNED_COSINE} with its text encoded again, "
            f"got {cosines[sample]:.4f}",
            "check encoder, pooling and prefix in dataset.json, then build again: amn data import",
        )

    return listed(np.flatnonzero(~(cosines >= ALIGNED_COSINE)), describe, part.folder.name)
