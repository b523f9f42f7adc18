"""Where a prediction points: to the rows around its target, and among other candidates.

Every number here can be had for predictors whose answer is known, see `known_predictors`.
Letters: B windows, T context rows, D numbers in a vector, O offsets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.data.vectors import F, cosine_rows, unit_rows
from amn.storage import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from amn.data.windows import Windows

CURVE_OFFSETS = tuple(range(-5, 4))  # rows from the target: -1 is the last row of the context
TIE = 1e-6  # equal rows give dot products that differ by rounding, relative to their length
REACH = 16  # rows before and after the target that are its candidates: chance is about 1/20


@dataclass(frozen=True)
class Surroundings:
    """The rows around the targets of some windows.

    Attributes:
        offsets: (O,) int64, rows from the target; 0 is the target, -T ... -1 is the context.
        rows: (B, O, D) float32; what is not there repeats another row.
        is_there: (B, O) bool, whether the row belongs to the same run of chunks of the article.
        context: T.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.float32]
    is_there: NDArray[np.bool_]
    context: int

    @property
    def targets(self) -> NDArray[np.float32]:
        """(B, D) float32."""
        return self.rows[:, self._at(0)]

    @cached_property
    def unit_rows(self) -> NDArray[np.float32]:
        """(B, O, D) float32, every row of length 1; a zero row becomes NaN, which finds nothing."""
        return _unit(self.rows)

    @property
    def contexts(self) -> NDArray[np.float32]:
        """(B, T, D) float32, oldest first."""
        return self.rows[:, self._at(-self.context) : self._at(0)]

    def cosines(self, predicted: NDArray[np.floating], offset: int) -> NDArray[np.float64]:
        """Return the cosine of predictions (B, D) with the row at an offset, NaN without: (B,)."""
        column = self._at(offset)
        found = np.full(len(predicted), np.nan)
        there = self.is_there[:, column]
        found[there] = cosine_rows(predicted[there], self.rows[there, column])
        return found

    def _at(self, offset: int) -> int:
        return int(np.searchsorted(self.offsets, offset))


@dataclass(frozen=True)
class Retrieval:
    """How often a prediction finds its target among candidates.

    Attributes:
        first: Share of predictions whose nearest candidate is the target, 0 to 1, higher is better.
        chance: What `first` is expected to be for a predictor that knows nothing.
        n: Predictions.
        beaten: Share of the other candidates that the target is nearer than, mean, 0 to 1: 0.5 for
            a predictor that knows nothing, 1 at best. Candidates as near as the target count half.
    """

    first: float
    chance: float
    n: int
    beaten: float

    @property
    def standard_error(self) -> float:
        """Of `first` at chance level, for independent predictions."""
        return float(np.sqrt(self.chance * (1 - self.chance) / self.n)) if self.n else float("nan")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Predictions for a sample of windows of one split, in a few numbers that a report can draw.

    Attributes:
        curve: Mean cosine with the row at each of `CURVE_OFFSETS`; see `offset_curve`.
        in_batch: Retrieval of the target among the targets of the sample.
        in_article: Retrieval of the target among the rows around it.
        pairwise: Mean cosine of pairs of predictions; 1 is one prediction for everything.
        target_pairwise: The same of the targets.
        n_windows: B.
    """

    curve: tuple[float, ...]
    in_batch: Retrieval
    in_article: Retrieval
    pairwise: float
    target_pairwise: float
    n_windows: int

    def fields(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain JSON data, NaN as null."""
        values = asdict(self)
        values["curve"] = dict(zip(map(str, CURVE_OFFSETS), self.curve, strict=True))
        plain: dict[str, Any] = finite(values)
        return plain


@dataclass(frozen=True, kw_only=True)
class ModelBehaviour(Behaviour):
    """Behaviour of a model that can be run, and what the order of its context changes.

    Attributes:
        permuted: Largest change of a number of a prediction when the context is rotated by a row.
        declares_invariance: Whether the architecture cannot tell the order of its context.
        forward_gain: Mean cosine minus that with the context newest first; above 0 where recent
            rows help, 0 for a model without order.
        forward_gain_se: Its standard error over windows.
    """

    permuted: float
    declares_invariance: bool
    forward_gain: float
    forward_gain_se: float


def behaviour_of(predicted: NDArray[np.floating], surroundings: Surroundings) -> Behaviour:
    """Measure predictions (B, D) by the rows around their targets."""
    return Behaviour(
        curve=tuple(offset_curve(predicted, surroundings).tolist()),
        in_batch=retrieve_in_batch(predicted, surroundings.targets),
        in_article=retrieve_in_article(predicted, surroundings),
        pairwise=pairwise_cosine(predicted),
        target_pairwise=pairwise_cosine(surroundings.targets),
        n_windows=len(predicted),
    )


def sample_windows(windows: Windows, n: int, *, seed: int) -> NDArray[np.int64]:
    """Return positions of up to n windows, drawn evenly over articles, ascending."""
    order = np.random.default_rng(seed).permutation(len(windows))
    codes = windows.codes
    by_article = order[np.argsort(codes[order], kind="stable")]
    _, first, counts = np.unique(codes[by_article], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, counts)  # of a window within its article
    return np.sort(by_article[np.argsort(rank, kind="stable")[:n]])


def find_surroundings(windows: Windows, chosen: NDArray[np.int64]) -> Surroundings:
    """Gather the rows around the targets of some windows.

    Args:
        chosen: Positions of at least one window.
    """
    reach = max(REACH, windows.context)
    offsets = np.arange(-reach, reach + 1)
    dataset, targets = windows.dataset, windows.targets[chosen]
    wanted = targets[:, None] + offsets
    rows = np.clip(wanted, 0, len(dataset) - 1)
    codes, chunks = dataset.codes, dataset.chunk_index
    is_there = (
        (rows == wanted)
        & (codes[rows] == codes[targets][:, None])
        & (chunks[rows].astype(np.int64) - chunks[targets][:, None] == offsets)
    )
    vectors = np.asarray(dataset.gather(rows), np.float32)
    return Surroundings(offsets, vectors, is_there, windows.context)


def offset_curve(
    predicted: NDArray[np.floating], surroundings: Surroundings
) -> NDArray[np.float64]:
    """Return the mean cosine of predictions with the row at each of `CURVE_OFFSETS`: (9,) float64.

    In [-1, 1]. A predictor that reads its context peaks at the target or inside the context; the
    oracle has 1 at offset 0, a copy of the last row 1 at -1; one that is not connected to its input
    is flat, near 0 for random vectors. An offset that no window has is NaN.

    Args:
        predicted: (B, D).
    """
    curve = np.full(len(CURVE_OFFSETS), np.nan)
    for position, offset in enumerate(CURVE_OFFSETS):
        there = surroundings.is_there[:, surroundings._at(offset)]  # noqa: SLF001 - one layout
        if there.any():
            curve[position] = surroundings.cosines(predicted, offset)[there].mean()
    return curve


def retrieve_in_batch(predicted: NDArray[np.floating], targets: NDArray[np.floating]) -> Retrieval:
    """Retrieve each target among the targets of all windows; chance is 1 / B.

    A prediction with NaN finds nothing.

    Args:
        predicted: (B, D).
        targets: (B, D).
    """
    scores = np.asarray(predicted, np.float64) @ _unit(np.asarray(targets, np.float64)).T  # (B, B)
    n = len(scores)
    if not n:
        return Retrieval(float("nan"), float("nan"), 0, float("nan"))
    own = np.diag(scores)[:, None]
    tie = TIE * np.abs(own)
    is_first = (own + tie >= scores).all(axis=1)
    points = (own - tie > scores).sum(axis=1) + 0.5 * (
        (np.abs(own - scores) <= tie).sum(axis=1) - 1
    )
    beaten = float(points.mean() / (n - 1)) if n > 1 else float("nan")
    return Retrieval(float(is_first.mean()), 1 / n, n, beaten)


def retrieve_in_article(predicted: NDArray[np.floating], surroundings: Surroundings) -> Retrieval:
    """Retrieve each target among the rows of its article within `REACH`, its context left out.

    Chance is the mean of 1 / candidates. A prediction with NaN finds nothing; windows whose only
    candidate is the target do not count.

    Args:
        predicted: (B, D).
    """
    in_context = (surroundings.offsets < 0) & (surroundings.offsets >= -surroundings.context)
    is_candidate = surroundings.is_there & ~in_context
    counts = is_candidate.sum(axis=1)
    chosen = counts > 1
    if not chosen.any():
        return Retrieval(float("nan"), float("nan"), 0, float("nan"))
    asked = np.asarray(predicted, np.float32)[..., None]  # (B, D, 1)
    scores = np.matmul(surroundings.unit_rows, asked)[chosen, :, 0]
    own = scores[:, surroundings._at(0)]  # noqa: SLF001 - as above
    is_first = ((own[:, None] + TIE * np.abs(own[:, None]) >= scores) | ~is_candidate[chosen]).all(
        axis=1
    ) & np.isfinite(own)
    others = is_candidate[chosen]
    below = ((own[:, None] > scores) & others).sum(axis=1) / (counts[chosen] - 1)
    chance = float((1 / counts[chosen]).mean())
    return Retrieval(float(is_first.mean()), chance, len(own), float(below.mean()))


def pairwise_cosine(rows: NDArray[np.floating]) -> float:
    """Return the mean cosine of all pairs of different rows: 1 when all point one way.

    In [-1, 1], lower is more diverse; random directions have 0, targets of sentence encoders 0.04
    to 0.5. NaN for fewer than two rows, or if a row is zero or not finite.

    Args:
        rows: (N, D).
    """
    n = len(rows)
    if n < 2:  # noqa: PLR2004 - a pair
        return float("nan")
    total = _unit(np.asarray(rows, np.float64)).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def known_predictors(
    surroundings: Surroundings, rng: np.random.Generator
) -> Mapping[str, NDArray[np.floating]]:
    """Return the predictions of predictors whose numbers are known: name -> (B, D).

    `oracle` is the target, `last` the last row of the context, `constant` one vector for all,
    `random` a draw for each window.
    """
    targets = surroundings.targets
    return {
        "oracle": targets,
        "last": surroundings.contexts[:, -1],
        "constant": np.broadcast_to(rng.standard_normal(targets.shape[1]), targets.shape),
        "random": rng.standard_normal(targets.shape),
    }


def _unit(rows: NDArray[F]) -> NDArray[F]:
    """Return rows scaled to length 1; a zero row becomes NaN, which finds nothing."""
    scaled = unit_rows(rows)
    scaled[~scaled.any(axis=-1)] = np.nan
    return scaled
