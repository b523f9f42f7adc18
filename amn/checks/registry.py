"""The one list of checks (`rules/`, a file a family), and running one so that it must look."""

from __future__ import annotations

import time
import tomllib
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from amn.errors import CheckNotRunError
from amn.findings import STATUS_OF, Finding, Measured, Outcome, Severity, Status
from amn.records.history import Part  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from amn.errors import AmnError

Family = Literal[
    "data", "index", "split", "windows", "record", "model", "evaluation", "criteria", "golden"
]
Mode = Literal["train", "run", "checkpoint", "metrics"]
FAMILIES: tuple[Family, ...] = (
    "data",
    "index",
    "split",
    "windows",
    "record",
    "model",
    "evaluation",
    "criteria",
    "golden",
)  # fmt: skip - in the order in which a gate runs them
BEFORE_TRAINING: tuple[Family, ...] = ("data", "index", "split", "windows")


class Rule(BaseModel):
    """One check as its family's file in `rules/` declares it.

    Attributes:
        id: Stable for ever, such as `D001`.
        name: Short name; with the id it is the check's label.
        severity: What its findings do to the verdict.
        help: What has to hold, in one sentence.
        why: Why it exists: the failure it catches.
        good: An example that passes.
        bad: An example that fails.
        fix: What to do when it fails.
        needs: Checks that have to pass first; without them this one cannot tell anything.
        when: `always`, or what has to be there for it to be declared.
        modes: Ways to get a candidate for which it is declared.
        reads: What a record has to hold; where only records are judged, one that lacks it is not
            declared to be checked for it.
        custody: Whether it asks how the golden is kept, and not how good a candidate is: it needs
            neither data nor candidate, and no waiver lets it through.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    family: Family
    severity: Literal["warning", "inconclusive", "loosened", "fail", "harness"]
    help: str
    why: str
    good: str
    bad: str
    fix: str
    needs: tuple[str, ...] = ()
    when: Literal["always", "hashes", "reencode", "merge_base", "waivers", "numerics", "speed"] = (
        "always"
    )
    modes: tuple[Mode, ...] = ("train", "run", "checkpoint")
    reads: tuple[Part, ...] = ()
    custody: bool = False

    @property
    def label(self) -> str:
        """`C002-ood`."""
        return f"{self.id}-{self.name}"

    def not_run(self, causes: Iterable[str]) -> Outcome:
        """Return the outcome of a check whose causes, by label, failed first."""
        detail = f"not run: {', '.join(causes)} failed first"
        return Outcome(self.id, self.name, Status.NOT_RUN, detail=detail)

    def not_evaluated(self, error: AmnError) -> Outcome:
        """Return the outcome of a check that could not look."""
        finding = Finding(self.label, f"could not run: {error}")
        return Outcome(self.id, self.name, Status.ERROR, findings=(finding,))


@cache
def rules() -> Mapping[str, Rule]:
    """Return every check by id, in the order in which a gate runs them."""
    folder = files("amn.checks").joinpath("rules")
    listed = [
        Rule.model_validate({"family": family, **item})
        for family in FAMILIES
        for item in tomllib.loads(folder.joinpath(f"{family}.toml").read_text("utf-8"))["rule"]
    ]
    return {rule.id: rule for rule in listed}


_implementations: dict[str, Callable[[Any], Measured]] = {}


def implements(check: str) -> Callable[[Callable[[Any], Measured]], Callable[[Any], Measured]]:
    """Register the function that runs a check."""

    def register(function: Callable[[Any], Measured]) -> Callable[[Any], Measured]:
        _implementations[check] = function
        return function

    return register


@contextmanager
def implementation(check: str, function: Callable[[Any], Measured] | None) -> Iterator[None]:
    """Run a check by another function, or by none: how a check that does not look is made."""
    import_module(f"amn.checks.{rules()[check].family}")
    before = _implementations.pop(check, None)
    try:
        if function is not None:
            _implementations[check] = function
        yield
    finally:
        _implementations.pop(check, None)
        if before is not None:
            _implementations[check] = before


def execute(check: str, evidence: object) -> Outcome:
    """Run one check on its family's evidence.

    Raises:
        CheckNotRunError: If it has no implementation, or that returned no measurement.
    """
    rule = rules()[check]
    import_module(f"amn.checks.{rule.family}")
    function = _implementations.get(check)
    if function is None:
        raise CheckNotRunError(
            f"{rule.label}: expected an implementation in amn.checks.{rule.family}, found none"
        )
    begin = time.perf_counter()
    measured: object = function(evidence)
    if not isinstance(measured, Measured):
        raise CheckNotRunError(
            f"{rule.label}: expected a measurement, got {measured!r}: it did not look"
        )
    default = Severity[rule.severity.upper()]
    severities = [default if f.severity is None else f.severity for f in measured.findings]
    return Outcome(
        check=rule.id,
        name=rule.name,
        status=STATUS_OF[max(severities)] if severities else Status.PASS,
        value=measured.value,
        limit=measured.limit,
        detail=measured.detail,
        findings=tuple(measured.findings),
        number=measured.number,
        standing=measured.standing,
        seconds=time.perf_counter() - begin,
    )
