"""The golden commands on what is there: who may accept, what is shown, what is removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from amn.cli.main import main
from amn.golden.ledger import LEDGER_FILE
from amn.golden.store import GOLDEN_FILE, write_golden
from tests.checkouts import begin_change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASE = """\
schema = 1
[dataset]
path = "data"
[split]
in_dist = { articles = "1-9" }
ood = { articles = "10-19" }
"""
WHY = ("--reason", "why")


@pytest.fixture
def project(tmp_path: Path, toy_golden: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`case` has a golden, `bare` has none, `old` has a golden and no case, `bad` a bad ledger."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "PYTEST_XDIST_WORKER", "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)
    for name in ("case", "bare", "old", "bad"):
        folder = tmp_path / "golden" / name
        folder.mkdir(parents=True)
        (folder / "case.toml").write_text(CASE, "utf-8")
        if name != "bare":
            write_golden(folder, toy_golden)
    (tmp_path / "golden" / "old" / "case.toml").unlink()
    ledger = tmp_path / "golden" / "bad" / LEDGER_FILE
    ledger.write_bytes(ledger.read_bytes().replace(b"first", b"worst"))
    return tmp_path


@pytest.fixture
def run(
    project: Path,  # noqa: ARG001 - where it runs
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Run `amn golden WORDS`; return exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["amn", "golden", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def files(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize("variable", ["CI", "PYTEST_XDIST_WORKER"])
@pytest.mark.parametrize("command", ["new", "update", "adopt", "anchor"])
def test_a_machine_accepts_nothing(
    run: Any, project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, command: str
) -> None:
    monkeypatch.setenv(variable, "gw0")
    before = files(project)
    code, _, err = run(command, "case", *WHY)

    assert code == 2
    assert "expected a person, got" in err
    assert files(project) == before


def test_an_update_on_a_dirty_tree_is_refused(run: Any, project: Path) -> None:
    begin_change(project)
    (project / "golden" / "case" / "case.toml").write_text(CASE + "\n", "utf-8")
    code, _, err = run("update", "case", *WHY)

    assert code == 2
    assert "expected a clean git tree, got 1 uncommitted file (golden/case/case.toml)" in err


def test_verify_fails_on_an_edited_ledger_and_on_orphans(run: Any) -> None:
    assert "G008 ledger" in run("verify", "bad")[1]
    code, out, _ = run("verify", "case")

    assert code == 1
    assert "golden/old: expected a case.toml beside its golden.json, found none" in out


def test_the_last_line_of_verify_is_about_every_case(run: Any) -> None:
    code, out, _ = run("verify")

    assert code == 3
    assert out.splitlines()[-1].startswith(
        "HARNESS: 3 of 3 cases (HARNESS bare, FAIL bad, FAIL case)"
    )


def test_prune_lists_first_and_removes_when_told(run: Any, project: Path) -> None:
    before = files(project)
    code, out, _ = run("prune")
    assert (code, files(project)) == (0, before)
    assert "would remove golden/old/golden.json" in out

    assert run("prune", "--yes")[0] == 0
    assert not (project / "golden" / "old").exists()
    assert (project / "golden" / "case" / GOLDEN_FILE).exists()
    assert run("verify", "case")[0] == 0


def test_the_log_shows_values_and_reasons(run: Any) -> None:
    assert run("anchor", "case", "--reason", "release 1.2")[0] == 0
    code, out, _ = run("log", "case")

    assert code == 0
    assert "first accepted result" in out
    assert "release 1.2" in out
    assert "since entry 1" in out
    lines = [line for line in out.splitlines() if "since entry" in line]
    assert len(lines) > 2
    assert len({line.rindex("  ", 0, line.index(" ... ")) for line in lines}) == 1


def test_a_golden_without_a_ledger_can_be_adopted(run: Any, project: Path) -> None:
    (project / "golden" / "case" / LEDGER_FILE).unlink()

    assert run("adopt", "case", *WHY)[0] == 0
    assert "adopted" in run("log", "case")[1]


def test_headroom_names_limits_that_are_too_far(run: Any) -> None:
    code, out, _ = run("headroom", "case")

    assert code == 0
    assert "criteria.in_dist" in out
