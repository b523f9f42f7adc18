"""The articles of a case as a golden keeps them, from the evidence of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.data.dataset import run_starts
from amn.data.sketch import sketch_articles, to_text
from amn.evaluation.statistics import tabulate
from amn.golden.schema import COSINE
from amn.golden.store import REFERENCES_KEPT
from amn.golden.table import Table, article_digests, rounded, windows_by_article
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from amn.data.scan import RowScan
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.evaluation.metrics import SplitScores
    from amn.gate.evidence import Evidence


def tables_of(evidence: Evidence, seeds: Sequence[int]) -> dict[str, Table]:
    """Return the articles of every split, with the sums of each seed and of reference predictors.

    Args:
        evidence: Of a gate that has scored one candidate a seed.
    """
    evaluations = evidence["evaluations"]
    cosines = {
        split: {str(s): e.scores[split].cosines for s, e in zip(seeds, evaluations, strict=True)}
        for split in EVALUATED
    }
    found: dict[str, Table] = evidence.call(
        articles_of, cosines=cosines, references=evaluations[0].references
    )
    return found


def articles_of(
    splits: Mapping[str, Split],
    windows: Mapping[str, Windows],
    scans: Mapping[str, RowScan],
    cosines: Mapping[str, Mapping[str, NDArray[np.float64]]],
    references: Mapping[str, Mapping[str, NDArray[np.float64]]] | None,
) -> dict[str, Table]:
    """Return the articles of every split, with sums over the windows of those that are judged.

    Args:
        cosines: split -> seed -> (N,) in the order of the split's windows; none of what is known.
        references: split -> reference predictor -> (N,) as well; None: no sums at all.
    """
    tables = {}
    for name in SPLITS:
        split, mine, scan = splits[name], windows[name], scans[name]
        rows = split.rows
        ids = split.dataset.article_ids[rows]
        starts = run_starts(ids)
        order = np.argsort(ids[starts], kind="stable")
        articles, counts = ids[starts][order], np.diff(np.append(starts, len(ids)))[order]
        digests = article_digests(scan.hashes[rows], starts)
        sketches = sketch_articles(scan.sketches[rows], starts)
        having, spans = windows_by_article(mine.article_ids, mine.target_chunks)
        chunks = dict(zip(having.tolist(), spans, strict=True))
        columns = {}
        if name in EVALUATED and references is not None:
            columns = {**cosines.get(name, {}), **{r: references[name][r] for r in REFERENCES_KEPT}}
        tables[name] = Table(
            articles,
            tuple(chunks.get(article, "") for article in articles.tolist()),
            counts.astype(np.int64),
            tuple(digests[i] + to_text(sketches[i]) for i in order.tolist()),
            sums=_sums(articles, having, mine.article_ids, columns),
        )
    return tables


def _sums(
    articles: NDArray[Any],
    having: NDArray[Any],
    ids: NDArray[Any],
    columns: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Return the sums by article of each column, NaN for an article without windows."""
    if not columns:
        return {}
    values = {COSINE: np.stack(list(columns.values()))}
    found = rounded(tabulate(values, ids).by_label().sides[0])
    sums = np.full((len(columns), len(articles)), np.nan)
    sums[:, np.isin(articles, having)] = found
    return {f"{COSINE}.{name}": row for name, row in zip(columns, sums, strict=True)}


def windows_digest(scores: Mapping[str, SplitScores]) -> str:
    """Return one digest for the ids of all judged windows."""
    ids = {
        name: [scores[name].article_ids.tolist(), scores[name].target_chunks.tolist()]
        for name in EVALUATED
    }
    return sha256_of(canonical_json(ids))


def ids_are(tables: Mapping[str, Table]) -> Literal["int64", "string"]:
    """Return what ids of articles are: numbers, or names."""
    return "int64" if all(t.articles.dtype.kind == "i" for t in tables.values()) else "string"
