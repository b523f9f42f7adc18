"""Losses between raw predictions and targets. B windows in a batch, D numbers in a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


TINY = 1e-16  # under the square of a length: a zero row has cosine 0 and a finite gradient


def cosine_rows(raw: Tensor, target: Tensor) -> Tensor:
    """Return the cosine of each pair of rows, (B,), at half the time of torch's function.

    Args:
        raw: (B, D) of any length.
        target: (B, D); float16 storage leaves unit rows a length of 1 within 5e-4.
    """
    squares = (torch.linalg.vecdot(raw, raw) * torch.linalg.vecdot(target, target)).clamp_min(TINY)
    cosines: Tensor = torch.linalg.vecdot(raw, target) * torch.rsqrt(squares)
    return cosines


def mse(raw: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of raw output and target over all B x D numbers.

    For unit-length predictions it is 2 (1 - cosine) / D.
    """
    return F.mse_loss(raw, target)


def cosine(raw: Tensor, target: Tensor) -> Tensor:
    """Return 1 - cosine, the mean over the batch: 0 at the target, 1 at a right angle."""
    return 1 - cosine_rows(raw, target).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": mse, "cosine": cosine}
