"""Goldens with a defect, with every digest right but the one that is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.golden.compare import VectorChanges
from amn.golden.schema import COSINE, OF_PREDICTIONS, OF_ROWS, Ended, Golden, summarise
from amn.golden.store import read_golden, table_digest, write_golden
from amn.golden.table import RECALL, recall_sums, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.golden.schema import GoldenRecord, SplitMetrics
    from amn.golden.table import Table


CHANGED = VectorChanges(changed=(("ood", 1),))  # data that are others


def golden_of_articles(
    golden: Golden,
    kept: Mapping[str, NDArray[Any]],
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Golden:
    """Return a golden of some articles of each split, with every digest right.

    Args:
        kept: split -> ids of articles; a split that is not named keeps all.
        references: split -> reference predictor -> its mean cosine on their windows; None: as their
            sums have it, or where there are none, what they scored on all of them.
    """
    tables = {
        name: table.take(np.isin(table.articles, kept[name])) if name in kept else table
        for name, table in golden.tables.items()
    }
    return with_tables(golden, tables, references or {})


def with_tables(
    golden: Golden,
    tables: Mapping[str, Table],
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Golden:
    """Return a golden with other tables, and the means and digests that follow."""
    old = golden.record
    by_metric: dict[str, dict[str, SplitMetrics]] = {}
    for metric, name, m in (
        (metric, name, m) for metric, splits in old.by_metric.items() for name, m in splits.items()
    ):
        judged = tables[name].judged()
        n = judged.sizes.sum()
        own = {r: judged.sums.get(f"{metric}.{r}") for r in m.references}
        means = {r: float(sums.sum() / n) for r, sums in own.items() if sums is not None}
        given = (references or {}).get(name, {}) if metric == COSINE else {}
        by_metric.setdefault(metric, {})[name] = summarise(
            tables[name],
            old.seeds,
            se=m.se,
            references={**m.references, **given, **means},
            metric=metric,
            better=m.better,
        )
    digests = old.digests.model_copy(update={"table": table_digest(tables)})
    changes = {"by_metric": by_metric, "digests": digests, "recall": _recall_of(old, tables)}
    return Golden(old.model_copy(update=changes), tables)


def _recall_of(record: GoldenRecord, tables: Mapping[str, Table]) -> dict[str, dict[str, float]]:
    """Return the figures of recall with the means that tables give."""
    found = {name: dict(figures) for name, figures in record.recall.items()}
    for name, figures in found.items():
        for asked in {OF_ROWS, OF_PREDICTIONS} & {*figures}:
            sums = recall_sums(tables, name, record.asked_seeds(asked))
            figures[asked] = sums.mean if sums else figures[asked]
    return found


def moved(golden: Golden, *, by: float, metric: str = COSINE) -> Golden:
    """Return a golden of which a metric is higher by so much in every window of every split."""
    seeds = {f"{metric}.{seed}" for seed in golden.record.seeds}
    tables = {
        name: replace(
            table,
            sums={
                column: sums + by * table.sizes if column in seeds else sums
                for column, sums in table.sums.items()
            },
        )
        for name, table in golden.tables.items()
    }
    return with_tables(golden, tables)


def with_exchanged_articles(golden: Golden) -> Golden:
    """Return a golden in which two OOD articles have changed places: the easiest and the hardest.

    Each keeps its windows and has the means of the other.
    """
    table = golden.tables["ood"]
    means = {name: values / np.maximum(table.sizes, 1) for name, values in table.sums.items()}
    last = means[f"{COSINE}.last"]
    places = np.arange(len(table.articles))
    hard, easy = np.nanargmin(last), np.nanargmax(last)
    places[[hard, easy]] = easy, hard
    sums = {
        name: rounded(values[places] * table.sizes)
        for name, values in means.items()
        if not name.startswith(RECALL)
    }
    kept = {
        name: np.where(places == np.arange(len(places)), values, sums.get(name, values))
        for name, values in table.sums.items()
    }
    vectors = tuple(table.vectors[place] for place in places)
    ood = replace(table, sums=kept, vectors=vectors)
    return with_tables(golden, {**golden.tables, "ood": ood})


def with_record(copy: CaseCopy, change: Callable[[GoldenRecord], dict[str, Any]]) -> None:
    """Give the golden of a copy other fields of its record.

    Args:
        change: Returns the fields that differ.
    """
    golden = read_golden(copy.folder)
    record = golden.record.model_copy(update=change(golden.record))
    write_golden(copy.folder, Golden(record, golden.tables))


def with_checks(record: GoldenRecord, labels: Mapping[str, Ended]) -> GoldenRecord:
    """Return a record of other checks of the result; those of the data stay."""
    data = {label: ended for label, ended in record.ended.data.items() if label in labels}
    result = {label: ended for label, ended in labels.items() if label not in data}
    ended = record.ended.model_copy(update={"data": data, "result": result})
    return record.model_copy(update={"ended": ended})


def with_check(copy: CaseCopy, label: str) -> None:
    """Give the golden of a copy one more check."""
    golden = read_golden(copy.folder)
    record = with_checks(golden.record, {**golden.record.checks, label: Ended()})
    write_golden(copy.folder, Golden(record, golden.tables))


def accept_lower(copy: CaseCopy, *, by: float, metric: str = COSINE) -> None:
    """Accept a golden of which a metric is lower, in every window of every split."""
    write_golden(copy.folder, moved(read_golden(copy.folder), by=-by, metric=metric))
