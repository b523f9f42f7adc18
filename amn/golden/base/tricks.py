"""Known ways to make a gate weaker, by what they add to a file or take from it, and their names.

What no pattern knows is "changed how the gate is run": the patterns say what, never whether.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from amn.golden.base.readings import differences, script_lines, words
from amn.golden.base.target import CI_VARIABLES
from amn.system import GOLDEN_FOLDER
from amn.verdict import Loosening

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.golden.base.readings import Difference, Line

CHANGED = "changed how the gate is run"
CONDITIONAL = "made a job conditional"
SHOWN = 6  # differences of one file that are listed; more are counted

RUNS_AMN = re.compile(r"\bamn\b|pytest\b.*\bgolden\b|pytest\b(?!.*[\s/]tests?\b)|\bci/run(\.sh)?\b")
JUDGES = re.compile(
    r"\bamn\s+(gate|check|selftest|golden\s+verify|ci\s+require)\b|pytest\b.*\bgolden\b|\bci/run(\.sh)?\b"
)
VARIABLES = "|".join(CI_VARIABLES)
LEFT_OUT = "--ignore|--deselect|collect_ignore|norecursedirs"
# What was added says, and what that does to the gate.
ADDED = (
    (re.compile(r"continue-on-error\s*:\s*(?!\"?false\b)\S"), "set continue-on-error"),
    (re.compile(r"allow_failure\s*:\s*(?!\"?false\b)"), "set allow_failure"),
    (re.compile(r"(amn|pytest|ci/run)\b.*\|\|\s*(true|exit\s+0|echo)\b"), "ignored an exit code"),
    (re.compile(r"(amn|pytest|ci/run)\b.*\|\|\s*:\s*(['\"]|$)"), "ignored an exit code"),
    (re.compile(r"(amn|pytest|ci/run)\b.*[^|]\|\s*\w"), "ignored an exit code"),
    (re.compile(r"\bset\s+\+e\b"), "ignored an exit code"),
    (re.compile(r"\b(catchError|warnError)\b"), "ignored an exit code"),
    (re.compile(r"returnStatus\s*:\s*true"), "ignored an exit code"),
    (re.compile(r"^(-\s+)?if\s*:(?!.*(always|!\s*cancelled)\s*\()"), "made a step conditional"),
    (re.compile(r"^when\s*\{|^when\s*:\s*manual"), "made a step conditional"),
    (re.compile(r"^(paths-ignore|only|except|changes|branches-ignore)\s*:"), CONDITIONAL),
    (re.compile(r"--(amn-)?first-run\b"), "judged without a golden (--first-run)"),
    (re.compile(r"--allow-same\b"), "allowed the golden's own file (--allow-same)"),
    (re.compile(r"--(amn-)?approve-loosening(\s|=)*\S*"), "approved its own loosening"),
    (re.compile(r"-p\s*['\"]?\s*,?\s*['\"]?no:amn\b"), "switched off the pytest plugin"),
    (re.compile(r"--(amn-)?target\b\S*"), "named the branch to compare with"),
    (re.compile(rf"\b({VARIABLES})\b['\"]?\s*(=|:)(?!=)"), "named the branch to compare with"),
    (re.compile(rf"({LEFT_OUT}).*\b{GOLDEN_FOLDER}\b"), "left golden/ out of pytest"),
)  # fmt: skip
OF_EVENTS = re.compile(r"^(paths)\s*:")  # of what starts a workflow, and of nothing else
# What was taken away said.
REMOVED = (
    (JUDGES, "removed a step of the gate"),
    (re.compile(r"--(amn-)?strict\b"), "removed --strict"),
    (re.compile(r"fetch-depth\s*:\s*0\b|GIT_DEPTH\s*:\s*['\"]?0\b"), "removed the whole history"),
)


def tricks(path: str, old: str, new: str) -> Iterator[Loosening]:
    """Yield the known ways in which a CI file is weaker than another, line by line."""
    before, after = (Counter(script_lines(text, ("#", "//"))) for text in (old, new))
    added, removed = after - before, before - after
    for pattern, what in (*ADDED, (OF_EVENTS, CONDITIONAL)):
        if found := next((line for line in added if pattern.search(line)), None):
            yield Loosening(what, path, "", found)
    for pattern, what in REMOVED:
        if _count(pattern, after) < _count(pattern, before):
            found = next(line for line in removed if pattern.search(line))
            yield Loosening(what, path, found, "")


def named(path: str, old: Sequence[Line], new: Sequence[Line]) -> Iterator[Loosening]:
    """Yield every difference by its name, each trick once, the rest up to a number."""
    said, rest, before, after = set[str](), 0, words(old), words(new)
    for one in differences(old, new):
        what = _what(one, before, after)
        if what == CHANGED:
            rest += 1
        if what in said or rest > SHOWN:
            continue
        said |= {what} - {CHANGED}
        where = f"{path} {one.where}".strip()
        was, now = (line.value if line else "" for line in (one.old, one.new))
        if was == now:
            was, now = "in one order", "in another"
        yield Loosening(what, where, was, now)
    if rest > SHOWN:
        yield Loosening(CHANGED, path, "", f"{rest - SHOWN} differences more")


def _what(one: Difference, before: str, after: str) -> str:
    """Return what a difference does to the gate."""
    old, new = (line.text if line else "" for line in (one.old, one.new))
    is_order = one.old is not None and one.old == one.new
    if one.new is not None and not is_order:
        for pattern, what in ADDED:
            found = pattern.search(new)
            if found and found[0] not in old:
                return what
        if OF_EVENTS.search(new) and one.new.keys[:1] == ("on",):
            return CONDITIONAL
    for pattern, what in REMOVED if one.old is not None else ():
        is_fewer = len(pattern.findall(after)) < len(pattern.findall(before))
        if is_fewer and pattern.search(old) and not pattern.search(new):
            return what
    return CHANGED


def _count(pattern: re.Pattern[str], lines: Counter[str]) -> int:
    return sum(n for line, n in lines.items() if pattern.search(line))
