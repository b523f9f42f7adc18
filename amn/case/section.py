"""What the records in our files have in common: frozen, finite, and no unknown keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic import ValidationError

Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class Section(BaseModel):
    """One table of case.toml, or one record of another file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def problems_in(error: ValidationError, *, whole: str = "") -> list[str]:
    """Return what is wrong with a record, a line each: `metrics.ood.mean: Field required`.

    Args:
        whole: What to call the record where no part of it is to blame.
    """
    return [f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in error.errors()]
