"""A result for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amn.report.verdict import alarms_of, data_changes
from amn.report.visible import visible_json
from amn.storage import SCHEMA as BUNDLE_SCHEMA
from amn.storage import finite
from amn.verdict import RESULT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult, RecordNote

SCHEMAS = {  # what they are of -> their files, by version
    "verdict": f"gate-{RESULT_SCHEMA}.schema.json",
    "bundle": f"bundle-{BUNDLE_SCHEMA}.schema.json",
}


def to_json(results: Sequence[GateResult], shard: Mapping[str, Any] | None = None) -> str:
    """Return the results as one JSON document.

    Args:
        shard: Which of several gates they are of, see `Shard.to_json`; None for a whole one.
    """
    alarms = alarms_of(results)
    document = {
        "schema": RESULT_SCHEMA,
        "results": [result_data(result) for result in results],
        "alarms": asdict(alarms) if alarms else None,
        **({"shard": shard} if shard else {}),
    }
    return dumps(document)


def json_schema(of: str = "verdict") -> str:
    """Return the JSON Schema (draft 2020-12) of every document of `to_json`, or of bundles."""
    return files("amn.report").joinpath("schemas", SCHEMAS[of]).read_text("utf-8")


def result_data(result: GateResult) -> dict[str, Any]:
    """Return one result as plain data: verdict, exit code, facts, and every check."""
    return {
        "case": result.case,
        "verdict": result.verdict.value,
        "word": result.word,
        "exit_code": result.exit_code,
        "scope": {
            "looked": list(result.scope.looked),
            "lacks": [asdict(lack) for lack in result.scope.lacks],
            "declared": result.scope.declared,
            "is_declared": result.scope.is_declared,
            **({"note": result.scope.note} if result.scope.note else {}),
        },
        "declared": list(result.declared),
        "facts": _facts(result),
        "checks": [
            {
                "id": o.check,
                "name": o.name,
                "status": o.status.value,
                "value": o.value,
                "number": o.number,
                "standing": asdict(o.standing) if o.standing else None,
                "limit": o.limit,
                "detail": o.detail,
                "waiver": o.waiver,
                "approval": o.approval,
                "seconds": round(o.seconds, 4),
                "findings": [
                    {"where": f.where, "message": f.message, "fix": f.fix} for f in o.findings
                ],
            }
            for o in result.outcomes
        ],
        "reproduce": result.reproduce,
        "review": asdict(result.review) if result.review else None,
        "waivers": [
            {**asdict(w), "created": str(w.created), "expires": str(w.expires)}
            for w in result.waivers
        ],
    }


def _facts(result: GateResult) -> dict[str, Any]:
    """Return the figures behind a verdict, those that are there."""
    facts: dict[str, Any] = {"title": result.title, **result.digests}
    if result.mode:
        facts["mode"] = result.mode
    if result.scores:
        facts["scores"] = {split: score_data(one) for split, one in result.scores.items()}
    if result.record:
        facts |= _record_facts(result.record)
    if result.windows:
        facts["candidates"] = [candidate.name for candidate in result.candidates]
        facts["behaviour"] = _behaviour(result)
        facts["windows"] = result.windows
    compared = result.compared
    found = {one.split: one.attribution for one in compared.values() if one.attribution}
    if found:
        facts["attribution"] = {split: one.to_json() for split, one in found.items()}
    if compared:
        alpha = next(iter(compared.values())).alpha
        p = {check: one.p for check, one in compared.items()}
        facts["comparisons"] = {"alpha": alpha, "p": p}
    vectors, moved = data_changes(result)
    if (vectors and not vectors.is_same) or moved:
        facts["data_changes"] = {
            **(vectors.to_json() if vectors else {}),
            "profile": [one.to_json() for one in moved],
        }
    if result.golden:
        facts["headroom"] = [asdict(one) for one in result.headroom]
    return facts


def _record_facts(note: RecordNote) -> dict[str, Any]:
    """Return what a record says besides its checks."""
    facts: dict[str, Any] = {"status": note.statuses[0].value, "recorded_status": note.recorded}
    if note.is_alone:
        facts |= {
            "statuses": [status.value for status in note.statuses],
            "reason": note.reason,
            "stop_epoch": note.stop_epoch,
            "error": note.error,
            "unread": note.unread,
        }
    return facts


def _behaviour(result: GateResult) -> dict[str, Any]:
    """Return what the first candidate does with its input, split by split, where observed."""
    first = result.candidates[:1]
    return {split: one.to_json() for c in first for split, one in c.behaviour.items()}


def score_data(summary: Summary) -> dict[str, Any]:
    """Return a split's score as plain data."""
    values: dict[str, Any] = {"mean": summary.mean, "per_seed": list(summary.per_seed)}
    if summary.interval:
        values |= {"low": summary.interval.low, "high": summary.interval.high}
        values |= {"standard_error": summary.interval.se, "articles": summary.interval.n_clusters}
    if summary.lift:
        lift = summary.lift
        values["lift"] = {"mean": lift.mean, "low": lift.low, "high": lift.high}
    values["references"] = summary.references
    return values


def dumps(value: object) -> str:
    """Return readable JSON; numbers that are not finite, which JSON cannot hold, become null.

    Characters that a reader does not see, or that a terminal obeys, are JSON escapes.
    """
    return visible_json(json.dumps(finite(value), indent=2, allow_nan=False, ensure_ascii=False))
