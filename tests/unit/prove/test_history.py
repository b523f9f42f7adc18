"""The failures of the earlier work, done again on the toy case: each is named for what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from amn.checks.broken.copying import copy_case
from amn.cli.demo.history import command
from amn.prove.history import History, play_history
from amn.prove.scenes import SCENES, other_encoder_ood

if TYPE_CHECKING:
    from pathlib import Path

    from amn.case.load import Case


@pytest.fixture(scope="module")
def history(toy_case: Case, toy_runs: Any, toy_cache: Path) -> History:
    assert toy_runs  # trained by the fixture that other tests share
    return play_history(toy_case, cache=toy_cache)


def test_every_failure_has_its_own_cause_on_top(history: History) -> None:
    assert [(s.scene, s.named) for s in history.scenes] == [(s.id, s.cause) for s in SCENES]
    assert len(history.scenes) == 7
    assert history.healthy == "PARTIAL"  # a case in no repository
    assert history.passed


def test_what_the_data_show_is_refused_before_a_training_step(history: History) -> None:
    epochs = {played.scene: played.epochs for played in history.scenes}

    assert epochs["MSE + InfoNCE"] == 1
    assert epochs["look-alike class"] == 3
    assert sorted(epochs.values()) == [0, 0, 0, 0, 0, 1, 3]


def test_both_versions_are_told_apart_by_the_number_of_one_check(history: History) -> None:
    for played in history.scenes:
        assert played.verdict in ("FAIL", "HARNESS")
        assert played.failing[:4] == played.healthy[:4]
        assert "expected" in played.failing
        assert played.failing != played.healthy


def test_the_other_encoder_changes_ood_alone(toy_case: Case, tmp_path: Path) -> None:
    copy = copy_case(toy_case, tmp_path / "case")
    before = copy.vectors()
    lists = {name: split.articles for name, split in copy.splits().items()}
    is_ood = np.isin(copy.dataset().article_ids, lists["ood"])
    other_encoder_ood(copy)
    after = copy.vectors()

    np.testing.assert_array_equal(after[~is_ood], before[~is_ood])
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-3)
    assert np.abs((after * before).sum(axis=1)[is_ood]).mean() < 0.5
    near, far = after[is_ood][:-1] @ after[is_ood][1:].T, after[is_ood] @ before[~is_ood].T
    assert np.diag(near).mean() > far.mean()
    assert {n: s.articles.tolist() for n, s in copy.splits().items()} == {
        name: ids.tolist() for name, ids in lists.items()
    }


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_command_shows_both_versions_and_ends_in_a_verdict(
    history: History, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    wrong = replace(history, scenes=(replace(history.scenes[0], named="order"),))
    found = []
    for played in (history, wrong):
        monkeypatch.setattr("amn.prove.history.play_history", lambda *_, p=played, **__: p)
        monkeypatch.setattr("amn.cli.demo.history.find_case", lambda name: name)
        found.append(CliRunner().invoke(command, ["toy", "--format", style]))

    assert [result.exit_code for result in found] == [0, 1]
    if style == "json":
        assert json.loads(found[0].stdout)["passed"] is True
        return
    lines = found[0].stdout.splitlines()
    assert lines[-1].startswith("PASS: 7 of 7 failures named for what they are, 5 of them before")
    assert max(map(len, lines[:-1])) <= 100
    assert "healthy  PASS M001" in found[0].stdout
    assert "expected loader, got order" in found[1].stdout
