"""The change beside its merge base: what it loosened, and whether the result needs that to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.checks.comparison import COMPARED, GUARDED, RECALLS, is_guarded
from amn.checks.limits import all_checks, limit_checks
from amn.data.slices import in_slice
from amn.errors import AmnError, ArgumentError, CheckNotRunError, GoldenError
from amn.gate.evidence import declare
from amn.gate.makers.held_to import OUTCOMES
from amn.golden.store import GOLDEN_FILE
from amn.golden.table import IN_SLICE
from amn.storage import read_whole
from amn.system import CASE_FILE
from amn.verdict import BEFORE_TRAINING, FAMILIES, Loosening, Review, Status, count_of, family_of

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
ACCEPTED = "accepted data or warnings of its own"
RESLICED = "moved windows between slices"
BY_DATA = (ACCEPTED, RESLICED)  # what only the data tell


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
    loosenings += _removed(at_base.golden, evidence) if at_base.golden else ()
    asked = tuple(_asked_on(at_base, case, evidence)) if is_judged else ()
    worse, undecided = (
        tuple(label for label, status in asked if status in ends) for ends in (WORSE, OPEN)
    )
    if "told_by_data" in evidence:  # a bundle has none to ask again
        loosenings += evidence["told_by_data"]
    elif is_judged:
        loosenings += [*_accepted(at_base, case, evidence), *_resliced(at_base, case, evidence)]
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


def _removed(golden: Golden, evidence: Evidence) -> Iterator[Loosening]:
    """Yield the checks of a golden that are not declared any more.

    Other modes ask less of a model than a training does, and as much of the data that they read;
    of windows predictions ask more.
    """
    is_whole = "declared" in evidence
    if not is_whole and "data_sets" not in evidence:
        return
    labels = {*(evidence["declared"] if is_whole else (c.label for c in declare(evidence)))}
    for label in golden.record.checks:
        family = family_of(label.partition("-")[0])
        is_asked = is_whole or (family in BEFORE_TRAINING and family != FAMILIES["W"])
        if is_asked and label not in labels:
            yield Loosening("removed a check", "declared checks", label)


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


def _accepted(base: CaseAtBase, case: Case, evidence: Evidence) -> Iterator[Loosening]:
    """Yield what the golden of the merge base asks of the data, and this change's golden does not.

    Whoever changes the data is not who says that they may be easier, or warn of something. Asked
    is what holds how other checks ended against the golden; that data are others is no gain yet.
    """
    if base.config is None or base.golden is None or _has_golden_of(base, case):
        return
    if not base.golden.record.profile or not evidence.promises(OUTCOMES):
        return  # of an earlier version, or nothing of the data is read
    there = evidence.with_(
        golden=base.golden,
        golden_limits=base.config.golden,
        **{part: evidence[part] for part in OUTCOMES},
    )
    waived = {waiver.check for waiver in base.waivers if waiver in evidence["waivers"]}
    for check in declare(there):
        is_asked = "golden" in check.reads and {*OUTCOMES} & {*check.reads}
        if is_asked and check.id not in waived:
            try:
                outcome = check.run(there)
            except AmnError as error:
                outcome = check.not_evaluated(error)
            if outcome.status not in (Status.PASS, Status.WARN):
                where = f"{case.name}/{GOLDEN_FILE} {check.label}"
                yield Loosening(ACCEPTED, where, outcome.value or outcome.detail, "accepted")


def _resliced(base: CaseAtBase, case: Case, evidence: Evidence) -> Iterator[Loosening]:
    """Yield the limits of the merge base whose slice has other windows than its golden knows."""
    if base.config is None or base.golden is None or "judged" not in evidence:
        return
    for limit in base.config.criteria.limit:
        for column, wanted in (limit.slice or {}).items():
            table = base.golden.tables[limit.split]
            cells = table.slices.get(f"{column}={wanted}")
            if cells is None:
                continue
            try:
                windows = evidence["judged"][limit.split]
                now = in_slice(windows, column, wanted)
            except AmnError:
                continue  # the limit itself cannot be asked
            keys = (windows.article_ids, windows.target_chunks)
            then = table.take(np.array(cells) == IN_SLICE).has(*keys)
            if n := int((table.has(*keys) & (then != now)).sum()):
                where = f"{case.name}/{CASE_FILE} criteria.limit {limit.id}"
                yield Loosening(RESLICED, where, limit.where, count_of(n, "other window"))


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
