"""G: custody of the golden: its ledger, its waivers, its drift, and what a change does to them."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from amn.checks.registry import implements, rules
from amn.config import EVALUATED
from amn.errors import CheckNotRunError, GoldenError
from amn.findings import Finding, Measured, Severity
from amn.golden.history import drift_since_anchor
from amn.golden.ledger import LEDGER_FILE
from amn.golden.orphans import find_orphans
from amn.golden.store import COSINES_FILE, GOLDEN_FILE
from amn.places import GOLDEN_FOLDER
from amn.storage import sha256_file

if TYPE_CHECKING:
    from amn.checks.evidence.limits import CustodyEvidence
    from amn.golden.ledger import Entry

SHOWN_DIGITS = 12  # of a digest
WAIVABLE = ("fail", "inconclusive")


@implements("G010")
def check_not_loosened(evidence: CustodyEvidence) -> Measured:
    """G010: the change lets no more through than its merge base does."""
    review = evidence.review
    if review is None:
        raise CheckNotRunError("G010-not_loosened: expected a review of the change, got none")
    if not review.base:
        return Measured("not compared", "nothing loosened", detail=review.note)
    severity = Severity.WARNING if review.approval else None
    fix = f"approved by {review.approval}" if review.approval else ""
    findings = [
        Finding(
            loosening.where,
            f"this change {loosening.what}: {loosening.old or 'none'} at the merge base, "
            f"{loosening.new or 'none'} now",
            fix or rules()["G010"].fix,
            severity,
        )
        for loosening in review.loosenings
    ]
    base = f"since {review.base[:10]} of {review.target}"
    detail = f"{base}; {review.note}" if review.note else base
    return Measured(f"{len(findings)} loosened", "nothing loosened", findings, detail)


@implements("G011")
def check_waivers(evidence: CustodyEvidence) -> Measured:
    """G011: waivers are short, in force, and allowed."""
    if evidence.today is None:
        raise CheckNotRunError("G011-waivers: expected today's date, got none")
    findings = []
    for waiver in evidence.waivers:
        rule = rules().get(waiver.check)
        over = (evidence.today - waiver.expires).days
        if rule is None:
            message = "expected a waiver of a check that exists, got an unknown id"
            findings.append(Finding(waiver.check, message, "amn rules"))
        elif rule.custody or rule.severity not in WAIVABLE:
            why = (
                "a check of the golden's custody"
                if rule.custody
                else f"of severity {rule.severity}"
            )
            message = f"expected a waiver of a check that can be waived, got {rule.label}, {why}"
            warns = rule.severity == "warning" and not rule.custody
            fix = "delete the waiver: a warning stops nothing" if warns else "mend what it found"
            findings.append(Finding(waiver.check, message, fix))
        elif waiver.created > evidence.today:
            message = f"expected a waiver made by {evidence.today}, got one of {waiver.created}"
            findings.append(Finding(waiver.check, message))
        elif over > 0:
            message = (
                f"expected a waiver that is in force, got one that expired on {waiver.expires}, "
                f"{over} days ago ({waiver.owner}: {waiver.reason})"
            )
            findings.append(Finding(waiver.check, message, "mend what it hides, and delete it"))
        else:
            findings.append(Finding(waiver.check, str(waiver), severity=Severity.WARNING))
    return Measured(f"{len(evidence.waivers)} waivers", "short and in force", findings)


@implements("G004")
def check_intact(evidence: CustodyEvidence) -> Measured:
    """G004: the golden can be read and its digests hold."""
    try:
        golden = evidence.golden
    except GoldenError as error:
        return Measured("unreadable", "whole", [Finding(evidence.case.name, str(error))])
    record = golden.record
    return Measured(f"{len(record.seeds)} seeds of {record.created}", "whole", detail=record.reason)


@implements("G008")
def check_ledger(evidence: CustodyEvidence) -> Measured:
    """G008: the chain of the ledger holds."""
    ledger = evidence.ledger
    if ledger is None:
        name = evidence.case.name
        word, other = "adopt", f"git checkout -- {LEDGER_FILE}"
        if not (evidence.case.folder / GOLDEN_FILE).exists():
            word, other = "new", f"until then amn gate {quote(name)} --first-run"
        fix = f"amn golden {word} {quote(name)} --reason TEXT, or {other}"
        missing = Finding(LEDGER_FILE, "expected the ledger of the golden, found none", fix)
        return Measured("none", "chain holds", [missing])
    findings = [
        Finding(f"{LEDGER_FILE} line {problem.line}", problem.message, "git checkout the ledger")
        for problem in ledger.problems
    ]
    last = ledger.entries[-1].reason if ledger.entries else ""
    n = len(ledger.entries)
    count = f"{n} entry" if n == 1 else f"{n} entries"
    return Measured(count, "chain holds", findings, last)


@implements("G009")
def check_last_entry(evidence: CustodyEvidence) -> Measured:
    """G009: the golden is the one that was accepted last."""
    last, folder = _entries(evidence)[-1], evidence.case.folder
    findings = []
    if last.case != evidence.case.name:
        message = f"expected the golden of {evidence.case.name!r}, got that of {last.case!r}: stale"
        findings.append(Finding(LEDGER_FILE, message, "amn golden new for this case"))
    digests = {GOLDEN_FILE: last.digests.golden, COSINES_FILE: last.digests.cosines}
    for name, digest in digests.items():
        try:
            found = sha256_file(folder / name)
        except OSError:
            findings.append(Finding(name, f"expected the file of entry {last.number}, found none"))
            continue
        if found != digest:
            message = (
                f"expected sha256 {digest[:SHOWN_DIGITS]}… of entry {last.number}, got "
                f"{found[:SHOWN_DIGITS]}…: it was changed without amn golden update"
            )
            findings.append(Finding(name, message, f"git checkout -- {folder / name}"))
    return Measured(f"entry {last.number}", "its two files", findings, f"by {last.author}")


@implements("G012")
def check_drift(evidence: CustodyEvidence) -> Measured:
    """G012: what was accepted since the anchor has not fallen by more than the budget."""
    entries, budget = _entries(evidence), evidence.case.config.golden.drift_budget
    drifts = {split: drift_since_anchor(entries, split) for split in EVALUATED}
    findings = [
        Finding(
            split,
            f"expected at most {budget} below the anchor, got {-drift.total:.4f} in "
            f"{drift.steps} steps since entry {drift.anchor}",
            "amn golden log shows each step",
        )
        for split, drift in drifts.items()
        if not drift.total >= -budget
    ]
    value = ", ".join(f"{split} {drift.total:+.4f}" for split, drift in drifts.items())
    some = drifts[EVALUATED[0]]
    detail = f"{some.steps} steps since entry {some.anchor}"
    if some.not_comparable:
        detail += f", {some.not_comparable} of them to other windows"
    return Measured(value, f">= {-budget:+.4f}", findings, detail)


@implements("G013")
def check_no_orphans(evidence: CustodyEvidence) -> Measured:
    """G013: no golden without a case beside this one."""
    parent = evidence.case.folder.resolve().parent
    if parent.name != GOLDEN_FOLDER.name:
        return Measured("0", "none", detail="the case is not in golden/")
    orphans = find_orphans(parent)
    findings = [
        Finding(
            f"{GOLDEN_FOLDER}/{orphan.folder.name}",
            f"expected a case.toml beside its {orphan.files[0].name}, found none",
            "bring the case back, or amn golden prune",
        )
        for orphan in orphans
    ]
    return Measured(str(len(orphans)), "none", findings)


def _entries(evidence: CustodyEvidence) -> tuple[Entry, ...]:
    """Return the entries of a ledger that G008 found sound."""
    if evidence.ledger is None or not evidence.ledger.entries:
        raise CheckNotRunError(f"{LEDGER_FILE}: expected entries, found none")
    return evidence.ledger.entries
