"""Which branch a change is to be merged into: said, known to the CI system, or the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.errors import RepositoryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.git import Repository

# Each names the target branch of the pull or merge request that is being built.
CI_VARIABLES = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",  # GitLab
    "CHANGE_TARGET",  # Jenkins
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",  # Azure: refs/heads/main
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
)
WHOLE = "actions/checkout with fetch-depth: 0; GitLab GIT_DEPTH: 0; git fetch --unshallow"
USUAL = ("origin/main", "origin/master", "main", "master")


def target_of(environ: Mapping[str, str]) -> str | None:
    """Return the target branch that a CI system names, None outside of a pull request."""
    for name in CI_VARIABLES:
        if branch := environ.get(name, "").strip():
            return "origin/" + branch.removeprefix("refs/heads/")
    return None


def base_commit(repository: Repository, target: str | None) -> tuple[str, str] | None:
    """Return the target branch and the merge base of HEAD with it.

    Args:
        target: What the user or the CI system named; None: the remote's default branch, or main or
            master where they are there.

    Returns:
        None when nothing was named and nothing usual is there.

    Raises:
        RepositoryError: If what was named is not there, or the history does not reach back to it.
    """
    named = [target] if target else [repository.default_branch(), *USUAL]
    found = ((name, repository.commit(name)) for name in named if name)
    name, tip = next(((name, tip) for name, tip in found if tip), (target or "", None))
    if tip is None:
        if target is None and repository.is_shallow:
            raise RepositoryError(
                "merge base: expected the history of this change, got a checkout that was cut off, "
                f"without a branch to compare with. Fix: fetch all of it ({WHOLE})"
            )
        if target is None:
            return None
        raise RepositoryError(
            f"merge base: expected the branch {target}, found none in this checkout. Fix: fetch it "
            "(actions/checkout with fetch-depth: 0; GitLab GIT_DEPTH: 0), or --target BRANCH"
        )
    base = repository.merge_base(tip)
    if base is None:
        is_cut = repository.is_shallow
        cause = "the history of this checkout was cut off" if is_cut else "they share no history"
        raise RepositoryError(
            f"merge base: expected a common commit with {name}, found none: {cause}. Fix: fetch "
            f"all of it ({WHOLE}), or --target BRANCH"
        )
    return name, base
