"""What runs the gate, compared as a whole: workflows, settings, conftest.py, pinned versions.

Any change to it is named with its difference. Tricks that are known have names of their own; the
rest is "changed how the gate is run", unless it belongs to the few kinds that are neutral: comments
and layout, a job that the verdict does not need, a dependency that measures nothing.
"""

from __future__ import annotations

import fnmatch
import re
import sys
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import distribution, packages_distributions
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from amn.golden.base import modules
from amn.golden.base.own import check_loosenings
from amn.golden.base.reach import SOURCES, Tracked, spoken
from amn.golden.base.readings import differences, or_none, text_lines, words, yaml_lines
from amn.golden.base.settings import (
    ATTRIBUTES,
    LOCK,
    READERS,
    YAML,
    running,
    says_to_pytest,
    takes_pytest,
)
from amn.golden.base.tricks import ADDED, CHANGED, JUDGES, RUNS_AMN, named, tricks
from amn.golden.store import KEPT
from amn.storage import as_committed, found_file, parse_json
from amn.system import CACHE_FOLDER, CASE_FILE, CONFTEST, GOLDEN_FOLDER
from amn.verdict import Loosening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from amn.git import Repository
    from amn.golden.base.readings import Line

# Where pipelines, and the scripts that they run `amn` with, are kept; beside these, whatever is
# hidden at the root (`.buildkite/`, `.travis.yml`), and YAML there (`buildspec.yml`).
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
ACTIONS = (".github", ".gitea", ".forgejo")  # workflows of one form
UNREAD = (CACHE_FOLDER.parts[0], ".gitignore", ".gitmodules")
COMPILED = (".pyc", ".pyo", ".so", ".pyd")  # of a module: Python takes it before the text beside it
PROSE = (".md", ".rst", ".txt", ".json")
WRITTEN = (*YAML, ".json", ".toml", ".ini", ".cfg", ".txt")  # no programs, but what they read
OF_CASE = (".npy", ".parquet", ".faiss", ".json", ".csv")
GITLAB = ".gitlab-ci.yml"
# What GitLab reads at the top of a file that is no job.
GITLAB_GLOBAL = {
    "default", "include", "stages", "variables", "workflow", "image", "services", "cache",
    "before_script", "after_script", "spec",
}  # fmt: skip
# Files that pytest reads whether or not they name amn: a new one can take the gate out of it.
SETTINGS = (
    "pyproject.toml", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini",
    "setup.cfg", ".coveragerc", CONFTEST,
)  # fmt: skip
WORKFLOWS = ("github", "gitlab", "yaml", "script")  # kinds of files that run commands
TAKEN = "gave another job the name of one of the gate"
# What lets a job speak for others: set the status that a branch requires, or move what is compared.
SPEAKS = re.compile(r"permissions.*(\b(statuses|checks|contents|actions): write|write-all)")


@dataclass(frozen=True)
class Running:
    """Files that decide how the gate is run, at the merge base and now.

    Args:
        repository: The checkout.
        commit: The merge base.
    """

    repository: Repository
    commit: str
    _texts: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    _named_by: dict[str, set[str]] = field(default_factory=dict)
    _reached_by: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def compare(self) -> tuple[list[Loosening], list[str]]:
        """Return what was loosened, and the files that changed in nothing that counts."""
        loosened: list[Loosening] = []
        neutral: list[str] = []
        changed = self.repository.changed(
            self.commit, lambda name: name in self._fixed or not _is_of_case(name)
        )
        wanted = self.files if changed else {}  # to follow what names what takes a second
        for path in filter(wanted.__contains__, changed):
            found = list(self._of_file(path, wanted[path]))
            loosened += found
            neutral += [] if found else [path]
        return loosened + list(self._brought()), neutral

    @property
    def files(self) -> dict[str, str]:
        """The files, by path, with how each is read."""
        return {**self._fixed, **self._named}

    @cached_property
    def _files(self) -> tuple[str, ...]:
        return self.repository.files(self.commit)

    def texts(self, path: str) -> tuple[str | None, str | None]:
        """Return a file at the merge base and now; None where it is not there."""
        self._keep_texts([path])
        return self._texts[path]

    def _keep_texts(self, paths: Iterable[str]) -> None:
        """Read files, those of the merge base with one question to git."""
        new = [path for path in paths if path not in self._texts]
        for path, old in self.repository.read(self.commit, new).items():
            self._texts[path] = (_text(old), _read(self.repository.root / path))

    @cached_property
    def _tracked(self) -> Tracked:
        """What a text may name: cases and their data are compared as what they are."""
        files = (path for path in self._files if not _is_of_case(path))
        return Tracked(files, self.repository.submodules(self.commit))

    def _reached(self, path: str, text: str) -> set[str]:
        """Return the files that a text names, and that those name, round every corner."""
        if (path, text) not in self._reached_by:
            self._reached_by[path, text] = self._closed(self._tracked.named_in(path, text))
        return self._reached_by[path, text] - {path}

    def _closed(self, names: set[str]) -> set[str]:
        """Return files with all that they name, round every corner."""
        found, latest = set[str](), names
        while latest:
            found |= latest
            self._keep_texts(sorted(latest))
            latest = set[str]().union(*map(self._names, latest)) - found
        return found

    def _names(self, path: str) -> set[str]:
        """Return the files that a file names, at the merge base or now."""
        if path not in self._named_by:
            kind, found = self._fixed.get(path, ""), set[str]()
            for text in filter(None, dict.fromkeys(self.texts(path))):
                said = running(path, text) if kind == "settings" else spoken(path, text)
                found |= self._tracked.named_in(path, said)
                if path.endswith(".py") and RUNS_AMN.search(text):
                    found |= self._tracked.imported_by(path, text)
            self._named_by[path] = found
        return self._named_by[path]

    def _runs(self, path: str, text: str) -> bool:
        """Tell whether a text runs the gate, itself or by a file that it names."""
        return bool(RUNS_AMN.search(text)) or any(map(self._speaks, self._reached(path, text)))

    def _speaks(self, path: str) -> bool:
        """Tell whether a file that a job names runs the gate."""
        if self._fixed.get(path) in ("conftest", "lock"):
            return False
        is_settings = self._fixed.get(path) == "settings"
        read = running if is_settings else spoken
        runs = JUDGES if is_settings or PurePosixPath(path).suffix in WRITTEN else RUNS_AMN
        return any(runs.search(read(path, text)) for text in self.texts(path) if text)

    def _imported_by(self, files: Iterable[str]) -> set[str]:
        """Return the tracked modules that files import, and that those import."""
        found, latest = set[str](), {*files}
        first = latest
        while latest:
            self._keep_texts(sorted(latest))
            said = ((path, text) for path in latest for text in dict.fromkeys(self.texts(path)))
            named = (self._tracked.imported_by(path, text or "") for path, text in said)
            latest = set[str]().union(*named) - found
            found |= latest
        return found - first

    @cached_property
    def _fixed(self) -> dict[str, str]:
        """Files that are read by their name -> kind."""
        found = {path: kind for path in self._files if (kind := self._kind(path))}
        for path in list(found):
            if path == GITLAB:
                found |= dict.fromkeys(self._included(path, set()), "gitlab")
        return found

    def _kind(self, path: str) -> str:  # noqa: PLR0911 - a line a kind
        """Return how a file is read; empty where it runs nothing by its name alone."""
        pure, root = PurePosixPath(path), self.repository.root
        name, parts = pure.name, pure.parts
        if name == CONFTEST and is_read(root / path, root):
            return "conftest"
        if name in SETTINGS and is_read(root / path, root):
            return "settings"
        if name == ATTRIBUTES:
            return "attributes"
        is_near = len(parts) == 1 or parts[0] in PIPELINES or self._beside(pure)
        if LOCK.fullmatch(name) and is_near:
            return "lock"
        if parts[0] in ACTIONS and parts[1:2] == ("workflows",) and pure.suffix in YAML:
            return "github"
        if parts[0] in (GITLAB, ".gitlab") and pure.suffix in YAML:
            return "gitlab"
        is_hidden = parts[0].startswith(".") and parts[0] not in UNREAD
        is_pipeline = (
            parts[0] in PIPELINES or is_hidden or (len(parts) == 1 and pure.suffix in YAML)
        )
        if not is_pipeline or pure.suffix in PROSE:
            return ""
        return "yaml" if pure.suffix in YAML else "script"

    def _beside(self, path: PurePosixPath) -> bool:
        return (self.repository.root / path.parent / GOLDEN_FOLDER).is_dir()

    def _included(self, path: str, seen: set[str]) -> set[str]:
        """Return the local files that a pipeline of GitLab includes, and that they include."""
        for text in self.texts(path):
            for line in or_none(yaml_lines, text or ""):
                if line.keys[:1] != ("include",):
                    continue
                pattern = line.value.strip('"').lstrip("/")
                for name in {*fnmatch.filter(self._files, pattern)} - seen:
                    seen.add(name)
                    self._included(name, seen)
        return seen

    @cached_property
    def _named(self) -> dict[str, str]:
        """Files that the gate reaches: its jobs, settings and pinned versions name them."""
        by_kind = {path for path, kind in self._fixed.items() if kind not in ("yaml", "script")}
        self._keep_texts([path for path, kind in self._fixed.items() if kind != "attributes"])
        reached, plugins = set[str](), set[str]()
        for path, kind in self._fixed.items():
            for text in filter(None, self.texts(path)) if kind in WORKFLOWS else ():
                said = words(self._relevant(path, kind, text) or [])
                reached |= self._reached(path, said) if self._runs(path, said) else set()
            reached |= self._closed(self._names(path)) if kind in ("settings", "lock") else set()
            plugins |= self._names(path) if kind == "settings" else set()
        reached |= self._imported_by(path for path in plugins if path.endswith(".py"))
        kinds = {path: "python" if path.endswith(".py") else "named" for path in reached - by_kind}
        conftests = [path for path, kind in self._fixed.items() if kind == "conftest"]
        changed = self.repository.changed(
            self.commit, lambda name: name.endswith((".py", *COMPILED))
        )
        for name in self._imported_by(conftests) if changed else ():
            kinds.setdefault(name, "python")
        return kinds

    def _relevant(self, path: str, kind: str, text: str | None) -> Sequence[Line] | None:
        """Return what a pipeline says that the verdict needs; None where it cannot be read."""
        if text is None:
            return []
        if kind == "script":
            return text_lines(text, ("#", "//"))
        try:
            lines = yaml_lines(text)
        except ValueError:
            return None
        if kind == "yaml":
            return lines
        return _needed(lines, kind, lambda said: self._runs(path, said))

    def _of_file(self, path: str, kind: str) -> Iterator[Loosening]:
        """Yield how one file that changed was loosened."""
        old, new = self.texts(path)
        if old is None and new is None:
            yield Loosening(CHANGED, path, "", "no text: a submodule, a link that leads nowhere")
            return
        if kind == "conftest":
            yield from check_loosenings(path, old or "", new or "")
            yield from modules.conftest_loosenings(path, old or "", new or "", ADDED, CHANGED)
            return
        if kind in ("github", "gitlab"):
            yield from self._of_pipeline(path, kind, old, new)
            return
        if kind in ("script", "yaml") and not self._runs(path, old or ""):
            return
        if kind in ("script", "yaml", "named") and new is None:
            yield Loosening("removed a CI file of the gate", path, "there", "gone")
            return
        read = READERS[kind]
        try:
            before, after = (list(read(path, text or "")) for text in (old, new))
        except (ValueError, TypeError, AttributeError) as error:
            yield Loosening(CHANGED, path, "", f"cannot be compared: {error}"[:200])
            return
        found = list(named(path, before, after))
        if kind == "settings" and not found and self._hides(path, old, new):
            shown = [
                "settings of pytest" if takes_pytest(path, text) else "none" for text in (old, new)
            ]
            found = [Loosening(CHANGED, path, *shown)]
        yield from found

    def _hides(self, path: str, old: str | None, new: str | None) -> bool:
        """Tell whether a file takes the place of what else pytest is told, or gives it back.

        Of all such files, pytest reads the first, the nearest to golden/.
        """
        if takes_pytest(path, old) == takes_pytest(path, new):
            return False
        others = (one for one, kind in self._fixed.items() if kind == "settings" and one != path)
        is_said = any(says_to_pytest(one, text) for one in others for text in self.texts(one))
        return is_said or GOLDEN_FOLDER.name in PurePosixPath(path).parts

    def _of_pipeline(
        self, path: str, kind: str, old: str | None, new: str | None
    ) -> Iterator[Loosening]:
        before, after = self._relevant(path, kind, old), self._relevant(path, kind, new)
        if before is None or after is None:
            if RUNS_AMN.search(old or "") or self._is_gated:
                other = Loosening(CHANGED, path, "", "cannot be read as YAML")
                yield from list(tricks(path, old or "", new or "")) or [other]
        elif before and new is None:
            yield Loosening("removed a CI file of the gate", path, "there", "gone")
        elif before:
            yield from named(path, before, after)
            yield from self._speaking(path, kind, old, new)
        else:
            for name in sorted(_names(after) & self._names_elsewhere(path)):
                yield Loosening(TAKEN, path, "", name)
            yield from self._speaking(path, kind, old, new)

    def _speaking(
        self, path: str, kind: str, old: str | None, new: str | None
    ) -> Iterator[Loosening]:
        """Yield what lets a job that the verdict does not need speak for one that it does."""
        if kind != "github" or not self._is_gated:
            return
        before, after = (or_none(yaml_lines, text or "") for text in (old, new))
        for difference in differences(before, after):
            line = difference.new
            if line and SPEAKS.search(f"{' '.join(line.keys[:-1])} {line.text}"):
                yield Loosening("let a job write for others", f"{path} {line.where}", "", line.text)
        names = self._names_elsewhere("")
        others = _jobs(after) - _jobs(before) - _jobs(self._relevant(path, kind, new) or ())
        for job in sorted(others):
            shown = {line.value for line in after if line.keys == ("jobs", job, "name")} | {job}
            if taken := shown & names:
                yield Loosening(TAKEN, path, "", min(taken))

    @cached_property
    def _is_gated(self) -> bool:
        """Whether a pipeline of the merge base runs the gate."""
        return bool(self._names_elsewhere(""))

    def _names_elsewhere(self, path: str) -> set[str]:
        """Return the names of the gate's jobs at the merge base, in other files."""
        found: set[str] = set()
        for other, kind in self._fixed.items():
            if other != path and kind in WORKFLOWS:
                lines = self._relevant(other, kind, self.texts(other)[0]) or []
                if self._runs(other, words(lines)):
                    found |= _names(lines) or {other}
        return found

    def _brought(self) -> Iterator[Loosening]:
        """Yield files that are new and that Python runs, or takes for a package, by themselves."""
        before = self.repository.tree(self.commit)
        named = [path for path in (*self._named, *self._fixed) if path.endswith(".py")]
        places = {*SOURCES, *map(_folder, named)}
        new = [path for path in self._files if path not in before]
        tops = {top: path for path in reversed(new) for top in _tops(path, places)}
        known = {top for path in before for top in _tops(path, places)} if tops else set()
        others = {tops[top] for top in tops if top not in known and is_installed(top[1])}
        for path in self._files:
            if path in before and before[path] == self.repository.staged(path):
                continue
            pure = PurePosixPath(path)
            folder = _folder(path).removesuffix("__pycache__/")
            is_code = pure.suffix in COMPILED and (
                folder in places or GOLDEN_FOLDER.name in pure.parts
            )
            is_path = pure.suffix == ".pth" or pure.stem in ("sitecustomize", "usercustomize")
            if path in others or is_code or is_path or pure.name == "pyvenv.cfg":
                yield Loosening(CHANGED, path, "", "run by Python itself, or in place of a package")
        cache = CACHE_FOLDER.parts
        for path in ("/".join(cache[:n]) for n in range(1, len(cache) + 1)):
            staged = self.repository.staged(path)
            if staged is not None and staged != before.get(path):
                yield Loosening("brought its own finished runs", path, "none", "a link")


BESIDE = ("test", "tests", "docs", "examples", "scripts", "benchmarks")  # installed by mistake


@cache
def is_installed(module: str) -> bool:
    """Tell whether a module is Python's, ours, or was installed from elsewhere than a folder.

    What else is installed from a folder is the checkout's own.
    """
    if module in BESIDE:
        return False
    if module in ("amn", "pip") or module in sys.stdlib_module_names:
        return True
    owners = [distribution(name) for name in packages_distributions().get(module, ())]
    return any("dir_info" not in parse_json(o.read_text("direct_url.json") or "{}") for o in owners)


def is_read(path: Path, root: Path) -> bool:
    """Tell whether a gate reads a file: settings at the root, beside golden/ or under it."""
    if path.parent == root:
        return True
    is_under = GOLDEN_FOLDER.name in path.relative_to(root).parts
    return is_under or (path.parent / GOLDEN_FOLDER).is_dir()


def _is_of_case(path: str) -> bool:
    """Tell whether a file is of a case or of its data, which have comparisons of their own."""
    pure = PurePosixPath(path)
    is_kept = pure.suffix in OF_CASE or pure.name in (CASE_FILE, *KEPT)
    return is_kept and GOLDEN_FOLDER.name in pure.parts


def _jobs(lines: Iterable[Line]) -> set[str]:
    return {line.keys[1] for line in lines if line.keys[:1] == ("jobs",) and len(line.keys) > 1}


def _names(lines: Iterable[Line]) -> set[str]:
    """Return the ids and names of the jobs that lines belong to."""
    found = set()
    for line in lines:
        if line.keys[:1] == ("jobs",) and len(line.keys) > 1:
            found.add(line.keys[1])
            if line.keys[2:] == ("name",):
                found.add(line.value)
        elif line.keys and line.keys[0] not in ("on", "env", "permissions", "name", "defaults"):
            found.add(line.keys[0])
    return found - GITLAB_GLOBAL - {"concurrency", "run-name"}


def _needed(lines: Sequence[Line], kind: str, runs: Callable[[str], bool]) -> list[Line]:
    """Return what a pipeline says without the jobs that the verdict does not need.

    Nothing where no job of it runs the gate. GitHub keeps jobs under `jobs`, GitLab at the top.

    Args:
        runs: Tells whether a text runs the gate.
    """
    depth = 2 if kind == "github" else 1

    def job_of(line: Line) -> str | None:
        if kind == "github":
            return line.keys[1] if line.keys[:1] == ("jobs",) and len(line.keys) > 1 else None
        return line.keys[0] if line.keys and line.keys[0] not in GITLAB_GLOBAL else None

    jobs: dict[str, list[Line]] = {}
    for line in lines:
        if (job := job_of(line)) is not None:
            jobs.setdefault(job, []).append(line)
    shared = [line for line in lines if job_of(line) is None]
    queue = [name for name, own in jobs.items() if runs(words(own))]
    needed: set[str] = set()
    while queue:
        name = queue.pop()
        if name in needed:
            continue
        needed.add(name)
        for line in jobs[name]:
            is_link = {"needs", "extends", "dependencies", "!reference"} & set(line.keys[depth:])
            queue += [line.value] if is_link and line.value in jobs else []
    if not needed and not runs(words(shared)):
        return []
    return [line for line in lines if (job := job_of(line)) is None or job in needed]


def _folder(path: str) -> str:
    """Return the folder of a file, with a `/` at its end; empty of the root."""
    folder, slash, _ = path.rpartition("/")
    return folder + slash


def _tops(path: str, places: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the modules or packages that a file is of, each with the folder that they are in."""
    for place in places if path.endswith((".py", *COMPILED)) else ():
        if path.startswith(place):
            yield place, re.split(r"[./]", path[len(place) :], maxsplit=1)[0]


def _text(content: bytes | None) -> str | None:
    return None if content is None else as_committed(content).decode(errors="replace")


def _read(path: Path) -> str | None:
    return _text(found_file(path))
