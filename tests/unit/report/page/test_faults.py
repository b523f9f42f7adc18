from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from amn.errors import ArgumentError
from amn.prove.selftest import DefectRow, Matrix
from amn.report.page.faults import FaultMatrix, read_faults
from amn.report.page.html import to_html

if TYPE_CHECKING:
    from pathlib import Path

    from amn.gate.result import GateResult


def row(state: Any, check: str = "D001-finite") -> DefectRow:
    title = f"a defect that was {state}"
    return DefectRow("nan", title, check, "before training", state, "FAIL", "", 0.25)


def written(path: Path, *rows: DefectRow) -> dict[str, FaultMatrix]:
    matrix = Matrix("wiki-mini", rows, (), 12.4, 1.0)
    path.write_text(json.dumps([matrix.to_json()]), "utf-8")
    return read_faults(path)


def test_what_the_self_test_writes_is_read(tmp_path: Path) -> None:
    matrix = written(tmp_path / "x.json", row("caught"), row("missed"), row("not applicable"))[
        "wiki-mini"
    ]

    assert not matrix.passed
    assert [fault.state for fault in matrix.rows] == ["missed", "caught", "not applicable"]
    assert str(matrix) == (
        "1 of 2 injected defects were caught by the check that owns them, in 12 s; "
        "1 do not apply to this case."
    )


def test_the_page_shows_the_matrix_of_its_case_and_opens_it_when_something_was_missed(
    tmp_path: Path, failed: GateResult
) -> None:
    caught = to_html([failed], written(tmp_path / "a.json", row("caught")))
    missed = to_html([failed], written(tmp_path / "b.json", row("missed")))

    assert "a defect that was caught" in caught
    assert '<details class="card family" open><summary><span class="badge FAIL">' in missed
    assert "Fault matrix" not in to_html([failed])


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}]", "not json", '[{"case": 1}]', "\x00"])
def test_a_file_that_is_no_self_test_is_one_clear_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")

    with pytest.raises(ArgumentError, match=r"^[^\n]*expected what amn selftest writes[^\n]*$"):
        read_faults(path)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="expected a self-test, got: No such file"):
        read_faults(tmp_path / "none.json")
