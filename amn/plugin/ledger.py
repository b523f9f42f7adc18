"""What was declared, deselected and run: the difference is a failure, whoever made it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from amn.plugin.items import FACTS, MEASURED, CheckItem
from amn.report.visible import one_line
from amn.system import CASE_FILE, GOLDEN_FOLDER
from amn.verdict import EXECUTED, Outcome, Status, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDED_EARLY = (
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.INTERNAL_ERROR,
    pytest.ExitCode.USAGE_ERROR,
)
GREEN = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
SHOWN = ("WARN", "INCONCLUSIVE", "LOOSENED", "FAIL", "HARNESS", "ERROR")


class Ledger:
    """Counts the checks of a session; under xdist the controller adds up the workers' counts.

    Attributes:
        cases: Name and number of declared checks, by the node id of the case.toml.
        collected: Node id of the case.toml, by the node id of each check that was selected.
        deselected: Node ids that pytest was told to leave out.
        ran: Facts of every check that was reported to have run, by node id.
        measured: What each check measured itself, whatever its report says: its status if that is
            red, "" if it is green, by node id.
        hidden: Node ids of checks that are red by `measured`, in a session that pytest calls green.
    """

    def __init__(self) -> None:
        self.cases: dict[str, tuple[str, int]] = {}
        self.collected: dict[str, str] = {}
        self.deselected: set[str] = set()
        self.ran: dict[str, dict[str, Any]] = {}
        self.measured: dict[str, str] = {}
        self.hidden: list[str] = []
        self._has_ended_early = False
        self._left_out: list[str] = []

    @property
    def red(self) -> list[str]:
        """Node ids of checks that failed, or that were reported and measured nothing."""
        seen = self.ran.keys() | self.measured.keys()
        return [k for k in self.collected if k in seen and self.measured.get(k, "not run")]

    @property
    def missing(self) -> list[str]:
        """Node ids of checks that were to run and did not."""
        if self._has_ended_early:
            return []
        return [k for k in self.collected if k not in self.deselected and k not in self.ran]

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note a check before any other hook can remove it."""
        if isinstance(item, CheckItem) and item.parent is not None:
            case = item.parent.nodeid
            self.cases[case] = (item.gate.about.case, len(item.gate.declared))
            self.collected[node_key(item.nodeid)] = case

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note what was left out on request: -k, -m, --deselect, --lf."""
        self.deselected |= {node_key(i.nodeid) for i in items if isinstance(i, CheckItem)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a check that ran, or that failed before it could."""
        if report.failed or (report.when == "call" and report.passed):
            key = node_key(report.nodeid)
            # None in a report that xdist makes of a dead worker.
            facts = getattr(report, FACTS, None)
            crashed = {"status": Status.ERROR.name, "note": "the worker that ran it died"}
            self.ran[key] = facts or self.ran.get(key, crashed)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist may not be installed
        """Add a worker's counts to the controller's."""
        counts = getattr(node, "workeroutput", None) or {}
        cases, collected, deselected, measured = counts.get(FACTS, ({}, {}, [], {}))
        self.cases |= {case: tuple(values) for case, values in cases.items()}
        self.collected |= collected
        self.deselected |= set(deselected)
        self._measure(measured)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session if a check is red or missing, unless it was stopped before its end."""
        self._measure(session.config.stash[MEASURED])
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            deselected = sorted(self.deselected)
            output[FACTS] = (self.cases, self.collected, deselected, self.measured)
            return
        is_stopped = session.exitstatus in ENDED_EARLY or session.shouldfail or session.shouldstop
        self._has_ended_early = bool(is_stopped) or session.config.option.collectonly
        self._left_out = self._not_collected(session.config)
        self.hidden = self.red if session.exitstatus in GREEN else []
        self._judge(session)
        session.config.add_cleanup(partial(self._judge, session))  # after every other hook

    def _measure(self, measured: dict[str, str]) -> None:
        """Add what checks measured; red in one worker is red."""
        for nodeid, status in measured.items():
            key = node_key(nodeid)
            self.measured[key] = self.measured.get(key) or status

    def _judge(self, session: pytest.Session) -> None:
        is_bad = bool(self.red or self.missing)
        if session.config.option.amn_strict:  # a verdict over less than all is none
            is_bad = is_bad or bool(self._left_out)
            green = (Verdict.PASS, None if self._has_ended_early else Verdict.PASS)
            is_bad = is_bad or any(self._said(case)[0] not in green for case in self.cases)
        if is_bad and session.exitstatus in GREEN:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _not_collected(self, config: pytest.Config) -> list[str]:
        """Return the cases under golden/ that a setting or an option kept pytest from."""
        if not config.option.amn_strict or self._has_ended_early:
            return []
        files = sorted((config.rootpath / GOLDEN_FOLDER).glob(f"*/{CASE_FILE}"))
        names = (file.relative_to(config.rootpath).as_posix() for file in files)
        return [name for name in names if name not in self.cases]

    def _said(self, case: str) -> tuple[Verdict | None, str]:
        """Return the gate's verdict over the checks that were asked for, and how it is read."""
        mine = [k for k, c in self.collected.items() if c == case]
        ran = {k: self.ran[k] for k in mine if k in self.ran}
        selected = [k for k in mine if k not in self.deselected]
        asked = list(ran) if self._has_ended_early else selected
        if not asked:
            return None, "nothing was asked for"
        from amn.gate.scope import said, scope_of_items  # noqa: PLC0415 - loads numpy

        outcomes = [
            Outcome(
                check,
                name,
                Status[facts["status"]],
                waiver=facts.get("waiver", ""),
                approval=facts.get("approval", ""),
            )
            for key, facts in ran.items()
            for check, _, name in [_label(key).partition("-")]
        ]
        n_declared = self.cases[case][1]
        scope = scope_of_items(ran.values(), n_declared - len(selected), n_declared)
        verdict = judge([_label(key) for key in asked], outcomes)
        if verdict is Verdict.PASS and scope.lacks:
            verdict = Verdict.PARTIAL
        return verdict, said(verdict, scope, outcomes)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write a line a case, then its scores, and what does not simply pass."""
        if terminalreporter.config.option.collectonly or not (self.cases or self._left_out):
            return
        terminalreporter.write_sep("=", "amn")
        for name in self._left_out:
            line = f"amn: {name}: ERROR: expected to be collected with --amn-strict, and was not"
            terminalreporter.write_line(one_line(line))
        for case in self.cases:
            for line in self._case_lines(case):
                terminalreporter.write_line(line)

    def _case_lines(self, case: str) -> list[str]:
        name, n_declared = self.cases[case]
        mine = [k for k, c in self.collected.items() if c == case]
        ran = {k: self.ran[k] for k in mine if k in self.ran}  # as declared, whoever ran first
        selected = {k for k in mine if k not in self.deselected}
        n_ran = sum(Status[facts["status"]] in EXECUTED for facts in ran.values())
        idle = f"{len(selected) - n_ran} not run, " if len(selected) > n_ran else ""
        counts = (
            f"{n_declared} declared, {n_ran} ran, {idle}{n_declared - len(selected)} deselected"
        )
        word = self._said(case)[1]
        lines = [f"{counts}: {word}"]
        scores = [f for f in ran.values() if f.get("family") == "criteria" and f.get("value")]
        if scores:
            lines.append(", ".join(f"{f['name']} {f['value']} ({f['limit']})" for f in scores))
        lines += [
            f"{Status[facts['status']].value} {_label(key)}: {facts['note']}"
            for key, facts in ran.items()
            if facts["status"] in SHOWN
        ]
        lines += _not_run(ran)
        missing = [_label(key) for key in self.missing if key in mine]
        if missing:
            lines.append(f"ERROR: declared, not deselected, and did not run: {', '.join(missing)}")
        hidden = [
            f"{_label(k)} {self.measured.get(k, 'not run')}" for k in self.hidden if k in mine
        ]
        if hidden:
            named = ", ".join(hidden)
            lines.append(f"ERROR: red by their own measure, but made to pass by a hook: {named}")
        return [one_line(f"amn: {name}: {line}") for line in lines]


def _not_run(ran: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line a family of the checks that others kept from running, with what these are."""
    families: dict[str, list[Mapping[str, Any]]] = {}
    for facts in ran.values():
        if facts["status"] == Status.NOT_RUN.name:
            families.setdefault(facts["family"], []).append(facts)
    return [
        f"NOT RUN {family}: {', '.join(f['check'] for f in mine)}: "
        + "; ".join(dict.fromkeys(f["note"].removeprefix("not run: ") for f in mine))
        for family, mine in families.items()
    ]


def _label(key: str) -> str:
    return key.rpartition("::")[2]


def node_key(nodeid: str) -> str:
    """Return a node id without the group that `--dist loadgroup` appends to it."""
    head, colons, label = nodeid.rpartition("::")
    return f"{head}{colons}{label.partition('@')[0]}"
