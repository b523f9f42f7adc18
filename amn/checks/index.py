"""I: the FAISS index of a data set, against what it says about itself and against every row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amn.checks import broken
from amn.checks.check import check
from amn.checks.profiled import pooled
from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST
from amn.data.index.integrity import structure_problems, wrong_rows
from amn.data.index.layers import ROWS_PER_CENTROID, effective_parameters
from amn.data.index.reader import REBUILD, IndexManifest, read_index_manifest
from amn.data.index.recall import recall_at, recall_bound, self_search
from amn.errors import DataError
from amn.storage import sha256_file
from amn.verdict import Finding, Measured, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.limits import IndexConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.index.reader import OpenIndex
    from amn.data.index.recall import Answers
    from amn.data.scan import Scanned
    from amn.verdict import Statistic

MOST_FINDINGS = 20
MOST_LISTS = 64  # of which a broken index searches one


def index_flipped_bit(copy: CaseCopy) -> None:
    """One bit of the index is flipped."""

    def change(content: bytearray) -> None:
        content[len(content) // 2] ^= 0b100

    copy.change_bytes(copy.data / INDEX_FILE, change)


def index_lost_record(copy: CaseCopy) -> None:
    """The record beside the index is gone.

    Half an index is not no index.
    """
    (copy.data / INDEX_MANIFEST).unlink()


@check("I001", "digest", needs=["D003"], broken_by=[index_flipped_bit, index_lost_record])
def check_digest(indexed: DataSet) -> Measured:
    """index.faiss is byte for byte the file that index.json records.

    Why: One flipped bit, a partial copy or a file of another run loads without complaint and
    answers wrongly.
    Fix: Build the index again: amn index build FOLDER
    """
    path = indexed.index_path
    limit = "as index.json records"
    try:
        manifest = read_index_manifest(path.parent)
    except DataError as error:
        return Measured("no record", limit, [_from_error(error)])
    if not path.is_file():
        missing = Finding(str(path), "expected an index, found none", _rebuild(indexed.path))
        return Measured("no index", limit, [missing])
    digest, size = sha256_file(path), path.stat().st_size
    value = f"sha256 {digest[:12]}..."
    if digest == manifest.sha256:
        return Measured(value, limit)
    message = (
        f"expected sha256 {manifest.sha256[:12]}..., got {digest[:12]}... "
        f"({size:,} bytes, recorded {manifest.size_bytes:,})"
    )
    return Measured(value, limit, [Finding(str(path), message, _rebuild(indexed.path))])


def index_trailing_bytes(copy: CaseCopy) -> None:
    """Bytes follow after the end of the index.

    The file is signed: faiss would read it without a word.
    """
    copy.change_bytes(copy.data / INDEX_FILE, lambda content: content.extend(bytes(64)))
    copy.sign_index()


@check("I002", "readable", needs=["D003"], broken_by=[index_trailing_bytes])
def check_readable(opened_index: OpenIndex | DataError) -> Measured:
    """The index opens to its last byte, is trained, and its lists and links point inside it.

    Why: A truncated or damaged file crashes the process that serves from it, or leaves rows that no
    search reaches.
    Fix: Build the index again: amn index build FOLDER
    """
    limit = "opens, trained, whole"
    if isinstance(opened_index, DataError):
        return Measured("unreadable", limit, [_from_error(opened_index)])
    index, fix = opened_index, _rebuild(opened_index.path.parent)
    problems = list(structure_problems(index.layers))
    if not index.is_trained:
        problems.append(f"expected a trained index, got an untrained one of {index.rows:,} vectors")
    if index.unread_bytes:
        problems.append(f"expected nothing after the index, got {index.unread_bytes:,} bytes")
    findings = [Finding(str(index.path), problem, fix) for problem in problems]
    value = count_of(index.rows, "vector")
    value += f", {count_of(len(findings), 'fault')}" if findings else ""
    return Measured(value, limit, _shorten(findings))


def index_stale(copy: CaseCopy) -> None:
    """A vector changed after the index was built."""
    vectors = copy.vectors()
    vectors[len(vectors) // 20] = vectors[len(vectors) // 2]
    broken.index.keep_index(copy, vectors)


@check("I003", "fresh", needs=["D003"], broken_by=[index_stale])
def check_fresh(indexed: DataSet, scanned: tuple[Scanned, ...]) -> Measured:
    """The index was built from the vectors that the data set has now.

    Why: After the vectors changed, a stale index still finds the old ones, and every score looks
    plausible.
    Fix: Build the index again: amn index build FOLDER
    """
    limit = "the data set's vectors"
    where = str(indexed.path / INDEX_MANIFEST)
    try:
        recorded = read_index_manifest(indexed.path).vectors_digest
    except DataError as error:
        return Measured("no record", limit, [_from_error(error)])
    findings, fix = [], _rebuild(indexed.path)
    if recorded != indexed.vectors_digest:
        message = (
            f"expected vectors {indexed.vectors_digest[:12]}..., got {recorded[:12]}...: "
            "the vectors changed after the index was built"
        )
        findings.append(Finding(where, message, fix))
    scan = next(one.scan for one in scanned if one.dataset is indexed)
    for entry in indexed.manifest.files:
        found = scan.file_digests[entry.path]
        if entry.path.endswith(".npy") and found != entry.sha256:
            message = (
                f"expected the file that the index was built from ({entry.sha256[:12]}...), "
                f"got {found[:12]}..."
            )
            findings.append(Finding(str(indexed.path / entry.path), message, fix))
    value = f"vectors {recorded[:12]}..." + (", not these" if findings else "")
    return Measured(value, limit, _shorten(findings))


def index_fewer_rows(copy: CaseCopy) -> None:
    """Ten rows are not in the index."""

    def make(faiss: Any, vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401 - faiss has no types
        index = faiss.index_factory(vectors.shape[1], "IDMap2,Flat", faiss.METRIC_INNER_PRODUCT)
        index.add_with_ids(vectors[:-10], np.arange(len(vectors) - 10))
        return index

    broken.index.make_index(copy, make)


def index_wrong_metric(copy: CaseCopy) -> None:
    """The index searches by L2 distance."""

    def make(faiss: Any, vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401 - faiss has no types
        index = faiss.index_factory(vectors.shape[1], "IDMap2,Flat", faiss.METRIC_L2)
        index.add_with_ids(vectors, np.arange(len(vectors)))
        return index

    broken.index.make_index(copy, make)


@check("I004", "shape", needs=["D003", "I002"], broken_by=[index_fewer_rows, index_wrong_metric])
def check_shape(indexed: DataSet, index: OpenIndex) -> Measured:
    """Dimension, metric (inner product), count and parameters are the data set's and the record's.

    Why: The wrong metric or dimension ranks by something else; a missing vector is never found.
    Fix: Build the index again: amn index build FOLDER
    """
    fix = _rebuild(indexed.path)
    findings = [Finding(str(index.path), text, fix) for text in _shape_problems(indexed, index)]
    value = f"{index.rows:,} x {index.dim}, {index.metrics[0]}"
    limit = f"{len(indexed):,} x {indexed.dim}, inner_product"
    return Measured(value, limit, findings)


def _shape_problems(dataset: DataSet, index: OpenIndex) -> Iterator[str]:
    """Yield each number in which index, record and data set differ."""
    if index.dim != dataset.dim:
        yield f"expected dimension {dataset.dim}, got {index.dim}"
    for metric in sorted(set(index.metrics) - {"inner_product"}):
        yield f"expected metric inner_product, got {metric}"
    if index.rows != len(dataset):
        yield f"expected {len(dataset):,} vectors, got {index.rows:,}"
    manifest = _manifest(dataset)
    if manifest is None:
        return
    found = {"rows": index.rows, "dim": index.dim, **effective_parameters(index.layers)}
    recorded = {"rows": manifest.rows, "dim": manifest.dim, **manifest.parameters}
    for name in sorted((found.keys() | recorded.keys()) - {"seed"}):
        if found.get(name) != recorded.get(name):
            yield f"{name}: expected {recorded.get(name)} as recorded, got {found.get(name)}"


def index_duplicate_id(copy: CaseCopy) -> None:
    """Two vectors of the index have one id."""

    def change(ids: NDArray[np.int64]) -> None:
        ids[len(ids) // 2] = ids[10]

    broken.index.change_ids(copy, change)


@check("I005", "ids", needs=["D003", "I004"], broken_by=[index_duplicate_id])
def check_ids(indexed: DataSet, index: OpenIndex) -> Measured:
    """The ids are the row numbers, each once.

    Why: A duplicate id hides one row behind another; a foreign id points to no chunk at all.
    Fix: Build the index again: amn index build FOLDER
    """
    ids = index.layers.ids()
    inside = (ids >= 0) & (ids < len(indexed))
    counts = np.bincount(ids[inside], minlength=len(indexed))
    fix = _rebuild(indexed.path)
    findings = [
        Finding(f"id {id_}", f"expected a row number below {len(indexed):,}, got {id_}", fix)
        for id_ in np.unique(ids[~inside]).tolist()
    ]
    findings += [
        Finding(indexed.where(row), f"expected its id once, got {counts[row]} times", fix)
        for row in np.flatnonzero(counts != 1).tolist()
    ]
    value = f"{np.count_nonzero(counts == 1):,} rows once"
    return Measured(value, f"{len(indexed):,} rows once", _shorten(findings))


def index_swapped_ids(copy: CaseCopy) -> None:
    """Two ids of the index are exchanged."""

    def change(ids: NDArray[np.int64]) -> None:
        pair = [10, len(ids) // 2]
        ids[pair] = ids[pair[::-1]]

    broken.index.change_ids(copy, change)


def index_signed_but_stale(copy: CaseCopy) -> None:
    """Two rows changed places after the index was built, and every digest is right.

    The record of the index says that it is of these vectors.
    """
    vectors = copy.vectors()
    pair = [1, len(vectors) // 2]
    vectors[pair] = vectors[pair[::-1]]
    broken.index.keep_index(copy, vectors)
    digest = copy.dataset().vectors_digest
    copy.change_json(copy.data / INDEX_MANIFEST, lambda r: r.update(vectors_digest=digest))


@check(
    "I006",
    "vectors",
    needs=["D001", "D003", "I005"],
    broken_by=[index_swapped_ids, index_signed_but_stale],
)
def check_vectors(indexed: DataSet, index: OpenIndex) -> Measured:
    """What the index stores for every id is what its own codec makes of the data set's row.

    Why: Swapped ids and vectors of an older data set pass every count; only comparing all rows
    shows them.
    Fix: Build the index again: amn index build FOLDER
    """
    wrong, fix = wrong_rows(index.layers, indexed), _rebuild(indexed.path)
    findings = [
        Finding(
            indexed.where(item.row),
            f"expected the data set's vector, got one at cosine {item.cosine:.4f}"
            + ("" if item.holds in (None, item.row) else f" (that of row {item.holds})"),
            fix,
        )
        for item in wrong
    ]
    ids = index.layers.ids()
    compared = np.count_nonzero(np.bincount(ids[(ids >= 0) & (ids < len(indexed))]))
    value = f"{compared - len({item.row for item in wrong}):,} of {len(indexed):,} rows"
    return Measured(value, "every row as in the data set", _shorten(findings))


def index_shifted_ids(copy: CaseCopy) -> None:
    """All ids of the index are off by one.

    Every answer is the neighbour's.
    """

    def change(ids: NDArray[np.int64]) -> None:
        ids[:] = np.roll(ids, 1)

    broken.index.change_ids(copy, change)


@check("I007", "self_recall", needs=["D001", "D003", "I004"], broken_by=[index_shifted_ids])
def check_self_recall(
    indexed: DataSet, index: OpenIndex, answers: Answers, index_limits: IndexConfig
) -> Measured:
    """A row's own vector finds that row first; equal scores count, and higher ones of longer rows.

    Why: An index that cannot find what it holds (too few probes, a broken graph, codes too coarse)
    cannot find its neighbours.
    Fix: Raise nprobe or ef_search, or choose a finer kind: amn index build FOLDER --kind sq8
    """
    rows, result = answers.rows, self_search(index, indexed, answers)
    floor, fix = index_limits.self_recall, f"{_rebuild(indexed.path)} --kind sq8"
    missed = np.flatnonzero(~result.hit)
    share = 1 - len(missed) / len(rows)
    findings = [
        Finding(
            indexed.where(int(rows[query])),
            f"expected itself first at {result.own_scores[query]:.4f}, "
            f"got row {result.found[query]} at {result.scores[query]:.4f}",
            fix,
        )
        for query in missed
    ]
    value = shown(share, floor)
    detail = f"{len(rows) - len(missed)} of {len(rows)} rows find themselves"
    listed = () if share >= floor else _shorten(findings)
    profile = {"self_recall": _by_article(indexed, rows, result.hit)}
    return Measured(value, f">= {floor:g}", listed, detail, share, profile=profile)


def index_few_probes(copy: CaseCopy) -> None:
    """The index searches one of many lists.

    Most neighbours are in the others.
    """
    dataset = copy.dataset()
    nlist = min(MOST_LISTS, max(2, len(dataset) // ROWS_PER_CENTROID))
    from amn.data.index.build import build_index  # noqa: PLC0415 - a gate builds none

    build_index(dataset, "ivf", parameters={"nlist": nlist, "nprobe": 1})


@check("I008", "recall", needs=["D001", "D003", "I005"], broken_by=[index_few_probes])
def check_recall(indexed: DataSet, answers: Answers, index_limits: IndexConfig) -> Measured:
    """The lower 95 % bound of recall@k against exact search reaches the floor of the case.

    Why: An approximate index loses neighbours quietly; whoever reads its results blames the model.
    Fix: Raise nprobe or ef_search, or choose a finer kind: amn index build FOLDER --kind sq8
    """
    floor, limit = index_limits.recall, f">= {index_limits.recall:g}"
    k = min(index_limits.recall_at, len(indexed) - 1)
    if k < 1:
        message = f"expected at least 2 rows to search among, got {len(indexed)}"
        return Measured("no neighbours", limit, [Finding(str(indexed.path), message)])
    recall = recall_at(indexed, answers, k)
    mean = float(recall.mean())
    lower = recall_bound(recall)
    findings = []
    if not lower >= floor:
        message = (
            f"recall@{k}: expected a lower bound of at least {floor:g}, got {lower:.4f} "
            f"(mean {mean:.4f} over {len(recall)} queries)"
        )
        fix = f"{_rebuild(indexed.path)} --kind sq8"
        findings.append(Finding(str(indexed.index_path), message, fix))
    detail = f"recall@{k} {mean:.4f}, lower 95 % bound {lower:.4f}, {len(recall)} queries"
    profile = {"recall": _by_article(indexed, answers.rows, recall)}
    return Measured(shown(lower, floor), limit, findings, detail, lower, profile=profile)


def _by_article(
    dataset: DataSet, rows: NDArray[np.int64], values: NDArray[Any]
) -> dict[str, Statistic]:
    """Return the mean over the rows that were searched for, clustered by article."""
    codes = dataset.codes[rows]
    return {"index": pooled(np.bincount(codes, values), np.bincount(codes))}


def _manifest(dataset: DataSet) -> IndexManifest | None:
    """Return the record of the index, None where I001 reports that there is none."""
    try:
        return read_index_manifest(dataset.path)
    except DataError:
        return None


def _rebuild(folder: Path) -> str:
    """Return the command that builds the index of a data set again."""
    return f"{REBUILD} {folder}"


def _from_error(error: DataError) -> Finding:
    """Return the finding that a file is not what it claims to be."""
    message, _, fix = error.message.partition(". Fix: ")
    return Finding(str(error.path), message, fix)


def _shorten(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return the first findings, and one that says how many more there are."""
    if len(findings) <= MOST_FINDINGS:
        return findings
    rest = len(findings) - MOST_FINDINGS + 1
    more = Finding(findings[-1].where, f"and {rest:,} more", findings[-1].fix)
    return [*findings[: MOST_FINDINGS - 1], more]
