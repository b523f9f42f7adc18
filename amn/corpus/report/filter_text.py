"""What `amn data filter` prints: rows by reason, and what the filter is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.corpus.report.data_text import bounds
from amn.report.page.plots import number
from amn.report.visible import visible
from amn.verdict import count_of

if TYPE_CHECKING:
    from amn.corpus.study.filtered import Worth
    from amn.corpus.study.filtering import Plan


def filter_text(plan: Plan, worth: Worth) -> str:
    """Return what each rule drops, and scores before and after on one set."""
    region = plan.study.region
    n_articles, n_rows = len(region), len(region.rows)
    kept = int(plan.kept.sum())
    lines = [
        f"{region.label}: {count_of(n_rows, 'row')}, {count_of(n_articles, 'article')}",
        "",
        f"{'rule':<28}{'articles':>10}{'rows':>12}{'no other rule':>16}{'counted':>12}  as",
    ]
    lines += [
        f"{c.rule:<28}{c.articles:>10,}{c.rows:>12,}{c.only_rows:>16,}{c.counted_rows:>12,}"
        f"  {c.reason}"
        for c in plan.counts()
    ]
    lines += [
        f"{'dropped':<28}{n_articles - kept:>10,}{'':>28}{n_rows - plan.rows:>12,}",
        f"{'kept':<28}{kept:>10,}{plan.rows:>12,}  {number(plan.rows / n_rows, 'share')} of rows",
    ]
    if plan.exempt.any():
        lines.append(f"{'exempt from every rule':<28}{int(plan.exempt.sum()):>10,}")
    return visible("\n".join([*lines, "", *_worth(plan, worth)]))


def _worth(plan: Plan, worth: Worth) -> list[str]:
    """Return coherence and fits, and the warning of a circular filter."""
    c = worth.coherence
    lines = [f"coherence {c.a:.4f} before, {c.b:.4f} after: {c.value:+.4f} ({bounds(c)})"]
    fits = {fit.judged_on: fit for fit in worth.fits}
    if not fits:
        lines.append(f"ridge before and after: not possible: {worth.note}")
    else:
        lines.append("ridge fitted on all rows, and on what is left, judged on held-out articles:")
        for name, label in (("common", "common, unfiltered"), ("B", "that the filter kept")):
            fit = fits[name]
            lines.append(
                f"  {label:<24}{fit.a:.4f}   {fit.b:.4f}   {fit.gain.mean:+.4f} "
                f"({bounds(fit.gain)})"
            )
    if plan.judged:
        lines += ["", circular_warning(plan)]
    return lines


def circular_warning(plan: Plan) -> str:
    """Return what a filter by the judged quantity must not be credited with."""
    names = " and ".join(str(chosen) for chosen in plan.judged)
    after = (
        "Exempt articles stay as they were: judge on them."
        if plan.exempt.any()
        else "Split first, and keep what is evaluated as it was: --exempt splits.json"
    )
    return (
        f"CIRCULAR FILTER: {names} drops rows by what a gate judges. A higher coherence or score\n"
        f"on what it kept is its own doing; only the common set counts.\n{after}"
    )
