"""The digest that was stored with each row when it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from amn.data.dataset import HASH_COLUMN, numbers
from amn.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet


def stored_digests(dataset: DataSet) -> NDArray[np.uint64] | DataError | None:
    """Return the digest of every row (N,), None without such a column, or why it is unreadable."""
    try:
        column = dataset.column(HASH_COLUMN)
        if column is None:
            return None
        if column.type != pa.uint64():
            return DataError(dataset.path, f"{HASH_COLUMN}: expected uint64, got {column.type}")
        if column.null_count:
            message = f"{HASH_COLUMN}: expected no nulls, got {column.null_count}"
            return DataError(dataset.path, message)
        return numbers(column, np.uint64)
    except DataError as error:
        return error
    except (OSError, pa.ArrowException) as error:
        return DataError(dataset.path, str(error))
