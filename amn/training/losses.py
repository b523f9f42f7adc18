"""Losses between raw predictions and targets.

Letters: B windows in a batch, D numbers in a vector, K terms.

`mse` and `cosine` ask for the target itself; `infonce`, `moment` and `variance` look at the batch
as a whole, so that their value depends on its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from amn.case.training import LossesConfig


TINY = 1e-16  # under the square of a length: a zero row has cosine 0 and a finite gradient
SPREAD_TINY = 1e-12  # under a variance: numbers that do not vary have a finite gradient


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


def infonce(
    raw: Tensor, target: Tensor, *, temperature: float = 0.07, articles: Tensor | None = None
) -> Tensor:
    """Return InfoNCE of cosines within the batch, prediction to target plus target to prediction.

    Each prediction has to find its own target among the batch's, and each target its prediction:
    two cross entropies, each log B by chance (van den Oord et al. 2018, equation 4; both directions
    as in Radford et al. 2021).

    Args:
        articles: (B,) ids; pairs of windows of one article are then no negatives.
    """
    predicted, wanted = F.normalize(raw, dim=-1), F.normalize(target, dim=-1)
    logits = predicted @ wanted.T / temperature  # (B, B)
    own = torch.arange(len(raw), device=raw.device)
    if articles is not None:
        same = articles[:, None] == articles[None, :]
        same[own, own] = False
        logits = logits.masked_fill(same, -torch.inf)
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)


def _spread(rows: Tensor) -> Tensor:
    """Return the standard deviation of each number over the batch, (D,)."""
    return (rows.var(dim=0, correction=0) + SPREAD_TINY).sqrt()


def moment(raw: Tensor, target: Tensor) -> Tensor:
    """Return the squared differences of the batches' means and spreads, the mean over D.

    0 where predictions have the mean and the standard deviation of the targets in every dimension.
    """
    means = (raw.mean(dim=0) - target.mean(dim=0)).square().mean()
    return means + (_spread(raw) - _spread(target)).square().mean()


def variance(raw: Tensor, target: Tensor) -> Tensor:
    """Return how far the spread of predictions falls short of the targets', the mean over D.

    The hinge of VICReg (Bardes et al. 2022, equation 1), with the spread of the batch's own targets
    in place of 1: unit vectors of D numbers cannot reach a spread of 1, and the term would be a
    constant.
    """
    return F.relu(_spread(target) - _spread(raw)).mean()


class WeightedLoss:
    """The sum of weighted terms, and what each adds.

    Attributes:
        names: The terms, the primary one first.
        weights: Of each term.
    """

    def __init__(self, config: LossesConfig) -> None:
        weights = config.weights()
        self.names = tuple(weights)
        self.weights = weights
        self._temperature, self._exclude = config.temperature, config.exclude_same_article

    @property
    def needs_articles(self) -> bool:
        """Whether the terms look at the articles of the windows."""
        return self._exclude and "infonce" in self.names

    def terms(self, raw: Tensor, target: Tensor, articles: Tensor | None = None) -> list[Tensor]:
        """Return the K weighted terms, scalars in the order of `names`; the loss is their sum.

        Args:
            articles: (B,) int64 ids, where `needs_articles`.
        """
        return [self._term(name, raw, target, articles) for name in self.names]

    def _term(self, name: str, raw: Tensor, target: Tensor, articles: Tensor | None) -> Tensor:
        if name == "infonce":
            value = infonce(raw, target, temperature=self._temperature, articles=articles)
        else:
            value = LOSSES[name](raw, target)
        weight = self.weights[name]
        return value if weight == 1 else weight * value

    def primary(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return the primary term alone, weighted: the one that does not depend on the batch."""
        return self._term(self.names[0], raw, target, None)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse,
    "cosine": cosine,
    "infonce": infonce,
    "moment": moment,
    "variance": variance,
}
