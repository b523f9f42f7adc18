"""The shipped case, its defects and its clean variants: every check can fail, and none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from amn.case.load import load_case
from amn.prove.selftest import run_selftest, trials
from amn.system import CACHE_FOLDER

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def test_every_defect_of_wiki_mini_is_caught_by_its_own_check_without_a_false_alarm() -> None:
    case = load_case(ROOT / "golden" / "wiki-mini")

    matrix = run_selftest(case, cache=ROOT / CACHE_FOLDER)

    assert [row for row in matrix.defects if row.state == "missed"] == []
    idle = {row.check.partition("-")[0] for row in matrix.defects if row.state == "not applicable"}
    # wiki-mini has no texts, no [speed], no predictions or runs that were brought, no configuration
    # of an index, no other metric than the cosine, columns that are all known, and no hold.
    assert idle == {
        "C006", "C007", "C010", "C011", "C012", "D013", "G025", "G026", "G027", "G028", "W004",
        "E015", "M010", "R014", "R015", "S014",
    }  # fmt: skip
    assert [row for row in matrix.clean if row.alarms] == []
    assert len(matrix.defects) == len(trials()) >= 80
    assert matrix.count("caught", "before training") >= 40
    assert len(matrix.clean) == 100
