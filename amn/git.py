"""All that is asked of git: commits, the merge base, files of another revision, the user's name.

Only commands that read are run, and none that runs code of the repository's own settings, so a
checkout that belongs to another user, as in most CI containers, is read without further ado.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amn.errors import RepositoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_ONLY = (
    "--no-optional-locks",
    "-c",
    "safe.directory=*",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
)
DIFF = ("diff", "--no-renames", "--no-ext-diff", "--no-textconv", "--name-only", "-z")


@dataclass(frozen=True, slots=True)
class Repository:
    """A git checkout.

    Attributes:
        root: Its top folder, resolved.
        head: Commit that is checked out.
        is_shallow: Whether its history was cut off.
    """

    root: Path
    head: str
    is_shallow: bool

    def commit(self, name: str) -> str | None:
        """Return the commit that a branch, tag or digest names, None when there is none."""
        done = _git(self.root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def merge_base(self, commit: str) -> str | None:
        """Return where HEAD and a commit parted, None when their histories do not meet."""
        done = _git(self.root, "merge-base", "HEAD", commit)
        return done.stdout.decode().split()[0] if done.returncode == 0 else None

    def default_branch(self) -> str | None:
        """Return the branch that the remote `origin` names as its default, None without one."""
        done = _git(self.root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def read(self, commit: str, paths: Sequence[str]) -> dict[str, bytes | None]:
        """Return what files held at a commit, None for those that were not there.

        Args:
            paths: Relative to the root, with `/`.

        Raises:
            RepositoryError: If git does not answer for each of them.
        """
        asked = "".join(f"{commit}:{path}\n" for path in paths).encode()
        done = _git(self.root, "cat-file", "--batch", stdin=asked)
        rest, found = done.stdout, dict[str, bytes | None]()
        for path in paths:
            head, _, rest = rest.partition(b"\n")
            if head.endswith(b" missing"):
                found[path] = None
                continue
            words = head.split()
            if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004 - digest, type, bytes
                raise RepositoryError(
                    f"{self.root}: expected {path} of {commit[:10]}, got {head.decode()!r} from git"
                )
            size = int(words[2])
            found[path], rest = rest[:size], rest[size + 1 :]
        return found

    def changed(self, commit: str, patterns: Sequence[str]) -> list[str]:
        """Return the files that differ between a commit and the working tree, or are gone.

        Args:
            patterns: Pathspecs of git.
        """
        done = _git(self.root, *DIFF, commit, "--", *patterns)
        if done.returncode:
            raise RepositoryError(f"{self.root}: {_message(done)}")
        return sorted(name for name in done.stdout.decode().split("\0") if name)

    def uncommitted(self, folder: Path) -> list[str]:
        """Return tracked files that differ from HEAD, and untracked ones inside a folder."""
        status = ("status", "--porcelain", "--no-renames", "-z")
        tracked = _git(self.root, *status, "--untracked-files=no")
        own = _git(self.root, *status, "--untracked-files=all", "--", str(folder.resolve()))
        for done in (tracked, own):
            if done.returncode:
                raise RepositoryError(f"{self.root}: {_message(done)}")
        lines = (tracked.stdout + own.stdout).decode().split("\0")
        return sorted({line[3:] for line in lines if line})


def find_repository(folder: Path) -> Repository | None:
    """Return the git checkout that a folder is in; None without a checkout, or a commit in it.

    Raises:
        RepositoryError: If a checkout is there and git is not, or cannot read it: a container in
            which the rest of .git is missing must not pass for a project without git.
    """
    questions = ("--show-toplevel", "--is-shallow-repository", "HEAD")
    try:
        done = _git(folder, "rev-parse", *questions)
    except FileNotFoundError as error:  # no git, or no such folder
        if place := _dot_git(folder):
            fix = "install git, or gate where it is"
            raise RepositoryError(f"{place}: expected git, found none. Fix: {fix}") from error
        return None
    lines = done.stdout.decode().splitlines()
    if done.returncode or len(lines) != len(questions):
        is_readable = _git(folder, "rev-parse", "--git-dir").returncode == 0
        if not is_readable and (place := _dot_git(folder)):
            raise RepositoryError(
                f"{place}: expected a checkout that git can read, got: {_message(done)}. "
                "Fix: check it out again, or bring the rest of it into this container"
            )
        return None
    return Repository(Path(lines[0]).resolve(), lines[2], lines[1] == "true")


def user_name() -> str:
    """Return git's `user.name`, empty where there is none, or no git."""
    try:
        return _git(Path(), "config", "user.name").stdout.decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


def _dot_git(folder: Path) -> Path | None:
    """Return what makes a folder, or one above it, a checkout; None when nothing does."""
    at = folder.resolve()
    found = (parent / ".git" for parent in (at, *at.parents))
    return next((place for place in found if place.exists()), None)


def _git(
    folder: Path, *words: str, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - fixed words, paths and commits
        ["git", *READ_ONLY, "-C", str(folder), *words],  # noqa: S607 - whatever git the user has
        input=stdin,
        capture_output=True,
        check=False,
    )


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return git's own complaint in one line."""
    return " ".join(done.stderr.decode(errors="replace").split()) or f"git exited {done.returncode}"
