"""What a project is missing before its gate blocks a merge: one line each, with its fix."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from shlex import quote
from typing import TYPE_CHECKING, Literal

from amn.case.load import case_files, load_case
from amn.cli.workflows.init import EXAMPLE, PLACES, render_workflow
from amn.errors import AmnError, ConfigError, bring
from amn.git import checkout_of, find_repository
from amn.golden.base.review import FIRST_COMMIT, NO_COMMIT
from amn.golden.base.target import base_commit
from amn.golden.base.tricks import JUDGES, tricks
from amn.golden.ledger import LEDGER_FILE, inspect_ledger
from amn.golden.store import GOLDEN_FILE, find_orphans, read_golden
from amn.storage import read_whole
from amn.system import ATTRIBUTES, ATTRIBUTES_FILE, CASE_FILE, GOLDEN_FOLDER
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amn.git import Repository

State = Literal["ok", "missing", "note"]
# What each extra brings that a gate needs (True), or may do without.
MODULES = (
    ("torch", "train", True, "trains and scores models"),
    ("faiss", "index", True, "checks indexes"),
    ("jinja2", "report", True, "writes report.html"),
    ("pytest", "dev", False, "runs cases as tests"),
    ("sentence_transformers", "encode", False, "encodes texts"),
)
# Files that a CI system starts from, and what the least workflow of each holds.
STARTS = (
    (".github/workflows/*.y*ml", "amn gate\nfetch-depth: 0\n"),
    (".gitlab-ci.yml", "amn gate\nGIT_DEPTH: 0\n"),
    (".gitlab/*.yml", "amn gate\nGIT_DEPTH: 0\n"),
    ("Jenkinsfile", "amn gate\n"),
    (".circleci/config.yml", "amn gate\n"),
    ("azure-pipelines.yml", "amn gate\n"),
    ("bitbucket-pipelines.yml", "amn gate\n"),
    (".ci/run*", "amn gate\n"),
)
# What a workflow should hold besides: pattern, what it is for, how to add it.
HABITS = (
    (r"OMP_NUM_THREADS", "pinned threads", 'env: OMP_NUM_THREADS: "1"'),
    (
        r"upload-artifact|artifacts\s*:|archiveArtifacts",
        "kept reports",
        "upload report.html always",
    ),
    (r"\bamn\s+ci\s+require\b", "a final job", "amn ci require verdict.json"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at.

    Attributes:
        state: `missing` keeps the gate from doing its work; `note` is worth knowing.
        what: What was looked at.
        found: What is there.
        fix: What to do; empty when nothing is.
    """

    state: State
    what: str
    found: str
    fix: str = ""


def examine(folder: Path, *, target: str | None = None) -> Iterator[Item]:
    """Yield everything that a gate in CI needs, present or not.

    Args:
        folder: Root of the project.
        target: Branch that changes are merged into; None takes the usual one.
    """
    yield from _modules()
    yield from _git(folder, target)
    yield from _cases(folder)
    yield from _workflows(folder)


def _modules() -> Iterator[Item]:
    """Yield the optional packages, without importing them."""
    for module, extra, is_needed, does in MODULES:
        if find_spec(module):
            yield Item("ok", module, does)
        else:
            state: State = "missing" if is_needed else "note"
            yield Item(state, module, f"not installed: {does}", bring(extra))


def _git(folder: Path, target: str | None) -> Iterator[Item]:
    """Yield whether a change can be compared with its merge base."""
    if shutil.which("git") is None:
        yield Item("missing", "git", "not installed", "install git")
        return
    try:
        repository = find_repository(folder)
    except AmnError as error:
        yield Item("missing", "git", *_halves(error))
        return
    if repository is None:
        is_new = checkout_of(folder) is not None
        what = f"a repository with {NO_COMMIT}" if is_new else "no checkout"
        fix = FIRST_COMMIT if is_new else f"git init && {FIRST_COMMIT}"
        yield Item("missing", "git", f"{what}: changes cannot be compared", fix)
        return
    if repository.is_shallow:
        fix = "git fetch --unshallow; in CI fetch-depth: 0"
        yield Item("missing", "history", "cut off: the merge base may not be there", fix)
    try:
        base = base_commit(repository, target)
    except AmnError as error:
        yield Item("missing", "merge base", *_halves(error))
        return
    if base is None:
        fix = "amn gate --target BRANCH"
        yield Item("missing", "merge base", "no branch to compare with", fix)
    else:
        yield Item("ok", "merge base", f"{base[1][:10]} with {base[0]}")
    yield from _tracked(repository, folder)
    if (folder / GOLDEN_FOLDER).is_dir() and not (folder / ATTRIBUTES_FILE).is_file():
        fix = f"echo '{ATTRIBUTES.strip()}' > {ATTRIBUTES_FILE.as_posix()}"
        found = "not there: git may convert the ends of lines of goldens"
        yield Item("note", ATTRIBUTES_FILE.as_posix(), found, fix)


def _halves(error: AmnError) -> tuple[str, str]:
    """Return what a message found, and how to mend it."""
    found, _, fix = str(error).partition(" Fix: ")
    return found, fix


def _tracked(repository: Repository, folder: Path) -> Iterator[Item]:
    """Yield whether what people accepted is committed."""
    golden = folder / GOLDEN_FOLDER
    changed = repository.uncommitted(golden) if golden.is_dir() else []
    own = [name for name in changed if (repository.root / name).is_relative_to(golden.resolve())]
    if own:
        fix = f"git add {GOLDEN_FOLDER} && git commit"
        found = f"{count_of(len(own), 'file')} not committed, such as {own[0]}"
        yield Item("missing", "commits", found, fix)


def _cases(folder: Path) -> Iterator[Item]:
    """Yield every case and its golden."""
    golden = folder / GOLDEN_FOLDER
    try:
        files = case_files(golden)
    except ConfigError as error:
        message, _, fix = str(error).partition(" Fix: ")
        yield Item("missing", "cases", message, fix)
        return
    if not files:
        fix = "amn case new NAME --dataset PATH"
        yield Item("missing", "cases", f"none under {GOLDEN_FOLDER}/: nothing is gated", fix)
    for file in files:
        yield _case(file.parent)
    for orphan in find_orphans(golden):
        fix = f"amn golden prune, or restore {CASE_FILE}"
        yield Item("missing", orphan.folder.name, "a golden without a case: gates nothing", fix)


def _case(folder: Path) -> Item:
    """Return the state of one case."""
    name = folder.name
    try:
        case = load_case(folder)
    except AmnError as error:
        line = " ".join(str(error).split())
        return Item("missing", name, line, f"mend {GOLDEN_FOLDER / name / CASE_FILE}")
    source = case.sources[0]
    if source.is_elsewhere and source.sha256 is None:
        fix = f"amn gate {quote(name)} says the line to write"
        return Item("missing", name, f"no digest of {source.place}", fix)
    if not source.is_elsewhere and not case.dataset_path.is_dir():
        return Item(
            "missing", name, f"no data set at {case.config.dataset.path}", "amn data import"
        )
    if not (folder / GOLDEN_FILE).exists():
        return Item(
            "missing", name, "no golden: nothing is accepted yet",
            f"amn golden new {quote(name)} --reason 'first accepted result'",
        )  # fmt: skip
    return _golden(folder)


def _golden(folder: Path) -> Item:
    """Return the state of what was accepted for a case."""
    name = folder.name
    try:
        golden = read_golden(folder)
    except AmnError as error:
        return Item(
            "missing", name, " ".join(str(error).split()), f"amn golden verify {quote(name)}"
        )
    ledger = folder / LEDGER_FILE
    if not ledger.exists():
        return Item(
            "missing",
            name,
            "a golden without a ledger",
            f"amn golden adopt {quote(name)} --reason TEXT",
        )
    if problems := inspect_ledger(read_whole(ledger)).problems:
        return Item(
            "missing", name, f"ledger: {problems[0].message}", f"amn golden verify {quote(name)}"
        )
    return Item(
        "ok", name, f"accepted {golden.record.accepted.created}: {golden.record.accepted.reason}"
    )


def _workflows(folder: Path) -> Iterator[Item]:
    """Yield the files that run a gate in CI, and where they are weak."""
    found = False
    top = checkout_of(folder) or folder.resolve()
    at = folder.resolve().relative_to(top).as_posix()
    at = "" if at == "." else at
    for pattern, least in STARTS:
        for file in sorted(top.glob(pattern)):
            text = file.read_text("utf-8", errors="replace") if file.is_file() else ""
            if JUDGES.search(text):
                found = True
                yield from _workflow(file.relative_to(top), text, least, at)
    if not found:
        fix = "amn ci init github|gitlab|jenkins"
        yield Item("missing", "workflow", "none runs amn gate: nothing blocks a merge", fix)


def _workflow(file: Path, text: str, least: str, at: str) -> Iterator[Item]:
    """Yield how a workflow is weaker than the one that `amn ci init` writes there."""
    name = file.as_posix()
    template = next(
        (
            render_workflow(system, branch="main", source=EXAMPLE, at=at)
            for system, place in PLACES.items()
            if place.file == file
        ),
        least,
    )
    old = template if "amn ci require" in text else least
    weak = [f"{one.what}: {one.new or one.old}" for one in tricks(name, old, text)]
    for line in weak:
        yield Item("missing", name, f"weak, it {line}", "amn ci init, and compare")
    if not weak:
        yield Item("ok", name, "runs the gate")
    for pattern, what, fix in HABITS:
        if not re.search(pattern, text):
            yield Item("note", name, f"without {what}", fix)
