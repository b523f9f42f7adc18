"""The articles of a case as a golden keeps them, from the evidence of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.data.dataset import run_starts
from amn.data.sketch import sketch_articles, to_text
from amn.data.slices import in_slice
from amn.evaluation.statistics import tabulate
from amn.golden.schema import COSINE
from amn.golden.store import REFERENCES_KEPT
from amn.golden.table import IN_SLICE, Table, article_digests, rounded, windows_by_article
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
    limits = evidence["case"].config.criteria.limit
    slices = dict.fromkeys(item for limit in limits for item in (limit.slice or {}).items())
    found: dict[str, Table] = evidence.call(
        articles_of,
        values=columns,
        references=evaluations[0].references,
        slices=tuple(slices),
    )
    return found


def articles_of(
    splits: Mapping[str, Split],
    windows: Mapping[str, Windows],
    scans: Mapping[str, RowScan],
    values: Mapping[str, Mapping[str, NDArray[np.float64]]],
    references: Mapping[str, Mapping[str, NDArray[np.float64]]] | None,
    slices: Sequence[tuple[str, str]],
) -> dict[str, Table]:
    """Return the articles of every split, with sums over the windows of those that are judged.

    Args:
        values: split -> `METRIC.SEED` -> (N,) in the order of the split's windows; none of what is
            known.
        references: split -> reference predictor -> (N,) cosines as well; None: no sums at all.
        slices: Columns of the chunk table with the value that makes a slice, see `in_slice`: an
            article that one divides has a line for each part.
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
        columns: dict[str, NDArray[np.float64]] = {}
        cells = np.zeros(len(mine), np.int64)  # a bit a slice, the first one highest
        if name in EVALUATED and references is not None:
            kept = {f"{COSINE}.{r}": references[name][r] for r in REFERENCES_KEPT}
            columns = {**values.get(name, {}), **kept}
            for column, wanted in slices:
                cells = 2 * cells + in_slice(mine, column, wanted)
        keys = (np.searchsorted(articles, mine.article_ids) << len(slices)) + cells
        having, spans = windows_by_article(keys, mine.target_chunks)
        without = np.setdiff1d(np.arange(len(articles)), having >> len(slices)) << len(slices)
        lines = np.sort(np.concatenate([having, without]))  # the lines of golden.csv, in order
        at = lines >> len(slices)
        chunks = dict(zip(having.tolist(), spans, strict=True))
        tables[name] = Table(
            articles[at],
            tuple(chunks.get(line, "") for line in lines.tolist()),
            counts[at].astype(np.int64),
            tuple(digests[i] + to_text(sketches[i]) for i in order[at].tolist()),
            {
                f"{column}={wanted}": tuple(
                    IN_SLICE if bit else "" for bit in (lines >> place & 1).tolist()
                )
                for place, (column, wanted) in zip(
                    reversed(range(len(slices))), slices, strict=True
                )
            },
            _sums(lines, having, keys, columns),
        )
    return tables


def _sums(
    lines: NDArray[np.int64],
    having: NDArray[np.int64],
    keys: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Return the sums by line of each column, NaN for a line without windows.

    Args:
        lines: (L,) ascending.
        having: Those that have windows.
        keys: (N,) the line of each window.
    """
    if not columns:
        return {}
    values = {"values": np.stack(list(columns.values()))}
    found = rounded(tabulate(values, keys).by_label().sides[0])
    sums = np.full((len(columns), len(lines)), np.nan)
    sums[:, np.isin(lines, having)] = found
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
