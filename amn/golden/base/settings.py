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
# Settings by their keys from the outside in, without the `tool` of pyproject.toml and setup.cfg.
# What pins versions: only those of what measures count.
PINNED = (
    ("project", "dependencies"), ("project", "optional-dependencies"), ("dependency-groups",),
    ("poetry", "dependencies"), ("poetry", "dev-dependencies"), ("poetry", "group"),
    ("pdm", "dev-dependencies"), ("uv", "dev-dependencies"), ("pixi", "dependencies"),
    ("pixi", "pypi-dependencies"), ("options", "install_requires"), ("options", "extras_require"),
    ("options", "tests_require"), ("options.extras_require",), ("build-system", "requires"),
    ("package",), ("packages",),
)  # fmt: skip
# What says commands and files, and what says modules: these are read as well.
RUNNING = (
    ("pytest",), ("tox",), ("hatch", "envs"), ("hatch", "build", "hooks"), ("poe",), ("pixi",),
    ("pdm", "scripts"), ("rye", "scripts"), ("taskipy",), ("build-system", "backend-path"),
    ("setuptools", "dynamic", "dependencies"),
)  # fmt: skip
MODULES = (
    ("build-system", "build-backend"), ("project", "entry-points", "pytest11"),
    ("options.entry_points", "pytest11"), ("poetry", "plugins", "pytest11"),
    ("coverage", "run", "plugins"), ("run", "plugins"),
)  # fmt: skip
ENTRIES = (
    "entry-points",
    "options.entry_points",
    "plugins",
)  # with groups, `amn.metrics` among them
# What runs nothing of the checkout in a gate. Any other table may.
NEUTRAL_TOOLS = frozenset({
    "autopep8", "bandit", "basedpyright", "bdist_wheel", "black", "bumpversion", "codespell",
    "commitizen", "deptry", "egg_info", "flake8", "git", "importlinter", "interrogate", "isort",
    "metadata", "mypy", "pycodestyle", "pydocstyle", "pylint", "pyright", "ruff",
    "semantic_release", "towncrier", "vulture", "yapf",
})  # fmt: skip
ABOUT = frozenset({
    "authors", "classifiers", "description", "documentation", "homepage", "keywords", "license",
    "license-files", "maintainers", "name", "readme", "repository", "urls", "version",
})  # fmt: skip
OF_COVERAGE = {"run", "report", "html", "xml", "json", "lcov", "paths"}
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
    r"|timeout|verbosity_\w+|strict\w*"
)
# action:message:category:module:line. A category with a dot is imported from where it is.
QUIET_WARNING = re.compile(r"[^:]*(:(\\:|[^:])*(:(\w*|(numpy|pytest|torch)(\.\w+)+)(:.*)?)?)?")
QUIET_WORDS = re.compile(
    r"-r\w+|-v+|-q+|-l|-s|--(strict-markers|strict-config|strict|showlocals|verbose|quiet)"
    r"|--(tb|durations|color|cov|cov-report|cov-branch|capture|code-highlight|junitxml)(=\S+)?"
    r"|--ignore=(?!\.?/?$)(?!.*(\.\.|[*?\[]))(?!/)(?!.*\bgolden\b)[\w./-]+|\s*"
)


def _settings(path: str, text: str) -> Iterator[Line]:
    """Yield the settings that decide what runs, and the versions of what measures."""
    for line in value_lines(settings_values(path, text) if text else {}):
        keys = _keys(path, line)
        if _begins(keys, PINNED):
            yield from _measuring(line)
        elif not (_is_quiet(line) if keys[0] == "pytest" else _is_neutral(keys)):
            yield line


def _keys(path: str, line: Line) -> tuple[str, ...]:
    """Return where a setting stands: `pytest.addopts` in each of the files that may have it."""
    sections = line.keys[0].split(":") if not path.endswith(".toml") else line.keys[:1]
    keys = (*sections, *line.keys[1:])
    if keys[0] == "tool":
        keys = keys[1:]
    if "pytest" in PurePosixPath(path).name and keys[0] != "pytest":
        return ("pytest", *keys)
    if keys[:2] == ("pytest", "ini_options"):
        return ("pytest", *keys[2:])
    return ("tox", *keys) if keys[0] in ("tox", "testenv") else keys


def _begins(keys: tuple[str, ...], parts: Iterable[tuple[str, ...]]) -> bool:
    return any(keys[: len(part)] == part for part in parts)


def _is_neutral(keys: tuple[str, ...]) -> bool:
    """Tell whether a setting is of a table that runs nothing in a gate."""
    if keys[0] in ("project", "poetry"):
        return keys[1] in ABOUT
    if keys[0] == "coverage":
        keys = keys[1:]
    if keys[0] in OF_COVERAGE:
        return not _begins(keys, MODULES)
    return re.split(r"\W", keys[0])[0] in NEUTRAL_TOOLS


def running(path: str, text: str) -> str:
    """Return what settings say that names code: commands, plugins, entry points, other files."""
    found = []
    for line in or_none(lambda text: _settings(path, text), text):
        keys = _keys(path, line)
        is_ours = any(key in ENTRIES for key in keys) and any(k.startswith("amn.") for k in keys)
        if is_ours or _begins(keys, MODULES):
            found += [f"-m {one.rpartition('=')[2]}" for one in line.value.splitlines()]
        elif keys[:2] == ("pytest", "filterwarnings"):
            filters = (one.split(":") for one in line.value.splitlines())
            found += [f"-m {category}" for parts in filters for category in parts[2:3]]
        elif _begins(keys, RUNNING):
            found.append(line.value)
    return "\n".join(found)


def takes_pytest(path: str, text: str | None) -> bool:
    """Tell whether pytest takes a file as its settings: the first of them is all that it reads."""
    name = PurePosixPath(path).name
    if text is None or "pytest" in name:
        return text is not None
    return "pytest" in {_keys(path, line)[0] for line in _parsed(path, text)}


def says_to_pytest(path: str, text: str | None) -> bool:
    """Tell whether a file has settings of pytest that a check depends on."""
    lines = (line for line in _parsed(path, text or "") if _keys(path, line)[0] == "pytest")
    return any(not _is_quiet(line) for line in lines)


def _parsed(path: str, text: str) -> list[Line]:
    return or_none(lambda text: value_lines(settings_values(path, text) if text else {}), text)


def _is_quiet(line: Line) -> bool:
    """Tell whether a setting of pytest is one that no check depends on."""
    key = next((key for key in reversed(line.keys) if key != ITEM), "")
    if key == "addopts":
        return all(QUIET_WORDS.fullmatch(word) for word in line.value.split())
    if key == "filterwarnings":
        return all(QUIET_WARNING.fullmatch(one.strip()) for one in line.value.splitlines())
    return bool(QUIET_KEYS.fullmatch(key))


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
