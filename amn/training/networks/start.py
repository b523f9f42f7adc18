"""Initial weights for networks that read their context through a bottleneck.

They start as a weighted mean of the context: projected to the hidden width, averaged, projected
back. A random projection of 768 numbers to 512 would lose a third of every vector; one along the
principal directions of the training rows loses a hundredth.

Letters: D numbers in a vector, H hidden width, K = min(H, D) directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from amn.data.sampling import evenly_spaced
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.training.networks.build import ModelSpec

FIT_ROWS = 40_000  # evenly spaced over the training rows; 50 for each of 768 directions
FIT_BLOCK = 2048


def start_as_mean(model: nn.Module, spec: ModelSpec, windows: Windows) -> None:
    """Give a network the initial weights of a weighted mean, from torch's current random state.

    Args:
        windows: Training windows; what is kept of a vector is fitted to their rows.

    Raises:
        ArgumentError: If it is a network that has no such weights.
    """
    if not hasattr(model, "start_as_mean"):
        raise ArgumentError(f"training.init: expected random for {spec.architecture}, got 'mean'")
    directions = torch.from_numpy(principal_directions(windows, spec.hidden_dim))
    model.start_as_mean(directions)  # type: ignore[operator]  # checked


def principal_directions(windows: Windows, n: int) -> NDArray[np.float32]:
    """Return the n orthonormal directions that keep most of the windows' rows, (K, D), best first.

    Eigenvectors of sum x x^T, not centred: a row loses the least that n directions can lose. Sums
    over blocks are float64, in row order.

    Args:
        n: At least 1; D directions are all there are.
    """
    dataset = windows.dataset
    rows = np.unique(windows.rows(slice(None)))
    rows = rows[evenly_spaced(len(rows), FIT_ROWS)]
    gram = np.zeros((dataset.dim, dataset.dim))
    for start in range(0, len(rows), FIT_BLOCK):
        block = dataset.gather(rows[start : start + FIT_BLOCK]).astype(np.float64)
        gram += block.T @ block
    _, vectors = np.linalg.eigh(gram)  # ascending
    directions: NDArray[np.float32] = vectors[:, ::-1][:, :n].T.astype(np.float32)
    return directions


def draw_projection(directions: Tensor, width: int) -> Tensor:
    """Return a projection P to `width` numbers, (H, D), whose way back is its transpose.

    P^T P projects onto the directions. A random rotation spreads every row evenly over the H
    numbers, each then about 1 / sqrt(H) of the row's length: small enough for a tanh to be linear.

    Args:
        directions: (K, D) orthonormal, K <= H.
    """
    rotation = directions.new_empty(width, len(directions))
    nn.init.orthogonal_(rotation)
    return rotation @ directions


def logit(share: float) -> float:
    """Return the bias at which a gate that reads nothing lets `share` through, 0 < share < 1."""
    return float(torch.logit(torch.tensor(share, dtype=torch.float64)))
