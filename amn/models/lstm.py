"""The LSTM sibling: 5,120,768 parameters at D = 768, width 512 and two layers.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

from torch import Tensor, nn


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

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        hidden = self.lstm(context)[0]  # (B, T, H)
        raw: Tensor = self.outward(self.dropout(hidden[:, -1]))
        return raw
