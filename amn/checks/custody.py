"""G: custody of the golden: its ledger, its waivers, its drift, and what a change does to them."""

from __future__ import annotations

import json
from datetime import date
from shlex import quote
from typing import TYPE_CHECKING, Any

from amn.case.config import EVALUATED
from amn.case.limits import GUARDS
from amn.checks import broken
from amn.checks.check import check
from amn.checks.comparison import guarded_names, is_guarded
from amn.checks.golden import UPDATE
from amn.checks.limits import all_checks
from amn.errors import CheckNotRunError, DoesNotApplyError, GoldenError
from amn.golden.compare import own_margin
from amn.golden.ledger import LEDGER_FILE, drifts_since_anchor
from amn.golden.schema import COSINE
from amn.golden.store import GOLDEN_FILE, TABLE_FILE, find_orphans, read_file, read_golden
from amn.golden.waivers import WAIVERS_FILE, read_waivers
from amn.storage import as_committed, canonical_json, sha256_of
from amn.system import GOLDEN_FOLDER
from amn.verdict import Finding, Loosening, Measured, Review, Severity, count_of, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amn.case.limits import GoldenConfig, Guard
    from amn.case.load import Case
    from amn.checks.broken.copies import CaseCopy
    from amn.golden.ledger import Entry, Ledger
    from amn.golden.schema import Golden
    from amn.verdict import Waiver

    Parts = dict[str, object]

MOST_LETTERS = 60  # of a reason in a table: `amn golden log` has all of it
SHOWN_DIGITS = 12  # of a digest
WAIVABLE = (Severity.FAIL, Severity.INCONCLUSIVE)
APPROVE = (
    "take it into a change of its own; who may approve it says so in CI: "
    "amn gate --approve-loosening 'NAME: why'"
)
TODAY = date(2026, 3, 1)  # of the waivers that are brought in as defects
WAIVER = """[[waiver]]
check = "{check}"
reason = "until the encoder is mended"
owner = "somebody"
created = {created}
expires = {expires}
"""


def loosened(case: Case) -> Parts:
    """The change lowered a floor."""
    floors = [getattr(case.config.criteria, split) for split in EVALUATED]
    old = next((floor for floor in floors if isinstance(floor, float)), 0.6)
    where = f"{case.name}/case.toml criteria.ood"
    lowered = Loosening("lowered a floor", where, str(old), str(old - 0.05))
    return {"review": Review(target="main", base="0" * 40, loosenings=(lowered,))}


@check("G010", "not_loosened", severity=Severity.LOOSENED, broken_by=[loosened])
def check_not_loosened(review: Review) -> Measured:
    """The change lets no more through than its merge base does.

    It lowers no golden and no limit, and removes no check, case,
    window, seed or CI step that judges.

    Why: A change that moves the bar passes over it. The bar of the merge base is the one that it
    was reviewed against.
    Fix: Take it into a change of its own; who may approve it says so in CI: amn gate
    --approve-loosening 'NAME: why'
    """
    if not review.base:
        return Measured("not compared", "nothing loosened", detail=review.note)
    findings = [
        Finding(
            loosening.where,
            f"this change {loosening.what}: {loosening.beside[0]} at the merge base, "
            f"{loosening.beside[1]} now",
            APPROVE,
        )
        for loosening in review.loosenings
    ]
    base = f"since {review.base[:10]} of {review.target}"
    detail = f"{base}; {review.note}" if review.note else base
    return Measured(f"{len(findings)} loosened", "nothing loosened", findings, detail)


def waiver_expired(copy: CaseCopy) -> Parts:
    """A waiver has expired."""
    return _waive(copy, "C002", "2026-01-01", "2026-01-20")


def waiver_of_custody(copy: CaseCopy) -> Parts:
    """A waiver lets the ledger through."""
    return _waive(copy, "G008", "2026-02-20", "2026-03-10")


def _waive(copy: CaseCopy, check: str, created: str, expires: str) -> Parts:
    text = WAIVER.format(check=check, created=created, expires=expires)
    (copy.folder / WAIVERS_FILE).write_bytes(text.encode())
    return {"today": TODAY, "listed_waivers": read_waivers(copy.folder)}


@check("G011", "waivers", broken_by=[waiver_expired, waiver_of_custody])
def check_waivers(
    today: date | None,
    listed_waivers: tuple[Waiver, ...],
    unwaivable: Mapping[str, str],
    case: Case,
) -> Measured:
    """Every waiver is in force, at most 30 days long, and names a check that can be waived.

    Why: A bypass without an end becomes the rule.
    Fix: Mend what the waiver hides and delete it, or ask for a new one in a change of its own
    """
    if today is None:
        raise CheckNotRunError("G011-waivers: expected today's date, got none")
    findings = []
    for waiver in listed_waivers:
        declared = all_checks(case.config).get(waiver.check)
        over = (today - waiver.expires).days
        if declared is None:
            message = "expected a waiver of a check that exists, got an unknown id"
            findings.append(Finding(waiver.check, message, "amn rules"))
        elif declared.id in unwaivable or declared.severity not in WAIVABLE:
            why = unwaivable.get(declared.id, f"of severity {declared.severity.name.lower()}")
            label = declared.label
            message = f"expected a waiver of a check that can be waived, got {label}, {why}"
            warns = declared.severity is Severity.WARNING and declared.id not in unwaivable
            fix = "delete the waiver: a warning stops nothing" if warns else "mend what it found"
            findings.append(Finding(waiver.check, message, fix))
        elif waiver.created > today:
            message = f"expected a waiver made by {today}, got one of {waiver.created}"
            findings.append(Finding(waiver.check, message))
        elif over > 0:
            message = (
                f"expected a waiver that is in force, got one that expired on {waiver.expires}, "
                f"{count_of(over, 'day')} ago ({waiver.owner}: {waiver.reason})"
            )
            findings.append(Finding(waiver.check, message, "mend what it hides, and delete it"))
        else:
            findings.append(Finding(waiver.check, str(waiver), severity=Severity.WARNING))
    return Measured(count_of(len(listed_waivers), "waiver"), "short and in force", findings)


def golden_edited(copy: CaseCopy) -> None:
    """The golden's OOD mean was lowered with an editor."""

    def change(record: dict[str, Any]) -> None:
        record["metrics"][COSINE]["ood"]["mean"] -= 0.05

    copy.change_json(copy.folder / GOLDEN_FILE, change)


def golden_damaged(copy: CaseCopy) -> None:
    """One bit of the golden's table is flipped."""

    def change(content: bytearray) -> None:
        content[len(content) // 2] ^= 0b10

    copy.change_bytes(copy.folder / TABLE_FILE, change)


def golden_gone(copy: CaseCopy) -> None:
    """The golden was removed."""
    (copy.folder / GOLDEN_FILE).unlink()


@check(
    "G004",
    "intact",
    severity=Severity.HARNESS,
    broken_by=[golden_edited, golden_damaged, golden_gone],
)
def check_intact(found_golden: Golden | GoldenError, golden_folder: Path) -> Measured:
    """golden.json and golden.csv are there, whole, and belong together.

    Why: A golden that was edited, or lost one of its files, accepts anything.
    Fix: git checkout the golden, or make one: amn golden new CASE --reason TEXT
    """
    if isinstance(found_golden, GoldenError):
        finding = Finding(golden_folder.resolve().name, str(found_golden))
        return Measured("unreadable", "whole", [finding])
    record = found_golden.record
    return Measured(
        f"{count_of(len(record.seeds), 'seed')} of {record.accepted.created}",
        "whole",
        detail=cut(record.accepted.reason, MOST_LETTERS),
    )


def ledger_edited(copy: CaseCopy) -> None:
    """An entry of the ledger was edited: the last acceptance has another reason."""
    _rewrite_last_line(copy, lambda values: values.update(reason="as agreed"))


def ledger_cut(copy: CaseCopy) -> None:
    """The first entry of the ledger is gone, and the next one looks like what follows it."""

    def follow(values: dict[str, Any]) -> None:
        values.update(number=1, previous=values["hash"])
        bare = {key: value for key, value in values.items() if key != "hash"}
        values["hash"] = sha256_of(canonical_json(bare))

    _rewrite_last_line(copy, follow)


def ledger_gone(copy: CaseCopy) -> None:
    """The ledger was removed."""
    (copy.folder / LEDGER_FILE).unlink()


def _rewrite_last_line(copy: CaseCopy, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the last entry of the ledger; its hash stays what it was."""
    path = copy.folder / LEDGER_FILE
    *before, last, _ = path.read_bytes().split(b"\n")
    values = json.loads(last)
    change(values)
    copy.own(path).write_bytes(b"\n".join([*before, canonical_json(values), b""]))


@check("G008", "ledger", broken_by=[ledger_edited, ledger_cut, ledger_gone])
def check_ledger(ledger: Ledger | None, case: Case) -> Measured:
    """The golden has a ledger, and each of its entries follows the one before it by hash.

    Why: An acceptance that can be edited, dropped or put in another order later accounts for
    nothing.
    Fix: git checkout the ledger; begin one for a golden that has none: amn golden adopt CASE
    --reason TEXT
    """
    if ledger is None:
        name = case.name
        word, other = "adopt", f"git checkout -- {LEDGER_FILE}"
        if not (case.folder / GOLDEN_FILE).exists():
            word, other = "new", f"until then amn gate {quote(name)} --first-run"
        fix = f"amn golden {word} {quote(name)} --reason TEXT, or {other}"
        missing = Finding(LEDGER_FILE, "expected the ledger of the golden, found none", fix)
        return Measured("none", "chain holds", [missing])
    findings = [
        Finding(f"{LEDGER_FILE} line {problem.line}", problem.message, "git checkout the ledger")
        for problem in ledger.problems
    ]
    last = cut(ledger.entries[-1].reason, MOST_LETTERS) if ledger.entries else ""
    n = len(ledger.entries)
    count = count_of(n, "entry")
    count += f", broken in line {ledger.problems[0].line}" if ledger.problems else ""
    return Measured(count, "chain holds", findings, last)


def golden_unentered(copy: CaseCopy) -> None:
    """The golden is none that was accepted: it reads the same, in other bytes."""
    path = copy.folder / GOLDEN_FILE
    copy.own(path).write_bytes(path.read_bytes() + b"\n")


@check("G009", "last_entry", needs=["G008"], broken_by=[golden_unentered])
def check_last_entry(ledger: Ledger | None, golden_folder: Path, case: Case) -> Measured:
    """The golden is this case's, and it is the one that the ledger's last entry accepted.

    Why: A golden that was written by hand has no reason, no author, and no verdict.
    Fix: git checkout golden.json golden.csv ledger.jsonl; change them only with amn golden update
    CASE --reason TEXT
    """
    last, folder = _entries(ledger)[-1], golden_folder
    findings = []
    if last.case != case.name:
        message = f"expected the golden of {case.name!r}, got that of {last.case!r}: stale"
        findings.append(Finding(LEDGER_FILE, message, "amn golden new for this case"))
    files = {GOLDEN_FILE: last.digests.golden, TABLE_FILE: last.digests.table}
    for name, digest in files.items():
        if digest is None:  # of schema 1: G004 says how to migrate it
            continue
        try:
            found = sha256_of(as_committed(read_file(folder, name)))
        except GoldenError:
            findings.append(Finding(name, f"expected the file of entry {last.number}, found none"))
            continue
        if found != digest:
            message = (
                f"expected sha256 {digest[:SHOWN_DIGITS]}… of entry {last.number}, got "
                f"{found[:SHOWN_DIGITS]}…: it was changed without amn golden update"
            )
            findings.append(Finding(name, message, f"git checkout -- {folder / name}"))
    value = f"entry {last.number}" + (", of others" if findings else "")
    return Measured(value, "its two files", findings, f"by {last.author}")


def drift_by_steps(copy: CaseCopy) -> None:
    """Goldens were accepted lower and lower, until the budget for drift was spent."""
    for _ in range(3):
        broken.golden.accept_lower(copy, by=0.4 * copy.config.golden.drift_budget)


def guard_drift_by_steps(copy: CaseCopy) -> None:
    """Goldens were accepted lower and lower in what comes next, and not by the cosine."""
    golden, metric = read_golden(copy.folder), GUARDS[0]
    if not is_guarded(golden.record):
        raise DoesNotApplyError("expected a golden that guards what comes next")
    own = max(own_margin(golden, split, metric) for split in EVALUATED)
    margin = copy.config.golden.margins.get(metric, own)
    for _ in range(4):  # the first may be the first of which the ledger knows
        broken.golden.accept_lower(copy, by=0.4 * margin, metric=metric)


@check("G012", "drift", needs=["G008"], broken_by=[drift_by_steps, guard_drift_by_steps])
def check_drift(
    ledger: Ledger | None, golden_limits: GoldenConfig, guards: tuple[Guard, ...]
) -> Measured:
    """What was accepted since the anchor has not fallen by more than the budget.

    Since the anchor, accepted goldens have not fallen by more than the drift budget in all
    (golden.drift, one margin by default); nor by more than one margin in anything else that is
    compared with the golden: what comes next, and the guards of the case.

    Why: Five updates of -0.004 each stay within the margin, and lose 0.02.
    Fix: Win it back; or release, and start from there in a change of its own: amn golden anchor
    CASE --reason TEXT
    """
    names = guarded_names(guards)
    drifts = drifts_since_anchor(_entries(ledger), golden_limits, names)
    findings = [
        Finding(
            name,
            f"expected at most {drift.budget:.4g} below the anchor, got {-drift.total:.4f} in "
            f"{count_of(drift.steps, 'step')} since entry {drift.anchor}",
            "amn golden log shows each step",
        )
        for name, drift in drifts.items()
        if not drift.total >= -drift.budget
    ]
    fallen = [finding.where for finding in findings if finding.where not in EVALUATED]
    shown = fallen if len(fallen) == len(findings) > 0 else EVALUATED  # what failed, if not these
    value = ", ".join(f"{name} {drifts[name].total:+.4f}" for name in shown)
    some, limit = drifts[EVALUATED[0]], -drifts[shown[0]].budget
    detail = f"{count_of(some.steps, 'step')} since entry {some.anchor}"
    if some.not_comparable:
        detail += f", {some.not_comparable} of them to other windows"
    if moved := {name: drifts[name] for name in names if name in drifts and drifts[name].steps}:
        name, drift = min(moved.items(), key=lambda item: item[1].total / item[1].budget)
        detail += f"; lowest of the others {name} {drift.total:+.4f} of {-drift.budget:.4g}"
    if unknown := dict.fromkeys(name.split(".")[0] for name in names if name not in drifts):
        detail += f"; not in the ledger: {', '.join(unknown)}; {UPDATE}"
    return Measured(value, f">= {limit:+.4f}", findings, detail)


def orphan_golden(copy: CaseCopy) -> Parts:
    """A golden without a case lies beside it."""
    folder = copy.folder / GOLDEN_FOLDER
    copy.clone(folder / copy.folder.name)
    (folder / "gone").mkdir()
    (folder / "gone" / GOLDEN_FILE).write_bytes(b"{}")
    return {"beside": folder.resolve()}


@check("G013", "no_orphans", broken_by=[orphan_golden])
def check_no_orphans(beside: Path) -> Measured:
    """Every folder beside this case that holds a golden holds a case.toml.

    Why: A golden whose case is gone looks like a gate and judges nothing.
    Fix: Bring the case back, or look at what would be removed: amn golden prune
    """
    if beside.name != GOLDEN_FOLDER.name:
        return Measured("0", "none", detail="the case is not in golden/")
    orphans = find_orphans(beside)
    findings = [
        Finding(
            f"{GOLDEN_FOLDER}/{orphan.folder.name}",
            f"expected a case.toml beside its {orphan.files[0].name}, found none",
            "bring the case back, or amn golden prune",
        )
        for orphan in orphans
    ]
    return Measured(str(len(orphans)), "none", findings)


def _entries(ledger: Ledger | None) -> tuple[Entry, ...]:
    """Return the entries of a ledger that G008 found sound."""
    if ledger is None or not ledger.entries:
        raise CheckNotRunError(f"{LEDGER_FILE}: expected entries, found none")
    return ledger.entries
