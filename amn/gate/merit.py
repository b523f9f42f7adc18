"""The change beside its merge base: what it loosened, and whether the result needs that to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.case import Case
from amn.checks.comparison import COMPARED
from amn.checks.evidence.limits import CriteriaEvidence, GoldenEvidence
from amn.checks.registry import execute, rules
from amn.config import EVALUATED
from amn.errors import CheckNotRunError, GoldenError
from amn.evaluation.storage import Evaluation
from amn.findings import EXECUTED, Status
from amn.golden.compare import window_ids
from amn.golden.store import GOLDEN_FILE
from amn.review import Loosening, Review

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amn.checks.evidence.runs import Candidate
    from amn.checks.registry import Rule
    from amn.config import CaseConfig
    from amn.evaluation.scores import SplitScores
    from amn.evaluation.summary import Summary
    from amn.gate.session import GateSession
    from amn.golden.schema import Golden, GoldenSplit
    from amn.mergebase.review import CaseAtBase, MergeBase

WORSE = (Status.FAIL, Status.HARNESS)


def review_change(session: GateSession, base: MergeBase) -> Review:
    """Return what a change loosened, and what fails by the limits and golden of its merge base.

    Raises:
        RepositoryError: If git cannot tell what to compare with.
    """
    if note := base.why_not(session.case):
        return Review(note=note)
    at_base, is_judged = base.case(session.case), not session.options.custody_only
    loosenings = [*base.of_project, *at_base.loosenings]
    # Other modes ask less than a golden's.
    if is_judged and at_base.golden and session.options.mode == "train":
        labels = {rule.label for rule in session.declared}
        gone = [label for label in at_base.golden.record.checks if label not in labels]
        loosenings += [Loosening("removed a check", "declared checks", label) for label in gone]
    worse = _worse_on(at_base, session) if is_judged else ()
    if worse and not loosenings:
        what = f"fails {', '.join(worse)}"
        loosenings = [
            Loosening("changed what it is judged by", "golden and limits", what, "passes")
        ]
    return Review(
        target=base.branch,
        base=base.commit,
        note=at_base.note,
        loosenings=tuple(dict.fromkeys(loosenings)),
        is_judged=is_judged,
        worse_on_base=worse,
        approval=base.approval,
    )


def _worse_on(base: CaseAtBase, session: GateSession) -> tuple[str, ...]:
    """Return the labels of checks that fail by what the merge base asked."""
    case, options = session.case, session.options
    has_other_criteria = base.config is not None and base.config.criteria != case.config.criteria
    has_other_golden = (
        base.golden is not None and options.mode != "metrics" and not _has_golden_of(base, case)
    )
    if base.config is None or not (has_other_criteria or has_other_golden):
        return ()
    judged = [session.outcome(rule.id) for rule in session.declared if rule.family == "criteria"]
    if not all(outcome.status in EXECUTED for outcome in judged):
        return ()  # nothing was measured: the other checks say why
    worse: list[str] = []
    if has_other_criteria:
        worse += worse_by_criteria(base.config, session.summaries, session.declared)
    if base.golden and has_other_golden:
        worse += worse_by_golden(case, base.config, base.golden, session.candidates)
    waived = {waiver.check for waiver in base.waivers if waiver in session.waivers}
    return tuple(label for label in worse if label.partition("-")[0] not in waived)


def _has_golden_of(base: CaseAtBase, case: Case) -> bool:
    """Tell whether the golden, and what is asked beside it, are those of the merge base."""
    file = case.folder / GOLDEN_FILE
    content = file.read_bytes() if file.exists() else b""
    is_same = base.golden is not None and base.golden.record.to_bytes() == content
    return is_same and base.config is not None and base.config.golden == case.config.golden


def worse_by_criteria(
    config: CaseConfig, summaries: Mapping[str, Summary], declared: Iterable[Rule]
) -> Iterator[str]:
    """Yield the labels of the criteria of another revision that the result does not meet.

    Args:
        config: Of the merge base.
        declared: Checks of this gate; criteria that cannot be asked here are not.
    """
    evidence = CriteriaEvidence(config.criteria, dict(summaries))
    for rule in declared:
        if rule.family == "criteria" and _is_worse(rule.id, evidence):
            yield rule.label


def worse_by_golden(
    case: Case, config: CaseConfig, golden: Golden, candidates: tuple[Candidate, ...]
) -> Iterator[str]:
    """Yield the labels of the comparisons with another revision's golden that do not hold.

    The windows of that golden are what is compared; the result may have more.

    Args:
        config: Of the merge base: its margin and alpha.
        golden: Of the merge base.
    """
    on_its_windows = tuple(_restricted(candidate, golden) for candidate in candidates)
    evidence = GoldenEvidence(Case(case.folder, config), on_its_windows, (), golden)
    for check in COMPARED:
        if _is_worse(check, evidence):
            yield rules()[check].label


def _is_worse(check: str, evidence: object) -> bool:
    """Tell whether a check fails; one that cannot be asked shows no merit."""
    try:
        return execute(check, evidence).status in WORSE
    except (GoldenError, CheckNotRunError):
        return True


def _restricted(candidate: Candidate, golden: Golden) -> Candidate:
    """Return a candidate with only the windows that a golden has."""
    evaluation = candidate.evaluation
    scores = {name: _on_windows(evaluation.scores[name], golden.splits[name]) for name in EVALUATED}
    restricted = Evaluation(scores, evaluation.references)
    return replace(candidate, score=lambda _: restricted)


def _on_windows(scores: SplitScores, split: GoldenSplit) -> SplitScores:
    """Return the scores on the windows of a golden's split, in the order of the scores."""
    keep = np.isin(
        window_ids(scores.article_ids, scores.target_chunks),
        window_ids(split.article_ids, split.target_chunks),
    )
    return replace(
        scores,
        cosines=scores.cosines[keep],
        copy_cosines=scores.copy_cosines[keep],
        article_ids=scores.article_ids[keep],
        target_chunks=scores.target_chunks[keep],
    )
