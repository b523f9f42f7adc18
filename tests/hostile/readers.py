"""Files that lead a reader astray: pipes, devices, links that lead out, pointers, bombs, wrong types."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

from amn.storage import canonical_json, sha256_of
from tests.hostile.ground import CASE, TOML, Change
from tests.hostile.steps import both, runs, scores
from tests.net.scenes import append, edit, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hostile.ground import Step

VECTORS, CHUNKS = "data/vectors-00000.npy", "data/chunks-00000.parquet"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n" % ("0" * 64)
LISTED = both(
    put(f"{CASE}/splits.json", json.dumps({"ood": list(range(53, 65))})),
    edit(TOML, 'ood = { articles = "53-64" }', 'ood = { file = "splits.json" }'),
)


def pipe(path: str) -> Step:
    """Return what puts a FIFO in place of a file, which nobody ever writes to."""

    def step(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        os.mkfifo(root / path)

    return step


def led(path: str, target: str) -> Step:
    """Return what puts a link in place of a file."""

    def step(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        (root / path).symlink_to(target)

    return step


def folder(path: str) -> Step:
    """Return what puts a folder in place of a file."""

    def step(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        (root / path).mkdir()

    return step


def large(path: str) -> Step:
    """Return what makes a file appear to be of a terabyte."""

    def step(root: Path) -> None:
        with (root / path).open("r+b") as file:
            file.truncate(1 << 40)

    return step


def bomb(path: str) -> Step:
    """Return what writes a zip whose one array of zeros is 300 times as large."""

    def step(root: Path) -> None:
        header = b"\x93NUMPY\x01\x00v\x00" + (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000,), }".ljust(117) + b"\n"
        )
        with zipfile.ZipFile(root / path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("vectors.npy", header + bytes(100_000_000))

    return step


def resealed(change: Callable[[dict[str, Any]], object], name: str = "run.json") -> Step:
    """Return what brings a run along whose record says something else, its digest right."""

    def step(root: Path) -> None:
        runs(0)(root)
        path = root / "run-0" / name
        values = json.loads(path.read_bytes())
        change(values)
        values.pop("sha256", None)
        if name == "run.json":
            values["sha256"] = sha256_of(canonical_json(values))
            path.write_text(json.dumps(values), "utf-8")
            return
        path.write_text(json.dumps(values), "utf-8")
        record = json.loads((path.parent / "run.json").read_bytes())
        record["files"][name] = sha256_of(path.read_bytes())
        record.pop("sha256")
        record["sha256"] = sha256_of(canonical_json(record))
        (path.parent / "run.json").write_text(json.dumps(record), "utf-8")

    return step


def astray(name: str, *steps: Step, code: int, says: str, words: str = "amn gate toy") -> Change:
    """Return a change whose files lead a reader astray; it ends in one line, never a traceback."""
    return Change(
        id=name, do=steps, words=words, code=code, says=(says,), never=("Traceback",),
        committed=False,
    )  # fmt: skip


RUN_0 = "amn gate toy --run run-0 --allow-same"
OUT = "expected a file inside toy/, got a link that leads out of it"
FIFO, DEVICE = "expected a file, got a FIFO", "expected a file, got a device"
LFS = "got a Git LFS pointer. Fix: git lfs pull"
OF_CASE = ("golden.json", "golden.csv", "ledger.jsonl", "waivers.toml", "case.toml")
CODES = {"waivers.toml": 2, "case.toml": 2, "ledger.jsonl": 3, "golden.json": 3, "golden.csv": 3}

PIPES = [
    *(astray(f"pipe-{n}", pipe(f"{CASE}/{n}"), code=CODES[n], says=FIFO) for n in OF_CASE),
    *(astray(f"device-{n}", led(f"{CASE}/{n}", "/dev/zero"), code=CODES[n], says=DEVICE) for n in OF_CASE),
    astray("pipe-manifest", pipe("data/dataset.json"), code=1, says=FIFO),
    astray("pipe-vectors", pipe(VECTORS), code=1, says=FIFO),
    astray("pipe-chunks", pipe(CHUNKS), code=1, says=FIFO),
    astray("device-vectors", led(VECTORS, "/dev/zero"), code=1, says=DEVICE),
    astray("pipe-splits", LISTED, pipe(f"{CASE}/splits.json"), code=3, says=FIFO),
    astray("pipe-scores", pipe("metrics.json"), code=2, says=FIFO,
           words="amn gate toy --metrics metrics.json"),
    astray("pipe-verdict", pipe("v.json"), code=3, says=FIFO, words="amn ci require v.json"),
    astray("pipe-bundle", pipe("b.zip"), code=3, says=FIFO, words="amn replay b.zip"),
    astray("pipe-import", pipe("x.npy"), code=3, says="expected a file", words="amn data import x.npy out"),
]  # fmt: skip
LINKS = [
    *(astray(f"link-out-{n}", led(f"{CASE}/{n}", "/etc/passwd"), code=CODES[n], says=OUT)
      for n in OF_CASE if n != "case.toml"),
    astray("link-out-splits", LISTED, led(f"{CASE}/splits.json", "/etc/passwd"), code=3, says=OUT),
    astray("link-out-splits-bundle", LISTED, led(f"{CASE}/splits.json", "/etc/passwd"), code=3,
           says=OUT, words="amn gate toy --bundle b.zip"),
    astray("link-out-manifest", led("data/dataset.json", "/etc/passwd"), code=1,
           says="expected a file inside data/, got a link that leads out of it"),
]  # fmt: skip
SIZES = [
    astray("large-case", large(TOML), code=2, says="expected at most"),
    astray("large-golden", large(f"{CASE}/golden.json"), code=3, says="expected at most"),
    astray("large-manifest", large("data/dataset.json"), code=1, says="expected at most"),
    astray("large-scores", scores(), large("metrics.json"), code=2, says="expected at most",
           words="amn gate toy --metrics metrics.json"),
    astray("zip-bomb", bomb("x.npz"), code=3, says="expected at most 100 bytes for each",
           words="amn data import x.npz out"),
    astray("long-title", edit(TOML, 'title = "toy"', f'title = "{"x" * 1_000_000}"'), code=2,
           says="title"),
    astray("deep-case", append(TOML, "[x]\ny = " + "[" * 100_000 + "\n"), code=2, says="case.toml"),
    astray("folder-case", folder(TOML), code=2, says="expected"),
    astray("folder-golden", folder(f"{CASE}/golden.json"), code=3, says="expected a file"),
    astray("folder-manifest", folder("data/dataset.json"), code=1, says="expected"),
    astray("folder-vectors", folder(VECTORS), code=1, says="expected"),
]  # fmt: skip
POINTERS = [
    *(astray(f"pointer-{n}", put(f"{CASE}/{n}", POINTER), code=CODES[n], says=LFS) for n in OF_CASE),
    astray("pointer-vectors", put(VECTORS, POINTER), code=1, says="got a Git LFS pointer"),
    astray("pointer-chunks", put(CHUNKS, POINTER), code=1, says="got a Git LFS pointer"),
    astray("pointer-manifest", put("data/dataset.json", POINTER), code=1, says="got a Git LFS pointer"),
    astray("pointer-import", put("x.npy", POINTER), code=3, says=LFS, words="amn data import x.npy out"),
    astray("pointer-import-npz", put("x.npz", POINTER), code=3, says=LFS,
           words="amn data import x.npz out"),
    astray("pointer-checkpoint", put("m.safetensors", POINTER), code=3, says=LFS,
           words="amn gate toy --checkpoint m.safetensors"),
]  # fmt: skip
RESEALED = [
    astray(f"resealed-{name}", resealed(change), code=3, says="run.json: expected", words=RUN_0)
    for name, change in {
        "no-record": lambda values: values.pop("record"),
        "record-a-list": lambda values: values.update(record=[]),
        "epochs-a-number": lambda values: values["record"].update(epochs=3),
        "loss-a-word": lambda values: values["record"]["epochs"][0].update(val_cosine="high"),
        "terms-a-list": lambda values: values["record"]["epochs"][0].update(terms=[1]),
        "seed-a-word": lambda values: values["record"].update(seed="x"),
        "files-a-list": lambda values: values.update(files=[]),
    }.items()
] + [
    astray(f"evaluation-{name}", resealed(change, "evaluation.json"), code=3, says="expected",
           words=RUN_0)
    for name, change in {
        "splits-a-list": lambda values: values.update(splits=[]),
        "rank-a-word": lambda values: values["splits"]["ood"].update(rank="x"),
        "no-digest": lambda values: values.pop("cosines_sha256"),
        "digest-a-number": lambda values: values.update(cosines_sha256=7),
    }.items()
]  # fmt: skip

ASTRAY = [*PIPES, *LINKS, *SIZES, *POINTERS, *RESEALED]
