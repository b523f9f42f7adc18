"""A path of something that is not there is exit 2 and one line, in every command that takes one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from amn.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    "check data nope",
    "check index nope",
    "check encoder nope",
    "check run nope",
    "check split nope",
    "case new x --dataset nope",
    "index build nope",
    "index adopt nope {data}",
    "index adopt {data}/dataset.json nope",
    "index adopt {data}/dataset.json {data} --ids nope",
    "data describe nope",
    "data compare {data} nope",
    "data compare nope",
    "data filter nope y",
    "data split nope y",
    "data import nope y",
    "data import {data}/dataset.json y --ids nope.json",
    "data build nope y",
    "eval x --checkpoint nope",
    "train x --init-from nope",
    "train x --sweep nope",
    "gate x --run nope",
    "gate x --checkpoint nope",
    "gate x --predictions nope",
    "gate --metrics nope",
    "gate nope",
    "replay nope",
    "report nope",
    "diagnose nope",
    "history nope",
    "check run {data} --columns nope",
    "calibrate nope",
    "check encoder {data} --texts nope",
)  # fmt: skip - a line each would be a page


@pytest.mark.parametrize("words", COMMANDS)
def test_a_path_of_nothing_is_wrong_use(
    words: str,
    toy_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["amn", *shlex.split(words.format(data=toy_data))])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert said.startswith("ERROR: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", ["index build {file}", "data describe {file}", "data filter {file} y"]
)
def test_a_file_is_no_data_set(
    words: str, toy_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words.format(file=toy_data / "dataset.json")
    monkeypatch.setattr("sys.argv", ["amn", *shlex.split(asked)])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "expected the folder of a data set at" in said
    assert "got a file. Fix: amn data import SOURCE FOLDER" in said
