"""Files of the checkout that a text reaches: by a path, as a module, as what a program reads.

A path is relative to the root, to the file that says it and the folders above, or to a folder that
is named beside it (`cd ci && ./gate.sh`). A program reads what has its name: `just` a justfile.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import defaultdict
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from amn.golden.base.modules import imports
from amn.golden.base.readings import script_lines
from amn.golden.base.settings import NEUTRAL_TOOLS, YAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORD = re.compile(r"[\w./-]+")
MODULE = re.compile(
    r"(?:(?<![\w-])-[mpA]|PYTEST_PLUGINS|-c\s*['\"]\s*(?:import|from)\b)[\s'\",=:]*([A-Za-z_][\w.]*)"
)
OURS = re.compile(r"(^|/)amn(/|\.py$)")  # what is imported is the one that is installed
SILENT = (".md", ".rst", ".lock")
SOURCES = ("", "src/")  # where a package may lie
OF_MODULE = (".py", "/__init__.py", "/__main__.py")
# Files of a program that have another name than it, as patterns of lower case.
RUNNERS = {
    "make": ("gnumakefile",), "docker": ("compose*.y*ml",), "invoke": ("tasks.py",),
    "inv": ("tasks.py",), "npm": ("package.json",), "nix": ("*.nix",), "earthly": ("earthfile",),
    "snakemake": ("snakefile",), "doit": ("dodo.py",), "cmake": ("cmakelists.txt",),
    "direnv": (".envrc",), "nox": ("noxfile.py",), "hatchling.build": ("hatch_build.py",),
}  # fmt: skip
# The rest of a file's name after that of the program that reads it: `justfile`, `.mise.toml`.
OF_PROGRAM = re.compile(r"(file|rc)|(file|rc)?([^a-z.].*)?\.(toml|ya?ml|json|ini|cfg|conf|mk|lock)")
# What builds and installs the checkout itself, and so runs its setup.py.
INSTALLS = re.compile(
    r"\binstall\b[^\n;&|]*\s['\"]?\.{1,2}(/[\w./-]*)?(\[[^\]\n]*\])?['\"]?\s*($|[;&|\n])"
    r"|\b(uv\s+(sync|run)|poetry|pdm|hatch|tox|nox|rye|pixi)\b|-m\s+build\b|\bsetup\.py\b",
    re.MULTILINE,
)


class Tracked:
    """The files of a checkout, to be found by what names them.

    Args:
        files: Paths relative to the root, with `/`.
        submodules: Those of them that are submodules: what is named inside one is that one.
    """

    def __init__(self, files: Iterable[str], submodules: Iterable[str] = ()) -> None:
        self._files, self._submodules = frozenset(files), tuple(submodules)

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        """Names of the files in every folder, by its path with a `/` at its end."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._files:
            folder, _, name = path.rpartition("/")
            found[f"{folder}/" if folder else ""].append(name)
            for above in PurePosixPath(folder).parents:
                found.setdefault("" if above == PurePosixPath() else f"{above}/", [])
        return found

    @cached_property
    def _ends(self) -> set[str]:
        """Last parts of the paths of all files and folders: a word with another names none."""
        return {"", ".", ".."}.union(map(_last, self._files), map(_last, self._folders))

    def named_in(self, path: str, text: str) -> set[str]:
        """Return the files that a text names.

        Args:
            path: Of the file that says it.
        """
        words = set(WORD.findall(text))
        around = [str(one) for one in PurePosixPath(path).parents]
        places = {"" if one == "." else f"{one}/" for one in (".", *around)}
        places |= {f"{one}/" for one in map(_plain, words)} & self._folders.keys()
        near = {word for word in words if self._submodules or _last(word) in self._ends}
        found = {one for word in near for one in self._at(word, places)}
        found |= set(self._of_modules(set(MODULE.findall(text)), {*places, *SOURCES}))
        for place in places:
            if not place.startswith("."):  # a workflow has the words of others in it
                found |= {place + name for name in self._read_by(words, place)}
        if INSTALLS.search(text):
            found |= {f"{place}setup.py" for place in places} & self._files
        return found - {path}

    def _at(self, word: str, places: Iterable[str]) -> Iterator[str]:
        """Yield the files that a word is the path of, and the action in a folder."""
        for place in places:
            name = posixpath.normpath(place + word.lstrip("/"))
            for one in (name, *(f"{name}/action{suffix}" for suffix in YAML)):
                if one in self._files:
                    yield one
            yield from (one for one in self._submodules if name.startswith(f"{one}/"))

    def _of_modules(self, names: Iterable[str], places: Iterable[str]) -> Iterator[str]:
        """Yield the files of modules, and of the packages that they are in."""
        for name in names:
            parts = name.split(".")
            for place in places:
                for n in range(1, len(parts) + 1):
                    at = place + "/".join(parts[:n])
                    ends = OF_MODULE if n == len(parts) else OF_MODULE[:2]
                    found = {f"{at}{end}" for end in ends} & self._files
                    yield from (one for one in found if not OURS.search(one))

    def imported_by(self, path: str, text: str) -> set[str]:
        """Return the files of the modules that Python imports, ours aside."""
        return {one for one in {*imports(path, text)} & self._files if not OURS.search(one)}

    def _read_by(self, words: Iterable[str], place: str) -> Iterator[str]:
        """Yield the names of files in a folder that programs read without being told."""
        programs = {word.lower() for word in words} - NEUTRAL_TOOLS
        patterns = [pattern for word in programs for pattern in RUNNERS.get(word, ())]
        for name in self._folders[place]:
            low = name.lower()
            own = low.removeprefix(".")
            ends = (n for n in range(2, len(own)) if own[:n] in programs)
            if any(OF_PROGRAM.fullmatch(own[n:]) for n in ends) or any(
                fnmatch.fnmatch(low, pattern) for pattern in patterns
            ):
                yield name


def spoken(path: str, text: str) -> str:
    """Return what a file says to what reads it: no comments, of a list of packages its options."""
    if path.endswith(SILENT) or "\0" in text:
        return ""
    lines = script_lines(text)
    return "\n".join(line for line in lines if not path.endswith(".txt") or line[0] in "-./")


def _last(path: str) -> str:
    """Return the last part of a path; of a folder with a `/` at its end its name."""
    return path.rstrip("/").rpartition("/")[2]


def _plain(word: str) -> str:
    return word.removeprefix("./").rstrip("/.")
