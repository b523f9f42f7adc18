"""`amn rules` and docs/checks.md are made from the declarations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from amn.checks.check import checks
from amn.cli.main import cli
from amn.gate.makers import EVERY, GIVEN
from amn.verdict import OWN

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_checks_is_the_one_that_the_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no conftest.py of a project is there

    result = CliRunner().invoke(cli, ["rules", "--format", "markdown"])

    assert result.exit_code == 0
    assert result.stdout == (DOCS / "checks.md").read_text("utf-8")


def test_the_page_has_every_check_with_what_breaks_it() -> None:
    page = (DOCS / "checks.md").read_text("utf-8")
    ours = [one for one in checks().values() if one.family != OWN]

    assert len(ours) >= 90
    for one in ours:
        assert f"### {one.label} ({one.severity.name.lower()})\n\n{one.help}" in page
        assert all(f"`{defect.id}`" in page for defect in one.broken_by)


def test_a_check_is_explained_in_full_and_an_unknown_one_is_wrong_use() -> None:
    shown = CliRunner().invoke(cli, ["rules", "D007"]).stdout
    refused = CliRunner().invoke(cli, ["rules", "D0077"])

    for text in ("D007-row_order", "why", "fix", "reads", "needs", "broken"):
        assert text in shown
    assert refused.exit_code == 2
    assert "like D007, S007, R007. Fix: amn rules D007" in refused.output


def test_every_part_of_the_evidence_is_explained() -> None:
    shown = CliRunner().invoke(cli, ["rules", "--parts"]).stdout

    assert len(EVERY) >= 50
    for part, maker in EVERY.items():
        assert part in shown
        assert maker.__doc__, part
    for part, text in GIVEN.items():
        assert text.split()[0] in next(s for s in shown.splitlines() if s.startswith(f"{part} "))
