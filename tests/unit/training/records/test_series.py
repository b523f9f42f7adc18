"""Series of experiment trackers become epochs: TensorBoard event files and MLflow run folders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import DataError, MissingDependencyError
from amn.training.records.find import find_records, read_record
from amn.training.records.series import from_series

if TYPE_CHECKING:
    from pathlib import Path

SERIES = {
    "train/loss": [(1, 0.5), (2, 0.4)],
    "train/loss_mse": [(1, 0.3), (2, 0.2)],
    "val/cosine": [(1, 0.55), (2, 0.6)],
    "lr": [(1, 0.001), (2, 0.0005)],
    "room/heat": [(1, 70.0)],
}
EXPECTED = [(1, 0.5, 0.3, 0.55, 0.001), (2, 0.4, 0.2, 0.6, 0.0005)]


def figures(history: Any) -> list[Any]:
    return [
        (e.epoch, *(pytest.approx(v, rel=1e-6) for v in (e.train_loss, e.terms["mse"],
                                                         e.val_cosine, e.lr)))
        for e in history.epochs
    ]  # fmt: skip


def write_events(folder: Path, series: dict[str, list[tuple[int, float]]]) -> Path:
    proto = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    summary = pytest.importorskip("tensorboard.compat.proto.summary_pb2")
    writers = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    writer = writers.EventFileWriter(str(folder))
    for tag, points in series.items():
        for step, value in points:
            scalar = summary.Summary(value=[summary.Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(proto.Event(step=step, wall_time=float(step), summary=scalar))
    writer.close()
    return folder


def write_mlflow(
    folder: Path, series: dict[str, list[tuple[int, float]]], status: str = "3"
) -> Path:
    for name, points in series.items():
        file = folder / "metrics" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"1700000000000 {value} {step}\n" for step, value in points))
    (folder / "meta.yaml").write_text(f"run_id: abc\nrun_name: brave-owl\nstatus: {status}\n")
    return folder


def test_tensorboard_and_mlflow_say_the_same(tmp_path: Path) -> None:
    events = read_record(write_events(tmp_path / "events", SERIES))
    run = read_record(write_mlflow(tmp_path / "run", SERIES))

    assert figures(events) == EXPECTED
    assert figures(run) == EXPECTED
    assert (events.origin, run.origin) == ("TensorBoard", "MLflow")
    assert (run.name, run.status) == ("brave-owl", "finished")
    assert events.unread == run.unread == {"series": ["room/heat"]}


def test_a_single_event_file_is_read(tmp_path: Path) -> None:
    (file,) = write_events(tmp_path, SERIES).iterdir()

    assert figures(read_record(file)) == EXPECTED


def test_runs_are_found_in_an_mlflow_store(tmp_path: Path) -> None:
    write_mlflow(tmp_path / "0" / "one", SERIES)
    write_mlflow(tmp_path / "0" / "two", SERIES)

    assert [p.name for p in find_records(tmp_path)] == ["one", "two"]


def test_a_failed_mlflow_run_is_a_crash(tmp_path: Path) -> None:
    run = read_record(write_mlflow(tmp_path, SERIES, status="FAILED"))

    assert (run.status, run.stop) == (
        "crashed",
        "expected a finished run, got MLflow status FAILED",
    )


@pytest.mark.slow
def test_what_mlflow_itself_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = pytest.importorskip("mlflow.store.tracking.file_store")
    entities = pytest.importorskip("mlflow.entities")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = stores.FileStore(str(tmp_path / "mlruns"))
    run = store.create_run("0", "me", 1, [], "brave-owl")
    for name, points in SERIES.items():
        for step, value in points:
            store.log_metric(run.info.run_id, entities.Metric(name, value, 1, step))

    (path,) = find_records(tmp_path / "mlruns")
    assert figures(read_record(path)) == EXPECTED


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [((0, 1, 2), [1, 2, 3]), ((1, 2, 3), [1, 2, 3]), ((7, 8, 9), [7, 8, 9]),
     ((500, 1000, 1500), [1, 2, 3]), ((499, 999, 1999), [1, 2, 4]), ((1, 3), [1, 2])],
)  # fmt: skip
def test_steps_become_epochs_and_keep_their_gaps(
    tmp_path: Path, steps: tuple[int, ...], epochs: list[int]
) -> None:
    history = from_series({"val_cosine": [(step, 0.5) for step in steps]}, tmp_path)

    assert [e.epoch for e in history.epochs] == epochs


def test_a_step_that_was_written_twice_keeps_its_last_value(tmp_path: Path) -> None:
    history = from_series({"val_cosine": [(1, 0.1), (1, 0.5), (2, 0.6)]}, tmp_path)

    assert [e.val_cosine for e in history.epochs] == [0.5, 0.6]


def test_points_that_all_have_one_step_are_no_course(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a step of its own .* got 3 points at step 0"):
        from_series({"val_cosine": [(0, 0.1), (0, 0.5), (0, 0.6)]}, tmp_path)


def test_what_was_logged_since_the_last_validation_is_of_its_epoch(tmp_path: Path) -> None:
    series = {"loss": [(10, 0.4), (20, 0.2), (30, 0.1)], "val_cosine": [(25, 0.5), (50, 0.6)]}
    history = from_series(series, tmp_path)

    assert [(e.epoch, e.train_loss) for e in history.epochs] == [
        (1, pytest.approx(0.3)), (2, 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "word"), [("5", "KILLED"), ("RUNNING", "RUNNING"), ("2", "SCHEDULED")]
)
def test_an_mlflow_run_that_did_not_finish_is_unfinished(
    tmp_path: Path, status: str, word: str
) -> None:
    run = read_record(write_mlflow(tmp_path, SERIES, status=status))

    assert (run.status, run.stop) == (
        "unfinished", f"expected a finished run, got MLflow status {word}",
    )  # fmt: skip


def test_an_end_that_mlflow_does_not_know_is_unknown(tmp_path: Path) -> None:
    assert read_record(write_mlflow(tmp_path, SERIES, status="9")).status == "unknown"


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        (None, "expected meta.yaml beside metrics/, found none"),
        ("", "expected a status, found none"),
        ("status: 3\nlifecycle_stage: deleted\nrun_id: abc\n", "mlflow runs restore --run-id abc"),
    ],
)
def test_a_run_of_mlflow_that_is_not_whole_is_named(
    tmp_path: Path, meta: str | None, problem: str
) -> None:
    write_mlflow(tmp_path, SERIES)
    (tmp_path / "meta.yaml").unlink()
    if meta is not None:
        (tmp_path / "meta.yaml").write_text(meta)

    with pytest.raises(DataError, match=problem):
        read_record(find_records(tmp_path)[0])


def test_validation_tells_the_epochs_where_training_is_logged_by_batch(tmp_path: Path) -> None:
    series = {"loss": [(i, 0.1) for i in range(1, 101)], "val_cosine": [(50, 0.5), (100, 0.6)]}

    assert [(e.epoch, e.train_loss) for e in from_series(series, tmp_path).epochs] == [
        (1, 0.1), (2, 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["1 0.5", "one 0.5 x", "1 high 1"])
def test_a_damaged_metric_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    write_mlflow(tmp_path, SERIES)
    (tmp_path / "metrics" / "val" / "cosine").write_text(f"1 0.5 1\n{line}\n")

    with pytest.raises(DataError, match="line 2: expected") as caught:
        read_record(tmp_path)
    assert caught.value.path.name == "cosine"


def test_a_metric_that_is_nan_stays_nan(tmp_path: Path) -> None:
    history = read_record(write_mlflow(tmp_path, {"val_cosine": [(1, math.nan)]}))

    assert math.isnan(history.epochs[0].val_cosine or 0.0)


def test_series_of_nothing_we_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected series such as val/cosine .* got room/heat"):
        from_series({"room/heat": [(1, 1.0)]}, tmp_path)
    with pytest.raises(DataError, match="got none"):
        from_series({}, tmp_path)


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.out.tfevents.1").touch()

    def absent(module: str) -> None:
        raise ModuleNotFoundError(name=module.partition(".")[0])

    monkeypatch.setattr("amn.errors.import_module", absent)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tensorboard>=2"):
        read_record(tmp_path)
