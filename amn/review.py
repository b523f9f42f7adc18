"""A change beside its merge base: what it newly lets through, and who answers for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


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

    def __str__(self) -> str:
        return f"{self.what} ({self.where}: {self.old or 'none'} -> {self.new or 'none'})"


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
        approval: Who let the loosenings through, and why; empty when nobody did.
    """

    target: str = ""
    base: str = ""
    note: str = ""
    loosenings: tuple[Loosening, ...] = ()
    is_judged: bool = True
    worse_on_base: tuple[str, ...] = ()
    approval: str = ""

    @property
    def is_on_merit(self) -> bool:
        """Whether the result holds by the limits and the golden of the merge base as well."""
        return bool(self.base) and self.is_judged and not self.worse_on_base

    def __str__(self) -> str:
        if not self.base:
            return f"not compared with a merge base: {self.note}"
        base = f"merge base {self.base[:10]} with {self.target}"
        changes = "; ".join(str(loosening) for loosening in self.loosenings)
        if not self.is_judged:
            merit = "with no result judged"
        elif self.is_on_merit:
            merit = "on merit"
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
