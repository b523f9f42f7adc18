"""Records as trainers and trackers write them: files they wrote, and what they write here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.training import AbortConfig
from amn.diagnosis.records import judge_paths, judge_records
from amn.errors import ConfigError, DataError
from amn.training.records.find import KINDS, find_records, read_record, search_records
from amn.training.records.logs import read_json
from amn.training.records.names import KNOWN, Names, field_of, is_telling, read_names

if TYPE_CHECKING:
    from amn.training.records.history import RunHistory

WRITTEN = Path(__file__).parents[3] / "data" / "records"
CASES = Path(__file__).parents[5] / "shared" / "data" / "cases"
PAGE = Path(__file__).parents[4] / "docs" / "records.md"


def course(history: RunHistory, *names: str) -> list[tuple[float | None, ...]]:
    """Return the epochs with some of their figures, to four digits."""
    rows = [(e.epoch, *(getattr(e, name) for name in names)) for e in history.epochs]
    return [tuple(None if v is None else round(v, 4) for v in row) for row in rows]


@pytest.mark.parametrize("file", ["keras.csv", "keras_semi.csv", "keras.json"])
def test_what_keras_wrote_is_read(file: str) -> None:
    history = read_record(WRITTEN / file)

    assert course(history, "train_cosine", "val_cosine")[:2] == [
        (1, 0.0086, -0.0971), (2, 0.0169, -0.0895),
    ]  # fmt: skip
    assert history.parts == {"epochs", "train_loss", "val_loss", "train_cosine", "val_cosine"}
    assert not history.unknown


def test_what_lightning_wrote_by_step_is_a_line_an_epoch() -> None:
    history = read_record(WRITTEN / "lightning.csv")

    assert course(history, "train_loss", "train_cosine", "val_cosine") == [
        (1, 10.093, 0.2389, 0.3851), (2, 8.9004, 0.4887, 0.5957), (3, 7.8398, 0.6635, 0.7285),
    ]  # fmt: skip
    assert not history.unknown


def test_what_transformers_wrote_is_read_with_its_end() -> None:
    history = read_record(WRITTEN / "transformers")

    assert [e.epoch for e in history.epochs] == [1, 2, 3]
    assert (history.status, history.planned, history.unknown) == ("finished", 3, ())
    assert history.parts >= {"train_loss", "val_loss", "val_cosine", "lr", "status"}


def test_a_checkpoint_within_a_training_has_not_ended(tmp_path: Path) -> None:
    state = json.loads((WRITTEN / "transformers/trainer_state.json").read_text())
    state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"] = False
    for step in (8, 16):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        changed = {**state, "global_step": step}
        (folder / "trainer_state.json").write_text(json.dumps(changed))
    (judged,) = judge_records([tmp_path], AbortConfig())

    assert read_json(folder / "trainer_state.json").name == f"{tmp_path.name}/checkpoint-16"
    assert judged.status.value == "UNFINISHED"
    assert "expected 24 steps, got 16: a checkpoint within a training" in judged.reason


def test_keras_folders_of_tensorboard_are_one_record() -> None:
    pytest.importorskip("tensorboard")
    history = read_record(WRITTEN / "keras-tensorboard")

    assert course(history, "train_loss", "val_loss", "train_cosine", "val_cosine") == [
        (
            n + 1,
            *(round(v, 4) for v in (0.4 - n / 100, 0.4 - n / 100, 0.5 + n / 100, 0.55 + n / 100)),
        )
        for n in range(4)
    ]
    assert not history.unknown


def test_the_folder_that_dvclive_wrote_is_one_record() -> None:
    history = read_record(WRITTEN / "dvclive")

    assert course(history, "train_loss", "val_cosine")[-1] == (4, 0.37, 0.58)
    assert history.origin == "DVCLive"


def test_an_export_of_wandb_is_read_without_the_name_of_its_run(tmp_path: Path) -> None:
    assert course(read_record(WRITTEN / "wandb-export.csv"), "val_cosine") == [(1, 0.55), (2, 0.56)]

    two = tmp_path / "two.csv"
    two.write_text("Step,a - val/cosine,b - val/cosine\n0,0.5,0.6\n")
    with pytest.raises(DataError, match="expected one run, got a, b"):
        read_record(two)


def test_a_summary_of_wandb_is_one_line_of_its_course() -> None:
    history = read_record(WRITTEN / "wandb/files/wandb-summary.json")

    assert course(history, "train_loss", "val_cosine") == [(3, 0.4, 0.58)]
    assert (history.name, history.is_excerpt, history.unknown) == ("wandb", True, ())


def test_what_sentence_transformers_wrote_is_read_where_a_user_says_what_it_is() -> None:
    path = WRITTEN / "similarity_evaluation_dev_results.csv"
    with pytest.raises(DataError, match=r"got epoch, steps, cosine_pearson.* --columns"):
        read_record(path)

    names = Names(columns={"cosine_spearman": "val_cosine", "cosine_pearson": "ignore"})
    assert course(read_record(path, names), "val_cosine") == [(1, 0.55), (2, 0.57)]


# What the libraries write here and now.


@pytest.mark.filterwarnings("ignore")  # of keras with torch and a later NumPy
def test_what_keras_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(4)])
    metric = keras.metrics.CosineSimilarity(name="cosine_similarity")
    model.compile("adam", "mse", metrics=[metric])
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    done = model.fit(x, x, epochs=3, validation_split=0.25, verbose=0, callbacks=[logger])
    (tmp_path / "log.json").write_text(json.dumps(done.history))

    wanted = [(i + 1, round(v, 4)) for i, v in enumerate(done.history["val_cosine_similarity"])]
    for name in ("log.csv", "log.json"):
        assert course(read_record(tmp_path / name), "val_cosine") == wanted


def test_what_lightnings_logger_writes_is_read(tmp_path: Path) -> None:
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    logger = loggers.CSVLogger(tmp_path)
    for epoch in range(3):
        for step in range(2):
            at = 2 * epoch + step
            logger.log_metrics({"train_loss_step": 0.4 - at / 100, "epoch": epoch}, at)
        logger.log_metrics({"val_cosine": 0.55 + epoch / 100, "epoch": epoch}, 2 * epoch + 1)
    logger.save()

    (path,) = find_records(tmp_path)
    assert course(read_record(path), "train_loss", "val_cosine") == [
        (1, 0.395, 0.55), (2, 0.375, 0.56), (3, 0.355, 0.57),
    ]  # fmt: skip


def test_what_wandb_writes_offline_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="p", name="gru-7", mode="offline", dir=str(tmp_path))
    for epoch in range(3):
        run.log({"val/cosine": 0.55 + epoch / 100, "train": {"loss": 0.4 - epoch / 100}})
    run.finish()

    (path,) = find_records(tmp_path)
    history = read_record(path)
    assert (history.name, history.status) == ("gru-7", "finished")
    assert course(history, "train_loss", "val_cosine") == [
        (1, 0.4, 0.55), (2, 0.39, 0.56), (3, 0.38, 0.57),
    ]  # fmt: skip
    for cut in (10, path.stat().st_size - 3):
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(DataError, match="expected"):
            read_record(path)


def test_what_dvclive_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dvclive = pytest.importorskip("dvclive")
    monkeypatch.chdir(tmp_path)
    with dvclive.Live("dvclive", save_dvc_exp=False, report=None) as live:
        for epoch in range(3):
            live.log_metric("val/cosine", 0.55 + epoch / 100)
            live.next_step()

    (path,) = find_records(tmp_path)
    assert course(read_record(path), "val_cosine") == [(1, 0.55), (2, 0.56), (3, 0.57)]


def test_what_torchs_writer_writes_is_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    writers = pytest.importorskip("torch.utils.tensorboard")
    with writers.SummaryWriter(str(tmp_path)) as writer:
        for epoch in range(3):
            writer.add_scalar("Cosine/val", 0.55 + epoch / 100, epoch)
            writer.add_scalar("Loss/train", 0.4 - epoch / 100, epoch)
            writer.add_text("note", "no figure", epoch)

    assert course(read_record(tmp_path), "train_loss", "val_cosine")[0] == (1, 0.4, 0.55)


@pytest.mark.filterwarnings("ignore")  # of tensorflow with later libraries
def test_what_tensorflow_writes_is_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    tensorflow = pytest.importorskip("tensorflow")
    for split, start in (("train", 0.6), ("validation", 0.55)):
        writer = tensorflow.summary.create_file_writer(str(tmp_path / split))
        with writer.as_default():
            for epoch in range(12):  # more than TensorBoard keeps of a tensor by itself
                tensorflow.summary.scalar("epoch_cosine", start + epoch / 100, step=epoch)
        writer.close()

    (path,) = find_records(tmp_path)
    found = course(read_record(path), "train_cosine", "val_cosine")
    assert (len(found), found[0], found[11]) == (12, (1, 0.6, 0.55), (12, 0.71, 0.66))


def test_tensors_of_tensorflow_2_are_scalars(tmp_path: Path) -> None:
    summaries = pytest.importorskip("tensorboard.plugins.scalar.summary_v2")
    events = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    writers = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    for split in ("train", "validation"):
        writer = writers.EventFileWriter(str(tmp_path / "logs" / split))
        for step in range(12):  # more points than TensorBoard keeps of a tensor by itself
            summary = summaries.scalar_pb("epoch_loss", 0.5 - step / 100)
            writer.add_event(events.Event(step=step, wall_time=1.0, summary=summary))
        writer.close()

    (path,) = find_records(tmp_path)
    assert course(read_record(path), "train_loss", "val_loss") == [
        (n + 1, round(0.5 - n / 100, 4), round(0.5 - n / 100, 4)) for n in range(12)
    ]


# Names.


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("Val/Cosine", "val_cosine"), ("valCosine", "val_cosine"), ("dev_cos_sim", "val_cosine"),
        ("Cosine (valid)", "val_cosine"), ("eval_cosine", "val_cosine"),
        ("cosine_similarity", "train_cosine"), ("train_losses", "train_loss"),
        ("loss", "train_loss"), ("validation/epoch_loss", "val_loss"), ("LR", "lr"),
        ("test_cosine", "aside"), ("test/loss", "aside"), ("loss_scale", "aside"),
        ("grad_norm", "aside"), ("val_mse", "aside"), ("mse_loss", "terms.mse"),
        ("losses/infonce", "terms.infonce"), ("train_loss_Foo", "terms.foo"),
        ("foo_loss", None), ("val_f1", None), ("mood", None), ("epochs", None),
    ],
)  # fmt: skip
def test_case_and_separators_are_folded_and_splits_told_apart(
    name: str, figure: str | None
) -> None:
    assert field_of(name) == figure


@pytest.mark.parametrize(("name", "tells"), [("val_f1", 1), ("fooLoss", 1), ("mood", 0)])
def test_a_name_of_a_score_or_a_loss_is_told_from_others(name: str, tells: int) -> None:
    assert is_telling(name) == bool(tells)


def test_a_user_says_what_a_column_is(tmp_path: Path) -> None:
    names = tmp_path / "names.toml"
    names.write_text(
        'primary_loss = "info"\n[columns]\n"sim dev" = "val_cosine"\nnce = "terms.info"\n'
    )
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,nce,sim dev\n1,0.5,0.5,0.6\n2,0.4,0.4,0.61\n")
    history = read_record(log, read_names(names))

    assert course(history, "val_cosine") == [(1, 0.6), (2, 0.61)]
    assert (history.epochs[0].terms, history.primary) == ({"info": 0.5}, "info")
    (judged,) = judge_records([log], AbortConfig(), names=read_names(names))
    assert judged.status.value == "SUCCESS"


def test_a_case_says_it_too(tmp_path: Path) -> None:
    log, case = tmp_path / "log.csv", tmp_path / "case.toml"
    log.write_text("epoch,sim dev\n1,0.6\n2,0.61\n")
    case.write_text(
        'schema = 1\ndataset = { path = "data" }\n[split]\nin_dist = { articles = "1-5" }\n'
        'ood = { articles = "6-9" }\n[columns]\n"sim dev" = "val_cosine"\n'
    )
    assert course(read_record(log, read_names(case)), "val_cosine") == [(1, 0.6), (2, 0.61)]

    case.write_text(case.read_text().replace("val_cosine", "mood"))
    with pytest.raises(ConfigError, match=r"columns.sim dev: .*expected epoch, step.*'mood'"):
        read_names(case)


@pytest.mark.parametrize("text", ['[columns]\na = "mood"', "[colums]", "[columns", "a = 1"])
def test_names_that_say_something_else_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"names\.toml"):
        read_names(tmp_path / "names.toml")


def test_two_columns_of_one_figure_are_not_guessed_between(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,val_cosine,dev_cosine\n1,0.5,0.6\n")
    with pytest.raises(DataError, match="expected one column of val_cosine, got val_cosine, dev_c"):
        read_record(log)

    names = Names(columns={"dev_cosine": "ignore"})
    assert course(read_record(log, names), "val_cosine") == [(1, 0.5)]


def test_a_column_that_looks_like_a_score_keeps_a_record_from_success(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,val_cosine,val_f1,mood\n1,0.6,0.1,3\n")
    (judged,) = judge_records([log], AbortConfig())

    assert judged.status.value == "UNKNOWN_COLUMNS"
    assert judged.brief == "R014 not understood: val_f1, mood"
    assert judged.as_result("x").verdict.exit_code() == 1
    log.write_text("epoch,val_cosine,mood\n1,0.6,3\n")
    (judged,) = judge_records([log], AbortConfig())
    assert judged.status.value == "SUCCESS"
    assert "not understood: mood" in [o.value for o in judged.outcomes]


# Folders.


def test_a_folder_is_read_to_its_depth_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "log.jsonl").write_text('{"epoch": 1, "val_cosine": 0.6}\n')
    (tmp_path / "a" / "curve.png").touch()
    (tmp_path / "a" / "other.png").touch()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "notes.tsv").write_text("name\tmood\nx\tgood\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = search_records([tmp_path])

    assert found.records == (deep / "log.jsonl",)
    assert found.left_out == {"of .png": 2, "config.json": 1, "of .tsv": 1}
    assert judge_paths([tmp_path], AbortConfig()).left_out == found.left_out


def test_steps_that_ascend_are_one_epoch_and_a_resumed_run_is_not(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,step,val_cosine\n1,10,0.5\n1,20,0.6\n2,30,0.61\n")
    assert course(read_record(log), "val_cosine") == [(1, 0.6), (2, 0.61)]

    log.write_text("epoch,step,val_cosine\n1,10,0.5\n2,20,0.6\n2,20,0.61\n")
    assert [e.epoch for e in read_record(log).epochs] == [1, 2, 2]


def test_a_status_that_nobody_knows_does_not_pass(tmp_path: Path) -> None:
    for word, status in (("killed", "UNFINISHED"), ("blue", "UNFINISHED"), ("FAILED", "CRASHED")):
        (tmp_path / "a.json").write_text(
            json.dumps({"history": [{"val_cosine": 0.6}], "status": word})
        )
        (judged,) = judge_records([tmp_path], AbortConfig())
        assert judged.status.value == status
        assert f"got status {word}" in judged.reason


def test_every_format_has_its_line_in_the_docs() -> None:
    text = PAGE.read_text("utf-8")
    for name, kind in KINDS.items():
        title = (kind.read.__doc__ or "").partition("\n")[0]
        assert f"| `{name}` | {title} |" in text


# Inputs made for this, and what each gives; beside the repository, where they are.

GIVES: dict[str, str] = {
    "records/ok.json": "SUCCESS",
    "records/pure_infonce.json": "INFONCE_DOMINANCE",
    "records/terms_suffix.json": "INFONCE_DOMINANCE",
    "records/terms_losses_dict.json": "INFONCE_DOMINANCE",
    "records/loss_scale.json": "SUCCESS",
    "records/keras_bare.json": "SUCCESS",
    "records/trainer_state.json": "SUCCESS",
    "records/metrics.jsonl": "SUCCESS",
    "records/wandb_export.csv": "SUCCESS",
    "records/dvclive.tsv": "SUCCESS",
    "records/names_valcos.json": "SUCCESS",
    "records/pl_sparse_train.csv": "SUCCESS",
    "records/pl_many_steps.csv": "SUCCESS",
    "records/pl_test_row.csv": "SUCCESS",
    "mlflow/ok": "SUCCESS",
    "mlflow/killed": "UNFINISHED",
    "mlflow/running": "UNFINISHED",
    "mlflow/deleted": "UNREADABLE",
    "mlflow/all_step0": "UNREADABLE",
    "mlflow/no_meta": "UNREADABLE",
}


@pytest.mark.parametrize("name", GIVES)
def test_each_case_gives_what_it_should(name: str) -> None:
    if not CASES.is_dir():
        pytest.skip(f"the cases are not here: {CASES}")
    (judged,) = judge_records([CASES / name], AbortConfig())

    assert judged.status.value == GIVES[name]
    assert KNOWN.columns == {}


def test_every_record_of_a_folder_of_the_cases_is_judged() -> None:
    if not CASES.is_dir():
        pytest.skip(f"the cases are not here: {CASES}")
    first, second = (
        judge_records([CASES / f"records/{f}"], AbortConfig()) for f in ("fold", "fold2")
    )

    assert sorted(j.status.value for j in first) == [
        "COLLAPSE", "COLLAPSE", "COLLAPSE", "INFONCE_DOMINANCE", "SUCCESS",
    ]  # fmt: skip
    assert sorted(j.status.value for j in second) == ["COLLAPSE", "SUCCESS"]


def fuller(tmp_path: Path) -> Any:
    return shutil.copytree(WRITTEN, tmp_path / "written")


def test_all_that_was_written_is_judged_together(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    judged = judge_records([fuller(tmp_path)], AbortConfig())

    assert sorted(j.path.name for j in judged) == sorted(
        ["dvclive", "keras-tensorboard", "keras.csv", "keras.json", "keras_semi.csv",
         "lightning.csv", "similarity_evaluation_dev_results.csv", "transformers",
         "wandb-export.csv", "wandb-summary.json"]
    )  # fmt: skip
