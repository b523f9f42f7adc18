"""What the records in our files have in common: frozen, finite, and no unknown keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic import ValidationError

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
    """Return what is wrong with a record, a line each: `metrics.ood.mean: Field required`.

    Args:
        whole: What to call the record where no part of it is to blame.
    """
    return [f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in error.errors()]
