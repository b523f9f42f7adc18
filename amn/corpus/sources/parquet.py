"""Parquet with the columns of the public wikimedia/wikipedia set: id, url, title, text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from amn.corpus.sources.columns import COLUMNS, article_of, missing_columns
from amn.corpus.sources.source import Record, Scope
from amn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.corpus.articles import Article, Skipped

BATCH_ROWS = 256


class Parquet:
    """`.parquet`; columns id, title, text, and perhaps language. Others are not read."""

    name = "parquet"
    files = re.compile(r".+\.parquet")

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the rows of a file, `BATCH_ROWS` in memory at a time.

        Raises:
            DataError: If the file is damaged or lacks a column.
        """
        row = 0
        try:
            with pq.ParquetFile(file, pre_buffer=False) as parquet:
                names = parquet.schema_arrow.names
                if missing := missing_columns(names):
                    raise DataError(
                        file,
                        f"expected the columns id, title, text, got {', '.join(names)}."
                        f" Fix: rename or add {', '.join(missing)}",
                    )
                columns = [name for name in (*COLUMNS, "language") if name in names]
                for batch in parquet.iter_batches(BATCH_ROWS, columns=columns):
                    for values in batch.to_pylist():
                        row += 1
                        yield Record(row, f"{file.name}: row {row}", values)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                file,
                f"expected a whole parquet file, got one that cannot be read after row {row}"
                f" ({error}). Fix: fetch it again and compare its checksum",
            ) from error

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a row, or why there is none."""
        return article_of(record.raw, record.where, scope)
