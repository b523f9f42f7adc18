"""`amn calibrate`: what a case can tell apart, and the margin that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from amn.cli.cases import find_case
from amn.cli.console import progress_bar, results
from amn.cli.options import CACHE, FORMAT
from amn.prove.calibrate import FALSE_FAIL, PASS_RATE, SCATTER
from amn.report.json import dumps
from amn.system import CASE_FILE
from amn.verdict import count_of

if TYPE_CHECKING:
    from pathlib import Path

    from amn.prove.calibrate import Calibration, SplitCalibration
    from amn.prove.simulation import Rates

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("calibrate")
@click.argument("case")
@click.option(
    "--seeds",
    type=click.IntRange(min=2, max=1000),
    help="Train (or find) seeds 0 to N-1 of the case as it is now.  [default: the golden's seeds]",
)
@click.option(
    "--false-fail",
    type=SHARE,
    default=FALSE_FAIL,
    show_default=True,
    help="Share of harmless changes that may FAIL.",
)
@click.option(
    "--pass-rate",
    type=SHARE,
    default=PASS_RATE,
    show_default=True,
    help="Share of harmless changes that must PASS.",
)
@click.option(
    "--scatter",
    type=click.FloatRange(min=0, max=1),
    default=SCATTER,
    show_default=True,
    help="SD between articles of what a harmless change does; 0 = the same recipe again.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=100, max=100_000),
    default=2000,
    show_default=True,
    help="Of each simulation.",
)
@FORMAT
@CACHE
def command(
    case: str,
    seeds: int | None,
    false_fail: float,
    pass_rate: float,
    scatter: float,
    trials: int,
    style: str,
    cache: Path,
) -> None:
    """Say what CASE can tell apart: noise, smallest detectable drop, error rates, a margin.

    The noise comes from the golden's seeds, so nothing is trained; --seeds trains more. The error
    rates come from the gate's own decision on simulated comparisons. Nothing is written: choose a
    margin before you see the candidate, and put it into case.toml.

    \b
    Examples:
      amn calibrate wiki-mini
      amn calibrate wiki-mini --seeds 8
      amn calibrate wiki-mini --false-fail 0.01 --pass-rate 0.9
      amn calibrate wiki-mini --scatter 0.02 --format json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from amn.prove.calibrate import Settings, calibrate  # noqa: PLC0415 - with its imports
    from amn.prove.seeds import scored_seeds  # noqa: PLC0415 - loads scipy

    found = find_case(case)
    settings = Settings(scatter, false_fail, pass_rate, trials)
    with progress_bar() as progress:
        scored = scored_seeds(found, cache=cache, n=seeds, progress=progress)
        calibration = calibrate(
            found.name,
            found.config,
            scored.splits,
            golden_seeds=scored.golden_seeds,
            source=scored.source,
            settings=settings,
            progress=progress,
        )
    if style == "json":
        click.echo(dumps(calibration.to_json()))
    else:
        _print(calibration, found.folder / CASE_FILE)


def _print(calibration: Calibration, file: Path) -> None:
    """Print noise, error rates, and what to write."""
    out = results()
    out.print(f"[bold]{escape(calibration.case)}[/]  noise from {escape(calibration.source)}")
    out.print(
        f"a candidate of {count_of(calibration.candidate_seeds, 'seed')} beside a golden of "
        f"{calibration.golden_seeds}, alpha {calibration.alpha:g}\n"
    )
    out.print(_noise_table(calibration))
    out.print()
    out.print(_rates_table(calibration))
    settings = calibration.settings
    out.print(
        f"\nHarmless: articles move (SD {settings.scatter:g}), their mean does not. Simulated with "
        f"the gate's own decision, {settings.trials:,} trials.",
    )
    for name, split in calibration.splits.items():
        if split.floor.is_near:
            out.print(
                f"{name}: the floor is within the noise of the choice of articles "
                f"({split.floor.standard_errors:+.1f} standard errors): the criterion holds for "
                "this frozen set, not for its like",
            )
    click.echo(f"\n{advice(calibration, file)}")


def _noise_table(calibration: Calibration) -> Table:
    """Return the figures that need no margin."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in calibration.splits:
        table.add_column(name, justify="right")
    for title, *cells in zip(
        ROWS, *(_noise_cells(split) for split in calibration.splits.values()), strict=True
    ):
        table.add_row(title, *cells)
    return table


ROWS = (
    "windows / articles (as many equal ones)",
    "score",
    "  standard error, by article",
    "  floor, and how far below the score",
    "seed noise, SD of the score (90 % limit)",
    "error of a comparison, same recipe again",
    "error of a comparison, harmless change",
    "smallest drop detected in 80 %",
    "margin that is needed",
)


def _noise_cells(split: SplitCalibration) -> tuple[str, ...]:
    """Return a split's cells, in the order of `ROWS`."""
    noise = split.noise
    return (
        f"{int(noise.sizes.sum()):,} / {noise.articles:,} ({noise.effective_articles:.0f})",
        f"{noise.mean:.4f}",
        f"{noise.score_se:.4f}",
        f"{split.floor.value:g}, {split.floor.standard_errors:+.1f} SE",
        f"{noise.seed_sd:.5f} ({noise.seed_sd_high:.5f})",
        f"{split.same_se:.5f}",
        f"{split.comparison_se:.5f}",
        f"{split.detectable:.5f}",
        f"{split.margin:.5f}",
    )


def _rates_table(calibration: Calibration) -> Table:
    """Return what the gate does at the case's margin and at the proposed one."""
    table = Table(box=None, pad_edge=False, title_justify="left", title_style="")
    table.title = "percent PASS/undecided/FAIL, were the candidate ..."
    table.add_column("")
    margins = {calibration.margin: "now", calibration.proposed: "proposed"}
    columns = []
    for name, split in calibration.splits.items():
        for at in split.table:
            tag = "now, kept" if len(margins) == 1 else margins[at.margin]
            table.add_column(f"{name}\n{at.margin:g} {tag}", justify="right", no_wrap=True)
            columns.append([_rates(r) for r in (at.same, at.harmless, at.at_margin, at.at_twice)])
    titles = ("same recipe", "harmless", "worse by it", "twice")
    for title, *cells in zip(titles, *columns, strict=True):
        table.add_row(title, *cells)
    return table


def _rates(rates: Rates) -> str:
    """Return three shares in percent."""
    return "/".join(f"{100 * share:.1f}" for share in rates)


def advice(calibration: Calibration, file: Path) -> str:
    """Return what to write into case.toml, or why nothing has to change."""
    settings, proposed, now = calibration.settings, calibration.proposed, calibration.margin
    said = (
        f"of harmless changes at least {settings.pass_rate:.0%} PASS and at most "
        f"{settings.false_fail:.1%} FAIL"
    )
    wanted = f"{said} from {proposed:g} on."
    lines = f"write into {file}:\n[golden]\nmargin = {proposed:g}"
    if now < proposed:
        return f"margin {now:g} is within the noise:\n{wanted}\nFix: {lines}"
    if now > proposed:
        keep = f"Keep {now:g} if a smaller loss does not matter to you; else {lines}"
        return f"margin {now:g} is above the noise:\n{wanted}\n{keep}"
    return f"margin {now:g} is what the noise asks for: {said}. Keep it."
