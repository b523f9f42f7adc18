"""What `amn data describe` and `amn data compare` give to machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from amn.report.json import dumps

if TYPE_CHECKING:
    from amn.corpus.study.compare import Comparison
    from amn.corpus.study.describe import Description

SCHEMA = 1


def describe_json(description: Description) -> str:
    """Return a description as one JSON document; numbers that are not finite become null."""
    return dumps({"schema": SCHEMA, "description": asdict(description)})


def compare_json(comparison: Comparison) -> str:
    """Return a comparison as one JSON document, with its answer."""
    found = asdict(comparison) | {"verdict": comparison.verdict, "answer": comparison.answer}
    for measure in found["measures"]:
        values = measure["difference"]
        values["value"] = values["b"] - values["a"]
    return dumps({"schema": SCHEMA, "comparison": found})
