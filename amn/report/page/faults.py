"""The fault matrix: what `amn selftest --format json` found, for the page to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from amn.errors import ArgumentError
from amn.storage import read_whole

if TYPE_CHECKING:
    from pathlib import Path

STATE_ORDER = ("missed", "caught", "not applicable")


class Fault(BaseModel):
    """One injected defect, and whether the check that owns it caught it."""

    model_config = ConfigDict(frozen=True)

    title: str
    check: str
    when: str
    state: Literal["caught", "missed", "not applicable"]
    message: str = ""
    seconds: float = 0.0

    @property
    def badge(self) -> str:
        """The status whose colours say how this ended."""
        return {"caught": "PASS", "missed": "FAIL"}.get(self.state, "NOT RUN")


class FaultMatrix(BaseModel):
    """The self-test of one case."""

    model_config = ConfigDict(frozen=True)

    case: str
    passed: bool
    caught: int
    missed: int
    not_applicable: int
    clean_variants: int
    false_alarms: int
    seconds: float
    defects: tuple[Fault, ...]

    @property
    def rows(self) -> tuple[Fault, ...]:
        """The defects, the missed ones first."""
        return tuple(sorted(self.defects, key=lambda fault: STATE_ORDER.index(fault.state)))

    def __str__(self) -> str:
        text = f"{self.caught} of {self.caught + self.missed} injected defects were caught by the "
        text += f"check that owns them, in {self.seconds:.0f} s"
        if self.not_applicable:
            text += f"; {self.not_applicable} do not apply to this case"
        if self.clean_variants:
            text += f"; {self.false_alarms} of {self.clean_variants} clean variants raised an alarm"
        return f"{text}."


def read_faults(path: Path) -> dict[str, FaultMatrix]:
    """Return the self-test of each case in a file.

    Raises:
        ArgumentError: If it is missing or was not written by `amn selftest --format json`.
    """
    try:
        found = TypeAdapter(list[FaultMatrix]).validate_json(read_whole(path))
    except OSError as error:
        raise ArgumentError(f"{path}: expected a self-test, got: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ArgumentError(
            f"{path}: expected what amn selftest writes, got {first['msg']} at {place}. "
            f"Fix: amn selftest --format json > {path}"
        ) from error
    return {matrix.case: matrix for matrix in found}
