"""Clean data sets of many kinds, drawn by number: no check before training may fail on one.

Sources are real spaces beside the repository, where they are here, the vectors of `wiki-mini`, and
generated ones. A variant is a source, projected or not, cut to articles and rows, renamed, thinned,
chunked otherwise and stored in a type of its own: all of which leave it clean.

  python -m tests.clean_sets [N] [SEED]     nightly: 300 of fixed seeds; other seeds, other sets

Exit code 1 with any error, or with more than 3 warnings in 300.

Letters: N rows, D columns.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow.parquet as pq

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.dataset import open_dataset
from amn.data.manifest import Stage
from amn.data.vectors import unit_rows
from amn.data.writer import Chunks, write_dataset
from amn.gate.modes import GateOptions, gate_of
from amn.verdict import Outcome, Status
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SHARED = ROOT / ".." / "shared" / "data"
SPACES = ("minilm", "e5", "static", "lsa")
REAL = (*SPACES, "mini", "core", "tail")
PROJECTIONS = (None, None, None, 16, 32, 64, 128)  # columns of a principal component analysis
SIZES = (
    20,
    24,
    30,
    40,
    60,
    90,
    140,
    210,
    400,
    800,
    2000,
    4000,
)  # articles, where there are as many
FEWEST_TO_SPLIT = 40  # articles: fewer leave no 8 a split beside a train to compare with
MISSING = 0.03  # of rows
STEPS = 16  # of one sign, that vectors are rounded to


@dataclass(frozen=True)
class Rows:
    """Vectors and their keys.

    Attributes:
        vectors: (N, D) float32 unit rows.
        ids: (N,) int64, ascending.
        chunks: (N,) int32, ascending within an article.
    """

    vectors: NDArray[np.float32]
    ids: NDArray[np.int64]
    chunks: NDArray[np.int32]

    def take(self, rows: NDArray[Any]) -> Rows:
        return Rows(self.vectors[rows], self.ids[rows], self.chunks[rows])

    @property
    def place(self) -> NDArray[np.int64]:
        """(N,) number of each row in its article, 0 for the first."""
        first = np.flatnonzero(np.diff(self.ids, prepend=self.ids[0] - 1))
        return np.arange(len(self.ids)) - np.repeat(first, np.diff([*first, len(self.ids)]))


@dataclass(frozen=True)
class CleanSet:
    """One variant: rows, and how a case would use them."""

    name: str
    rows: Rows
    context: int
    dtype: Literal["float16", "float32"]

    @property
    def has_splits(self) -> bool:
        return len(np.unique(self.rows.ids)) >= FEWEST_TO_SPLIT

    def case(self, folder: Path) -> Case:
        """Write the data set and a case of it: the last fifth of its ids is OOD."""
        rows = self.rows
        write_dataset(
            folder / "data",
            rows.vectors.astype(self.dtype),
            Chunks(article_ids=rows.ids, chunk_index=rows.chunks),
            name="clean",
            dtype=self.dtype,
            stages=[Stage(name="import", rows_in=len(rows.ids), rows_out=len(rows.ids))],
        )
        articles = np.unique(rows.ids)
        n_ood = max(8, len(articles) // 5)
        ood = {"articles": [int(i) for i in articles[-n_ood:]]}
        in_dist = {"fraction": max(0.15, 8.5 / (len(articles) - n_ood))}
        values = {
            "schema": 1,
            "dataset": {"path": "data"},
            "split": {"in_dist": in_dist, "ood": ood},
            "windows": {"context": self.context},
        }
        return Case(folder, CaseConfig.model_validate(values))

    def outcomes(self, folder: Path) -> list[Outcome]:
        """Run every check before training; of the data alone where there is too little to split."""
        options = GateOptions(cache=folder / "runs", first_run=True)
        gate = gate_of(self.case(folder), options)
        wanted = [
            check
            for check in gate.declared
            if check.family == "data" or (self.has_splits and check.family in ("split", "windows"))
        ]
        return [gate.outcome(check.id) for check in wanted]


def is_alarm(outcome: Outcome) -> bool:
    """Tell whether an outcome blocks a clean set."""
    return outcome.has_failed or outcome.status is Status.NOT_RUN


def is_warning(outcome: Outcome) -> bool:
    """Tell whether an outcome asks a person to look at a clean set."""
    return outcome.status in (Status.WARN, Status.INCONCLUSIVE)


def has_shared() -> bool:
    """Tell whether the real spaces are here."""
    return (SHARED / "spaces").is_dir()


def clean_sets(n: int, *, sources: tuple[str, ...] = REAL, seed: int = 0) -> Iterator[CleanSet]:
    """Yield n variants, the same ones for the same arguments, each source in its turn."""
    for k in range(n):
        yield draw(sources[k % len(sources)], np.random.default_rng([seed, k]))


def draw(source: str, rng: np.random.Generator) -> CleanSet:
    """Draw one variant of a source."""
    context = int(rng.integers(3, 10))
    rows, words = load(source), [source]
    for step in (_rechunked, _cut, _projected, _rounded, _thinned, _renamed):
        rows, word = step(rows, context, rng)
        words += [word] if word else []
    dtype: Literal["float16", "float32"] = "float16" if rng.random() < 0.5 else "float32"
    words += [f"context {context}", dtype, f"{len(np.unique(rows.ids))} articles"]
    return CleanSet(", ".join(words), rows, context, dtype)


def _rechunked(rows: Rows, _: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Join the rows of an article in twos: chunks of twice the length."""
    if rng.random() < 0.8:
        return rows, ""
    place = rows.place
    first = np.flatnonzero(place[:-1] % 2 == 0)
    first = first[rows.ids[first] == rows.ids[first + 1]]
    joined = unit_rows(rows.vectors[first] + rows.vectors[first + 1])
    return Rows(joined, rows.ids[first], (rows.chunks[first] // 2).astype(np.int32)), "chunks x 2"


def _cut(rows: Rows, context: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Keep some articles of `context` + 3 rows and more, and their first rows."""
    most = int(rng.integers(context + 3, 46))
    articles, counts = np.unique(rows.ids, return_counts=True)
    articles = articles[counts >= context + 3]
    n = min(int(rng.choice(SIZES)), len(articles))
    kept = np.sort(rng.permutation(articles)[:n])
    if rng.random() < 0.4:  # a range, whose articles were written one after another
        first = int(rng.integers(0, len(articles) - n + 1))
        kept = articles[first : first + n]
    mine = np.isin(rows.ids, kept) & (rows.place < most)
    return rows.take(mine), f"rows <= {most}"


def _projected(rows: Rows, _: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Keep the principal components of most variance, centred or not."""
    n = PROJECTIONS[int(rng.integers(len(PROJECTIONS)))]
    if n is None or n >= rows.vectors.shape[1]:
        return rows, ""
    is_centred = rng.random() < 0.5
    vectors = rows.vectors - rows.vectors.mean(axis=0) * is_centred
    basis = np.linalg.eigh(vectors.T @ vectors)[1][:, -n:]
    word = f"PCA {n}{' centred' if is_centred else ''}"
    return replace(rows, vectors=unit_rows(vectors @ basis)), word


def _rounded(rows: Rows, _: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Round every vector to a grid, as a whole set that is stored in few bits is."""
    if rng.random() < 0.92:
        return rows, ""
    steps = STEPS * 8 if rng.random() < 0.7 else STEPS
    scale = steps / np.abs(rows.vectors).max(axis=1, keepdims=True)
    rounded = unit_rows(np.round(rows.vectors * scale))
    return replace(rows, vectors=rounded), f"{2 * steps} steps"


def _thinned(rows: Rows, context: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Leave rows out, at random, behind those that an article's first window needs."""
    if rng.random() < 0.75:
        return rows, ""
    kept = (rng.random(len(rows.ids)) >= MISSING) | (rows.place <= context + 1)
    return rows.take(kept), "rows missing"


def _renamed(rows: Rows, _: int, rng: np.random.Generator) -> tuple[Rows, str]:
    """Give articles other ids, in another order."""
    if rng.random() < 0.7:
        return rows, ""
    articles, at = np.unique(rows.ids, return_inverse=True)
    names = rng.permutation(np.sort(rng.choice(10 * len(articles), len(articles), replace=False)))
    ids = names[at].astype(np.int64)
    order = np.lexsort((rows.chunks, ids))
    return replace(rows, ids=ids).take(order), "ids shuffled"


@cache
def load(source: str) -> Rows:
    """Load a source: a space, a region of `wiki`, `wiki-mini` of the repository, or `generated`."""
    rows = _loaders()[source]()
    order = np.lexsort((rows.chunks, rows.ids))
    return replace(rows, vectors=unit_rows(rows.vectors.astype(np.float32))).take(order)


def _loaders() -> dict[str, Callable[[], Rows]]:
    return {
        **{name: lambda name=name: _space(name) for name in SPACES},  # type: ignore[misc]
        "mini": lambda: _wiki("mini"),
        "core": lambda: _wiki("core", ("core", "ood")),
        "tail": lambda: _wiki("core", ("tail",)),
        "wiki-mini": _shipped,
        "generated": _generated,
    }


def _space(name: str) -> Rows:
    with np.load(SHARED / "spaces" / f"{name}.npz", allow_pickle=False) as file:
        return Rows(file["vectors"], file["article_indices"], file["chunk_indices"])


def _wiki(name: str, regions: tuple[str, ...] = ()) -> Rows:
    table = pq.read_table(SHARED / "wiki" / name / "chunks.parquet")
    mine = np.flatnonzero(np.isin(table["region"], regions)) if regions else slice(None)
    vectors = np.load(SHARED / "wiki" / name / "vectors.npy", mmap_mode="r")[mine]
    ids, chunks = (table[key].to_numpy()[mine] for key in ("article_id", "chunk_index"))
    return Rows(vectors, ids, chunks.astype(np.int32))


def _shipped() -> Rows:
    dataset = open_dataset(ROOT / "golden" / "wiki-mini" / "data")
    vectors = dataset.gather(np.arange(len(dataset)))
    return Rows(vectors, dataset.article_ids, dataset.chunk_index)


def _generated() -> Rows:
    vectors = drifting_rows(240, 30, 48)
    ids, chunks = running_keys(*[30] * 240, first=1)
    return Rows(vectors, ids, chunks)


MOST_WARNINGS = 1 / 100


def main(n: int = 300, seed: int = 0) -> int:
    """Print every set on which something fired; return the exit code."""
    say = sys.stdout.write
    if not has_shared():
        say("skipped: ../shared/data/spaces is not here\n")
        return 0
    errors = warnings = 0
    for clean in clean_sets(n, seed=seed):
        with tempfile.TemporaryDirectory(prefix="amn-clean-") as folder:
            outcomes = clean.outcomes(Path(folder) / "case")
        fired = [o for o in outcomes if is_alarm(o) or is_warning(o)]
        errors += any(map(is_alarm, fired))
        warnings += sum(map(is_warning, fired))
        for outcome in fired:
            said = outcome.findings[0].message if outcome.findings else outcome.detail
            say(f"{clean.name}: {outcome.label} {outcome.status.value}: {said}\n")
    say(f"{n} clean sets: {errors} with an error, {warnings} warnings\n")
    return int(errors > 0 or warnings > MOST_WARNINGS * n)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
