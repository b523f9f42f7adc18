from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.errors import ArgumentError
from amn.report.junit import to_junit
from amn.report.markdown import to_comment
from amn.report.outputs import FILES, Output, Report, parse_outputs, remove_old, write_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from amn.gate.result import GateResult


def test_the_suffix_names_the_kind_and_a_kind_can_be_named() -> None:
    assert parse_outputs(["a.JSON", "b/j.xml", "comment=c.txt"]) == (
        Output("json", "a.JSON"),
        Output("junit", "b/j.xml"),
        Output("comment", "c.txt"),
    )


@pytest.mark.parametrize(
    "text", ["report", "report.doc", "pdf=x.pdf", "=x.md", "", "junit=", ".", "junit=/"]
)
def test_what_names_no_report_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^-o .*expected .*got .*Fix: "):
        parse_outputs([text])


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ArgumentError, match=r"expected a folder at .*file, got a file$"):
        parse_outputs([f"{tmp_path}/file/report.md"])


def test_two_reports_cannot_share_a_path() -> None:
    with pytest.raises(ArgumentError, match="expected a path of its own, got it twice"):
        parse_outputs(["a.md", "comment=./a.md"])


def test_reports_are_written_whole_into_new_folders(tmp_path: Path, failed: GateResult) -> None:
    outputs = parse_outputs([f"{tmp_path}/new/j.xml", f"comment={tmp_path}/c.md"])

    write_outputs(outputs, Report((failed,), strict=True))

    assert (tmp_path / "new/j.xml").read_text("utf-8") == to_junit([failed], strict=True)
    assert (tmp_path / "c.md").read_text("utf-8") == to_comment([failed])
    assert len(list(tmp_path.rglob("*"))) == 3


def test_what_an_earlier_command_wrote_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("PASS", encoding="utf-8")
    outputs = parse_outputs([f"{tmp_path}/a.md", f"{tmp_path}/b.md"])

    remove_old(outputs)

    assert not list(tmp_path.iterdir())


def test_a_log_folder_that_exists_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"expected a new folder, got one that exists$"):
        parse_outputs([f"tensorboard={tmp_path}"])


def test_every_file_kind_is_written(tmp_path: Path, failed: GateResult) -> None:
    outputs = parse_outputs([f"{kind}={tmp_path}/{kind}" for kind in FILES])

    write_outputs(outputs, Report((failed,)))

    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
