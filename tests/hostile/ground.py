"""The project that every change of `changes.py` and `honest.py` is made to, and what plays one.

A clone of a repository with one small case, its data and its golden; the branch is `change`, and
`origin/main` is where it began. An entry says what is done to the checkout, which commands are run,
the exit code of the last one, and words that it has to print.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from amn.cli.main import main
from amn.data.writer import Chunks, write_dataset
from tests.checkouts import CASE_TEXT
from tests.net.scenes import commit, git
from tests.strategies import drifting_rows, running_keys

N_ARTICLES, N_ROWS, DIM = 64, 16, 24
CASE = "golden/toy"
WHOLE = "amn gate toy"
SCORES = "amn gate toy --metrics {scores}"  # for what no data or model has a say in
TOML = f"{CASE}/case.toml"
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
Step = Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One scripted change and what it must get.

    Attributes:
        words: Commands, with `; ` between them; {root} is the checkout, {scores} a metrics.json.
        code: Exit code of the last of them.
        says: What they have to print, all of it.
        never: What they may not print.
        do: What is done to the checkout, in order.
        env: Variables that are set.
        committed: Whether what was done is committed.
        at: Folder in which the commands are run, relative to the checkout.
    """

    id: str
    words: str = WHOLE
    code: int
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    do: tuple[Step, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    committed: bool = True
    at: str = "."


def build(folder: Path) -> Path:
    """Make the project; return its checkout, beside which `whole` is its origin."""
    whole, root = folder / "whole", folder / "p"
    case = whole / CASE
    case.mkdir(parents=True)
    rows = drifting_rows(N_ARTICLES, N_ROWS, DIM)
    articles, index = running_keys(*[N_ROWS] * N_ARTICLES, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    write_dataset(whole / "data", rows, chunks, name="toy", dtype="float32")
    (whole / TOML).write_text(CASE_TEXT, "utf-8")
    (whole / ".gitignore").write_text(".amn/\n__pycache__/\n", "utf-8")
    workflow = whole / ".github" / "workflows" / "gate.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(WORKFLOW, "utf-8")
    git(whole, "init", "-q", "-b", "main", "--template=")
    commit(whole, "main")
    code, text = run(whole, ["golden", "new", "toy", "--reason", "first result"], {})
    if code:
        raise RuntimeError(text)
    run(whole, ["gate", "toy"], {})  # its runs are in the cache from now on
    commit(whole, "golden")
    git(whole, "clone", "-q", "--template=", whole.as_uri(), str(root))
    git(root, "checkout", "-q", "-b", "change")
    shutil.copytree(whole / ".amn", root / ".amn")
    (folder / "metrics.json").write_text('{"in_dist": 0.9, "ood": 0.95}', "utf-8")
    return root


def play(change: Change, ground: Path, folder: Path) -> tuple[int, str]:
    """Make a change in a copy of the ground; return the last exit code and all that was printed."""
    root = folder / "p"
    shutil.copytree(ground, root, symlinks=True)
    for step in change.do:
        step(root)
    if change.committed and (root / ".git").exists():
        commit(root)
    code, printed = 0, list[str]()
    for line in change.words.format(root=root, scores=ground.parent / "metrics.json").split("; "):
        program, *words = shlex.split(line)
        runs = {"amn": run, "pytest": run_pytest}[program]
        code, text = runs(root / change.at, words, change.env)
        printed.append(text)
    return code, "\n".join(printed)


def run(folder: Path, words: list[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run amn in this process; return its exit code and what it printed."""
    from contextlib import redirect_stderr, redirect_stdout  # noqa: PLC0415 - one use
    from io import StringIO  # noqa: PLC0415 - one use

    text, here = StringIO(), Path.cwd()
    home = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "200"}
    home["PYTEST_XDIST_WORKER"] = ""  # a person types this
    with (
        mock.patch.dict(os.environ, {**home, **env}),
        mock.patch.object(sys, "argv", ["amn", *words]),
        redirect_stdout(text),
        redirect_stderr(text),
    ):
        os.chdir(folder)
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), text.getvalue()
        finally:
            os.chdir(here)
    raise RuntimeError(f"{words}: expected an exit code, got none")


def run_pytest(folder: Path, words: list[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run pytest with the plugin in a process of its own; return exit code and output."""
    path = str(Path(__file__).parents[2])
    unused = ("hypothesispytest", "benchmark", "anyio", "cacheprovider")
    quick = [word for name in unused for word in ("-p", f"no:{name}")]
    done = subprocess.run(  # noqa: S603 - pytest with fixed words
        [sys.executable, "-m", "pytest", *quick, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
