"""Projects that the commands of the net run in, and the ways to break them.

Nothing here imports amn: a base is made of numpy, pyarrow, json, git and amn's own commands, and a
change is a function of the project's folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Change = "Callable[[Path], object]"

SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini"
WIKI = "golden/wiki-mini"
TOY = "golden/toy"
N_ARTICLES, N_ROWS, DIM = 64, 16, 24
TOY_CASE = """\
schema = 1
title = "toy"

[dataset]
path = "../../data"

[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }

[windows]
context = 3

[model]
attention_dim = 8
hidden_dim = 16

[training]
epochs = 3
lr = 0.003
batch_size = 128
seeds = [0, 1, 2]

[criteria]
in_dist = 0.3
ood = 0.3
delta = [-0.3, 0.3]
lift = -0.05
"""
WORKFLOW = """\
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: amn gate --strict
"""
CI = ".github/workflows/gate.yml"
WAIVER = '[[waiver]]\ncheck = "{}"\nreason = "r"\nowner = "o"\ncreated = {}\nexpires = {}\n'
HIDING_HOOK = """\
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
"""


# ---- git ----


def git(root: Path, *words: str) -> None:
    """Run git in a folder, with settings and dates of its own."""
    settings = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(  # noqa: S603 - git with fixed words
        ["git", *settings, *words],  # noqa: S607 - the user's git
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": "2025-01-31T12:00:00Z",
            "GIT_COMMITTER_DATE": "2025-01-31T12:00:00Z",
        },
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {done.stderr}")


def commit(root: Path, message: str = "change") -> None:
    """Commit what is there."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


def merge(root: Path) -> None:
    """Commit what is there, and make it the tip of main."""
    commit(root)
    git(root, "branch", "-f", "main", "HEAD")


def begin(root: Path) -> None:
    """Make a repository: what is there is main, and the branch is `change`."""
    git(root, "init", "-q", "-b", "main", "--template=")
    commit(root, "main")
    git(root, "checkout", "-q", "-b", "change")


def shallow(root: Path) -> None:
    """Replace the checkout by a clone of depth 1 of its branch."""
    cloned(root, "--depth", "1")


def cloned(root: Path, *options: str) -> None:
    """Replace the checkout by a clone of its branch, so that main is origin/main."""
    commit(root)
    git(root, "checkout", "-q", "main")
    whole = root.with_name("whole")
    root.rename(whole)
    git(whole, "clone", "-q", "-b", "change", *options, whole.as_uri(), str(root))
    shutil.copytree(whole / ".amn", root / ".amn")


def unrelated(root: Path) -> None:
    """Give main a history that shares no commit with this branch."""
    git(root, "checkout", "-q", "--orphan", "alone")
    commit(root, "alone")
    git(root, "branch", "-f", "main", "HEAD")
    git(root, "checkout", "-q", "change")


def no_git(root: Path) -> None:
    """Take the history away."""
    shutil.rmtree(root / ".git")


def no_main(root: Path) -> None:
    """Remove the branch main."""
    git(root, "branch", "-D", "main")


# ---- files ----


def edit(path: str, old: str, new: str) -> Any:
    """Return what replaces the one such piece of a text."""

    def change(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{path}: expected {old!r} once, got it {text.count(old)} times")
        (root / path).write_text(text.replace(old, new), "utf-8")

    return change


def put(path: str, content: str | bytes) -> Any:
    """Return what writes a file."""

    def change(root: Path) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def append(path: str, text: str) -> Any:
    """Return what writes text at a file's end."""

    def change(root: Path) -> None:
        with (root / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return change


def remove(path: str) -> Any:
    """Return what removes a file or a folder."""

    def change(root: Path) -> None:
        target = root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return change


def cut(path: str, share: float = 0.5) -> Any:
    """Return what cuts a file off."""

    def change(root: Path) -> None:
        content = (root / path).read_bytes()
        (root / path).write_bytes(content[: int(len(content) * share)])

    return change


def flip(path: str, share: float = 0.5) -> Any:
    """Return what flips the lowest bit of one byte."""

    def change(root: Path) -> None:
        content = bytearray((root / path).read_bytes())
        content[int(len(content) * share) & ~3] ^= 1
        (root / path).write_bytes(content)

    return change


def in_json(path: str, function: Callable[[dict[str, Any]], object]) -> Any:
    """Return what changes a JSON file."""

    def change(root: Path) -> None:
        values = json.loads((root / path).read_bytes())
        function(values)
        (root / path).write_text(json.dumps(values, indent=2) + "\n", "utf-8")

    return change


def copied(source: str, target: str) -> Any:
    """Return what copies a file or a folder."""

    def change(root: Path) -> None:
        if (root / source).is_dir():
            shutil.copytree(root / source, root / target)
        else:
            shutil.copyfile(root / source, root / target)

    return change


# ---- data sets ----


def in_vectors(function: Callable[[NDArray[Any]], object], data: str = f"{WIKI}/data") -> Any:
    """Return what changes rows of a data set in place; no digest is touched."""

    def change(root: Path) -> None:
        file = root / data / "vectors-00000.npy"
        vectors = np.load(file)
        function(vectors)
        np.save(file, vectors)

    return change


def set_rows(rows: Any, values: Any) -> Any:
    """Return what sets rows of the vectors."""

    def function(vectors: NDArray[Any]) -> None:
        vectors[rows] = values

    return function


def in_chunks(function: Callable[[dict[str, Any]], object], data: str = f"{WIKI}/data") -> Any:
    """Return what changes columns of a data set's chunk table; no digest is touched."""

    def change(root: Path) -> None:
        file = root / data / "chunks-00000.parquet"
        table = pq.read_table(file)
        columns = {name: table[name].to_numpy().copy() for name in ("article_id", "chunk_index")}
        function(columns)
        for name, values in columns.items():
            at = table.column_names.index(name)
            field = table.schema.field(name)
            table = table.set_column(at, field, pa.array(values, field.type))
        pq.write_table(table, file)

    return change


def sign(root: Path) -> None:
    """Write the digests of wiki-mini's files as they are into its manifest."""
    data = root / WIKI / "data"

    def function(manifest: dict[str, Any]) -> None:
        for entry in manifest["files"]:
            content = (data / entry["path"]).read_bytes()
            entry["sha256"] = hashlib.sha256(content).hexdigest()

    in_json(f"{WIKI}/data/dataset.json", function)(root)


def sign_index(root: Path) -> None:
    """Write the digest and size of wiki-mini's index as they are into its record."""
    content = (root / WIKI / "data" / "index.faiss").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    in_json(f"{WIKI}/data/index.json", lambda r: r.update(sha256=digest, size_bytes=len(content)))(
        root
    )


def in_index(function: Callable[[Any], object]) -> Any:
    """Return what changes wiki-mini's FAISS index and signs it."""

    def change(root: Path) -> None:
        import faiss  # noqa: PLC0415 - few scenes need it

        path = str(root / WIKI / "data" / "index.faiss")
        index = faiss.read_index(path)
        function(index)
        faiss.write_index(index, path)
        sign_index(root)

    return change


def exchange_ids(index: Any) -> None:
    """Exchange two ids of an index."""
    import faiss  # noqa: PLC0415 - few scenes need it

    ids = faiss.vector_to_array(index.id_map)
    ids[[3, 900]] = ids[[900, 3]]
    faiss.copy_array_to_vector(ids, index.id_map)


def drifting_rows(seed: int = 0) -> NDArray[np.float32]:
    """Return unit rows (N_ARTICLES, N_ROWS, DIM) that keep their article's topic and drift.

    A few directions hold most of the variance, as in text.
    """
    rng = np.random.default_rng(seed)
    scales = 0.85 ** np.arange(DIM)
    topics = rng.standard_normal((N_ARTICLES, 1, DIM))
    noise = rng.standard_normal((N_ARTICLES, N_ROWS, DIM))
    drift = noise.copy()
    for row in range(1, N_ROWS):
        drift[:, row] = 0.7 * drift[:, row - 1] + 0.714 * noise[:, row]
    rows = np.roll(np.eye(DIM)[0], 5) + (0.8 * topics + drift) * scales
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows.astype(np.float32)


def rows_file(function: Callable[[NDArray[Any]], Any] = lambda rows: rows) -> Any:
    """Return what writes vectors.npz; `function` changes or replaces rows (articles, rows, dim)."""

    def change(root: Path) -> None:
        rows = drifting_rows()
        changed = function(rows)
        rows = changed if isinstance(changed, np.ndarray) else rows
        n_articles, n_rows, dim = rows.shape
        np.savez(
            root / "vectors.npz",
            vectors=rows.reshape(-1, dim),
            article_indices=np.repeat(np.arange(1, n_articles + 1), n_rows),
            chunk_indices=np.tile(np.arange(n_rows), n_articles),
        )

    return change


def as_npy(root: Path) -> None:
    """Write vectors.npz as v.npy and ids.csv, with names for article ids."""
    with np.load(root / "vectors.npz") as arrays:
        np.save(root / "v.npy", arrays["vectors"])
        pairs = zip(arrays["article_indices"], arrays["chunk_indices"], strict=True)
        lines = [f"article-{article:03d},{chunk}" for article, chunk in pairs]
    text = "\n".join(["article_id,chunk_index", *lines]) + "\n"
    (root / "ids.csv").write_text(text, "utf-8")


def pickled(root: Path) -> None:
    """Write v.npy as an array of objects."""
    np.save(root / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def rotated_half(rows: NDArray[Any]) -> None:
    """Rotate every other article at random, as another encoder does."""
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((DIM, DIM)))[0]
    rows[::2] = rows[::2] @ turn


def shuffled(rows: NDArray[Any]) -> None:
    """Shuffle the rows inside every article."""
    rng = np.random.default_rng(1)
    for article in rows:
        rng.shuffle(article)


def doubled(rows: NDArray[Any]) -> NDArray[Any]:
    """Return every row beside its own copy."""
    return np.repeat(rows, 2, axis=1)


# ---- records ----


def epochs(n: int = 8, *, first: float = 0.45, best: float = 0.62, **others: Any) -> list[Any]:
    """Return lines of a sound training with an MSE loss in 8 dimensions."""
    lines = []
    for epoch in range(1, n + 1):
        cosine = first + (best - first) * (1 - 0.5 ** (epoch - 1))
        mse = 2 * (1 - cosine) / 8
        line = {
            "epoch": epoch,
            "train_loss": mse * 0.97,
            "train_loss_mse": mse * 0.97,
            "val_loss": mse,
            "val_cosine": cosine,
            "train_cosine": cosine + 0.01,
            "lr": 0.001 * 0.8**epoch,
        }
        lines.append({**line, **{k: v(epoch) if callable(v) else v for k, v in others.items()}})
    return lines


def record(path: str, lines: Any = None, **others: Any) -> Any:
    """Return what writes a training history in JSON."""
    content = {
        "model_type": "amn",
        "dim": 8,
        "status": "finished",
        "loss_weights": {"mse": 1.0},
        "history": epochs() if lines is None else lines,
        **others,
    }
    return put(path, json.dumps({k: v for k, v in content.items() if v is not None}, indent=1))


def always(value: float) -> Callable[[int], float]:
    """Return a function of the epoch that is constant."""
    return lambda _: value


def with_term(term: str, share: Callable[[int], float]) -> list[Any]:
    """Return lines with a second term, of `share(epoch)` times the first."""
    lines = epochs()
    for line in lines:
        second = share(line["epoch"]) * line["train_loss_mse"]
        line[f"train_loss_{term}"] = second
        line["train_loss"] += second
    return lines


def csv(path: str, lines: list[Any]) -> Any:
    """Return what writes a training history as CSV."""
    names = list(lines[0])
    rows = [",".join(names), *(",".join(str(line[name]) for name in names) for line in lines)]
    return put(path, "\n".join(rows) + "\n")


def mlflow(path: str, status: str = "3") -> Any:
    """Return what writes a run folder of MLflow."""

    def change(root: Path) -> None:
        put(f"{path}/meta.yaml", f"run_id: abc\nrun_name: owl\nstatus: {status}\n")(root)
        for name in ("train_loss", "val_loss", "val_cosine", "lr"):
            points = "".join(f"1700000000000 {line[name]} {line['epoch']}\n" for line in epochs())
            put(f"{path}/metrics/{name}", points)(root)

    return change


# ---- goldens ----


def today(days: int = 0) -> str:
    """Return today's date, or that of another day."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def waive(check: str, *, since: int = 0, until: int = 20, case: str = TOY) -> Any:
    """Return what adds a waiver that is in force from and to so many days from today."""

    def change(root: Path) -> None:
        append(f"{case}/waivers.toml", WAIVER.format(check, today(since), today(until)))(root)

    return change


def in_sums(function: Callable[[float], float], case: str = WIKI) -> Any:
    """Return what changes every sum of cosines in golden.csv; golden.json is not touched."""

    def change(root: Path) -> None:
        path = root / case / "golden.csv"
        head, *lines = [line.split(",") for line in path.read_text("utf-8").splitlines()]
        for line in lines:
            line[5:] = [cell and f"{function(float(cell)):.10g}" for cell in line[5:]]
        text = "".join(",".join(line) + "\n" for line in (head, *lines))
        path.write_text(text, "utf-8", newline="\n")

    return change


def tampered_bundle(member: str, old: bytes, new: bytes) -> Any:
    """Return what changes one file inside out.zip."""

    def change(root: Path) -> None:
        with zipfile.ZipFile(root / "out.zip") as packed:
            content = {name: packed.read(name) for name in packed.namelist()}
        (name,) = [name for name in content if name.endswith(member)]
        if old not in content[name]:
            raise ValueError(f"{name}: expected {old!r} in it")
        content[name] = content[name].replace(old, new)
        with zipfile.ZipFile(root / "out.zip", "w") as packed:
            for name, data in content.items():
                packed.writestr(name, data)

    return change


# ---- bases ----


def make_empty(root: Path, _: Callable[..., None]) -> None:
    """Make a folder with nothing in it."""
    root.mkdir()


def make_shipped(root: Path, _: Callable[..., None]) -> None:
    """Make a checkout that holds the shipped case and a workflow."""
    root.mkdir()
    shutil.copytree(SHIPPED, root / WIKI)
    put(CI, WORKFLOW)(root)
    put(".gitignore", ".amn/\n")(root)
    begin(root)


def make_trained(root: Path, amn: Callable[..., None]) -> None:
    """Make the shipped checkout with its runs in the cache."""
    make_shipped(root, amn)
    amn(root, "amn gate wiki-mini --format json")


def make_toy(root: Path, amn: Callable[..., None]) -> None:
    """Make a checkout with a small case, its index, its golden and its runs in the cache."""
    root.mkdir()
    rows_file()(root)
    amn(root, "amn data import vectors.npz data --name toy --dtype float32")
    (root / "vectors.npz").unlink()
    amn(root, "amn index build data --kind flat")
    put(f"{TOY}/case.toml", TOY_CASE)(root)
    put(CI, WORKFLOW)(root)
    put(".gitignore", ".amn/\n")(root)
    amn(root, "amn golden new toy --reason 'first accepted result' --author 'A. Nonymous'")
    begin(root)


BASES = {  # what takes longest begins
    "trained": make_trained,
    "empty": make_empty,
    "shipped": make_shipped,
    "toy": make_toy,
}
