"""Metrics by name: known predictors have known values, and no batch or order changes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.data.vectors import cosine_rows, unit_rows
from amn.data.windows import find_windows
from amn.errors import ArgumentError
from amn.evaluation import measuring
from amn.evaluation import metric as declared
from amn.evaluation.measuring import Measuring, Pool
from amn.evaluation.metric import beaten, metric, metrics
from amn.evaluation.metrics import Scoring
from amn.evaluation.predictions import join_predictions
from amn.evaluation.reference import fit_references, measure_references, score_references
from amn.evaluation.surroundings import find_surroundings, retrieve_in_article
from tests.strategies import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.data.windows import Windows

OURS = ("cosine", "in_article", "reciprocal_rank", "contrastive", "l2", "mse")


@pytest.fixture(scope="module")
def windows(toy_splits: Any) -> Windows:
    found: Windows = toy_splits["judged"]["ood"]
    return found


@pytest.fixture
def own() -> Iterator[None]:
    """What a test declares is gone after it."""
    before = dict(declared._declared)
    yield
    declared._declared.clear()
    declared._declared.update(before)


def measured(windows: Windows, predicted: NDArray[Any], at: Any = None) -> dict[str, NDArray[Any]]:
    """Return every metric of predictions, added at once or in the pieces of `at`."""
    found = Measuring(windows, metrics())
    for positions in [np.arange(len(windows))] if at is None else at:
        found.add(positions, predicted[positions].astype(np.float32))
    return found.values


def noise(windows: Windows) -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((len(windows), windows.dataset.dim))


def means(windows: Windows, predicted: NDArray[Any]) -> dict[str, float]:
    return {name: float(v.mean()) for name, v in measured(windows, predicted).items()}


def test_ours_are_there_by_name() -> None:
    assert {*OURS} <= {*metrics()}
    assert [name for name in OURS if metrics()[name].better == "lower"] == ["l2", "mse"]


def test_the_oracle_has_the_best_value_of_each(windows: Windows) -> None:
    best = means(windows, windows.gather(slice(None))[:, -1])

    assert best == pytest.approx(
        {"cosine": 1, "in_article": 1, "reciprocal_rank": 1, "contrastive": 1, "l2": 0, "mse": 0}
    )


def test_a_predictor_that_knows_nothing_is_at_chance(windows: Windows) -> None:
    got = means(windows, noise(windows))

    # 156 windows of 12 articles: about three clustered standard errors
    assert got["in_article"] == pytest.approx(0.5, abs=0.1)
    assert got["contrastive"] == pytest.approx(0.5, abs=0.1)
    assert got["reciprocal_rank"] < 0.1
    assert abs(got["cosine"]) < 0.1


def test_the_opposite_of_the_target_is_behind_every_other_row(windows: Windows) -> None:
    got = means(windows, -windows.gather(slice(None))[:, -1])

    assert got["in_article"] == 0
    assert got["contrastive"] == 0
    assert got["l2"] == pytest.approx(2)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_neither_order_nor_size_of_a_batch_changes_a_value(windows: Windows, size: int) -> None:
    predicted = noise(windows)
    order = np.random.default_rng(1).permutation(len(windows))

    whole = measured(windows, predicted)
    pieces = measured(windows, predicted, np.split(order, range(size, len(order), size)))

    for name, values in whole.items():
        np.testing.assert_allclose(pieces[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_windows_that_lie_far_apart_have_the_values_of_neighbours(windows: Windows) -> None:
    predicted = noise(windows)
    apart = [np.array([0, len(windows) - 1])]  # rows nearby are read one by one

    some = measured(windows, predicted, apart)

    for name, values in measured(windows, predicted).items():
        np.testing.assert_allclose(some[name][apart[0]], values[apart[0]], atol=1e-12, rtol=0)


@pytest.mark.parametrize("dense", [0, 1, 1_000_000])
@pytest.mark.parametrize("piece", [1, 32])
def test_rows_that_are_read_once_or_one_by_one_give_the_same_values(
    windows: Windows, dense: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted = noise(windows)
    expected = measured(windows, predicted)
    monkeypatch.setattr(measuring, "DENSE", dense)
    monkeypatch.setattr(measuring, "PIECE", piece)

    got = measured(windows, predicted)

    assert all(np.abs(got[name] - expected[name]).max() < 1e-12 for name in expected)


def test_in_article_is_what_e012_retrieves_in(windows: Windows) -> None:
    predicted = noise(windows).astype(np.float32)
    around = find_surroundings(windows, np.arange(len(windows)))

    found = retrieve_in_article(predicted, around)

    assert measured(windows, predicted)["in_article"].mean() == pytest.approx(found.beaten)


def test_in_article_counted_by_hand(windows: Windows) -> None:
    data, at = windows.dataset, 5
    predicted = noise(windows)
    row = windows.targets[at]
    others = [
        r
        for r in np.flatnonzero(data.codes == data.codes[row])
        if r != row and abs(r - row) <= 16 and not row - windows.context <= r < row
    ]
    cosine = [
        float(cosine_rows(predicted[at], data.gather(np.array([r]))[0])) for r in [row, *others]
    ]

    share = np.mean([cosine[0] > other for other in cosine[1:]])

    assert measured(windows, predicted)["in_article"][at] == pytest.approx(share)


def test_rows_behind_a_gap_are_not_around_a_target() -> None:
    chunks = np.r_[0, 5:12, 30:40].astype(np.int32)  # eight before the row of chunk 8, row 0 is 0
    data = in_memory(np.zeros(len(chunks), np.int64), chunks)
    windows = find_windows(data, 2)
    rows, at = np.arange(len(chunks)), windows.targets[:, None]
    is_near = (chunks - chunks[at] == rows - at) & (np.abs(rows - at) <= measuring.REACH)
    is_near &= (rows < at - 2) | (rows > at)
    predicted = noise(windows)
    cosines = unit_rows(predicted) @ unit_rows(data.gather(rows).astype(np.float64)).T

    batch = Measuring(windows, {}).add(np.arange(len(windows)), predicted.astype(np.float32))

    found = [one[~np.isnan(one)] for one in batch.nearby]
    expected = [one[near] for one, near in zip(cosines, is_near, strict=True)]
    for got, by_hand in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.sort(got), np.sort(by_hand), atol=1e-6)


def test_a_rank_counts_the_pool_and_leaves_the_target_itself_out(windows: Windows) -> None:
    pool = Pool.of(windows)
    at = int(np.flatnonzero(windows.targets == pool.rows[3])[0])
    predicted = noise(windows)
    rows = windows.dataset.gather(pool.rows).astype(np.float64)
    scores = rows @ predicted[at] / np.linalg.norm(rows, axis=1)

    rank = 1 + np.sum(scores > scores[3])

    assert measured(windows, predicted)["reciprocal_rank"][at] == pytest.approx(1 / rank)


def test_the_pool_follows_from_the_windows_and_spreads_over_articles(windows: Windows) -> None:
    first, again = Pool.of(windows), Pool.of(windows)
    few = Pool.of(windows.take(np.arange(0, len(windows), 2)))

    assert np.array_equal(first.rows, again.rows)
    assert len(np.unique(windows.dataset.codes[first.rows])) == 12
    assert len(few.rows) == len(windows) // 2


def test_rows_that_are_as_near_count_half_and_none_is_chance() -> None:
    own = np.array([0.5, 0.5, 0.5, np.nan])
    others = np.array([[0.5, 0.4], [0.6, np.nan], [np.nan, np.nan], [0.1, 0.2]])

    assert beaten(own, others).tolist()[:3] == [0.75, 0.0, 0.5]
    assert np.isnan(beaten(own, others)[3])


def test_a_window_without_a_prediction_has_no_value(windows: Windows) -> None:
    values = measured(windows, noise(windows), [np.arange(3)])

    assert all(np.isnan(v[3:]).all() and np.isfinite(v[:3]).all() for v in values.values())


def test_scores_have_the_metrics_that_were_asked_for(windows: Windows) -> None:
    scoring = Scoring(windows, asked={"l2": metrics()["l2"]})
    scoring.add(np.arange(len(windows)), noise(windows).astype(np.float32))
    scores = scoring.scores()

    assert [*scores.values] == ["l2"]
    assert scores.of("cosine") is scores.cosines
    with pytest.raises(ArgumentError, match="metric mse: expected one that was measured: cosine"):
        scores.of("mse")


def test_a_file_of_predictions_has_the_values_of_the_same_vectors(
    toy_splits: Any, tmp_path: Any
) -> None:
    judged = toy_splits["judged"]
    predicted = {split: noise(w).astype(np.float32) for split, w in judged.items()}
    unit = {s: p / np.linalg.norm(p, axis=1, keepdims=True) for s, p in predicted.items()}
    names = np.concatenate([w.names().to_numpy(zero_copy_only=False) for w in judged.values()])
    order = np.random.default_rng(2).permutation(len(names))
    path = tmp_path / "mine.npz"
    vectors = np.concatenate([unit[split] for split in judged])[order]
    np.savez(path, window=names[order].astype(str), prediction=vectors)
    asked = {"in_article": metrics()["in_article"], "contrastive": metrics()["contrastive"]}

    joined = join_predictions(path, judged, {s: np.arange(2) for s in judged}, asked)

    for split, windows in judged.items():
        for name in asked:
            want = measured(windows, unit[split])[name]
            np.testing.assert_allclose(joined.scores[split].of(name), want, atol=1e-12, rtol=0)


def test_references_are_measured_beside(toy_plan: Any, windows: Windows) -> None:
    fitted = fit_references(toy_plan.train)

    found = {
        name: {reference: values.mean() for reference, values in one.items()}
        for name, one in measure_references(fitted, windows, metrics()).items()
    }

    known = score_references(fitted, windows)
    assert found["cosine"] == pytest.approx({n: v.mean() for n, v in known.items()}, abs=1e-6)
    assert found["in_article"]["last"] > found["in_article"]["constant"]


@pytest.mark.usefixtures("own")
def test_one_of_ones_own_is_measured_like_ours(windows: Windows) -> None:
    @metric("nearer_than_last")
    def nearer_than_last(own: Any, predicted: Any, context: Any) -> Any:
        """Whether the target is nearer than the last row of the context."""
        return own > cosine_rows(predicted, context[:, -1])

    values = measured(windows, windows.gather(slice(None))[:, -1])["nearer_than_last"]

    assert values.dtype == np.float64
    assert values.mean() == 1


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "parameter", "said"),
    [
        ("Mine", "own", "expected a name of small letters"),
        ("lift", "own", "that is not lift or recall"),
        ("mine", "owned", "expected parameters among predicted, target, .*got 'owned'"),
        ("cosine", "own", "expected a name of its own, got that of amn.evaluation.metric"),
    ],
)
def test_what_cannot_stand_is_refused(name: str, parameter: str, said: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def mine({parameter}):\n    '''Mine.'''", scope)  # noqa: S102 - as a user writes it

    with pytest.raises(ArgumentError, match=said):
        metric(name)(scope["mine"])


@pytest.mark.usefixtures("own")
def test_one_that_says_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="metric mine: expected a docstring"):
        metric("mine")(lambda own: own)
    with pytest.raises(ArgumentError, match="better='higher' or 'lower', got 'more'"):

        @metric("mine", better="more")  # type: ignore[arg-type] - what a user may type
        def mine(own: Any) -> Any:
            """Mine."""
            return own


@pytest.mark.usefixtures("own")
def test_one_that_gives_no_number_a_window_is_named(windows: Windows) -> None:
    @metric("one_for_all")
    def one_for_all(own: Any) -> Any:
        """One number for all windows."""
        return own.mean()

    with pytest.raises(ArgumentError, match=r"metric one_for_all: expected \(156,\) numbers, one"):
        measured(windows, noise(windows))


def test_the_door_of_python_measures_by_name(toy_data: Any) -> None:
    import amn  # noqa: PLC0415 - as a user would

    names = ["in_article", "l2"]
    mean = amn.evaluate(lambda c: c.mean(axis=1), toy_data, 3, metrics=names)
    last = amn.evaluate(lambda c: c[:, -1], toy_data, 3, metrics=names)

    assert [*mean.metrics] == ["cosine", *names]
    assert mean.metrics["cosine"] == mean.interval
    assert last.metrics["in_article"].low < last.metrics["in_article"].mean < 1
    found = amn.compare(mean, last, metric="in_article")
    assert found.difference == pytest.approx(
        mean.metrics["in_article"].mean - last.metrics["in_article"].mean
    )
    farther = amn.compare(mean, last, metric="l2")  # lower is better: turned round
    assert farther.difference == pytest.approx(last.metrics["l2"].mean - mean.metrics["l2"].mean)
    with pytest.raises(ArgumentError, match=r"metric: expected one of cosine, .*got 'rank'"):
        amn.evaluate(lambda c: c[:, -1], toy_data, 3, metrics=["rank"])


@pytest.mark.usefixtures("own")
def test_a_run_keeps_no_metric_whose_code_may_change_under_its_name() -> None:
    @metric("mine")
    def mine(own: NDArray[np.float64]) -> NDArray[np.float64]:
        """A metric of somebody else's, which every case measures."""
        return own

    assert declared.metrics()["mine"].always
    assert [*declared.kept_metrics()] == ["in_article", "reciprocal_rank", "contrastive"]
