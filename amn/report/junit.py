"""Results as JUnit XML, which GitLab, Jenkins, Azure and most viewers read: one case a check."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from amn.report.verdict import complete, last_line
from amn.report.visible import visible
from amn.report.why import meaning
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.gate.result import GateResult
    from amn.verdict import Outcome

TAGS = {
    Status.FAIL: "failure",
    Status.LOOSENED: "failure",
    Status.HARNESS: "error",
    Status.ERROR: "error",
    Status.NOT_RUN: "error",
}


def to_junit(results: Sequence[GateResult], *, strict: bool = False) -> str:
    """Return one test suite a case, one test case a check.

    FAIL and LOOSENED are failures; HARNESS, ERROR and NOT RUN are errors: none of them can be read
    as a pass. Nothing is ever written as skipped, which most systems count as fine.

    Args:
        strict: INCONCLUSIVE and PARTIAL are failures; otherwise they pass, with what was found as
            output.
    """
    root = ET.Element("testsuites", name="amn")
    for result in results:
        root.append(_suite(result, strict=strict))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(result: GateResult, *, strict: bool) -> ET.Element:
    """Return the suite of one case."""
    outcomes = complete(result)
    suite = ET.Element("testsuite", name=_xml(f"amn {result.case}"))
    properties = ET.SubElement(suite, "properties")
    facts = [("verdict", result.word), ("scope", str(result.scope))]
    facts += [("reproduce", result.reproduce)]
    facts += [("review", str(result.review))] if result.review else []
    facts += [("waiver", str(waiver)) for waiver in result.waivers]
    for name, value in facts:
        ET.SubElement(properties, "property", name=name, value=_xml(value))
    for outcome in outcomes:
        suite.append(_case(result.case, outcome, strict=strict))
    if not outcomes:
        nothing = ET.SubElement(suite, "testcase", classname=_xml(f"amn.{result.case}"))
        nothing.set("name", "declared")
        ET.SubElement(nothing, "error", message="expected declared checks, got none", type="ERROR")
    if result.verdict is Verdict.PARTIAL:
        suite.append(_scope(result, strict=strict))
    ET.SubElement(suite, "system-out").text = _xml(f"{last_line(result)}\n{meaning(result)}")
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")
    return suite


def _scope(result: GateResult, *, strict: bool) -> ET.Element:
    """Return a test case of its own for what was not looked at."""
    element = ET.Element(
        "testcase", classname=_xml(f"amn.{result.case}"), name="scope", time="0.000"
    )
    if strict:
        wrong = ET.SubElement(element, "failure", message=_xml(result.word), type="PARTIAL")
        wrong.text = _xml(meaning(result))
    else:
        ET.SubElement(element, "system-out").text = _xml(result.word)
    return element


def _case(case: str, outcome: Outcome, *, strict: bool) -> ET.Element:
    """Return the test case of one check."""
    element = ET.Element("testcase", classname=_xml(f"amn.{case}"), name=_xml(outcome.label))
    element.set("time", f"{outcome.seconds:.3f}")
    properties = ET.SubElement(element, "properties")
    figures = {"status": outcome.status.value, "value": outcome.value, "limit": outcome.limit}
    if outcome.number is not None:
        figures["number"] = repr(outcome.number)
    for name, value in figures.items():
        ET.SubElement(properties, "property", name=name, value=_xml(value))
    text = "\n".join(str(finding) for finding in outcome.findings) or outcome.detail
    tag = TAGS.get(outcome.status)
    if strict and outcome.status is Status.INCONCLUSIVE:
        tag = "failure"
    if tag:
        first = text.partition("\n")[0] or outcome.status.value
        wrong = ET.SubElement(element, tag, message=_xml(first), type=outcome.status.value)
        wrong.text = _xml(f"{text}\nwhy: amn rules {outcome.check}")
    elif text:
        ET.SubElement(element, "system-out").text = _xml(f"{outcome.status.value}: {text}")
    return element


def _xml(text: str) -> str:
    """Return text that XML 1.0 (2.2) may hold: what it may not, escaped or not, is hidden text."""
    return visible(text)
