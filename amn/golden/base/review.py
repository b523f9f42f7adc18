"""A change beside its merge base: what each case was held to there, and what got looser since."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from amn.case.config import EVALUATED, CaseConfig
from amn.case.load import Case
from amn.errors import ConfigError, RepositoryError
from amn.git import find_repository
from amn.golden.base.loosenings import (
    SHRANK,
    GoldenFiles,
    golden_loosenings,
    ledger_loosenings,
    limit_loosenings,
    new_entries,
    selector_loosenings,
)
from amn.golden.base.pipelines import PIPELINES, pipeline_loosenings
from amn.golden.base.target import base_commit
from amn.golden.ledger import LEDGER_FILE
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, KEPT, TABLE_FILE
from amn.golden.waivers import WAIVERS_FILE, parse_waivers, read_waivers
from amn.storage import parse_json, parse_toml
from amn.system import CACHE_FOLDER, CASE_FILE, CONFTEST, GOLDEN_FOLDER
from amn.verdict import Loosening, Waiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.git import Repository
    from amn.golden.schema import Golden

CASES = f":(glob)**/{GOLDEN_FOLDER}/*/{CASE_FILE}"  # a pathspec of git
RUNS = f":(glob)**/{CACHE_FOLDER.as_posix()}/**"
NO_GIT = "no git checkout"
NO_TARGET = "no branch to compare with; name one: --target BRANCH"


@dataclass(frozen=True)
class CaseAtBase:
    """What a case was held to at the merge base, and what let more through since.

    Attributes:
        config: None for a new case, and for one whose case.toml of then cannot be read now.
        golden: None when there was none, or none that can be read.
        waivers: Those that were in force then.
        loosenings: Of this case.
        note: What changed without letting more through: a golden that was updated, with its reason.
    """

    config: CaseConfig | None = None
    golden: Golden | None = None
    waivers: tuple[Waiver, ...] = ()
    loosenings: tuple[Loosening, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class MergeBase:
    """Where this change left the branch that it is to be merged into.

    Args:
        folder: Any folder of the checkout.
        target: Branch to compare with; None: the usual one, if it is there.
        approval: Who lets this change's loosenings through, and why.
    """

    folder: Path = field(default_factory=Path)
    target: str | None = None
    approval: str = ""

    @cached_property
    def repository(self) -> Repository | None:
        """The git checkout."""
        return find_repository(self.folder)

    @cached_property
    def _branch_and_commit(self) -> tuple[str, str] | None:
        if self.repository:
            return base_commit(self.repository, self.target)
        if self.target:
            raise RepositoryError(
                f"merge base: expected a git checkout to compare with {self.target}, found none. "
                "Fix: run it where .git is, or leave out --target"
            )
        return None

    @property
    def branch(self) -> str:
        """The branch that is compared with; empty when there is none."""
        return self._branch_and_commit[0] if self._branch_and_commit else ""

    @property
    def commit(self) -> str:
        """The merge base; empty when nothing can be compared.

        Raises:
            RepositoryError: If a branch was named and git has no common commit with it, or the
                history was cut off.
        """
        return self._branch_and_commit[1] if self._branch_and_commit else ""

    @property
    def note(self) -> str:
        """Why nothing can be compared; empty when it can."""
        if self.commit:
            return ""
        return NO_TARGET if self.repository else NO_GIT

    @cached_property
    def of_project(self) -> tuple[Loosening, ...]:
        """What got looser outside of the cases that are there: cases that are gone, CI files."""
        if not self.repository or not self.commit:
            return ()
        changed = self.repository.changed(self.commit, [CASES, RUNS, *PIPELINES])
        runs = [name for name in changed if f"/{CACHE_FOLDER.as_posix()}/" in f"/{name}"]
        changed = [name for name in changed if name not in runs]
        cases = [name for name in changed if Path(name).name == CASE_FILE]
        root = self.repository.root
        files = [name for name in changed if name not in cases and _is_read(root / name, root)]
        before = self.repository.read(self.commit, files)
        found = [
            Loosening("removed a case", name, "there", "gone")
            for name in cases
            if not (root / name).exists()
        ]
        # A gate takes them in place of training: they may have been trained on the answers.
        brought = [name for name in runs if (root / name).exists()]
        if brought:
            shown = f"{len(brought)} files"
            found.append(Loosening("brought its own finished runs", brought[0], "none", shown))
        for name in files:
            old, new = before[name], _read(root / name)
            found += pipeline_loosenings(name, _text(old), _text(new))
        return tuple(found)

    def why_not(self, case: Case) -> str:
        """Return why a case cannot be compared; empty when it can."""
        return self.note or ("" if self._where(case) else "the case is outside of this checkout")

    def case(self, case: Case) -> CaseAtBase:
        """Return what a case was held to at the merge base.

        Raises:
            RepositoryError: If git cannot tell.
        """
        where = self._where(case)
        if not self.repository or not self.commit or where is None:
            return CaseAtBase()
        names = (CASE_FILE, *KEPT)
        paths = [f"{where}/{name}" for name in names]
        found = self.repository.read(self.commit, paths)
        old = {name: found[path] for name, path in zip(names, paths, strict=True)}
        if old[CASE_FILE] is None:
            return CaseAtBase(note="a new case: nothing to compare with")
        new = {name: _read(case.folder / name) for name in names}
        config = _config(old[CASE_FILE])
        before, after = (
            GoldenFiles(case.folder, *(at[n] for n in (GOLDEN_FILE, TABLE_FILE, COSINES_FILE)))
            for at in (old, new)
        )
        entries = new_entries(old[LEDGER_FILE], new[LEDGER_FILE])
        is_migration = bool(entries) and entries[-1].kind == "migrated"
        waivers = _waivers(old[WAIVERS_FILE], case.folder / WAIVERS_FILE)
        loosenings = [
            *self._config_loosenings(case, config, before.golden, where),
            *golden_loosenings(before, after, where, is_migration=is_migration),
            *ledger_loosenings(old[LEDGER_FILE], new[LEDGER_FILE], f"{where}/{LEDGER_FILE}"),
            *_waiver_loosenings(waivers, read_waivers(case.folder), f"{where}/{WAIVERS_FILE}"),
        ]
        return CaseAtBase(
            config=config,
            golden=before.golden,
            waivers=waivers,
            loosenings=tuple(loosenings),
            note="; ".join(f"golden {e.kind} by {e.author}: {e.reason}" for e in entries),
        )

    def _where(self, case: Case) -> str | None:
        """Return a case's folder relative to the checkout, None when it is outside of it."""
        if self.repository is None:
            return None
        folder = case.folder.resolve()
        if not folder.is_relative_to(self.repository.root):
            return None
        return folder.relative_to(self.repository.root).as_posix()

    def _config_loosenings(
        self, case: Case, config: CaseConfig | None, golden: Golden | None, where: str
    ) -> Iterator[Loosening]:
        """Yield what case.toml, and the lists of articles that it names, let through now."""
        file = f"{where}/{CASE_FILE}"
        if config is None:
            yield Loosening("replaced a case.toml that cannot be read now", file, "unreadable", "")
            return
        yield from limit_loosenings(config, case.config, file)
        # With a golden on both sides windows are compared by id, which says more than a selector.
        has_golden = golden is not None and (case.folder / GOLDEN_FILE).exists()
        for loosening in selector_loosenings(Case(case.folder, config), case, file):
            if loosening.what == SHRANK or not has_golden:
                yield loosening
        names = {split: getattr(case.config.split, split).file for split in EVALUATED}
        for split, name in names.items():
            if name and not has_golden:
                yield from self._list_loosenings(case, split, name, where)

    def _list_loosenings(
        self, case: Case, split: str, name: str, where: str
    ) -> Iterator[Loosening]:
        """Yield a file of splits that no longer lists every article that it did."""
        path = f"{where}/{name}"
        old = self.repository.read(self.commit, [path])[path] if self.repository else None
        before, after = _lists(old, split), _lists(_read(case.folder / name), split)
        if not before <= after:
            counts = (f"{len(before)} articles", f"{len(before - after)} of them gone")
            yield Loosening(SHRANK, f"{path} {split}", *counts)


def _is_read(path: Path, root: Path) -> bool:
    """Tell whether a gate reads a file: a conftest.py at the root, beside golden/ or under it."""
    if path.name != CONFTEST or path.parent == root:
        return True
    is_under = GOLDEN_FOLDER.name in path.relative_to(root).parts
    return is_under or (path.parent / GOLDEN_FOLDER).is_dir()


def _waiver_loosenings(
    old: Sequence[Waiver], new: Sequence[Waiver], where: str
) -> Iterator[Loosening]:
    """Yield waivers that are new or last longer."""
    before = {waiver.check: waiver for waiver in old}
    for waiver in new:
        was = before.get(waiver.check)
        if was is None:
            yield Loosening("added a waiver", f"{where} {waiver.check}", "", str(waiver))
        elif waiver.expires > was.expires:
            dates = (str(was.expires), str(waiver.expires))
            yield Loosening("extended a waiver", f"{where} {waiver.check}", *dates)


def _config(content: bytes | None) -> CaseConfig | None:
    """Return the config of another revision, None when it cannot be read by this version."""
    try:
        return CaseConfig.model_validate(parse_toml((content or b"").decode()))
    except ValueError:
        return None


def _waivers(content: bytes | None, path: Path) -> tuple[Waiver, ...]:
    """Return the waivers of another revision; one that cannot be read waives nothing."""
    try:
        return parse_waivers(content or b"", path)
    except ConfigError:
        return ()


def _lists(content: bytes | None, split: str) -> set[int]:
    """Return the article ids that a file of splits lists; none when it cannot be read."""
    try:
        values = parse_json(content or b"{}").get(split, [])
        return set(values)
    except (ValueError, AttributeError, TypeError):
        return set()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:  # gone, or a folder or a loop of links in its place
        return None


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")
