"""Every scripted change gets its exit code and its name; honest ones are never accused."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from amn.system import CI_SIGNS, ci_sign
from tests.hostile.changes import CHANGES
from tests.hostile.ground import Change, play, run
from tests.hostile.honest import HONEST
from tests.net.scenes import git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
ACCUSED = (1, 5)


def test_no_two_entries_have_one_name() -> None:
    names = [change.id for change in (*CHANGES, *HONEST)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.id)
def test_a_change_gets_its_exit_code_and_its_name(
    change: Change, ground: Path, tmp_path: Path
) -> None:
    code, text = play(change, ground, tmp_path)

    assert code == change.code, text
    for words in change.says:
        assert words in text
    for words in change.never:
        assert words not in text
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("change", HONEST, ids=lambda change: change.id)
def test_an_honest_change_is_not_accused(change: Change, ground: Path, tmp_path: Path) -> None:
    code, text = play(change, ground, tmp_path)

    assert code == change.code, text
    assert code not in ACCUSED
    assert "this change" not in text.lower()
    for words in change.says:
        assert words in text


def test_a_path_with_a_newline_is_compared(ground: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a\nb"
    odd.mkdir()

    code, text = play(Change(id="newline", code=0), ground, odd)

    assert code == 0
    assert "PASS: " in text


@pytest.mark.parametrize("sign", CI_SIGNS)
def test_no_golden_is_written_under_any_ci(sign: str, ground: Path, tmp_path: Path) -> None:
    shutil.copytree(ground, tmp_path / "p", symlinks=True)
    before = (tmp_path / "p" / "golden" / "toy" / "golden.json").read_bytes()

    code, text = run(tmp_path / "p", ["golden", "update", "toy", "--reason", "r"], {sign: "1"})

    assert code == 2, text
    assert f"expected a person, got CI ({sign} is set)" in text
    assert (tmp_path / "p" / "golden" / "toy" / "golden.json").read_bytes() == before


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_what_is_set_to_nothing_is_no_sign_of_ci(value: str) -> None:
    assert ci_sign({"CI": value}) == ""
    assert ci_sign({"CI": value, "TF_BUILD": "True"}) == "TF_BUILD"
    assert ci_sign({name: text for name, text in os.environ.items() if name == "PATH"}) == ""


def test_the_command_that_mends_a_clone_of_one_branch_does(ground: Path, tmp_path: Path) -> None:
    (broken,) = [change for change in CHANGES if change.id == "one-branch-in-ci"]
    _, text = play(broken, ground, tmp_path)
    fix = text.partition("  do ")[2].strip().partition("; or --target")[0]
    for command in fix.split(" && "):
        git(tmp_path / "p", *shlex.split(command)[1:])

    code, text = run(tmp_path / "p", ["gate", "toy"], {"CI": "true"})

    assert code == 5, text
    assert "this change lowered a floor" in text
