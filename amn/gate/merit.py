"""The change beside its merge base: what it loosened, and whether the result needs that to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.checks.comparison import COMPARED, GUARDED, RECALLS, is_guarded
from amn.checks.limits import all_checks, limit_checks
from amn.errors import AmnError, ArgumentError, CheckNotRunError, GoldenError
from amn.gate.evidence import declare
from amn.golden.store import GOLDEN_FILE
from amn.storage import read_whole
from amn.verdict import Loosening, Review, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amn.case.load import Case
    from amn.checks.check import Check
    from amn.evaluation.metrics import SplitScores
    from amn.gate.evidence import Evidence
    from amn.golden.base.review import CaseAtBase, MergeBase
    from amn.golden.schema import Golden
    from amn.golden.table import Table

WORSE = (Status.FAIL, Status.HARNESS)
OPEN = (Status.INCONCLUSIVE,)


def review(case: Case, merge_base: MergeBase, is_judged: bool, evidence: Evidence) -> Review:  # noqa: FBT001 - a part
    """The change beside its merge base: what it loosened, and what fails by what was asked there.

    Args:
        is_judged: Whether a result is judged as well, and not the files alone.

    Raises:
        RepositoryError: If git cannot tell what to compare with.
    """
    if note := merge_base.why_not(case):
        return Review(note=note)
    at_base = merge_base.case(case)
    loosenings = [*merge_base.of_project, *at_base.loosenings]
    if at_base.golden and "declared" in evidence:  # other modes ask less than a golden's
        labels = set(evidence["declared"])
        gone = [label for label in at_base.golden.record.checks if label not in labels]
        loosenings += [Loosening("removed a check", "declared checks", label) for label in gone]
    asked = tuple(_asked_on(at_base, case, evidence)) if is_judged else ()
    worse, undecided = (
        tuple(label for label, status in asked if status in ends) for ends in (WORSE, OPEN)
    )
    if worse and not loosenings:
        what = f"fails {', '.join(worse)}"
        loosenings = [
            Loosening("changed what it is judged by", "golden and limits", what, "passes")
        ]
    return Review(
        target=merge_base.branch,
        base=merge_base.commit,
        note="; ".join(filter(None, (at_base.note, merge_base.neutral))),
        loosenings=tuple(dict.fromkeys(loosenings)),
        is_judged=is_judged,
        worse_on_base=worse,
        open_on_base=undecided,
        approval=merge_base.approval,
        scope=at_base.config.criteria.scope if at_base.config else "",
    )


def _asked_on(base: CaseAtBase, case: Case, evidence: Evidence) -> Iterator[tuple[str, Status]]:
    """Yield how checks end by what the merge base asked, but those that are as open now."""
    has_other_criteria = base.config is not None and (
        base.config.criteria != case.config.criteria or base.config.index != case.config.index
    )
    has_other_golden = (
        base.golden is not None and "evaluations" in evidence and not _has_golden_of(base, case)
    )
    if base.config is None or not (has_other_criteria or has_other_golden):
        return
    try:
        evidence["summaries"]
    except AmnError:
        return  # nothing was measured: the other checks say why
    waived = {waiver.check for waiver in base.waivers if waiver in evidence["waivers"]}
    asked: list[tuple[Check, Evidence]] = []
    if has_other_criteria:
        there = evidence.with_(criteria=base.config.criteria)
        asked += [(c, there) for c in declare(evidence) if "criteria" in c.reads]
        limits = limit_checks(base.config) if "measured" in evidence else ()
        theirs = evidence.with_(guards=base.config.criteria.guards)
        asked += [(c, theirs) for c in limits if theirs.promises(c.reads)]
    if base.golden and has_other_golden:
        there = evidence.with_(
            evaluations=tuple(
                replace(e, scores=_restricted(e.scores, base.golden))
                for e in evidence["evaluations"]
            ),
            golden=base.golden,
            golden_limits=base.config.golden,
            golden_folder=case.folder,
            looks=(),
        )
        ids = {*COMPARED.values()}
        ids |= {id_ for part, id_ in RECALLS.items() if base.golden.record.recall and part in there}
        if "measured" in evidence and is_guarded(base.golden.record):
            measured = tuple(_restricted(s, base.golden) for s in evidence["measured"])
            there = there.with_(measured=measured)
            guards = base.config.criteria.guards
            there = there.with_(guards=guards)
            ids |= {*GUARDED.values(), *(guard.id for guard in guards)}
        asked += [(c, there) for c in all_checks(base.config).values() if c.id in ids]
    own = all_checks(case.config)
    for check, there in asked:
        status, now = _status(check, there), own.get(check.id)
        is_open = status in OPEN and now is not None and _status(now, evidence) in OPEN
        if check.id not in waived and not is_open:
            yield check.label, status


def _has_golden_of(base: CaseAtBase, case: Case) -> bool:
    """Tell whether the golden, and what is asked beside it, are those of the merge base."""
    file = case.folder / GOLDEN_FILE
    content = read_whole(file) if file.exists() else b""
    is_same = base.golden is not None and base.golden.record.to_bytes() == content
    return is_same and base.config is not None and base.config.golden == case.config.golden


def _status(check: Check, evidence: Evidence) -> Status:
    """Return how a check ends; one that cannot be asked shows no merit."""
    try:
        return check.run(evidence).status
    except (ArgumentError, GoldenError, CheckNotRunError):
        return Status.FAIL


def _restricted(scores: Mapping[str, SplitScores], golden: Golden) -> dict[str, SplitScores]:
    """Return scores on only the windows that a golden has: the result may have more."""
    return {name: _on_windows(scores[name], golden.tables[name]) for name in EVALUATED}


def _on_windows(scores: SplitScores, table: Table) -> SplitScores:
    """Return the scores on the windows of a golden's split, in the order of the scores."""
    return scores.take(table.has(scores.article_ids, scores.target_chunks))
