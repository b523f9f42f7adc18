"""An evaluation on disk: `cosines.npz`, window by window, and `evaluation.json`, the figures."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.vectors import NPY_ERRORS
from amn.errors import DataError, in_words, mended_by
from amn.evaluation.metrics import METRIC_VERSION, REFERENCES, SplitScores
from amn.evaluation.statistics import cluster_interval
from amn.storage import (
    ZIP_ERRORS,
    finite,
    parse_json,
    read_whole,
    require_no_bomb,
    sha256_of,
    stored_member,
    write_bytes,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


# A plain .npy has no context manager: TypeError.
DAMAGED = (*ZIP_ERRORS, *NPY_ERRORS, TypeError, AttributeError)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of an .npz with these arrays, in the order given: the same everywhere."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            plain = np.ascontiguousarray(array)
            np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
            archive.writestr(stored_member(f"{name}.npy"), member.getvalue())
    return buffer.getvalue()


def unpack_arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz.

    Args:
        path: Where the bytes came from, for messages.

    Raises:
        DataError: If it is not a whole .npz of plain numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            require_no_bomb(path, packed)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except DAMAGED as error:
        raise DataError(path, f"expected an .npz of plain numbers, got: {error}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # the bytes of a member without header
            raise DataError(path, f"{name}: expected an array, got {type(array).__name__}")
    return arrays


MOST_SCORE_BYTES = 1 << 30  # ten numbers a window, of ten million windows
COSINES_FILE, EVALUATION_FILE = "cosines.npz", "evaluation.json"
GEOMETRY = ("norm_error", "rank", "target_rank")
OF_METRIC = "_metric_"  # between the names of a split and of a metric beside the cosine
INTERVAL_SEED = 0  # of the bootstrap in evaluation.json: the same scores give the same file


@dataclass(frozen=True)
class Evaluation:
    """A model's scores and, window by window, those of the reference predictors.

    Attributes:
        scores: split -> scores.
        references: split -> reference predictor -> (N,) float64 cosines, aligned with the scores.
    """

    scores: dict[str, SplitScores]
    references: dict[str, dict[str, NDArray[np.float64]]]


def save_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write both files, each atomically."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, split in evaluation.scores.items():
        arrays[f"{name}_cosines"] = split.cosines
        arrays[f"{name}_copy_cosines"] = split.copy_cosines
        arrays[f"{name}_article_ids"] = split.article_ids
        arrays[f"{name}_target_chunks"] = split.target_chunks
        for metric, values in split.values.items():
            arrays[f"{name}{OF_METRIC}{metric}"] = values
        for reference in REFERENCES:
            arrays[f"{name}_reference_{reference}"] = evaluation.references[name][reference]
    content = pack_arrays(arrays)
    write_bytes(folder / COSINES_FILE, content)
    figures = {name: _figures(evaluation, name) for name in evaluation.scores}
    write_json(
        folder / EVALUATION_FILE,
        {
            "schema": 1,
            "metric_version": METRIC_VERSION,
            "cosines_sha256": sha256_of(content),
            "splits": figures,
        },
    )


@mended_by("train it again: amn train CASE --out FOLDER")
def load_evaluation(folder: Path) -> Evaluation:
    """Read both files and verify that they belong together.

    Raises:
        DataError: If one is missing, damaged, changed, or made with another metric.
    """
    path, cosines = folder / EVALUATION_FILE, folder / COSINES_FILE
    try:
        info = parse_json(read_whole(path))
        content = read_whole(cosines, most=MOST_SCORE_BYTES)
        splits, digest, version = info["splits"], info["cosines_sha256"], info["metric_version"]
    except FileNotFoundError as error:
        raise DataError(path, f"expected an evaluation, found no {error.filename}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(path, f"expected an evaluation, got: {in_words(error)}") from error
    if version != METRIC_VERSION:
        raise DataError(path, f"expected metric version {METRIC_VERSION}, got {version}")
    if sha256_of(content) != digest:
        raise DataError(
            cosines, f"expected sha256 {str(digest)[:12]}…, got {sha256_of(content)[:12]}…"
        )
    arrays = unpack_arrays(content, cosines)
    try:
        geometry = {
            name: {k: np.nan if figures[k] is None else float(figures[k]) for k in GEOMETRY}
            for name, figures in splits.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            path, f"expected the figures of each split, got: {in_words(error)}"
        ) from error
    try:
        scores = {
            name: SplitScores(
                cosines=arrays[f"{name}_cosines"],
                copy_cosines=arrays[f"{name}_copy_cosines"],
                article_ids=arrays[f"{name}_article_ids"],
                target_chunks=arrays[f"{name}_target_chunks"],
                norm_error=figures["norm_error"],
                rank=figures["rank"],
                target_rank=figures["target_rank"],
                values={
                    array.removeprefix(name + OF_METRIC): values
                    for array, values in arrays.items()
                    if array.startswith(name + OF_METRIC)
                },
            )
            for name, figures in geometry.items()
        }
        references = {
            name: {ref: arrays[f"{name}_reference_{ref}"] for ref in REFERENCES} for name in scores
        }
    except KeyError as error:
        raise DataError(cosines, f"expected the array {error}, found none") from error
    return Evaluation(scores, references)


def _figures(evaluation: Evaluation, name: str) -> dict[str, Any]:
    """Return one split's figures; JSON has no NaN, so a number that is not finite becomes null."""
    split = evaluation.scores[name]
    is_sound = len(split.cosines) > 0 and bool(np.isfinite(split.cosines).all())
    interval = (
        cluster_interval(split.cosines, split.article_ids, seed=INTERVAL_SEED) if is_sound else None
    )
    values: dict[str, Any] = {
        "windows": len(split.cosines),
        "articles": len(np.unique(split.article_ids)),
        "mean": split.mean,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "standard_error": interval.se if interval else None,
        **{key: getattr(split, key) for key in GEOMETRY},
    }
    references = evaluation.references[name].items()
    values["references"] = {reference: float(cosines.mean()) for reference, cosines in references}
    figures: dict[str, Any] = finite(values)
    return figures
