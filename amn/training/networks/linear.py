"""Predictors that are fitted in closed form, and their mixture with a network.

Letters: B windows, T context rows, D numbers in a vector, K parts of a mixture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WeightedMean(nn.Module):
    """A weighted mean of the context: raw = sum_t w_t x_t.

    Args:
        context: T.
    """

    def __init__(self, *, context: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full((context,), 1 / context))

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first.
        """
        mean: Tensor = torch.matmul(self.weights, context)
        return mean


class Ridge(nn.Module):
    """A weighted mean and a linear correction of it: raw = m + W [m, last].

    Args:
        dim: D.
        context: T.
    """

    def __init__(self, *, dim: int, context: int) -> None:
        super().__init__()
        self.weighted_mean = WeightedMean(context=context)
        self.correction = nn.Linear(2 * dim, dim, bias=False)
        nn.init.zeros_(self.correction.weight)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first.
        """
        mean: Tensor = self.weighted_mean(context)
        correction: Tensor = self.correction(torch.cat([mean, context[:, -1]], dim=-1))
        return mean + correction


class Stacked(nn.Module):
    """A network beside a ridge and its weighted mean, mixed by shares.

    raw = sum_k s_k p_k / |p_k| over the three, with s_k >= 0 that add up to 1 (Breiman 1996,
    "Stacked regressions"): a share of 1 for one of them is that one.
    """

    PARTS = ("network", "ridge", "weighted_mean")

    def __init__(self, network: nn.Module, *, dim: int, context: int) -> None:
        super().__init__()
        self.network = network
        self.ridge = Ridge(dim=dim, context=context)
        self.shares = nn.Parameter(torch.eye(len(self.PARTS))[0], requires_grad=False)

    def parts(self, context: Tensor) -> Tensor:
        """Return the unit-length predictions of the three, (B, K, D)."""
        raw = [self.network(context), self.ridge(context), self.ridge.weighted_mean(context)]
        return F.normalize(torch.stack(raw, dim=1), dim=-1)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first.
        """
        mixed: Tensor = torch.matmul(self.shares, self.parts(context))
        return mixed
