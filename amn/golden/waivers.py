"""waivers.toml of a case: failing checks let through for a while, each on a person's word."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from amn.case.section import Section, problem
from amn.errors import ConfigError, DataError
from amn.golden.schema import Text  # noqa: TC001 - pydantic reads it
from amn.storage import parse_toml, read_whole
from amn.verdict import Waiver

if TYPE_CHECKING:
    from pathlib import Path

WAIVERS_FILE = "waivers.toml"
LONGEST = timedelta(days=30)
ITEM = "check, reason, owner, created and expires, two dates, under [[waiver]]"


class _Item(Section):
    check: Annotated[str, Field(pattern=r"^[A-Z]\d{3}$")]
    reason: Text
    owner: Text
    created: date
    expires: date

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        days = (self.expires - self.created).days
        if not 0 <= days <= LONGEST.days:
            raise ValueError(
                f"expected it to expire 0 to {LONGEST.days} days after {self.created}, got {days}"
            )
        return self


class _File(Section):
    waiver: tuple[_Item, ...] = ()

    @model_validator(mode="after")
    def _one_a_check(self) -> Self:
        checks = [item.check for item in self.waiver]
        if repeated := sorted({check for check in checks if checks.count(check) > 1}):
            raise ValueError(f"expected one waiver a check, got several for {', '.join(repeated)}")
        return self


def read_waivers(folder: Path) -> tuple[Waiver, ...]:
    """Return the waivers of a case, expired ones too; none when it has no waivers.toml.

    Raises:
        ConfigError: If the file is wrong; `.problems` lists everything.
    """
    path = folder / WAIVERS_FILE
    try:
        return parse_waivers(read_whole(path, folder), path)
    except FileNotFoundError:
        return ()
    except DataError as error:
        raise ConfigError(path, [error.message]) from error
    except OSError as error:  # a folder, a loop of links
        raise ConfigError(path, [f"expected a file, got: {error.strerror}"]) from error


def parse_waivers(content: bytes, path: Path) -> tuple[Waiver, ...]:
    """Return the waivers that a file holds, wherever it was read from.

    Raises:
        ConfigError: As `read_waivers`.
    """
    try:
        values = parse_toml(content.decode())
    except ValueError as error:
        raise ConfigError(path, [f"expected TOML, got: {error}. Fix: mend it"]) from error
    try:
        items = _File.model_validate(values).waiver
    except ValidationError as error:
        problems = [_describe(item) for item in error.errors()]
        raise ConfigError(path, problems) from error
    return tuple(Waiver(**item.model_dump()) for item in items)


def _describe(error: Any) -> str:  # noqa: ANN401 - pydantic's error dictionary
    """Return `waiver 2: owner: expected a value, found none`, and what a waiver says."""
    where = [str(part + 1) if isinstance(part, int) else part for part in error["loc"]]
    place = " ".join(where[:2]) + "".join(f": {part}" for part in where[2:])
    return f"{place or 'file'}: {problem(error)}. Fix: write {ITEM}"
