"""Which folder the name of a case means."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from amn.cli.cases import find_case, find_cases, merge_base
from amn.cli.gate import command as gate
from amn.errors import ConfigError
from tests.checkouts import commit, git

if TYPE_CHECKING:
    from amn.case.load import Case

CASE = """
schema = 1
[dataset]
path = "data"
[split]
in_dist = { articles = "1-2" }
ood = { articles = "3-4" }
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("golden/towns", "elsewhere/towns"):
        Path(folder).mkdir(parents=True)
        Path(folder, "case.toml").write_text(CASE, encoding="utf-8")
    return tmp_path


def where(case: Case) -> str:
    return case.folder.as_posix()


def test_a_data_set_of_the_same_name_does_not_hide_a_case(project: Path) -> None:
    (project / "towns").mkdir()

    assert where(find_case("towns")) == "golden/towns"


@pytest.mark.usefixtures("project")
def test_a_path_is_a_case_wherever_it_is() -> None:
    shutil.copytree("elsewhere/towns", "other")

    assert where(find_case("elsewhere/towns")) == "elsewhere/towns"
    assert where(find_case("other")) == "other"


@pytest.mark.usefixtures("project")
def test_an_unknown_name_is_looked_for_under_golden() -> None:
    there = (
        r"^golden/nowhere/case\.toml: expected a case file, found none; the cases here are towns\."
    )
    with pytest.raises(ConfigError, match=there):
        find_case("nowhere")


@pytest.mark.usefixtures("project")
def test_a_case_that_lies_deeper_is_not_passed_over() -> None:
    shutil.copytree("elsewhere/towns", "golden/sub/deep")

    with pytest.raises(ConfigError, match=r"golden/sub/deep/case\.toml: .*golden/sub-deep"):
        find_cases(())


@pytest.mark.usefixtures("project")
def test_a_hidden_copy_of_a_case_is_none() -> None:
    shutil.copytree("elsewhere/towns", "golden/towns/.amn/runs/copy")

    assert [where(case) for case in find_cases(())] == ["golden/towns"]


def test_a_case_that_is_gated_from_another_folder_is_compared_with_its_own_checkout(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)

    base = merge_base(find_cases((str(project / "golden/towns"),)))

    assert base.repository
    assert base.repository.root == project.resolve()
    assert merge_base(()).repository is None


def test_in_the_folder_of_a_case_that_one_is_meant(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("golden/towns", "golden/rivers")
    monkeypatch.chdir(project / "golden" / "towns")

    assert [case.name for case in find_cases(())] == ["towns"]
    for name in ("towns", "rivers"):  # what `Reproduce:` says works there, too
        assert find_case(name).folder.resolve() == project / "golden" / name
    with pytest.raises(ConfigError, match="the cases here are rivers, towns"):
        find_case("nowhere")


def test_a_case_that_is_gated_in_its_folder_has_the_runs_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "golden" / "towns")
    context = click.Context(gate)
    cache = next(one for one in gate.params if one.name == "cache")

    assert Path(str(cache.get_default(context))).resolve() == project / ".amn/runs"
