"""A run folder is whole and unchanged, or it is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.config import CaseConfig
from amn.errors import ArgumentError, DataError
from amn.storage import canonical_json, sha256_file, sha256_of
from amn.training import plan as plan_module
from amn.training import seed as run_module
from amn.training.plan import Plan, make_plan
from amn.training.record import ValidationReferences
from amn.training.run import RUN_FILES, Run, load_run
from amn.training.seed import run_seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.gate.evidence import Evidence
    from amn.training.plan import PlanReferences

ALL_FILES = {"run.json", "model.safetensors", "evaluation.json", "cosines.npz"}


@pytest.fixture
def copy(toy_runs: tuple[Run, ...], tmp_path: Path) -> Path:
    """A copy of a run, to damage."""
    return shutil.copytree(toy_runs[0].folder, tmp_path / "run")


def replan(plan: Plan, **sections: Any) -> Plan:
    """Return the plan with another config."""
    values = plan.config.resolved()
    for name, section in sections.items():
        values[name] = {**values[name], **section} if isinstance(section, dict) else section
    return replace(plan, config=CaseConfig.model_validate(values))


def test_a_run_folder_has_all_its_files_and_their_digests(toy_runs: tuple[Run, ...]) -> None:
    run = toy_runs[0]

    assert {file.name for file in run.folder.iterdir()} == ALL_FILES
    assert set(run.info["files"]) == set(RUN_FILES) == ALL_FILES - {"run.json"}
    for name, digest in run.info["files"].items():
        assert sha256_file(run.folder / name) == digest
    assert run.model_digest == run.info["files"]["model.safetensors"]


def test_a_run_records_what_made_it(toy_runs: tuple[Run, ...], toy_plan: Plan) -> None:
    run = toy_runs[1]

    assert run.seed == 1
    assert run.info["key"] == toy_plan.key(1)
    assert run.info["config"]["training"]["lr"] == toy_plan.config.training.lr
    assert run.info["splits"]["ood"] == list(range(53, 65))
    assert run.info["digests"]["dataset.ood"] == toy_plan.digests["dataset.ood"]
    assert set(run.info["versions"]) == {"amn.training", "amn.metric", "python", "torch", "numpy"}
    assert run.record.status == "finished"
    assert len(run.record.epochs) == 3


def test_a_runs_checkpoint_names_its_training_articles(toy_runs: tuple[Run, ...]) -> None:
    checkpoint = toy_runs[0].checkpoint()

    assert checkpoint.articles.tolist() == list(range(1, 41))
    assert checkpoint.provenance["seed"] == 0
    assert checkpoint.provenance["key"] == toy_runs[0].info["key"]


def test_equal_keys_give_equal_files(
    toy_plan: Plan, toy_references: PlanReferences, toy_runs: tuple[Run, ...], tmp_path: Path
) -> None:
    plan = replan(toy_plan, criteria={"ood": 0.1}, training={"seeds": [0, 7]})
    assert plan.key(0) == toy_plan.key(0)

    again = run_seed(plan, 0, tmp_path / "again", references=toy_references)

    assert again.info["files"] == toy_runs[0].info["files"]


@pytest.mark.parametrize("name", sorted(ALL_FILES))
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()

    with pytest.raises(DataError, match=r"got no file|found none") as caught:
        load_run(copy)
    assert caught.value.path == copy / name


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_changed_file_is_named(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)

    with pytest.raises(DataError, match=r"expected sha256 \w{12}… as in run\.json") as caught:
        load_run(copy)
    assert caught.value.path == copy / name


def edit(copy: Path, change: Callable[[dict[str, Any]], object], *, forge: bool = False) -> None:
    """Change run.json, and its own digest too if it is forged."""
    info = json.loads((copy / "run.json").read_text())
    change(info)
    if forge:
        info.pop("sha256", None)
        info["sha256"] = sha256_of(canonical_json(info))
    (copy / "run.json").write_text(json.dumps(info))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a cosine": lambda info: info["record"]["epochs"][0].update(val_cosine=0.9),
    "the config": lambda info: info["config"]["training"].update(lr=1.0),
    "a split": lambda info: info["splits"]["ood"].pop(),
    "the digests": lambda info: info["files"].clear(),
    "its digest": lambda info: info.update(sha256="0" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_edited_record_is_refused(copy: Path, change: Any) -> None:
    edit(copy, change)

    with pytest.raises(DataError, match=r"expected sha256 \w{12}… of its content") as caught:
        load_run(copy)
    assert caught.value.path == copy / "run.json"


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["files"].pop("model.safetensors"),
        lambda info: info.update(files="all"),
        lambda info: info.update(record=[]),
        lambda info: info["record"].update(extra=1),
        lambda info: info["record"].update(epochs=3),
    ],
)
def test_a_record_that_is_none_is_refused_even_with_a_right_digest(copy: Path, change: Any) -> None:
    edit(copy, change, forge=True)

    with pytest.raises(DataError, match="expected the record of a run"):
        load_run(copy)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"3", b'{"sha256": 3}', b"\xff\xfe", b'{"a']
)
def test_what_is_no_record_is_refused(copy: Path, content: bytes) -> None:
    (copy / "run.json").write_bytes(content)

    with pytest.raises(DataError) as caught:
        load_run(copy)
    assert caught.value.path == copy / "run.json"


def test_an_edited_record_that_was_only_written_differently_is_accepted(copy: Path) -> None:
    edit(copy, lambda _: None)

    assert load_run(copy).seed == 0


@pytest.mark.parametrize("step", ["train", "score", "save_checkpoint", "save_evaluation"])
def test_an_interrupt_leaves_nothing_behind_but_the_state_to_go_on_from(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_seed(toy_plan, 0, tmp_path / "runs" / "a", references=toy_references)

    left = [path.name for path in (tmp_path / "runs").glob("*")]
    assert left == ([] if step == "train" else [".a.state"])


def test_a_run_never_overwrites_a_folder(
    toy_plan: Plan, toy_references: PlanReferences, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()

    with pytest.raises(FileExistsError):
        run_seed(toy_plan, 0, tmp_path / "run", references=toy_references)


def test_a_run_that_crashed_is_written_and_says_so(
    toy_plan: Plan, toy_references: PlanReferences, tmp_path: Path
) -> None:
    plan = replan(toy_plan, training={"lr": 1e30, "schedule": "constant"})

    run = run_seed(plan, 0, tmp_path / "run", references=toy_references)

    assert run.record.status == "crashed"
    assert run.record.stop is not None
    assert "expected a finite" in run.record.stop.message
    assert load_run(tmp_path / "run").record == run.record


def test_a_run_that_a_rule_stopped_is_written_and_says_so(
    toy_plan: Plan,
    toy_references: PlanReferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amn.training.record.FIRST_STEPS", 1)  # an epoch here has few
    harder = replace(toy_references, validation=ValidationReferences(constant=0.999, mean=1.0))

    run = run_seed(toy_plan, 0, tmp_path / "run", references=harder)

    assert run.record.status == "stopped"
    assert run.record.stop is not None
    assert run.record.stop.check == "R004"


OTHER_TRAINING: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 64,
    "stretch": 4,
    "lr": 0.001,
    "weight_decay": 0.5,
    "clip": 2.0,
    "loss": "mse",
    "schedule": "constant",
    "plateau_factor": 0.1,
    "plateau_patience": 1,
    "warmup_epochs": 0.5,
    "early_stopping": 2,
    "ema": 0.9,
    "curriculum": [{"from_epoch": 1, "coherent": 0.5}],
    "losses": {"cosine": 1.0, "moment": 0.1},
    "abort": {"drop": 0.5},
    "precision": "bfloat16",
    "init": "mean",
}


@pytest.mark.parametrize("name", OTHER_TRAINING)
def test_a_key_changes_with_every_training_setting(toy_plan: Plan, name: str) -> None:
    changes = {name: OTHER_TRAINING[name]}
    if name == "losses":
        changes["loss"] = None
    if name == "init":  # amn has no start at the mean, so no case.toml may say this
        training = toy_plan.config.training.model_copy(update=changes)
        config = toy_plan.config.model_copy(update={"training": training})
        other = replace(toy_plan, config=config)
    else:
        other = replan(toy_plan, training=changes)

    assert other.key(0) != toy_plan.key(0)


def test_every_training_setting_but_the_seeds_is_tried_above(toy_plan: Plan) -> None:
    settings = set(toy_plan.config.resolved()["training"])

    assert settings - {"seeds", "init_from"} == set(OTHER_TRAINING)


def test_a_key_changes_with_seed_data_articles_network_and_versions(
    toy_plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        toy_plan.key(1),
        replace(toy_plan, digests={**toy_plan.digests, "dataset.ood": "0"}).key(0),
        replace(toy_plan, articles={**toy_plan.articles, "ood": [53]}).key(0),
        replace(toy_plan, spec=replace(toy_plan.spec, dropout=0.1)).key(0),
    ]
    own = toy_plan.key(0)
    monkeypatch.setattr(plan_module, "TRAINING_VERSION", -1)

    assert len({own, *others, toy_plan.key(0)}) == 6


def test_a_key_does_not_change_with_what_changes_no_result(toy_plan: Plan) -> None:
    same = [
        replan(toy_plan, title="another title"),
        replan(toy_plan, criteria={"ood": 0.9, "profile": "target"}),
        replan(toy_plan, training={"seeds": [0, 1, 2, 3]}),
        replan(toy_plan, golden={"margin": 0.5}),
        replace(toy_plan, digests={**toy_plan.digests, "config": "0"}),
    ]

    assert {plan.key(0) for plan in same} == {toy_plan.key(0)}


def test_a_plan_sets_whole_training_articles_aside_for_validation(toy_plan: Plan) -> None:
    train = set(np.unique(toy_plan.train.article_ids))
    held = set(np.unique(toy_plan.validation.article_ids))

    assert len(held) == 4  # a tenth of 40
    assert not train & held
    assert train | held == set(range(1, 41))
    assert set(toy_plan.judged) == {"in_dist", "ood"}


def test_the_same_articles_are_set_aside_every_time(toy_plan: Plan, toy_splits: Evidence) -> None:
    articles = {name: split.articles for name, split in toy_splits["splits"].items()}

    again = make_plan(toy_plan.config, toy_splits["windows"], articles, toy_plan.digests)

    assert np.array_equal(again.validation.starts, toy_plan.validation.starts)
    assert again.key(0) == toy_plan.key(0)


def test_many_validation_windows_are_thinned_evenly(
    toy_plan: Plan, toy_splits: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "VALIDATION_WINDOWS", 8)

    plan = make_plan(toy_plan.config, toy_splits["windows"], {}, {})

    assert len(plan.validation) == 8
    assert len(np.unique(plan.validation.article_ids)) == 4
    assert plan.validation.starts[-1] == toy_plan.validation.starts[-1]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_training_articles_are_refused(toy_splits: Evidence, n: int) -> None:
    train = toy_splits["windows"]["train"]
    few = train.take(np.flatnonzero(train.article_ids <= n))

    with pytest.raises(ArgumentError, match=rf"at least 2 articles, .* validation, got {n}\."):
        make_plan(toy_splits["case"].config, {**toy_splits["windows"], "train": few}, {}, {})


def test_two_training_articles_are_one_to_learn_from_and_one_to_validate_on(
    toy_splits: Evidence,
) -> None:
    train = toy_splits["windows"]["train"]
    two = train.take(np.flatnonzero(train.article_ids <= 2))

    plan = make_plan(toy_splits["case"].config, {**toy_splits["windows"], "train": two}, {}, {})

    assert len(plan.train) == len(plan.validation) == 13


def test_the_references_that_stop_a_run_are_scored_on_its_validation_windows(
    toy_plan: Plan, toy_references: PlanReferences
) -> None:
    rows = toy_plan.validation.gather(np.arange(len(toy_plan.validation))).astype(np.float64)
    mean = rows[:, :-1].mean(axis=1)
    cosines = (mean * rows[:, -1]).sum(axis=1) / np.linalg.norm(mean, axis=1)

    assert toy_references.validation.mean == pytest.approx(cosines.mean(), abs=1e-6)
    assert toy_references.validation.constant < toy_references.validation.mean
