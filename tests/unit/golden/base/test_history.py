"""A scripted history with real git: every change that cheats is named, the honest one passes."""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.case.load import load_case
from amn.checks.broken.golden import moved as moved_by
from amn.checks.broken.golden import with_checks
from amn.gate.modes import GateOptions, run_gate
from amn.golden.base import review
from amn.golden.base.review import MergeBase
from amn.golden.ledger import LEDGER_FILE, Acceptance
from amn.golden.schema import Golden
from amn.golden.store import GOLDEN_FILE, enter, write_golden
from amn.golden.table import to_csv
from amn.golden.waivers import WAIVERS_FILE
from amn.system import CACHE_FOLDER
from amn.verdict import Status, Verdict
from tests.checkouts import CASE_TEXT, begin_change, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.gate.result import GateResult

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

WORKFLOW = """\
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: amn gate --strict
"""
WAIVER = '[[waiver]]\ncheck = "C002"\nreason = "r"\nowner = "o"\ncreated = {}\nexpires = {}\n'
TODAY = date(2025, 2, 12)


class Project:
    """A git checkout with a case, a branch `change`, and a gate against `main`."""

    def __init__(self, root: Path, golden: Golden, cache: Path) -> None:
        self.root, self.accepted, self._cache = root, golden, cache
        self.folder = root / "golden" / "case"

    def git(self, *words: str) -> str:
        return git(self.root, *words)

    def merge(self) -> None:
        """Merge what is there into main, and begin the next change."""
        commit(self.root)
        self.git("branch", "-f", "main", "HEAD")

    def edit(self, old: str, new: str, file: str = "golden/case/case.toml") -> None:
        path = self.root / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")

    def gate(self, **options: Any) -> GateResult:
        commit(self.root)
        base = MergeBase(self.root, "main", options.pop("approval", ""))
        made = GateOptions(cache=self._cache, merge_base=base, today=TODAY, **options)
        return run_gate(load_case(self.folder), made)


@pytest.fixture(scope="session")
def made(
    tmp_path_factory: pytest.TempPathFactory, toy_data: Path, toy_golden: Golden, toy_cache: Path
) -> Project:
    """The project as it is on main."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(toy_data, root / "data")
    for name in ("case", "other"):
        folder = root / "golden" / name
        folder.mkdir(parents=True)
        (folder / "case.toml").write_text(CASE_TEXT, "utf-8")
    write_golden(root / "golden" / "case", toy_golden)
    workflow = root / ".github" / "workflows" / "gate.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(WORKFLOW, "utf-8")
    begin_change(root)
    return Project(root, toy_golden, toy_cache)


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    shutil.copytree(made.root, tmp_path / "p")
    return Project(tmp_path / "p", made.accepted, made._cache)


def moved(golden: Golden, by: float, **accepted: Any) -> Golden:
    """Return a golden whose every cosine is moved."""
    lower = moved_by(golden, by=by)
    who = golden.record.accepted.model_copy(update=accepted)
    return Golden(lower.record.model_copy(update={"accepted": who}), lower.tables)


def whats(result: GateResult) -> list[str]:
    assert result.review is not None
    return [loosening.what for loosening in result.review.loosenings]


def failed(result: GateResult) -> list[str]:
    fine = (Status.PASS, Status.WARN, Status.NOT_RUN)
    return [outcome.check for outcome in result.outcomes if outcome.status not in fine]


def by_hand(project: Project) -> None:
    """Write a lower golden with every digest right, past the ledger."""
    golden = moved(project.accepted, -0.05)
    (project.folder / GOLDEN_FILE).write_bytes(golden.record.to_bytes())
    (project.folder / "golden.csv").write_bytes(to_csv(golden.tables))


def renamed_metric(project: Project) -> None:
    values = json.loads((project.folder / GOLDEN_FILE).read_bytes())
    values["metrics"]["cosine_mean"] = values["metrics"].pop("cosine")
    (project.folder / GOLDEN_FILE).write_text(json.dumps(values), "utf-8")


def fewer_checks(project: Project) -> None:
    old = project.accepted
    checks = {label: e for label, e in old.record.checks.items() if label != "D001-finite"}
    write_golden(project.folder, Golden(with_checks(old.record, checks), old.tables))


def waive(project: Project, created: str, expires: str) -> None:
    (project.folder / WAIVERS_FILE).write_text(WAIVER.format(created, expires), "utf-8")


def add(project: Project, path: Path | str, text: str) -> None:
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def edited_ledger(project: Project) -> None:
    path = project.folder / LEDGER_FILE
    path.write_bytes(path.read_bytes().replace(b"first accepted result", b"agreed by all"))


YML = ".github/workflows/gate.yml"
HOOK = "def pytest_report_teststatus(report):\n    return 'passed', '.', 'PASSED'\n"
CHEATS: dict[str, tuple[Callable[[Project], object], int, str, list[str]]] = {
    "rewrite the golden by hand": (by_hand, 1, "moved the golden", ["G010", "G009"]),
    "accept a lower golden in the same change": (
        lambda p: write_golden(p.folder, moved(p.accepted, -0.004)),
        5,
        "moved the golden",
        ["G010"],
    ),
    "lower a floor": (lambda p: p.edit("ood = 0.3", "ood = 0.2"), 5, "lowered a floor", ["G010"]),
    "widen the margin": (
        lambda p: p.edit("[criteria]", "[golden]\nmargin = 0.05\n[criteria]"),
        5,
        "widened a margin",
        ["G010"],
    ),
    "delete a check": (fewer_checks, 5, "removed a check", ["G010"]),
    "delete a case": (
        lambda p: shutil.rmtree(p.root / "golden" / "other"),
        5,
        "removed a case",
        ["G010"],
    ),
    "rename a metric": (renamed_metric, 3, "renamed or removed a metric", ["G010", "G009", "G004"]),
    "shrink the OOD set": (
        lambda p: p.edit('"53-64"', '"53-62"'),
        3,
        "shrank the evaluation set",
        ["G010", "G003"],
    ),
    "switch seeds": (
        lambda p: p.edit("[0, 1, 2]", "[2, 3, 4]"),
        5,
        "switched seeds",
        ["G010"],
    ),
    "set continue-on-error": (
        lambda p: p.edit("--strict\n", "--strict\n        continue-on-error: true\n", YML),
        5,
        "set continue-on-error",
        ["G010"],
    ),
    "ignore the exit code": (
        lambda p: p.edit("--strict", "--strict || true", YML),
        5,
        "ignored an exit code",
        ["G010"],
    ),
    "remove the step": (
        lambda p: p.edit("      - run: amn gate --strict\n", "", YML),
        5,
        "removed a step of the gate",
        ["G010"],
    ),
    "name its own branch as the target": (
        lambda p: p.edit("jobs:\n", "env:\n  CHANGE_TARGET: change\njobs:\n", YML),
        5,
        "named the branch to compare with",
        ["G010"],
    ),
    "bring finished runs along": (
        lambda p: add(p, CACHE_FOLDER / "ab" / "run.json", "{}"),
        5,
        "brought its own finished runs",
        ["G010"],
    ),
    "switch the plugin off in new settings of pytest": (
        lambda p: add(p, "pytest.ini", "[pytest]\naddopts = -p no:amn\n"),
        5,
        "switched off the pytest plugin",
        ["G010"],
    ),
    "leave golden/ out of pytest": (
        lambda p: add(p, "conftest.py", 'collect_ignore = ["golden"]\n'),
        5,
        "left golden/ out of pytest",
        ["G010"],
    ),
    "hook into the reports": (
        lambda p: add(p, "conftest.py", HOOK),
        5,
        "added or changed a hook that can hide a failure",
        ["G010"],
    ),
    "hook into the reports beside the case": (
        lambda p: add(p, "golden/conftest.py", HOOK),
        5,
        "added or changed a hook that can hide a failure",
        ["G010"],
    ),
    "add an expired waiver": (
        lambda p: waive(p, "2025-01-01", "2025-01-31"),
        1,
        "added a waiver",
        ["G010", "G011"],
    ),
    "add a waiver": (
        lambda p: waive(p, "2025-02-01", "2025-02-28"),
        5,
        "added a waiver",
        ["G010"],
    ),
    "edit the ledger": (edited_ledger, 1, "rewrote the ledger", ["G010", "G008"]),
    "remove the ledger": (
        lambda p: (p.folder / LEDGER_FILE).unlink(),
        1,
        "removed the ledger",
        ["G010", "G008"],
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_caught_by_name_with_its_exit_code(project: Project, name: str) -> None:
    cheat, code, what, checks = CHEATS[name]
    cheat(project)
    result = project.gate()

    assert result.verdict.exit_code() == code, (result.verdict, failed(result))
    assert what in whats(result)
    assert set(checks) <= set(failed(result))


def test_a_change_that_touches_nothing_passes_on_merit(project: Project) -> None:
    result = project.gate()

    assert result.verdict is Verdict.PASS, failed(result)
    assert result.review is not None
    assert result.review.is_on_merit


def test_an_honest_update_with_a_reason_passes_as_such(project: Project) -> None:
    better = moved(project.accepted, 0.001, reason="more articles", author="A. Uthor")
    write_golden(project.folder, better, Acceptance())
    result = project.gate()

    assert result.verdict.exit_code() == 0, failed(result)
    assert result.review is not None
    assert result.review.is_on_merit
    assert result.review.note == "golden accepted by A. Uthor: more articles"


def test_drift_in_small_approved_steps_meets_the_budget(project: Project) -> None:
    codes, named = [], []
    for step in range(1, 6):
        write_golden(project.folder, moved(project.accepted, -0.004 * step))
        result = project.gate(approval="C. Lead: small")
        codes.append(result.verdict.exit_code())
        named.append(failed(result))
        project.merge()

    assert codes == [0, 0, 1, 1, 1]
    assert named == [[], [], ["G012"], ["G012"], ["G012"]]


def anchored(project: Project, by: float, metric: str) -> list[str]:
    """Return the loosenings of an anchor whose golden has a metric that is higher by so much."""
    write_golden(project.folder, moved_by(project.accepted, by=by, metric=metric), Acceptance())
    project.merge()
    enter(project.folder, Acceptance(kind="anchor", reason="release"))
    return [f"{one.what} {one.where}" for one in project.gate().review.loosenings]


@pytest.mark.parametrize("metric", ["cosine", "reciprocal_rank"])
def test_an_anchor_that_stands_lower_is_a_loosening_by_what_comes_next_too(
    project: Project, metric: str
) -> None:
    name = "ood" if metric == "cosine" else f"{metric}.ood"

    found = anchored(project, -0.0001, metric)

    assert f"moved the anchor golden/case/ledger.jsonl entry 2 {name}" in found


def test_an_anchor_that_stands_higher_is_none(project: Project) -> None:
    assert anchored(project, 0.0001, "reciprocal_rank") == []


def test_settings_of_pytest_that_leave_the_gate_alone_are_no_loosening(project: Project) -> None:
    add(project, "pytest.ini", "[pytest]\naddopts = -ra --ignore=docs\n")

    assert whats(project.gate()) == []


def test_only_a_hook_that_changed_is_named(project: Project) -> None:
    add(project, "conftest.py", HOOK)
    project.merge()
    add(project, "conftest.py", f"# ours\nN = 1\n{HOOK}")
    assert whats(project.gate()) == []

    add(project, "conftest.py", HOOK.replace("PASSED", "FINE"))
    assert whats(project.gate()) == ["added or changed a hook that can hide a failure"]


def test_a_pass_that_needs_the_lower_floor_says_so(project: Project) -> None:
    project.edit("ood = 0.3", "ood = 0.99")
    project.merge()
    project.edit("ood = 0.99", "ood = 0.3")
    result = project.gate()

    assert result.verdict.exit_code() == 5
    assert result.review is not None
    assert result.review.worse_on_base == ("C002-ood",)
    assert str(result.review).startswith("only because this change lowered a floor")


def test_what_the_merge_base_leaves_open_is_no_pass_on_merit(project: Project) -> None:
    scored = next(o for o in project.gate().outcomes if o.check == "C002")
    assert scored.number is not None
    limit = f'id = "C101"\nmetric = "cosine"\nsplit = "ood"\nleast = {scored.number - 1e-5}\n'
    with (project.folder / "case.toml").open("a", encoding="utf-8") as file:
        file.write(f'[[criteria.limit]]\n{limit}by = "bound"\n')
    project.merge()
    assert project.gate().verdict is Verdict.INCONCLUSIVE

    project.edit('by = "bound"', 'by = "estimate"')
    result = project.gate()

    assert result.verdict is Verdict.LOOSENED
    assert result.review is not None
    assert [label[:4] for label in result.review.open_on_base] == ["C101"]
    assert not result.review.is_on_merit


def test_a_lower_bar_that_nothing_else_names_is_named_all_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "limit_loosenings", lambda *_: iter(()))
    project.edit("ood = 0.3", "ood = 0.99")
    project.merge()
    project.edit("ood = 0.99", "ood = 0.3")
    result = project.gate()

    assert result.verdict.exit_code() == 5
    assert whats(result) == ["changed what it is judged by"]


def test_an_approved_loosening_passes_and_stays_visible(project: Project) -> None:
    project.edit("ood = 0.3", "ood = 0.2")
    result = project.gate(approval="C. Lead: agreed")

    assert result.verdict.exit_code() == 0
    assert whats(result) == ["lowered a floor"]
    assert {o.check: o.status for o in result.outcomes}["G010"] is Status.WARN


def test_a_merged_waiver_lets_its_check_through_and_is_shown(project: Project) -> None:
    project.edit("ood = 0.3", "ood = 0.99")
    waive(project, "2025-02-01", "2025-02-28")
    project.merge()
    result = project.gate()
    outcome = {o.check: o for o in result.outcomes}["C002"]

    assert result.verdict.exit_code() == 0, failed(result)
    assert outcome.status is Status.WARN
    assert "waived until 2025-02-28 by o: r (FAIL)" in outcome.detail
    assert [waiver.check for waiver in result.waivers] == ["C002"]


def test_a_branch_that_is_not_there_is_an_error_with_the_fix(project: Project) -> None:
    project.git("branch", "-D", "main")
    result = project.gate()
    outcome = {o.check: o for o in result.outcomes}["G010"]

    assert result.verdict is Verdict.ERROR
    assert "fetch-depth: 0" in outcome.findings[0].message


def test_without_git_it_says_so_and_goes_on(project: Project) -> None:
    shutil.rmtree(project.root / ".git")
    options = GateOptions(cache=project._cache, merge_base=MergeBase(project.root))
    outcomes = {o.check: o for o in run_gate(load_case(project.folder), options).outcomes}

    assert outcomes["G010"].status is Status.PASS
    assert outcomes["G010"].detail == "no git checkout"
