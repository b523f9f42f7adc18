"""amn check run and amn report on records: what a person types and sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import DataError

if TYPE_CHECKING:
    from click.testing import Result

HISTORY = Path(__file__).parents[2] / "data" / "history"
GOOD = [{"epoch": i, "val_cosine": 0.55 + 0.01 * i} for i in range(1, 4)]


def amn(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def write(folder: Path, name: str, content: Any = GOOD) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def test_one_record_shows_every_check(tmp_path: Path) -> None:
    got = amn("check", "run", write(tmp_path, "good.json"))

    assert got.exit_code == 0
    assert "R001 first_epoch" in got.output
    assert got.output.splitlines()[-1].startswith(
        "PARTIAL (record only): 6 of 6 checks. Reproduce: amn check run"
    )


def test_several_records_get_a_line_each(tmp_path: Path) -> None:
    got = amn("check", "run", HISTORY)

    lines = [line.split() for line in got.output.splitlines()]
    assert got.exit_code == 3
    assert [line[2] for line in lines if line[:1] in (["790k"], ["584k"])] == [
        "SUCCESS", "HARNESS", "INFONCE_DOMINANCE", "HARNESS",
    ]  # fmt: skip
    assert got.output.splitlines()[-1].startswith("HARNESS: 3 of 4 records (790k #1, 790k #2, ")
    assert max(len(line) for line in got.output.splitlines()[:-1]) <= 100
    assert amn("check", "run", write(tmp_path, "a.json"), write(tmp_path, "b.json")).exit_code == 0


def test_a_long_reason_takes_no_letter_of_a_name(tmp_path: Path) -> None:
    write(tmp_path, "a-run-of-monday.json")
    (tmp_path / "broken-and-unreadable.json").write_text("{" + "x" * 300)

    lines = amn("check", "run", tmp_path).output.splitlines()

    assert lines[0].split() == ["record", "status", "stop", "reason"]
    assert [line.split()[0] for line in lines[1:3]] == [
        "a-run-of-monday",
        "broken-and-unreadable.json",
    ]
    assert max(map(len, lines[:3])) <= 100


def test_the_exit_code_is_of_the_worst(tmp_path: Path) -> None:
    good = write(tmp_path, "a.json")
    known = {"references": {"constant": 0.19, "mean": 0.52}}
    low = write(tmp_path, "b.json", {"history": [{"val_cosine": 0.3}], **known})
    (tmp_path / "c.json").write_text("{")

    assert amn("check", "run", good, low).exit_code == 1
    got = amn("check", "run", tmp_path)
    assert got.exit_code == 3
    assert "UNREADABLE" in got.output
    assert "3 records (b, c.json)" in got.output


def test_the_seeds_profile_and_known_references_move_the_first_epoch(tmp_path: Path) -> None:
    path = write(tmp_path, "gru.json", [{"val_cosine": 0.39}, {"val_cosine": 0.57}])

    assert amn("check", "run", path).exit_code == 0
    assert amn("check", "run", path, "--profile", "seed").exit_code == 1
    known = ("--reference", "constant=0.3", "--reference", "mean=0.5")
    got = amn("check", "run", path, *known)
    assert got.exit_code == 1
    assert got.output.endswith(" ".join(("run", str(path), *known)) + "\n")


@pytest.mark.parametrize("option", [("--profile", "seed"), ("--reference", "mean=0.5")])
def test_options_that_a_case_decides_are_refused_beside_it(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    got = amn("check", "run", write(tmp_path, "a.json"), "--case", "toy", *option)

    assert got.exit_code == 2
    assert f"expected only PATH with --case, got {' '.join(option)}" in got.output


@pytest.mark.parametrize("text", ["mean", "mean=high", "mean=7", "last=0.5", "mean=nan"])
def test_a_reference_that_is_none_is_wrong_use(tmp_path: Path, text: str) -> None:
    for command in (("check", "run"), ("report",)):
        got = amn(*command, write(tmp_path, "a.json"), "--reference", text)
        assert got.exit_code == 2
        assert "--reference: expected constant or mean=COSINE" in got.output


def test_json_holds_status_and_stop_epoch() -> None:
    got = amn("check", "run", HISTORY / "790k-2.json", "--format", "json")

    (result,) = json.loads(got.output)["results"]
    assert result["facts"]["status"] == "INFONCE_DOMINANCE"
    assert result["facts"]["stop_epoch"] == 1


def test_one_run_with_a_case_and_not_several(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    got = amn("check", "run", tmp_path / "a", tmp_path / "b", "--case", tmp_path)

    assert got.exit_code == 2
    assert "expected one run with --case, got 2" in got.output


def test_one_record_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    got = amn("check", "run", tmp_path / "a.json")

    assert isinstance(got.exception, DataError)
    assert str(got.exception).startswith(f"{tmp_path / 'a.json'}: expected a record in JSON")


def test_what_cannot_be_read_is_said_in_full_below_the_table(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", {"weather": "fine"})
    write(tmp_path, "b.json")
    got = amn("check", "run", tmp_path)

    assert f"{path}: expected epochs under 'history' or 'epochs', found none, got" in got.output


def test_the_status_stands_beside_what_was_written_down_then() -> None:
    got = amn("check", "run", HISTORY / "790k-1.json")

    assert "status: HARNESS; written down then: OOD collapse\n" in got.output
    got = amn("check", "run", HISTORY / "790k-2.json")
    assert "InfoNCE dominance; could have been stopped after epoch 1\n" in got.output


@pytest.mark.parametrize("command", [("check", "run"), ("report",)])
def test_nothing_there_is_said(tmp_path: Path, command: tuple[str, ...]) -> None:
    got = amn(*command, tmp_path / "absent.json")

    assert got.exit_code == 2
    assert "record or a folder of records" in f"{got.output}{got.exception}"
    assert amn(*command).exit_code == 2


def test_a_report_is_written_whole_and_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "out" / "report.md"
    got = amn("report", HISTORY, "-o", path)

    assert got.exit_code == 0
    assert got.output == f"{path}: 4 runs, 3 without success\n"
    assert path.read_text() == amn("report", HISTORY, "--format", "markdown").output
    assert "Reproduce: `amn report" in path.read_text()


def test_a_report_reads_in_a_terminal() -> None:
    got = amn("report", HISTORY, "--title", "Four runs")

    assert got.exit_code == 0
    assert "Four runs" in got.output
    assert "Recommended actions, in this order" in got.output
