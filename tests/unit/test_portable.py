"""What Windows and macOS have otherwise is used where there is another way beside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "amn").rglob("*.py"))
# Modules that only Unix has, and functions of os, each with what is done elsewhere.
UNIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "posix", "syslog"}
UNIX_CALLS = {"fork", "getuid", "geteuid", "sched_getaffinity", "killpg", "setsid", "mkfifo",
              "uname", "getloadavg", "statvfs", "chown"}  # fmt: skip
FOLDERS = ("/proc/", "/dev/", "/sys/", "/tmp/")  # noqa: S108 - looked for
GUARDS = re.compile(
    r"hasattr\(os|sys\.platform|os\.name|suppress\(|except|is_file\(\)|exists\(\)|platform"
)


def nodes(path: Path, *words: str) -> list[ast.AST]:
    """Return the nodes of a module that has one of these words, none of another."""
    text = path.read_text("utf-8")
    return [*ast.walk(ast.parse(text))] if any(word in text for word in words) else []


def guarded(path: Path, line: int) -> bool:
    """Tell whether the function around a line asks first, or goes on without."""
    text = path.read_text("utf-8").splitlines()
    around = [
        node
        for node in nodes(path, "")
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    begin, end = (around[-1].lineno - 1, around[-1].end_lineno) if around else (line - 4, line + 4)
    return any(GUARDS.search(one) for one in text[max(begin, 0) : end])


def test_no_module_takes_what_only_unix_has_without_another_way() -> None:
    found = []
    for path in SOURCES:
        for node in nodes(path, *UNIX_MODULES, *(f"os.{name}" for name in UNIX_CALLS), *FOLDERS):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names if one.name in UNIX_MODULES]
            elif isinstance(node, ast.ImportFrom) and node.module in UNIX_MODULES:
                names = [node.module]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                is_unix = node.value.id == "os" and node.attr in UNIX_CALLS
                names = [f"os.{node.attr}"] * is_unix
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names = [node.value] * node.value.startswith(FOLDERS)
            line = getattr(node, "lineno", 0)
            found += [
                f"{path.relative_to(ROOT)}:{line} {n}" for n in names if not guarded(path, line)
            ]

    assert found == []


def test_every_text_is_read_and_written_in_utf8_with_ends_of_lines_of_its_own() -> None:
    # Python's default of Windows is another encoding, and turns \n into \r\n.
    found = []
    for path in SOURCES:
        for node in nodes(path, "read_text(", "write_text("):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name, given = node.func.attr, {keyword.arg for keyword in node.keywords}
            where = f"{path.relative_to(ROOT)}:{node.lineno} {name}"
            if name == "read_text" and not node.args and "encoding" not in given:
                found.append(where)
            if name == "write_text":  # write_bytes leaves the ends of lines alone
                found.append(where)

    assert found == []


@pytest.mark.parametrize("name", ["golden.json", "dataset.json", "run.json", "splits.json"])
def test_paths_in_files_that_travel_are_written_with_slashes(name: str) -> None:
    found = [path for path in ROOT.glob(f"golden/**/{name}") if "\\\\" in path.read_text("utf-8")]

    assert found == []


def test_no_relative_path_is_written_by_the_separator_of_this_machine() -> None:
    # str(path.relative_to(...)) has backslashes on Windows: as_posix() has not.
    pattern = re.compile(r"str\([^()]*relative_to\(")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]

    assert found == []
