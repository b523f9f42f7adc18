"""What is printed reads as it is: a check's number beside its limit, one of a thing."""

from __future__ import annotations

import re
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.verdict import count_of, shown
from tests.net.compare import read_wanted
from tests.net.record import WANTED, read_record
from tests.printed import counts_of_one, reads_wrongly

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS = "PASS|FAIL|WARN|INCONCLUSIVE|HARNESS|ERROR"
LIMIT = r"(?:>=|<=|==|>|<) .*|\S+ \.\.\. \S+|0 \w+.*"
ROW = re.compile(rf"([A-Z]\d{{3}}) (\w+) (.+?) ({LIMIT}) ({STATUS})\b")  # a line of a table
OF_PYTEST = "stopping after 1 failures"


def texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from texts(part)


# E008 lists seeds, of which there are at least so many; E002 and E009 say in words where a number
# may be; S002 and S007 go on in the next line of a table.
IN_WORDS = {"E002", "E008", "E009", "S002", "S007"}


@pytest.fixture(scope="module")
def recorded() -> list[tuple[str, str]]:
    """Every text that the net has of a command, as it is now."""
    changed = {
        (one.command, one.was): one.now
        for wanted in read_wanted(WANTED)
        for one in wanted.each()
        if isinstance(one.was, str)
    }
    every = [(name, text) for name, fields in read_record().items() for text in texts(fields)]
    now = [(name, changed.get((name, text), text)) for name, text in every]
    return [(name, text) for name, text in now if isinstance(text, str)]


def test_one_of_a_thing_is_no_plural(recorded: list[tuple[str, str]]) -> None:
    found = [(name, counts_of_one(text)) for name, text in recorded if OF_PYTEST not in text]

    assert len(found) > 1000
    assert [(name, words) for name, words in found if words] == []


def test_a_check_reads_as_it_ended(recorded: list[tuple[str, str]]) -> None:
    rows = [(name, *row.groups()) for name, text in recorded if (row := ROW.match(text.strip()))]
    read = [row for row in rows if row[1] not in IN_WORDS]

    assert len({row[1] for row in read}) > 40
    assert [row for row in read if reads_wrongly(row[5], row[3], row[4])] == []


@pytest.mark.parametrize(
    ("status", "value", "limit", "is_wrong"),
    [
        ("FAIL", "0.4800", "> 0.03", True),
        ("FAIL", "0.0200", "> 0.03", False),
        ("PASS", "+0.0010", "> +0.0010", True),
        ("PASS", "+0.00104", "> +0.0010", False),
        ("FAIL", "+0.0300", "-0.03 ... +0.03", True),
        ("FAIL", "+0.03004", "-0.03 ... +0.03", False),
        ("FAIL", "0 of 15,405 rows", "0 rows", True),
        ("FAIL", "28 of 560 articles", "<= 2.0%", False),
        ("FAIL", "2 of 560 articles", "<= 2.0%", True),
        (
            "FAIL",
            "0.29%; 1 article again, 100% of one",
            "<= 1% of rows, < 50% of an article",
            False,
        ),
        ("FAIL", "0.29%", "<= 1% of rows, < 50% of an article", True),
        ("HARNESS", "in_dist 0.61 > 0.19, ood 0.01 > 0.19", "> constant", True),
        ("HARNESS", "in_dist 0.61 > 0.19, ood 0.01 <= 0.19", "> constant", False),
        ("PASS", "11,424", "== 3 x 3,808", False),
    ],
)
def test_what_reads_wrongly_is_found(
    status: str, value: str, limit: str, *, is_wrong: bool
) -> None:
    assert bool(reads_wrongly(status, value, limit)) is is_wrong


@given(
    st.floats(-2, 2).map(lambda value: round(value, 8)),
    st.integers(-20_000, 20_000).map(lambda n: n / 10_000),
    st.sampled_from([1e-3, 1e-5, 1e-9, 0.0]),
    st.sampled_from(["", "+"]),
)
def test_a_printed_number_is_on_the_side_of_a_limit_that_it_is_on(
    far: float, limit: float, scale: float, sign: str
) -> None:
    value = limit + scale * far

    printed = float(shown(value, limit, sign=sign))

    for holds in (gt, ge, lt, le):
        assert holds(printed, limit) is holds(value, limit)


@pytest.mark.parametrize(
    ("n", "what", "text"),
    [
        (1, "article", "1 article"),
        (0, "article", "0 articles"),
        (1200, "entry", "1,200 entries"),
        (1, "entry", "1 entry"),
        (3, "day", "3 days"),
    ],
)
def test_things_are_counted(n: int, what: str, text: str) -> None:
    assert count_of(n, what) == text


def test_some_of_things_are_counted() -> None:
    assert count_of(3, "checkpoint", 1) == "1 of 3 checkpoints"
