"""Results as a GitLab code quality report: what a merge request shows beside the changed files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from amn.report.json import dumps
from amn.report.verdict import SPEAKING, complete, last_line
from amn.report.visible import one_line
from amn.storage import canonical_json, sha256_of
from amn.verdict import Status, Verdict, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amn.gate.result import GateResult

SEVERITIES = {
    Status.ERROR: "blocker",
    Status.HARNESS: "blocker",
    Status.FAIL: "critical",
    Status.LOOSENED: "critical",
    Status.INCONCLUSIVE: "minor",
    Status.WARN: "info",
}
RANKS = ("blocker", "critical", "major", "minor", "info")


def to_codequality(results: Sequence[GateResult]) -> str:
    """Return a JSON array, an item a finding, the worst first.

    A fingerprint names case, check and place, not the number: the same trouble of two runs is one.
    """
    items = [item for result in results for item in _items(result)]
    items.sort(key=lambda item: RANKS.index(str(item["severity"])))
    return dumps(items) + "\n"


def _items(result: GateResult) -> Iterator[dict[str, object]]:
    """Yield the findings of one case."""
    seen: Counter[str] = Counter()
    path = f"golden/{result.case}/case.toml"

    def item(label: str, severity: str, place: str, text: str) -> dict[str, object]:
        seen[f"{label} {place}"] += 1
        key = [result.case, label, place, seen[f"{label} {place}"]]
        return {
            "description": one_line(f"{label}: {text}"),
            "check_name": f"amn/{label}",
            "fingerprint": sha256_of(canonical_json(key)),
            "severity": severity,
            "location": {"path": path, "lines": {"begin": 1}},
        }

    shown = [o for o in worst_first(complete(result)) if o.status in SPEAKING]
    for outcome in shown:
        severity = SEVERITIES[outcome.status]
        for finding in outcome.findings:
            yield item(outcome.label, severity, finding.where, str(finding))
        if not outcome.findings:
            yield item(outcome.label, severity, "", outcome.detail or outcome.status.value)
    if result.verdict is Verdict.PARTIAL:
        yield item("scope", "minor", "", last_line(result))
    elif not shown and result.verdict.exit_code():
        yield item("verdict", "blocker", "", last_line(result))
