"""Windows as files: what has to be predicted, and what a function predicts for them.

Letters: N windows, B of a batch, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from amn.case.config import EVALUATED
from amn.errors import ArgumentError
from amn.evaluation.prediction_files import PREDICTION, WINDOW
from amn.storage import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from amn.data.windows import Windows

BATCH_ROWS = 4096  # 12 MB of float32 at D = 768
EVALUATED_ONLY = frozenset(EVALUATED)


def write_windows(path: Path, chosen: Mapping[str, Windows], *, with_vectors: bool = False) -> int:
    """Write windows as a .parquet or .csv file, a row a window, and return how many.

    Columns: `window` name, `split`, `article_id`, `data_set` (the folder's name), `context_rows`
    (T row numbers in it, oldest first) and `target_row`. With vectors also `context` (T lists of D
    float32) and `target`, which is null where the split is judged.

    A .csv has a column a number instead of a list: `context_row_0`, `context_0_0` (step, number),
    `target_0`; no target at all where every split is judged.

    Args:
        chosen: split -> windows.
    """
    first = next(iter(chosen.values()))
    vector = pa.list_(pa.float32(), first.dataset.dim)
    fields: dict[str, Any] = {
        WINDOW: pa.string(),
        "split": pa.string(),
        "article_id": pa.array(first.article_ids[:0]).type,
        "data_set": pa.string(),
        "context_rows": pa.list_(pa.int64(), first.context),
        "target_row": pa.int64(),
    }
    if with_vectors:
        fields |= {"context": pa.list_(vector, first.context), "target": vector}
    schema = pa.schema(list(fields.items()))
    as_lists = path.suffix != ".csv"
    has_target = not EVALUATED_ONLY.issuperset(chosen)

    def shaped(table: pa.Table) -> pa.Table:
        if as_lists:
            return table
        return _flat(table if has_target or not with_vectors else table.drop_columns(["target"]))

    shape = shaped(schema.empty_table()).schema
    opened = parquet.ParquetWriter if as_lists else csv.CSVWriter
    with atomic_path(path) as temporary, opened(temporary, shape) as writer:
        for split, windows in chosen.items():
            for start in range(0, len(windows), BATCH_ROWS):
                part = windows.take(slice(start, start + BATCH_ROWS))
                columns = _columns(split, part, schema, with_vectors=with_vectors)
                writer.write_table(shaped(pa.table(columns, schema=schema)))
    return sum(map(len, chosen.values()))


def _flat(table: pa.Table) -> pa.Table:
    """Return a table with a column for each place of its lists of one size."""
    columns: dict[str, Any] = {}

    def add(name: str, column: Any) -> None:  # noqa: ANN401 - an Arrow array
        if not pa.types.is_fixed_size_list(column.type):
            columns[name] = column
            return
        size, n = column.type.list_size, len(column)
        is_hidden = column.null_count > 0  # all of a batch is of one split
        inner = pa.nulls(n * size, column.type.value_type) if is_hidden else column.flatten()
        for place in range(size):
            add(f"{name}_{place}", inner.take(pa.array(np.arange(place, n * size, size))))

    for name in table.column_names:
        add(name.replace("_rows", "_row"), table[name].combine_chunks())
    return pa.table(columns)


def write_predictions(
    path: Path, judged: Mapping[str, Windows], predict: Callable[[NDArray[np.float32]], ArrayLike]
) -> int:
    """Write the predictions of a function for windows as a .parquet file; return how many.

    Args:
        predict: Contexts (B, T, D) float32, oldest first -> predictions (B, D).

    Raises:
        ArgumentError: If they are not (B, D).
    """
    dim = next(iter(judged.values())).dataset.dim
    schema = pa.schema({WINDOW: pa.string(), PREDICTION: pa.list_(pa.float32(), dim)})
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for windows in judged.values():
            names = windows.names()
            for start, _, made in predicted(windows, predict):
                columns = [names.slice(start, len(made)), _lists(pa.array(made.ravel()), dim)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    return sum(map(len, judged.values()))


def predicted(
    windows: Windows, predict: Callable[[NDArray[np.float32]], ArrayLike]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (start, (B, T + 1, D) rows, (B, D) predictions) of a function, in window order.

    Args:
        predict: Contexts (B, T, D) float32, oldest first -> predictions (B, D).

    Raises:
        ArgumentError: If they are not (B, D).
    """
    for start in range(0, len(windows), BATCH_ROWS):
        rows = windows.gather(slice(start, start + BATCH_ROWS))
        made = np.asarray(predict(rows[:, :-1]), np.float32)
        if made.shape != rows[:, -1].shape:
            raise ArgumentError(
                f"predictions: expected {rows[:, -1].shape}, got {made.shape}. Fix: return one "
                "vector a context"
            )
        yield start, rows, made


def _columns(
    split: str, windows: Windows, schema: pa.Schema, *, with_vectors: bool
) -> dict[str, Any]:
    """Return the columns of some windows."""
    n = len(windows)
    rows = windows.rows(slice(None))
    columns: dict[str, Any] = {
        WINDOW: windows.names(),
        "split": [split] * n,
        "article_id": pa.array(windows.article_ids),
        "data_set": [windows.dataset.path.name] * n,
        "context_rows": _lists(pa.array(rows[:, :-1].ravel()), windows.context),
        "target_row": windows.targets,
    }
    if with_vectors:
        vectors = windows.gather(slice(None))
        dim = vectors.shape[-1]
        context = _lists(pa.array(vectors[:, :-1].ravel()), dim)
        columns["context"] = _lists(context, windows.context)
        target = _lists(pa.array(vectors[:, -1].ravel()), dim)
        hidden = pa.nulls(n, schema.field("target").type)
        columns["target"] = hidden if split in EVALUATED else target
    return columns


def _lists(numbers: Any, size: int) -> Any:  # noqa: ANN401 - Arrow arrays of any kind
    """Return numbers as lists of one size."""
    return pa.FixedSizeListArray.from_arrays(numbers, size)
