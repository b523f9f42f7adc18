"""The articles of a case as a golden keeps them, from the evidence of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.data.dataset import run_starts
from amn.evaluation.statistics import tabulate
from amn.golden.schema import COSINE
from amn.golden.store import REFERENCES_KEPT
from amn.golden.table import Table, article_digests, rounded, windows_by_article
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from amn.evaluation.metrics import SplitScores
    from amn.gate.evidence import Evidence


def tables_of(evidence: Evidence, seeds: Sequence[int]) -> dict[str, Table]:
    """Return the articles of every split, with the sums of each seed and of reference predictors.

    Args:
        evidence: Of a gate that has scored one candidate a seed.
    """
    evaluations, measured = evidence["evaluations"], evidence["measured"]
    columns = {
        split: {
            f"{COSINE}.{s}": e.scores[split].cosines
            for s, e in zip(seeds, evaluations, strict=True)
        }
        | {
            f"{metric}.{s}": scores[split].of(metric)
            for metric in evidence["metrics"]
            for s, scores in zip(seeds, measured, strict=True)
        }
        for split in EVALUATED
    }
    return articles_of(evidence, columns, evaluations[0].references)


def articles_of(
    evidence: Evidence,
    values: Mapping[str, Mapping[str, NDArray[np.float64]]],
    references: Mapping[str, Mapping[str, NDArray[np.float64]]],
) -> dict[str, Table]:
    """Return the articles of every split, with sums over the windows of those that are judged.

    Args:
        evidence: Of everything before training.
        values: split -> `METRIC.SEED` -> (N,) in the order of the split's windows; none of what is
            known.
        references: split -> reference predictor -> (N,) cosines as well.
    """
    tables = {}
    for name in SPLITS:
        split, windows = evidence["splits"][name], evidence["windows"][name]
        rows = split.rows
        ids = split.dataset.article_ids[rows]
        starts = run_starts(ids)
        order = np.argsort(ids[starts], kind="stable")
        articles, counts = ids[starts][order], np.diff(np.append(starts, len(ids)))[order]
        digests = article_digests(evidence["scans"][name].hashes[rows], starts)
        having, spans = windows_by_article(windows.article_ids, windows.target_chunks)
        chunks = dict(zip(having.tolist(), spans, strict=True))
        columns = {}
        if name in EVALUATED:
            kept = {f"{COSINE}.{r}": references[name][r] for r in REFERENCES_KEPT}
            columns = {**values.get(name, {}), **kept}
        tables[name] = Table(
            articles,
            tuple(chunks.get(article, "") for article in articles.tolist()),
            counts.astype(np.int64),
            tuple(digests[i] for i in order),
            sums=_sums(articles, having, windows.article_ids, columns),
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
    values = {"values": np.stack(list(columns.values()))}
    found = rounded(tabulate(values, ids).by_label().sides[0])
    sums = np.full((len(columns), len(articles)), np.nan)
    sums[:, np.isin(articles, having)] = found
    return dict(zip(columns, sums, strict=True))


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
