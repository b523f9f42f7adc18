"""What a sweep file may say: a grid, named variants, or a space to search."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from amn.case.load import unknown_key
from amn.case.section import Section, Seed
from amn.errors import ConfigError
from amn.storage import parse_toml, read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Key = Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")]
Values = Annotated[list[Any], Field(min_length=1)]
VARIANT = "variant"  # no dotted key is called so


class Variant(Section):
    """Values that belong together, under a name.

    Attributes:
        set: By dotted key of case.toml; none is the case as it stands.
    """

    name: Annotated[str, Field(min_length=1, max_length=32)]
    set: dict[Key, Any] = Field(default={})


class Range(Section):
    """Numbers to search in.

    Attributes:
        log: Whether factors count, not differences.
        whole: Whether only whole numbers are tried.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            least = "above 0 and " if self.log else ""
            raise ValueError(
                f"expected low {least}below high, got low {self.low:g} and high {self.high:g}"
            )
        return self


class SearchConfig(Section):
    """A search by Optuna's tree-structured Parzen estimator.

    Attributes:
        trials: Points to try.
        seed: Of the search; the same seed and the same scores give the same points.
        space: By dotted key: a range, or values to choose from.
    """

    trials: int = Field(ge=1)
    seed: Seed = 0
    space: dict[Key, Range | Values] = Field(min_length=1)


class SweepConfig(Section):
    """The whole of a sweep file.

    Attributes:
        seeds: Trained at every point; the case's own where the file is silent.
        grid: Values by dotted key; every combination is a point.
        variants: Points, or with a grid, what every combination is tried with.
        search: Points that are found along the way, instead of both.
    """

    schema_: Literal[1] = Field(alias="schema")
    title: str = ""
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    grid: dict[Key, Values] = Field(default={})
    variants: list[Variant] = Field(default=[])
    search: SearchConfig | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SweepConfig:
        if bool(self.grid or self.variants) == bool(self.search):
            got = "both" if self.search else "neither"
            raise ValueError(f"expected [search], or [grid] and [[variants]], got {got}")
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError(f"variants: expected different names, got {', '.join(names)}")
        both = sorted({key for v in self.variants for key in v.set} & set(self.grid))
        if both:
            raise ValueError(f"expected a key in grid or in variants, got in both: {both}")
        return self

    @property
    def space(self) -> dict[str, Range | list[Any]]:
        """What is tried for each key; variants by their names, under `VARIANT`."""
        if self.search:
            return dict(self.search.space)
        names = [variant.name for variant in self.variants]
        return {**({VARIANT: names} if names else {}), **self.grid}

    def points(self) -> list[Point]:
        """Return the points of grid and variants, the last key of the grid changing fastest."""
        space: dict[str, Any] = self.space
        return [
            self.point(dict(zip(space, values, strict=True))) for values in product(*space.values())
        ]

    def point(self, values: Mapping[str, Any]) -> Point:
        """Return the point that has a value for each key of the space."""
        changes = {key: value for key, value in values.items() if key != VARIANT}
        name = [f"{_short(key, tuple(changes))}={_text(changes[key])}" for key in changes]
        for variant in self.variants:
            if variant.name == values[VARIANT]:
                return Point(" ".join([variant.name, *name]), {**variant.set, **changes})
        return Point(" ".join(name), changes)


@dataclass(frozen=True)
class Point:
    """One setting that is tried.

    Attributes:
        name: `lr=0.001 context=5`.
        changes: Values by dotted key of case.toml.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)


def _short(key: str, keys: tuple[str, ...]) -> str:
    """Return the last part of a key, or all of it where another key ends alike."""
    last = key.rpartition(".")[2]
    return last if sum(k.rpartition(".")[2] == last for k in keys) == 1 else key


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def load_sweep(path: Path) -> SweepConfig:
    """Read a sweep file.

    Raises:
        ConfigError: If it is missing or wrong; `.problems` lists everything.
    """
    try:
        values = parse_toml(read_whole(path).decode())
        return SweepConfig.model_validate(values)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ConfigError(path, ["expected a sweep file, found none"]) from error
    except ValidationError as error:
        raise ConfigError(path, [_describe(item) for item in error.errors()]) from error
    except ValueError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error


def _describe(item: Any) -> str:  # noqa: ANN401 - pydantic's error dictionary
    parts = [str(part) for part in item["loc"]]
    parts = [part for part in parts if part != "Range" and "[" not in part]  # pydantic's own
    where = ".".join(parts)
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "string_pattern_mismatch":
        return f'{where}: expected a key in quotes such as "training.lr", got {item["input"]!r}'
    if item["type"] == "extra_forbidden":
        return unknown_key(parts, SweepConfig)
    return f"{where}: {message}" if where else message
