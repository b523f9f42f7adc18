"""`amn calibrate`: on the shipped case without its data, and on ten bad inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click import ClickException
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import AmnError, ArgumentError, ConfigError, GoldenError

if TYPE_CHECKING:
    from click.testing import Result

CASE = Path(__file__).parents[3] / "golden" / "wiki-mini"


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped case: its golden is all that calibration looks at."""
    folder = tmp_path / "golden" / "wiki-mini"
    folder.mkdir(parents=True)
    for name in ("case.toml", "golden.json", "golden.csv"):
        shutil.copy(CASE / name, folder / name)
    monkeypatch.chdir(tmp_path)
    return folder


def calibrate(*options: str) -> Result:
    return CliRunner().invoke(cli, ["calibrate", *options])


def test_a_calibration_says_what_to_write(case: Path) -> None:
    result = calibrate("wiki-mini", "--trials", "100")

    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    assert "seed noise, SD of the score (90 % limit)  0.00005" in result.stdout
    assert "margin 0.01 is above the noise" in result.stdout
    assert f"write into golden/{case.name}/case.toml:\n[golden]\nmargin = 0.00" in result.stdout


def test_a_margin_within_the_noise_is_said_to_be_too_small(case: Path) -> None:
    with (case / "case.toml").open("a", encoding="utf-8") as file:
        file.write("[golden]\nmargin = 0.0001\n")

    result = calibrate("wiki-mini", "--trials", "100")

    assert "margin 0.0001 is within the noise" in result.stdout


def test_shares_are_whole_on_a_terminal_of_80_columns(case: Path) -> None:
    with (case / "case.toml").open("a", encoding="utf-8") as file:
        file.write("[golden]\nmargin = 0.0001\n")

    result = CliRunner().invoke(
        cli, ["calibrate", "wiki-mini", "--trials", "100"], env={"COLUMNS": "80"}
    )

    table = result.stdout.partition("percent PASS")[2].partition("Harmless")[0]
    assert "…" not in table
    assert max(map(len, table.splitlines()[1:])) <= 80


def test_json_is_all_that_goes_to_stdout(case: Path) -> None:
    result = calibrate(case.name, "--trials", "100", "--format", "json")

    assert json.loads(result.stdout)["case"] == case.name


def truncate(folder: Path) -> None:
    (folder / "golden.csv").write_bytes((folder / "golden.csv").read_bytes()[:1000])


def no_json(folder: Path) -> None:
    (folder / "golden.json").write_text("{", "utf-8")


def other_schema(folder: Path) -> None:
    (folder / "golden.json").write_text('{"schema": 9}', "utf-8")


def unknown_key(folder: Path) -> None:
    with (folder / "case.toml").open("a", encoding="utf-8") as file:
        file.write("[golden]\nmargn = 0.1\n")


def no_golden(folder: Path) -> None:
    (folder / "golden.json").unlink()


@pytest.mark.parametrize(
    ("options", "damage", "error"),
    [
        (["none"], None, ConfigError),
        ([], None, ClickException),
        (["wiki-mini", "--seeds", "1"], None, ClickException),
        (["wiki-mini", "--trials", "10"], None, ClickException),
        (["wiki-mini", "--false-fail", "0"], None, ClickException),
        (["wiki-mini", "--pass-rate", "nan"], None, ArgumentError),
        (["wiki-mini", "--scatter", "inf"], None, ClickException),
        (["wiki-mini", "--format", "xml"], None, ClickException),
        (["wiki-mini"], truncate, GoldenError),
        (["wiki-mini"], no_json, GoldenError),
        (["wiki-mini"], other_schema, GoldenError),
        (["wiki-mini"], unknown_key, ConfigError),
        (["wiki-mini"], no_golden, AmnError),  # and no data to train on
    ],
)
def test_a_bad_input_is_one_line_and_changes_nothing(
    options: list[str], damage: Any, error: type[Exception], case: Path
) -> None:
    if damage:
        damage(case)
    before = {path: path.read_bytes() for path in case.rglob("*") if path.is_file()}

    result = CliRunner().invoke(cli, ["calibrate", *options], standalone_mode=False)

    assert isinstance(result.exception, error)
    assert result.stdout == ""
    assert len(str(result.exception).splitlines()) <= (2 if error is ConfigError else 1)
    assert {path: path.read_bytes() for path in case.rglob("*") if path.is_file()} == before
