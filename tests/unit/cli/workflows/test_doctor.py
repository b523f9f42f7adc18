"""What a project is missing, one thing at a time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.cli.workflows.doctor import Item, examine
from amn.cli.workflows.init import EXAMPLE, PLACES, SYSTEMS, System, render_workflow
from amn.golden.store import write_golden
from amn.storage import write_bytes
from tests.checkouts import begin_change, commit, git

if TYPE_CHECKING:
    from amn.golden.schema import Golden

CASE = """
schema = 1
title = "toy"
[dataset]
path = "data"
[split]
in_dist = { articles = "41-52" }
ood = { articles = "53-64" }
"""


def workflow_of(system: System) -> str:
    """Return the workflow of a CI system, for main."""
    return render_workflow(system, branch="main", source=EXAMPLE)


@pytest.fixture
def project(tmp_path: Path, toy_golden: Golden) -> Path:
    """A project that lacks nothing."""
    folder = tmp_path / "project"
    case = folder / "golden" / "case"
    (case / "data").mkdir(parents=True)
    (case / "data/dataset.json").touch()
    (case / "case.toml").write_text(CASE, "utf-8")
    write_golden(case, toy_golden)
    file = folder / PLACES["github"].file
    write_bytes(file, workflow_of("github").encode())
    begin_change(folder)
    return folder


def missing(folder: Path) -> list[Item]:
    return [item for item in examine(folder) if item.state == "missing"]


def test_a_project_that_lacks_nothing(project: Path) -> None:
    assert missing(project) == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_workflow_that_is_written_is_not_called_weak(system: System, project: Path) -> None:
    shutil.rmtree(project / ".github")
    text = render_workflow(system, branch="trunk", source="git+https://example.org/other@v2")
    write_bytes(project / PLACES[system].file, text.encode())

    items = [i for i in examine(project) if i.what == PLACES[system].file.as_posix()]

    assert [(item.state, item.found) for item in items] == [("ok", "runs the gate")]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("fetch-depth: 0", "fetch-depth: 1", "removed the whole history"),
        ("jobs:", "jobs:\n  x: {}\n    continue-on-error: true", "set continue-on-error"),
        ("push:", "push:\n    paths: [src]", "made a job conditional"),
        ("-o comment=comment.md", "-o comment=comment.md || true", "ignored an exit code"),
        ("name: Gate", "name: Gate\n        if: github.actor != 'me'", "made a step conditional"),
        ("--format github", "--first-run", "judged without a golden"),
        ("run: amn selftest", "run: echo selftest", "removed a step of the gate"),
    ],
)
def test_a_workflow_that_got_weaker_is_said_to_be(
    old: str, new: str, found: str, project: Path
) -> None:
    file = project / PLACES["github"].file
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")

    items = missing(project)

    assert {item.what for item in items} == {".github/workflows/amn.yml"}
    assert any(found in item.found for item in items)
    assert all(item.fix for item in items)


def test_a_workflow_of_ones_own_is_compared_with_the_least_there_is(project: Path) -> None:
    text = "jobs:\n gate:\n  steps:\n  - run: amn gate\n"
    (project / PLACES["github"].file).write_text(text, "utf-8")

    assert [item.found for item in missing(project)] == [
        "weak, it removed the whole history: fetch-depth: 0"
    ]
    notes = [item.found for item in examine(project) if item.state == "note"]
    assert {"without pinned threads", "without kept reports", "without a final job"} <= set(notes)


@pytest.mark.parametrize(
    ("gone", "found", "fix"),
    [
        (".github", "none runs amn gate", "amn ci init"),
        ("golden", "nothing is gated", "amn case new"),
        ("golden/case/case.toml", "a golden without a case", "amn golden prune"),
        ("golden/case/golden.json", "no golden", "amn golden new case"),
        ("golden/case/golden.csv", "found none", "amn golden verify case"),
        ("golden/case/ledger.jsonl", "without a ledger", "amn golden adopt case --reason TEXT"),
        ("golden/case/data", "no data set at data", "amn data import"),
        (".git", "no checkout: changes", "git init && git add --all"),
    ],
)
def test_what_is_gone_is_named_with_its_fix(gone: str, found: str, fix: str, project: Path) -> None:
    path = project / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if gone != ".git":
        commit(project)

    items = missing(project)

    assert any(found in item.found and fix in item.fix for item in items), items
    assert all(item.fix and "\n" not in item.found for item in items)


def test_a_damaged_ledger_and_a_wrong_case_are_named(project: Path) -> None:
    ledger = project / "golden/case/ledger.jsonl"
    ledger.write_text(ledger.read_text("utf-8").replace("first", "worst"), "utf-8")
    commit(project)
    assert "ledger: " in missing(project)[0].found

    (project / "golden/case/case.toml").write_text("schema = 9", "utf-8")
    commit(project)
    assert "problems" in missing(project)[0].found


def test_a_golden_that_is_not_committed_is_named(project: Path) -> None:
    (project / "golden/case/notes.md").write_text("x", "utf-8")

    [item] = missing(project)

    assert item.found == "1 file not committed, such as golden/case/notes.md"


def test_a_history_that_was_cut_off_is_named(project: Path, tmp_path: Path) -> None:
    commit(project)
    git(tmp_path, "clone", "-q", "--depth", "1", project.as_uri(), "clone")

    assert "fetch-depth: 0" in missing(tmp_path / "clone")[0].fix


def test_a_target_that_is_not_there_is_named(project: Path) -> None:
    [item] = [item for item in examine(project, target="origin/next") if item.state == "missing"]

    assert "expected the branch origin/next" in item.found


def test_a_missing_package_is_named_with_its_extra(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.cli.workflows.doctor.find_spec", lambda name: name != "torch")

    assert [item.fix for item in missing(project)] == ["pip install 'torch>=2.4'"]


def test_the_command_says_it_in_lines_or_json_and_exits_with_1(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for name in ("CI", "GITHUB_BASE_REF", "CHANGE_TARGET"):
        monkeypatch.delenv(name, raising=False)
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 0

    shutil.rmtree(".github")
    commit(Path())
    text = CliRunner().invoke(cli, ["doctor"])
    data = CliRunner().invoke(cli, ["doctor", "--format", "json"])

    assert (text.exit_code, data.exit_code) == (1, 1)
    assert "missing  workflow: none runs amn gate: nothing blocks a merge" in text.output
    assert text.output.endswith("1 missing\n")
    assert '"missing": 1,' in data.output
