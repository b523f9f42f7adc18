"""The GRU sibling: 7,095,552 parameters at D = 768, width 512 and four blocks.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

from torch import Tensor, nn


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

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        hidden = self.blocks(self.inward(context))  # (B, T, H)
        raw: Tensor = self.outward(hidden[:, -1])
        return raw
