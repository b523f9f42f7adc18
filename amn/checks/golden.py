"""G: the golden: is it whole and comparable, and is the candidate not worse."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from amn.case.config import EVALUATED, CaseConfig
from amn.checks import broken
from amn.checks.check import check
from amn.checks.comparison import Compared, is_guarded
from amn.data.groupings import groups_of, titles_of
from amn.errors import DoesNotApplyError, GoldenError
from amn.evaluation.attribution import attribute
from amn.evaluation.metrics import METRIC_VERSION
from amn.golden.compare import config_changes
from amn.golden.schema import COSINE, Numerics
from amn.golden.store import read_golden, write_golden
from amn.verdict import Finding, Measured, Severity, Standing, Verdict, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.case.limits import GoldenConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.checks.comparison import Guarded, Sides
    from amn.data.dataset import DataSet
    from amn.evaluation.attribution import Attribution
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.noninferiority import Comparison
    from amn.evaluation.storage import Evaluation
    from amn.golden.schema import Golden
    from amn.training.candidate import Candidate

    Computed = tuple[Mapping[str, float], Mapping[str, str]]
    Parts = dict[str, object]


NAMED = 3  # articles in a message
SUSPICIOUS = 5.0  # standard errors of improvement after which a leak is likelier than luck
NUMERICS_ATOL = 1e-6  # other instruction sets and libraries round at 1e-9
UPDATE = "amn golden update CASE --reason TEXT"


def golden_other_windows(copy: CaseCopy) -> None:
    """The golden is of other windows: it lacks the last OOD article, every digest right."""
    golden = read_golden(copy.folder)
    articles = golden.tables["ood"].judged().articles
    write_golden(copy.folder, broken.golden.golden_of_articles(golden, {"ood": articles[:-1]}))


@check(
    "G003",
    "comparable",
    severity=Severity.HARNESS,
    needs=["G004", "M001"],
    broken_by=[golden_other_windows],
)
def check_comparable(sides: Sides) -> Measured:
    """The golden was measured on the same windows, with the same metric.

    Why: A difference between scores of different windows says nothing about the model. Whether they
    hold the same vectors is asked by G021.
    Fix: If the data set changed on purpose: amn golden update CASE --reason TEXT
    """
    golden, findings = sides.golden, list[Finding]()
    for split in EVALUATED:
        try:
            sides.require_same_windows(split)
        except GoldenError as error:
            findings.append(Finding(split, str(error), UPDATE))
    if golden.record.versions.metric != METRIC_VERSION:
        message = f"expected metric version {METRIC_VERSION}, got {golden.record.versions.metric}"
        findings.append(Finding("golden.json", message, UPDATE))
    n = sum(golden.record.metrics[split].windows for split in EVALUATED)
    alone = f"by the cosine alone: what comes next is not in the golden; {UPDATE}"
    detail = "" if is_guarded(golden.record) else alone
    return Measured(count_of(n, "window"), "same ids, same metric", findings, detail)


def check_gone(copy: CaseCopy) -> None:
    """A check of the golden no longer exists."""
    broken.golden.with_check(copy, "D999-gone")


@check(
    "G006",
    "same_checks",
    severity=Severity.LOOSENED,
    needs=["G004"],
    broken_by=[check_gone],
)
def check_same_checks(golden: Golden, declared: tuple[str, ...], approval: str) -> Measured:
    """Every check that was declared when the golden was accepted is declared now.

    Why: A check that disappears is a gate that opens.
    Fix: Bring the check back, or accept its loss: amn golden update CASE --reason TEXT
    """
    accepted = list(golden.record.checks)
    gone = [label for label in accepted if label not in declared]
    findings = [
        Finding(
            label,
            "expected the check to be declared as in the golden, found it gone",
            f"approved by {approval}" if approval else UPDATE,
            Severity.WARNING if approval else None,
        )
        for label in gone
    ]
    return Measured(f"{len(accepted) - len(gone)} of {len(accepted)}", "all declared", findings)


def self_compare(golden: Golden, candidates: tuple[Candidate, ...]) -> Parts:
    """The golden's own file is compared with it."""
    return {"brought": (replace(candidates[0], digest=golden.record.digests.models[0]),)}


@check(
    "G005",
    "other_artefact",
    severity=Severity.HARNESS,
    needs=["G004"],
    broken_by=[self_compare],
)
def check_other_artefact(golden: Golden, brought: tuple[Candidate, ...]) -> Measured:
    """The candidate is not the very file that the golden was made from.

    Why: A candidate compared with itself always passes.
    Fix: Pass the new checkpoint, or --allow-same if this is meant
    """
    artefacts = golden.record.digests.models
    findings = [
        Finding(
            candidate.name,
            f"expected a file that is not the golden's, got its sha256 {candidate.digest[:12]}…",
            "pass the new checkpoint or predictions, or --allow-same",
        )
        for candidate in brought
        if candidate.digest in artefacts
    ]
    return Measured(f"{len(findings)} the same", "none", findings)


def config_drift(copy: CaseCopy) -> None:
    """The learning rate is not the golden's, but three times as high."""
    copy.configure(training={"lr": 3 * copy.config.training.rate})


@check("G007", "config", severity=Severity.WARNING, needs=["G004"], broken_by=[config_drift])
def check_config(golden: Golden, settings: dict[str, Any]) -> Measured:
    """The resolved config is the golden's.

    Why: A changed default explains a changed score better than a changed model.
    Fix: Nothing, when the change is meant; the comparison stands
    """
    old = golden.record.config
    with suppress(ValidationError):  # a setting that is newer than the golden had its default then
        old = CaseConfig.completed(old)
    changes = config_changes(old, settings)
    findings = [
        Finding(change.key, f"golden {_written(change.old)}, now {_written(change.new)}")
        for change in changes
        if _written(change.old) != _written(change.new)  # a section that is there, and empty
    ]
    return Measured(count_of(len(findings), "change"), "none", findings)


def _written(value: object) -> str:
    """Return a setting as people write it in case.toml."""
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def other_machine(machine_numerics: Computed) -> Parts:
    """The golden is of a machine that rounds in another way."""
    values, machine = machine_numerics
    then = {name: value + 1e-5 for name, value in values.items()}
    there = {"class": "other", "values": then, "machine": {**machine, "instructions": "other"}}
    return {"numerics": Numerics.model_validate(there)}


@check("G020", "numerics", severity=Severity.WARNING, needs=["G004"], broken_by=[other_machine])
def check_numerics(numerics: Numerics, machine_numerics: Computed) -> Measured:
    """A small fixed computation comes to what it came to on the golden's machine, within 1e-6.

    Why: Another processor, BLAS or torch can move a score: a change of arithmetic is no change of
    the model.
    Fix: Gate on the kind of machine that made the golden, or make the golden again here and give
    this as the reason
    """
    now, here = machine_numerics
    off = {name: abs(now.get(name, math.nan) - value) for name, value in numerics.values.items()}
    changed = [
        f"{key} {old} then, {here.get(key, 'unknown')} now"
        for key, old in numerics.machine.items()
        if here.get(key) != old
    ]
    because = "; ".join(changed) or "the same libraries and instruction set"
    findings = [
        Finding(
            name,
            f"expected {value:.9g} as beside the golden, got {now.get(name, math.nan):.9g}",
            f"look at the machine before the model: {because}",
        )
        for name, value in numerics.values.items()
        if not off[name] <= NUMERICS_ATOL
    ]
    worst = max(off.values())  # NaN where a step is gone: its finding says so
    return Measured(f"{worst:.1g}", f"<= {NUMERICS_ATOL:g}", findings, "; ".join(changed), worst)


def worse_ood(evaluations: tuple[Evaluation, ...], golden_limits: GoldenConfig) -> Parts:
    """OOD is worse than the golden by twice the margin."""
    return _worse("ood", evaluations, golden_limits)


def worse_in_dist(evaluations: tuple[Evaluation, ...], golden_limits: GoldenConfig) -> Parts:
    """In-dist is worse than the golden by twice the margin."""
    return _worse("in_dist", evaluations, golden_limits)


def _worse(split: str, evaluations: tuple[Evaluation, ...], limits: GoldenConfig) -> Parts:
    """Return scores that are twice the margin lower, by chance more in some windows than others."""

    def change(scores: SplitScores) -> SplitScores:
        noise = np.random.default_rng(0).standard_normal(len(scores.cosines))
        return replace(scores, cosines=scores.cosines - 2 * limits.margin * (1 + 0.5 * noise))

    return {
        "evaluations": tuple(broken.candidates.changed(one, split, change) for one in evaluations)
    }


@check("G001", "ood", needs=["G003"], broken_by=[worse_ood])
def check_ood(sides: Sides, judged_data: dict[str, DataSet]) -> Measured:
    """Not worse than the golden, OOD.

    OOD, the candidate is not worse than the golden by more than the margin: paired by window,
    clustered by article, one-sided 95 %.

    Why: A floor lets a good model rot down to it.
    Fix: Find what changed (G007, amn golden diff CASE); accept it only with a reason: amn golden
    update CASE --reason TEXT
    """
    return not_worse(sides, "ood", judged_data.get("ood"))


@check("G002", "in_dist", needs=["G003"], broken_by=[worse_in_dist])
def check_in_dist(sides: Sides, judged_data: dict[str, DataSet]) -> Measured:
    """Not worse than the golden, in-dist.

    In-dist, the candidate is not worse than the golden by more than the margin: paired by window,
    clustered by article, one-sided 95 %.

    Why: A floor lets a good model rot down to it.
    Fix: Find what changed (G007, amn golden diff CASE); accept it only with a reason: amn golden
    update CASE --reason TEXT
    """
    return not_worse(sides, "in_dist", judged_data.get("in_dist"))


def less_in_article_ood(guarded: Guarded) -> Parts:
    """OOD, fewer of the other rows of its article are further away, by twice the margin."""
    return guard_broken("in_article.ood", guarded)


def less_in_article_in_dist(guarded: Guarded) -> Parts:
    """In-dist, fewer of the other rows of its article are further away, by twice the margin."""
    return guard_broken("in_article.in_dist", guarded)


def lower_rank_ood(guarded: Guarded) -> Parts:
    """OOD, the target stands further down in the pool, by twice the margin."""
    return guard_broken("reciprocal_rank.ood", guarded)


def lower_rank_in_dist(guarded: Guarded) -> Parts:
    """In-dist, the target stands further down in the pool, by twice the margin."""
    return guard_broken("reciprocal_rank.in_dist", guarded)


def guard_broken(name: str, guarded: Guarded) -> Parts:
    """Return measured scores of which one metric is twice its margin worse; cosines stay."""
    metric, split = guarded.aim(name)
    record = guarded.golden.record
    if metric not in record.by_metric:
        raise DoesNotApplyError(f"expected a golden with sums of {metric}")
    is_lower = record.figures(metric)[split].better == "lower"
    margin = guarded.margin(name) * (-1 if is_lower else 1)

    def change(scores: SplitScores) -> SplitScores:
        noise = np.random.default_rng(0).standard_normal(len(scores.cosines))
        lower = scores.of(metric) - 2 * margin * (1 + 0.5 * noise)
        return replace(scores, values={**scores.values, metric: lower})

    return {"measured": tuple({**one, split: change(one[split])} for one in guarded.measured)}


@check("G014", "in_article_ood", needs=["G003"], broken_by=[less_in_article_ood])
def check_in_article_ood(guarded: Guarded, judged_data: dict[str, DataSet]) -> Measured:
    """Tells the next row from the others of its article as well as the golden, OOD.

    The share of the other rows of its article that a prediction is further from than its target:
    not lower than the golden's by more than the margin, paired by window and clustered by article.

    Why: The mean of the context scores well by cosine, and says nothing of what comes next.
    Fix: See what was averaged: a loss, a wider context, a mixture of models; accept it only with a
    reason: amn golden update CASE --reason TEXT
    """
    return not_worse(guarded, "in_article.ood", judged_data.get("ood"))


@check("G015", "in_article_in_dist", needs=["G003"], broken_by=[less_in_article_in_dist])
def check_in_article_in_dist(guarded: Guarded, judged_data: dict[str, DataSet]) -> Measured:
    """Tells the next row from the others of its article as well as the golden, in-dist.

    The share of the other rows of its article that a prediction is further from than its target:
    not lower than the golden's by more than the margin, paired by window and clustered by article.

    Why: The mean of the context scores well by cosine, and says nothing of what comes next.
    Fix: See what was averaged: a loss, a wider context, a mixture of models; accept it only with a
    reason: amn golden update CASE --reason TEXT
    """
    return not_worse(guarded, "in_article.in_dist", judged_data.get("in_dist"))


@check("G016", "rank_ood", needs=["G003"], broken_by=[lower_rank_ood])
def check_rank_ood(guarded: Guarded, judged_data: dict[str, DataSet]) -> Measured:
    """Finds its target in a fixed pool of targets as well as the golden, OOD.

    The reciprocal rank of the target among 256 targets of the split: not lower than the golden's by
    more than the margin, paired by window and clustered by article.

    Why: Who uses predictions to search looks at the first that are found, and not at a cosine.
    Fix: See what was averaged: a loss, a wider context, a mixture of models; accept it only with a
    reason: amn golden update CASE --reason TEXT
    """
    return not_worse(guarded, "reciprocal_rank.ood", judged_data.get("ood"))


@check("G017", "rank_in_dist", needs=["G003"], broken_by=[lower_rank_in_dist])
def check_rank_in_dist(guarded: Guarded, judged_data: dict[str, DataSet]) -> Measured:
    """Finds its target in a fixed pool of targets as well as the golden, in-dist.

    The reciprocal rank of the target among 256 targets of the split: not lower than the golden's by
    more than the margin, paired by window and clustered by article.

    Why: Who uses predictions to search looks at the first that are found, and not at a cosine.
    Fix: See what was averaged: a loss, a wider context, a mixture of models; accept it only with a
    reason: amn golden update CASE --reason TEXT
    """
    return not_worse(guarded, "reciprocal_rank.in_dist", judged_data.get("in_dist"))


def not_worse(sides: Sides, name: str, dataset: DataSet | None) -> Measured:
    """Judge a metric of a split against the golden.

    Args:
        name: Of what is compared: a split, or a metric of one.
        dataset: Whose articles have titles and kinds; None where it is not known.
    """
    judged, (metric, split) = sides.judge(name), sides.aim(name)
    comparison, margin = judged.comparison, sides.margin(name)
    d = comparison.difference
    bounds = f"lower bound {comparison.lower:+.4f}, upper {comparison.upper:+.4f}"
    spent = _spent(sides)
    asked = f"{margin:.4g}" if metric != COSINE else f"{margin}"
    findings, attribution = list[Finding](), None
    if judged.verdict is Verdict.FAIL:
        message = f"expected not worse than the golden by {asked}, got {d:+.4f} ({bounds}{spent})"
        attribution = _attribution(sides, name, dataset)
        findings.append(Finding(split, message, _blame(attribution)))
    elif judged.verdict is not Verdict.PASS:
        message = f"cannot tell: {d:+.4f} ({bounds}{spent}), margin {asked}{comparison.doubted}"
        if comparison.verdict is Verdict.FAIL:
            message += f"; no alarm at {judged.level:g}, its level beside the other split (Holm)"
        message += f"; a drop of {comparison.detectable:.4f} would have been seen in 80 %"
        fix = _what_would_decide(comparison, len(sides.table(name).sides[0]))
        if d < 0:
            attribution = _attribution(sides, name, dataset)
            fix = f"{fix}; {attribution}"
        findings.append(Finding(split, message, fix, severity=Severity.INCONCLUSIVE))
    elif comparison.standard_errors > SUSPICIOUS:
        message = f"{comparison.standard_errors:.1f} standard errors better than the golden"
        findings.append(Finding(split, message, "look for a leak (S001-S004)", Severity.NOTICE))
    detail = f"{bounds}, {count_of(comparison.n_clusters, 'article')}{spent}{_across(sides)}"
    detail += comparison.doubted
    if metric != COSINE:
        detail += f"; {_beside(sides.golden, split, metric)}"
    standing = Standing(comparison.lower, comparison.upper, least=-margin)
    return Measured(
        shown(d, -margin, sign="+"),
        f"> {-margin:+.4f}",
        findings,
        detail,
        d,
        standing,
        Compared(split, sides.alpha, judged.p, attribution),
    )


def _beside(golden: Golden, split: str, metric: str) -> str:
    """Return what the golden and the reference predictors have: `golden 0.674, last 0.732, ...`."""
    figures = golden.record.figures(metric)[split]
    means = {"golden": figures.mean, **figures.references}
    return ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())


def _what_would_decide(comparison: Comparison, seeds: int) -> str:
    """Return how many articles, or seeds of the candidate, an undecided comparison takes."""
    counts = (
        (comparison.n_clusters, "article", comparison.articles_needed),
        (seeds, "seed", comparison.seeds_needed),
    )
    ways = [
        f"{count_of(n, what)}, about {needed:,} would decide"
        for n, what, needed in counts
        if needed and needed > n  # fewer decide at alpha, and not at Holm's level
    ]
    return " or ".join(ways) or "more articles and more seeds"


def _across(sides: Sides) -> str:
    """Return that bounds are wider, where the two sides are of two numerics classes."""
    tolerance = sides.classes.tolerance
    return f", wider by {tolerance:.1g} across numerics classes" if tolerance else ""


def _spent(sides: Sides) -> str:
    """Return which look this is and what error it and those before it spent, where there are more.

    Shares of alpha add up, so that a PASS at any look is false in at most alpha of all cases.
    """
    looks, config = sides.looks, sides.limits
    if not looks or not config.adaptive_seeds:
        return ""
    spent = sum(config.alpha_at(look) for look in looks)
    return (
        f", look {len(looks)} of {len(config.adaptive_seeds)} at {looks[-1]} seeds, "
        f"alpha {sides.alpha:g}, spent {spent:g} of {config.alpha:g}"
    )


def _attribution(sides: Sides, name: str, dataset: DataSet | None) -> Attribution:
    """Return where a difference comes from."""
    table = sides.table(name)
    titles = titles_of(dataset, table.labels) if dataset else {}
    groupings = groups_of(dataset, table.labels, table.sizes, titles)
    return attribute(table, titles=titles, groupings=groupings)


def _blame(attribution: Attribution) -> str:
    """Name the articles that pull the difference down most, and say whether they are alone."""
    names = ", ".join(
        f"{part.article}{f' ({part.title})' if part.title else ''} ({part.difference:+.3f})"
        for part in attribution.worst[:NAMED]
    )
    return f"look at articles {names}: {attribution}"
