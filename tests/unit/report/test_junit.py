from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from amn.report.junit import to_junit
from amn.verdict import Status

if TYPE_CHECKING:
    from amn.gate.result import GateResult


def cases(text: str) -> dict[str, ET.Element]:
    return {case.get("name", ""): case for case in ET.fromstring(text).iter("testcase")}  # noqa: S314 - our own text


def test_every_declared_check_is_a_test_case(failed: GateResult) -> None:
    found = cases(to_junit([failed]))

    assert tuple(found) == failed.declared
    assert found["D001-name"].get("classname") == "amn.wiki-mini"
    assert found["D001-name"].get("time") == "0.250"


@pytest.mark.parametrize(
    ("status", "tag"),
    [
        (Status.FAIL, "failure"),
        (Status.LOOSENED, "failure"),
        (Status.HARNESS, "error"),
        (Status.ERROR, "error"),
        (Status.NOT_RUN, "error"),
    ],
)
def test_what_is_no_pass_is_a_failure_or_an_error(
    make_result: Any, make_outcome: Any, status: Status, tag: str
) -> None:
    text = to_junit([make_result(make_outcome("C001", status, detail="because"))])

    wrong = cases(text)["C001-name"].find(tag)
    assert wrong is not None
    assert wrong.get("type") == status.value
    assert wrong.get("message") == "because"


def test_nothing_is_ever_skipped(failed: GateResult) -> None:
    assert "<skipped" not in to_junit([failed])


def test_what_is_undecided_passes_with_its_output_and_fails_under_strict(
    failed: GateResult,
) -> None:
    lenient = cases(to_junit([failed]))["R002-name"]
    strict = cases(to_junit([failed], strict=True))["R002-name"]

    assert lenient.find("failure") is None
    assert lenient.findtext("system-out") == "INCONCLUSIVE: seed 0: cannot tell."
    assert strict.find("failure") is not None


def test_the_counts_are_those_of_the_cases(failed: GateResult) -> None:
    root = ET.fromstring(to_junit([failed, failed]))  # noqa: S314 - our own text

    assert [root.get(k) for k in ("tests", "failures", "errors")] == ["10", "2", "2"]
    assert [root[0].get(k) for k in ("tests", "failures", "errors")] == ["5", "1", "1"]


def test_a_declared_check_without_an_outcome_is_an_error(make_result: Any) -> None:
    found = cases(to_junit([make_result(declared=("C002-ood",))]))

    assert found["C002-ood"].find("error") is not None


def test_a_result_that_declared_nothing_is_an_error(make_result: Any) -> None:
    (nothing,) = cases(to_junit([make_result()])).values()

    assert nothing.find("error") is not None


def test_numbers_and_limits_are_properties(failed: GateResult) -> None:
    case = cases(to_junit([failed]))["C002-name"]

    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties == {
        "status": "FAIL",
        "value": "0.5701",
        "limit": ">= 0.6000",
        "number": "0.5701",
    }


def test_any_text_gives_well_formed_xml(hostile: GateResult) -> None:
    (case,) = cases(to_junit([hostile])).values()

    failure = case.find("failure")
    assert failure is not None
    assert "<script>alert(1)</script> ]]>" in (failure.text or "")
    assert "\x1b" not in (failure.text or "")
