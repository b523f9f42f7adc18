"""Mutants of the packages that decide: each changes one expression, and a test has to notice.

    python ci/mutate.py [N] [--seed S] [--jobs J]        hours; 600 before tests are called whole

A mutant exchanges an operator, negates a condition, moves a number by one, or leaves a raise out;
words and annotations stay. Of a seeded sample each is put into a clone of the repository, and the
tests that run its line, by coverage, are run until one fails. Printed are the survivors, and the
score with its one-sided 95 % bound (Clopper & Pearson 1934). Survivors are judged in
ci/survivors.md.

As a plugin of pytest (`-p mutate`) it tells coverage which test runs: coverage itself takes a test
of hypothesis for one of hypothesis' own.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from scipy.stats import beta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "checks", "gate", "golden", "evaluation", "data", "training/records", "diagnosis/records.py",
    "plugin",
)  # fmt: skip
TESTS = (("tests/unit",), ("tests/property", "tests/plugin", "tests/e2e", "tests/hostile"))
MOST_TESTS = 500  # a mutant, the nearest first
SECONDS = 600
COVERAGE = ROOT / ".amn" / "mutants.coverage"
SWAPPED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: bytes `start` to `end` of a file become `new`."""

    file: Path
    line: int
    start: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old} -> {self.new}"


def main(arguments: list[str]) -> int:
    """Run the sample; print the survivors and the score."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("n", type=int, nargs="?", default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    tests = tests_by_line(asked.jobs)
    found = [m for file in files() for m in mutants(file) if tests.get((str(m.file), m.line))]
    sample = random.Random(asked.seed).sample(found, min(asked.n, len(found)))  # noqa: S311
    survivors = [m for m, killed in judged(sample, tests, asked.jobs) if not killed]
    n, killed = len(sample), len(sample) - len(survivors)
    bound = float(beta.ppf(0.05, killed, n - killed + 1)) if killed else 0.0
    print(f"{killed} of {n} killed, {killed / n:.1%}, at least {bound:.1%}; {len(found)} in all")  # noqa: T201
    return 0


def files() -> Iterator[Path]:
    """Yield the modules that decide, relative to the repository."""
    for package in PACKAGES:
        place = ROOT / "amn" / package
        every = [place] if place.is_file() else sorted(place.rglob("*.py"))
        yield from (file.relative_to(ROOT) for file in every)


def mutants(file: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    source = (ROOT / file).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, new in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        old = " ".join(source[start:end].decode().split())
        yield Mutant(file, node.lineno, start, end, old, new)


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield nodes that decide, with what takes their place."""
    for node in _deciding(tree):
        if isinstance(node, ast.Compare | ast.BoolOp | ast.BinOp):
            other = copy.deepcopy(node)
            operator = other.ops[0] if isinstance(other, ast.Compare) else other.op
            if type(operator) in SWAPPED:
                swapped = SWAPPED[type(operator)]()
                if isinstance(other, ast.Compare):
                    other.ops[0] = swapped  # type: ignore[call-overload]
                else:
                    other.op = swapped  # type: ignore[assignment]
                yield node, f"({ast.unparse(other)})"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, f"({ast.unparse(node.operand)})"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, f"({node.value + 1!r})"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, repr(not node.value)
        elif isinstance(node, ast.Raise):
            yield node, "pass"
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test, f"(not ({ast.unparse(node.test)}))"


def _deciding(node: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes, without words, annotations, decorators, and what is for type checkers alone."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_word = isinstance(child, ast.JoinedStr)
            is_typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            if isinstance(child, ast.AST) and not is_word and not is_typing:
                yield from _deciding(child)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Tell coverage which test runs from here on."""
    from coverage import Coverage  # noqa: PLC0415 - of the dev extra

    if measured := Coverage.current():
        measured.switch_context(nodeid)


@contextmanager
def clones_of(root: Path, number: int) -> Iterator[list[Path]]:
    """Yield clones with nothing beside them: only tests that always run are asked."""
    with tempfile.TemporaryDirectory() as folder:
        clones = [Path(folder) / str(k) for k in range(number)]
        for clone in clones:
            words = ["git", "clone", "-q", "--shared", str(root), str(clone)]
            subprocess.run(words, check=True)  # noqa: S603 - our own repository
        yield clones


def _measure(clone: Path, into: Path, tests: tuple[str, ...]) -> None:
    into.parent.mkdir(exist_ok=True)
    settings = into.with_name(f"{into.name}.ini")
    settings.write_text("[run]\nsource = amn\nrelative_files = true\n", "utf-8")
    words = ["coverage", "run", f"--rcfile={settings}", f"--data-file={into}", "-m"]
    pytest = ["pytest", "-q", "-p", "mutate", "-p", "no:xdist", "-p", "no:cacheprovider", *tests]
    run(clone, [*words, *pytest], paths=[clone / "ci"]).check_returncode()


def run(
    clone: Path, words: list[str], *, paths: Sequence[Path] = (), seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a module of Python in a clone, by the code that it has."""
    env = {**os.environ, "PYTHONPATH": ":".join(map(str, [clone, *paths])), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", *words]
    return subprocess.run(  # noqa: S603 - our own tests
        words, cwd=clone, env=env, capture_output=bool(seconds), timeout=seconds, check=False
    )


def tests_by_line(jobs: int) -> dict[tuple[str, int], list[str]]:
    """Return the tests that run each line; measured once, and kept beside the cache."""
    from coverage import CoverageData  # noqa: PLC0415 - of the dev extra

    if not COVERAGE.exists():
        parts = [COVERAGE.with_suffix(f".{k}") for k in range(len(TESTS))]
        with clones_of(ROOT, 1) as (clone,), ThreadPoolExecutor(jobs) as pool:
            list(pool.map(partial(_measure, clone), parts, TESTS))
        words = ["coverage", "combine", f"--data-file={COVERAGE}", *map(str, parts)]
        subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=True)  # noqa: S603
    data = CoverageData(str(COVERAGE))
    data.read()
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for file in files():
        lines = {
            line: {*filter(None, names)}
            for line, names in data.contexts_by_lineno(str(file)).items()
        }
        within = _within_functions(ast.parse((ROOT / file).read_bytes()))
        # What is run once, by the first import, is of account to every test of the module.
        every = set().union(*(names for line, names in lines.items() if line in within))
        for line, names in lines.items():
            tests = names if line in within else every
            found[str(file), line] = sorted(tests, key=_nearness(file))
    return found


def _within_functions(tree: ast.AST) -> set[int]:
    """Return the lines of the bodies of functions."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, kinds))
    return {line for one in bodies for line in range(one[0].lineno, (one[-1].end_lineno or 0) + 1)}


def _nearness(file: Path) -> object:
    """Return a key that puts tests of the same room and name first."""
    words = {part.removesuffix(".py") for part in file.parts}
    return lambda test: (-sum(word in test.partition("::")[0] for word in words), test)


def judged(
    sample: list[Mutant], tests: dict[tuple[str, int], list[str]], jobs: int
) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant and whether a test noticed it."""
    free: SimpleQueue[Path] = SimpleQueue()
    with clones_of(ROOT, jobs) as clones, ThreadPoolExecutor(jobs) as pool:
        for clone in clones:
            free.put(clone)

        def judge(mutant: Mutant) -> bool:
            clone = free.get()
            try:
                return _is_killed(mutant, tests[str(mutant.file), mutant.line], clone)
            finally:
                free.put(clone)

        for n, (mutant, killed) in enumerate(zip(sample, pool.map(judge, sample), strict=True), 1):
            if not killed:
                print(f"SURVIVED ({n} of {len(sample)}) {mutant}", flush=True)  # noqa: T201
            yield mutant, killed


def _is_killed(mutant: Mutant, tests: list[str], clone: Path) -> bool:
    """Put a mutant into a clone, run its tests, and take it out again."""
    path = clone / mutant.file
    source = path.read_bytes()
    path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
    words = ["pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests[:MOST_TESTS]]
    try:
        done = run(clone, words, seconds=SECONDS)
    except subprocess.TimeoutExpired:
        return True  # it runs for ever
    finally:
        path.write_bytes(source)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
