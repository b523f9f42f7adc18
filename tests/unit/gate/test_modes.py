"""Ways to gate: which checks each of them declares for a case with a golden and an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amn.data.reencoding import Encoding
from amn.gate.modes import GateOptions, gate_of
from amn.golden.base.review import MergeBase
from amn.golden.store import write_golden
from amn.golden.waivers import WAIVERS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amn.case.load import Case
    from amn.golden.schema import Golden


def ids(text: str) -> set[str]:
    """Return ids from `D001-D012 D014`."""
    found: set[str] = set()
    for word in text.split():
        first, _, last = word.partition("-")
        numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
        found |= {f"{word[0]}{number:03}" for number in numbers}
    return found


BEFORE_TRAINING = ids("D001-D012 D014-D030 I001-I008 S001-S013 W001-W003")
COURSE = ids("R001-R013")
MODEL = ids("M001-M009 E001-E007 E009-E014 C001-C005")
RUN = MODEL | {"M010"}
PREDICTED = ids("W004 M002 M005 M009 E001-E006 E009-E015 C001-C005")
SEEDS = {"E008"}  # as many as were asked for, where they are trained here
CUSTODY = ids("G004 G008 G009 G012 G013")
FUTILE = {"R016"}  # the golden has the course of its seeds
COMPARED = CUSTODY | ids("G001-G003 G007 G014-G017 G020-G024")

SOME_RUN, SOME_MODEL = {"runs": (Path("run"),)}, {"checkpoint": Path("model.safetensors")}
SOME_PREDICTIONS = {"predictions": (Path("mine.parquet"),)}


@pytest.fixture
def case(make_case: Callable[..., Case], toy_golden: Golden, tmp_path: Path) -> Case:
    """The toy case with a golden; its index is wanted, and is not there."""
    write_golden(tmp_path, toy_golden)
    return make_case(tmp_path, dataset={"index": True})


def declared(case: Case, **options: Any) -> set[str]:
    gate = gate_of(case, GateOptions(cache=case.folder / "cache", **options))
    found = [check.id for check in gate.declared]
    assert len(found) == len(set(found))
    return set(found)


def _named(value: Iterable[str]) -> str:
    return "+".join(sorted(value)) or "plain"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, BEFORE_TRAINING | COURSE | MODEL | SEEDS | FUTILE | COMPARED | {"G006"}),
        (SOME_RUN, BEFORE_TRAINING | COURSE | RUN | FUTILE | COMPARED | {"G005"}),
        ({**SOME_RUN, "allow_same": True}, BEFORE_TRAINING | COURSE | RUN | FUTILE | COMPARED),
        (SOME_MODEL, BEFORE_TRAINING | MODEL | COMPARED | {"G005"}),
        (SOME_PREDICTIONS, BEFORE_TRAINING | PREDICTED | COMPARED | {"G005"}),
        ({**SOME_PREDICTIONS, "first_run": True}, BEFORE_TRAINING | PREDICTED),
        ({"first_run": True}, BEFORE_TRAINING | COURSE | MODEL | SEEDS),
        ({**SOME_RUN, "first_run": True}, BEFORE_TRAINING | COURSE | RUN),
        ({**SOME_MODEL, "first_run": True}, BEFORE_TRAINING | MODEL),
        ({"custody_only": True}, CUSTODY),
    ],
    ids=_named,
)
def test_a_mode_declares_what_it_has_evidence_for(
    case: Case, options: dict[str, Any], expected: set[str]
) -> None:
    assert declared(case, **options) == expected


SCORES = {"in_dist": 0.56, "ood": 0.64}
EPOCHS = [{"epoch": 1, "val_cosine": 0.5}, {"epoch": 2, "val_cosine": 0.6}]


@pytest.mark.parametrize(
    ("content", "course"),
    [
        (SCORES, set()),
        ({**SCORES, "history": EPOCHS}, ids("R001-R004 R010 R013")),
        (
            {**SCORES, "history": [{**epoch, "lr": 0.001} for epoch in EPOCHS]},
            ids("R001-R004 R010 R012 R013"),
        ),
    ],
)
def test_a_metrics_file_is_asked_for_its_scores_and_for_the_course_that_it_holds(
    case: Case, content: dict[str, Any], course: set[str], tmp_path: Path
) -> None:
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(content), "utf-8")

    assert declared(case, metrics=file) == {"E005", "C001", "C002", "C003"} | course


@pytest.mark.parametrize("mode", [{}, SOME_RUN, SOME_MODEL, {"first_run": True}], ids=_named)
def test_what_a_case_brings_beside_it_adds_its_own_checks_and_nothing_else(
    make_case: Callable[..., Case], case: Case, mode: dict[str, Any], tmp_path: Path
) -> None:
    plain = declared(case, **mode)

    merge_base = MergeBase(tmp_path)
    assert declared(case, merge_base=merge_base, **mode) - plain == {"G010"}
    assert declared(case, encoding=Encoding(), **mode) - plain == {"D013"}
    fast = make_case(tmp_path, dataset={"index": True}, speed={"training": 2.0})
    assert declared(fast, **mode) - plain == {"C010", "C011", "C012"}
    (tmp_path / WAIVERS_FILE).write_text("", "utf-8")
    assert declared(case, **mode) - plain == {"G011"}


def test_nothing_is_opened_or_made_to_tell_what_is_declared(case: Case) -> None:
    gate = gate_of(case, GateOptions(cache=case.folder / "cache"))

    assert gate.declared
    given = {"case", "home", "today", "progress", "cache", "engine", "gate_other", "approval"}
    assert set(gate.evidence.made) == given
