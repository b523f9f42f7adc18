"""CI files that this change made weaker: a step that may fail, may be left out, or is gone.

Read as lines, without a parser of each CI system: what counts is what was added to or taken from a
file that runs `amn`. A comment is no line. A conftest.py is read as Python, for its hooks.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from amn.golden.base.own import check_loosenings
from amn.golden.base.target import CI_VARIABLES
from amn.system import CONFTEST, GOLDEN_FOLDER
from amn.verdict import Loosening

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where pipelines, and the scripts and settings that they run `amn` with, are kept.
PIPELINES = (
    ".github",
    ".gitlab-ci.yml",
    ".gitlab",
    ".circleci",
    ".ci",
    "ci",
    "Jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
)
# Files that pytest reads whether or not they name amn: a new one can take the gate out of it.
SETTINGS = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", CONFTEST)
RUNS_AMN = re.compile(r"\bamn\b|pytest\b.*\bgolden\b|\bci/run(\.sh)?\b")
JUDGES = re.compile(
    r"\bamn\s+(gate|check|selftest|golden\s+verify)\b|pytest\b.*\bgolden\b|\bci/run(\.sh)?\b"
)
VARIABLES = "|".join(CI_VARIABLES)
LEFT_OUT = "--ignore|--deselect|collect_ignore|norecursedirs"
# What a line that was added says, and what that does to the gate.
ADDED = (
    (re.compile(r"continue-on-error\s*:\s*(?!false\b)\S"), "set continue-on-error"),
    (re.compile(r"allow_failure\s*:\s*(?!false\b)"), "set allow_failure"),
    (re.compile(r"(amn|pytest|ci/run)\b.*\|\|\s*(true|exit\s+0|echo)\b"), "ignored an exit code"),
    (re.compile(r"(amn|pytest|ci/run)\b.*\|\|\s*:\s*(['\"]|$)"), "ignored an exit code"),
    (re.compile(r"\bset\s+\+e\b"), "ignored an exit code"),
    (re.compile(r"\b(catchError|warnError)\b"), "ignored an exit code"),
    (re.compile(r"returnStatus\s*:\s*true"), "ignored an exit code"),
    (re.compile(r"^(-\s+)?if\s*:(?!.*(always|!\s*cancelled)\s*\()"), "made a step conditional"),
    (re.compile(r"^when\s*\{|^when\s*:\s*manual"), "made a step conditional"),
    (re.compile(r"^(paths|paths-ignore|only|except|changes|branches-ignore)\s*:"), "made a job conditional"),  # noqa: E501 - a table
    (re.compile(r"--(amn-)?first-run\b"), "judged without a golden (--first-run)"),
    (re.compile(r"--allow-same\b"), "allowed the golden's own file (--allow-same)"),
    (re.compile(r"--(amn-)?approve-loosening\b"), "approved its own loosening"),
    (re.compile(r"-p\s*['\"]?\s*,?\s*['\"]?no:amn\b"), "switched off the pytest plugin"),
    (re.compile(r"--(amn-)?target\b"), "named the branch to compare with"),
    (re.compile(rf"\b({VARIABLES})\b['\"]?\s*(=|:)(?!=)"), "named the branch to compare with"),
    (re.compile(rf"({LEFT_OUT}).*\b{GOLDEN_FOLDER}\b"), "left golden/ out of pytest"),
)  # fmt: skip
# The same for settings of pytest, read whether or not they name the gate.
IN_SETTINGS = re.compile(rf"--amn-|\bno:amn\b|({LEFT_OUT}).*\b{GOLDEN_FOLDER}\b")
# Hooks of pytest that can leave a check out, rewrite its report or set the exit status.
HOOKS = re.compile(
    r"\bpytest_(runtest_(protocol|makereport|logreport)|report_teststatus|sessionfinish"
    r"|collection_modifyitems)\b"
)
# What a line that was taken away said.
REMOVED = (
    (JUDGES, "removed a step of the gate"),
    (re.compile(r"--(amn-)?strict\b"), "removed --strict"),
    (re.compile(r"fetch-depth\s*:\s*0\b|GIT_DEPTH\s*:\s*['\"]?0\b"), "removed the whole history"),
)


def is_pipeline(path: str) -> bool:
    """Tell whether a file, relative to the root, may decide how a gate is run."""
    parts = PurePosixPath(path).parts
    return parts[0] in PIPELINES or parts[-1] in SETTINGS


def pipeline_loosenings(path: str, old: str | None, new: str | None) -> Iterator[Loosening]:
    """Yield how a CI file got weaker.

    Args:
        path: Relative to the root of the repository.
        old: Its text at the merge base, None if it was not there.
        new: Its text now, None if it is gone.
    """
    if PurePosixPath(path).name == CONFTEST:
        yield from _hook_loosenings(path, old or "", new or "")
        yield from check_loosenings(path, old or "", new or "")
    if old is None or not RUNS_AMN.search(old):
        if new is not None and PurePosixPath(path).name in SETTINGS:
            yield from _settings_loosenings(path, old or "", new)
        return
    if new is None:
        yield Loosening("removed a CI file of the gate", path, "there", "gone")
        return
    before, after = _lines(old), _lines(new)
    added, removed = after - before, before - after
    for pattern, what in ADDED:
        if found := next((line for line in added if pattern.search(line)), None):
            yield Loosening(what, path, "", found)
    for pattern, what in REMOVED:
        if _count(pattern, after) < _count(pattern, before):
            found = next(line for line in removed if pattern.search(line))
            yield Loosening(what, path, found, "")


def _settings_loosenings(path: str, old: str, new: str) -> Iterator[Loosening]:
    """Yield how settings of pytest take something out of the gate that they did not name before."""
    for line in _lines(new) - _lines(old):
        if IN_SETTINGS.search(line):
            what = next((what for pattern, what in ADDED if pattern.search(line)), "")
            if what:
                yield Loosening(what, path, "", line)


def _hook_loosenings(path: str, old: str, new: str) -> Iterator[Loosening]:
    """Yield the first hook that was added or changed and can hide a failure from pytest."""
    before = set(_statements(old))
    for statement in _statements(new):
        if statement not in before and (hook := HOOKS.search(statement)):
            yield Loosening("added or changed a hook that can hide a failure", path, "", hook[0])
            return


def _statements(text: str) -> list[str]:
    """Return the top-level statements, without comments and layout; what is no Python is one."""
    try:
        return [ast.unparse(statement) for statement in ast.parse(text).body]
    except (SyntaxError, ValueError):
        return [text]


def _lines(text: str) -> Counter[str]:
    """Return how often each line occurs: continued ones joined, without comments, indentation."""
    joined = re.sub(r"\\\r?\n\s*", " ", text)
    stripped = (re.sub(r"(^|\s)(#|//).*", "", line).strip() for line in joined.splitlines())
    return Counter(line for line in stripped if line)


def _count(pattern: re.Pattern[str], lines: Counter[str]) -> int:
    return sum(n for line, n in lines.items() if pattern.search(line))
