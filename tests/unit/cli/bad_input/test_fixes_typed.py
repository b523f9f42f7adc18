"""A slip is one line and exit 2, and the command that its fix names, typed, works."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from amn.cli.main import main

SLIPS = (
    "amn rulse D001",
    "amn docotr --help",
    "amn chek data data",
    "amn check dat data",
    "amn check datas data",
    "amn data descrbe data",
    "amn data split",
    "amn golden lgo case",
    "amn golden verfy case",
    "amn golden headrom case",
    "amn golden log",
    "amn golden log case --fromat json",
    "amn golden log case --format yaml",
    "amn windwos case -o w.parquet",
    "amn windows case",
    "amn case nwe other --dataset data",
    "amn case new other",
    "amn case new other --datset data",
    "amn index biuld --help",
    "amn index build data --kind round",
    "amn selftest case --only D999",
    "amn gate --formt json",
    "amn gate case --format xml",
    "amn gate case --run golden --metrics m.json",
    "amn train",
    "amn eval case",
    "amn calibrate case --seed 3",
    "amn data compare data",
    "amn rules --markdown",
    "amn merge --help-me",
)
FIX = re.compile(r"Fix: (amn [^,;()]+?)(?: to |$)", re.MULTILINE)


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_line_and_its_fix_works_when_typed(
    slip: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(shlex.split(slip), monkeypatch)
    out, said = capsys.readouterr()

    assert (code, out, said.count("\n")) == (2, "", 1), said
    fix = FIX.search(said)
    assert fix, said
    assert run(shlex.split(fix[1]), monkeypatch) == 0, (fix[1], capsys.readouterr())
