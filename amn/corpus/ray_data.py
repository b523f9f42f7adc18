"""Encoding on a cluster: Ray Data with actors that hold an encoder each."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Any

from amn.engines.ray import require_ray
from amn.errors import AmnError, EncodingError, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.corpus.tasks import EncodeRows


def encode_on_ray(
    task: EncodeRows, parts: Sequence[int], *, actors: int | None = None
) -> Iterator[int]:
    """Yield the rows of each part when it is finished.

    Args:
        actors: Encoders; None: one a GPU, or one for every four CPUs.
    """
    if not parts:
        return
    ray, data = require_ray(), require("ray.data", extra="ray")
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    resources = ray.cluster_resources()
    n_cpus, n_gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
    n_actors = min(actors or n_gpus or max(1, n_cpus // 4), len(parts))
    each = {"num_gpus": n_gpus / n_actors} if n_gpus else {"num_cpus": max(1, n_cpus // n_actors)}
    numbers = data.from_items([{"part": n} for n in parts], override_num_blocks=len(parts))
    encoded = numbers.map_batches(
        _EncoderActor,
        fn_constructor_args=(task,),
        batch_size=1,
        batch_format="numpy",
        compute=data.ActorPoolStrategy(size=n_actors),
        **each,
    )
    for row in encoded.iter_rows():
        if row["error"]:
            raise (
                OSError(int(row["errno"]), str(row["error"]))
                if row["errno"]
                else EncodingError(str(row["error"]))
            )
        yield int(row["rows"])


class _EncoderActor:
    """Holds one encoder and encodes the parts that it is given."""

    def __init__(self, task: EncodeRows) -> None:
        self._task = task

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return how many rows the part has, or why it failed: Ray Data keeps no exception."""
        (number,) = batch["part"]
        try:
            return {"rows": [self._task(int(number))], "error": [""], "errno": [0]}
        except AmnError as error:
            return {"rows": [0], "error": [str(error)], "errno": [0]}
        except OSError as error:  # a full disk, which `build_dataset` knows
            return {"rows": [0], "error": [str(error)], "errno": [error.errno or errno.EIO]}
