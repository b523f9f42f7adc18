"""Reference predictors: what a network must beat to have learned anything.

Letters: N windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amn.data.sampling import evenly_spaced
from amn.data.vectors import unit_rows
from amn.evaluation.measuring import Measuring
from amn.evaluation.metrics import REFERENCES, cosine_rows
from amn.system import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.evaluation.metric import Metric


FIT_WINDOWS = (
    40_000  # evenly spaced over the training windows: fits change by less than 1e-3 beyond
)
FIT_BLOCK = 2048
RIDGE_SHARE = 10.0  # penalty, in mean eigenvalues of the inputs' Gram matrix


@dataclass(frozen=True)
class References:
    """Fitted reference predictors.

    Attributes:
        center: (D,) float64 mean of the training targets.
        weights: (T,) float64 least-squares weights of the context positions.
        ridge: (2D, D) float32 linear correction of the weighted mean, from [weighted mean, last].
    """

    center: NDArray[np.float64]
    weights: NDArray[np.float64]
    ridge: NDArray[np.float32]

    def predict(self, context: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        """Return every reference's unit-length predictions: name -> (N, D) float64.

        Args:
            context: (N, T, D) unit rows, oldest first.
        """
        predicted = self.directions(context)
        return {name: unit_rows(rows.astype(np.float64)) for name, rows in predicted.items()}

    def directions(self, context: NDArray[np.float32]) -> Mapping[str, NDArray[np.floating]]:
        """Return the same of any length: name -> (N, D)."""
        n, length, dim = context.shape
        return self.directions_of(context.reshape(n * length, dim), np.arange(n) * length)

    def directions_of(
        self, rows: NDArray[np.float32], firsts: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.floating]]:
        """Return the same of windows that share rows: name -> (N, D).

        Args:
            rows: (n, D), at least T.
            firsts: (N,) where each window begins in them, see `Windows.shared`.
        """
        length = len(self.weights)
        every = sliding_window_view(rows, length, axis=0).swapaxes(1, 2)  # (n - T + 1, T, D) views
        mean = (every.sum(axis=1) / np.float32(length))[firsts]  # twice as fast as mean()
        weighted = (self.weights.astype(np.float32) @ every)[firsts]
        last = rows[firsts + length - 1]
        return {
            "constant": np.broadcast_to(self.center, last.shape),
            "last": last,
            "mean": mean,
            "weighted_mean": weighted,
            "ridge": weighted + np.hstack([weighted, last]) @ self.ridge,
        }


def fit_references(windows: Windows) -> References:
    """Fit the reference predictors to training windows.

    Weights solve min |sum_t w_t x_t - y|^2. Ridge solves min |m + [m, last] W - y|^2 + p |W|^2
    with m the weighted mean, so that a large penalty ends at m and not at zero. Both use at most
    `FIT_WINDOWS` windows; sums over blocks are float64, in window order.

    Args:
        windows: At least one window.
    """
    some = windows.take(evenly_spaced(len(windows), FIT_WINDOWS))
    center, weights = fit_weights(some)
    return References(center, weights, fit_ridge(some, weights, [RIDGE_SHARE])[0])


def row_blocks(windows: Windows) -> Iterator[NDArray[np.float32]]:
    """Yield the rows of windows, some at a time: (B, T + 1, D), the target last."""
    yield from map(windows.gather, _blocks(windows))


def _blocks(windows: Windows) -> Iterator[slice]:
    return (slice(start, start + FIT_BLOCK) for start in range(0, len(windows), FIT_BLOCK))


def fit_weights(windows: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean target (D,) and the least-squares weights of the context positions (T,)."""
    center = np.zeros(windows.dataset.dim)
    # Of each position with all positions and the target.
    products = np.zeros((windows.context, windows.context + 1))
    for rows in row_blocks(windows):
        center += rows[:, -1].sum(axis=0, dtype=np.float64)
        products += np.matmul(rows[:, :-1], rows.transpose(0, 2, 1)).sum(axis=0, dtype=np.float64)
    solution = np.linalg.lstsq(products[:, :-1], products[:, -1], rcond=None)[0]
    return center / len(windows), np.asarray(solution, np.float64)


def fit_ridge(
    windows: Windows, weights: NDArray[np.float64], shares: Sequence[float]
) -> list[NDArray[np.float32]]:
    """Return the linear correction of the weighted mean for each penalty: (2D, D), from one pass.

    Args:
        weights: (T,) of the weighted mean.
        shares: Penalties, in mean eigenvalues of the inputs' Gram matrix.
    """
    from scipy.linalg import solve  # noqa: PLC0415 - takes 0.25 s to load

    def products(block: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = windows.gather(block)
        weighted, inputs = linear_inputs(rows[:, :-1], weights)
        return inputs.T @ inputs, inputs.T @ (rows[:, -1] - weighted)

    dim = windows.dataset.dim
    gram, cross = np.zeros((2 * dim, 2 * dim)), np.zeros((2 * dim, dim))
    for block_gram, block_cross in in_threads(products, _blocks(windows)):
        gram += block_gram
        cross += block_cross
    diagonal, unit = gram.diagonal().copy(), np.trace(gram) / len(gram)
    found = []
    for share in shares:
        np.fill_diagonal(gram, diagonal + share * unit)
        found.append(solve(gram, cross, assume_a="pos").astype(np.float32))
    return found


def linear_inputs(
    context: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weighted mean (N, D) and [weighted mean, last] (N, 2D) of contexts (N, T, D)."""
    weighted = np.matmul(weights.astype(np.float32), context)
    return weighted, np.concatenate([weighted, context[:, -1]], axis=-1)


BATCH_WINDOWS = 512  # what is made of them stays near a core


def score_references(
    references: References, windows: Windows, *, batch: int = BATCH_WINDOWS
) -> dict[str, NDArray[np.float64]]:
    """Return every reference predictor's cosine on every window: name -> (N,) float64."""
    found = {name: np.empty(len(windows)) for name in REFERENCES if len(windows)}

    def score(start: int) -> None:
        piece = slice(start, start + batch)
        rows, firsts = windows.shared(piece)
        target = rows[firsts + windows.context].astype(np.float64)
        for name, predicted in references.directions_of(rows, firsts).items():
            found[name][piece] = cosine_rows(predicted, target)

    for _ in in_threads(score, range(0, len(windows), batch)):
        pass
    return found


def measure_references(
    references: References,
    windows: Windows,
    asked: Mapping[str, Metric],
    *,
    batch: int = BATCH_WINDOWS,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return what metrics give every reference predictor: metric -> name -> (N,).

    Predictions have length 1 where the rows have, else the length that they come with.
    """
    found = {name: Measuring(windows, asked) for name in REFERENCES}

    def measure(start: int) -> None:
        rows, firsts = windows.shared(slice(start, start + batch))
        at = np.arange(start, start + len(firsts))
        for name, direction in references.directions_of(rows, firsts).items():
            predicted = direction
            if windows.dataset.normalised:
                predicted = unit_rows(direction.astype(np.float64))
            found[name].add(at, predicted.astype(np.float32))

    for _ in in_threads(measure, range(0, len(windows), batch)):
        pass
    return {metric: {name: one.values[metric] for name, one in found.items()} for metric in asked}
