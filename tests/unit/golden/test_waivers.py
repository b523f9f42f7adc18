from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from amn.errors import ConfigError
from amn.golden.waivers import WAIVERS_FILE, parse_waivers, read_waivers
from amn.verdict import Waiver

if TYPE_CHECKING:
    from pathlib import Path

SOUND = """
[[waiver]]
check = "C002"
reason = "new OOD region, retraining is under way"
owner = "B. Owner"
created = 2025-01-01
expires = 2025-01-31
"""


def write(folder: Path, text: str) -> Path:
    (folder / WAIVERS_FILE).write_text(text, encoding="utf-8")
    return folder


def test_a_waiver_of_thirty_days_is_read(tmp_path: Path) -> None:
    assert read_waivers(write(tmp_path, SOUND)) == (
        Waiver(
            check="C002",
            reason="new OOD region, retraining is under way",
            owner="B. Owner",
            created=date(2025, 1, 1),
            expires=date(2025, 1, 31),
        ),
    )


def test_a_waiver_may_end_on_the_day_on_which_it_begins(tmp_path: Path) -> None:
    (waiver,) = read_waivers(write(tmp_path, SOUND.replace("2025-01-31", "2025-01-01")))

    assert waiver.expires == waiver.created


def test_no_file_and_an_empty_file_waive_nothing(tmp_path: Path) -> None:
    assert read_waivers(tmp_path) == ()
    assert read_waivers(write(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2025-01-31", "2025-02-01", "expected it to expire 0 to 30 days after 2025-01-01, got 31"),
        ("2025-01-31", "2024-12-31", "expected it to expire 0 to 30 days after 2025-01-01, got -1"),
        ("2025-01-31", '"never"', "waiver 1: expires:"),
        ('"C002"', '"ood"', "waiver 1: check:"),
        ('"B. Owner"', '" "', "waiver 1: owner:"),
        ("reason =", "because =", "waiver 1: because: expected no such key"),
        ("reason =", "because =", "waiver 1: reason: expected a value, found none"),
        ("[[waiver]]", "[[waivers]]", "waivers: expected no such key"),
        ("[[waiver]]", "[[waiver]", "expected TOML"),
        ("[[waiver]]", SOUND + "[[waiver]]", "expected one waiver a check, got several for C002"),
    ],
)
def test_what_is_no_sound_waiver_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_waivers(write(tmp_path, SOUND.replace(old, new)))

    assert any(problem in text for text in caught.value.problems), caught.value.problems


def test_a_waiver_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected TOML"):
        parse_waivers(b"\xff\xfe", tmp_path)
