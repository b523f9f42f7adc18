"""The values that checks, gate and reports exchange: Finding, Outcome, Verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from html import escape
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

MOST_NAMED = 3  # loosenings in a line
MOST_SHOWN = 160  # characters of what a change had and has, in a message
RESULT_SCHEMA = 2  # of a gate's JSON, which `amn gate --schema` prints


class Severity(IntEnum):
    """What a finding does to the verdict; the worst one decides."""

    NOTICE = 0  # worth reading; changes nothing
    WARNING = 1  # shown on every run; changes nothing
    INCONCLUSIVE = 2  # the data cannot decide
    LOOSENED = 3  # the change lets more through than the merge base does
    FAIL = 4  # worse than the contract, or broken data
    HARNESS = 5  # the measurement itself is broken


class Status(Enum):
    """How one declared check ended."""

    PASS = "PASS"
    WARN = "WARN"
    INCONCLUSIVE = "INCONCLUSIVE"
    LOOSENED = "LOOSENED"
    FAIL = "FAIL"
    HARNESS = "HARNESS"
    NOT_RUN = "NOT RUN"  # another check failed first, and says why
    ERROR = "ERROR"  # it should have run, and could not


class Verdict(Enum):
    """The one answer of a gate."""

    PASS = "PASS"
    PARTIAL = "PARTIAL"  # what was looked at passed, and it is not all
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    LOOSENED = "LOOSENED"
    HARNESS = "HARNESS"
    ERROR = "ERROR"

    def exit_code(self, *, strict: bool = False) -> int:
        """Return the exit code.

        0 pass, 1 fail, 3 not measurable, 4 undecided or partial and strict, 5 loosened in this
        change.
        """
        codes = {"PASS": 0, "FAIL": 1, "HARNESS": 3, "ERROR": 3, "LOOSENED": 5}
        return codes.get(self.value, 4 if strict else 0)


STATUS_OF = {
    Severity.NOTICE: Status.PASS,
    Severity.WARNING: Status.WARN,
    Severity.INCONCLUSIVE: Status.INCONCLUSIVE,
    Severity.LOOSENED: Status.LOOSENED,
    Severity.FAIL: Status.FAIL,
    Severity.HARNESS: Status.HARNESS,
}

EXECUTED = frozenset(STATUS_OF.values())

FAMILIES = {  # letter of a check's id -> what it is about, in the order in which a gate runs them
    "D": "data",
    "I": "index",
    "S": "split",
    "W": "windows",
    "R": "record",
    "M": "model",
    "E": "evaluation",
    "C": "criteria",
    "G": "golden",
}
FORM = re.compile(r"[A-Z]\d{3}")  # of an id of amn's own checks
OWN = "own"  # of checks that others bring
BEFORE_TRAINING = ("data", "index", "split", "windows")
HOLD = "R015"  # the check that comes before all others: may this case be trained yet

WORST_FIRST = (  # the first of these that occurs decides
    Status.ERROR,
    Status.HARNESS,
    Status.FAIL,
    Status.NOT_RUN,  # where nothing failed before it: it did not look
    Status.LOOSENED,
    Status.INCONCLUSIVE,
    Status.WARN,
    Status.PASS,
)
VERDICT_OF = {status: Verdict.__members__.get(status.name, Verdict.PASS) for status in Status}
VERDICT_OF[Status.NOT_RUN] = Verdict.ERROR
VERDICTS = (  # the worst first
    Verdict.ERROR,
    Verdict.HARNESS,
    Verdict.FAIL,
    Verdict.LOOSENED,
    Verdict.INCONCLUSIVE,
    Verdict.PARTIAL,
    Verdict.PASS,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        where: File, row, article or line; a person can go there.
        message: `expected X, got Y`, with the offending number.
        fix: What to do about it: a command where there is one.
        severity: Overrides the severity of the check when set.
    """

    where: str
    message: str
    fix: str = ""
    severity: Severity | None = None

    def __str__(self) -> str:
        fix = f" Fix: {self.fix}" if self.fix else ""
        return f"{self.where}: {self.message}.{fix}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a check's number stands: how far it can be trusted, and the limits it is held to.

    Attributes:
        low: Lower end of the number's interval; None where there is none.
        high: Upper end of it.
        least: The number may not be below it; None where nothing limits it on that side.
        most: The number may not be above it.
    """

    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None


class Statistic(NamedTuple):
    """A number of the data of one place, and how far it would be off with other articles.

    Attributes:
        spread: Standard error over articles; None where nobody knows it.
        articles: That it was measured on; 0 where nobody counted.
    """

    value: float
    spread: float | None = None
    articles: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a check's implementation returns: the number, its limit, and what it found.

    Attributes:
        value: What was measured, for people (`0.6057`, `15,405 rows`).
        limit: The comparison that had to hold, for people (`>= 0.60`).
        findings: Empty when nothing is wrong.
        detail: Context worth a column: interval, distance from the limit.
        number: The unrounded value, where the check is about one number.
        standing: Its interval and limits, where they are numbers too.
        data: What else it found, for reports and for those who go on from it.
        profile: Statistic of the data -> split, or data set -> its value: what a golden keeps.
    """

    value: str
    limit: str
    findings: Sequence[Finding] = ()
    detail: str = ""
    number: float | None = None
    standing: Standing | None = None
    data: object = None
    profile: Mapping[str, Mapping[str, Statistic]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one declared check ended, and why.

    Attributes:
        check: Stable id, such as `C002`.
        name: Short name, such as `ood`.
        waiver: The waiver that lets it through; empty where none does.
        approval: Who lets it through from outside the change, and why; empty where nobody does.
        seconds: Time it took; 0 when it did not run.
    """

    check: str
    name: str
    status: Status
    value: str = ""
    limit: str = ""
    detail: str = ""
    findings: tuple[Finding, ...] = ()
    number: float | None = None
    standing: Standing | None = None
    data: object = None
    waiver: str = ""
    approval: str = ""
    seconds: float = 0.0
    profile: Mapping[str, Mapping[str, Statistic]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, check: Mapping[str, Any]) -> Outcome:
        """Return a check of a gate's JSON, as it ended.

        Raises:
            KeyError, TypeError, ValueError: If it is none.
        """
        standing = check.get("standing")
        return cls(
            check=str(check["id"]),
            name=str(check["name"]),
            status=Status(check["status"]),
            value=str(check["value"]),
            limit=str(check["limit"]),
            detail=str(check["detail"]),
            findings=tuple(Finding(f["where"], f["message"], f["fix"]) for f in check["findings"]),
            number=check["number"],
            standing=Standing(**standing) if standing else None,
            waiver=str(check["waiver"]),
            approval=str(check["approval"]),
            seconds=float(check["seconds"]),
        )

    @property
    def label(self) -> str:
        """`C002-ood`: what pytest items and reports call it."""
        return f"{self.check}-{self.name}"

    @property
    def has_failed(self) -> bool:
        """Whether it keeps a change from being merged."""
        return self.status not in (Status.PASS, Status.WARN, Status.INCONCLUSIVE)


def judge(declared: Sequence[str], outcomes: Iterable[Outcome]) -> Verdict:
    """Return the verdict: what was declared must have run, and the worst outcome decides.

    Nothing declared, a declared check without an outcome, an outcome nobody declared, and a check
    that did not run although none failed before it are all ERROR: not looking is never a pass.
    """
    found = tuple(outcomes)
    seen = {outcome.status for outcome in found}
    if not declared or sorted(o.label for o in found) != sorted(declared):
        return Verdict.ERROR
    return next((VERDICT_OF[status] for status in WORST_FIRST if status in seen), Verdict.PASS)


def worst_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes by status, the worst first; equal ones stay in their order."""
    return sorted(outcomes, key=lambda outcome: WORST_FIRST.index(outcome.status))


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; ERROR when there is none."""
    return min(verdicts, key=VERDICTS.index, default=Verdict.ERROR)


def family_of(check: str) -> str:
    """Return what a check is about, by its id: `data` for `D001`, `own` for those of others."""
    return FAMILIES.get(check[:1], OWN) if FORM.fullmatch(check) else OWN


@dataclass(frozen=True, slots=True)
class Loosening:
    """One way in which this change lets more through than its merge base does.

    Attributes:
        what: What the change did, to be read after "this change": `lowered a floor`.
        where: File and key: `golden/wiki/case.toml criteria.ood`.
        old: At the merge base; empty when it was not there.
        new: Now; empty when it is gone.
    """

    what: str
    where: str
    old: str = ""
    new: str = ""

    @property
    def beside(self) -> tuple[str, str]:
        """Old and new as people read them: `none` where there is none, and no pages of code."""
        old, new = (cut(text, MOST_SHOWN) for text in (self.old, self.new))
        return old or "none", new or "none"

    def __str__(self) -> str:
        old, new = self.beside
        return f"{self.what} ({self.where}: {old} -> {new})"


@dataclass(frozen=True, slots=True)
class Review:
    """The change beside its merge base.

    Attributes:
        target: Branch that the change is to be merged into; empty when there is none.
        base: Commit of the merge base; empty when there is none to compare with.
        note: Why nothing was compared, or what is new and accepted: a golden's reason.
        loosenings: What lets more through than before.
        is_judged: Whether a result was judged by the limits and the golden of the merge base.
        worse_on_base: Labels of checks that fail by the merge base's limits and golden.
        open_on_base: Labels of those that are undecided by them, and are not by this change's.
        approval: Who let the loosenings through, and why; empty when nobody did.
        scope: `criteria.scope` of the case at the merge base: less than a whole gate, on purpose.
    """

    target: str = ""
    base: str = ""
    note: str = ""
    loosenings: tuple[Loosening, ...] = ()
    is_judged: bool = True
    worse_on_base: tuple[str, ...] = ()
    open_on_base: tuple[str, ...] = ()
    approval: str = ""
    scope: str = ""

    @property
    def is_on_merit(self) -> bool:
        """Whether the result holds by the limits and the golden of the merge base as well."""
        is_same = not (self.worse_on_base or self.open_on_base)
        return bool(self.base) and self.is_judged and is_same

    def __str__(self) -> str:
        if not self.base:
            return f"not compared with a merge base: {self.note}"
        base = f"merge base {self.base[:10]} with {self.target}"
        some = [cut(str(one), MOST_SHOWN) for one in self.loosenings]
        more = [f"and {len(some) - MOST_NAMED} more, which G010 names"]
        changes = "; ".join(some[:MOST_NAMED] + more * (len(some) > MOST_NAMED))
        if not self.is_judged:
            merit = "with no result judged"
        elif self.is_on_merit:
            merit = "on merit"
        elif not self.worse_on_base:
            merit = f"with {', '.join(self.open_on_base)} undecided by the merge base"
        else:
            return f"only because this change {changes} ({base})"
        return f"{merit}, but this change {changes} ({base})" if changes else f"{merit} ({base})"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failing check that is let through for a while, on somebody's word.

    Attributes:
        check: Id of the check.
        owner: Who answers for it.
        expires: Last day on which it holds, at most 30 days after `created`.
    """

    check: str
    reason: str
    owner: str
    created: date
    expires: date

    def __str__(self) -> str:
        return f"{self.check} waived until {self.expires} by {self.owner}: {self.reason}"


def shown(value: float, limit: float, digits: int = 4, *, form: str = "f", sign: str = "") -> str:
    """Return a value with as many digits as it takes to tell it from a limit.

    Args:
        form: `f`, or `%` for a share.
        sign: `+` where positive values have one, too.
    """
    most = 17  # digits of a float64
    while (
        digits < most
        and value != limit
        and f"{value:.{digits}{form}}" == f"{limit:.{digits}{form}}"
    ):
        digits += 1
    return f"{value:{sign}.{digits}{form}}"


def cut(text: str, most: int) -> str:
    """Return a text in one line, of a longer one so many letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def count_of(n: int, what: str, some: int = 0) -> str:
    """Return `3 checkpoints` or `1 checkpoint`; of some of them `1 of 3 checkpoints`.

    Args:
        what: A noun whose plural ends in s: one in a consonant and y, such as entry, in ies.
    """
    end = what[:-1] + "ies" if re.search(r"[^aeiou]y$", what) else f"{what}s"
    noun = what if n == 1 else end
    return f"{some:,} of {n:,} {noun}" if some else f"{n:,} {noun}"


OURS = re.compile(rf"[{''.join(FAMILIES)}]\d{{3}}")


OTHERS = re.compile(rf"(?![{''.join(FAMILIES)}]\d)[A-Z]+\d{{3}}")


def html_of(title: str, rows: Iterable[Sequence[str]] = ()) -> str:
    """Return a line and a table as HTML for a notebook: plain elements, every text escaped.

    Args:
        rows: Cells, those of the head first; no table without any.
    """
    lines = [
        "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in row) + "</tr>"
        for row, cell in zip(rows, chain(["th"], repeat("td")), strict=False)
    ]
    table = f"<table>{''.join(lines)}</table>" if lines else ""
    return f"<p><code>{escape(title)}</code></p>{table}"
