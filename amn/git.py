"""All that is asked of git: commits, the merge base, files of another revision, the user's name.

A checkout that belongs to another user, as in most CI containers, is read as well: by plumbing
that runs nothing which the settings of that checkout name. Objects are read by id, as they were
committed: nothing replaces, converts, filters or fetches them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from amn.errors import RepositoryError
from amn.storage import as_committed, found_file, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PLUMBING = (
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "safe.bareRepository=explicit",  # one that is committed inside the checkout is none
)
ANY_OWNER = ("-c", "safe.directory=*")
# Of git's variables those that say where its settings are; the others lead to other objects.
KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES")
ALONE = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.45; before it the next one
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
}
LFS = re.compile(rb"version https://git-lfs[^\n]*\n(?:[^\n]*\n)*?oid sha256:([0-9a-f]{64})\n")
MOST_KEPT_BYTES = 1 << 20  # of an object that stays in memory: a golden of a thousand articles
MOST_POINTER_BYTES = 1024  # of a file that stands for one in Git LFS
LINK, SUBMODULE, FILES = "120000", "160000", ("100644", "100755")
SHA1_DIGITS = 40
DIGEST = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a tree.

    Attributes:
        mode: As git writes it: `100644`; `120000` of a link, `160000` of a submodule.
        id: Digest of its object.
    """

    mode: str
    id: str


@dataclass(frozen=True)
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

    @cached_property
    def refs(self) -> dict[str, str]:
        """Full names of branches, local ones and of remotes -> their commits."""
        form = "--format=%(refname) %(objectname)"
        found = self._ask("for-each-ref", form, "refs/heads", "refs/remotes")
        return dict(line.rsplit(" ", 1) for line in found.decode(errors="replace").splitlines())

    @cached_property
    def remotes(self) -> tuple[str, ...]:
        """Names of the remotes that there are branches of, origin first."""
        names = (ref.split("/")[2] for ref in self.refs if ref.startswith("refs/remotes/"))
        return tuple(sorted(dict.fromkeys(names), key=lambda name: (name != "origin", name)))

    def symbolic(self, ref: str) -> str | None:
        """Return the full name that a symbolic reference points to, None where there is none."""
        done = _git(self.root, "symbolic-ref", "--quiet", ref)
        return _line(done.stdout) if done.returncode == 0 else None

    def default_branch(self) -> str | None:
        """Return the branch that the remote `origin` names as its default, None without one."""
        head = self.symbolic("refs/remotes/origin/HEAD")
        return head.removeprefix("refs/remotes/") if head else None

    def commit(self, digest: str) -> str | None:
        """Return a commit by its whole digest, None when there is none."""
        if not DIGEST.fullmatch(digest):
            return None
        done = _git(self.root, "cat-file", "-t", digest)
        return digest if done.stdout.strip() == b"commit" else None

    def merge_base(self, commit: str) -> str | None:
        """Return where HEAD and a commit parted, None when their histories do not meet."""
        done = _git(self.root, "merge-base", self.head, commit)
        return done.stdout.decode().split()[0] if done.returncode == 0 else None

    def follows(self, commit: str, other: str) -> bool:
        """Tell whether a commit is another one, or came after it; False where git cannot tell."""
        if not DIGEST.fullmatch(other):
            return False
        done = _git(self.root, "merge-base", "--is-ancestor", other, commit)
        return done.returncode == 0

    def tree(self, commit: str) -> dict[str, Blob]:
        """Return every file of a commit by its path, relative to the root, with `/`."""
        if commit not in self._trees:
            entries = self._ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
            split = (entry.partition(b"\t") for entry in entries if entry)
            self._trees[commit] = {
                os.fsdecode(path): Blob(mode, digest)
                for about, _, path in split
                for mode, _, digest in [about.decode().split()]
            }
        return self._trees[commit]

    @cached_property
    def _trees(self) -> dict[str, dict[str, Blob]]:
        return {}

    def files(self, commit: str) -> tuple[str, ...]:
        """Return every path that a commit has or git tracks now, in order."""
        return tuple(sorted({*self.tree(commit), *self._index}))

    def staged(self, path: str) -> Blob | None:
        """Return what git tracks at a path now, None where it tracks nothing there."""
        found = self._index.get(path)
        return Blob(found[2], found[1]) if found else None

    def submodules(self, commit: str) -> tuple[str, ...]:
        """Return the paths of submodules that a commit has or git tracks now."""
        tree = self.tree(commit)
        found = {path for path, blob in tree.items() if blob.mode == SUBMODULE}
        return tuple(sorted(found.union(p for p, e in self._index.items() if e[2] == SUBMODULE)))

    def read(self, commit: str, paths: Sequence[str]) -> dict[str, bytes | None]:
        """Return what files held at a commit, None for those that were not there.

        A link and a submodule are no files.

        Args:
            paths: Relative to the root, with `/`.

        Raises:
            RepositoryError: If git does not answer for each of them.
        """
        tree = self.tree(commit)
        found = dict.fromkeys(paths, None)
        ids = {path: tree[path].id for path in paths if path in tree and tree[path].mode in FILES}
        contents = self._blobs(dict.fromkeys(ids.values()))
        return found | {path: contents[digest] for path, digest in ids.items()}

    def link(self, commit: str, path: str) -> str | None:
        """Return where a link of a commit leads, None where there was no link."""
        blob = self.tree(commit).get(path)
        if blob is None or blob.mode != LINK:
            return None
        return os.fsdecode(self._blobs([blob.id])[blob.id])

    def _blobs(self, ids: Sequence[str] | dict[str, None]) -> dict[str, bytes]:
        """Return the content of objects by id, as stored; small ones are asked for once."""
        found = {digest: self._kept[digest] for digest in ids if digest in self._kept}
        missing = [digest for digest in ids if digest not in found]
        if not missing:
            return found
        asked = "".join(f"{digest}\n" for digest in missing).encode()
        rest = self._ask("cat-file", "--batch", stdin=asked)
        for digest in missing:
            head, _, rest = rest.partition(b"\n")
            words = head.split()
            if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004 - digest, type, bytes
                raise RepositoryError(
                    f"{self.root}: expected object {digest[:10]} of this checkout, got "
                    f"{head.decode()!r} from git. Fix: git fetch --refetch, or clone all of it"
                )
            size = int(words[2])
            found[digest], rest = rest[:size], rest[size + 1 :]
            if size <= MOST_KEPT_BYTES:
                self._kept[digest] = found[digest]
        return found

    @cached_property
    def _kept(self) -> dict[str, bytes]:
        return {}

    def changed(self, commit: str, is_wanted: Callable[[str], bool]) -> list[str]:
        """Return the files that differ between a commit and the working tree, or are gone.

        Files of the working tree are those that git tracks. Ends of lines are no difference: git
        may have been told to convert them.

        Args:
            is_wanted: Of a path relative to the root, with `/`.
        """
        tree, index = self.tree(commit), self._index
        wanted = sorted(filter(is_wanted, {*tree, *index}))
        paths = [path for path in wanted if not self._is_object(path, tree.get(path))]
        before = self.read(commit, paths)
        return [path for path in paths if self._differs(commit, path, before[path])]

    def _is_object(self, path: str, blob: Blob | None) -> bool:
        """Tell whether a file has the bytes of an object, by its id: git need not be asked."""
        if blob is None or blob.mode not in FILES:
            return False
        try:
            is_file = stat.S_ISREG((self.root / path).lstat().st_mode)
            content = found_file(self.root / path) if is_file else None
        except OSError:
            return False
        return content is not None and blob.id == object_id(content, len(blob.id))

    @cached_property
    def _index(self) -> dict[str, tuple[str, str, str]]:
        """Tag (`S`: not checked out, on purpose), object and mode of every file that git tracks."""
        entries = self._ask("ls-files", "-s", "-t", "-z", "--full-name").split(b"\0")
        split = (entry.partition(b"\t") for entry in entries if entry)
        return {
            os.fsdecode(path): (tag, digest, mode)
            for about, _, path in split
            for tag, mode, digest, _ in [about.decode().split()]
        }

    def _differs(self, commit: str, path: str, old: bytes | None) -> bool:
        """Tell whether a file is another one than at a commit."""
        file = self.root / path
        was = self.tree(commit).get(path)
        tag, digest, _ = self._index.get(path, ("", "", ""))
        if not os.path.lexists(file):
            return was is not None and not (tag == "S" and digest == was.id)
        try:
            mode = file.lstat().st_mode
            if stat.S_ISLNK(mode):
                return self.link(commit, path) != str(file.readlink())
            if stat.S_ISDIR(mode):  # a submodule, or a folder in place of something else
                return was != self.staged(path)
            if not stat.S_ISREG(mode) or old is None:
                return True
            new = found_file(file)
            return new is None or as_committed(new) != as_committed(smudged(old, new))
        except OSError:  # gone, or nothing that can be read
            return True

    def uncommitted(self, folder: Path) -> list[str]:
        """Return tracked files that differ from HEAD, and untracked ones inside a folder.

        Git runs the filters of the checkout for this, so the checkout has to be the user's own.
        """
        status = ("status", "--porcelain", "--no-renames", "-z")
        tracked = _git(self.root, *status, "--untracked-files=no", owner=())
        own = _git(
            self.root, *status, "--untracked-files=all", "--", str(folder.resolve()), owner=()
        )
        for done in (tracked, own):
            if done.returncode:
                raise RepositoryError(f"{self.root}: {_message(done)}")
        lines = (tracked.stdout + own.stdout).decode(errors="surrogateescape").split("\0")
        return sorted({line[3:] for line in lines if line})

    def _ask(self, *words: str, stdin: bytes | None = None) -> bytes:
        """Return what git answers.

        Raises:
            RepositoryError: If it does not.
        """
        done = _git(self.root, *words, stdin=stdin)
        if done.returncode:
            raise RepositoryError(f"{self.root}: {_message(done)}")
        return done.stdout


def find_repository(folder: Path) -> Repository | None:
    """Return the git checkout that a folder is in; None without a checkout, or a commit in it.

    Raises:
        RepositoryError: If a checkout is there and git is not, or cannot read it: a container in
            which the rest of .git is missing must not pass for a project without git.
    """
    try:
        top = _git(folder, "rev-parse", "--show-toplevel")
    except (FileNotFoundError, NotADirectoryError) as error:  # no git, or no such folder
        if place := _dot_git(folder):
            fix = "install git, or gate where it is"
            raise RepositoryError(f"{place}: expected git, found none. Fix: {fix}") from error
        return None
    if top.returncode:
        if place := _dot_git(folder):
            raise RepositoryError(
                f"{place}: expected a checkout that git can read, got: {_message(top)}. "
                "Fix: check it out again, or bring the rest of it into this container"
            )
        return None
    # A path may have a newline in it, so one question at a time.
    root = Path(os.fsdecode(top.stdout.removesuffix(b"\n"))).resolve()
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode:
        return None
    cut = _git(root, "rev-parse", "--is-shallow-repository")
    return Repository(root, _line(head.stdout), _line(cut.stdout) == "true")


def is_checkout(folder: Path) -> bool:
    """Tell whether a folder is in a git checkout, with a commit in it or not."""
    return _dot_git(folder) is not None


def checkout_of(folder: Path) -> Path | None:
    """Return the top of the checkout that a folder is in, with a commit in it or not."""
    place = _dot_git(folder)
    return place.parent if place else None


def smudged(old: bytes, new: bytes) -> bytes:
    """Return what a file of a commit is in a checkout: of Git LFS the file that it stands for.

    Args:
        old: As it was committed.
        new: What the checkout has, which is taken where the pointer means it.
    """
    pointer = LFS.match(old) if len(old) <= MOST_POINTER_BYTES else None
    return new if pointer and pointer[1].decode() == sha256_of(new) else old


def object_id(content: bytes, digits: int) -> str:
    """Return the id under which git keeps a file.

    Args:
        digits: Of an id: 40 where the repository has SHA-1, 64 where it has SHA-256.
    """
    of = hashlib.sha1 if digits == SHA1_DIGITS else hashlib.sha256
    return of(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


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
    folder: Path, *words: str, stdin: bytes | None = None, owner: tuple[str, ...] = ANY_OWNER
) -> subprocess.CompletedProcess[bytes]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in KEPT}
    return subprocess.run(  # noqa: S603 - fixed words, paths and commits
        ["git", *PLUMBING, *owner, "-C", str(folder), *words],  # noqa: S607 - the user's git
        input=stdin,
        capture_output=True,
        check=False,
        env=kept | ALONE,
    )


def _line(answer: bytes) -> str:
    return answer.decode(errors="replace").strip()


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return git's own complaint in one line."""
    return " ".join(done.stderr.decode(errors="replace").split()) or f"git exited {done.returncode}"
