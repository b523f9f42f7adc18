"""The Transformer sibling: 17,867,520 parameters at D = 768, width 512, four layers, eight heads.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FEED_FORWARD = 4  # width of the feed-forward network in hidden widths: 2048 at 512
WAVE_BASE = 10_000.0  # longest wave, in positions / 2 pi (Vaswani et al. 2017, section 3.5)


def sinusoids(positions: int, width: int) -> Tensor:
    """Return sin and cos of each position at `width / 2` wavelengths, (positions, width) float32.

    PE[p, 2i] = sin(p / 10000^(2i / width)), PE[p, 2i + 1] = cos of the same (Vaswani et al. 2017).
    """
    position = torch.arange(positions, dtype=torch.float32).unsqueeze(1)
    scale = torch.exp(torch.arange(0, width, 2) * (-math.log(WAVE_BASE) / width))
    table = torch.zeros(positions, width)
    table[:, 0::2] = torch.sin(position * scale)
    table[:, 1::2] = torch.cos(position * scale)[:, : width // 2]
    return table


class TransformerPredictor(nn.Module):
    """Linear to H, sinusoidal positions, decoder layers, and a head on the last position.

    A decoder layer is self-attention, attention to the embedded context, and feed-forward; both
    attentions are causal, each followed by LayerNorm of the sum.

    Args:
        layers: Number of decoder layers.
        heads: Attention heads; they share `hidden_dim` equally.
        dropout: Everywhere that `nn.TransformerDecoderLayer` has it, and on the embedded context.
    """

    def __init__(
        self,
        *,
        dim: int,
        hidden_dim: int = 512,
        layers: int = 4,
        heads: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inward = nn.Linear(dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                hidden_dim,
                heads,
                FEED_FORWARD * hidden_dim,
                dropout,
                activation="gelu",
                batch_first=True,
            )
            for _ in range(layers)
        )
        self.head = nn.Sequential(
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.LayerNorm(hidden_dim),
            nn.Linear(hidden_dim, dim),
        )

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        embedded = self.inward(context)  # (B, T, H)
        steps, width = embedded.shape[1:]
        embedded = self.dropout(embedded + sinusoids(steps, width).to(embedded))
        later = torch.ones(steps, steps, dtype=torch.bool, device=embedded.device).triu(1)
        hidden = embedded
        for layer in self.layers:
            hidden = layer(hidden, embedded, tgt_mask=later, memory_mask=later)
        raw: Tensor = self.head(hidden[:, -1])
        return raw
