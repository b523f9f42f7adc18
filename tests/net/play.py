"""Commands of the net, each played in a forked process on a copy of its base, two at a time.

This process imports what is heavy and not ours (torch, pyarrow, faiss ...) once and no module of
amn: every command imports amn anew, as a person's does, and none sees what another one did.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.net.reading import lines, read
from tests.net.scenes import BASES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.net.commands import Command

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy", "scipy.stats", "scipy.linalg", "pyarrow.parquet", "pyarrow.compute", "torch", "faiss",
    "pydantic", "click", "rich.console", "rich.table", "safetensors.numpy", "blake3",
)  # fmt: skip
SECONDS = 300  # a command that takes longer hangs
CRASHED = 70


def environment(scene: Path) -> dict[str, str]:
    """Return the environment of a command: nothing of this machine's but where programs are."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "HOME": str(scene),
        "TMPDIR": str(scene / "tmp"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2025-01-31T12:00:00Z",
        "GIT_COMMITTER_DATE": "2025-01-31T12:00:00Z",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "160",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **{k: v for k, v in os.environ.items() if k in ("LD_LIBRARY_PATH", "ATEN_CPU_CAPABILITY")},
    }


def preload() -> None:
    """Import what is heavy. No thread may run afterwards: a forked process would wait for it."""
    for name in HEAVY:
        import_module(name)
    if ours := [name for name in sys.modules if name.split(".")[0] == "amn"]:
        raise RuntimeError(f"expected no module of amn before a command, got {ours[0]}")
    tasks = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    if len(tasks) - tasks.count("jemalloc_bg_thd") > 1:  # which is ready to be forked
        raise RuntimeError("expected one thread. Fix: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1")


def forked(work: Callable[[], object]) -> int:
    """Run a function in a forked process; return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(_fork(work), 0)[1])


def _fork(work: Callable[[], object]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = CRASHED
    try:
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def call(root: Path, words: str, **variables: str) -> tuple[int, str, str]:
    """Run one command line in a folder; return exit code, stdout and stderr."""
    scene = root.parent
    (scene / "tmp").mkdir(exist_ok=True)
    out, err = scene / "stdout", scene / "stderr"

    def work() -> None:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(root)
        values = environment(scene) | variables
        if words.startswith("amn "):
            values["COLUMNS"] = "100"  # as wide as a log that says nothing
        os.environ.clear()
        os.environ.update(values)
        signal.alarm(SECONDS)
        sys.argv = shlex.split(words)
        if sys.argv[0] == "amn":
            import_module("amn.cli.main").main()
        elif sys.argv[0] == "pytest":
            sys.path.insert(0, "")
            quiet = ("no:cacheprovider", "no:hypothesispytest", "no:benchmark")
            sys.argv += [word for name in quiet for word in ("-p", name)]
            sys.exit(import_module("pytest").console_main())
        else:
            sys.exit(subprocess.run(sys.argv, check=False).returncode)  # noqa: S603 - git

    code = forked(work)
    return code, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace")


def _must(root: Path, words: str) -> None:
    code, out, err = call(root, words)
    if code:
        raise RuntimeError(f"{words}: exit {code}\n{out[-3000:]}\n{err[-3000:]}")


def make_base(name: str, folder: Path) -> None:
    """Make a base in its folder."""
    (folder / name).mkdir()
    BASES[name](folder / name / "p", _must)


def play(command: Command, folder: Path, *, keep: bool) -> None:
    """Run a command on a copy of its base, and write what is recorded of it to ID.json."""
    scene = folder / command.id
    scene.mkdir()
    root = scene / "p"
    shutil.copytree(folder / command.base / "p", root, symlinks=True)
    _change(command.changes, root)
    for words in command.before:
        if words.startswith("!"):
            call(root, words[1:], **command.variables)
        else:
            _must(root, words)
    _change(command.then, root)
    found = read(command, call(root, command.words, **command.variables), scene)
    if command.file:
        found[command.file] = lines((root / command.file).read_text("utf-8"), scene)
    (folder / f"{command.id}.json").write_text(json.dumps(found), "utf-8")
    if not keep:
        shutil.rmtree(scene)


def _change(steps: Sequence[Callable[[Path], object]], root: Path) -> None:
    if steps and forked(lambda: [step(root) for step in steps]):
        raise RuntimeError(f"{root.parent.name}: its scene could not be made")


@dataclass(frozen=True)
class Task:
    """Work for a forked process.

    Attributes:
        needs: Name of the task that has to end before this one begins.
    """

    name: str
    needs: str
    work: Callable[[], object]


def play_all(
    commands: Sequence[Command], folder: Path, jobs: int, *, keep: bool = False
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Run commands, several at a time.

    Returns:
        What is recorded of each that could be played, and the seconds that each took.
    """
    preload()
    used = [base for base in BASES if any(c.base == base for c in commands)]
    tasks = [
        *(Task(base, "", partial(make_base, base, folder)) for base in used),
        *(Task(c.id, c.base, partial(play, c, folder, keep=keep)) for c in commands),
    ]
    seconds = _run(tasks, jobs)
    files = {c.id: folder / f"{c.id}.json" for c in commands}
    found = {
        name: json.loads(file.read_text("utf-8")) for name, file in files.items() if file.exists()
    }
    return found, seconds


def _run(tasks: list[Task], jobs: int) -> dict[str, float]:
    """Run tasks, the first that may begin first; what needs one that failed does not begin."""
    waiting, running = list(tasks), {}
    ended, seconds = {""}, {}
    while waiting or running:
        task = next((task for task in waiting if task.needs in ended), None)
        if task and len(running) < jobs:
            waiting.remove(task)
            running[_fork(task.work)] = task
            seconds[task.name] = -time.monotonic()
            continue
        if not running:
            break
        pid, status = os.wait()
        task = running.pop(pid)
        seconds[task.name] += time.monotonic()
        if not status:
            ended.add(task.name)
    return seconds
