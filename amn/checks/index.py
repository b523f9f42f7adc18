"""I: the FAISS index of a data set, against what it says about itself and against every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks.registry import implements
from amn.data.dataset import INDEX_MANIFEST
from amn.data.sampling import sample_rows
from amn.errors import DataError
from amn.findings import Finding, Measured
from amn.index.integrity import structure_problems, wrong_rows
from amn.index.layers import effective_parameters
from amn.index.manifest import REBUILD, IndexManifest, read_index_manifest
from amn.index.reader import OpenIndex, open_index
from amn.index.recall import Answers, lower_bound, recall_at, search_rows, self_search
from amn.storage import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.checks.evidence.data import IndexEvidence

QUERIES = 256  # 0.95 recall is then known within 0.01
SEED = 8
ALPHA = 0.05
MOST_FINDINGS = 20


@implements("I001")
def check_digest(evidence: IndexEvidence) -> Measured:
    """I001: the file is the one that index.json records."""
    path = evidence.part.dataset.index_path
    limit = "as index.json records"
    try:
        manifest = read_index_manifest(path.parent)
    except DataError as error:
        return Measured("no record", limit, [_from_error(error)])
    if not path.is_file():
        missing = Finding(str(path), "expected an index, found none", _rebuild(evidence))
        return Measured("no index", limit, [missing])
    digest, size = sha256_file(path), path.stat().st_size
    value = f"sha256 {digest[:12]}..."
    if digest == manifest.sha256:
        return Measured(value, limit)
    message = (
        f"expected sha256 {manifest.sha256[:12]}..., got {digest[:12]}... "
        f"({size:,} bytes, recorded {manifest.size_bytes:,})"
    )
    return Measured(value, limit, [Finding(str(path), message, _rebuild(evidence))])


@implements("I002")
def check_readable(evidence: IndexEvidence) -> Measured:
    """I002: faiss opens it, all of it, and it is trained and whole."""
    limit = "opens, trained, whole"
    try:
        index = _open(evidence)
    except DataError as error:
        return Measured("unreadable", limit, [_from_error(error)])
    problems = list(structure_problems(index.layers))
    if not index.is_trained:
        problems.append(f"expected a trained index, got an untrained one of {index.rows:,} vectors")
    if index.unread_bytes:
        problems.append(f"expected nothing after the index, got {index.unread_bytes:,} bytes")
    findings = [Finding(str(index.path), problem, _rebuild(evidence)) for problem in problems]
    return Measured(f"{index.rows:,} vectors", limit, _shorten(findings))


@implements("I003")
def check_fresh(evidence: IndexEvidence) -> Measured:
    """I003: it was built from the vectors that are there now."""
    dataset = evidence.part.dataset
    limit = "the data set's vectors"
    where = str(dataset.path / INDEX_MANIFEST)
    try:
        recorded = read_index_manifest(dataset.path).vectors_digest
    except DataError as error:
        return Measured("no record", limit, [_from_error(error)])
    findings = []
    if recorded != dataset.vectors_digest:
        message = (
            f"expected vectors {dataset.vectors_digest[:12]}..., got {recorded[:12]}...: "
            "the vectors changed after the index was built"
        )
        findings.append(Finding(where, message, _rebuild(evidence)))
    for entry in dataset.manifest.files:
        found = evidence.part.scan.file_digests[entry.path]
        if entry.path.endswith(".npy") and found != entry.sha256:
            message = (
                f"expected the file that the index was built from ({entry.sha256[:12]}...), "
                f"got {found[:12]}..."
            )
            findings.append(Finding(str(dataset.path / entry.path), message, _rebuild(evidence)))
    return Measured(f"vectors {recorded[:12]}...", limit, _shorten(findings))


@implements("I004")
def check_shape(evidence: IndexEvidence) -> Measured:
    """I004: dimension, metric, count and parameters."""
    index = _open(evidence)
    problems = list(_shape_problems(evidence, index))
    findings = [Finding(str(index.path), problem, _rebuild(evidence)) for problem in problems]
    value = f"{index.rows:,} x {index.dim}, {index.metrics[0]}"
    dataset = evidence.part.dataset
    return Measured(value, f"{len(dataset):,} x {dataset.dim}, inner_product", findings)


def _shape_problems(evidence: IndexEvidence, index: OpenIndex) -> Iterator[str]:
    """Yield each number in which index, record and data set differ."""
    dataset = evidence.part.dataset
    if index.dim != dataset.dim:
        yield f"expected dimension {dataset.dim}, got {index.dim}"
    for metric in sorted(set(index.metrics) - {"inner_product"}):
        yield f"expected metric inner_product, got {metric}"
    if index.rows != len(dataset):
        yield f"expected {len(dataset):,} vectors, got {index.rows:,}"
    manifest = _manifest(evidence)
    if manifest is None:
        return
    found = {"rows": index.rows, "dim": index.dim, **effective_parameters(index.layers)}
    recorded = {"rows": manifest.rows, "dim": manifest.dim, **manifest.parameters}
    for name in sorted((found.keys() | recorded.keys()) - {"seed"}):
        if found.get(name) != recorded.get(name):
            yield f"{name}: expected {recorded.get(name)} as recorded, got {found.get(name)}"


@implements("I005")
def check_ids(evidence: IndexEvidence) -> Measured:
    """I005: ids are the row numbers, each once."""
    dataset, index = evidence.part.dataset, _open(evidence)
    ids = index.layers.ids()
    inside = (ids >= 0) & (ids < len(dataset))
    counts = np.bincount(ids[inside], minlength=len(dataset))
    fix = _rebuild(evidence)
    findings = [
        Finding(f"id {id_}", f"expected a row number below {len(dataset):,}, got {id_}", fix)
        for id_ in np.unique(ids[~inside]).tolist()
    ]
    findings += [
        Finding(dataset.where(row), f"expected its id once, got {counts[row]} times", fix)
        for row in np.flatnonzero(counts != 1).tolist()
    ]
    value = f"{np.count_nonzero(counts == 1):,} rows once"
    return Measured(value, f"{len(dataset):,} rows once", _shorten(findings))


@implements("I006")
def check_vectors(evidence: IndexEvidence) -> Measured:
    """I006: what is stored for every row is that row."""
    dataset, index = evidence.part.dataset, _open(evidence)
    wrong = wrong_rows(index.layers, dataset)
    findings = [
        Finding(
            dataset.where(item.row),
            f"expected the data set's vector, got one at cosine {item.cosine:.4f}"
            + ("" if item.holds in (None, item.row) else f" (that of row {item.holds})"),
            _rebuild(evidence),
        )
        for item in wrong
    ]
    compared = np.unique(index.layers.ids())
    compared = compared[(compared >= 0) & (compared < len(dataset))]
    value = f"{len(compared) - len({item.row for item in wrong}):,} of {len(dataset):,} rows"
    return Measured(value, "every row as in the data set", _shorten(findings))


@implements("I007")
def check_self_recall(evidence: IndexEvidence) -> Measured:
    """I007: rows find themselves."""
    dataset, floor = evidence.part.dataset, evidence.config.self_recall
    answers = _answers(evidence)
    rows, result = answers.rows, self_search(_open(evidence), dataset, answers)
    missed = np.flatnonzero(~result.hit)
    share = 1 - len(missed) / len(rows)
    findings = [
        Finding(
            dataset.where(int(rows[query])),
            f"expected itself first at {result.own_scores[query]:.4f}, "
            f"got row {result.found[query]} at {result.scores[query]:.4f}",
            f"{_rebuild(evidence)} --kind sq8",
        )
        for query in missed
    ]
    value = f"{share:.4f}"
    detail = f"{len(rows) - len(missed)} of {len(rows)} rows find themselves"
    failed = not share >= floor
    return Measured(value, f">= {floor:g}", _shorten(findings) if failed else (), detail, share)


@implements("I008")
def check_recall(evidence: IndexEvidence) -> Measured:
    """I008: recall@k against exact search."""
    dataset, config = evidence.part.dataset, evidence.config
    k, limit = min(config.recall_at, len(dataset) - 1), f">= {config.recall:g}"
    if k < 1:
        message = f"expected at least 2 rows to search among, got {len(dataset)}"
        return Measured("no neighbours", limit, [Finding(str(dataset.path), message)])
    recall = recall_at(dataset, _answers(evidence), k)
    rng = np.random.default_rng(SEED)
    mean, lower = float(recall.mean()), lower_bound(recall, rng, alpha=ALPHA)
    findings = []
    if not lower >= config.recall:
        message = (
            f"recall@{k}: expected a lower bound of at least {config.recall:g}, got {lower:.4f} "
            f"(mean {mean:.4f} over {len(recall)} queries)"
        )
        findings.append(
            Finding(str(dataset.index_path), message, f"{_rebuild(evidence)} --kind sq8")
        )
    detail = f"recall@{k} {mean:.4f}, lower 95 % bound {lower:.4f}, {len(recall)} queries"
    return Measured(f"{lower:.4f}", limit, findings, detail, lower)


def _answers(evidence: IndexEvidence) -> Answers:
    """Search for rows drawn evenly over articles; the evidence keeps the answers for all checks."""
    kept = vars(evidence)
    if "answers" not in kept:
        dataset, rng = evidence.part.dataset, np.random.default_rng(SEED)
        rows = sample_rows(np.arange(len(dataset)), dataset.article_ids, QUERIES, rng)
        n = min(evidence.config.recall_at + 1, len(dataset))
        kept["answers"] = search_rows(_open(evidence), dataset, rows, n)
    answers: Answers = kept["answers"]
    return answers


def _open(evidence: IndexEvidence) -> OpenIndex:
    """Return the open index; the evidence keeps it, so that it is read once for all checks."""
    kept = vars(evidence)
    if "index" not in kept:
        kept["index"] = open_index(evidence.part.dataset.index_path)
    index: OpenIndex = kept["index"]
    return index


def _manifest(evidence: IndexEvidence) -> IndexManifest | None:
    """Return the record of the index, None where I001 reports that there is none."""
    try:
        return read_index_manifest(evidence.part.dataset.path)
    except DataError:
        return None


def _rebuild(evidence: IndexEvidence) -> str:
    """Return the command that builds the index again."""
    return f"{REBUILD} {evidence.part.dataset.path}"


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
