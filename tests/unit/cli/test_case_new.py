"""`amn case new`: it writes a case that can be judged, or nothing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.case.load import load_case
from amn.cli.main import cli
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from click.testing import Result

    from amn.data.dataset import DataSet

from amn.data.writer import Chunks, write_dataset


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def new(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["case", "new", *map(str, words)])


def small(n_articles: int, name: str = "small") -> DataSet:
    articles, index = running_keys(*[8] * n_articles, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    return write_dataset(Path("small"), drifting_rows(n_articles, 8, 16), chunks, name=name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sub/deep"], "expected the name of one folder in golden/, got a path"),
        ([".."], "expected the name of one folder in golden/, got a path"),
        (["mine", "--ood", "900-999"], "--ood 900-999: expected ids of its articles, 1 ... 64"),
        (["mine", "--context", "1000"], "windows.context: input should be less than or equal"),
        (["mine", "--ood", "1-60"], "got 64, 60 of them for ood"),
    ],
)
def test_what_could_not_be_judged_is_refused_and_nothing_is_written(
    toy_data: Path, words: list[str], said: str
) -> None:
    result = new(*words, "--dataset", toy_data)

    assert said in str(result.exception)
    assert not Path("golden").exists()


def test_ten_articles_are_too_few(tmp_path: Path) -> None:
    small(10)

    assert "got 10, 8 of them for ood" in str(new("mine", "--dataset", "small").exception)
    assert not (tmp_path / "golden").exists()


def test_twenty_four_articles_leave_eight_for_each_split() -> None:
    small(24)

    assert new("mine", "--dataset", "small").exit_code == 0
    split = load_case(Path("golden/mine")).config.split
    assert (split.ood.articles, split.in_dist.fraction) == ("17-24", 0.5)


def test_a_name_with_quotes_is_a_title_all_the_same() -> None:
    small(24, name='the "small" one \\ 2')

    assert new("mine", "--dataset", "small").exit_code == 0
    assert load_case(Path("golden/mine")).config.title == 'the "small" one \\ 2, unknown, context 5'


def test_what_comes_next_can_be_typed(toy_data: Path) -> None:
    lines = new("mon corpus é", "--dataset", toy_data).output.splitlines()

    assert [shlex.split(line.removeprefix("next:"))[:4] for line in lines[1:]] == [
        ["amn", "check", "split", "golden/mon corpus é"],
        ["amn", "gate", "mon corpus é", "--first-run"],
        ["amn", "golden", "new", "mon corpus é"],
    ]
