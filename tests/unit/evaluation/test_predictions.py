"""Predictions from any file are joined with windows by name, and scored as a model of ours is."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from amn.data.windows import find_windows
from amn.errors import ArgumentError, DataError
from amn.evaluation.metrics import Scoring
from amn.evaluation.prediction_files import read_predictions
from amn.evaluation.predictions import join_predictions
from amn.evaluation.window_files import write_windows
from tests.strategies import drifting_rows, in_memory, running_keys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.evaluation.predictions import Joined

DIM = 16
Rows = tuple[list[str], "NDArray[np.float32]"]


def some_windows(context: int = 3, lengths: tuple[int, ...] = (12, 5, 9)) -> dict[str, Windows]:
    rows = np.concatenate([drifting_rows(1, n, DIM, seed=i) for i, n in enumerate(lengths)])
    every = find_windows(in_memory(*running_keys(*lengths, first=40), rows), context)
    of_first = every.article_ids == every.article_ids[0]
    return {
        "in_dist": every.take(np.flatnonzero(of_first)),
        "ood": every.take(np.flatnonzero(~of_first)),
    }


@pytest.fixture(params=[2, 3, 5])
def judged(request: pytest.FixtureRequest) -> dict[str, Windows]:
    return some_windows(request.param)


def sample(judged: dict[str, Windows]) -> dict[str, NDArray[np.int64]]:
    return {split: np.array([2, 0]) for split in judged}


def predict(judged: dict[str, Windows]) -> Rows:
    """Return the mean of each context as the prediction of its window."""
    names = [name for windows in judged.values() for name in windows.names().to_pylist()]
    rows = [windows.gather(slice(None))[:, :-1].mean(axis=1) for windows in judged.values()]
    return names, np.concatenate(rows)


def write(path: Path, names: list[str], vectors: NDArray[Any]) -> Path:
    if path.suffix == ".parquet":
        column = pa.array(list(vectors), pa.list_(pa.from_numpy_dtype(vectors.dtype)))
        parquet.write_table(pa.table({"window": names, "prediction": column}), path)
    elif path.suffix == ".csv":
        columns = {f"p{place}": column for place, column in enumerate(vectors.T)}
        csv.write_csv(pa.table({"window": names, **columns}), path)
    elif path.suffix == ".npz":
        np.savez(path, window=np.array(names), prediction=vectors)
    else:
        np.save(path, vectors)
        np.save(path.with_suffix(".windows.npy"), np.array(names))
    return path


def same(one: Joined, other: Joined) -> bool:
    return all(
        np.array_equal(one.scores[split].cosines, other.scores[split].cosines, equal_nan=True)
        and np.array_equal(one.sampled[split], other.sampled[split])
        for split in one.scores
    )


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".npy", ".csv"])
def test_a_file_in_any_order_scores_as_the_vectors_do_in_the_order_of_windows(
    judged: dict[str, Windows], tmp_path: Path, suffix: str
) -> None:
    names, vectors = predict(judged)
    turned = np.random.default_rng(0).permutation(len(names))
    path = write(tmp_path / f"mine{suffix}", [names[i] for i in turned], vectors[turned])

    joined = join_predictions(path, judged, sample(judged))

    assert joined.faults == ()
    assert joined.rows == len(names)
    for split, windows in judged.items():
        rows = windows.gather(slice(None))
        scoring = Scoring(windows)
        mean = rows[:, :-1].mean(axis=1)
        unit = mean / np.linalg.norm(mean.astype(np.float64), axis=1, keepdims=True)
        scoring.add(np.arange(len(windows)), unit.astype(np.float32))
        ours, theirs = scoring.scores(), joined.scores[split]
        assert np.abs(ours.cosines - theirs.cosines).max() < 1e-7
        assert np.abs(ours.copy_cosines - theirs.copy_cosines).max() < 1e-7
        assert theirs.rank == pytest.approx(ours.rank)
        assert theirs.norm_error < 1e-6
        assert np.abs(joined.sampled[split] - unit[[2, 0]]).max() < 1e-6


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(17)), power=st.integers(-20, 20))
def test_order_and_length_of_vectors_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], power: int
) -> None:
    judged = some_windows(3)
    names, vectors = predict(judged)
    assert len(names) == len(order)
    folder = tmp_path_factory.mktemp("any")
    plain = write(folder / "a.npz", names, vectors)
    scaled = (vectors[order] * np.float32(2.0**power)).astype(np.float32)
    other = write(folder / "b.npz", [names[i] for i in order], scaled)

    one, two = (join_predictions(path, judged, sample(judged)) for path in (plain, other))

    for split in judged:
        difference = one.scores[split].cosines - two.scores[split].cosines
        assert np.abs(difference).max() < 1e-7


def test_kinds_of_numbers_and_lists_are_read_alike(tmp_path: Path) -> None:
    judged = some_windows()
    names, vectors = predict(judged)
    whole = write(tmp_path / "a.parquet", names, vectors)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    table = pa.table({"window": pa.array(names).dictionary_encode(), "prediction": fixed})
    parquet.write_table(table, tmp_path / "b.parquet")
    big = write(tmp_path / "c.npy", names, vectors.astype(">f8"))

    first = join_predictions(whole, judged, sample(judged))

    assert same(first, join_predictions(tmp_path / "b.parquet", judged, sample(judged)))
    assert same(first, join_predictions(big, judged, sample(judged)))


def left_out(names: list[str], vectors: NDArray[Any]) -> Rows:
    return names[2:], vectors[2:]


def twice(names: list[str], vectors: NDArray[Any]) -> Rows:
    return [*names, names[3]], np.concatenate([vectors, vectors[3:4]])


def foreign(names: list[str], vectors: NDArray[Any]) -> Rows:
    return [*names, "99/7"], np.concatenate([vectors, vectors[:1]])


def zero(names: list[str], vectors: NDArray[Any]) -> Rows:
    changed = vectors.copy()
    changed[4] = 0
    return names, changed


def not_finite(names: list[str], vectors: NDArray[Any]) -> Rows:
    changed = vectors.copy()
    changed[4, 1], changed[5, 0] = np.nan, np.inf
    return names, changed


@pytest.mark.parametrize(
    ("change", "fault", "n_nan"),
    [
        (left_out, "windows without a prediction: 2 (40/3, 40/4)", 2),
        (twice, "windows with several: 1 (40/6)", 0),
        (foreign, "rows of windows that nobody asked for: 1 (99/7)", 0),
        (zero, "rows without a direction (zero, NaN or infinite): 1 (40/7)", 1),
        (not_finite, "rows without a direction (zero, NaN or infinite): 2 (40/7, 40/8)", 2),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_does_not_fit_the_windows_is_named(
    tmp_path: Path, change: Any, fault: str, n_nan: int
) -> None:
    judged = some_windows()
    path = write(tmp_path / "mine.npz", *change(*predict(judged)))

    joined = join_predictions(path, judged, sample(judged))

    assert joined.faults == (fault,)
    assert sum(int(np.isnan(s.cosines).sum()) for s in joined.scores.values()) == n_nan


def no_column(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    parquet.write_table(pa.table({"id": names, "vector": list(vectors)}), path)


def ragged(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    lists = [row[: DIM - i % 2] for i, row in enumerate(vectors.tolist())]
    parquet.write_table(pa.table({"window": names, "prediction": lists}), path)


def cut_short(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    write(path, names, vectors)
    path.write_bytes(path.read_bytes()[:-400])


def pickled(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    np.savez(path, window=np.array(names, object), prediction=vectors)


def bare(path: Path, _: list[str], vectors: NDArray[Any]) -> None:
    np.save(path, vectors)


def fewer_names(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    write(path, names, vectors)
    np.save(path.with_suffix(".windows.npy"), np.array(names[1:]))


def numbered(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    np.savez(path, window=np.arange(len(names)), prediction=vectors)


def other_width(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    write(path, names, vectors[:, 1:])


def whole_numbers(path: Path, names: list[str], vectors: NDArray[Any]) -> None:
    write(path, names, np.ones(vectors.shape, np.int32))


def no_archive(path: Path, _: list[str], __: NDArray[Any]) -> None:
    path.write_bytes(b"not an archive")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("m.parquet", no_column, "expected the columns window and prediction, got id, vector"),
        ("m.parquet", ragged, "prediction: expected lists of one length"),
        ("m.parquet", no_archive, "expected a whole file of predictions"),
        ("m.npz", cut_short, "expected a whole file of predictions"),
        ("m.npz", pickled, "expected a whole file of predictions"),
        ("m.npz", numbered, "window: expected (N,) text, got int64"),
        ("m.npz", other_width, "expected vectors of 16 numbers, got 15"),
        ("m.npz", whole_numbers, "expected floating-point numbers, got int32"),
        ("m.npy", bare, "expected the names of its windows in m.windows.npy beside it"),
        ("m.npy", fewer_names, "expected 16 vectors, one a window, got 17"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_file_that_holds_no_predictions_is_refused_in_one_line(
    tmp_path: Path, name: str, make: Any, message: str
) -> None:
    judged = some_windows()
    make(tmp_path / name, *predict(judged))

    with pytest.raises(DataError) as caught:
        join_predictions(tmp_path / name, judged, sample(judged))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused_by_the_kinds_there_are(tmp_path: Path) -> None:
    judged = some_windows()

    with pytest.raises(
        ArgumentError, match=r"expected one of .parquet, .npz, .npy, .csv, got '.pt'"
    ):
        join_predictions(tmp_path / "mine.pt", judged, sample(judged))


@pytest.mark.parametrize("with_vectors", [False, True])
def test_the_windows_that_are_written_are_what_there_is_to_predict(
    judged: dict[str, Windows],
    tmp_path: Path,
    with_vectors: bool,  # noqa: FBT001 - a case
) -> None:
    chosen = {"train": judged["in_dist"], "ood": judged["ood"]}
    path = tmp_path / "windows.parquet"

    n = write_windows(path, chosen, with_vectors=with_vectors)

    table = parquet.read_table(path).to_pydict()
    assert n == len(table["window"]) == len(set(table["window"]))
    first = len(chosen["train"])
    assert table["split"] == ["train"] * first + ["ood"] * (n - first)
    for split, start in (("train", 0), ("ood", first)):
        windows = chosen[split]
        mine = slice(start, start + len(windows))
        assert table["window"][mine] == windows.names().to_pylist()
        assert table["context_rows"][mine] == windows.rows(slice(None))[:, :-1].tolist()
        assert table["target_row"][mine] == windows.targets.tolist()
        assert table["article_id"][mine] == windows.article_ids.tolist()
        if with_vectors:
            rows = windows.gather(slice(None))
            assert np.array_equal(np.array(table["context"][mine], np.float32), rows[:, :-1])
            targets = table["target"][mine]
            assert targets == ([None] * len(rows) if split == "ood" else rows[:, -1].tolist())
    assert ("context" in table) is with_vectors


def test_scores_of_windows_that_were_never_added_are_not_a_number() -> None:
    [windows, *_] = some_windows().values()
    scoring = Scoring(windows, keep=np.array([1]))

    scores = scoring.scores()

    assert np.isnan(scores.mean)
    assert np.isnan(scores.rank)
    assert np.isnan(scoring.kept).all()


def test_windows_in_csv_have_the_numbers_of_those_in_parquet(tmp_path: Path) -> None:
    chosen = some_windows()
    of_train = {"train": chosen["in_dist"], "ood": chosen["ood"]}
    write_windows(tmp_path / "w.parquet", of_train, with_vectors=True)
    write_windows(tmp_path / "w.csv", of_train, with_vectors=True)
    write_windows(tmp_path / "judged.csv", chosen, with_vectors=True)

    lists, flat = parquet.read_table(tmp_path / "w.parquet"), csv.read_csv(tmp_path / "w.csv")
    assert flat["window"].to_pylist() == lists["window"].to_pylist()
    assert flat["target_row"].to_pylist() == lists["target_row"].to_pylist()
    context = np.array(lists["context"].to_pylist(), np.float32)
    for step, number in ((0, 0), (2, 5), (1, DIM - 1)):
        column = flat[f"context_{step}_{number}"].to_numpy().astype(np.float32)
        assert np.array_equal(column, context[:, step, number])
    targets = lists["target"].to_pylist()
    assert [one if one is None else np.float32(one[3]) for one in targets] == [
        one if one is None else np.float32(one) for one in flat["target_3"].to_pylist()
    ]
    hidden = [one is None for one in targets]
    assert any(hidden)
    assert not all(hidden)
    assert "target_0" not in csv.read_csv(tmp_path / "judged.csv").column_names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,p0\n1/2,0.5\n", "expected window as the first column, got id"),
        ("", "expected window as the first column, got none"),
        ("window,p0\n1/2,0.5\n", "expected vectors of 16 numbers, got 1"),
        ("window,p0\n1/2,half\n", "expected a whole file of predictions"),
    ],
)
def test_a_csv_that_is_none_of_predictions_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.csv").write_text(text, "utf-8")
    judged = some_windows()

    with pytest.raises(DataError, match=said):
        join_predictions(tmp_path / "mine.csv", judged, sample(judged))


def test_rows_out_of_order_without_room_to_sort_them_are_refused_by_name(
    judged: dict[str, Windows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, vectors = predict(judged)
    path = write(tmp_path / "mine.npz", names[::-1], vectors[::-1])

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(DataError, match=r"in the order of windows in .*TMPDIR=FOLDER"):
        join_predictions(path, judged, sample(judged))
    in_order = write(tmp_path / "ordered.npz", names, vectors)
    assert join_predictions(in_order, judged, sample(judged)).faults == ()


def test_a_file_of_one_group_of_rows_is_never_held_whole(tmp_path: Path) -> None:
    n, dim = 40_000, 128
    rows = np.random.default_rng(0).standard_normal((n, dim), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim)
    names = pa.array(map(str, range(n)))
    file = tmp_path / "one.parquet"
    parquet.write_table(pa.table({"window": names, "prediction": column}), file, row_group_size=n)
    del column, names
    before, most, read = pa.total_allocated_bytes(), 0, 0
    _, batches = read_predictions(file, dim)

    for batch in batches:
        read += len(batch)
        most = max(most, pa.total_allocated_bytes() - before)
    assert read == n
    assert most < rows.nbytes / 2
