"""What a change is compared with: the branch that was named, and what is said without."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from amn.errors import RepositoryError
from amn.git import find_repository
from amn.golden.base.review import MergeBase
from amn.golden.base.target import base_commit, target_of
from tests.checkouts import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from amn.git import Repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose `change` left `main` two commits ago."""
    root = tmp_path_factory.mktemp("origin")
    git(root, "init", "-q", "-b", "main", "--template=")
    for name in ("one", "two"):
        add(root, name)
    git(root, "checkout", "-q", "-b", "change")
    for name in ("three", "four"):
        add(root, name)
    git(root, "checkout", "-q", "main")
    add(root, "five")
    return root


def add(root: Path, name: str) -> None:
    (root / name).write_text(name, "utf-8")
    commit(root, name)


def clone(origin: Path, folder: Path, *words: str) -> Repository:
    git(origin, "clone", "-q", "-b", "change", *words, origin.as_uri(), str(folder))
    found = find_repository(folder)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"GITHUB_BASE_REF": "main"}, "origin/main"),
        ({"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}, "origin/main"),
        ({"CHANGE_TARGET": "release/1"}, "origin/release/1"),
        ({"BITBUCKET_PR_DESTINATION_BRANCH": "main"}, "origin/main"),
        ({"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}, "origin/main"),
        ({"BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}, "origin/main"),
        ({"GITHUB_BASE_REF": " ", "CHANGE_TARGET": "main"}, "origin/main"),
        ({"GITHUB_BASE_REF": ""}, None),  # a push: GitHub sets it to nothing
        ({"CI": "true"}, None),
    ],
)
def test_the_target_is_what_the_ci_system_names(
    environ: dict[str, str], target: str | None
) -> None:
    assert target_of(environ) == target


@pytest.mark.parametrize("target", ["origin/main", None])
def test_a_whole_clone_is_compared_where_it_left_the_target(
    origin: Path, tmp_path: Path, target: str | None
) -> None:
    repository = clone(origin, tmp_path / "c")
    left = git(origin, "rev-parse", "main~1").strip()

    assert base_commit(repository, target) == ("origin/main", left)


def test_a_branch_that_was_named_goes_before_the_usual_one(origin: Path, tmp_path: Path) -> None:
    repository = clone(origin, tmp_path / "c")
    own = git(origin, "rev-parse", "change").strip()

    assert base_commit(repository, "origin/change") == ("origin/change", own)


@pytest.mark.parametrize("target", ["origin/main", None])
@pytest.mark.parametrize("branches", ["--single-branch", "--no-single-branch"])
def test_a_shallow_clone_says_that_it_cannot_look_and_what_to_do(
    origin: Path, tmp_path: Path, target: str | None, branches: str
) -> None:
    clone(origin, tmp_path / "c", "--depth", "1", branches)
    with pytest.raises(RepositoryError, match="fetch-depth: 0") as caught:
        _ = MergeBase(tmp_path / "c", target, ci="CI").commit

    assert "merge base: expected " in str(caught.value)
    git(
        tmp_path / "c",
        "fetch",
        "-q",
        "--unshallow",
        "origin",
        "+refs/heads/*:refs/remotes/origin/*",
    )
    left = git(origin, "rev-parse", "main~1").strip()
    assert MergeBase(tmp_path / "c", target).commit == left


def test_a_clone_that_reaches_back_far_enough_is_compared(origin: Path, tmp_path: Path) -> None:
    repository = clone(origin, tmp_path / "c", "--depth", "3", "--no-single-branch")
    left = git(origin, "rev-parse", "main~1").strip()

    assert repository.is_shallow
    assert base_commit(repository, "origin/main") == ("origin/main", left)


def test_a_checkout_that_git_cannot_read_is_no_project_without_git(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone(origin, tmp_path / "c")
    inside = tmp_path / "c" / "golden"
    inside.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match=r"\.git: expected git, found none. Fix: install"):
        find_repository(inside)

    monkeypatch.undo()
    shutil.rmtree(tmp_path / "c" / ".git")
    (tmp_path / "c" / ".git").write_text("gitdir: /nowhere", "utf-8")
    with pytest.raises(RepositoryError, match="expected a checkout that git can read"):
        find_repository(inside)


def test_without_a_checkout_a_named_branch_is_an_error_and_none_is_no_comparison(
    tmp_path: Path,
) -> None:
    assert MergeBase(tmp_path).note == "no git checkout"
    with pytest.raises(RepositoryError, match="expected a git checkout to compare with origin/m"):
        _ = MergeBase(tmp_path, "origin/main").note


def test_a_repository_without_a_commit_has_nothing_to_compare_with(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--template=")

    assert find_repository(tmp_path) is None
