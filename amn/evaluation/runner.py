"""Scoring a model: every window's cosine, in order, in float64.

Letters: N windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amn.evaluation.measuring import Measuring
from amn.evaluation.metric import kept_metrics
from amn.evaluation.metrics import Scoring, cosine_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric
    from amn.evaluation.metrics import SplitScores


BATCH_WINDOWS = 1024


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run torch's operations in the block with `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def few_predictions(model: nn.Module) -> Iterator[None]:
    """Ready a model for the predictions of a sample: too few to share out among threads."""
    model.eval()
    with torch_threads(1), torch.inference_mode():
        yield


def score(
    model: nn.Module,
    windows: Windows,
    *,
    batch: int = BATCH_WINDOWS,
    asked: Mapping[str, Metric] | None = None,
) -> SplitScores:
    """Score a model on windows, through the public path, in window order.

    Args:
        model: Maps (B, T, D) contexts to raw predictions (B, D); put in evaluation mode here.
        batch: Windows at a time; changes no cosine by more than 1e-6.
        asked: Metrics to measure beside the cosine, by name.
    """
    return PartScoring(model, windows, batch=batch, asked=asked).scores()


class PartScoring:
    """Scores of a model on windows, some at a time: each window is predicted once.

    Args:
        batch: As of `score`: windows that are in other batches have cosines within 1e-6.
    """

    def __init__(
        self,
        model: nn.Module,
        windows: Windows,
        *,
        batch: int = BATCH_WINDOWS,
        asked: Mapping[str, Metric] | None = None,
    ) -> None:
        self._model, self._windows, self._batch = model, windows, batch
        self._scoring = Scoring(windows, asked=asked)
        self._is_left = np.ones(len(windows), np.bool_)

    def of(self, chosen: NDArray[np.bool_]) -> SplitScores:
        """Return the scores of some windows, in their order.

        Args:
            chosen: (N,).
        """
        self._predict(chosen)
        return self._scoring.of(chosen)

    def scores(self) -> SplitScores:
        """Return the scores of all windows."""
        self._predict(self._is_left)
        return self._scoring.scores()

    def _predict(self, chosen: NDArray[np.bool_]) -> None:
        """Predict those of some windows that were not, in window order."""
        at = np.flatnonzero(chosen & self._is_left)
        windows = self._windows.take(at)
        for start, rows, predicted in _predictions(self._model, windows, self._batch):
            self._scoring.add(at[start : start + len(rows)], predicted)
        self._is_left[at] = False


def _predictions(
    model: nn.Module, windows: Windows, batch: int
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (start, (B, T + 1, D) rows, (B, D) predictions) in window order."""
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(windows), batch):
            rows = torch.from_numpy(windows.gather_stored(slice(start, start + batch))).float()
            yield start, rows.numpy(), predict(model, rows[:, :-1]).numpy()


def predict(model: nn.Module, context: Tensor) -> Tensor:
    """Return unit-length predictions, (B, D): the one public path from a model to a prediction.

    Args:
        context: (B, T, D) unit rows, oldest first, on the model's device.
    """
    return F.normalize(model(context), dim=-1)


def predict_windows(model: nn.Module, windows: Windows) -> NDArray[np.float32]:
    """Return the predictions for windows, through the public path: (N, D) unit rows."""
    return np.concatenate([made for _, _, made in _predictions(model, windows, BATCH_WINDOWS)])


def is_permutation_invariant(model: nn.Module) -> bool:
    """Tell whether a network declares that the order of its context changes nothing."""
    return bool(getattr(model, "permutation_invariant", False))


def path_difference(
    model: nn.Module,
    windows: Windows,
    chosen: NDArray[np.int64],
    *,
    training_cosine: Callable[[Tensor, Tensor], Tensor],
) -> float:
    """Return the largest difference in cosine between the ways to one prediction.

    The public path on a batch, the public path on single windows, and the training loss's cosine on
    raw output: a feature computed differently in one of them shows here.

    Args:
        chosen: Positions of at least one window.
        training_cosine: What the training loop computes from raw output (B, D) and target (B, D).
    """
    rows = windows.gather(chosen)
    target = torch.from_numpy(rows[:, -1])
    context = torch.from_numpy(rows[:, :-1])
    with few_predictions(model):
        batch = cosine_rows(predict(model, context).numpy(), rows[:, -1])
        single = [predict(model, context[i : i + 1]).numpy() for i in range(len(rows))]
        alone = cosine_rows(np.concatenate(single), rows[:, -1])
        trained = training_cosine(model(context), target).double().numpy()
    return float(max(np.abs(batch - alone).max(), np.abs(batch - trained).max()))


def rescore(
    model: nn.Module,
    windows: Windows,
    chosen: NDArray[np.int64],
    recorded: Collection[str] = (),
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Score some windows anew through the public path.

    Args:
        recorded: Names of metrics; those that a run keeps are measured as well.

    Returns:
        (n,) float64 cosines, and the values of each of those metrics, likewise.
    """
    rows = windows.gather(chosen)
    with few_predictions(model):
        predicted = predict(model, torch.from_numpy(rows[:, :-1])).numpy()
    known = {name: one for name, one in kept_metrics().items() if name in recorded}
    measuring = Measuring(windows, known)
    measuring.add(chosen, predicted)
    values = {name: values[chosen] for name, values in measuring.values.items()}
    return cosine_rows(predicted, rows[:, -1]), values


def metric_self_test(
    windows: Windows,
    chosen: NDArray[np.int64],
    *,
    metric: Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.float64]],
    seed: int,
) -> dict[str, float]:
    """Return what a metric gives predictors whose score is known.

    `oracle` (the target itself) must be 1, `opposite` -1, `random` near 0, `copy` equal to the mean
    similarity of adjacent rows, which `adjacent` computes without windows.

    Args:
        chosen: Positions of at least two windows.
        metric: Cosines (n,) of two matrices (n, D), row by row.
    """
    rows = windows.gather(chosen)
    target = rows[:, -1]
    noise = np.random.default_rng(seed).standard_normal(target.shape)
    row = windows.starts[chosen] + windows.context
    pairs = np.asarray(windows.dataset.gather(np.stack([row - 1, row])), np.float64)
    lengths = np.linalg.norm(pairs, axis=-1)
    adjacent = (pairs[0] * pairs[1]).sum(axis=-1) / (lengths[0] * lengths[1])
    return {
        "oracle": float(metric(target, target).min()),
        "opposite": float(metric(-target, target).max()),
        "random": float(metric(noise, target).mean()),
        "copy": float(metric(rows[:, -2], target).mean()),
        "adjacent": float(adjacent.mean()),
    }
