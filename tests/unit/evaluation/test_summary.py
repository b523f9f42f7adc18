from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amn.evaluation.metrics import SplitScores
from amn.evaluation.storage import Evaluation
from amn.evaluation.summary import lift_over, summarise_split

ARTICLES, PER_ARTICLE = 12, 5
N = ARTICLES * PER_ARTICLE


ARTICLE_IDS = np.repeat(np.arange(ARTICLES), PER_ARTICLE)


def evaluations(*cosines: Any) -> list[Evaluation]:
    """One evaluation a seed, against a mean of the context that scores 0.5 everywhere."""
    base = SplitScores(
        cosines=np.zeros(N),
        copy_cosines=np.zeros(N),
        article_ids=ARTICLE_IDS,
        target_chunks=np.tile(np.arange(PER_ARTICLE, dtype=np.int32), ARTICLES),
        norm_error=0.0,
        rank=1.0,
        target_rank=1.0,
    )
    references = {"ood": {"constant": np.full(N, 0.2), "mean": np.full(N, 0.5)}}
    return [Evaluation({"ood": replace(base, cosines=c)}, references) for c in cosines]


def cosines(seed: int, mean: float = 0.6) -> Any:
    return np.random.default_rng(seed).normal(mean, 0.05, N)


def test_a_summary_is_the_mean_over_windows_and_seeds() -> None:
    seeds = [cosines(0), cosines(1), cosines(2)]
    summary = summarise_split(evaluations(*seeds), "ood")

    assert summary.per_seed == pytest.approx([c.mean() for c in seeds])
    assert summary.mean == pytest.approx(np.mean(seeds), abs=1e-12)
    assert summary.interval is not None
    assert summary.interval.mean == pytest.approx(summary.mean, abs=1e-12)
    assert summary.interval.low < summary.mean < summary.interval.high
    assert summary.interval.n_clusters == ARTICLES


def test_lift_is_the_gain_over_the_strongest_reference() -> None:
    summary = summarise_split(evaluations(cosines(0)), "ood")

    assert summary.references == {"constant": pytest.approx(0.2), "mean": pytest.approx(0.5)}
    assert summary.lift is not None
    assert summary.lift.mean == pytest.approx(summary.mean - 0.5, abs=1e-12)
    assert summary.lift.low < summary.lift.mean < summary.lift.high


def test_the_mean_of_the_context_itself_has_no_lift() -> None:
    summary = summarise_split(evaluations(np.full(N, 0.5)), "ood")

    assert summary.lift is not None
    assert (summary.lift.low, summary.lift.mean, summary.lift.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("copied", ["last", "mean", "ridge"])
def test_a_copy_of_any_reference_has_no_lift_over_the_strongest(copied: str) -> None:
    references = {
        name: cosines(k, 0.5 + k / 50) for k, name in enumerate(("last", "mean", "ridge"))
    }

    strongest, lift = lift_over(references[copied], references, ARTICLE_IDS, "ood")

    assert strongest == "ridge"
    assert lift.mean <= 0
    assert lift.low <= 0


def test_its_interval_is_as_low_as_that_over_any_reference() -> None:
    candidate = cosines(9, 0.6)
    noise = np.random.default_rng(1).normal(0.0, 1.5, N)
    references = {"level": np.full(N, 0.55), "wild": candidate - 0.1 - (noise - noise.mean())}

    strongest, lift = lift_over(candidate, references, ARTICLE_IDS, "ood")

    assert strongest == "level"
    alone = lift_over(candidate, {"level": references["level"]}, ARTICLE_IDS, "ood")[1]
    assert alone.low > 0 > lift.low
    assert lift.mean == alone.mean


def test_a_summary_is_identical_twice() -> None:
    assert summarise_split(evaluations(cosines(0)), "ood") == summarise_split(
        evaluations(cosines(0)), "ood"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_cosine_that_is_not_finite_makes_the_mean_so(bad: float) -> None:
    broken = cosines(1)
    broken[7] = bad

    summary = summarise_split(evaluations(cosines(0), broken), "ood")

    assert not np.isfinite(summary.mean)
    assert np.isfinite(summary.per_seed[0])
    assert summary.interval is None
    assert summary.lift is None
    assert summary.references["constant"] == pytest.approx(0.2)
