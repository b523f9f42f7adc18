"""A case on disk, and every problem of its case.toml with the line it is on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from amn.case.config import SPLITS, CaseConfig
from amn.case.place import Source
from amn.case.section import problem
from amn.case.training import BLEND_LR
from amn.errors import ArgumentError, ConfigError, DataError, nearest
from amn.storage import parse_toml, read_whole
from amn.system import CASE_FILE, GOLDEN_FOLDER, data_cache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amn.case.config import Selector

UNPINNED = "no-digest"  # of a data set: nothing is kept under that name
GONE = {"speed.memory": "peak memory is no check any more, for its ratio is not repeatable"}


@dataclass(frozen=True, slots=True)
class Case:
    """A folder with a case.toml: a unit of gating."""

    folder: Path
    config: CaseConfig

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    @property
    def file(self) -> Path:
        """Where the config was read from."""
        return self.folder / CASE_FILE

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its own data set, then those that its splits name, in their order."""
        own = self.config.dataset
        found = [Source("dataset.path", own.path, own.sha256)]
        for name in SPLITS:
            selector: Selector | None = getattr(self.config.split, name)
            if selector and selector.dataset:
                found.append(Source(f"split.{name}.dataset", selector.dataset, selector.sha256))
        return tuple(found)

    def folder_of(self, source: Source) -> Path:
        """Return the folder of a data set; of a store's where it is kept, once it was fetched."""
        if source.is_elsewhere:
            return data_cache(self.folder) / (source.sha256 or UNPINNED)
        return self.folder / source.place

    @property
    def dataset_path(self) -> Path:
        """Folder of its own data set, see `folder_of`."""
        return self.folder_of(self.sources[0])

    def blocker(self) -> Case | None:
        """Return the case beside it that this one waits for; None without `blocked_by`.

        Raises:
            ConfigError: If there is no such case, or cases wait for each other.
        """
        chain, current, first = [self.name], self, None
        while name := current.config.blocked_by:
            chain.append(name)
            if name in chain[:-1]:
                message = f"blocked_by: expected a chain with an end, got {' -> '.join(chain)}"
                raise ConfigError(self.file, [message])
            current = load_case(current.folder.resolve().parent / name)
            first = first or current
        return first

    def with_training(self, **changes: object) -> Case:
        """Return the case with other values in its [training]; they are taken as they are."""
        training = self.config.training.model_copy(update=changes)
        return replace(self, config=self.config.model_copy(update={"training": training}))

    def going_on_from(self, checkpoint: Path) -> Case:
        """Return the case that goes on from a checkpoint, at the rate of fine-tuning (1e-4)."""
        return self.with_training(init_from=str(checkpoint.resolve()), lr=BLEND_LR)


def load_case(path: str | Path) -> Case:
    """Read a case from its folder or its case.toml.

    Raises:
        ConfigError: If the file is missing or wrong; `.problems` lists everything, with lines.
    """
    path = Path(path)
    file = path if path.name == CASE_FILE else path / CASE_FILE
    return parse_case(_text_of(file), file)


def case_here() -> str | None:
    """Return the name of the case whose folder this is, None anywhere else."""
    here = Path.cwd()
    is_case = here.parent.name == GOLDEN_FOLDER.name and (here / CASE_FILE).is_file()
    return here.name if is_case else None


def project() -> Path:
    """Return the folder that golden/ is in: this one, or that of the case whose folder this is."""
    return Path("../..") if case_here() else Path()


def case_folder(name: str | Path) -> Path:
    """Return the folder that a name means: a case under golden/ before a folder of that name."""
    under_golden = project() / GOLDEN_FOLDER / name
    try:
        is_path = Path(name).exists() and not (under_golden / CASE_FILE).is_file()
    except OSError as error:  # a name that is too long
        raise ArgumentError(f"{str(name)[:40]}…: expected a case, got: {error.strerror}") from error
    return Path(name) if is_path else under_golden


def parse_case(text: str, file: Path) -> Case:
    """Return the case that a text says, whether or not it is in its file yet.

    Raises:
        ConfigError: If it is wrong; `.problems` lists everything, with lines.
    """
    try:
        config = CaseConfig.model_validate(_values(text, file))
    except ValidationError as error:
        raise ConfigError(file, [_describe(item, text) for item in error.errors()]) from error
    return Case(folder=file.parent, config=config)


def case_files(golden: Path) -> list[Path]:
    """Return the case.toml of every case in a golden/ folder, by name.

    Raises:
        ConfigError: If one lies deeper than golden/<case>/case.toml: nothing would ever judge it.
    """
    for file in sorted(golden.glob(f"*/*/**/{CASE_FILE}")):
        inside = file.parent.relative_to(golden)
        if not any(part.startswith(".") for part in inside.parts):
            fix = f"move it to {golden / '-'.join(inside.parts)}, and [dataset] path with it"
            message = f"expected {golden.name}/<case>/{CASE_FILE}, got one deeper down, which no "
            raise ConfigError(file, [f"{message}gate would judge. Fix: {fix}"])
    return sorted(golden.glob(f"*/{CASE_FILE}"))


def vary_case(case: Case, changes: Mapping[str, Any]) -> Case:
    """Return a case with other values for some keys of its case.toml.

    Args:
        changes: Values by dotted key, such as `training.lr`. The recipe fills in what the changed
            file leaves out.

    Raises:
        ConfigError: If the changed file is wrong; `.problems` lists everything.
    """
    values = _values(_text_of(case.file), case.file)
    for key, value in changes.items():
        *sections, name = key.split(".")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(case.file, [f"{key}: expected a table in {section}, got {table}"])
        table[name] = value
    try:
        config = CaseConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(case.file, [_describe(item, "") for item in error.errors()]) from error
    return Case(folder=case.folder, config=config)


def _text_of(file: Path) -> str:
    """Return the text of a case file."""
    try:
        return read_whole(file).decode()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ConfigError(
            file, ["expected a case file, found none. Fix: amn case new NAME --dataset PATH"]
        ) from error
    except DataError as error:
        raise ConfigError(file, [error.message]) from error
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x}"
        raise ConfigError(
            file, [f"expected UTF-8 text, got {got}. Fix: save it as UTF-8"]
        ) from error
    except OSError as error:  # a loop of links, a name that is too long
        raise ConfigError(file, [f"expected a case file, got: {error.strerror}"]) from error


def _values(text: str, file: Path) -> dict[str, Any]:
    """Return what the text of a case file says."""
    try:
        return parse_toml(text)
    except ValueError as error:
        raise ConfigError(file, [f"expected TOML, got: {error}. Fix: mend it"]) from error


def _describe(item: Any, text: str) -> str:  # noqa: ANN401 - pydantic's error dictionary
    """Turn one pydantic error into `line 12: training.epoch: unknown key. Fix: epochs`."""
    where = [str(part) for part in item["loc"]]
    is_missing = item["type"] == "missing"  # its table is where to add it
    line = _line_of(where[:-1] if is_missing else where, text)
    place = f"line {line}: " if line else ""
    dotted = ".".join(where)
    if item["type"] == "extra_forbidden":
        return f"{place}{unknown_key(where, CaseConfig)}"
    if is_missing:
        return f"{place}{dotted}: expected a value, found none. Fix: add {dotted}"
    said = f"{place}{dotted}: {problem(item)}"
    return said if "Fix: " in said else f"{said}. Fix: amn case keys lists what each may be"


def unknown_key(where: list[str], file: type[BaseModel]) -> str:
    """Return `training.epoch: unknown key. Fix: did you mean epochs?`.

    Args:
        where: The parts of the key.
        file: What the file may say.
    """
    dotted = ".".join(where)
    if dotted in GONE:
        return f"{dotted}: expected no such key: {GONE[dotted]}. Fix: remove it"
    known = _known_keys(where[:-1], file)
    close = nearest(where[-1], known)
    fix = f"did you mean {close}?" if close else f"known keys: {', '.join(known)}"
    others = [name for name in file.model_fields if where[-1] in _known_keys([name], file)]
    if len(where) == 2 and others and not close:  # noqa: PLR2004 - a key of a section
        fix = f"put it under [{others[0]}]"
    return f"{dotted}: unknown key. Fix: {fix}"


def _known_keys(section: list[str], model: type[BaseModel]) -> list[str]:
    """Return the keys that a section of a file may have."""
    for part in section:
        field = model.model_fields.get(part)
        if field is None:  # a place in a list of tables, or a key that the writer has chosen
            continue
        nested = list(_models_in(field.annotation))
        if not nested:
            return []
        model = nested[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type
    """Yield the sections that a type is made of: `list[Phase] | None` has one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _with_places(parts: list[str], tables: Mapping[str, int]) -> list[str]:
    """Return the parts of a header, each array of tables followed by the place in it."""
    found: list[str] = []
    for end, part in enumerate(parts, start=1):
        name = ".".join(parts[:end])
        found += [part, str(tables[name])] if name in tables else [part]
    return found


def _line_of(where: list[str], text: str) -> int | None:
    """Return the 1-based line on which the key at `where` stands, None when it cannot be told."""
    section: list[str] = []
    found: int | None = None
    tables: dict[str, int] = {}  # arrays of tables -> the place of their last one
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]", line):
            name = header[2]
            if header[1] == "[[":
                tables[name] = tables.get(name, -1) + 1
            section = _with_places([part.strip() for part in name.split(".")], tables)
            if section == where:
                return number
            continue
        if pair := re.match(r"\s*([A-Za-z0-9_\"'.-]+)\s*=", line):
            path = [*section, *pair[1].replace('"', "").split(".")]
            if path == where:
                return number
            if path == where[: len(path)] and len(path) > len(section):
                found = number  # inside an inline table
    return found
