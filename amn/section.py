"""What the sections of case.toml have in common: frozen, finite, and no unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class Section(BaseModel):
    """One table of case.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
