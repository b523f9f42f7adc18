"""A minority of articles whose scores are those of another kind, known beforehand.

Letters: A articles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIKELY = 0.1  # of the articles: the share of others for which the test is made
FEWEST = 8  # scores, whose middle and spread are fitted
SHARES = (0.001, 0.5)  # of others, least and most of the fit
STEPS = 50  # of the fit
TINY = 1e-12


class Below(NamedTuple):
    """Articles whose scores may be those of the other kind.

    Attributes:
        articles: (a,) positions of as many as the fit expects of it, the lowest score first.
        chance: Most that chance has of scores that speak as much for such articles, 0 … 1.
    """

    articles: NDArray[np.int64]
    chance: float


def find_below(scores: NDArray[np.float64], *, mirrored: bool) -> Below:
    """Find articles of another kind among scores that are symmetric around their middle without.

    Middle and spread are those of a normal distribution, fitted in a mixture with the other kind's
    (expectation maximisation, Dempster et al. 1977). Where all scores are of one kind and
    symmetric, whatever their distribution, each lies below the middle or as far above it with even
    chances. The likelihood of the sides where they are with `LIKELY` of the other kind, over that
    of even chances, is then 1 on average, and E or more at most once in E times: an e-value (Vovk &
    Wang 2021).

    Args:
        scores: (A,), 0 in the middle between both kinds if `mirrored`, else for the other kind.
        mirrored: Whether the other kind has the articles' own scores with the other sign, as
            opposed to a mean of 0 and a standard deviation of 1.
    """
    from scipy.special import expit  # noqa: PLC0415 - loads scipy

    if len(scores) < FEWEST:
        return Below(np.empty(0, np.int64), 1.0)
    middle, share = float(np.median(scores)), LIKELY
    spread = max(1.4826 * float(np.median(np.abs(scores - middle))), TINY)  # of a normal one

    def logs(values: NDArray[np.float64], share: float) -> list[NDArray[np.float64]]:
        """Return log densities of the articles' own kind and of the other one, times shares."""
        other = (-middle, spread) if mirrored else (0.0, 1.0)
        kinds = ((1 - share, middle, spread), (share, *other))
        return [np.log(part / s) - ((values - at) / s) ** 2 / 2 for part, at, s in kinds]

    for _ in range(STEPS):
        own, others = logs(scores, share)
        is_own = expit(own - others)
        share = float(np.clip(1 - is_own.mean(), *SHARES))
        middle = float(np.average(scores, weights=is_own))
        spread = max(float(np.sqrt(np.average((scores - middle) ** 2, weights=is_own))), TINY)
    n = max(1, round(float((1 - is_own).sum())))  # as many as the fit expects
    here, there = (np.logaddexp(*logs(values, LIKELY)) for values in (scores, 2 * middle - scores))
    log_e = float((np.log(2) + here - np.logaddexp(here, there)).sum())
    chance = float(np.exp(-max(log_e, 0.0))) if middle > 0 else 1.0
    return Below(np.argsort(scores, kind="stable")[:n], chance)
