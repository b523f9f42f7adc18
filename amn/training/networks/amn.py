"""The Attention Mixture Network (AMN) in its two forms.

Letters: B windows in a batch, T context rows, D numbers in a vector, A attention width; G stretches
of L windows that follow each other (see `amn.data.stretches`).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPOUT_STEPS = 2**16
INT64_MIN = -(2**63)


class Dropout(nn.Module):
    """Set each number to zero with probability p, and scale the rest by 1 / (1 - p).

    As `nn.Dropout`, at an eighth of its time on a CPU: 16 random bits decide on a number, so p is
    rounded to 1/65536, and they come from torch's generator, the same on every machine.

    Args:
        p: 0 to below 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.dropped = min(round(p * DROPOUT_STEPS), DROPOUT_STEPS - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with numbers dropped; x itself when not training."""
        if not self.training or not self.dropped:
            return x
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
        words.random_(INT64_MIN, None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # uniform, -32768 to 32767
        kept = (bits >= self.dropped - DROPOUT_STEPS // 2).to(x.dtype)
        return x * kept.mul_(DROPOUT_STEPS / (DROPOUT_STEPS - self.dropped))


class PairLinear(nn.Linear):
    """Linear(2D, H) of a pair joined along D, without joining it."""

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]  # a pair
        """Return (B, H) of two (B, D)."""
        kind = self.weight.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        parts = (part.to(dtype or part.dtype) for part in (*pair, self.weight, self.bias))
        result: Tensor = _JoinedLinear.apply(*parts)  # type: ignore[no-untyped-call]  # as torch's
        return result


class _JoinedLinear(torch.autograd.Function):
    """[first, second] W^T + b.

    A half that needs no gradient, such as the mean of the data, costs none, which is a sixth of the
    layer's work; and the halves of W's gradient are written in place, not joined afterwards.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch has no type for both of its contexts
        first: Tensor,
        second: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(first, second, weight)
        left, right = weight.tensor_split(2, dim=1)
        return torch.addmm(torch.addmm(bias, first, left.T), second, right.T)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401 - as above
        gradient: Tensor,
    ) -> tuple[Tensor | None, ...]:
        first, second, weight = ctx.saved_tensors
        whole = torch.empty_like(weight)
        halves = []
        for part, columns, of_weight, wanted in zip(
            (first, second),
            weight.tensor_split(2, dim=1),
            whole.tensor_split(2, dim=1),
            ctx.needs_input_grad,
            strict=False,
        ):
            torch.mm(gradient.T, part, out=of_weight)
            halves.append(gradient @ columns if wanted else None)
        return (*halves, whole, gradient.sum(dim=0))


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
        logits = _rows_times(asked, context.transpose(1, 2))  # (B, T)
        return logits / math.sqrt(self.keys.out_features)


def _rows_times(rows: Tensor, matrices: Tensor) -> Tensor:
    """Return the product of each row with its own matrix, (B, N), in the matrices' precision.

    Under autocast too: products this small take less time than a copy of their matrices in half
    precision.

    Args:
        rows: (B, M).
        matrices: (B, M, N).
    """
    with torch.autocast(rows.device.type, enabled=False):
        return torch.bmm(rows.to(matrices.dtype).unsqueeze(1), matrices).squeeze(1)


def _residual(dim: int, hidden_dim: int, dropout: float) -> nn.Sequential:
    """Return Linear(2D, H), GELU, LayerNorm, Linear to H/2, GELU, LayerNorm, Linear to D."""
    half = hidden_dim // 2
    first = PairLinear(2 * dim, hidden_dim)
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
        self.residual = _residual(dim, hidden_dim, dropout)

    def forward(self, context: Tensor) -> Tensor:
        """Return the raw prediction, (B, D), not normalised.

        Args:
            context: (B, T, D) unit rows, oldest first, T >= 1.
        """
        mean = context.mean(dim=1)  # (B, D)
        weights = torch.softmax(self.attention(context, mean), dim=-1)  # (B, T)
        mixture = _rows_times(weights, context)  # (B, D)
        residual: Tensor = self.residual((mean, mixture))
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
        self.residual = _residual(dim, hidden_dim, dropout)
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
        mixture = _rows_times(weights, context)  # (B, D)
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
