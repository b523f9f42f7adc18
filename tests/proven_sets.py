"""The self-test on data sets of many kinds, drawn by number: what applies is caught, nothing else.

Half are generated, of 8 to 1,024 columns and 20 to 5,000 articles, with and without a direction in
common, with a fast or a slow fall of variance; the others are the clean variants of real spaces.

  python -m tests.proven_sets [N] [SEED]     nightly: 100 of fixed seeds; other seeds, other sets

Exit code 1 with any defect missed, any alarm on a clean variant, or a median over 30 s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from amn.data.vectors import unit_rows
from amn.errors import AmnError
from amn.prove.selftest import run_selftest
from tests.clean_sets import REAL, CleanSet, Rows, draw, has_shared
from tests.strategies import running_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (8, 16, 32, 64, 128, 256, 512, 1024)
ARTICLES = (20, 40, 60, 100, 200, 400, 1000, 5000)
MOST_VALUES = 60_000_000  # a set that is held in memory several times
SECONDS = 30  # median of a self-test before training, on two cores


def generated(rng: np.random.Generator) -> CleanSet:
    """Draw a set whose rows keep their article's subject and drift, as those of text do."""
    context = int(rng.integers(3, 10))
    dim = int(rng.choice(COLUMNS))
    n_articles = int(rng.choice(ARTICLES))
    most = int(rng.integers(context + 3, 46))
    most = max(context + 3, min(most, MOST_VALUES // (dim * n_articles)))
    fall, common, memory = rng.uniform(0.2, 0.8), rng.choice([0, 1, 3]), rng.uniform(0.5, 0.85)
    topic = rng.uniform(0.5, 1.0)
    scales = (1 + np.arange(dim)) ** -fall
    scales = scales / np.linalg.norm(scales)
    counts = rng.integers(context + 3, most + 1, n_articles)
    subject = rng.standard_normal((n_articles, dim), np.float32)
    drift = np.empty((n_articles, most, dim), np.float32)
    drift[:, 0] = rng.standard_normal((n_articles, dim), np.float32)
    for row in range(1, most):
        new = rng.standard_normal((n_articles, dim), np.float32)
        drift[:, row] = memory * drift[:, row - 1] + np.sqrt(1 - memory**2) * new
    mean = common * rng.standard_normal(dim) * scales
    vectors = mean + (topic * subject[:, None] + drift) * scales
    kept = np.arange(most) < counts[:, None]
    ids, chunks = running_keys(*counts.tolist(), first=1)
    name = (
        f"generated {dim} columns, fall {fall:.2f}, mean {common}, memory {memory:.2f}, topic "
        f"{topic:.2f}, rows <= {most}, context {context}, {n_articles} articles"
    )
    rows = Rows(unit_rows(vectors[kept].astype(np.float32)), ids, chunks)
    return CleanSet(name, rows, context, "float32" if rng.random() < 0.5 else "float16")


def proven_sets(n: int, seed: int = 0) -> Iterator[CleanSet]:
    """Yield n sets, the same ones for the same arguments; every second one real, if any is."""
    for k in range(n):
        rng = np.random.default_rng([seed, k])
        is_real = k % 2 and has_shared()
        yield draw(REAL[(k // 2) % len(REAL)], rng) if is_real else generated(rng)


def main(n: int = 100, seed: int = 0) -> int:
    """Print what was missed, what fired for nothing, and how long it took; return the exit code."""
    say = sys.stdout.write
    faults, seconds = 0, []
    for drawn in proven_sets(n, seed):
        with tempfile.TemporaryDirectory(prefix="amn-proven-") as folder:
            case = drawn.case(Path(folder) / "case")
            try:
                matrix = run_selftest(case, cache=Path(folder) / "runs", after_training=False)
            except AmnError as error:
                say(f"{drawn.name}: {error}\n")
                faults += 1
                continue
        seconds.append(matrix.seconds)
        missed = [row for row in matrix.defects if row.state == "missed"]
        say(f"# {drawn.name}: {matrix.count('caught')} caught, {matrix.seconds:.0f} s\n")
        for row in missed:
            say(f"  {row.defect} {row.check} {row.status}: {row.message}\n")
        for clean in matrix.alarms:
            say(f"  alarm on {clean.variant}: {'; '.join(clean.alarms)}\n")
        faults += bool(missed or matrix.alarms)
        sys.stdout.flush()
    say(f"{n} sets: {faults} with a fault, {median(seconds or [0]):.0f} s each\n")
    return int(faults > 0 or median(seconds or [0]) > SECONDS)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
