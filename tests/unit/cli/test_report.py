"""`amn report` as HTML: the page of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

CASE = """
schema = 1
title = "no data"
[dataset]
path = "data"
[split]
in_dist = { fraction = 0.1 }
ood = { fraction = 0.1 }
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case whose data set is missing."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "case.toml").write_text(CASE, "utf-8")
    return folder


def test_a_case_is_written_as_its_page_whatever_its_verdict(case: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"

    result = CliRunner().invoke(cli, ["report", str(case), "-o", str(page)])

    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    assert "<strong>FAIL</strong> toy" in text
    assert "D003-readable came first" in text


def test_the_page_goes_to_stdout_on_request(case: Path) -> None:
    result = CliRunner().invoke(cli, ["report", str(case), "--format", "html"])

    assert result.stdout.startswith("<!doctype html>")


@pytest.mark.parametrize("option", [["--profile", "seed"], ["--reference", "constant=0.2"]])
def test_what_the_page_has_no_use_for_is_refused(case: Path, option: list[str]) -> None:
    result = CliRunner().invoke(cli, ["report", str(case), "--format", "html", *option])

    assert result.exit_code == 2
    assert "expected only cases for HTML, got --" in result.output


def test_a_record_has_no_page(case: Path, tmp_path: Path) -> None:
    record, page = tmp_path / "record.json", tmp_path / "report.html"
    record.write_text("{}", "utf-8")

    result = CliRunner().invoke(cli, ["report", str(case), str(record), "-o", str(page)])

    assert result.exit_code == 2
    assert "expected cases for HTML, got" in result.output
    assert not page.exists()
