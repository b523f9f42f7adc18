"""What `amn data describe` and `amn data compare` give to machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amn.report.json import finite

if TYPE_CHECKING:
    from amn.curation.compare import Comparison
    from amn.curation.describe import Description

SCHEMA = 1


def describe_json(description: Description) -> str:
    """Return a description as one JSON document; numbers that are not finite become null."""
    return _document("description", asdict(description))


def compare_json(comparison: Comparison) -> str:
    """Return a comparison as one JSON document, with its answer."""
    found = asdict(comparison) | {"verdict": comparison.verdict, "answer": comparison.answer}
    for measure in found["measures"]:
        values = measure["difference"]
        values["value"] = values["b"] - values["a"]
    return _document("comparison", found)


def _document(kind: str, value: dict[str, Any]) -> str:
    """Return JSON with a schema number."""
    return json.dumps(
        finite({"schema": SCHEMA, kind: value}), indent=2, allow_nan=False, ensure_ascii=False
    )
