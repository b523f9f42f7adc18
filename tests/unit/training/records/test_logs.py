"""Records in JSON and CSV, ours and others', are read into one history."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import DataError
from amn.storage import canonical_json, sha256_of
from amn.training.record import Epoch, TrainingRecord
from amn.training.records.find import find_records, read_record
from amn.training.records.history import FIGURES, RunHistory, history_of

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    {"epoch": 1, "train_loss": 0.5, "train_loss_mse": 0.4, "val_loss": 0.3, "val_cosine": 0.6,
     "train_cosine": 0.55, "lr": 0.001},
    {"epoch": 2, "train_loss": 0.4, "train_loss_mse": 0.3, "val_loss": 0.2, "val_cosine": 0.7,
     "train_cosine": 0.65, "lr": 0.0005},
]  # fmt: skip


def write(folder: Path, content: Any, name: str = "record.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def figures(history: RunHistory) -> list[Any]:
    return [
        (e.epoch, *(getattr(e, name) for name in FIGURES), e.terms.get("mse"))
        for e in history.epochs
    ]


COLUMNS = {name: [line[name] for line in LINES] for name in LINES[0]}
CSV = "\n".join([",".join(COLUMNS), *(",".join(str(v) for v in line.values()) for line in LINES)])


@pytest.mark.parametrize(
    "content",
    [
        {"history": LINES},
        {"epochs": LINES},
        LINES,
        {"history": COLUMNS},
        {"history": [{**line, "epoch": line["epoch"] - 1} for line in LINES]},
        [{"epoch": e["epoch"], "loss": e["train_loss"], "Terms": {"MSE": e["train_loss_mse"]},
          "val/loss": e["val_loss"], "val_cos": e["val_cosine"],
          "training cosine": e["train_cosine"], "learning_rate": e["lr"]} for e in LINES],
    ],
    ids=["dict of epochs", "epochs", "bare list", "columns", "from 0", "other names"],
)  # fmt: skip
def test_every_dialect_of_json_says_the_same(tmp_path: Path, content: Any) -> None:
    got = read_record(write(tmp_path, content))

    assert figures(got) == [
        (1, 0.6, 0.55, 0.3, 0.5, 0.001, 0.4),
        (2, 0.7, 0.65, 0.2, 0.4, 0.0005, 0.3),
    ]
    assert got.weights is None


def test_csv_says_the_same_as_json(tmp_path: Path) -> None:
    table = read_record(write(tmp_path, CSV, "log.csv"))

    assert figures(table) == figures(read_record(write(tmp_path, LINES)))
    assert table.origin == "CSV"


def test_json_lines_say_the_same_as_json(tmp_path: Path) -> None:
    lines = "\n\n".join(map(json.dumps, LINES))
    table = read_record(write(tmp_path, lines, "log.jsonl"))

    assert figures(table) == figures(read_record(write(tmp_path, LINES)))
    assert table.origin == "JSON lines"


def test_lines_that_name_no_epoch_are_counted_from_one(tmp_path: Path) -> None:
    lines = [{key: line[key] for key in line if key != "epoch"} for line in LINES]

    assert figures(read_record(write(tmp_path, lines))) == figures(
        read_record(write(tmp_path, LINES))
    )


def test_lines_of_one_epoch_that_share_no_figure_are_one(tmp_path: Path) -> None:
    lightning = "epoch,step,train_loss,val_cosine\n0,9,0.5,\n0,9,,0.6\n1,19,0.4,\n1,19,,0.7\n"
    got = read_record(write(tmp_path, lightning, "metrics.csv"))

    assert [(e.epoch, e.train_loss, e.val_cosine) for e in got.epochs] == [
        (1, 0.5, 0.6), (2, 0.4, 0.7),
    ]  # fmt: skip
    assert not got.unread


def test_what_nobody_reads_is_kept(tmp_path: Path) -> None:
    content = {"history": [{**LINES[0], "mood": "good"}], "optimizations": ["warmup"]}
    got = read_record(write(tmp_path, content))

    assert got.unread == {"optimizations": ["warmup"], "history[]": ["mood"]}


def test_what_a_record_declares_is_read(tmp_path: Path) -> None:
    content = {
        "history": LINES, "model_type": "AMN", "dim": 768, "loss_weights": {"MSE": 1},
        "best_val_loss": 0.2, "in_dist": 0.56, "ood": None, "references": {"constant": 0.2},
        "name": "mine", "status": "finished", "recorded_status": "success",
    }  # fmt: skip
    got = read_record(write(tmp_path, content))

    assert (got.name, got.model, got.dim, got.status) == ("mine", "amn", 768, "finished")
    assert got.weights == {"mse": 1.0}
    assert (got.bests, got.scores) == ({"val_loss": 0.2}, {"in_dist": 0.56})
    assert (got.references, got.then, got.unread) == ({"constant": 0.2}, "success", {})


def own_record() -> TrainingRecord:
    epoch = Epoch(
        epoch=1, train_loss=0.4, terms={"cosine": 0.4}, train_cosine=0.6, val_loss=0.3,
        val_cosine=0.7, grad_norm=1.0, lr=1e-3, seconds=0.1,
    )  # fmt: skip
    return TrainingRecord(
        seed=0, status="finished", stop=None, epochs=(epoch,), best_epoch=1, best_val_cosine=0.7,
        constant=0.2, mean=0.6, n_train_windows=9, n_validation_windows=3, n_parameters=5,
    )  # fmt: skip


def run_json(folder: Path, **changes: Any) -> Path:
    info = {"record": own_record().to_json(), "config": {"model": {"kind": "gru"}}}
    content = {**info, "sha256": sha256_of(canonical_json(info)), **changes}
    return write(folder, content, "run.json")


def test_our_own_run_is_read_with_its_references(tmp_path: Path) -> None:
    run_json(tmp_path)
    got = read_record(tmp_path)

    assert got.epochs == history_of("x", own_record()).epochs
    assert (got.name, got.model, got.origin) == (tmp_path.name, "gru", "run.json")
    assert (got.weights, got.references) == ({"cosine": 1.0}, {"constant": 0.2, "mean": 0.6})
    assert got.is_measured


def test_our_own_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = run_json(tmp_path, config={"model": {"kind": "amn"}})
    with pytest.raises(DataError, match="expected sha256"):
        read_record(path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", "{'history'", "expected a record in JSON"),
        ("a.json", "", "expected a record in JSON"),
        ("a.json", "[" * 100_000, "expected a record in JSON"),
        ("a.json", '[{"val_cosine": 0.1, "val_cosine": 0.6}]', "the key 'val_cosine' twice"),
        ("a.json", {"scores": 1}, "expected epochs under 'history' or 'epochs', found none"),
        ("a.json", {"history": []}, "history: expected at least one epoch, got none"),
        ("a.json", [1, 2], "history[0]: expected a table of one epoch, got 1"),
        ("a.json", "7", "expected a record, got int"),
        ("a.json", [{"val_cosine": "high"}], "history[0], val_cosine: expected a number"),
        ("a.json", [{"val_cosine": True}], "history[0], val_cosine: expected a number, got True"),
        ("a.json", [{"epoch": 1.5, "val_cosine": 1}], "expected a whole number of the epoch"),
        ("a.json", [{"epoch": 1, "mood": 3}], "expected losses or cosines such as val_cosine"),
        ("a.json", {"history": {"lr": [1], "val_loss": []}}, "expected columns of one length"),
        ("a.json", {"record": {}, "sha256": "0"}, "expected sha256"),
        ("a.csv", "", "expected a header and at least one line"),
        ("a.csv", "epoch,val_cosine\n1,0.5,7\n", "line 2: expected 2 columns"),
        ("a.csv", "epoch,val_cosine\n1\n", "line 2: expected 2 columns"),
        ("a.csv", "epoch,val_cosine\n1,x\n", "line 2, val_cosine: expected a number, got 'x'"),
        ("a.csv", "mood,weather\n1,2\n", "expected columns such as val_cosine"),
        ("a.jsonl", "\n", "expected at least one line, got none"),
        ("a.jsonl", '{"val_cosine": 1}\n7\n', "line 2: expected a table in JSON, got '7'"),
        ("a.jsonl", '\n{"val_cosine": \n', "line 2: expected a table in JSON, got"),
    ],
)
def test_what_is_no_record_is_one_clear_line(
    tmp_path: Path, name: str, content: Any, problem: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_record(write(tmp_path, content, name))

    assert problem in caught.value.message
    assert caught.value.path.name == name


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "a.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00epoch\x80,1\n\xff")
        with pytest.raises(DataError, match="expected"):
            read_record(tmp_path / name)


def test_nan_stays_nan_and_a_hole_stays_a_hole(tmp_path: Path) -> None:
    path = write(tmp_path, '[{"val_cosine": NaN}, {"val_cosine": null, "lr": 1}]')
    first, second = read_record(path).epochs

    assert first.val_cosine is not None
    assert math.isnan(first.val_cosine)
    assert second.val_cosine is None


def test_a_folder_is_searched_for_records(tmp_path: Path) -> None:
    write(tmp_path, LINES, "b.json")
    write(tmp_path, CSV, "a.csv")
    write(tmp_path, "notes", "INDEX.tsv")
    (tmp_path / "seed-0").mkdir()
    run_json(tmp_path / "seed-0")

    assert [p.name for p in find_records(tmp_path)] == ["a.csv", "b.json", "seed-0"]
    assert find_records(tmp_path / "seed-0") == [tmp_path / "seed-0"]


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected records, found none"):
        find_records(tmp_path)
    with pytest.raises(DataError, match="found none"):
        find_records(tmp_path / "absent")
