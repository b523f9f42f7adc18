"""cluster_interval and noninferiority against references, on data whose truth is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import ndtri, stdtrit

from amn.errors import ArgumentError
from amn.evaluation.noninferiority import (
    Comparison,
    Doubt,
    most_skewness,
    noninferiority,
    skewness_of,
    table_noninferiority,
)
from amn.evaluation.statistics import ClusterTable, cluster_interval, cluster_intervals, seed_from
from amn.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = Any
MARGIN = 0.01


def draw(
    rng: np.random.Generator,
    *,
    articles: int = 30,
    shift: float = 0.0,
    seeds: tuple[int, int] = (1, 1),
    seed_sd: float = 0.0,
    between: float = 0.02,
) -> tuple[Array, Array, Array]:
    """Candidate (S, N), golden (S', N) and articles (N,): cosines with article and seed effects."""
    sizes = np.maximum(1, rng.lognormal(math.log(15), 0.7, articles).astype(int))
    clusters = np.repeat(np.arange(articles), sizes)
    base = rng.normal(0.6, 0.1, len(clusters))
    effect = rng.normal(shift, between, articles)[clusters]

    def runs(n: int) -> NDArray[np.float64]:
        noise = rng.normal(0, 0.042, (n, len(clusters)))
        return base + noise + rng.normal(0, seed_sd, (n, 1))

    return runs(seeds[0]) + effect, runs(seeds[1]), clusters


def compare(candidate: Array, golden: Array, clusters: Array, **options: Any) -> Comparison:
    settings = {"margin": MARGIN, "alpha": 0.05, "resamples": 499, "seed": 7, **options}
    return noninferiority(candidate, golden, clusters, **settings)


def literal_bounds(
    values: Array, clusters: Array, tail: float, resamples: int, seed: int
) -> tuple[float, float, float]:
    """The studentised cluster bootstrap as one writes it down, one resample after another."""
    groups = [values[clusters == label] for label in np.unique(clusters)]
    g = len(groups)

    def estimate(chosen: list[Array]) -> tuple[float, float]:
        n = sum(len(group) for group in chosen)
        mean = sum(group.sum() for group in chosen) / n
        residuals = [group.sum() - len(group) * mean for group in chosen]
        return mean, math.sqrt(g / (g - 1) * sum(r * r for r in residuals)) / n

    mean, se = estimate(groups)
    draws = np.random.default_rng(seed).integers(0, g, (resamples, g))
    t = sorted(
        (m - mean) / max(s, 0.1 * se)
        for m, s in (estimate([groups[i] for i in row]) for row in draws)
    )
    k = round((resamples + 1) * tail)
    return mean - t[-k] * se, mean - t[k - 1] * se, se


def test_pooled_bounds_equal_a_literal_bootstrap() -> None:
    candidate, golden, clusters = draw(np.random.default_rng(3), articles=9)
    result = compare(candidate, golden, clusters, resamples=199)

    low, high, se = literal_bounds((candidate - golden)[0], clusters, 0.05, 199, 7)

    assert result.se == pytest.approx(se, rel=1e-12)
    assert result.pooled.low == pytest.approx(low, rel=1e-9)
    assert result.pooled.high == pytest.approx(high, rel=1e-9)


def test_bounds_with_seeds_equal_a_literal_crossed_bootstrap() -> None:
    candidate, golden, clusters = draw(
        np.random.default_rng(6), articles=9, seeds=(3, 4), seed_sd=0.02
    )
    result = compare(candidate, golden, clusters, resamples=199)

    g, n, seeds = 9, len(clusters), (3, 4)
    labels = range(g)
    sizes = np.array([np.count_nonzero(clusters == label) for label in labels])
    sums = [
        np.array([[run[clusters == label].sum() for label in labels] for run in side])
        for side in (candidate, golden)
    ]
    held = sum(np.var(side.sum(axis=1) / n, ddof=1) / len(side) for side in sums)

    def estimate(rows: Array, weights: list[Array]) -> tuple[float, float]:
        per_article = (weights[0] @ sums[0] - weights[1] @ sums[1])[rows]
        total = sizes[rows].sum()
        mean = per_article.sum() / total
        residuals = per_article - sizes[rows] * mean
        return mean, math.sqrt(g / (g - 1) * (residuals @ residuals) / total**2 + held)

    def stretched(drawn: Array, size: int) -> Array:
        share = np.bincount(drawn, minlength=size) / size
        return 1 / size + math.sqrt(size / (size - 1)) * (share - 1 / size)

    mean, se = estimate(np.arange(g), [np.full(size, 1 / size) for size in seeds])
    rng = np.random.default_rng(7)
    articles = rng.integers(0, g, (199, g))
    drawn = [rng.integers(0, size, (199, size)) for size in seeds]
    t = []
    for b in range(199):
        weights = [stretched(drawn[side][b], size) for side, size in enumerate(seeds)]
        resampled, error = estimate(articles[b], weights)
        t.append((resampled - mean) / error)
    t.sort()

    assert result.se == pytest.approx(se, rel=1e-12)
    assert result.pooled.low == pytest.approx(mean - t[-10] * se, rel=1e-9)
    assert result.pooled.high == pytest.approx(mean - t[9] * se, rel=1e-9)


def test_macro_bounds_equal_the_t_interval_of_article_means() -> None:
    candidate, golden, clusters = draw(np.random.default_rng(4), articles=12)
    result = compare(candidate, golden, clusters)

    values = (candidate - golden)[0]
    means = np.array([values[clusters == label].mean() for label in range(12)])
    reach = -stdtrit(11, 0.05) * means.std(ddof=1) / math.sqrt(12)

    assert result.macro.mean == pytest.approx(means.mean(), rel=1e-12)
    assert result.macro.low == pytest.approx(means.mean() - reach, rel=1e-9)
    assert result.macro.high == pytest.approx(means.mean() + reach, rel=1e-9)


def test_macro_bounds_with_seeds_have_the_degrees_of_freedom_of_satterthwaite() -> None:
    candidate, golden, clusters = draw(
        np.random.default_rng(9), articles=12, seeds=(3, 5), seed_sd=0.02
    )
    result = compare(candidate, golden, clusters)

    means = [
        np.array([[run[clusters == label].mean() for label in range(12)] for run in side])
        for side in (candidate, golden)
    ]
    parts = [
        (np.var(means[0].mean(axis=0) - means[1].mean(axis=0), ddof=1) / 12, 11),
        (np.var(means[0].mean(axis=1), ddof=1) / 3, 2),
        (np.var(means[1].mean(axis=1), ddof=1) / 5, 4),
    ]
    variance = sum(v for v, _ in parts)
    reach = -stdtrit(variance**2 / sum(v**2 / df for v, df in parts), 0.05) * math.sqrt(variance)
    assert result.macro.high - result.macro.mean == pytest.approx(reach, rel=1e-9)


def test_the_more_cautious_estimate_sets_each_bound() -> None:
    result = compare(*draw(np.random.default_rng(5), articles=15))

    assert result.lower == min(result.pooled.low, result.macro.low)
    assert result.upper == max(result.pooled.high, result.macro.high)


def of_articles(differences: Array, sizes: Array, alpha: float = 0.05) -> Comparison:
    """Compare one seed of each side, by what an article's windows differ and how many they are."""
    table = ClusterTable(np.arange(len(sizes)), sizes, ((differences * sizes)[None],))
    return table_noninferiority(table, margin=MARGIN, alpha=alpha, seed=7)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_few_articles_far_below_the_rest_ask_for_the_bound_at_a_fifth_of_alpha(
    alpha: float,
) -> None:
    differences = np.random.default_rng(1).normal(0, 0.002, 15)
    differences[[3, 9]] = -0.03
    result = of_articles(differences, np.full(15, 20.0), alpha)

    assert result.doubt == Doubt.SKEWED
    stricter = of_articles(differences, np.full(15, 20.0), alpha / 5)
    assert result.lower == min(stricter.pooled.low, stricter.macro.low) < result.pooled.low
    assert result.upper == max(result.pooled.high, result.macro.high)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.doubted == (
        "; a few articles are far below the rest, so that the lower bound is further off"
    )


def test_how_much_skewness_is_a_doubt_follows_from_the_error_that_is_asked_for() -> None:
    assert most_skewness(0.05) == pytest.approx(0.227, abs=5e-4)
    assert most_skewness(0.01) == pytest.approx(0.0952, abs=5e-4)
    differences = np.random.default_rng(1).normal(0, 0.002, 110)
    differences[[3, 9]] = -0.012
    table = ClusterTable(np.arange(110), np.full(110, 20.0), ((20 * differences)[None],))
    assert -most_skewness(0.05) < skewness_of(table) < -most_skewness(0.01)

    sizes = np.full(110, 20.0)
    assert [of_articles(differences, sizes, alpha).doubt for alpha in (0.05, 0.01)] == [
        Doubt.NONE,
        Doubt.SKEWED,
    ]


def test_skewed_articles_are_no_doubt_where_seeds_differ_by_more() -> None:
    differences = np.random.default_rng(1).normal(0, 0.002, 15)
    differences[[3, 9]] = -0.03
    seeds = differences + np.array([[-0.2], [0.0], [0.2]])
    table = ClusterTable(np.arange(15), np.full(15, 20.0), (20 * seeds, np.zeros((1, 15))))

    assert table_noninferiority(table, margin=MARGIN, alpha=0.05, seed=7).doubt == ""


def test_articles_that_end_the_doubt_are_enough_where_nothing_else_is_undecided() -> None:
    differences = np.random.default_rng(1).normal(0, 0.005, 12)
    differences -= differences.mean()
    differences[[1, 7]] -= 0.017
    once = of_articles(differences, np.full(12, 20.0))
    repeats = math.ceil((once.articles_needed or 0) / 12)
    again = of_articles(np.tile(differences, repeats), np.full(12 * repeats, 20.0))

    assert (once.verdict, once.doubt) == (Verdict.INCONCLUSIVE, Doubt.SKEWED)
    assert once.pooled.low > -MARGIN
    assert 2 <= repeats <= 20
    assert (again.verdict, again.doubt) == (Verdict.PASS, "")


def test_a_few_articles_far_above_the_rest_are_no_doubt() -> None:
    differences = np.random.default_rng(1).normal(0, 0.002, 15)
    differences[[3, 9]] = 0.03

    assert of_articles(differences, np.full(15, 20.0)).doubt == ""


def test_two_low_ones_of_many_articles_are_no_doubt() -> None:
    differences = np.random.default_rng(1).normal(0, 0.02, 110)
    differences[[3, 9]] = -0.06

    assert of_articles(differences, np.full(110, 20.0)).doubt == ""


@pytest.mark.parametrize(("sign", "doubt"), [(-1, Doubt.BY_SIZE), (1, "")])
def test_longer_articles_that_do_worse_ask_for_a_bound_of_any_shape(sign: int, doubt: str) -> None:
    sizes = np.linspace(5, 45, 15)
    noise = np.random.default_rng(2).normal(0, 0.003, 15)
    result = of_articles(sign * 0.0004 * (sizes - sizes.mean()) + noise, sizes)

    assert result.doubt == doubt
    cantelli = result.difference - math.sqrt(0.95 / 0.05) * result.se
    assert (result.lower == pytest.approx(cantelli)) is (sign < 0)


def test_lengths_that_vary_by_less_than_a_third_are_no_doubt() -> None:
    sizes = np.linspace(18, 26, 15)
    noise = np.random.default_rng(2).normal(0, 0.003, 15)

    assert of_articles(-0.002 * (sizes - sizes.mean()) + noise, sizes).doubt == ""


def test_two_calls_give_the_same_comparison() -> None:
    data = draw(np.random.default_rng(6), seeds=(3, 5), seed_sd=1e-3)

    assert compare(*data) == compare(*data)


def test_the_false_pass_rate_at_the_margin_is_near_nominal_where_iid_is_far_off() -> None:
    passed = iid_passed = 0
    for trial in range(400):
        rng = np.random.default_rng([11, trial])
        candidate, golden, clusters = draw(rng, shift=-MARGIN)
        passed += compare(candidate, golden, clusters, seed=trial).verdict is Verdict.PASS
        values = (candidate - golden)[0]
        bound = values.mean() - ndtri(0.95) * values.std(ddof=1) / math.sqrt(len(values))
        iid_passed += bound > -MARGIN

    assert passed / 400 <= 0.10
    assert iid_passed / 400 > 0.15


def test_the_false_pass_rate_holds_when_seeds_are_the_larger_part_of_the_noise() -> None:
    passed = 0
    for trial in range(200):
        rng = np.random.default_rng([12, trial])
        data = draw(rng, shift=-MARGIN, seeds=(3, 5), seed_sd=0.02)
        passed += compare(*data, seed=trial).verdict is Verdict.PASS

    assert passed / 200 <= 0.10


def test_the_95_percent_interval_covers_the_mean() -> None:
    covered = 0
    for trial in range(300):
        candidate, golden, clusters = draw(np.random.default_rng([13, trial]), articles=20)
        interval = cluster_interval((candidate - golden)[0], clusters, resamples=499, seed=trial)
        covered += interval.low <= 0 <= interval.high

    assert 0.92 <= covered / 300 <= 1.0


def test_bounds_close_in_on_the_difference_with_more_articles() -> None:
    few = compare(*draw(np.random.default_rng(14), articles=20))
    many = compare(*draw(np.random.default_rng(14), articles=500))

    assert many.upper - many.lower < 0.4 * (few.upper - few.lower)
    assert many.verdict is Verdict.PASS


def test_a_real_drop_fails() -> None:
    result = compare(*draw(np.random.default_rng(15), articles=60, shift=-0.03))

    assert result.verdict is Verdict.FAIL
    assert result.upper < -MARGIN


def test_a_drop_beyond_the_margin_and_clearly_below_zero_fails() -> None:
    candidate, golden, clusters = draw(np.random.default_rng(16), articles=60)
    candidate += -0.012 - (candidate - golden).mean()
    result = compare(candidate, golden, clusters)

    assert result.difference == pytest.approx(-0.012)
    assert -MARGIN < result.upper < 0
    assert result.verdict is Verdict.FAIL


def test_an_undecided_difference_says_how_many_articles_would_decide() -> None:
    result = compare(*draw(np.random.default_rng(17), articles=12))

    assert result.verdict is Verdict.INCONCLUSIVE
    reach, distance = result.difference - result.lower, result.difference + MARGIN
    assert result.articles_needed == math.ceil(12 * (reach / distance) ** 2)
    assert result.articles_needed > result.n_clusters
    assert result.detectable == pytest.approx((ndtri(0.95) + ndtri(0.8)) * result.se)


def test_no_number_of_articles_decides_when_seeds_leave_it_open() -> None:
    data = draw(np.random.default_rng(18), articles=40, seeds=(3, 3), seed_sd=0.2)

    assert compare(*data).articles_needed is None


def test_an_undecided_difference_says_how_many_seeds_of_the_candidate_would_decide() -> None:
    data = draw(np.random.default_rng(18), articles=120, seeds=(3, 8), seed_sd=0.012)

    result = compare(*data)

    assert result.verdict is Verdict.INCONCLUSIVE
    errors = (result.difference - result.lower) / result.se
    allowed = ((result.difference + MARGIN) / errors) ** 2
    left = allowed - result.article_variance - result.golden_seed_variance
    assert left > 0
    assert result.seeds_needed == math.ceil(3 * result.candidate_seed_variance / left)


def test_no_number_of_seeds_decides_where_there_is_one_or_articles_leave_it_open() -> None:
    assert compare(*draw(np.random.default_rng(17), articles=12)).seeds_needed is None


def test_the_variance_is_split_between_articles_and_seeds() -> None:
    candidate, golden, clusters = draw(
        np.random.default_rng(19), articles=40, seeds=(4, 6), seed_sd=0.01
    )
    result = compare(candidate, golden, clusters)

    expected = np.var(candidate.mean(axis=1), ddof=1) / 4
    assert result.candidate_seed_variance == pytest.approx(expected, rel=1e-9)
    assert result.golden_seed_variance == pytest.approx(np.var(golden.mean(axis=1), ddof=1) / 6)
    parts = (result.article_variance, result.candidate_seed_variance, result.golden_seed_variance)
    assert result.se == pytest.approx(math.sqrt(sum(parts)))


def test_more_seed_noise_widens_the_bounds() -> None:
    quiet = compare(*draw(np.random.default_rng(20), seeds=(3, 5), seed_sd=1e-4))
    noisy = compare(*draw(np.random.default_rng(20), seeds=(3, 5), seed_sd=2e-2))

    assert noisy.upper - noisy.lower > 1.5 * (quiet.upper - quiet.lower)


def test_a_single_seed_adds_no_seed_variance() -> None:
    result = compare(*draw(np.random.default_rng(21)))

    assert result.candidate_seed_variance == 0.0
    assert result.golden_seed_variance == 0.0


def test_seven_articles_are_inconclusive_whatever_they_show() -> None:
    candidate, golden, clusters = draw(np.random.default_rng(22), articles=7, shift=-0.5)
    result = compare(candidate, golden, clusters)

    assert result.verdict is Verdict.INCONCLUSIVE
    assert (result.lower, result.upper) == (-math.inf, math.inf)
    assert result.n_clusters == 7


def test_an_interval_of_seven_articles_claims_nothing() -> None:
    interval = cluster_interval(np.linspace(0.5, 0.6, 14), np.repeat(np.arange(7), 2), seed=0)

    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert interval.mean == pytest.approx(0.55)


def test_one_article_has_no_finite_error() -> None:
    result = compare(np.full(5, 0.5), np.full(5, 0.6), np.zeros(5, int))

    assert result.se == math.inf
    assert result.articles_needed is None
    assert result.verdict is Verdict.INCONCLUSIVE


def test_one_article_that_differs_a_little_among_many_still_passes() -> None:
    golden = np.linspace(0.4, 0.8, 300)
    clusters = np.repeat(np.arange(30), 10)
    candidate = golden - np.where(clusters == 4, 1e-3, 0.0)

    result = compare(candidate, golden, clusters)

    assert result.verdict is Verdict.PASS
    assert result.difference < 0


def test_effective_clusters_count_unequal_articles_for_less() -> None:
    clusters = np.concatenate([np.zeros(90, int), np.arange(1, 11)])
    interval = cluster_interval(np.linspace(0, 1, 100), clusters, seed=0)

    assert interval.n_clusters == 11
    assert interval.effective_clusters == pytest.approx(100**2 / (90**2 + 10))


def test_an_improvement_is_told_in_standard_errors() -> None:
    result = compare(*draw(np.random.default_rng(23), articles=60, shift=0.05))

    assert result.verdict is Verdict.PASS
    assert result.standard_errors > 5


@pytest.mark.parametrize(("offset", "expected"), [(0.1, math.inf), (-0.1, -math.inf), (0.0, 0.0)])
def test_a_difference_without_spread_is_infinitely_many_standard_errors(
    offset: float, expected: float
) -> None:
    golden = np.full(20, 0.5)

    assert compare(golden + offset, golden, np.arange(20)).standard_errors == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    golden = np.full((2, 10), 0.5)
    candidate = golden.copy()
    candidate[1, 4] = bad

    with pytest.raises(
        ArgumentError, match=rf"^candidate: .* got {bad} for window 4 of seed 1; 1 in all$"
    ):
        compare(candidate, golden, np.arange(10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, r"^margin: expected a number between 0 and inf, got 0\.0$"),
        ({"margin": math.nan}, r"^margin: expected a number between 0 and inf, got nan$"),
        ({"alpha": 0.5}, r"^alpha: expected a number between 0 and 0\.5, got 0\.5$"),
        ({"resamples": 98}, r"^resamples: expected at least 99, got 98$"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    golden = np.full(10, 0.5)

    with pytest.raises(ArgumentError, match=message):
        compare(golden, golden, np.arange(10), **options)


@pytest.mark.parametrize("shape", [(0,), (9,), (2, 2, 10)])
def test_values_that_do_not_fit_the_clusters_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"^values: expected \(S, N\) values and \(N,\) clust"):
        cluster_interval(np.zeros(shape), np.arange(10), seed=0)


def test_numbers_of_the_same_windows_have_the_intervals_that_they_have_alone() -> None:
    first, second, clusters = draw(np.random.default_rng(26))
    values = {"first": first[0], "second": second[0], "none": np.zeros(len(clusters))}

    together = cluster_intervals(values, clusters, seed=7)

    assert together == {n: cluster_interval(one, clusters, seed=7) for n, one in values.items()}


def test_the_pooled_bounds_are_those_of_resamples_written_out_one_by_one() -> None:
    rng = np.random.default_rng(27)
    sizes = np.arange(1, 13)  # an order of articles that no rounding changes
    values = rng.normal(0.6, 0.1, sizes.sum())
    sums = np.add.reduceat(values, np.cumsum(sizes) - sizes)
    drawn = np.random.default_rng(3).integers(0, 12, (199, 12))

    interval = cluster_interval(values, np.repeat(sizes, sizes), resamples=199, seed=3)

    def error(at: NDArray[np.int64], mean: float) -> float:
        """Standard error of a mean of articles, in float64."""
        squares = ((sums[at] - mean * sizes[at]) ** 2).sum()
        return float(np.sqrt(squares * 12 / 11) / sizes[at].sum())

    mean, every = values.mean(), np.arange(12)
    se, t = error(every, mean), []
    for at in drawn:
        its = sums[at].sum() / sizes[at].sum()
        t.append((its - mean) / max(error(at, its), 0.1 * se))
    low, high = np.quantile(t, [0.025, 0.975], method="weibull")
    assert interval.pooled.low == pytest.approx(mean - high * se, rel=1e-12)
    assert interval.pooled.high == pytest.approx(mean - low * se, rel=1e-12)


def test_many_articles_are_resampled_in_blocks_with_the_same_shape() -> None:
    # 12,000 articles need more than one block of resamples
    rng = np.random.default_rng(24)
    interval = cluster_interval(rng.normal(0, 1, 12000), np.arange(12000), resamples=99, seed=1)

    assert interval.se == pytest.approx(1 / math.sqrt(12000), rel=0.05)
    assert interval.low < interval.mean < interval.high


def test_a_seed_follows_from_its_parts_alone() -> None:
    assert seed_from("G001", "ab") == seed_from("G001", "ab")
    assert seed_from("G001", "ab") != seed_from("G00", "1ab")
    assert 0 <= seed_from("G001") < 2**64
