"""A change beside its merge base: what each case was held to there, and what got looser since."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from amn.case.config import EVALUATED, CaseConfig
from amn.case.limits import LIFT
from amn.case.load import Case
from amn.errors import ConfigError, RepositoryError
from amn.git import LINK, find_repository, is_checkout, smudged
from amn.golden.base.loosenings import (
    REMEASURED,
    SHRANK,
    GoldenFiles,
    golden_loosenings,
    ledger_loosenings,
    limit_loosenings,
    new_entries,
    selector_loosenings,
)
from amn.golden.base.pipelines import Running
from amn.golden.base.target import base_commit, place_of, target_of, why_none
from amn.golden.ledger import LEDGER_FILE
from amn.golden.speed import SPEED_FOLDER
from amn.golden.store import COSINES_FILE, GOLDEN_FILE, KEPT, TABLE_FILE
from amn.golden.waivers import WAIVERS_FILE, parse_waivers, read_waivers
from amn.storage import as_committed, found_file, parse_json, parse_toml
from amn.system import CACHE_FOLDER, CASE_FILE, GOLDEN_FOLDER, ci_sign
from amn.verdict import Loosening, Waiver, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amn.git import Repository
    from amn.golden.schema import Golden

NO_GIT = "no git checkout"
NO_COMMIT = "no commit yet"
FIRST_COMMIT = "git add --all && git commit --message first"
CLONE = "git clone all of it there, and gate in the clone"
LINKED = "put a link in place of files"


@dataclass(frozen=True)
class CaseAtBase:
    """What a case was held to at the merge base, and what let more through since.

    Attributes:
        config: None for a new case, and for one whose case.toml of then cannot be read now.
        golden: None when there was none, or none that can be read.
        waivers: Those that were in force then.
        loosenings: Of this case.
        note: What changed without letting more through: a golden that was updated, with its reason;
            a data set that is named by another place or digest.
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
        ci: Variable by which a CI system shows itself, where there has to be something to compare
            with; empty on a person's machine.
        recorded: Where the default branch keeps its results, see `place_of`, if they stand for
            cases that are not judged again; empty for none.
    """

    folder: Path = field(default_factory=Path)
    target: str | None = None
    approval: str = ""
    ci: str = ""
    recorded: str = ""

    @classmethod
    def within(
        cls,
        environ: Mapping[str, str],
        folder: Path,
        target: str | None = None,
        approval: str | None = None,
        *,
        recorded: str = "",
    ) -> Self:
        """Return what is compared with in an environment: what was named there, or the usual.

        Args:
            target: What somebody named; None: what the CI system names.
        """
        named, ci = target_of(environ), ci_sign(environ)
        return cls(folder, target or named, approval or "", ci or named or "", recorded)

    @cached_property
    def repository(self) -> Repository | None:
        """The git checkout."""
        return find_repository(self.folder)

    @cached_property
    def _branch_and_commit(self) -> tuple[str, str] | None:
        if self.repository:
            return base_commit(self.repository, self.target, is_ci=bool(self.ci))
        if self.target or self.ci:
            whom = self.target or f"under CI ({self.ci})"
            is_new = is_checkout(self.folder)
            found = f"a repository with {NO_COMMIT}" if is_new else "none"
            fix = f"{FIRST_COMMIT}, or in CI a clone of all of it" if is_new else CLONE
            raise RepositoryError(
                f"merge base: expected a git checkout to compare with {whom}, found {found}. "
                f"Fix: {fix}"
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
        if self.repository:
            return why_none(self.repository)
        return NO_COMMIT if is_checkout(self.folder) else NO_GIT

    @property
    def of_project(self) -> tuple[Loosening, ...]:
        """What got looser outside of the cases that are there: cases that are gone, CI files."""
        return self._of_project[0]

    @property
    def neutral(self) -> str:
        """Files that decide how the gate is run and changed in nothing that counts; or empty."""
        files = self._of_project[1]
        return f"changed without effect on the gate: {', '.join(files)}" if files else ""

    @cached_property
    def _of_project(self) -> tuple[tuple[Loosening, ...], tuple[str, ...]]:
        if not self.repository or not self.commit:
            return (), ()
        changed = self.repository.changed(
            self.commit, lambda name: _is_case(name) or _is_run(name) or self._is_recorded(name)
        )
        root = self.repository.root
        found = [
            Loosening("removed a case", name, "there", "gone")
            for name in changed
            if _is_case(name) and not (root / name).exists()
        ]
        # A gate takes them in place of training: they may have been trained on the answers.
        brought = [name for name in changed if _is_run(name) and (root / name).exists()]
        if brought:
            shown = count_of(len(brought), "file")
            found.append(Loosening("brought its own finished runs", brought[0], "none", shown))
        found += [
            Loosening("brought its own results", name, "as recorded", "others")
            for name in changed
            if self._is_recorded(name)
        ]
        loosened, neutral = Running(self.repository, self.commit).compare()
        return (*found, *loosened), tuple(neutral)

    @cached_property
    def _recorded(self) -> str:
        """The folder of this checkout that has recorded results; empty where a branch has them."""
        if not self.repository or not self.recorded:
            return ""
        branch, folder = place_of(self.recorded, self.repository.root)
        return "" if branch else folder

    def _is_recorded(self, name: str) -> bool:
        return bool(self._recorded) and name.startswith(f"{self._recorded}/")

    def touches(self, case: Case) -> bool:
        """Tell whether this change has other files in a case's folder than its merge base.

        Data sets in it are compared by what git tracks.
        """
        where = self._where(case.folder)
        if not self.repository or not self.commit or where is None:
            return True
        folders = [os.path.normpath(case.folder_of(one).absolute()) for one in case.sources]
        data = [self._where(Path(folder)) for folder in folders]
        held = tuple(f"{place}/" for place in data if place is not None)
        names = [
            n for n in self.repository.files(self.commit) if n.startswith((f"{where}/", *held))
        ]
        tree = self.repository.tree(self.commit)
        if any(tree.get(name) != self.repository.staged(name) for name in names):
            return True
        small = {name for name in names if not name.startswith(held)}
        return bool(self.repository.changed(self.commit, lambda name: name in small))

    def why_not(self, case: Case) -> str:
        """Return why a case cannot be compared; empty when it can.

        Raises:
            RepositoryError: If it has to be.
        """
        note = self.note or (
            "" if self._where(case.folder) else "the case is outside of this checkout"
        )
        if not note and self._is_in_submodule(case):
            note = "the case is in a submodule, of which this checkout has no history"
        if note and self.ci:
            raise RepositoryError(
                f"merge base: expected {case.folder} in what CI checked out, got: {note}. "
                "Fix: gate in the checkout that has the case"
            )
        return note

    def case(self, case: Case) -> CaseAtBase:
        """Return what a case was held to at the merge base.

        Raises:
            RepositoryError: If git cannot tell.
        """
        where = self._where(case.folder)
        if not self.repository or not self.commit or where is None:
            return CaseAtBase()
        names = (CASE_FILE, *KEPT)
        links = dict.fromkeys(
            link for name in names for link in self._link_loosenings(f"{where}/{name}")
        )
        links |= dict.fromkeys(self._data_links(case))
        paths = [self._through_links(f"{where}/{name}") for name in names]
        found = self.repository.read(self.commit, paths)
        new = {name: _read(case.folder / name) for name in names}
        old = {
            name: _checked_out(found[path], new[name])
            for name, path in zip(names, paths, strict=True)
        }
        if old[CASE_FILE] is None:
            note = "" if links else "a new case: nothing to compare with"
            return CaseAtBase(note=note, loosenings=tuple(links))
        config = _config(old[CASE_FILE])
        before, after = (
            GoldenFiles(case.folder, *(at[n] for n in (GOLDEN_FILE, TABLE_FILE, COSINES_FILE)))
            for at in (old, new)
        )
        entries = new_entries(old[LEDGER_FILE], new[LEDGER_FILE])
        is_migration = bool(entries) and entries[-1].kind == "migrated"
        if config and before.golden and before.golden.is_over_mean:
            config = _over_strongest(config)
        waivers = _waivers(old[WAIVERS_FILE], case.folder / WAIVERS_FILE)
        loosenings = [
            *links,
            *self._config_loosenings(case, config, before.golden, where),
            *golden_loosenings(before, after, where, is_migration=is_migration),
            *ledger_loosenings(old[LEDGER_FILE], new[LEDGER_FILE], f"{where}/{LEDGER_FILE}"),
            *_waiver_loosenings(waivers, read_waivers(case.folder), f"{where}/{WAIVERS_FILE}"),
            *self._twin_loosenings(where),
            *self._weights_loosenings(config, case, where),
        ]
        return CaseAtBase(
            config=config,
            golden=before.golden,
            waivers=waivers,
            loosenings=tuple(loosenings),
            note="; ".join(
                [
                    *(f"golden {e.kind} by {e.author}: {e.reason}" for e in entries),
                    *(_other_data(Case(case.folder, config), case) if config else ()),
                ]
            ),
        )

    def _is_in_submodule(self, case: Case) -> bool:
        where = self._where(case.folder)
        submodules = self.repository.submodules(self.commit) if self.repository else ()
        return any(f"{where}/".startswith(f"{one}/") for one in submodules)

    def _where(self, place: Path) -> str | None:
        """Return a folder relative to the checkout, None when it is outside of it."""
        if self.repository is None:
            return None
        root, folder = self.repository.root, place.absolute()
        # Where a link leads is another case: what is compared is the place that was asked for.
        tops = (top for top in (folder, *folder.parents) if top.resolve() == root)
        top = next(tops, None)
        return None if top is None else folder.relative_to(top).as_posix()

    def _link_loosenings(self, where: str) -> Iterator[Loosening]:
        """Yield every link on the way to a file or folder that is none at the merge base."""
        if self.repository is None:
            return
        parts = Path(where).parts
        for n in range(1, len(parts) + 1):
            path = "/".join(parts[:n])
            place = self.repository.root / path
            old = self.repository.link(self.commit, path)
            new = str(place.readlink()) if place.is_symlink() else None
            if old != new:
                yield Loosening(LINKED, path, old or "no link", new or "no link")

    def _data_links(self, case: Case) -> Iterator[Loosening]:
        """Yield every link on the way to the data that this change brought.

        One that a person made on a machine is none that git tracks.
        """
        if self.repository is None:
            return
        root = self.repository.root
        folder = Path(os.path.normpath(case.dataset_path.absolute()))
        if not folder.is_relative_to(root):
            return
        parts = folder.relative_to(root).parts
        ways = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        inside = f"{ways[-1]}/" if ways else ""
        tracked = [name for name in self.repository.files(self.commit) if name.startswith(inside)]
        for path in (*ways, *tracked):
            old, new = self.repository.link(self.commit, path), self.repository.staged(path)
            is_link = new is not None and new.mode == LINK and (root / path).is_symlink()
            now = str((root / path).readlink()) if is_link else None
            if now is not None and now != old:
                yield Loosening(LINKED, path, old or "no link", now)

    def _through_links(self, path: str) -> str:
        """Return where a file lies, past links that are the same at the merge base."""
        if self.repository is None or any(self._link_loosenings(path)):
            return path
        root, place = self.repository.root, (self.repository.root / path).resolve()
        return place.relative_to(root).as_posix() if place.is_relative_to(root) else path

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

    def _twin_loosenings(self, where: str) -> Iterator[Loosening]:
        """Yield the stored ratios of speed that are gone or lower than measuring again explains."""
        if self.repository is None:
            return
        inside = f"{where}/{SPEED_FOLDER}/"
        for path in self.repository.changed(self.commit, lambda name: name.startswith(inside)):
            was = _ratios(self.repository.read(self.commit, [path])[path])
            now = _ratios(_read(self.repository.root / path))
            for name, ratio in was.items():
                if not now.get(name, 0.0) >= ratio * (1 - REMEASURED):
                    shown = f"{now[name]:.4g}" if name in now else "gone"
                    yield Loosening(
                        "lowered a stored speed", f"{path} {name}", f"{ratio:.4g}", shown
                    )

    def _weights_loosenings(
        self, config: CaseConfig | None, case: Case, where: str
    ) -> Iterator[Loosening]:
        """Yield weights to start from that are others: they may have seen what is judged."""
        start = case.config.training.init_from
        if self.repository is None or start is None:
            return
        was = config.training.init_from if config else None
        path = os.path.normpath(f"{where}/{start}")
        if was != start or self.repository.changed(self.commit, lambda name: name == path):
            yield Loosening("brought weights to start from", path, was or "", "others")

    def _list_loosenings(
        self, case: Case, split: str, name: str, where: str
    ) -> Iterator[Loosening]:
        """Yield a file of splits that no longer lists every article that it did."""
        path = f"{where}/{name}"
        old = self.repository.read(self.commit, [path])[path] if self.repository else None
        before, after = _lists(old, split), _lists(_read(case.folder / name), split)
        if not before <= after:
            counts = (count_of(len(before), "article"), f"{len(before - after)} of them gone")
            yield Loosening(SHRANK, f"{path} {split}", *counts)


def _ratios(content: bytes | None) -> dict[str, float]:
    """Return the ratios that a stored twin of the speed has; none where it cannot be read."""
    try:
        ratios = parse_json(content or b"{}").get("ratios", {})
        return {name: float(ratio) for name, ratio in ratios.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _is_case(path: str) -> bool:
    parts = Path(path).parts
    return parts[-1] == CASE_FILE and GOLDEN_FOLDER.name in parts[-3:-2]


def _is_run(path: str) -> bool:
    return f"/{CACHE_FOLDER.as_posix()}/" in f"/{path}"


def _checked_out(old: bytes | None, new: bytes | None) -> bytes | None:
    """Return a file of the merge base as a checkout has it."""
    return None if old is None else as_committed(smudged(old, new or b""))


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


def _other_data(old: Case, new: Case) -> Iterator[str]:
    """Yield the data sets that a case names by another place or digest than it did.

    Whether they are others is what the checks of the golden find out.
    """
    before = {source.key: str(source) for source in old.sources}
    for source in new.sources:
        if (was := before.get(source.key, "none")) != str(source):
            yield f"{source.key}: {was} at the merge base, {source} now"


def _config(content: bytes | None) -> CaseConfig | None:
    """Return the config of another revision, None when it cannot be read by this version."""
    try:
        return CaseConfig.model_validate(parse_toml((content or b"").decode()))
    except ValueError:
        return None


def _over_strongest(config: CaseConfig) -> CaseConfig:
    """Return a config whose least lift, over the mean of the context, is over the strongest.

    A gain over the mean of the context says nothing of one over the strongest reference predictor;
    what may be asked for all the same is what the default asks for.
    """
    least = min(config.criteria.lift, LIFT)
    criteria = config.criteria.model_copy(update={"lift": least})
    return config.model_copy(update={"criteria": criteria})


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
    content = found_file(path)
    return None if content is None else as_committed(content)
