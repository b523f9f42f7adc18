"""What the records in our files have in common: frozen, finite, and no unknown keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from amn.errors import shown

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]

FIELDS = ("epoch", "step", "train_loss", "val_loss", "train_cosine", "val_cosine", "lr")
IGNORE = "ignore"


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
    is_ours = item["type"] == "value_error" or message.startswith("expected ")
    return message if is_ours else f"{_expected(message)}, got {got}"


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
