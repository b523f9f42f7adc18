"""A check: a function whose parameters name the evidence that it reads, declared where it stands.

```python
@check("D001", "finite", needs=["D003"], broken_by=[nan_row])
def finite(scanned: tuple[Scanned, ...]) -> Measured:
    \"\"\"Every number of every row is finite.

    Why: One NaN makes every mean a NaN, or vanishes in a mean that skips it.
    Fix: Encode the row again, or drop it, then: amn data import
    \"\"\"
```

The list of checks, `amn rules`, what a gate declares, the self-test and reports are made from it.
"""

from __future__ import annotations

import inspect
import re
import sys
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from amn.data.ids import IdSet
from amn.errors import ArgumentError, CheckNotRunError
from amn.registry import Registry
from amn.verdict import (
    FAMILIES,
    OTHERS,
    OURS,
    OWN,
    STATUS_OF,
    Finding,
    Measured,
    Outcome,
    Severity,
    Status,
    family_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from amn.data.ids import Ids
    from amn.errors import AmnError
    from amn.training.records.history import RunStatus

    Means = RunStatus | Callable[[Outcome], RunStatus] | None


Course = Literal["passing", "lasting", "at_end"]

MODULES = (
    "data_files", "data_rows", "data_order", "data_borders", "data_copies", "data_space",
    "data_minorities", "index", "split", "split_copies", "split_space", "split_text", "windows",
    "hold", "record", "record_losses", "record_sound", "model", "evaluation", "behaviour",
    "criteria", "speed", "custody", "golden", "golden_data", "looks", "recall", "recorded",
)  # fmt: skip
OF_PACKAGES: Registry[object] = Registry("amn.checks", {})  # modules that declare checks
SECTIONS = re.compile(r"^(Why|Fix):\s*", re.MULTILINE)


@dataclass(frozen=True)
class Defect:
    """One known defect: what a check has to catch.

    Attributes:
        function: Breaks a copy of the case (a parameter `copy`), or returns the parts of the
            evidence that are broken; its other parameters name the parts that it reads.
        least: Status from which on the check has caught it; None takes the check's own severity.
    """

    function: Callable[..., Mapping[str, object] | None]
    least: Severity | None = None

    @property
    def id(self) -> str:
        """`nan-row`: the name of the function."""
        return self.function.__name__.strip("_").replace("_", "-")

    @property
    def title(self) -> str:
        """What is wrong, for people: the first line of the docstring, without its full stop."""
        return (self.function.__doc__ or "").strip().partition("\n")[0].removesuffix(".")


def warned(function: Callable[..., Mapping[str, object] | None]) -> Defect:
    """Return a defect that its check need only warn of."""
    return Defect(function, Severity.WARNING)


@dataclass(frozen=True)
class Check:
    """One check, as it was declared.

    Attributes:
        id: Stable for ever, such as `D001`; its letter names its family.
        name: Short name; with the id it is the check's label.
        function: Takes the parts of the evidence that its parameters name.
        severity: What its findings do to the verdict, unless a finding says otherwise.
        needs: Checks that have to pass first; without them this one cannot tell anything.
        broken_by: Defects that it has to catch.
        course: How its answer on the first n epochs of a training stands to that on all of them:
            a failure may pass, lasts for ever, or can be told only at the end.
        means: What a run came to when this fails, or tells it from the outcome; None leaves it to
            the family.
    """

    id: str
    name: str
    function: Callable[..., Measured]
    severity: Severity = Severity.FAIL
    needs: tuple[str, ...] = ()
    broken_by: tuple[Defect, ...] = ()
    course: Course = "passing"
    means: Means = None

    @property
    def label(self) -> str:
        """`C002-ood`: what pytest items and reports call it."""
        return f"{self.id}-{self.name}"

    @property
    def family(self) -> str:
        """`data`, `criteria` …; `own` for the checks of others."""
        return family_of(self.id)

    @property
    def reads(self) -> tuple[str, ...]:
        """The parts of the evidence that its parameters name."""
        return parameters(self.function)

    @property
    def help(self) -> str:
        """What has to hold."""
        return self._text("")

    @property
    def why(self) -> str:
        """Why it exists: the failure that it catches."""
        return self._text("Why")

    @property
    def fix(self) -> str:
        """What to do when it fails."""
        return self._text("Fix")

    def _text(self, section: str) -> str:
        """Return a section of the docstring as one line; the one before the first has no name."""
        text = inspect.cleandoc(self.function.__doc__ or "")
        before, *rest = SECTIONS.split(text)
        found = {"": before, **dict(zip(rest[::2], rest[1::2], strict=True))}
        return " ".join(found.get(section, "").split())

    def not_run(self, causes: Iterable[str]) -> Outcome:
        """Return the outcome of a check whose causes, by label, failed first."""
        detail = f"not run: {', '.join(causes)} failed first"
        return Outcome(self.id, self.name, Status.NOT_RUN, detail=detail)

    def not_evaluated(self, error: AmnError) -> Outcome:
        """Return the outcome of a check that could not look."""
        finding = Finding(self.label, f"could not run: {error}")
        return Outcome(self.id, self.name, Status.ERROR, findings=(finding,))

    def run(self, evidence: Mapping[str, Any]) -> Outcome:
        """Run it on evidence.

        Raises:
            CheckNotRunError: If it returned no measurement.
            AmnError: If a part of the evidence cannot be made.
        """
        parts = {part: evidence[part] for part in self.reads}
        begin = time.perf_counter()
        measured: object = self.function(**parts)
        if not isinstance(measured, Measured):
            raise CheckNotRunError(
                f"{self.label}: expected a measurement, got {measured!r}: it did not look"
            )
        severities = [
            self.severity if f.severity is None else f.severity for f in measured.findings
        ]
        return Outcome(
            check=self.id,
            name=self.name,
            status=STATUS_OF[max(severities)] if severities else Status.PASS,
            value=measured.value,
            limit=measured.limit,
            detail=measured.detail,
            findings=tuple(measured.findings),
            number=measured.number,
            standing=measured.standing,
            data=measured.data,
            profile=measured.profile,
            seconds=time.perf_counter() - begin,
        )


NAME = re.compile(r"[a-z][a-z0-9_]*")
UNNAMED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # *args, **kwargs
_declared: dict[str, Check] = {}


@cache
def parameters(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of a function's parameters: the parts of the evidence that it reads."""
    every = inspect.signature(function).parameters.values()
    return tuple(one.name for one in every if one.kind not in UNNAMED)


def check(
    id_: str,
    name: str,
    /,
    *,
    severity: Severity = Severity.FAIL,
    needs: Sequence[str] = (),
    broken_by: Sequence[Callable[..., Mapping[str, object] | None] | Defect] = (),
    course: Course = "passing",
    means: Means = None,
) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Declare the function below as a check.

    Args:
        id_: A letter and three digits for ours; of others any capital letters before the digits
            that are not one of ours: `X001`.
        name: In lower case: `first_epoch`.
        broken_by: Defects that it has to catch: `amn selftest` brings each into a copy of the case.

    Raises:
        ArgumentError: If the id is taken or not of this form, or the function explains nothing.
    """

    def declare(function: Callable[..., Measured]) -> Callable[..., Measured]:
        defects = tuple(d if isinstance(d, Defect) else Defect(d) for d in broken_by)
        declared = Check(id_, name, function, severity, tuple(needs), defects, course, means)
        _require_sound(declared)
        _declared[id_] = declared
        return function

    return declare


def _require_sound(declared: Check) -> None:
    """Raise ArgumentError for a declaration that cannot stand in the list of checks."""
    where = f"check {declared.id} {declared.name}"
    form = OURS if declared.function.__module__.startswith("amn.checks.") else OTHERS
    if not form.fullmatch(declared.id):
        letters = ", ".join(FAMILIES)
        raise ArgumentError(
            f"{where}: expected capital letters, none of {letters} alone, and three digits as its "
            f"id, got {declared.id!r}. Fix: @check('X001', {declared.name!r})"
        )
    if not NAME.fullmatch(declared.name):
        raise ArgumentError(f"{where}: expected a name of small letters, got {declared.name!r}")
    if not declared.help:
        fix = "PYTHONOPTIMIZE=1 at most, since 2 takes docstrings away"
        fix = fix if sys.flags.optimize > 1 else "a sentence as the first line of the function"
        message = f"{where}: expected a docstring that says what has to hold, got none"
        raise ArgumentError(f"{message}. Fix: {fix}")
    other = _declared.get(declared.id)
    if other and _home(other.function) != _home(declared.function):
        raise ArgumentError(
            f"{where}: expected an id of its own, got that of {other.label} in "
            f"{other.function.__module__}"
        )


def _home(function: Callable[..., object]) -> tuple[str, str]:
    """Return where a function was written: a file that is loaded twice declares nothing twice."""
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_qualname


@cache
def _load() -> None:
    for module in MODULES:
        import_module(f"amn.checks.{module}")
    for name in OF_PACKAGES:
        OF_PACKAGES[name]


def checks() -> Mapping[str, Check]:
    """Return every check by id, family by family, each after those that it needs; own ones last.

    Raises:
        ArgumentError: If checks need each other.
    """
    _load()
    return _in_order(tuple(_declared.values()))


@lru_cache(maxsize=1)
def _in_order(declared: tuple[Check, ...]) -> Mapping[str, Check]:
    families, ordered = [*FAMILIES.values(), OWN], dict[str, Check]()
    for one in sorted(declared, key=lambda one: (families.index(one.family), one.id)):
        _append(one, ordered)
    return MappingProxyType(ordered)


def _append(one: Check, ordered: dict[str, Check], *above: str) -> None:
    """Add a check after those that it needs, unless it is there."""
    if one.id in ordered:
        return
    chain = (*above, one.id)
    if one.id in above:
        shown = " -> ".join(chain)
        raise ArgumentError(f"check {one.label}: expected needs that come to an end, got {shown}")
    for needed in one.needs:
        if needed in _declared:
            _append(_declared[needed], ordered, *chain)
    ordered[one.id] = one


MOST_FINDINGS = 20
MOST_IDS = 10


def listed(
    items: NDArray[np.int64] | Sequence[int], describe: Callable[[int], Finding], where: str
) -> list[Finding]:
    """Return a finding for each of the first items, and one for those that are left.

    Args:
        items: Row numbers or positions.
        describe: Makes the finding of one item.
        where: Address of the finding that counts the rest.
    """
    findings = [describe(int(item)) for item in items[:MOST_FINDINGS]]
    if len(items) > MOST_FINDINGS:
        findings.append(Finding(where, f"and {len(items) - MOST_FINDINGS:,} more like these"))
    return findings


def some_ids(ids: Ids | IdSet) -> str:
    """Return `12, 15, 17`, or the first ids and how many more."""
    first, n = (ids.first(MOST_IDS), ids.size) if isinstance(ids, IdSet) else (ids, len(ids))
    text = ", ".join(str(i) for i in first[:MOST_IDS])
    return f"{text} and {n - MOST_IDS:,} more" if n > MOST_IDS else text
