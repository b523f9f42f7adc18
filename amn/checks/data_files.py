"""D: what a data set says about itself: files, digests, stages, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks.check import check, listed, some_ids
from amn.data.dataset import HASH_COLUMN
from amn.data.manifest import MANIFEST_FILE
from amn.errors import CheckNotRunError, DataError
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.reencoding import Group, Reencoded
    from amn.data.scan import Scanned


def truncated_file(copy: CaseCopy) -> None:
    """The vectors are cut in half."""

    def change(content: bytearray) -> None:
        del content[len(content) // 2 :]

    copy.change_bytes(copy.dataset().shards[0].path, change)


def missing_chunks(copy: CaseCopy) -> None:
    """A file of the chunk table is gone."""
    entries = copy.dataset().manifest.files
    (copy.data / next(e.path for e in entries if e.path.endswith(".parquet"))).unlink()


@check("D003", "readable", broken_by=[truncated_file, missing_chunks])
def check_readable(opened: tuple[DataSet | DataError, ...]) -> Measured:
    """Every file of the data set is there, whole, and of the declared shape and type.

    Why: A truncated or missing file otherwise surfaces as a strange score an hour later.
    Fix: Restore the file, or build the data set again: amn data import SOURCE FOLDER
    """
    if not opened:
        raise CheckNotRunError("D003-readable: expected a data set, got none")
    findings: list[Finding] = []
    sizes: list[str] = []
    for one in opened:
        if isinstance(one, DataError):
            message, _, fix = one.message.partition(". Fix: ")
            fix = fix or "restore the file, or build again"
            findings.append(Finding(str(one.path), message, fix))
            continue
        sizes.append(f"{len(one):,} x {one.dim} {one.manifest.dtype}")
        if not len(one):
            fix = "amn data import SOURCE FOLDER"
            findings.append(Finding(str(one.path), "expected rows, got none", fix))
    return Measured(", ".join(sizes) or "unreadable", "whole files with rows", findings)


def flipped_bit(copy: CaseCopy) -> None:
    """One bit of one number is flipped.

    The lowest one: the row still has length 1.
    """

    def change(content: bytearray) -> None:
        content[len(content) // 2 & ~3] ^= 1  # little endian: the first byte is the lowest

    copy.change_bytes(copy.dataset().shards[0].path, change)


@check("D012", "digests", needs=["D003"], broken_by=[flipped_bit])
def check_digests(scanned: tuple[Scanned, ...]) -> Measured:
    """The sha256 of every file equals the one in dataset.json.

    Why: A file that changed after it was written is another data set under the same name.
    Fix: Restore the file; if the change was meant, build a new data set: amn data import
    """
    findings: list[Finding] = []
    n_files = 0
    for one in scanned:
        for entry in one.dataset.manifest.files:
            n_files += 1
            digest = one.scan.file_digests[entry.path]
            if digest != entry.sha256:
                findings.append(
                    Finding(
                        f"{one.folder.name}/{entry.path}",
                        f"expected sha256 {entry.sha256[:12]}, got {digest[:12]}",
                        f"restore the file, or look at what changed: git log -- {entry.path}",
                    )
                )
    return Measured(f"{len(findings)} of {n_files} files differ", "0 differ", findings)


def rows_lost(copy: CaseCopy) -> None:
    """A row is lost between two stages."""

    def change(manifest: dict[str, Any]) -> None:
        n = manifest["rows"]
        manifest["stages"] = [
            {"name": "encode", "rows_in": n + 1, "rows_out": n + 1, "dropped": {}},
            {"name": "export", "rows_in": n, "rows_out": n, "dropped": {}},
        ]

    copy.change_json(copy.data / MANIFEST_FILE, change)


@check("D009", "stages", needs=["D003"], broken_by=[rows_lost])
def check_stages(data_sets: tuple[DataSet, ...]) -> Measured:
    """No row is lost between the stages in dataset.json, and the last has the rows that are here.

    In each of them rows in - dropped = rows out, and each starts where the one before ended, also
    where articles are cut into rows.

    Why: Rows that are lost between two stages leave no other trace.
    Fix: Find where the rows went, and build again: amn data import
    """
    n_stages = sum(len(dataset.manifest.stages) for dataset in data_sets)
    findings = [finding for dataset in data_sets for finding in _stage_findings(dataset)]
    return Measured(count_of(n_stages, "stage"), "each adds up, and with the next", findings)


def _stage_findings(dataset: DataSet) -> list[Finding]:
    """Return what does not add up in one manifest."""
    manifest = dataset.manifest
    where = f"{dataset.path.name}/{MANIFEST_FILE}"
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


def swapped_rows(copy: CaseCopy) -> None:
    """Two rows are exchanged."""

    def change(vectors: NDArray[Any]) -> None:
        pair = [1, len(vectors) // 2]
        vectors[pair] = vectors[pair[::-1]]

    copy.change_vectors(change)


@check("D011", "row_digests", needs=["D003"], broken_by=[swapped_rows])
def check_row_digests(
    scanned: tuple[Scanned, ...],
    row_digests: tuple[NDArray[np.uint64] | DataError | None, ...],
) -> Measured:
    """Every row has the digest that was stored with it when it was written.

    Why: The sha256 of a file says that something changed; this says which rows, and whose vector
    they hold now.
    Fix: Restore the vectors, or build them again: amn data import
    """
    findings: list[Finding] = []
    changed = rows = 0
    for one, stored in zip(scanned, row_digests, strict=True):
        if isinstance(stored, DataError):
            message = f"expected a readable column {HASH_COLUMN}, got: {stored}"
            findings.append(Finding(one.folder.name, message, "restore the chunk files"))
            continue
        if stored is None:
            message = f"expected a column {HASH_COLUMN}, got none: changed rows cannot be named"
            fix = "write it again: amn data import"
            findings.append(Finding(one.folder.name, message, fix, Severity.WARNING))
            continue
        different = np.flatnonzero(stored != one.scan.hashes)
        rows += len(stored)
        changed += len(different)
        findings += _changed_rows(one, stored, different)
    if not rows and not findings:
        raise CheckNotRunError("D011-row_digests: expected rows with stored digests, got none")
    return Measured(f"{changed:,} of {rows:,} rows changed", "0 changed", findings)


def _changed_rows(
    one: Scanned, stored: NDArray[np.uint64], different: NDArray[np.int64]
) -> list[Finding]:
    """Name rows that are not what was written, and whose vector they hold instead."""
    hashes = one.scan.hashes
    order = np.argsort(stored, kind="stable") if len(different) else np.empty(0, np.int64)

    def describe(row: int) -> Finding:
        at = int(np.searchsorted(stored, hashes[row], sorter=order))
        owner = int(order[min(at, len(order) - 1)])
        if stored[owner] == hashes[row]:
            got = f"got the vector of {one.dataset.where(owner)}"
        else:
            got = f"got {int(hashes[row]):016x}: the row changed"
        return Finding(
            f"{one.folder.name}: {one.dataset.where(row)}",
            f"expected the vector with digest {int(stored[row]):016x}, {got}",
            "restore the vectors, or build them again: amn data import",
        )

    return listed(different, describe, one.folder.name)


def shifted_vectors(copy: CaseCopy) -> None:
    """Every row has the vector of the row before it."""

    def change(vectors: NDArray[Any]) -> None:
        vectors[:] = np.roll(vectors, 1, axis=0)

    copy.change_vectors(change)
    copy.sign()


@check("D013", "alignment", needs=["D003", "D005"], broken_by=[shifted_vectors])
def check_alignment(reencoded: tuple[Reencoded, ...]) -> Measured:
    """The texts of canaries, encoded again as dataset.json says, give their rows.

    Within what rounding explains, measured with the same encoder. What differs is named by the way
    to run the encoder that gives it: prefix, title, case, pooling, limit of tokens, arithmetic,
    revision. Declared where the data set keeps canaries and this machine has the encoder.

    Why: Texts and vectors that are shifted by one row, or made by another encoder, pass every other
    check.
    Fix: Check encoder, pooling and prefix in dataset.json, then build again: amn data build
    """
    findings: list[Finding] = []
    wrong = total = 0
    furthest = tolerance = 0.0
    for one in reencoded:
        if one.dim != one.dataset.dim:
            message = f"expected {one.dataset.dim} numbers, got {one.dim} from {one.encoder}"
            findings.append(Finding(one.dataset.path.name, message, "name the one that made them"))
            continue
        total += len(one.rows)
        furthest = max(furthest, float(one.distances.max()))
        tolerance = max(tolerance, one.tolerance)
        for group in one.wrong:
            wrong += len(group.at)
            findings.append(_misencoded(one, group))
    seen = 1 - 0.05 ** (1 / total) if total else 1.0  # one row of those is then among the drawn
    return Measured(
        f"{wrong} of {total} rows differ, furthest {furthest:.2g}",
        f"0 further than {tolerance:.2g}",
        findings,
        detail=f"where {seen:.1%} of all rows differ, one is seen with 95 %",
        number=float(wrong),
    )


def _misencoded(one: Reencoded, group: Group) -> Finding:
    """Say what some rows are, and of which articles."""
    dataset, rows = one.dataset, one.rows[group.at]
    prefix = dataset.manifest.encoder.prefix
    declared = f"{one.encoder} with the prefix {prefix!r}" if prefix else one.encoder
    what = f"encoded {group.name}" if group.name else f"that are not, {group.hint}"
    articles = some_ids(dataset.articles[np.unique(dataset.codes[rows])])
    message = (
        f"expected rows of {declared}, got {len(rows)} of {len(one.rows)} {what}; median cosine "
        f"with their texts {group.cosine:.3f}; articles {articles}"
    )
    fix = "encode these articles again"
    if len(rows) == len(one.rows):
        fix = "say in dataset.json how they were encoded, or encode them again"
    return Finding(dataset.path.name, message, f"{fix}: amn data build")
