"""Decisions from the sums of a text golden are those from the windows they are sums of."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.evaluation.attribution import attribute
from amn.evaluation.metrics import SplitScores
from amn.evaluation.noninferiority import noninferiority, table_noninferiority
from amn.evaluation.statistics import ClusterTable, seed_from, tabulate
from amn.golden.compare import joined
from amn.golden.schema import Golden
from amn.golden.table import Table, parse_csv, rounded, to_csv, windows_by_article

if TYPE_CHECKING:
    from numpy.typing import NDArray

DECISIONS = 1000 if os.environ.get("AMN_EXAMPLES") == "long" else 200
PATH = Path("golden.csv")


@dataclass(frozen=True)
class Drawn:
    """A candidate and a golden on the same windows."""

    candidate: NDArray[np.float64]
    golden: NDArray[np.float64]
    articles: NDArray[Any]
    chunks: NDArray[np.int32]
    options: dict[str, Any]


def draw(number: int) -> Drawn:
    """Draw 1 to 120 articles of 1 to 60 windows, some seeds, any spread, numbers or names."""
    rng = np.random.default_rng(number)
    n = int(rng.integers(1, 121))
    sizes = rng.integers(1, int(rng.integers(2, 61)), n)
    ids: NDArray[Any] = np.sort(rng.choice(10**6, n, replace=False))
    if number % 3 == 0:
        ids = np.sort(ids.astype(np.str_))
    articles = np.repeat(ids, sizes)
    starts = rng.integers(3, 9, n)
    chunks = np.concatenate([s + np.arange(k) * 2 for s, k in zip(starts, sizes, strict=True)])
    total = int(sizes.sum())
    text = rng.normal(0.6, rng.choice([0.0, 0.1, 0.3]), total)
    shift = rng.choice([0.0, -0.002, -0.009, -0.011, -0.03, 0.02])
    scatter = np.repeat(rng.normal(0, rng.choice([0.0, 1e-7, 0.005, 0.03]), n), sizes)
    noise = rng.choice([0.0, 1e-9, 0.01])
    golden = text + rng.normal(0, noise, (int(rng.integers(1, 6)), total))
    candidate = text + shift + scatter + rng.normal(0, noise, (int(rng.integers(1, 4)), total))
    if number % 10 == 1:
        candidate = golden.copy()
    order = rng.permutation(total)
    limits = {"margin": float(rng.choice([0.005, 0.01])), "alpha": float(rng.choice([0.05, 0.01]))}
    parts = tuple(np.clip(side, -1, 1)[:, order] for side in (candidate, golden))
    return Drawn(*parts, articles[order], chunks[order].astype(np.int32), limits)


def text_of(drawn: Drawn) -> Table:
    """Return the golden as golden.csv has it, written and read."""
    labels, windows = windows_by_article(drawn.articles, drawn.chunks)
    sums = rounded(tabulate({"golden": drawn.golden}, drawn.articles).by_label().sides[0])
    table = Table(
        labels,
        windows,
        np.full(len(labels), 100),
        ("abcdefgh",) * len(labels),
        sums={f"cosine.{seed}": row for seed, row in enumerate(sums)},
    )
    named = labels.dtype.kind == "U"
    return parse_csv(to_csv({"ood": table}), named=named)["ood"]


class Record:
    """As much of a record as a comparison reads."""

    def __init__(self, seeds: int) -> None:
        self.seeds = range(seeds)


def both_sides(drawn: Drawn) -> ClusterTable:
    """Return the table that the gate decides by, from a candidate's windows and a golden's text."""
    golden = Golden(Record(len(drawn.golden)), {"ood": text_of(drawn)})  # type: ignore[arg-type]
    scores = [
        SplitScores(cosines, cosines, drawn.articles, drawn.chunks, 0.0, 1.0, 1.0)
        for cosines in drawn.candidate
    ]
    return joined(golden, "ood", scores, path=PATH)


@pytest.mark.parametrize("block", range(10))
def test_decisions_from_text_are_those_from_windows(block: int) -> None:
    verdicts = set()
    for number in range(block, DECISIONS, 10):
        drawn = draw(number)
        seed = seed_from("G001", str(number))
        from_windows = noninferiority(
            drawn.candidate, drawn.golden, drawn.articles, **drawn.options, seed=seed
        )

        from_text = table_noninferiority(both_sides(drawn), **drawn.options, seed=seed)

        assert from_text.verdict is from_windows.verdict, number
        for field in ("difference", "lower", "upper"):
            assert getattr(from_text, field) == pytest.approx(
                getattr(from_windows, field), abs=1e-8
            ), (number, field)
        assert from_text.n_windows == from_windows.n_windows
        verdicts.add(from_text.verdict)

    # Every tenth candidate is the golden itself.
    assert len(verdicts) == (3 if block != 1 else 2)


def test_who_is_to_blame_is_the_same_from_text_and_from_windows() -> None:
    for number in range(0, 200, 7):
        drawn = draw(number)
        sides = {"candidate": drawn.candidate, "golden": drawn.golden}
        from_windows = attribute(tabulate(sides, drawn.articles))

        from_text = attribute(both_sides(drawn))

        assert from_text.difference == pytest.approx(from_windows.difference, abs=1e-8)
        parts = [[part.part for part in one.worst] for one in (from_text, from_windows)]
        assert parts[0][:5] == pytest.approx(parts[1][:5], abs=1e-8), number


def test_articles_of_equal_sums_are_resampled_in_the_order_of_their_ids() -> None:
    articles, sizes = np.arange(12), np.full(12, 4.0)
    golden = np.full((1, 12), 2.0)
    candidate = golden + np.random.default_rng(0).normal(0, 0.1, (1, 12))
    table = ClusterTable(articles, sizes, (candidate, golden))
    noisy = replace(table, sides=(candidate, golden + 1e-13 * (-1.0) ** articles))
    options: dict[str, Any] = {"margin": 0.01, "alpha": 0.05, "seed": 3}

    one, other = (table_noninferiority(t, **options) for t in (table, noisy))

    assert other.lower == pytest.approx(one.lower, abs=1e-12)
    assert other.upper == pytest.approx(one.upper, abs=1e-12)
