"""The LSTM sibling: 5,120,768 parameters at D = 768, width 512 and two layers.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amn.training.networks.start import draw_projection, logit

# When it starts as a mean:
KEPT = 0.75  # share of its cell that the first layer keeps a step: weights .10 .14 .18 .25 .33
OPEN = 0.9  # every other gate that lets through, and 1 - OPEN that holds back
GAIN = 2.0  # what enters the first tanh is then about 0.1


class LSTMPredictor(nn.Module):
    """A stacked LSTM, Linear from its last position.

    Args:
        layers: Number of stacked LSTMs.
        dropout: After each of them.
    """

    def __init__(
        self, *, dim: int, hidden_dim: int = 512, layers: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0  # torch warns of one that has no place
        self.lstm = nn.LSTM(dim, hidden_dim, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.outward = nn.Linear(hidden_dim, dim)

    def start_as_mean(self, directions: Tensor) -> None:
        """Set the weights so that the network predicts a recency-weighted mean of its context.

        The first layer averages; the others pass it on.

        Args:
            directions: (K, D) orthonormal, K <= H: the part of a vector that is kept.
        """
        width = self.lstm.hidden_size
        with torch.no_grad():
            projection = draw_projection(directions, width)
            self.outward.weight.copy_(projection.T)
            self.outward.bias.zero_()
            for parameter in self.lstm.parameters():
                parameter.zero_()
            for layer in range(self.lstm.num_layers):
                read, _, bias, _ = self.lstm.all_weights[layer]
                bias.copy_(
                    torch.tensor(
                        [logit(OPEN), logit(1 - OPEN if layer else KEPT), 0, logit(OPEN)]
                    ).repeat_interleave(width)
                )  # gates in torch's order: input, forget, cell, output
                passed = torch.eye(width) if layer else projection
                read[2 * width : 3 * width] = (1 if layer else GAIN) * passed

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        hidden = self.lstm(context)[0]  # (B, T, H)
        raw: Tensor = self.outward(self.dropout(hidden[:, -1]))
        return raw
