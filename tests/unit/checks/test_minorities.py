"""A few articles that are not like the others, in the vectors of the shipped case and its PCA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amn.case.limits import DataConfig
from amn.checks import broken, data_borders, data_minorities, data_order, data_space, split_space
from amn.data.articles import ArticleSample, sample_articles
from amn.data.dataset import open_dataset
from amn.data.minorities import find_below
from amn.data.row_order import likeness, order_scores, row_order
from amn.data.vectors import unit_rows
from amn.verdict import Severity
from tests.clean_sets import has_shared, load
from tests.strategies import drifting_rows

MINI = Path(__file__).parents[3] / "golden" / "wiki-mini" / "data"
N_ARTICLES = 160
BAD = np.arange(N_ARTICLES) % 20 == 7
NAMED = [
    data_minorities.check_article_space,
    data_minorities.check_article_signs,
    data_minorities.check_article_grid,
    data_minorities.check_joined_articles,
]


@pytest.fixture(scope="module")
def clean() -> ArticleSample:
    dataset = open_dataset(MINI)
    return sample_articles(dataset, dataset.articles[:N_ARTICLES])


def with_rows(sample: ArticleSample, vectors: Any) -> ArticleSample:
    return ArticleSample(unit_rows(vectors).astype(np.float32), sample.starts, sample.articles)


def changed(sample: ArticleSample, change: Any, bad: Any = BAD) -> ArticleSample:
    vectors = sample.vectors.astype(np.float64)
    mine = bad[sample.owner]
    vectors[mine] = change(vectors[mine])
    return with_rows(sample, vectors)


def by_article(sample: ArticleSample, order: Any, bad: Any = BAD) -> ArticleSample:
    """Put the rows of some articles in the order that a function of their number returns."""
    rows = np.arange(len(sample.vectors))
    for article in np.flatnonzero(bad):
        first, n = sample.starts[article], sample.counts[article]
        rows[first : first + n] = first + order(n)
    return ArticleSample(sample.vectors[rows], sample.starts, sample.articles)


def judge(check: Any, sample: ArticleSample, **limits: Any) -> Any:
    data_sets = (SimpleNamespace(path=Path("data")),)
    config = DataConfig(**({"reason": "a test", **limits} if limits else {}))
    if check in NAMED or check is data_space.check_one_space:
        return check(data_sets, (sample,), config)
    if check in (data_borders.check_reversed_articles, data_order.check_row_blocks):
        return check(data_sets, (sample,), config)
    return check(data_sets, (sample,), (row_order(sample),), config)


def quantised(steps: int) -> Any:
    return lambda rows: broken.rows.quantised(rows, steps)


def rotated(rows: Any) -> Any:
    return rows @ broken.rows.rotation(rows.shape[1])


def permuted(rows: Any) -> Any:
    return rows[:, np.random.default_rng(1).permutation(rows.shape[1])]


def padded(rows: Any) -> Any:
    return np.where(np.arange(rows.shape[1]) < 3 * rows.shape[1] // 4, rows, 0.0)


@pytest.mark.parametrize("check", [*NAMED, data_space.check_one_space])
def test_nobody_is_named_in_a_clean_set(check: Any, clean: ArticleSample) -> None:
    assert judge(check, clean).findings == []


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (data_minorities.check_article_space, rotated),
        (data_minorities.check_article_space, permuted),
        (data_minorities.check_article_signs, np.negative),
        (data_minorities.check_article_grid, quantised(127)),
        (data_minorities.check_article_grid, quantised(7)),
        (data_minorities.check_article_grid, padded),
    ],
)
def test_every_bad_article_is_named_and_no_other(
    check: Any, change: Any, clean: ArticleSample
) -> None:
    measured = judge(check, changed(clean, change))

    (finding,) = measured.findings
    assert finding.severity is None
    assert measured.number == 0.05
    assert f"got 8 of {N_ARTICLES}: " in finding.message
    assert finding.message.endswith(", ".join(map(str, clean.articles[BAD])))


def test_a_limit_of_the_case_lets_a_minority_through(clean: ArticleSample) -> None:
    negated = changed(clean, np.negative)

    assert judge(data_minorities.check_article_signs, negated, apart=0.05).findings == []
    assert judge(data_minorities.check_article_signs, negated, apart=0.049).findings


def test_most_articles_that_go_on_as_another_one_are_named(clean: ArticleSample) -> None:
    vectors = clean.vectors.copy()
    for article in np.flatnonzero(BAD):
        other = (article + N_ARTICLES // 2) % N_ARTICLES
        n = min(int(clean.counts[article]) // 2, int(clean.counts[other]))
        end = clean.starts[article] + clean.counts[article]
        vectors[end - n : end] = vectors[clean.starts[other] : clean.starts[other] + n]

    (finding,) = judge(data_minorities.check_joined_articles, with_rows(clean, vectors)).findings

    named = {int(word) for word in finding.message.rpartition(": ")[2].split(", ")}
    assert len(named & {*clean.articles[BAD].tolist()}) >= BAD.sum() / 2
    assert len(named) <= BAD.sum()


def test_half_of_the_articles_in_another_space_are_two_encoders(clean: ArticleSample) -> None:
    half = np.arange(N_ARTICLES) % 2 == 0

    measured = judge(data_space.check_one_space, changed(clean, rotated, half))

    assert measured.number < 0.3
    assert "two encoders; of 160 articles, 80 are apart" in measured.findings[0].message


def test_scores_of_a_random_order_have_a_mean_of_0_and_a_deviation_of_1(
    clean: ArticleSample,
) -> None:
    rng = np.random.default_rng(0)
    third = np.arange(N_ARTICLES) % 3 == 0

    mixed = [by_article(clean, rng.permutation, third) for _ in range(10)]
    scores = np.array([order_scores(sample, row_order(sample)) for sample in mixed])

    assert abs(scores[:, third].mean()) < 0.1
    assert scores[:, third].std() == pytest.approx(1, abs=0.1)
    assert np.median(scores[:, ~third]) > 4


@pytest.mark.parametrize("block", [2, 5])
def test_blocks_of_rows_in_another_order_are_named_by_their_size(
    clean: ArticleSample, block: int
) -> None:
    rng = np.random.default_rng(0)

    def order(n: int) -> Any:
        keys = rng.random(n // block + 1)[np.arange(n) // block]
        return np.lexsort((np.arange(n), keys))

    everywhere = np.ones(N_ARTICLES, np.bool_)
    measured = judge(data_order.check_row_blocks, by_article(clean, order, everywhere))

    assert f"blocks of {block} rows are in another order" in measured.findings[0].message
    assert judge(data_order.check_row_blocks, clean).findings == []


@pytest.mark.parametrize("n_rows", [4, 5, 6, 9])
def test_the_middle_of_a_short_article_is_no_border_of_blocks(n_rows: int) -> None:
    rows = drifting_rows(3000, n_rows, 32)
    sample = ArticleSample(rows, np.arange(0, len(rows), n_rows), np.arange(3000))

    assert judge(data_order.check_row_blocks, sample).findings == []
    block = n_rows // 2

    def halves_exchanged(n: int) -> Any:
        return np.r_[block : 2 * block, :block, 2 * block : n]

    exchanged = by_article(sample, halves_exchanged, np.arange(3000) % 2 == 0)
    (finding,) = judge(data_order.check_row_blocks, exchanged).findings
    assert f"blocks of {block} rows are in another order" in finding.message


def test_blocks_in_a_few_articles_are_what_chance_has() -> None:
    def of_articles(n: int) -> ArticleSample:
        sample = ArticleSample(drifting_rows(n, 8, 32), np.arange(0, 8 * n, 8), np.arange(n))
        return by_article(sample, lambda rows: np.r_[4:rows, :4], np.arange(n) % 10 > 0)

    # z is 4.4: once in 220,000 of a normal distribution, once in 5,600 of Student's t of 18.
    assert judge(data_order.check_row_blocks, of_articles(18)).findings == []
    (finding,) = judge(data_order.check_row_blocks, of_articles(72)).findings
    assert "blocks of 4 rows" in finding.message


def test_how_articles_begin_is_no_border_of_blocks() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((800, 1, 32)) + rng.standard_normal((800, 7, 32))
    rows[:, 1] += 2 * rows[:, 0]  # their first two rows are more alike than others
    vectors = unit_rows(rows.reshape(-1, 32)).astype(np.float32)
    sample = ArticleSample(vectors, np.arange(0, len(vectors), 7), np.arange(800))
    near, overall = likeness(sample.main)
    first, second, third = near.reshape(-1, 7)[:, :3].mean(axis=0)

    fall = (first + third) / 2 - second
    assert fall / 3 > 0.5 * (np.nanmean(near) - overall.mean())
    assert judge(data_order.check_row_blocks, sample).findings == []


def test_a_stretch_of_shuffled_articles_is_named_by_its_ids(clean: ArticleSample) -> None:
    rng = np.random.default_rng(0)
    stretch = (np.arange(N_ARTICLES) >= 50) & (np.arange(N_ARTICLES) < 80)

    measured = judge(data_order.check_order_stretch, by_article(clean, rng.permutation, stretch))

    (finding,) = measured.findings
    first, last = (int(word) for word in finding.where.split() if word.isdigit())
    assert {first, last} <= {*clean.articles[45:85].tolist()}
    assert f"got {measured.number:.1f}" in finding.message
    assert judge(data_order.check_order_stretch, clean).findings == []


@pytest.mark.parametrize(("most", "every"), [(12, 6), (45, 10)])
@pytest.mark.parametrize("seed", range(3))
def test_a_few_articles_without_order_are_seen(
    clean: ArticleSample, seed: int, most: int, every: int
) -> None:
    rng = np.random.default_rng(seed)
    sample, some = clean.shortened(most), np.arange(N_ARTICLES) % every == 3

    measured = judge(data_order.check_unordered_articles, by_article(sample, rng.permutation, some))

    (finding,) = measured.findings
    assert measured.number < 0.001
    assert f"of 160 (p {measured.number:.1e}): rows of some are not in the order" in finding.message
    assert judge(data_order.check_unordered_articles, sample).findings == []


def test_beginnings_alone_do_not_say_that_articles_are_without_order(clean: ArticleSample) -> None:
    rng = np.random.default_rng(0)
    sixth = np.arange(N_ARTICLES) % 6 == 3
    sample = by_article(clean.shortened(12), rng.permutation, sixth)
    order = replace(row_order(sample), fading=np.zeros(N_ARTICLES))
    data_sets = (SimpleNamespace(path=Path("data")),)

    measured = data_order.check_unordered_articles(data_sets, (sample,), (order,), DataConfig())

    assert find_below(order_scores(sample, order), mirrored=False).chance < 0.001
    assert measured.findings == []


@pytest.mark.parametrize("most", [12, 45])
def test_a_tenth_of_the_articles_that_run_backwards_is_named(
    clean: ArticleSample, most: int
) -> None:
    sample, tenth = clean.shortened(most), np.arange(N_ARTICLES) % 10 == 3
    turned = by_article(sample, lambda n: np.arange(n)[::-1], tenth)

    measured = judge(data_borders.check_reversed_articles, turned)

    (finding,) = measured.findings
    assert measured.number < 0.001
    assert f"of 160 (p {measured.number:.1e}), most of: " in finding.message
    assert judge(data_borders.check_reversed_articles, sample).findings == []


@pytest.mark.skipif(not has_shared(), reason="../shared/data/spaces is not here")
@pytest.mark.parametrize("space", ["minilm", "e5"])
@pytest.mark.parametrize("most", [12, 45])
def test_a_tenth_that_is_shuffled_or_reversed_is_seen_in_other_spaces(
    space: str, most: int
) -> None:
    rows = load(space)
    starts = np.flatnonzero(rows.place == 0)
    sample = ArticleSample(rows.vectors, starts, rows.ids[starts]).shortened(most)
    tenth = np.arange(len(starts)) % 10 == 3
    rng = np.random.default_rng(0)

    shuffled = by_article(sample, rng.permutation, tenth)
    turned = by_article(sample, lambda n: np.arange(n)[::-1], tenth)

    assert judge(data_order.check_unordered_articles, shuffled).number < 0.001
    assert judge(data_borders.check_reversed_articles, turned).number < 0.001
    for check in (data_order.check_unordered_articles, data_borders.check_reversed_articles):
        assert judge(check, sample).findings == []


def test_a_split_that_runs_backwards_is_named(clean: ArticleSample) -> None:
    region = np.arange(N_ARTICLES) >= 130
    turned = by_article(clean, lambda n: np.arange(n)[::-1], region)

    def parts(sample: ArticleSample) -> dict[str, ArticleSample]:
        place = np.arange(N_ARTICLES)
        bounds = {"train": (0, 100), "in_dist": (100, 130), "ood": (130, 160)}
        return {n: sample.take((place >= a) & (place < b)) for n, (a, b) in bounds.items()}

    measured = split_space.check_split_direction(parts(turned))

    (finding,) = measured.findings
    assert finding.where == "ood"
    assert f"got {measured.number:.1f}: its chunks" in finding.message
    assert split_space.check_split_direction(parts(clean)).findings == []


def test_a_space_whose_articles_differ_too_much_names_nobody(clean: ArticleSample) -> None:
    rng = np.random.default_rng(0)
    flat = with_rows(clean, rng.standard_normal(clean.vectors.shape))

    measured = judge(data_minorities.check_article_space, changed(flat, rotated))

    assert measured.findings == []


def test_severities_are_those_of_what_the_case_can_show() -> None:
    from amn.checks.check import checks  # noqa: PLC0415 - all modules of checks

    undecided = {"D018", "D023", "D027"}
    warned = {"D021", "D022", "D028", "D029", "S007", "S008"}
    assert {i for i, c in checks().items() if c.severity is Severity.INCONCLUSIVE} >= undecided
    assert {i for i, c in checks().items() if c.severity is Severity.WARNING} >= warned
