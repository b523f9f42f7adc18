"""A slip is one line and exit 2, and the command that its fix names, typed, works."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from amn.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

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
    # names and paths
    "amn gate cas --metrics m.json",
    "amn gate Case --metrics m.json",
    "amn gate golden/cse --metrics m.json",
    "amn gate gloden/case --metrics m.json",
    "amn gate golden/case/case.tml --metrics m.json",
    "amn golden headroom cas",
    "amn golden log golden/cas",
    "amn windows cas -o w.parquet",
    "amn check split golden/cse",
    "amn check data dta",
    "amn data describe Data",
    "amn data split dta s.json --in-dist 0.3",
    "amn diagnose m.jsn",
    "amn report m.jsno",
    "amn case new other --dataset dta --kind amn",
    "amn case new golden/other --dataset data --kind amn",
    # another thing than was asked for
    "amn gate data",
    "amn check split data",
    "amn check data golden/case",
    "amn check data golden/case/case.toml",
    "amn data describe golden/case",
    "amn case new other --dataset golden/case --kind amn",
    "amn check run data",
    "amn data import data copy",
    "amn data build data copy",
    "amn replay data",
    # options: order, value, spelling
    "amn --format json golden log case",
    "amn case new other --dataset data --context 0",
    "amn case new other --dataset data --context five",
    "amn case new other --dataset data --kind amnn",
    "amn windows case -o w.parquet --split ood_",
    "amn index build data --kind flatt",
    "amn golden log case --format jsn",
    "amn rules D0O1",
    "amn selftest case --only nan_row",
    "amn ci init",
    "amn golden new case",
    "amn train case --epochs 3",
    "amn help",
    "amn version",
)
LIMIT = '[[criteria.limit]]\nid = "C101"\n'
# What case.toml says, a slip in it, and what its fix names.
WRONG = (
    ("context = 3", "contxt = 3", "context"),
    ("context = 3", 'context = "3"', "no quotes"),
    ("context = 3", "context = 0", "amn case keys"),
    ("context = 3", "context = 3.5", "amn case keys"),
    ("[windows]", "[window]", "windows"),
    ("[windows]\ncontext = 3", "[windows]\ncontext = 3\nepochs = 3", "[training]"),
    ("lift = -0.05", "lift = -0.05\nseeds = [0, 1, 2]", "[training]"),
    ("epochs = 3", "epochs = -1", "amn case keys"),
    ("seeds = [0, 1, 2]", "seeds = 0", "in brackets: [0]"),
    ("seeds = [0, 1, 2]", 'seeds = ["0", "1", "2"]', "no quotes"),
    ("seeds = [0, 1, 2]", "seeds = [0, 0, 1]", "amn case keys"),
    ("lr = 0.003", 'lr = "fast"', "amn case keys"),
    ("lr = 0.003", "lr = 0", "amn case keys"),
    ('articles = "41-52"', 'articels = "41-52"', "articles"),
    ('articles = "41-52"', "fraction = 1.5", "amn case keys"),
    ("[model]", '[model]\nkind = "anm"', "amn"),
    ("[model]", "[model]\nstacked = true", "stack"),
    ("[criteria]", '[criteria]\nprofile = "minimal"', "minimum"),
    ("delta = [-0.3, 0.3]", "delta = [0.3, -0.3]", "delta = [-0.3, 0.3]"),
    ("schema = 1", "schema = 9", "amn case keys"),
    ("schema = 1", "", "add schema"),
    ("lift = -0.05", f'{LIMIT}metric = "l2"\nsplit = "odd"\nmost = 2', "ood"),
)
# What only data, or metrics, tell.
LATER = (
    ('"41-52"', '"52-41"', "41-52"),
    ("lift = -0.05", f'{LIMIT}metric = "cosin"\nsplit = "ood"\nleast = 0', "cosine"),
)
FIX = re.compile(r"Fix: (amn [^,;()]+?)(?: to |, or |$)", re.MULTILINE)


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


@pytest.fixture
def desk(project: Path) -> Path:
    """The project, with scores of a model beside it."""
    (project / "m.json").write_text('{"in_dist": 0.8, "ood": 0.8}', "utf-8")
    return project


@pytest.mark.usefixtures("desk")
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


@pytest.mark.parametrize(
    ("command", "right", "wrong", "fix"),
    [("golden log", *row) for row in WRONG] + [("check split", *row) for row in LATER],
)
def test_a_slip_in_a_case_is_one_line_that_names_its_place_and_the_fix(
    command: str,
    right: str,
    wrong: str,
    fix: str,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = desk / "golden/case/case.toml"
    text = file.read_text("utf-8")
    assert text.count(right) == 1
    file.write_text(text.replace(right, wrong), "utf-8")

    code = run(["amn", *command.split(), "case"], monkeypatch)
    out, said = capsys.readouterr()

    assert (code, out, said.count("\n")) == (2, "", 1), said
    assert said.startswith("ERROR: golden/case/case.toml: ")
    assert fix in said.partition("Fix: ")[2], said
    file.write_text(text, "utf-8")
    assert run(["amn", *command.split(), "case"], monkeypatch) == 0
