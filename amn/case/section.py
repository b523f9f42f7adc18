"""What the records in our files have in common: frozen, finite, and no unknown keys."""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from amn.errors import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]

FIELDS = ("epoch", "step", "train_loss", "val_loss", "train_cosine", "val_cosine", "lr")
IGNORE = "ignore"
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|true|false")  # as TOML writes it


def _check_field(value: str) -> str:
    """Refuse what no column of a record of training can be."""
    if value not in (*FIELDS, IGNORE) and not re.fullmatch(r"terms\.[a-z0-9_]+", value):
        known = ", ".join(FIELDS)
        raise ValueError(f"expected {known}, terms.NAME or {IGNORE}, got {value!r}")
    return value


Column = Annotated[str, AfterValidator(_check_field)]


class Section(BaseModel):
    """One table of case.toml, or one record of another file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_quoted_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse `"5"` where only a number belongs, which pydantic would read as one."""
        text = next(_texts(value), None)
        if text is not None and _holds_numbers(cls.model_fields[info.field_name or ""].annotation):
            fix = ". Fix: no quotes" if NUMBER.fullmatch(text) else ""
            raise ValueError(f"expected a number, got {text!r}{fix}")
        return value


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in a value, and in lists of it."""
    if isinstance(value, str):
        yield value
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _holds_numbers(annotation: Any) -> bool:  # noqa: ANN401 - any type
    """Tell whether a type is a number, or made of numbers alone, or none."""
    if get_origin(annotation) is Annotated:
        return _holds_numbers(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType, list, tuple):
        return all(one in (NoneType, ...) or _holds_numbers(one) for one in get_args(annotation))
    return annotation in (int, float, bool)


def problems_in(error: ValidationError, *, whole: str = "") -> list[str]:
    """Return what is wrong with a record, a line each: `ood.mean: expected a value, found none`.

    Args:
        whole: What to call the record where no part of it is to blame.
    """
    return [f"{'.'.join(map(str, e['loc'])) or whole}: {problem(e)}" for e in error.errors()]


def problem(item: ErrorDetails) -> str:
    """Return what is wrong with one value: `expected a number greater than 0, got -1`."""
    if item["type"] == "missing":
        return "expected a value, found none"
    got = shown(item["input"])
    if item["type"] == "extra_forbidden":
        return f"expected no such key, got {got}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error" or message.startswith("expected "):
        return message
    said = f"{_expected(message)}, got {got}"
    if item["type"] == "literal_error" and isinstance(item["input"], str):
        choices = re.findall(r"'([^']*)'", message)
        near = nearest(item["input"], choices)
        return said + (f". Fix: did you mean {near}?" if near else "")
    return said + (f". Fix: in brackets: [{got}]" if item["type"] == "list_type" else "")


def _expected(message: str) -> str:
    """Return what pydantic says in our words: `expected a number greater than 0`."""
    wanted = message.removeprefix("Input should be ")
    if wanted != message:
        return f"expected {'a number ' * wanted.startswith(('greater', 'less'))}{wanted}"
    kind, should, rest = message.partition(" should ")
    rest = rest.removesuffix(" after validation").partition(" after validation, not")[0]
    return (
        f"expected a {kind.lower()} to {rest}" if should else f"expected another value: {message}"
    )
