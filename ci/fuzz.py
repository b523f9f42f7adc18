"""Damaged inputs for every reader: each reads the same as before, or ends in one line.

    python ci/fuzz.py [N] [--seed S] [--of CHECKOUT]        nightly 20,000; tests/slow runs 2,000

An input is a file of a small case, run or data set with bytes flipped, cut, repeated or put in, or
with a value of its JSON replaced. None may end in a traceback, in more than 10 s or 1 GB, or in a
message that does not say where, what was expected and what it got; and a run, a checkpoint and a
ledger, which carry digests, may not be read as if they were whole.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import signal
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from resource import RLIMIT_AS, RUSAGE_SELF, getrusage, setrlimit
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from amn.case.load import load_case
from amn.corpus.sources.open import open_source
from amn.data.dataset import open_dataset
from amn.data.importers import preview_vectors
from amn.errors import AmnError
from amn.evaluation.prediction_files import read_predictions
from amn.evaluation.storage import load_evaluation
from amn.gate.replay import bundle_results
from amn.golden.ledger import find_ledger
from amn.golden.store import read_golden
from amn.golden.waivers import read_waivers
from amn.training.checkpoint import load_checkpoint
from amn.training.records.find import read_record
from amn.training.records.metrics import read_metrics
from amn.training.records.names import read_names
from amn.training.run import load_run
from tests.hostile.ground import build

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, BYTES = 10, 1 << 30
INHERITED = getrusage(RUSAGE_SELF).ru_maxrss * 1024  # Linux keeps the peak of what started us
# Values of JSON in place of others.
ODD = (None, True, -1, 0, 1e308, 10**30, "", "x" * 5000, [], {}, [[]], {"x": 1}, "\x00", "\u00e9")
# What every message has; a key that is unknown is what was got, its Fix names what was expected.
FORM = re.compile(r"^\S.*?: .*(expected .*(got|found)\b.*|unknown key)\. Fix: \S", re.DOTALL)
WAIVERS = '[[waiver]]\ncheck = "C002"\nreason = "r"\nowner = "o"\ncreated = 2026-01-01\nexpires = 2026-01-20\n'  # noqa: E501 - a file


def main(arguments: list[str]) -> int:
    """Run; print every fault and a count; return 1 where there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("n", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", type=Path, help="what tests/hostile/ground.py has made already")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "p")
        if asked.of:
            shutil.copytree(asked.of, root, symlinks=True)
        else:
            build(Path(folder))
        faults = run(root, asked.n, random.Random(asked.seed))  # noqa: S311 - no secret
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    print(f"{asked.n} inputs, {len(faults)} faults, {peak:.0f} MiB at most")  # noqa: T201 - a command
    return bool(faults)


def run(root: Path, n: int, rng: random.Random) -> list[str]:
    """Damage files one by one, each in its place, read them, put them back; return the faults.

    Args:
        root: A checkout with one case and its runs; its own, like the folder that it is in.
    """
    folder, case = root.parent, root / "golden" / "toy"
    (case / "waivers.toml").write_text(WAIVERS, "utf-8")
    finished = next((root / ".amn" / "runs").rglob("run.json")).parent
    readers: dict[Path, tuple[Callable[[], object], bool]] = {}
    for name, read, is_sealed in (
        ("case.toml", lambda: load_case(case), False),
        ("waivers.toml", lambda: read_waivers(case), False),
        ("golden.json", lambda: read_golden(case), False),
        ("golden.csv", lambda: read_golden(case), True),
        ("ledger.jsonl", lambda: _sound(find_ledger(case)), True),
    ):
        readers[case / name] = (read, is_sealed)
    for name in ("run.json", "evaluation.json", "cosines.npz", "model.safetensors"):
        readers[finished / name] = (lambda: load_run(finished), True)
    model, scores = finished / "model.safetensors", finished / "cosines.npz"
    copies = {model: lambda: load_checkpoint(folder / model.name)}
    shutil.copy(model, folder / model.name)
    readers[folder / model.name] = (copies[model], True)
    for name in (scores.name, "evaluation.json"):
        shutil.copy(finished / name, folder / name)
        readers[folder / name] = (lambda: load_evaluation(folder), name == scores.name)
    for path in sorted((root / "data").iterdir()):
        readers[path] = (lambda: open_dataset(root / "data"), False)
    vectors = folder / "x.npy"
    shutil.copy(root / "data" / "vectors-00000.npy", vectors)
    readers[vectors] = (lambda: preview_vectors(vectors), False)
    for path, read in _of_others(folder, root).items():
        readers[path] = (read, False)
    faults = []
    paths = list(readers)
    for number in range(n):
        path = paths[number % len(paths)]
        whole = path.read_bytes()
        damaged, what = _damaged(whole, path.suffix, rng)
        path.write_bytes(damaged)
        read, is_sealed = readers[path]
        fault = _fault(read, is_sealed=is_sealed and _differs(whole, damaged, path))
        path.write_bytes(whole)
        if fault:
            faults.append(f"{number} {path.relative_to(folder)} {what}: {fault}")
            print(faults[-1][:400])  # noqa: T201 - a command
    return faults


def _of_others(folder: Path, root: Path) -> dict[Path, Callable[[], object]]:
    """Write what a user may bring along; return what reads each file."""
    data = open_dataset(root / "data")
    rows = data.gather(np.arange(64))
    names = [f"a{k // 8}:{k % 8}" for k in range(len(rows))]
    predicted = pa.table({"window": names, "prediction": list(rows)})
    pq.write_table(predicted, folder / "p.parquet")
    np.savez(folder / "p.npz", window=np.array(names), prediction=rows)
    np.savez(
        folder / "v.npz",
        vectors=rows,
        article_indices=data.article_ids[:64],
        chunk_indices=data.chunk_index[:64],
    )
    written = {
        "scores.json": '{"in_dist": 0.6, "ood": 0.6, "history": [{"epoch": 1, "val_cosine": 0.5}]}',
        "trainer.json": '{"epoch": [1, 2], "val_cosine": [0.5, 0.6], "train_loss": [0.9, 0.8]}',
        "log.csv": "epoch,val_cosine,train_loss\n1,0.5,0.9\n2,0.6,0.8\n",
        "log.jsonl": '{"epoch": 1, "val_cosine": 0.5}\n{"epoch": 2, "val_cosine": 0.6}\n',
        "columns.toml": 'primary_loss = "mse"\n[columns]\n"a/b" = "val_cosine"\n',
        "pages.jsonl": '{"id": 1, "title": "A", "text": "One.\\n\\nTwo."}\n' * 3,
        "pages.xml": "<mediawiki><page><title>A</title><ns>0</ns><id>1</id><revision><id>2</id>"
        "<text>One.</text></revision></page></mediawiki>",
        "verdict/verdict.json": "{}",
    }
    (folder / "verdict").mkdir()
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    with zipfile.ZipFile(folder / "bundle.zip", "w") as archive:
        archive.write(folder / "verdict" / "verdict.json", "verdict.json")
    readers: dict[str, Callable[[Path], object]] = {
        "p.parquet": lambda path: [*read_predictions(path, data.manifest.dim)[1]],
        "p.npz": lambda path: [*read_predictions(path, data.manifest.dim)[1]],
        "v.npz": preview_vectors,
        "scores.json": read_metrics,
        "trainer.json": read_record,
        "log.csv": read_record,
        "log.jsonl": read_record,
        "columns.toml": read_names,
        "pages.jsonl": lambda path: [*open_source(path)],
        "pages.xml": lambda path: [*open_source(path)],
        "bundle.zip": bundle_results,
    }
    return {folder / name: partial(read, folder / name) for name, read in readers.items()}


def _sound(ledger: Any) -> None:  # noqa: ANN401 - a Ledger
    """Raise where a ledger lists problems: that is how it says that it is damaged."""
    if ledger is None or ledger.problems:
        raise AmnError("ledger: expected a chain, got: problems. Fix: git checkout")


def _differs(whole: bytes, damaged: bytes, path: Path) -> bool:
    """Tell whether a damaged file says something else: layout of JSON is no say."""
    if path.suffix == ".json":
        try:
            return bool(json.loads(whole) != json.loads(damaged))
        except ValueError:
            return True
    return whole.replace(b"\r\n", b"\n") != damaged.replace(b"\r\n", b"\n")


def _fault(read: Callable[[], object], *, is_sealed: bool) -> str:
    """Read; return what is wrong with how it ended, empty where nothing is."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        read()
    except AmnError as error:
        text = str(error)
        return "" if FORM.search(text) else f"says only: {text}"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    if getrusage(RUSAGE_SELF).ru_maxrss * 1024 > max(BYTES, INHERITED):
        return "more than 1 GB"
    return "read as whole" if is_sealed else ""


def _damaged(whole: bytes, suffix: str, rng: random.Random) -> tuple[bytes, str]:
    """Return a file with one kind of damage, and its name."""
    at = rng.randrange(len(whole) or 1)
    kind = rng.choice(("bits", "cut", "put", "repeat", "drop", "value", "value"))
    if kind == "value" and suffix in (".json", ".jsonl"):
        lines = whole.decode().splitlines() if suffix == ".jsonl" else [whole.decode()]
        which = rng.randrange(len(lines))
        lines[which] = json.dumps(_with_odd(json.loads(lines[which]), rng))
        return "\n".join(lines).encode(), kind
    if kind == "cut":
        return whole[:at], kind
    if kind == "drop":
        return whole[:at] + whole[at + rng.randrange(1, 64) :], kind
    if kind == "repeat":
        return whole[:at] + whole[at : at + 64] * rng.randrange(2, 50) + whole[at:], kind
    if kind == "put":
        return whole[:at] + rng.randbytes(rng.randrange(1, 32)) + whole[at:], kind
    bits = bytearray(whole)
    for _ in range(rng.randrange(1, 4)):
        bits[rng.randrange(len(bits))] ^= 1 << rng.randrange(8)
    return bytes(bits), "bits"


def _with_odd(value: Any, rng: random.Random) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON in which one value, anywhere, is another or gone."""
    if isinstance(value, dict) and value and rng.random() < 0.9:  # noqa: PLR2004 - mostly inside
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:  # noqa: PLR2004 - now and then
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: _with_odd(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:  # noqa: PLR2004 - mostly inside
        at = rng.randrange(len(value))
        return [*value[:at], _with_odd(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


if __name__ == "__main__":
    setrlimit(RLIMIT_AS, (16 << 30, 16 << 30))  # torch maps much more than it touches
    sys.exit(main(sys.argv[1:]))
