"""A result for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amn.report.alarms import alarms_of
from amn.report.visible import visible_json
from amn.storage import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amn.findings import GateResult

SCHEMA = 1
SCHEMA_FILE = "gate-1.schema.json"


def to_json(results: Sequence[GateResult]) -> str:
    """Return the results as one JSON document."""
    alarms = alarms_of(results)
    document = {
        "schema": SCHEMA,
        "results": [result_data(result) for result in results],
        "alarms": asdict(alarms) if alarms else None,
    }
    return dumps(document)


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) that every document of `to_json` obeys."""
    return files("amn.report").joinpath("schemas", SCHEMA_FILE).read_text("utf-8")


def result_data(result: GateResult) -> dict[str, Any]:
    """Return one result as plain data: verdict, exit code, facts, and every check."""
    return {
        "case": result.case,
        "verdict": result.verdict.value,
        "exit_code": result.verdict.exit_code(),
        "declared": list(result.declared),
        "facts": result.facts,
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


def dumps(value: object) -> str:
    """Return readable JSON; numbers that are not finite, which JSON cannot hold, become null.

    Characters that a reader does not see, or that a terminal obeys, are JSON escapes.
    """
    return visible_json(json.dumps(finite(value), indent=2, allow_nan=False, ensure_ascii=False))
