"""What a change does to a checkout: functions of its folder, to be put together in an entry."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.data.vectors import seal_file
from amn.data.writer import Chunks, write_dataset
from tests.hostile.ground import CASE, DIM, N_ARTICLES, N_ROWS, TOML, run
from tests.net.scenes import commit, edit, git, put
from tests.strategies import running_keys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.hostile.ground import Step

MAIN = "refs/remotes/origin/main"
lower = edit(TOML, "ood = 0.3", "ood = 0.2")


def words(*arguments: str) -> Step:
    """Return what runs git."""
    return lambda root: git(root, *arguments)


def merged(*steps: Step) -> Step:
    """Return what was merged into main before the change began."""

    def step(root: Path) -> None:
        for one in steps:
            one(root)
        commit(root, "merged")
        git(root, "update-ref", MAIN, "HEAD")

    return step


def scores(**values: float) -> Step:
    """Return what writes metrics.json."""
    return put("metrics.json", json.dumps({"in_dist": 0.9, "ood": 0.95, **values}))


def clone(*options: str) -> Step:
    """Return what replaces the checkout by another clone of its origin; finished runs stay."""

    def step(root: Path) -> None:
        runs = root.with_name("runs")
        (root / ".amn").rename(runs)
        git(root, "push", "-q", "origin", "HEAD:refs/heads/change")
        url = origin(root)
        shutil.rmtree(root)
        git(root.parent, "clone", "-q", "--template=", *options, url, str(root))
        runs.rename(root / ".amn")

    return step


def own_origin(root: Path) -> None:
    """Give the checkout an origin that no other entry uses."""
    mine = root.with_name("origin")
    git(root.parent, "clone", "-q", "--bare", "--template=", origin(root), str(mine))
    git(root, "remote", "set-url", "origin", mine.as_uri())


def origin(root: Path) -> str:
    """Return the address of the remote."""
    text = (root / ".git" / "config").read_text("utf-8")
    return next(line.partition("= ")[2] for line in text.splitlines() if "url = " in line)


def no_git(root: Path) -> None:
    """Take the history away."""
    shutil.rmtree(root / ".git")


def no_commit(root: Path) -> None:
    """Begin a repository in which nothing is committed yet."""
    no_git(root)
    git(root, "init", "-q", "-b", "main", "--template=")


def no_remote(root: Path) -> None:
    """Begin a repository of one's own, whose one branch has another name."""
    no_git(root)
    git(root, "init", "-q", "-b", "work", "--template=")


def develop(*, named: bool) -> Step:
    """Return what calls the default branch `develop`, and whether origin/HEAD says so."""

    def step(root: Path) -> None:
        git(root, "update-ref", "refs/remotes/origin/develop", MAIN)
        git(root, "update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD")
        for ref in (MAIN, "refs/heads/main"):
            git(root, "update-ref", "-d", ref)
        if named:
            head = "refs/remotes/origin/develop"
            git(root, "symbolic-ref", "refs/remotes/origin/HEAD", head)

    return step


def replaced_base(root: Path) -> None:
    """Let git read this change's commit wherever the merge base is named."""
    commit(root, "as if it had been so")
    git(root, "update-ref", "refs/replace/" + rev(root, MAIN), "HEAD")
    put("more", "more\n")(root)


def rev(root: Path, name: str) -> str:
    """Return the commit of a reference."""
    packed = (root / ".git" / "packed-refs").read_text("utf-8")
    loose = root / ".git" / name
    if loose.exists():
        return loose.read_text("utf-8").strip()
    return next(line.split()[0] for line in packed.splitlines() if line.endswith(" " + name))


def linked(path: str, target: str) -> Step:
    """Return what moves a file or folder elsewhere and puts a link in its place.

    Args:
        target: Where it goes, relative to the checkout.
    """

    def step(root: Path) -> None:
        place, goal = root / path, root / target
        goal.parent.mkdir(parents=True, exist_ok=True)
        place.rename(goal)
        place.symlink_to(goal)

    return step


def tracked_link(path: str, target: str) -> Step:
    """As `linked`, with a relative link that holds in every clone."""

    def step(root: Path) -> None:
        linked(path, target)(root)
        place = root / path
        place.unlink()
        place.symlink_to("../" * path.count("/") + target)

    return step


def unreadable(path: str) -> Step:
    """Return what merges a file that nobody can read, and then has it as it was."""

    def step(root: Path) -> None:
        content = (root / path).read_bytes()
        merged(put(path, "{"))(root)
        (root / path).write_bytes(content)

    return step


def moved(path: str, target: str) -> Step:
    """Return what moves a file."""
    return lambda root: (root / path).rename(root / target)


def both(*steps: Step) -> Step:
    """Return what does one step after the other."""

    def step(root: Path) -> None:
        for one in steps:
            one(root)

    return step


def filtered(root: Path) -> None:
    """Let git run a program whenever it reads or writes a case.toml."""
    put(".gitattributes", "*.toml filter=own\n*.json filter=own\n")(root)
    commit(root, "attributes")
    for kind in ("clean", "smudge", "process"):
        git(root, "config", f"filter.own.{kind}", f"touch {root.with_name('executed')}; cat")
    git(root, "config", "core.fsmonitor", f"touch {root.with_name('executed')}")


def promised(root: Path) -> None:
    """Let git fetch by running a program what is missing, and let an object be missing."""
    program = root.with_name("fetch.sh")
    program.write_text(f"#!/bin/sh\ntouch {root.with_name('executed')}\n", "utf-8")
    program.chmod(0o755)
    for key, value in {
        "extensions.partialClone": "evil",
        "remote.evil.url": f"ext::{program}",
        "remote.evil.promisor": "true",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
        "core.repositoryFormatVersion": "1",
    }.items():
        git(root, "config", key, value)
    _drop(root, TOML)


def _drop(root: Path, path: str) -> None:
    """Unpack all objects and delete the one of a file."""
    packs = list((root / ".git" / "objects" / "pack").glob("*.pack"))
    for pack in packs:
        aside = root.with_name(pack.name)
        pack.rename(aside)
        for other in pack.parent.glob(f"{pack.stem}.*"):
            other.unlink()
        with aside.open("rb") as stream:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=root, stdin=stream, check=True)  # noqa: S607 - the user's git
    content = (root / path).read_bytes()
    digest = sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own
    (root / ".git" / "objects" / digest[:2] / digest[2:]).unlink()


def waived(check: str, days: int = 20) -> Step:
    """Return what waives a check from today on."""

    def step(root: Path) -> None:
        today = datetime.now(tz=UTC).date()
        put(
            f"{CASE}/waivers.toml",
            f'[[waiver]]\ncheck = "{check}"\nreason = "r"\nowner = "o"\n'
            f"created = {today}\nexpires = {today + timedelta(days=days)}\n",
        )(root)

    return step


def runs(*seeds: int) -> Step:
    """Return what copies finished runs of some seeds out of the cache, as `run-0` and on."""

    def step(root: Path) -> None:
        found = {}
        for about in (root / ".amn" / "runs").rglob("run.json"):
            found[json.loads(about.read_bytes())["record"]["seed"]] = about.parent
        for number, seed in enumerate(seeds):
            shutil.copytree(found[seed], root / f"run-{number}")

    return step


def smoothed(by: float) -> Step:
    """Return what mixes into each OOD row its predecessor, so that the last row predicts more."""

    def step(root: Path) -> None:
        path = root / "data" / "vectors-00000.npy"
        rows = np.load(path).reshape(N_ARTICLES, N_ROWS, DIM).astype(np.float64)
        for row in range(1, N_ROWS):
            rows[52:, row] += by * rows[52:, row - 1]
            rows[52:, row] /= np.linalg.norm(rows[52:, row], axis=1, keepdims=True)
        rewritten(root, rows)

    return step


def noisy(root: Path) -> None:
    """Store every row with other digits, no easier and no harder to predict."""
    rows = np.load(root / "data" / "vectors-00000.npy").astype(np.float64)
    rows += 0.003 * np.random.default_rng(1).standard_normal(rows.shape)
    rewritten(root, rows / np.linalg.norm(rows, axis=1, keepdims=True))


def labelled(first: int) -> Step:
    """Return what says of the articles from one on that they are hard, in the chunk table."""

    def step(root: Path) -> None:
        path, about = root / "data" / "chunks-00000.parquet", root / "data" / "dataset.json"
        table = pq.read_table(path)
        hard = pa.array(["hard" if one >= first else "" for one in table["article_id"].to_pylist()])
        names = [name for name in table.column_names if name != "part"]
        pq.write_table(table.select(names).append_column("part", hard), path)
        record = json.loads(about.read_bytes())
        for entry in record["files"]:
            entry.update(seal_file(root / "data" / entry["path"], entry["rows"]).model_dump())
        about.write_text(json.dumps(record), "utf-8")

    return step


def indexed(root: Path) -> None:
    """Build the index of the data."""
    code, text = run(root, ["index", "build", "data"], {})
    if code:
        raise RuntimeError(text)


def updated(root: Path) -> None:
    """Commit what is there, and accept what it gives."""
    commit(root, "before")
    code, text = run(root, ["golden", "update", "toy", "--reason", "sliced"], {})
    if code:
        raise RuntimeError(text)


def rewritten(root: Path, rows: NDArray[np.float64]) -> None:
    """Write the data set anew with other rows."""
    shutil.rmtree(root / "data")
    articles, index = running_keys(*[N_ROWS] * N_ARTICLES, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    flat = rows.reshape(-1, DIM).astype(np.float32)
    write_dataset(root / "data", flat, chunks, name="toy", dtype="float32")


def converted(root: Path) -> None:
    """Check everything out anew with the ends of lines that `core.autocrlf` writes."""
    git(root, "config", "core.autocrlf", "true")
    for path in ("golden", ".github"):
        shutil.rmtree(root / path)
    git(root, "checkout", "-q", "--", ".")


def large(path: str) -> Step:
    """Return what keeps a file in Git LFS at the merge base: a pointer there, the file here."""

    def step(root: Path) -> None:
        content = (root / path).read_bytes()
        pointer = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{sha256(content).hexdigest()}\nsize {len(content)}\n"
        )
        merged(put(path, pointer))(root)
        (root / path).write_bytes(content)
        git(root, "update-index", "--assume-unchanged", path)

    return step


def worktree(root: Path) -> None:
    """Add a worktree beside the checkout; finished runs are there too."""
    tree = root.with_name("tree")
    git(root, "worktree", "add", "-q", "-b", "other", str(tree))
    shutil.copytree(root / ".amn", tree / ".amn")


def submodule(path: str, commit: str = "HEAD") -> Step:
    """Return what tracks a submodule, at a commit that need not be here."""

    def step(root: Path) -> None:
        (root / path).mkdir(parents=True, exist_ok=True)
        digest = rev(root, MAIN) if commit == "HEAD" else commit
        git(root, "update-index", "--add", "--cacheinfo", f"160000,{digest},{path}")

    return step


def in_submodule(root: Path) -> None:
    """Keep golden/ in a submodule, as it was merged long ago."""
    content = root.with_name("content")
    (root / "golden").rename(content)
    git(root, "rm", "-rq", "--cached", "golden")
    submodule("golden")(root)
    git(root, "commit", "-q", "-m", "a submodule")
    git(root, "update-ref", MAIN, "HEAD")
    (root / "golden").rmdir()
    content.rename(root / "golden")


def nested(root: Path) -> None:
    """Let the project be a folder `sub` of a larger repository, as it was merged long ago."""

    def move(root: Path) -> None:
        (root / "sub").mkdir()
        for name in ("golden", "data", ".gitignore"):
            (root / name).rename(root / "sub" / name)

    merged(move)(root)
    (root / ".amn").rename(root / "sub" / ".amn")


def bare_inside(path: str) -> Step:
    """Return what makes a folder look like a bare repository, with a program for git to run."""

    def step(root: Path) -> None:
        place = root / path
        for name in ("objects", "refs"):
            (place / name).mkdir()
            (place / name / "keep").touch()
        (place / "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
        program = f"touch {root.with_name('executed')}"
        text = f'[core]\n\tbare = false\n\tworktree = ..\n\tfsmonitor = "{program}"\n'
        (place / "config").write_text(text, "utf-8")

    return step
