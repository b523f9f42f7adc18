"""The figures behind a verdict, gathered from what the checks have looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amn.checks.evidence.limits import GoldenEvidence
from amn.checks.meaning import statuses
from amn.findings import EXECUTED
from amn.golden.headroom import headrooms

if TYPE_CHECKING:
    from amn.evaluation.summary import Summary
    from amn.findings import Outcome
    from amn.gate.session import GateSession


def gather_facts(session: GateSession, outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    """Return the figures behind a verdict, as plain JSON data."""
    facts: dict[str, Any] = {
        "mode": session.options.mode,
        "title": session.case.config.title,
        "config_digest": session.case.config.digest(),
    }
    is_measured = any(o.check == "C001" and o.status in EXECUTED for o in outcomes)
    if is_measured:
        facts["scores"] = {split: summary_facts(s) for split, s in session.summaries.items()}
    if session.options.metrics:
        history = session.metrics.history
        facts["status"] = statuses(outcomes)[0].value
        facts["recorded_status"] = history.then
    if is_measured and session.options.mode != "metrics":
        facts["candidates"] = [candidate.name for candidate in session.candidates]
        facts["behaviour"] = _behaviour(session, outcomes)
        facts["windows"] = {name: len(w) for name, w in session.split_evidence.windows.items()}
        facts["dataset_digest"] = session.dataset.digest
    golden = session.made.get("golden")
    if isinstance(golden, GoldenEvidence) and golden.attributions:
        parts = golden.attributions.items()
        facts["attribution"] = {split: part.to_json() for split, part in parts}
    if isinstance(golden, GoldenEvidence) and golden.alarms:
        facts["comparisons"] = {"alpha": golden.alpha, "p": dict(golden.alarms)}
    if isinstance(golden, GoldenEvidence) and "golden" in vars(golden):
        found = headrooms(session.case.config, golden.golden.record)
        facts["headroom"] = [asdict(one) for one in found if one.note]
    return facts


def _behaviour(session: GateSession, outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    """Return what the first candidate does with its input, split by split, where observed."""
    if not any(o.check == "E009" and o.status in EXECUTED for o in outcomes):
        return {}
    evidence = session.run_evidence
    first = evidence.candidates[0]
    return {name: evidence.behaviour(first, name).to_json() for name in evidence.windows}


def summary_facts(summary: Summary) -> dict[str, Any]:
    """Return a split's score as plain JSON data; what is not finite is null."""
    values: dict[str, Any] = {"mean": summary.mean, "per_seed": list(summary.per_seed)}
    if summary.interval:
        values |= {"low": summary.interval.low, "high": summary.interval.high}
        values |= {"standard_error": summary.interval.se, "articles": summary.interval.n_clusters}
    if summary.lift:
        lift = summary.lift
        values["lift"] = {"mean": lift.mean, "low": lift.low, "high": lift.high}
    values["references"] = summary.references
    return values
