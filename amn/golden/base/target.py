"""Which branch a change is to be merged into: said, known to the CI system, or the usual one.

Branches are asked for by their full names, so that neither a tag nor a local branch that a change
brings is taken for the one of the remote.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from amn.errors import ArgumentError, RepositoryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amn.git import Repository

# Each names the target branch of the pull or merge request that is being built.
CI_VARIABLES = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",  # GitLab
    "CHANGE_TARGET",  # Jenkins
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",  # Azure: refs/heads/main
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CODEBUILD_WEBHOOK_BASE_REF",  # AWS: refs/heads/main
    "CIRRUS_BASE_BRANCH",
    "BITRISEIO_GIT_BRANCH_DEST",
)
# The branch of a push, and of a pull request its target: by the variable that numbers the request.
OF_REQUESTS = {
    "TRAVIS_BRANCH": "TRAVIS_PULL_REQUEST",
    "APPVEYOR_REPO_BRANCH": "APPVEYOR_PULL_REQUEST_NUMBER",
    "SEMAPHORE_GIT_BRANCH": "SEMAPHORE_GIT_PR_NUMBER",
    "DRONE_TARGET_BRANCH": "DRONE_PULL_REQUEST",
}
WHOLE = "actions/checkout with fetch-depth: 0; GitLab GIT_DEPTH: 0; git fetch --unshallow"
USUAL = ("main", "master")
PLACE = "history"  # where the default branch's job keeps its results, if nobody says otherwise
REMOTE = "origin"
HEADS, REMOTES = "refs/heads/", "refs/remotes/"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def target_of(environ: Mapping[str, str]) -> str | None:
    """Return the target branch that a CI system names, None outside of a pull request."""
    names = [environ.get(name, "") for name in CI_VARIABLES]
    names += [
        environ.get(name, "")
        for name, number in OF_REQUESTS.items()
        if environ.get(number, "").strip() not in ("", "0", "false")
    ]
    branches = (name.strip().removeprefix(HEADS) for name in names)
    return next((f"{REMOTE}/{branch}" for branch in branches if branch), None)


def base_commit(
    repository: Repository, target: str | None, *, is_ci: bool = False
) -> tuple[str, str] | None:
    """Return the target branch and the merge base of HEAD with it.

    Args:
        target: What the user or the CI system named; None: the remote's default branch, or main or
            master where they are there.
        is_ci: Whether there has to be something to compare with. A local branch is what the change
            makes of it there, so only one that is named is taken.

    Returns:
        None when nothing was named and nothing usual is there.

    Raises:
        RepositoryError: If what was named is not there, or the history does not reach back to it.
    """
    refs = repository.refs
    if target:
        wanted = _named(target, repository.remotes, is_ci=is_ci)
    else:
        wanted = _usual(repository, is_ci=is_ci)
    ref = next((ref for ref in wanted if ref in refs), None)
    tip = refs[ref] if ref else _commit(repository, target)
    name = _short(ref) if ref else target or ""
    if tip is None and target:
        branch = _short(target).removeprefix(f"{REMOTE}/")
        fetch = f"git fetch {REMOTE} +{HEADS}{branch}:{REMOTES}{REMOTE}/{branch}"
        raise RepositoryError(
            f"merge base: expected the branch {target}, found none in this checkout. Fix: {fetch} "
            "(actions/checkout with fetch-depth: 0; GitLab GIT_DEPTH: 0), or --target BRANCH"
        )
    if tip is None:
        if is_ci:
            raise RepositoryError(_nothing_usual(repository))
        return None
    base = repository.merge_base(tip)
    if base is None:
        is_cut = repository.is_shallow
        cause = "the history of this checkout was cut off" if is_cut else "they share no history"
        raise RepositoryError(
            f"merge base: expected a common commit with {name}, found none: {cause}. Fix: fetch "
            f"all of it ({WHOLE}), or --target BRANCH"
        )
    return name, base


def branch_of_remote(repository: Repository, name: str) -> str:
    """Return the commit of a branch of a remote: what a change makes of a local one does not count.

    Args:
        name: With or without the remote: `origin/amn-history`.

    Raises:
        RepositoryError: If there is none in this checkout.
    """
    theirs = [f"{REMOTES}{name}", *(f"{REMOTES}{remote}/{name}" for remote in repository.remotes)]
    found = next((repository.refs[ref] for ref in theirs if ref in repository.refs), None)
    if found is None:
        branch = name.removeprefix(f"{REMOTE}/")
        fetch = f"git fetch {REMOTE} +{HEADS}{branch}:{REMOTES}{REMOTE}/{branch}"
        raise RepositoryError(f"{name}: expected a branch of a remote, found none. Fix: {fetch}")
    return found


def place_of(place: str, root: Path) -> tuple[str, str]:
    """Return the branch that a place names, empty for the merge base, and the folder in it.

    Args:
        place: `FOLDER` of this checkout, relative to where the command runs, or `BRANCH:FOLDER`,
            relative to the root.

    Raises:
        ArgumentError: If the folder is outside of the checkout: git has nothing of it.
    """
    branch, colon, folder = place.rpartition(":")
    if colon and not (branch and folder):
        raise ArgumentError(f"--recorded: expected BRANCH:FOLDER, got {place!r}")
    top = root if branch else Path.cwd()
    found = Path(os.path.normpath(top / folder))
    if not found.is_relative_to(root):
        raise ArgumentError(
            f"--recorded: expected a folder of this checkout, which git has at the merge base, or "
            f"BRANCH:FOLDER, got {place}. Fix: --recorded origin/BRANCH:FOLDER"
        )
    return branch, found.relative_to(root).as_posix()


def why_none(repository: Repository) -> str:
    """Return why a person's checkout has nothing to compare with."""
    if repository.is_shallow:
        return "a checkout that was cut off"
    what = "no default branch of a remote" if repository.remotes else "no remote"
    return f"{what}, no main or master, no --target"


def _nothing_usual(repository: Repository) -> str:
    """Return what is wrong where a CI system checked out nothing to compare with."""
    if repository.is_shallow:
        found = "a checkout that was cut off, without a branch to compare with"
        return f"merge base: expected the history of this change, got {found}. Fix: fetch all of it ({WHOLE})"  # noqa: E501 - one sentence
    remote = next(iter(repository.remotes), REMOTE)
    fetch = f"git fetch {remote} '+refs/heads/*:refs/remotes/{remote}/*'"
    return (
        "merge base: expected a branch of a remote to compare with (its HEAD, main or master), "
        f"found none. Fix: {fetch} && git remote set-head {remote} --auto; or --target BRANCH"
    )


def _named(target: str, remotes: tuple[str, ...], *, is_ci: bool) -> Iterator[str]:
    """Yield the full names that a target may have, the first that is there counts.

    What begins like a branch of a remote is one; a CI system names none, so any has it. Under CI a
    local branch comes last: there it is what the change makes of it.
    """
    if target.startswith("refs/"):
        if target.startswith((HEADS, REMOTES)):
            yield target
        return
    remote, _, branch = target.partition("/")
    if branch and remote in (REMOTE, *remotes):
        yield REMOTES + target
        if remote not in remotes:
            yield from (f"{REMOTES}{other}/{branch}" for other in remotes)
        return
    local = HEADS + target
    theirs = [f"{REMOTES}{other}/{target}" for other in remotes]
    yield from (*theirs, local) if is_ci else (local, *theirs)


def _usual(repository: Repository, *, is_ci: bool) -> Iterator[str]:
    """Yield the full names of the branches that a change is usually merged into."""
    for remote in repository.remotes:
        if head := repository.symbolic(f"{REMOTES}{remote}/HEAD"):
            yield head
    yield from (f"{REMOTES}{remote}/{name}" for remote in repository.remotes for name in USUAL)
    if not is_ci:
        yield from (HEADS + name for name in USUAL)


def _commit(repository: Repository, target: str | None) -> str | None:
    """Return the commit that a target is the whole digest of, None where it is none."""
    return repository.commit(target) if target and COMMIT.fullmatch(target) else None


def _short(ref: str) -> str:
    return ref.removeprefix(HEADS).removeprefix(REMOTES)
