from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from rich.console import Console

from amn.golden.compare import Moved, Profiles, VectorChanges
from amn.golden.schema import Profiled
from amn.report.json import json_schema, result_data, to_json
from amn.report.markdown import to_markdown
from amn.report.page.html import to_html
from amn.report.text import print_result
from amn.report.verdict import (
    MEANING,
    beside_merge_base,
    complete,
    headroom_lines,
    last_line,
    worst_verdict,
)
from amn.verdict import WORST_FIRST, Loosening, Review, Status, Verdict, worst_first

if TYPE_CHECKING:
    from pathlib import Path

    from amn.gate.result import GateResult
    from amn.golden.schema import Golden


def test_every_verdict_has_a_meaning_and_a_rank() -> None:
    assert set(MEANING) == set(Verdict)
    assert sorted(s.name for s in WORST_FIRST) == sorted(Status.__members__)


def test_a_declared_check_without_an_outcome_becomes_an_error(make_result: Any) -> None:
    shown = make_result(declared=("C001-in_dist", "C002-ood"))

    assert [(o.label, o.status) for o in complete(shown)] == [
        ("C001-in_dist", Status.ERROR),
        ("C002-ood", Status.ERROR),
    ]


def test_an_outcome_that_nobody_declared_becomes_an_error(
    make_result: Any, make_outcome: Any
) -> None:
    shown = make_result(make_outcome("C001", Status.PASS), declared=())

    (outcome,) = complete(shown)

    assert outcome.status is Status.ERROR
    assert "not declared" in outcome.findings[0].message


def test_outcomes_of_one_status_stay_in_the_order_of_the_gate(
    failed: GateResult, make_outcome: Any
) -> None:
    later = make_outcome("E001", Status.FAIL)

    checks = [o.check for o in worst_first([*failed.outcomes, later])]

    assert checks == ["C002", "E001", "G001", "R002", "D009", "D001"]


def test_the_worst_case_decides(make_result: Any, make_outcome: Any) -> None:
    passed, broken = (make_result(make_outcome("C001", s)) for s in (Status.PASS, Status.HARNESS))

    assert worst_verdict([passed, broken]) is Verdict.HARNESS
    assert worst_verdict([]) is Verdict.ERROR


FLOOR = Loosening("lowered a floor", "golden/a/case.toml criteria.ood", "0.6", "0.5")
CHECK = Loosening("removed a check", "declared checks", "C002-ood")
BASE = "the merge base 0123456789 with main"


@pytest.mark.parametrize(
    ("status", "review", "said"),
    [
        (Status.PASS, {}, f"It passes on merit: by the limits and the golden of {BASE} as well."),
        (
            Status.INCONCLUSIVE,
            {},
            f"It fails nothing on merit: by the limits and the golden of {BASE} as well.",
        ),
        (
            Status.LOOSENED,
            {"loosenings": (FLOOR, CHECK, FLOOR), "worse_on_base": ("C002-ood",)},
            (
                f"It passes only because of this change: by the limits and the golden of {BASE} it "
                "fails C002-ood. This change lowered a floor and removed a check."
            ),
        ),
        (
            Status.PASS,
            {"loosenings": (FLOOR,), "approval": "Ada: agreed"},
            (
                f"It passes on merit: by the limits and the golden of {BASE} as well. "
                "This change lowered a floor. That is let through by Ada: agreed."
            ),
        ),
        (
            Status.PASS,
            {"note": "golden update by Ada: better data"},
            (
                f"It passes on merit: by the limits and the golden of {BASE} as well. "
                "Also in it: golden update by Ada: better data."
            ),
        ),
        (
            Status.LOOSENED,
            {"loosenings": (FLOOR,), "open_on_base": ("C005-lift_ood",)},
            (
                f"By the limits and the golden of {BASE} it fails nothing, and C005-lift_ood "
                "cannot be decided. This change lowered a floor."
            ),
        ),
        (Status.FAIL, {"worse_on_base": ("C002-ood",)}, f"Compared with {BASE}."),
        (
            Status.LOOSENED,
            {"is_judged": False, "loosenings": (FLOOR,)},
            (
                f"No result was judged; the files were compared with {BASE}. "
                "This change lowered a floor."
            ),
        ),
        (
            Status.PASS,
            {"base": "", "note": "no git checkout"},
            "Not compared with a merge base: no git checkout.",
        ),
    ],
)
def test_what_a_change_owes_to_itself_is_said_in_sentences(
    status: Status, review: dict[str, Any], said: str, make_result: Any, make_outcome: Any
) -> None:
    found = Review(**({"target": "main", "base": "0123456789ab"} | review))

    assert beside_merge_base(make_result(make_outcome("C001", status), review=found)) == said


def test_the_last_line_names_the_first_of_many_loosenings_and_their_number(
    make_result: Any, make_outcome: Any
) -> None:
    many = tuple(Loosening("lowered a floor", f"criteria.{i}", "x" * 500, "0.5") for i in range(8))
    review = Review("main", "0123456789ab", loosenings=many)

    said = last_line(make_result(make_outcome("G010", Status.LOOSENED), review=review))

    assert [f"criteria.{i}" in said for i in range(8)] == [True] * 3 + [False] * 5
    assert "and 5 more, which G010 names" in said
    assert len(said) < 800
    assert "more" not in str(Review("main", "0123456789ab", loosenings=many[:3]))


def test_without_a_review_nothing_is_said(make_result: Any) -> None:
    assert beside_merge_base(make_result()) == ""


def test_a_limit_to_look_at_is_a_line(
    make_result: Any, make_case: Any, toy_golden: Golden, tmp_path: Path
) -> None:
    case = make_case(tmp_path, criteria={"ood": 0.1})
    mean = toy_golden.record.metrics["ood"].mean

    lines = headroom_lines(make_result(made={"case": case, "golden": toy_golden}))

    line = f"criteria.ood 0.1000: the golden's {mean:.4f} may fall by {mean - 0.1:.4f} unnoticed"
    assert [one.partition(";")[0] for one in lines if one.startswith("criteria.ood")] == [line]
    assert not any(one.startswith("golden.margin") for one in lines)
    assert headroom_lines(make_result(made={"case": case})) == []


def test_what_changed_in_the_data_is_a_table_in_every_report(
    make_result: Any, make_outcome: Any
) -> None:
    moved = Moved("neighbours", "ood", Profiled(0.5, 0.01, 110), Profiled(0.62, 0.01, 110), 0.05)
    same = Moved("context", "ood", Profiled(0.6, 0.01, 110), Profiled(0.61, 0.01, 110), 0.05)
    vectors = VectorChanges(changed=tuple(("train", i) for i in range(12)))
    result = make_result(
        make_outcome("G021", Status.INCONCLUSIVE, data=vectors),
        make_outcome("G022", Status.INCONCLUSIVE, data=Profiles((moved, same))),
    )
    says = "neighbours are 0.12 more alike than in the accepted set"

    written = StringIO()
    print_result(result, Console(file=written, width=120))
    text = written.getvalue()
    markdown, page = to_markdown([result]), to_html([result])

    assert "neighbours" in text
    assert "context" not in text
    assert all(f"{says}" in shown for shown in (markdown, page))
    assert "12 articles changed" in markdown
    facts = result_data(result)["facts"]["data_changes"]
    assert facts["articles"]["changed"] == [["train", i] for i in range(12)]
    assert [one["has_left"] for one in facts["profile"]] == [True, False]
    assert facts["profile"][0]["words"] == says
    jsonschema.validate(json.loads(to_json([result])), json.loads(json_schema()))


def test_equal_data_are_no_part_of_a_report(make_result: Any, make_outcome: Any) -> None:
    result = make_result(make_outcome("G021", Status.PASS, data=VectorChanges()))

    assert "data_changes" not in result_data(result)["facts"]
    assert "beside the golden" not in to_markdown([result])
