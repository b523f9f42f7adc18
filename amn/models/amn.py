"""The Attention Mixture Network (AMN) in its two forms.

Letters: B windows in a batch, T context rows, D numbers in a vector, A attention width; G stretches
of L windows that follow each other (see `amn.data.stretches`).
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amn.models.layers import Dropout, PairLinear

# Adam moves every parameter by about lr a step, too slow for logits that have to travel by 1.
RECENCY_GAIN = 40.0


class Attention(nn.Module):
    """Weights over the context, asked for by its mean.

    keys = Linear(D, A)(x), query = Linear(D, A)(mean), logits = query . keys / sqrt(A). Keys are
    never formed: query . (W x + b) = (W^T query) . x + query . b, and the last term is the same for
    every position, so softmax drops it. One product instead of T; the same weights.
    """

    def __init__(self, *, dim: int, attention_dim: int) -> None:
        super().__init__()
        self.keys = nn.Linear(dim, attention_dim)
        self.query = nn.Linear(dim, attention_dim)

    def forward(self, context: Tensor, mean: Tensor) -> Tensor:
        """Return logits over the context, (B, T).

        Args:
            context: (B, T, D).
            mean: (B, D), mean over T.
        """
        asked = self.query(mean) @ self.keys.weight  # (B, D)
        # A row times a matrix; the other way round, matrix times column, takes ten times as long.
        logits = torch.bmm(asked.unsqueeze(1), context.transpose(1, 2)).squeeze(1)  # (B, T)
        return logits / math.sqrt(self.keys.out_features)


def _residual(first: nn.Linear, dropout: float) -> nn.Sequential:
    """Return `first` (2D to H), GELU, LayerNorm, Linear to H/2, GELU, LayerNorm, Linear to D."""
    dim, hidden_dim, half = first.in_features // 2, first.out_features, first.out_features // 2
    return nn.Sequential(
        *(first, nn.GELU(), nn.LayerNorm(hidden_dim), Dropout(dropout)),
        *(nn.Linear(hidden_dim, half), nn.GELU(), nn.LayerNorm(half), Dropout(dropout)),
        nn.Linear(half, dim),
    )


class OriginalAMN(nn.Module):
    """The AMN as first published: 1,510,912 parameters at D = 768.

    raw = mean + residual([mean, mixture]), prediction = raw / |raw|. It has no positional term:
    permuting the context changes nothing.
    """

    permutation_invariant = True

    def __init__(
        self, *, dim: int, attention_dim: int = 256, hidden_dim: int = 512, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.attention = Attention(dim=dim, attention_dim=attention_dim)
        self.residual = _residual(nn.Linear(2 * dim, hidden_dim), dropout)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        mean = context.mean(dim=1)  # (B, D)
        weights = torch.softmax(self.attention(context, mean), dim=-1)  # (B, T)
        mixture = torch.bmm(weights.unsqueeze(1), context).squeeze(1)  # (B, D)
        residual: Tensor = self.residual(torch.cat([mean, mixture], dim=-1))
        return mean + residual


class RecencyAMN(nn.Module):
    """The AMN with a learned recency bias, started as the mean of the context.

    raw = mixture + residual([mean, mixture]), where the attention has one learned logit a position.
    Query, bias and the residual's last layer start at zero, so an untrained network predicts just
    the normalised mean of its context: training can only add to the reference predictor.

    Args:
        context: T, the number of positions that the bias knows.
    """

    def __init__(
        self,
        *,
        dim: int,
        context: int,
        attention_dim: int = 256,
        hidden_dim: int = 512,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.attention = Attention(dim=dim, attention_dim=attention_dim)
        self.recency = nn.Parameter(torch.zeros(context))
        self.residual = _residual(PairLinear(2 * dim, hidden_dim), dropout)
        last = self.residual[-1]
        for parameter in (*self.attention.query.parameters(), *last.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T as constructed.
        """
        mean = context.mean(dim=1)  # (B, D)
        logits = self.attention(context, mean) + RECENCY_GAIN * self.recency
        weights = torch.softmax(logits, dim=-1)  # (B, T)
        mixture = torch.bmm(weights.unsqueeze(1), context).squeeze(1)  # (B, D)
        residual: Tensor = self.residual((mean, mixture))
        return mixture + residual

    def forward_stretches(self, rows: Tensor, places: Tensor) -> Tensor:
        """Return what `forward` does for each window of stretches, (B, D), up to rounding.

        Every row is projected once, not once for each of the T windows that it is in; means and
        mixtures are products of the rows with matrices that are zero outside each window.

        Args:
            rows: (G, L + T, D) unit rows; the last of a stretch is only a target.
            places: (B,) int64 of the wanted windows among G x L.
        """
        length, context = rows.shape[1] - len(self.recency), len(self.recency)
        inside, position = (part.to(rows.device) for part in _band(length, context))  # (L, L + T)
        keys = F.linear(rows, self.attention.keys.weight)  # (G, L + T, A); softmax drops the bias
        asked = F.linear(rows, self.attention.query.weight)
        query = inside @ asked / context + self.attention.query.bias  # (G, L, A)
        logits = torch.bmm(query, keys.transpose(1, 2)) / math.sqrt(
            self.attention.keys.out_features
        )
        logits = logits + RECENCY_GAIN * self.recency[position]
        weights = torch.softmax(logits.masked_fill(inside == 0, -math.inf), dim=-1)
        mean = (inside / context @ rows).flatten(0, 1)[places]  # (B, D)
        mixture = torch.bmm(weights, rows).flatten(0, 1)[places]
        residual: Tensor = self.residual((mean, mixture))
        return mixture + residual


@cache
def _band(length: int, context: int) -> tuple[Tensor, Tensor]:
    """Return which of a stretch's rows are in which window, and at which position, (L, L + T)."""
    offset = torch.arange(length + context) - torch.arange(length)[:, None]
    inside = (offset >= 0) & (offset < context)
    return inside.float(), offset.clamp(0, context - 1)


def predict(model: nn.Module, context: Tensor) -> Tensor:
    """Return unit-length predictions, (B, D): the one public path from a model to a prediction.

    Args:
        context: (B, T, D) unit rows, oldest first, on the model's device.
    """
    return F.normalize(model(context), dim=-1)


def is_permutation_invariant(model: nn.Module) -> bool:
    """Tell whether a network declares that the order of its context changes nothing."""
    return bool(getattr(model, "permutation_invariant", False))
