"""Inputs of a verdict, by digest: equal inputs of a case that is trained here, an equal verdict.

What is not among them, or cannot be told by a digest, is said: such a case is judged.
"""

from __future__ import annotations

import os
import platform
import re
from functools import cached_property
from importlib.metadata import distributions, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from amn.checks.own import imports_amn, places_of_conftest
from amn.data.elsewhere import NOTHING, fetched
from amn.data.manifest import read_manifest
from amn.errors import DISTRIBUTION
from amn.golden.base.modules import imports
from amn.golden.base.pipelines import Running
from amn.storage import as_committed, canonical_json, found_file, parse_json, sha256_file, sha256_of
from amn.system import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution, EntryPoints

    from amn.case.load import Case
    from amn.case.place import Source
    from amn.git import Repository

ENVIRONMENT = "environment"
HEAD = re.compile(r"^(Name|Version): *(.*?) *$", re.MULTILINE)  # of METADATA
BYTECODE = "__pycache__"  # what Python makes of files that are read themselves
PACKAGE = Path(__file__).parents[1]  # amn itself


class Inputs:
    """What the verdicts of cases rest on in a checkout; what they share is read once.

    Args:
        repository: The checkout.
        base: Its merge base: files that run the gate are looked for in both.
        of_environment: Whether packages and machine are part of it.
    """

    def __init__(self, repository: Repository, base: str, *, of_environment: bool = True) -> None:
        self._repository, self._base = repository, base
        self._of_environment = of_environment
        self._trees: dict[Path, str] = {}

    def why_not(self, case: Case) -> str:
        """Return why digests do not tell that a case's verdict is the same; empty where they do."""
        config = case.config
        if config.speed:
            return "its speed is measured each time"
        if config.model.command or config.model.factory:
            return "code of its own decides its result"
        if self._extensions:
            return f"an installed package adds to amn: {self._extensions[0]}"
        if self._in_place and any(map(imports_amn, self._conftests(case))):
            return f"its own checks may import {self._in_place[0]}, which is installed in place"
        blocker = case.blocker()
        return self.why_not(blocker) if blocker else ""

    def of(self, case: Case) -> dict[str, str]:
        """Return the digest of each input of a case's verdict, by name.

        Raises:
            AmnError, OSError: If something cannot be read.
        """
        blocker = case.blocker()
        others = {n: d for n, d in self.of(blocker).items() if n != ENVIRONMENT} if blocker else {}
        return {
            "case": self._case(case),
            "data": sha256_of(canonical_json([self._data(case, one) for one in case.sources])),
            "amn": self._amn,
            "run by": self._run_by(case),
            **({ENVIRONMENT: self._here(case)} if self._of_environment else {}),
            **({"blocked by": sha256_of(canonical_json(others))} if blocker else {}),
        }

    def _case(self, case: Case) -> str:
        """Digest of the files in the folder of a case, and of those that it names elsewhere."""
        config = case.config
        named = [one.file for one in (config.split.in_dist, config.split.ood) if one.file]
        named += [config.split.train.file] if config.split.train and config.split.train.file else []
        named += [config.training.init_from] if config.training.init_from else []
        paths = {name: case.folder / name for name in named}
        others = [[name, sha256_file(path)] for name, path in sorted(paths.items())]
        data = [case.folder_of(source) for source in case.sources]
        return sha256_of(canonical_json([*_tree(case.folder, data), *others]))

    def _data(self, case: Case, source: Source) -> list[str | None]:
        """Digest of a data set; of a store's the one that the case is held to."""
        if source.is_elsewhere:
            pins = case.config.dataset.index_sha256 if source is case.sources[0] else None
            return [source.place, source.sha256, pins]
        folder = case.folder_of(source).resolve()
        if folder not in self._trees:
            self._trees[folder] = sha256_of(canonical_json(list(_tree(folder))))
        return [source.place, self._trees[folder]]

    @cached_property
    def _amn(self) -> str:
        """Digest of amn itself."""
        files = list(_tree(PACKAGE))
        return sha256_of(canonical_json([__version__, files]))

    def _here(self, case: Case) -> str:
        """Digest of packages and machine, and of the encoders that it has of the case's data."""
        encoders = [_has_encoder(case, source) for source in case.sources]
        return sha256_of(canonical_json([*self._environment, *encoders]))

    @cached_property
    def _environment(self) -> list[str]:
        """Installed packages, by name and version, Python and the system."""
        packages = sorted({_name_and_version(one) for one in distributions()})
        return [platform.python_version(), platform.system(), platform.machine(), *packages]

    @cached_property
    def _extensions(self) -> list[str]:
        """Packages that add reports, metrics or others to amn by an entry point."""
        every = cast("EntryPoints", entry_points())
        groups = [group for group in every.groups if group.startswith("amn.")]
        points = [point for group in groups for point in every.select(group=group)]
        return sorted({point.dist.name if point.dist else point.value for point in points})

    @cached_property
    def _in_place(self) -> list[str]:
        """Packages whose code is a folder that somebody edits, so that no version tells it."""
        found = []
        for one in distributions():
            url = one.read_text("direct_url.json")
            if (
                url
                and parse_json(url).get("dir_info", {}).get("editable")
                and one.name != DISTRIBUTION
            ):
                found.append(one.name)
        return sorted(found)

    @cached_property
    def _running(self) -> dict[str, str]:
        """Digest of each file that decides how the gate is run, by its path."""
        return self._digests(Running(self._repository, self._base).files)

    def _run_by(self, case: Case) -> str:
        """Digest of what runs the gate: pipelines, settings, pinned versions, own checks."""
        root = self._repository.root
        own = [path.resolve().relative_to(root).as_posix() for path in self._conftests(case)]
        return sha256_of(canonical_json({**self._running, **self._digests(self._imported(own))}))

    def _imported(self, names: Iterable[str]) -> set[str]:
        """Return files and the modules that they import, round every corner, tracked or not."""
        found, queue = set[str](), list(names)
        while queue:
            name = queue.pop()
            if name not in found and (self._repository.root / name).is_file():
                found.add(name)
                content = found_file(self._repository.root / name) or b""
                queue += imports(name, content.decode(errors="replace"))
        return found

    def _conftests(self, case: Case) -> list[Path]:
        return [path for path in places_of_conftest(case.folder.resolve()) if path.is_file()]

    def _digests(self, names: Iterable[str]) -> dict[str, str]:
        found = {name: found_file(self._repository.root / name) for name in names}
        return {name: sha256_of(as_committed(text)) for name, text in found.items() if text}


def _name_and_version(package: Distribution) -> str:
    """Return `numpy==2.3.4`; from the head of the metadata, without the long description."""
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    head = dict(HEAD.findall(text.partition("\n\n")[0]))
    if len(head) < len(("Name", "Version")):  # metadata of another kind: a lone egg-info file
        head = {name: package.metadata[name] for name in ("Name", "Version")}
    return f"{head['Name']}=={head['Version']}"


def _has_encoder(case: Case, source: Source) -> bool:
    """Tell whether this machine can encode the canaries of a data set, which declares a check."""
    if find_spec("sentence_transformers") is None:
        return False
    manifest = read_manifest(fetched(case, source, NOTHING))
    if manifest.canaries is None:
        return False
    from amn.data.encoder import is_here  # noqa: PLC0415 - few data sets have canaries

    return is_here(manifest.encoder)


def _tree(folder: Path, leave_out: Iterable[Path] = ()) -> Iterator[list[str]]:
    """Yield path and digest of every file below a folder, in order; of a link where it leads, too.

    Args:
        leave_out: Folders inside it.
    """
    out = {os.path.normpath(one) for one in leave_out} - {os.path.normpath(folder)}
    for place, folders, files in os.walk(folder):
        kept = (name for name in folders if name != BYTECODE)
        folders[:] = sorted(n for n in kept if os.path.normpath(Path(place, n)) not in out)
        for name in sorted([*files, *(n for n in folders if Path(place, n).is_symlink())]):
            path = Path(place, name)
            link = [str(path.readlink())] if path.is_symlink() else []
            content = [] if path.is_dir() else [sha256_file(path)]
            yield [path.relative_to(folder).as_posix(), *link, *content]
