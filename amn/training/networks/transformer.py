"""The Transformer sibling: 17,867,520 parameters at D = 768, width 512, four layers, eight heads.

Letters: B windows in a batch, T context rows, D numbers in a vector, H hidden width.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from amn.training.networks.start import draw_projection

if TYPE_CHECKING:
    from collections.abc import Sequence

FEED_FORWARD = 4  # width of the feed-forward network in hidden widths: 2048 at 512
WAVE_BASE = 10_000.0  # longest wave, in positions / 2 pi (Vaswani et al. 2017, section 3.5)

# When it starts as a mean:
SIZE = 4.0  # of an embedded row, in lengths of a position's sinusoids
MEAN_GAIN = 4.0  # the mean is that much larger than the row it is added to
LINEAR = 3.0  # from there on GELU changes nothing; LayerNorm takes the constant away again


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

    def start_as_mean(self, directions: Tensor) -> None:
        """Set the weights so that the network predicts a recency-weighted mean of its context.

        The first self-attention averages, the last position's own row is added to it; everything
        else adds nothing, and learns what to add. The sinusoids of the first position, which are
        most of every position's, are taken off.

        Args:
            directions: (K, D) orthonormal, K <= H: the part of a vector that is kept.
        """
        width = self.inward.out_features
        one = torch.eye(width)
        with torch.no_grad():
            projection = draw_projection(directions, width)
            self.inward.weight.copy_(SIZE * math.sqrt(width) * projection)
            self.inward.bias.copy_(-sinusoids(1, width)[0])
            layers = cast("Sequence[nn.TransformerDecoderLayer]", self.layers)
            for layer in layers:
                for attention in (layer.self_attn, layer.multihead_attn):
                    attention.in_proj_weight[:width].zero_()  # no query: every row counts the same
                    attention.out_proj.weight.zero_()
                layer.linear2.weight.zero_()
                layer.linear2.bias.zero_()
            first = layers[0].self_attn
            first.in_proj_weight[2 * width :] = one
            first.out_proj.weight.copy_(MEAN_GAIN * one)
            inner, outer = cast("tuple[nn.Linear, nn.Linear]", (self.head[0], self.head[-1]))
            inner.weight.copy_(one)
            inner.bias.fill_(LINEAR)
            outer.weight.copy_(projection.T)
            outer.bias.zero_()

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
