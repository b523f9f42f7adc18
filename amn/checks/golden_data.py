"""G: the data beside those that the golden was accepted on: which articles, and how they differ."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from amn.case.config import EVALUATED
from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.errors import DoesNotApplyError
from amn.golden.compare import (
    NEIGHBOURS,
    Profiles,
    gains_in_words,
    is_easier,
    profile_changes,
    profile_of,
)
from amn.golden.store import read_golden, write_golden
from amn.golden.table import DIGEST
from amn.verdict import Finding, Measured, Outcome, Severity, Statistic, Status

if TYPE_CHECKING:
    from amn.case.limits import GoldenConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.evaluation.summary import Summary
    from amn.golden.compare import Moved, VectorChanges
    from amn.golden.schema import Golden, SplitMetrics
    from amn.golden.table import Table

    Parts = dict[str, object]

ACCEPT = "amn golden diff CASE; accept it with a reason: amn golden update CASE --reason TEXT"
WHAT = {  # happened to articles: expected, got
    "changed": ("the vectors that were accepted", "other ones"),
    "exchanged": ("the vectors that were accepted", "those of another article"),
    "came": ("the articles that were accepted", "new ones"),
    "went": ("the articles that were accepted", "none any more"),
    "unknown": ("a golden that knows its vectors", "none of these"),
}


def golden_exchanged(copy: CaseCopy) -> None:
    """Two OOD articles have changed places since the golden."""
    write_golden(copy.folder, broken.golden.with_exchanged_articles(read_golden(copy.folder)))


def golden_other_training(copy: CaseCopy) -> None:
    """Three training articles have other vectors than the golden's had."""
    _with_other_vectors(copy, "train", 3)


def _with_other_vectors(copy: CaseCopy, split: str, n: int) -> None:
    """Give the first articles of a golden's split other digests.

    Raises:
        DoesNotApplyError: If the golden does not know its vectors.
    """
    golden = read_golden(copy.folder)
    table = golden.tables.get(split)
    if table is None or not all(table.vectors):
        raise DoesNotApplyError("expected a golden that knows its vectors")
    turned = tuple(cell[DIGEST][::-1] for cell in table.vectors[:n])
    vectors = (*turned, *table.vectors[n:])
    tables = {**golden.tables, split: replace(table, vectors=vectors)}
    write_golden(copy.folder, broken.golden.with_tables(golden, tables))


@check(
    "G021",
    "same_data",
    severity=Severity.INCONCLUSIVE,
    needs=["G004"],
    broken_by=[golden_exchanged, golden_other_training],
)
def check_same_data(
    golden: Golden,
    vector_changes: VectorChanges,
    article_tables: dict[str, Table],
    data_sets: tuple[DataSet, ...],
) -> Measured:
    """Every article of every split has the vectors that the golden was accepted on.

    By the digest of its rows, those of training too. Where all articles were encoded or stored
    again, and none is further off than float16 or bfloat16 explain, it is a warning.

    Why: A score of other data is another score: two exchanged articles, or ten whose signs are
    turned, move no mean.
    Fix: Restore the data; or look at what changed, and accept it: amn golden update CASE --reason
    TEXT
    """
    changes, findings = vector_changes, list[Finding]()
    n = sum(len(set(table.articles.tolist())) for table in article_tables.values())
    for kind, keys in changes.kinds.items():
        expected, got = WHAT[kind]
        for split in dict.fromkeys(split for split, _ in keys):
            ids = np.array([article for mine, article in keys if mine == split])
            message = f"expected {expected}, got {got} in {len(ids):,}: {some_ids(ids)}"
            findings.append(Finding(split, message, ACCEPT))
    if changes.precision:
        message = (
            f"expected the bytes that were accepted, got all {len(changes.encoded):,} articles "
            f"encoded or stored again: rows are off by {changes.off:.1g} of their length, within "
            f"{changes.precision}"
        )
        findings.append(Finding("every split", message, ACCEPT, Severity.WARNING))
    elif not changes and data_sets[0].digest != golden.record.digests.dataset:
        message = (
            "expected the files that were accepted, got others with the same vectors in every "
            "article of a split"
        )
        findings.append(Finding(data_sets[0].path.name, message, severity=Severity.NOTICE))
    others = sum(map(len, changes.kinds.values()))
    value = f"{others:,} of {n:,} articles" if others else "the same vectors"
    return Measured(value, "none are others", findings, number=float(others), data=changes)


def other_profile(golden: Golden) -> Parts:
    """OOD is easier than in the golden: its neighbours are a tenth more alike."""
    profile = golden.record.profile
    there = profile.get(NEIGHBOURS, {}).get("ood")
    if there is None:
        raise DoesNotApplyError("expected a golden with the profile of its data")
    easier = Statistic(there.value + 0.1 + 10 * (there.spread or 0.0), *there[1:])
    now: dict[str, Any] = {**profile, NEIGHBOURS: {**profile[NEIGHBOURS], "ood": easier}}
    found = Outcome("S008", "representative", Status.PASS, profile=now)
    return {"data_outcomes": (found,), "vector_changes": broken.golden.CHANGED}


@check(
    "G022",
    "profile",
    severity=Severity.INCONCLUSIVE,
    needs=["G004"],
    broken_by=[other_profile],
)
def check_profile(
    golden: Golden,
    vector_changes: VectorChanges,
    data_outcomes: tuple[Outcome, ...],
    golden_limits: GoldenConfig,
) -> Measured:
    """Every statistic of the data is in the range that the golden's articles and these explain.

    Student's t of two groups of articles, at alpha over all statistics together. Equal data are not
    compared: they do not differ.

    Why: Data that changed make another task: neighbours that are more alike raise every score.
    Fix: Look at what changed: amn golden diff CASE; accept it with a reason: amn golden update CASE
    --reason TEXT
    """
    then = golden.record.profile
    if vector_changes.is_same:
        note = "" if then else "the golden has no profile: amn upgrade CASE"
        return Measured("the same vectors", "in range", detail=note)
    if not then:
        fix = f"amn golden update CASE --reason TEXT, on the data that it is of; {ACCEPT}"
        finding = Finding("golden.json", "expected the profile of its data, got none", fix)
        return Measured("no profile", "in range", [finding])
    moved = profile_changes(then, profile_of(data_outcomes), golden_limits.alpha)
    left = [one for one in moved if one.has_left]
    findings = [Finding(one.place, _how(one), ACCEPT) for one in left]
    compared = sum(one.reach is not None for one in moved)
    number = float(len(left))
    value = f"{len(left)} of {compared} left their range"
    return Measured(value, "none", findings, number=number, data=Profiles(tuple(moved)))


def _how(moved: Moved) -> str:
    """Say how a statistic differs from the golden's."""
    if moved.new is None or moved.old is None:
        return f"expected {moved.name} as in the golden, got none: it is not measured any more"
    return (
        f"expected {moved.name} {moved.old.value:.4g} within {moved.reach or 0:.2g}, got "
        f"{moved.new.value:.4g}{moved.words and f': {moved.words}'}"
    )


def new_warning(golden: Golden) -> Parts:
    """A check that passed when the golden was accepted warns."""
    label = next((n for n, e in golden.record.checks.items() if e.status is Status.PASS), "")
    if not label:
        raise DoesNotApplyError("expected a golden that says how its checks ended")
    id_, _, name = label.partition("-")
    finding = Finding("ood", "expected at most 0.1, got 0.2")
    return {"ended": (Outcome(id_, name, Status.WARN, findings=(finding,)),)}


@check(
    "G023",
    "new_warnings",
    severity=Severity.INCONCLUSIVE,
    needs=["G004"],
    broken_by=[new_warning],
)
def check_new_warnings(golden: Golden, ended: tuple[Outcome, ...]) -> Measured:
    """No check warns that passed when the golden was accepted, or that was not there.

    Where the golden does not say how a check ended, its warning stays a warning.

    Why: A warning that nobody has to answer is read once and never again.
    Fix: Mend what it warns of, or accept it with a reason: amn golden update CASE --reason TEXT
    """
    findings = []
    warnings = [o for o in ended if o.status is Status.WARN and not (o.waiver or o.approval)]
    for outcome in warnings:
        then = golden.record.checks.get(outcome.label)
        is_unknown = then is not None and then.status is None
        if then is not None and then.status not in (None, Status.PASS, Status.NOT_RUN):
            continue
        was = "nobody knows how it ended" if is_unknown else "PASS" if then else "no such check"
        said = f": {outcome.findings[0].message}" if outcome.findings else ""
        message = f"expected {was} as in the golden, got a warning{said}"
        severity = Severity.WARNING if is_unknown else None
        findings.append(Finding(outcome.label, message, ACCEPT, severity))
    value = f"{len(warnings)} warn" + (f", {len(findings)} new" if findings else "")
    return Measured(value, "as in the golden", findings, number=len(findings))


def easier_ood(golden: Golden, summaries: dict[str, Summary]) -> Parts:
    """OOD is other data, on which the reference predictors gained as much as the model."""
    ood = summaries["ood"]
    higher = {name: mean + 0.1 for name, mean in golden.record.metrics["ood"].references.items()}
    moved = replace(ood, mean=golden.record.metrics["ood"].mean + 0.1, references=higher)
    return {
        "summaries": {**summaries, "ood": moved},
        "vector_changes": broken.golden.CHANGED,
        "data_outcomes": (),
    }


@check(
    "G024",
    "not_easier",
    severity=Severity.INCONCLUSIVE,
    needs=["G004", "M001"],
    broken_by=[easier_ood],
)
def check_not_easier(
    golden: Golden,
    vector_changes: VectorChanges,
    summaries: dict[str, Summary],
    data_outcomes: tuple[Outcome, ...],
    golden_limits: GoldenConfig,
) -> Measured:
    """On other data than the golden's, the reference predictors did not gain what the model gained.

    The strongest of them gained no more than articles explain, one-sided at alpha over the splits,
    or less than half of what the model did.

    Why: Easier data raise every score: a better score of them is no better model.
    Fix: Compare by the lift; accept the data with a reason: amn golden update CASE --reason TEXT
    """
    findings, gains = list[Finding](), dict[str, float]()
    moved = profile_changes(golden.record.profile, profile_of(data_outcomes), golden_limits.alpha)
    for split in EVALUATED:
        then, now = golden.record.metrics[split], summaries[split]
        reach = _reach(then, now, golden_limits.alpha / len(EVALUATED))
        if vector_changes.is_same or reach is None:
            continue
        gains[split] = max(now.references.values()) - then.strongest
        model = now.mean - then.mean
        if gains[split] <= reach or not is_easier(gains[split], model):
            continue
        alike = [one.words for one in moved if (one.name, one.place) == (NEIGHBOURS, split)]
        said = "; ".join(filter(None, [*alike, gains_in_words(gains[split], model)]))
        message = (
            f"expected the strongest reference to gain at most {reach:.2g}, got "
            f"{gains[split]:.2g}: {said}"
        )
        findings.append(Finding(split, message, ACCEPT))
    value = ", ".join(f"{split} {gain:+.4f}" for split, gain in gains.items())
    number = max(gains.values(), default=0.0)
    limit = "as hard as in the golden"
    return Measured(value or "the same vectors", limit, findings, number=number)


def _reach(then: SplitMetrics, now: Summary, tail: float) -> float | None:
    """Return how far two means may be apart for their articles' spread; None: not known."""
    if now.interval is None or not now.references or not math.isfinite(now.interval.se):
        return None
    degrees = max(min(then.articles, now.interval.n_clusters) - 1, 1)
    return -float(stdtrit(degrees, tail)) * math.hypot(then.se, now.interval.se)
