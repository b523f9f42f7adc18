"""Generated data whose best predictor is known: what counts as skill, and what does not.

The next row is along a linear part of its context, that a reference predictor can learn, plus a
part that is even in the last row, that none can, plus noise that is as strong in all directions,
and more so in some articles. So the direction of the two parts is the best there is. The second
part is made so strong that the best gains 0.005 in cosine over the strongest reference predictor,
as measured on 400 other articles.

  python -m tests.known_best [N] [SEED]     nightly: 500 of fixed seeds

Exit code 1 where C004 or C005 calls copies of a reference skill in more than 1 % of the sets, or
where both call the best predictor skill in fewer than 95 %.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.case.limits import CriteriaConfig
from amn.checks.criteria import check_lift_in_dist, check_lift_ood
from amn.data.vectors import unit_rows
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.metrics import cosine_rows
from amn.evaluation.reference import References, fit_references, score_references
from amn.evaluation.summary import lift_over
from tests.strategies import running_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.data.windows import Windows

    Rows = NDArray[np.float32]
    Predictor = Callable[[Rows], NDArray[np.floating]]

GAIN = 0.005  # of cosine, over the strongest reference predictor
POOL = 400  # articles on which the gain is measured: within about 0.0003
KINDS = ("last", "mean", "weighted", "linear")
COPIES = ("as it is", "in float16", "with noise", "fitted on a half", "with another")
MOST_COPIES, LEAST_FOUND = 0.01, 0.95
Skill = dict[str, bool]  # split -> whether it counts as skill


@dataclass(frozen=True)
class World:
    """Where rows come from.

    Attributes:
        weights: (T,) of the context's rows in the linear part, the last row last.
        turn: (D, D) what the weighted rows go through: the identity, or near it.
        order: (D,) a permutation: the number whose size moves each number.
        noise: Length of the noise in the median article.
        odd: Length of the part that no reference predictor has.
    """

    weights: NDArray[np.float64]
    turn: Rows
    order: NDArray[np.int64]
    noise: float
    odd: float

    def linear(self, context: Rows) -> NDArray[np.float64]:
        """Return the part that reference predictors can learn: (N, D) unit rows."""
        return unit_rows(np.matmul(self.weights, context.astype(np.float64)) @ self.turn)

    def best(self, context: Rows) -> NDArray[np.float64]:
        """Return the direction of the next row's mean: (N, D) from contexts (N, T, D)."""
        size = np.abs(context[:, -1, self.order].astype(np.float64))
        even = size - size.mean(axis=1, keepdims=True)
        return self.linear(context) + self.odd * unit_rows(even)

    def articles(self, n: int, rows: int, rng: np.random.Generator) -> Rows:
        """Draw articles: (n, rows, D) unit rows."""
        context, dim = len(self.weights), len(self.turn)
        drawn = np.empty((n, rows, dim), np.float32)
        first = rng.standard_normal((n, 1, dim)) + rng.standard_normal((n, context, dim))
        drawn[:, :context] = unit_rows(first.reshape(-1, dim)).reshape(first.shape)
        length = self.noise * np.exp(0.4 * rng.standard_normal((n, 1)))
        for row in range(context, rows):
            noise = rng.standard_normal((n, dim)) * length / np.sqrt(dim)
            drawn[:, row] = unit_rows(self.best(drawn[:, row - context : row]) + noise)
        return drawn


def draw_world(rng: np.random.Generator) -> World:
    """Draw a world in which nothing but its linear part can be learned."""
    kind, dim = KINDS[int(rng.integers(len(KINDS)))], int(rng.choice([16, 32, 64]))
    context = int(rng.integers(3, 7))
    weights = {
        "last": np.eye(context)[-1],
        "mean": np.full(context, 1 / context),
        "weighted": np.arange(1, context + 1) / context,
        "linear": np.arange(1, context + 1) / context,
    }[kind]
    turn = np.eye(dim, dtype=np.float32)
    if kind == "linear":
        turn += 0.1 * rng.standard_normal((dim, dim), np.float32) / np.sqrt(dim, dtype=np.float32)
    return World(weights, turn, rng.permutation(dim), float(rng.uniform(0.8, 1.6)), 0.0)


@dataclass(frozen=True)
class KnownSet:
    """A data set, its windows and its references, with the world that it is from."""

    world: World
    windows: dict[str, Windows]
    references: References

    def skill(self, predict: Predictor) -> Skill:
        """Tell on which splits C004 and C005 call a predictor skilled."""
        criteria, found = CriteriaConfig(), {}
        for split, check in (("in_dist", check_lift_in_dist), ("ood", check_lift_ood)):
            windows = self.windows[split]
            rows = windows.gather(slice(0, len(windows)))
            cosines = cosine_rows(unit_rows(predict(rows[:, :-1])), rows[:, -1])
            references = score_references(self.references, windows)
            _, lift = lift_over(cosines, references, windows.article_ids, split)
            found[split] = not check({split: lift}, criteria).findings
        return found

    def strongest(self) -> str:
        """Return the reference predictor with the best cosine on both splits."""
        scores = [score_references(self.references, self.windows[s]) for s in ("in_dist", "ood")]
        return max(scores[0], key=lambda name: sum(float(one[name].mean()) for one in scores))

    def copy_of_a_reference(self, way: str, rng: np.random.Generator) -> Predictor:
        """Return what repeats the strongest reference predictor, in one way of `COPIES`."""
        name, fitted = self.strongest(), self.references
        if way == "fitted on a half":
            train = self.windows["train"]
            fitted = fit_references(train.take(np.arange(0, len(train), 2)))

        def predict(context: Rows) -> NDArray[np.floating]:
            every = fitted.predict(context)
            rows = every[name].copy()
            if way == "in float16":
                return rows.astype(np.float16).astype(np.float64)
            if way == "with noise":
                return rows + 0.02 * unit_rows(rng.standard_normal(rows.shape))
            return rows + 0.02 * every["mean"] if way == "with another" else rows

        return predict


def draw_set(rng: np.random.Generator, folder: Path) -> KnownSet:
    """Draw a set of a world whose best predictor gains `GAIN` over the strongest reference."""
    world = draw_world(rng)
    rows = len(world.weights) + int(rng.integers(6, 26))
    seed = int(rng.integers(1 << 32))
    world = World(world.weights, world.turn, world.order, world.noise, 0.2)
    n = {"train": int(rng.choice([150, 300])), "in_dist": 60, "ood": 110}
    for turn in range(4):
        drawn = np.random.default_rng(seed)
        pool = _written(world, {"train": n["train"], "ood": POOL}, rows, drawn, folder / f"{turn}")
        scores = score_references(pool.references, pool.windows["ood"])
        windows = pool.windows["ood"].gather(slice(0, len(pool.windows["ood"])))
        best = cosine_rows(unit_rows(world.best(windows[:, :-1])), windows[:, -1]).mean()
        gain = max(float(best - max(float(s.mean()) for s in scores.values())), GAIN / 25)
        odd = world.odd * float(np.sqrt(GAIN / gain))
        world = World(world.weights, world.turn, world.order, world.noise, odd)
    return _written(world, n, rows, rng, folder / "set")


def _written(
    world: World, n: dict[str, int], rows: int, rng: np.random.Generator, folder: Path
) -> KnownSet:
    """Draw articles of each split, write them, and fit the references."""
    total = sum(n.values())
    vectors = world.articles(total, rows, rng).reshape(total * rows, -1)
    ids, chunks = running_keys(*[rows] * total, first=1)
    table = Chunks(article_ids=ids, chunk_index=chunks)
    dataset = write_dataset(folder, vectors, table, name="known", dtype="float32")
    lists = np.split(dataset.articles, np.cumsum([*n.values()])[:-1])
    context = len(world.weights)
    windows = {s: find_windows(dataset, context, a) for s, a in zip(n, lists, strict=True)}
    return KnownSet(world, windows, fit_references(windows["train"]))


@dataclass(frozen=True)
class Judged:
    """What C004 and C005 say of a copy of the strongest reference, and of the best predictor."""

    copy: Skill
    best: Skill


def judged(n: int, seed: int = 0) -> Iterator[Judged]:
    """Yield what is said of n sets, the same ones for the same arguments."""
    for k in range(n):
        rng = np.random.default_rng([seed, k])
        with tempfile.TemporaryDirectory(prefix="amn-known-") as folder:
            known = draw_set(rng, Path(folder))
            copy = known.copy_of_a_reference(COPIES[k % len(COPIES)], rng)
            yield Judged(known.skill(copy), known.skill(known.world.best))


def main(n: int = 500, seed: int = 0) -> Literal[0, 1]:
    """Print how often a copy counts as skill and how often the best does; return the exit code."""
    every = list(judged(n, seed))
    copies = sum(any(one.copy.values()) for one in every) / n
    found = sum(all(one.best.values()) for one in every) / n
    sys.stdout.write(f"{n} sets: a copy is skill in {copies:.1%}, +{GAIN} in {found:.1%}\n")
    return 0 if copies <= MOST_COPIES and found >= LEAST_FOUND else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
