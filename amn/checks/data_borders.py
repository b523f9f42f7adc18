"""D: whether rows lie in the article, and at the place in it, that their ids name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.checks.data_order import (
    FEW_TO_BREAK,
    FEWEST_ARTICLES,
    SPREAD,
    STRETCH,
    SURE,
    UNLIKELIER,
    a_stretch,
    moving_sums,
)
from amn.checks.profiled import by_place, over_articles, rows_share, share_of
from amn.data.articles import middle_and_spread, z_of_mean
from amn.data.coherence import find_borders, find_dips, lone_rows
from amn.data.minorities import find_below
from amn.data.row_order import direction_scores, lead_scores, likeness, usual_fall
from amn.data.vectors import unit_rows
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.articles import ArticleSample
    from amn.data.dataset import DataSet
    from amn.data.scan import Scanned
    from amn.verdict import Statistic

FEWEST_BORDERS = 20  # to say that there is no fall; the z of fewer may miss one
FALL = 0.5  # half-way from none, as in running text, to that of two rows of another passage
FALL_ERRORS = 6.0
FALL_ARTICLES = 50
LONE_SIGMAS = 3.0  # of the cosine of two random directions, 1 / sqrt(D)
LONE_BELOW = 0.2  # with fewer columns chance reaches what text reaches
FEWEST_LONE = 10  # rows in all: in a small data set a single odd paragraph is no defect
BACKWARDS_ERRORS = 6.0
FROM_ONE_TABLE = "write vectors and ids from one table: amn data import"


def shifted_ids(copy: CaseCopy, scanned: tuple[Scanned, ...]) -> None:
    """Every vector is one row after its id."""
    if len(find_borders(copy.dataset(), scanned[0].scan).gains) < FEWEST_BORDERS:
        raise DoesNotApplyError(f"expected {FEWEST_BORDERS} borders of articles")
    broken.rows.rewrite_vectors(copy, np.roll(copy.vectors(), 1, axis=0).astype(np.float64))


@check(
    "D014",
    "borders",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[shifted_ids],
)
def check_borders(scanned: tuple[Scanned, ...], data_limits: DataConfig) -> Measured:
    """Rows of one article are more alike than the rows of two articles that meet.

    z of the mean fall of the cosine at borders above 3.1: where ids and vectors have nothing to do
    with each other it falls nowhere, and one of a thousand such sets has as much.

    Why: Vectors that are a few rows further than their ids keep most neighbours: windows then reach
    into other articles, and scores fall a little for no visible reason.
    Fix: Write vectors and ids from one table, sorted by (article, chunk) as numbers: amn data
    import SOURCE FOLDER
    """
    findings: list[Finding] = []
    found: list[float] = []
    falls: list[tuple[DataSet, Statistic]] = []
    for one in scanned:
        gains = find_borders(one.dataset, one.scan).gains
        falls.append((one.dataset, over_articles(gains)))
        if len(gains) < FEWEST_ARTICLES:
            message = f"expected {FEWEST_ARTICLES} borders of articles, got {len(gains)}"
            fix = "use a larger data set"
            findings.append(Finding(one.folder.name, message, fix, Severity.INCONCLUSIVE))
            continue
        z = z_of_mean(gains)
        found.append(z)
        if z > data_limits.borders:
            continue
        message = (
            f"expected neighbours of one article more alike than rows of two that meet, by more "
            f"than {data_limits.borders} standard errors, got {z:.1f} ({gains.mean():+.4f}) over "
            f"{len(gains):,} borders: vectors are shifted against their ids"
        )
        severity = None if len(gains) >= FEWEST_BORDERS else Severity.INCONCLUSIVE
        findings.append(Finding(one.folder.name, message, FROM_ONE_TABLE, severity))
    value = ", ".join(f"{z:.1f}" for z in found) or "too few articles"
    return Measured(
        value,
        f"> {data_limits.borders}",
        findings,
        detail="z of the fall of neighbours' cosine at borders of articles",
        number=min(found, default=None),
        profile=by_place("borders", [one.dataset for one in scanned], falls),
    )


def shifted_stretch(copy: CaseCopy, scanned: tuple[Scanned, ...]) -> None:
    """In thirty articles that follow each other every vector is one row after its id."""
    dataset = copy.dataset()
    broken.rows.require_articles(len(dataset.articles), FEW_TO_BREAK)
    usual, spread = _usual_borders(find_borders(dataset, scanned[0].scan).gains)
    if (1 - copy.config.data.border_stretch) * usual < 1.5 * SURE * spread:
        raise DoesNotApplyError("expected borders that are more alike")
    rows = dataset.rows_of(a_stretch(dataset.articles))
    vectors = copy.vectors().astype(np.float64)
    vectors[rows] = vectors[np.roll(rows, 1)]
    broken.rows.rewrite_vectors(copy, vectors)


@check("D019", "border_stretch", needs=["D014"], broken_by=[shifted_stretch])
def check_border_stretch(scanned: tuple[Scanned, ...], data_limits: DataConfig) -> Measured:
    """Every stretch of 20 borders has a quarter of the mean fall of the cosine, or more.

    Where the fall differs so much from border to border that 20 of them may have as little by
    chance, within four standard deviations, it says nothing.

    Why: Where one file of an export begins a row too late, all that follows it is shifted, and the
    mean over all borders hardly moves.
    Fix: Write vectors and ids from one table, sorted by (article, chunk) as numbers: amn data
    import SOURCE FOLDER
    """
    findings: list[Finding] = []
    lowest: list[float] = []
    is_told = True
    limit = data_limits.border_stretch
    for one in scanned:
        borders = find_borders(one.dataset, one.scan)
        usual, spread = _usual_borders(borders.gains)
        stretches = moving_sums(borders.gains, STRETCH) / STRETCH
        if not len(stretches) or not usual > 0:
            continue
        first = int(stretches.argmin())
        share = float(stretches[first]) / usual
        lowest.append(share)
        if share > limit:
            continue
        if (1 - limit) * usual < SURE * spread:
            is_told = False
            continue
        last = borders.articles[first + STRETCH - 1]
        message = (
            f"expected {limit:.0%} of the usual fall of {usual:.3f} at every {STRETCH} borders, "
            f"got {share:.0%}: vectors are shifted against their ids, or of another encoder"
        )
        place = f"{one.folder.name}: articles {borders.articles[first]} to {last}"
        findings.append(Finding(place, message, FROM_ONE_TABLE))
    value = ", ".join(f"{share:.2f}" for share in lowest) or "too few articles"
    value += "" if is_told else SPREAD
    return Measured(value, f"> {limit}", findings, number=min(lowest, default=None))


def _usual_borders(gains: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median fall at a border, and the spread of the mean over a stretch of them."""
    usual, spread = middle_and_spread(gains)
    return usual, spread / float(np.sqrt(STRETCH))


def sorted_as_strings(
    copy: CaseCopy,
    scanned: tuple[Scanned, ...],
    article_samples: tuple[ArticleSample, ...],
) -> None:
    """Chunks are sorted as strings: 0, 1, 10, 11, 2."""
    dataset = copy.dataset()
    as_strings = dataset.chunk_index.astype(np.str_)
    rows = np.lexsort((as_strings, dataset.codes))
    inside = np.diff(dataset.codes) == 0
    is_jump = inside & (np.abs(np.diff(dataset.chunk_index[rows])) != 1)
    jumps, all_pairs = (np.bincount(dataset.chunk_index[:-1][mine]) for mine in (is_jump, inside))
    common = (jumps >= FALL_ARTICLES) & (jumps > 0.75 * all_pairs[: len(jumps)])
    if np.count_nonzero(common) <= copy.config.data.positions:
        raise DoesNotApplyError("expected more articles of as many rows")
    errors = find_dips(dataset, scanned[0].scan, least_articles=FALL_ARTICLES).errors
    fall = usual_fall(*likeness(article_samples[0]))
    if fall < 2.5 * FALL_ERRORS * float(np.median(errors)):
        raise DoesNotApplyError("expected more articles, or neighbours that are more alike")
    broken.rows.sort_rows(copy, as_strings)


@check(
    "D020",
    "positions",
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[sorted_as_strings],
)
def check_positions(
    scanned: tuple[Scanned, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """At most two places are there at which the next row is another passage in all articles.

    A fall of the likeness of neighbours at one place that is nearer to what it falls to any two
    rows of an article than to none, and six standard errors, over 50 articles and more. In running
    text no place is special; the first or second row may be a form that all articles have.

    Why: Chunks that were sorted as strings (0, 1, 10, 11, 2) keep most neighbours.
    Fix: Sort chunks by number: amn data import SOURCE FOLDER
    """
    findings: list[Finding] = []
    counts: list[int] = []
    for one, sample in zip(scanned, article_samples, strict=True):
        found = find_dips(one.dataset, one.scan, least_articles=FALL_ARTICLES)
        least = FALL * usual_fall(*likeness(sample))
        low = np.flatnonzero((found.dips < -least) & (found.dips < -FALL_ERRORS * found.errors))
        counts.append(len(low))
        if len(low) <= data_limits.positions:
            continue
        worst = low[found.dips[low].argmin()]
        message = (
            f"expected neighbours as alike at every position, within {least:.3f}, got "
            f"{found.dips[worst]:.3f} from chunk {found.positions[worst]} to the next over "
            f"{found.counts[worst]:,} articles; after chunks {some_ids(found.positions[low])}"
        )
        fix = "sort chunks by number, not as strings (0, 1, 10, 11, 2): amn data import"
        findings.append(Finding(one.folder.name, message, fix))
    value = ", ".join(count_of(n, "place") for n in counts)
    limit = f"<= {count_of(data_limits.positions, 'place')}"
    return Measured(value, limit, findings, number=max(counts, default=None))


def written_as_strings(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """Chunks were written in the order of their numbers as strings."""
    dataset = copy.dataset()
    gains = _string_gains(dataset, article_samples[0])
    if len(gains) < FEWEST_ARTICLES or z_of_mean(gains) < BACKWARDS_ERRORS:
        raise DoesNotApplyError(f"expected more articles of {FEWEST_AS_STRINGS} rows")
    broken.rows.sort_rows(copy, dataset.chunk_index.astype(np.str_))


FEWEST_AS_STRINGS = 12  # rows: 0 to 11, of which 2 to 9 then come last


@check("D030", "string_order", needs=["D007"], broken_by=[written_as_strings])
def check_string_order(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """Neighbours are not more alike once a sort of their numbers as strings is undone.

    z of what they are more alike as they are, by article of 12 rows and more, above -3.1: in text
    that is in order, undoing what was not done takes it apart.

    Why: An export that sorts 0, 1, 10, 11, 2 keeps most neighbours, whatever the articles' lengths.
    Fix: Sort chunks by number: amn data import SOURCE FOLDER
    """
    findings: list[Finding] = []
    found: list[float] = []
    means: list[tuple[DataSet, Statistic]] = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        gains = _string_gains(dataset, sample)
        means.append((dataset, over_articles(gains)))
        if len(gains) < FEWEST_ARTICLES:
            continue
        found.append(z_of_mean(gains))
        if found[-1] > data_limits.string_order:
            continue
        message = (
            f"expected neighbours that are not more alike by {-data_limits.string_order} standard "
            f"errors after a sort as strings is undone, got {-found[-1]:.1f} over {len(gains):,} "
            "articles: chunks are in the order 0, 1, 10, 11, 2"
        )
        fix = "sort chunks by number, not as strings: amn data import"
        findings.append(Finding(dataset.path.name, message, fix))
    value = ", ".join(f"{z:.1f}" for z in found) or "too few long articles"
    limit = f"> {data_limits.string_order}"
    number, profile = min(found, default=None), by_place("string_order", data_sets, means)
    return Measured(value, limit, findings, number=number, profile=profile)


def _string_gains(dataset: DataSet, sample: ArticleSample) -> NDArray[np.float64]:
    """Return how much more alike neighbours are as they are than after undoing a string sort.

    (A',) mean cosine of rows without their article's mean, of the articles that are long enough.
    """
    unit = unit_rows(sample.main.centred)
    sizes = np.bincount(dataset.codes)[np.searchsorted(dataset.articles, sample.articles)]
    first = dataset.chunk_index[np.searchsorted(dataset.codes, np.arange(len(dataset.articles)))]
    first = first[np.searchsorted(dataset.articles, sample.articles)]
    gains = np.full(len(sizes), np.nan)
    for kind in np.unique(np.column_stack([sizes, sample.counts, first]), axis=0):
        size, count, start = kind.tolist()
        mine = np.flatnonzero((sizes == size) & (sample.counts == count) & (first == start))
        if count < FEWEST_AS_STRINGS:
            continue
        order = np.argsort((start + np.arange(size)).astype(np.str_), kind="stable")[:count]
        at = np.argsort(order)
        follow = np.flatnonzero(np.diff(order[at]) == 1)
        rows = unit[sample.starts[mine][:, None] + np.arange(count)].astype(np.float64)
        near = np.vecdot(rows[:, :-1], rows[:, 1:]).mean(axis=1)
        undone = np.vecdot(rows[:, at[follow]], rows[:, at[follow + 1]]).mean(axis=1)
        gains[mine] = near - undone
    return np.asarray(gains[~np.isnan(gains)])


def noise_rows(copy: CaseCopy) -> None:
    """One row of six is noise."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    if LONE_SIGMAS / np.sqrt(dataset.dim) >= LONE_BELOW:
        raise DoesNotApplyError(f"expected more columns, got {dataset.dim}")
    noise = np.random.default_rng(0).standard_normal((len(vectors[5::6]), dataset.dim))
    vectors[5::6] = noise
    broken.rows.rewrite_vectors(copy, vectors)


@check(
    "D021",
    "lone_rows",
    severity=Severity.WARNING,
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[noise_rows],
)
def check_lone_rows(scanned: tuple[Scanned, ...], data_limits: DataConfig) -> Measured:
    """At most 8 % of rows are as unlike both neighbours as random vectors.

    A warning: the share that text has of its own was measured, at most 5 % in six spaces. With few
    columns random vectors are too much alike to tell, and it says nothing.

    Why: Rows of an encoder that failed now and then look like rows of another text.
    Fix: Encode these rows again: amn data build
    """
    findings: list[Finding] = []
    shares: list[float] = []
    found: list[tuple[DataSet, Statistic]] = []
    for one in scanned:
        dataset = one.dataset
        chance = LONE_SIGMAS / np.sqrt(dataset.dim)
        rows = (
            lone_rows(dataset, one.scan, chance) if chance < LONE_BELOW else np.empty(0, np.int64)
        )
        share = len(rows) / max(len(dataset), 1)
        shares.append(share)
        found.append((dataset, rows_share(dataset, rows)))
        if share <= data_limits.lone_rows or len(rows) < FEWEST_LONE:
            continue
        message = (
            f"expected at most {data_limits.lone_rows:.1%} of rows as unlike both neighbours as "
            f"random vectors, below a cosine of {chance:.3f}, got {share:.2%} ({len(rows):,}): "
            f"rows {some_ids(rows)}"
        )
        findings.append(
            Finding(one.folder.name, message, "encode these rows again: amn data build")
        )
    value = ", ".join(f"{share:.2%}" for share in shares)
    limit = f"<= {data_limits.lone_rows:.1%}"
    profile = by_place("lone_rows", [one.dataset for one in scanned], found)
    number = max(shares, default=None)
    return Measured(value, limit, findings, number=number, profile=profile)


def all_backwards(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """Every article runs from its end to its beginning."""
    z = z_of_mean(lead_scores(article_samples[0].main))
    if z < BACKWARDS_ERRORS:
        raise DoesNotApplyError(
            f"expected first rows nearer to the middle than last ones, z {BACKWARDS_ERRORS} or "
            f"more, got {z:.1f}"
        )
    broken.rows.reverse_rows(copy)


@check(
    "D022",
    "reading_direction",
    severity=Severity.WARNING,
    needs=["D003", "D001", "D002", "D004", "D005"],
    broken_by=[all_backwards],
)
def check_reading_direction(
    data_sets: tuple[DataSet, ...], article_samples: tuple[ArticleSample, ...]
) -> Measured:
    """The first rows of articles are not further from their middle than the last ones.

    z of the mean difference above -6. That the first lines of a text say what it is about is so of
    every encyclopaedia, and of no law: a warning.

    Why: Chunks that are numbered from the end keep all neighbours; a predictor then learns the text
    backwards.
    Fix: Compare the first and the last text of an article with their chunk_index
    """
    findings: list[Finding] = []
    found: list[float] = []
    means: list[tuple[DataSet, Statistic]] = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        if len(sample.starts) < FEWEST_ARTICLES:
            continue
        leads = lead_scores(sample.main)
        means.append((dataset, over_articles(leads)))
        z = z_of_mean(leads)
        found.append(z)
        if z > -BACKWARDS_ERRORS:
            continue
        message = (
            f"expected first rows nearer to the middle of their article than last ones, z above "
            f"{-BACKWARDS_ERRORS}, got {z:.1f} over {len(sample.starts):,} articles: "
            "are chunks numbered from the end?"
        )
        fix = "compare the first and the last text of an article with their chunk_index"
        findings.append(Finding(dataset.path.name, message, fix))
    value = ", ".join(f"{z:.1f}" for z in found) or "too few articles"
    number, profile = min(found, default=None), by_place("reading_direction", data_sets, means)
    return Measured(value, f"> {-BACKWARDS_ERRORS}", findings, number=number, profile=profile)


def fifth_backwards(copy: CaseCopy, article_samples: tuple[ArticleSample, ...]) -> None:
    """A fifth of the articles runs from its end to its beginning."""
    sample = article_samples[0]
    broken.rows.require_articles(len(sample.starts), FEW_TO_BREAK)
    scores = direction_scores(sample.main)
    scores[::5] *= -1  # what a reversed article has
    if find_below(scores, mirrored=True).chance > copy.config.data.reversed / UNLIKELIER:
        raise DoesNotApplyError("expected more articles that show in which direction they run")
    broken.rows.reverse_rows(copy, copy.dataset().articles[::5])


@check(
    "D023",
    "reversed_articles",
    severity=Severity.INCONCLUSIVE,
    needs=["D007"],
    broken_by=[fifth_backwards],
)
def check_reversed_articles(
    data_sets: tuple[DataSet, ...],
    article_samples: tuple[ArticleSample, ...],
    data_limits: DataConfig,
) -> Measured:
    """No more articles run backwards than the spread of the set's own articles explains.

    What tells the place of a row is fitted on other articles of the set; reversing an article turns
    the sign of its score. Articles that low are held against those as far above the middle: chance,
    which has both alike, has at most one time in a thousand what speaks as much for a tenth that
    runs backwards.

    Why: A second source that numbers its chunks from the end is seen by no likeness of neighbours.
    Fix: Compare the texts of the named articles with their chunk_index
    """
    findings: list[Finding] = []
    chances: list[float] = []
    shares: list[tuple[DataSet, Statistic]] = []
    for dataset, sample in zip(data_sets, article_samples, strict=True):
        if len(sample.starts) < FEWEST_ARTICLES:
            continue
        scores = direction_scores(sample.main)
        shares.append((dataset, share_of(scores < 0)))
        below = find_below(scores, mirrored=True)
        chances.append(below.chance)
        if below.chance >= data_limits.reversed:
            continue
        message = (
            f"expected no more articles that run backwards than chance has, p "
            f"{data_limits.reversed:g}, got {len(below.articles)} of {len(scores):,} (p "
            f"{below.chance:.1e}), most of: {some_ids(sample.articles[below.articles])}"
        )
        fix = "compare the texts of these articles with their chunk_index"
        findings.append(Finding(dataset.path.name, message, fix))
    value = ", ".join(f"p {chance:.2g}" for chance in chances) or "too few articles"
    limit = f">= {data_limits.reversed:g}"
    number, profile = min(chances, default=None), by_place("reversed_articles", data_sets, shares)
    return Measured(value, limit, findings, number=number, profile=profile)
