from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema

from amn.report.gitlab import to_codequality
from amn.verdict import Status

if TYPE_CHECKING:
    from amn.gate.result import GateResult

# Of GitLab's documentation, "Code Quality report format".
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string"},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^./]"},
                    "lines": {"required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}


def items(*results: GateResult) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(to_codequality(results))
    jsonschema.validate(found, SCHEMA)
    assert len({item["fingerprint"] for item in found}) == len(found)
    return found


def test_a_finding_is_an_item_and_the_worst_comes_first(failed: GateResult) -> None:
    found = items(failed)

    assert [item["severity"] for item in found] == ["critical", "minor", "info"]
    assert found[0]["check_name"] == "amn/C002-name"
    assert found[0]["description"] == (
        "C002-name: ood: expected at least 0.6, got 0.5701. Fix: look at the data"
    )
    assert found[0]["location"]["path"] == "golden/wiki-mini/case.toml"


def test_a_fingerprint_stays_when_the_number_moves(failed: GateResult) -> None:
    before = failed.outcomes[3]
    finding = replace(before.findings[0], message="expected at least 0.6, got 0.5")
    moved = replace(
        failed, outcomes=(*failed.outcomes[:3], replace(before, findings=(finding,)),
                          failed.outcomes[4]),
    )  # fmt: skip

    assert items(moved)[0]["fingerprint"] == items(failed)[0]["fingerprint"]
    assert items(moved)[0]["description"] != items(failed)[0]["description"]


def test_two_findings_of_one_place_have_fingerprints_of_their_own(
    make_result: Any, make_outcome: Any, failed: GateResult
) -> None:
    finding = failed.outcomes[3].findings[0]

    assert len(items(make_result(make_outcome("C002", Status.FAIL, finding, finding)))) == 2


def test_a_pass_has_no_items_and_nothing_declared_has_one(
    make_result: Any, make_outcome: Any
) -> None:
    assert items(make_result(make_outcome("C002", Status.PASS))) == []
    assert [item["severity"] for item in items(make_result())] == ["blocker"]


def test_any_text_gives_valid_items(hostile: GateResult) -> None:
    (item,) = items(hostile)

    assert "\n" not in item["description"]
