"""A case.toml as a file of tests, and each of its declared checks as one item."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import AmnError
from amn.plugin.sessions import gate_for
from amn.report.visible import one_line
from amn.verdict import OWN, Status

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from amn.checks.check import Check
    from amn.gate.run import Gate
    from amn.verdict import Outcome

FACTS = "amn"  # attribute of a report; xdist carries it to the controller
NOT_RUN = "not run"  # pytest's word for a check that another one kept from running
MEASURED = pytest.StashKey[dict[str, str]]()  # node id: status of a red check, "" of a green one
MARKERS = {
    "amn_data": ("checks of data, split and windows, before any training", "data split windows"),
    "amn_index": ("checks of the FAISS index", "index"),
    "amn_criteria": (
        "checks of record, model and evaluation, and the floors",
        "record model evaluation criteria",
    ),
    "amn_golden": ("checks against the golden", "golden"),
    "amn_own": ("checks of one's own", OWN),
}
MARKER_OF = {family: name for name, (_, names) in MARKERS.items() for family in names.split()}


class CheckFailedError(Exception):
    """A check did not pass; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.label)


class CaseFile(pytest.File):
    """A case.toml. Its gate is made once, and its checks share what is expensive."""

    gate: Gate

    def collect(self) -> Iterator[CheckItem]:
        """Yield one item a declared check; a wrong file is a collection error, not a traceback."""
        try:
            self.gate = gate_for(self.config, self.path.parent)
            declared = self.gate.declared
        except AmnError as error:
            raise self.CollectError(str(error)) from error
        for check in declared:
            yield CheckItem.from_parent(self, name=check.label, check=check, gate=self.gate)


class CheckItem(pytest.Item):
    """One declared check of a case."""

    def __init__(self, *, check: Check, gate: Gate, **node: Any) -> None:  # noqa: ANN401 - of pytest's
        super().__init__(**node)
        self.check, self.gate = check, gate
        self.outcome: Outcome | None = None
        self.extra_keyword_matches.add(gate.about.case)
        self.add_marker(MARKER_OF[check.family])
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(name=gate.about.case))

    def runtest(self) -> None:
        """Run the check, after what it needs.

        Raises:
            CheckFailedError: If it does not pass.
        """
        measured = self.config.stash[MEASURED]
        measured[self.nodeid] = Status.ERROR.value  # until the gate has an outcome
        outcome = self.outcome = self.gate.outcome(self.check.id)
        has_failed = self.has_failed(outcome)
        measured[self.nodeid] = outcome.status.value if has_failed else ""
        number = None if outcome.number is None else float(outcome.number)  # xdist: builtins only
        properties = {"value": outcome.value, "limit": outcome.limit, "number": number}
        self.user_properties += [(k, v) for k, v in properties.items() if v not in ("", None)]
        if has_failed:
            raise CheckFailedError(outcome)

    def has_failed(self, outcome: Outcome) -> bool:
        """Whether the outcome fails the item."""
        is_strict = self.config.option.amn_strict
        return outcome.has_failed or (is_strict and outcome.status is Status.INCONCLUSIVE)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ANN401 - pytest has no public name for it
    ) -> Any:  # noqa: ANN401 - as above
        """Explain a failed check; only a defect of the check itself shows a traceback."""
        if isinstance(excinfo.value, CheckFailedError):
            return describe(excinfo.value.outcome, self.command)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return file, line and headline."""
        return self.path, 0, f"{self.gate.about.case}: {self.name}"  # a skip needs a line

    @property
    def command(self) -> str:
        """The command that runs this check again."""
        node, _, label = self.nodeid.rpartition("::")
        words = ["pytest", f"{node}::{label.partition('@')[0]}"]  # xdist may append its group
        words += ["--amn-first-run"] * self.config.option.amn_first_run
        is_undecided = self.outcome is not None and self.outcome.status is Status.INCONCLUSIVE
        words += ["--amn-strict"] * is_undecided  # it is what fails then; one check is no gate
        return shlex.join(words)

    def facts(self, *, is_red: bool) -> dict[str, Any]:
        """Return what the summary shows, as plain data.

        An item that failed although its check did not (a skip, a defect, a teardown) is an ERROR.
        """
        outcome, facts = self.outcome, {"check": self.check.id, "name": self.check.name}
        facts |= {"family": self.check.family, "status": Status.ERROR.name, "note": "did not run"}
        if outcome is None or (is_red and not self.has_failed(outcome)):
            return facts
        note = str(outcome.findings[0]) if outcome.findings else outcome.detail
        figures: dict[str, Any] = {"value": outcome.value, "limit": outcome.limit, "note": note}
        # What a verdict over all of them rests on; under xdist no process has seen everything.
        from amn.gate.scope import has_records, parts_looked_at  # noqa: PLC0415 - loads numpy

        made = self.gate.evidence.made
        review = made.get("review")
        figures |= {"looked": sorted(parts_looked_at(made))}
        figures |= {"without_course": not has_records(made)}
        figures |= {"waiver": outcome.waiver, "approval": outcome.approval}
        figures |= {"base_note": review.note if review and not review.base else ""}
        return facts | figures | {"status": outcome.status.name}


def refuse_skip(report: pytest.TestReport, label: str) -> None:
    """Turn a skipped or xfailed report into a failed one: not looking is never a pass."""
    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        del report.wasxfail
        cause = f"it is marked xfail ({reason})" if reason else "it is marked xfail"
    else:
        place = report.longrepr
        why = place[2] if isinstance(place, tuple) else str(place)
        cause = f"it was skipped: {why.removeprefix('Skipped: ')}"
    text = f"ERROR {label}: expected the check to run and count, but {cause}"
    fix = "a declared check that does not run is a failure. Fix: remove the skip or xfail"
    own = report.longrepr if isinstance(report.longrepr, str) else ""
    report.outcome, report.longrepr = "failed", "\n".join(filter(None, [text, f"  {fix}", own]))
    report.when = "call"  # a mark skips in setup; it is the check that fails


def describe(outcome: Outcome, command: str) -> str:
    """Return a failure for people: check, value, limit, findings with fixes, what to run next."""
    if outcome.limit:
        first = f"{outcome.value}, limit {outcome.limit}"
    else:
        first = outcome.detail.removeprefix("not run: ") or "could not be evaluated"
    lines = [f"{outcome.status.value} {outcome.label}: {first}"]
    if outcome.limit and outcome.detail:
        lines.append(f"  {outcome.detail}")
    for finding in outcome.findings:
        lines.append(f"  {one_line(f'{finding.where}: {finding.message}')}")
        if finding.fix:
            lines.append(f"    fix: {one_line(finding.fix)}")
    lines += [f"  explain: amn rules {outcome.check}", f"  reproduce: {command}"]
    return "\n".join(lines)
