"""D: whether rows lie in the article, and at the place in it, that their ids name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.checks.data_order import BLOCK_ARTICLES, BLOCK_GAIN, FEWEST_ARTICLES, LEAST_GAIN
from amn.data.coherence import find_borders, find_dips, lone_rows
from amn.data.vectors import unit_rows
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from amn.checks.broken.copies import CaseCopy
    from amn.data.coherence import Borders
    from amn.data.scan import Scanned
    from amn.data.space import ArticleSample

# Gain at borders, mean: 0.50 on wiki-mini, 0.48 core; lowest block of 20: 0.38, 0.31. With all
# vectors one row further than their ids -0.21, twelve rows -0.01, 300 rows -0.01.
DIP = 0.06  # lowest of wiki-mini -0.03, core -0.02; sorted as strings -0.09 to -0.14
DIP_ERRORS = 6.0
DIP_ARTICLES = 50
DIPS = 3  # of sorting as strings, where articles have 20 rows; one may be a form that all have
LONE_SIGMAS = 3.0  # of the cosine of two random directions, 1 / sqrt(D)
LONE_BELOW = 0.2  # with fewer columns chance reaches what text reaches
LONE_SHARE = 0.005  # measured: 0.14 % on wiki-mini
FEWEST_LONE = 10  # rows in all: in a small data set a single odd paragraph is no defect
BACKWARDS = -0.05  # first row with the middle minus last with it: wiki-mini 0.17, core 0.15
BACKWARDS_ERRORS = 6.0


def shifted_ids(copy: CaseCopy) -> None:
    """Every vector is one row after its id."""
    broken.rows.rewrite_vectors(copy, np.roll(copy.vectors(), 1, axis=0).astype(np.float64))


@check(
    "D014",
    "borders",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[shifted_ids],
)
def check_borders(
    scanned: tuple[Scanned, ...], article_samples: tuple[ArticleSample, ...]
) -> Measured:
    """Rows of one article are more alike than the rows of two articles that meet.

    By more than 0.03 in the mean, and at every stretch of 20 borders. No three positions in all
    articles where the next row is another text; at most 0.5 % of rows as unlike both neighbours as
    random vectors.

    Why: Vectors that are a few rows further than their ids, or whose chunks were sorted as strings,
    keep most neighbours: windows then reach into other articles, and scores fall a little for no
    visible reason.
    Fix: Write vectors and ids from one table, sorted by (article, chunk) as numbers: amn data
    import SOURCE FOLDER
    """
    findings: list[Finding] = []
    gains: list[float] = []
    for one, sample in zip(scanned, article_samples, strict=True):
        borders = find_borders(one.dataset, one.scan)
        if len(borders.gains) < FEWEST_ARTICLES:
            message = f"expected {FEWEST_ARTICLES} borders of articles, got {len(borders.gains)}"
            fix = "use a larger data set"
            findings.append(Finding(one.folder.name, message, fix, Severity.INCONCLUSIVE))
            continue
        gains.append(float(borders.gains.mean()))
        findings += [
            *_border_findings(one.folder.name, borders),
            *_dip_findings(one),
            *_lone_findings(one),
            *_backwards_findings(one.folder.name, sample),
        ]
    value = ", ".join(f"{gain:.4f}" for gain in gains) or "too few articles"
    detail = "cosine of neighbours inside an article - across its border, mean over borders"
    number = min(gains, default=None)
    return Measured(value, f"> {LEAST_GAIN}", findings, detail, number)


def _border_findings(where: str, borders: Borders) -> list[Finding]:
    """Return where rows of two articles are as alike as those of one."""
    fix = "write vectors and ids from one table: amn data import"
    mean = float(borders.gains.mean())
    if not mean > LEAST_GAIN:
        message = (
            f"expected neighbours of one article more alike than rows of two that meet, by more "
            f"than {LEAST_GAIN}, got {mean:.4f} over {len(borders.gains):,} borders: vectors are "
            "shifted against their ids"
        )
        return [Finding(where, message, fix)]
    if len(borders.gains) < BLOCK_ARTICLES:
        return []
    blocks = np.lib.stride_tricks.sliding_window_view(borders.gains, BLOCK_ARTICLES).mean(axis=1)
    first = int(blocks.argmin())
    if blocks[first] > BLOCK_GAIN:
        return []
    last = borders.articles[first + BLOCK_ARTICLES - 1]
    message = (
        f"expected a gain above {BLOCK_GAIN} at every {BLOCK_ARTICLES} borders, got "
        f"{blocks[first]:.4f}: vectors are shifted against their ids"
    )
    return [Finding(f"{where}: articles {borders.articles[first]} to {last}", message, fix)]


def _dip_findings(one: Scanned) -> list[Finding]:
    """Return positions at which all articles jump: chunks sorted by something else."""
    found = find_dips(one.dataset, one.scan, least_articles=DIP_ARTICLES)
    low = np.flatnonzero((found.dips < -DIP) & (found.dips < -DIP_ERRORS * found.errors))
    if not len(low):
        return []
    worst = low[found.dips[low].argmin()]
    message = (
        f"expected neighbours as alike at every position, within {DIP}, got {found.dips[worst]:.3f}"
        f" from chunk {found.positions[worst]} to the next over {found.counts[worst]:,} articles; "
        f"after chunks {some_ids(found.positions[low])}"
    )
    fix = "sort chunks by number, not as strings (0, 1, 10, 11, 2): amn data import"
    severity = None if len(low) >= DIPS else Severity.WARNING
    return [Finding(one.folder.name, message, fix, severity)]


def _lone_findings(one: Scanned) -> list[Finding]:
    """Return that rows are like nothing beside them, where these are many."""
    dataset = one.dataset
    chance = LONE_SIGMAS / np.sqrt(dataset.dim)
    rows = lone_rows(dataset, one.scan, chance) if chance < LONE_BELOW else np.empty(0, np.int64)
    share = len(rows) / max(len(dataset), 1)
    if share <= LONE_SHARE or len(rows) < FEWEST_LONE:
        return []
    message = (
        f"expected at most {LONE_SHARE:.1%} of rows as unlike both neighbours as random vectors, "
        f"below a cosine of {chance:.3f}, got {share:.2%} ({len(rows):,}): rows {some_ids(rows)}"
    )
    return [Finding(one.folder.name, message, "encode these rows again: amn data build")]


def _backwards_findings(where: str, sample: ArticleSample) -> list[Finding]:
    """Return a warning where articles seem to be there from their end to their beginning.

    The first lines of a text say what it is about: they are nearer to its middle than the last.
    """
    vectors, articles = sample.vectors, sample.articles
    if len(articles) < BLOCK_ARTICLES:
        return []
    middle = unit_rows(vectors[:, 2:-2].mean(axis=1))
    leads = np.vecdot(vectors[:, 0] - vectors[:, -1], middle).astype(np.float64)
    mean, error = float(leads.mean()), float(leads.std(ddof=1) / np.sqrt(len(leads)))
    if not (mean < BACKWARDS and mean < -BACKWARDS_ERRORS * error):
        return []
    message = (
        f"expected first rows nearer to the middle of their article than last ones, got {mean:.3f} "
        f"over {len(articles):,} articles: are chunks numbered from the end?"
    )
    fix = "compare the first and the last text of an article with their chunk_index"
    return [Finding(where, message, fix, Severity.WARNING)]
