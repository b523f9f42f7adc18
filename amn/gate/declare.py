"""Which checks a gate declares: all that its case, its mode and its files call for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from amn.checks.registry import BEFORE_TRAINING, Rule, rules
from amn.data.dataset import HASH_COLUMN, INDEX_FILE, INDEX_MANIFEST
from amn.errors import AmnError
from amn.golden.store import GOLDEN_FILE, parse_record
from amn.golden.waivers import WAIVERS_FILE

if TYPE_CHECKING:
    from amn.case import Case
    from amn.gate.options import GateOptions
    from amn.gate.session import GateSession

INDEX_FILES = (INDEX_FILE, INDEX_MANIFEST)  # one without the other is a finding, not no index


def declare(session: GateSession) -> tuple[Rule, ...]:
    """Return every check that has to run for a gate, in order."""
    options = session.options
    return tuple(
        rule
        for rule in rules().values()
        if _is_asked_for(rule, session.case, options)
        and _is_readable(rule, session)
        and _is_there(rule.when, session)
    )


def _is_asked_for(rule: Rule, case: Case, options: GateOptions) -> bool:
    """Tell whether the mode and the options call for a rule."""
    is_before = rule.family in BEFORE_TRAINING
    wanted = {"index": _wants_index(case), "golden": not options.first_run}
    return (
        options.mode in rule.modes
        and (rule.when != "always" or wanted.get(rule.family, True))
        and not (is_before and options.mode == "metrics")
        and not (options.custody_only and not rule.custody)
        and not (rule.id == "G005" and options.allow_same)
    )


def _wants_index(case: Case) -> bool:
    """Tell whether the index is judged: as the case says, else when there is one."""
    wanted = case.config.dataset.index
    if wanted is not None:
        return wanted
    return any((case.dataset_path / file).exists() for file in INDEX_FILES)


def _is_readable(rule: Rule, session: GateSession) -> bool:
    """Tell whether a metrics file holds what a rule about records reads."""
    if rule.family != "record" or session.options.mode != "metrics":
        return True
    return set(rule.reads) <= session.metrics.history.parts


def _is_there(what: str, session: GateSession) -> bool:
    """Tell whether what a rule's `when` names is there."""
    options = session.options
    if what == "hashes":
        return _has_hashes(session)
    if what == "waivers":
        return (session.case.folder / WAIVERS_FILE).exists()
    if what == "speed":
        return session.case.config.speed is not None
    if what == "numerics":
        return not options.first_run and _has_numerics(session.case)
    given = {"reencode": options.encode, "merge_base": options.merge_base}
    return what == "always" or given[what] is not None


def _has_hashes(session: GateSession) -> bool:
    """Tell whether the data set stores row digests; an unreadable one is D003's to report."""
    try:
        return session.dataset.column(HASH_COLUMN) is not None
    except (AmnError, OSError):
        return False


def _has_numerics(case: Case) -> bool:
    """Tell whether the golden has a fingerprint; an unreadable golden is G004's to report."""
    with suppress(AmnError, OSError):
        content = (case.folder / GOLDEN_FILE).read_bytes()
        return parse_record(content, case.folder).numerics is not None
    return False
