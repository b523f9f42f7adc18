"""Settings, pinned versions and attributes: the part of each file that decides what the gate does.

A reader yields that part and nothing else, so that what is neutral makes no difference.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from amn.golden.base.readings import (
    ITEM,
    Line,
    or_none,
    python_lines,
    script_lines,
    settings_values,
    text_lines,
    value_lines,
    yaml_lines,
)
from amn.storage import parse_json, parse_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

YAML = (".yml", ".yaml")
# Of settings the parts that decide what runs, by their keys from the outside in.
RUNNING = (
    ("pytest",), ("tool:pytest",), ("tool", "pytest"), ("testenv",), ("tox",), ("tool", "tox"),
    ("tool", "uv"), ("tool", "hatch", "envs"), ("tool", "poe"), ("tool", "poetry", "source"),
    ("tool", "poetry", "plugins"), ("project", "entry-points"), ("options.entry_points",),
)  # fmt: skip
PINNED = (
    ("project", "dependencies"), ("project", "optional-dependencies"), ("dependency-groups",),
    ("tool", "poetry", "dependencies"), ("tool", "poetry", "group"), ("options",), ("package",),
    ("packages",),
)  # fmt: skip
LOCK = re.compile(
    r"(requirements|constraints)[\w.-]*\.(txt|in)|[\w-]*\.lock|pylock[\w.]*\.toml"
    r"|environment\.ya?ml|conda-lock\.yml|Pipfile|uv\.toml|\.python-version"
)
# Packages whose versions move the numbers, or that run the checks.
MEASURES = re.compile(
    r"(torch|numpy|faiss([-_](cpu|gpu))?|pyarrow|scipy|safetensors|blake3|amn([-_]gate)?|pytest|pluggy|python)"
)
ATTRIBUTES = ".gitattributes"
# Attributes that change how a file is shown or how its lines end, and Git LFS: the bytes that are
# compared are the same ones.
HARMLESS = re.compile(
    r"-?(text|diff|merge|binary|linguist-[\w-]+|export-ignore|export-subst|lockable)(=(auto|lfs|union|\w+))?"
    r"|eol=(lf|crlf)|filter=lfs|[-!]filter"
)
# Settings of pytest that no check depends on.
QUIET_KEYS = re.compile(
    r"markers|log_\w+|console_output_style|junit_\w+|minversion|cache_dir|xfail_strict|asyncio_\w+"
    r"|filterwarnings|timeout|verbosity_\w+|strict\w*"
)
QUIET_WORDS = re.compile(
    r"-r\w+|-v+|-q+|-l|-s|--(strict-markers|strict-config|strict|showlocals|verbose|quiet)"
    r"|--(tb|durations|color|cov|cov-report|cov-branch|capture|code-highlight|junitxml)(=\S+)?"
    r"|--ignore=(?!\.?/?$)(?!.*(\.\.|[*?\[]))(?!/)(?!.*\bgolden\b)[\w./-]+|\s*"
)


def _settings(path: str, text: str) -> Iterator[Line]:
    """Yield the settings that decide what runs, and the versions of what measures."""
    for line in value_lines(settings_values(path, text) if text else {}):
        keys = line.keys
        is_running = any(keys[: len(part)] == part for part in RUNNING) or (
            keys[:1] == ("pytest",) or keys[0].startswith("testenv") or "pytest" in path
        )
        if is_running and not _is_quiet(line):
            yield line
        elif any(keys[: len(part)] == part for part in PINNED):
            yield from _measuring(line)


def _is_quiet(line: Line) -> bool:
    """Tell whether a setting of pytest is one that no check depends on."""
    key = next((key for key in reversed(line.keys) if key != ITEM), "")
    if key == "addopts":
        return all(QUIET_WORDS.fullmatch(word) for word in line.value.split())
    return bool(QUIET_KEYS.fullmatch(key)) and not line.keys[0].startswith(("tox", "testenv"))


def _measuring(line: Line) -> Iterator[Line]:
    """Yield a requirement of something that measures, or that names another source."""
    for one in line.value.splitlines():
        text = f"{line.keys[-1]} {one}" if line.keys[-1] != ITEM else one
        if (
            any(MEASURES.fullmatch(word) for word in re.findall(r"[\w-]+", text.lower()))
            or "://" in text
        ):
            yield Line(line.keys, one.strip())


def _lock(path: str, text: str) -> Iterator[Line]:
    """Yield what pins the versions of what measures, and where packages come from."""
    name = PurePosixPath(path).name
    if name in ("uv.toml", ".python-version"):
        yield from text_lines(text)
    elif name.endswith(YAML):
        yield from (line for line in yaml_lines(text) if _is_of_measure(line))
    elif name.endswith((".lock", ".toml", "Pipfile")) and (values := or_none(_packages, text)):
        yield from values
    else:
        for line in script_lines(text):
            first = re.match(r"[\w-]+", line)
            is_measured = first and MEASURES.fullmatch(first[0].lower())
            is_option = line.startswith("-") and not line.startswith("--hash")
            if is_measured or is_option or "://" in line or " @ " in line or line[0] in "./":
                yield Line((), line)


def _is_of_measure(line: Line) -> bool:
    return next(_measuring(line), None) is not None or "channels" in line.keys


def _packages(text: str) -> Iterator[Line]:
    """Yield the entries of a lock file, TOML or JSON, that are about what measures."""
    values = parse_json(text) if text.lstrip().startswith("{") else parse_toml(text)
    listed = values.get("package", values.get("packages", []))
    for package in listed if isinstance(listed, list) else []:
        name = str(package.get("name", ""))
        if MEASURES.fullmatch(name.lower()):
            yield from value_lines(package, ("package", name))
    for line in value_lines({k: v for k, v in values.items() if k not in ("package", "packages")}):
        is_named = any(MEASURES.fullmatch(key.lower()) for key in line.keys)
        if is_named or "source" in line.keys or "://" in line.value:
            yield line


def _attributes(path: str, text: str) -> Iterator[Line]:
    """Yield the attributes that can make git read other bytes than were committed."""
    del path
    for line in script_lines(text):
        pattern, *attributes = line.split()
        for one in attributes:
            if not HARMLESS.fullmatch(one):
                yield Line((pattern,), one)


READERS: dict[str, Callable[[str, str], Iterable[Line]]] = {
    "settings": _settings,
    "lock": _lock,
    "attributes": _attributes,
    "script": lambda _, text: text_lines(text, ("#", "//")),
    "yaml": lambda _, text: yaml_lines(text),
    "named": lambda _, text: text_lines(text),
    "python": lambda _, text: python_lines(text),
}
