"""The GRU sibling: 7,095,552 parameters at D = 768, width 512 and four blocks.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from amn.training.networks.start import draw_projection, logit

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of the first block when it starts as a mean. With what it adds to, the five positions then have
# weights .12 .14 .16 .19 .40; on wiki-mini .15 .14 .15 .20 .35 would be best.
KEPT = 0.85  # share of its state that a GRU keeps a step
MEAN_GAIN = 8.0  # the mean is that much larger than the row it is added to
SMALL = 0.5  # of the inward projection: what enters a tanh is then about 0.2


class ResidualBlock(nn.Module):
    """A GRU over the sequence, added to what it read: LayerNorm(x + dropout(GRU(x)))."""

    def __init__(self, *, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(hidden_dim, hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, H) of (B, T, H)."""
        normed: Tensor = self.norm(x + self.dropout(self.gru(x)[0]))
        return normed


class GRUPredictor(nn.Module):
    """Linear to H, residual GRU blocks, Linear back from the last position.

    Args:
        layers: Number of blocks.
        dropout: On what each block adds.
    """

    def __init__(
        self, *, dim: int, hidden_dim: int = 512, layers: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.inward = nn.Linear(dim, hidden_dim)
        self.blocks = nn.Sequential(
            *(ResidualBlock(hidden_dim=hidden_dim, dropout=dropout) for _ in range(layers))
        )
        self.outward = nn.Linear(hidden_dim, dim)

    def start_as_mean(self, directions: Tensor) -> None:
        """Set the weights so that the network predicts a recency-weighted mean of its context.

        The first block averages; the others add nothing, and learn what to add.

        Args:
            directions: (K, D) orthonormal, K <= H: the part of a vector that is kept.
        """
        width = self.inward.out_features
        with torch.no_grad():
            projection = draw_projection(directions, width)
            self.inward.weight.copy_(SMALL * projection)
            self.outward.weight.copy_(projection.T)
            for bias in (self.inward.bias, self.outward.bias):
                bias.zero_()
            blocks = cast("Sequence[ResidualBlock]", self.blocks)
            for block in blocks:  # gates in torch's order: reset, update, new
                for parameter in block.gru.parameters():
                    parameter[2 * width :].zero_()
            first = blocks[0].gru
            for parameter in first.parameters():
                parameter.zero_()
            read, _, bias, _ = first.all_weights[0]
            bias[width : 2 * width] = logit(KEPT)
            read[2 * width :] = MEAN_GAIN * torch.eye(width)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        hidden = self.blocks(self.inward(context))  # (B, T, H)
        raw: Tensor = self.outward(hidden[:, -1])
        return raw
