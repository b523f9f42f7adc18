"""S: whether every split lies in the vector space of train, and is as hard as train."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.data.coherence import follows, mean_by_article
from amn.data.dataset import run_starts
from amn.data.ids import later_ids
from amn.data.repeats import near_rows
from amn.data.sampling import evenly_spaced, sample_rows, unit_vectors
from amn.data.scan import scan_rows
from amn.data.space import (
    DIRECTIONS_FRACTION,
    by_article,
    captured_share,
    mean_drift,
    principal_directions,
    share_p_value,
    variance_parts,
)
from amn.data.vectors import cosine_rows, lengths, unit_rows
from amn.data.windows import Windows
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.scan import RowScan
    from amn.data.splits import Split


MOST_ROWS = 4000  # of a split: the share moves by less than 0.01 with other rows
FEWEST_ARTICLES = 8
# Share of variance along train's 64 of 768 directions, found on one half of train's articles.
# wiki-mini: other half 0.442, in_dist 0.437, OOD 0.436; core: 0.461, 0.458, tail 0.397; 16 training
# articles: 0.364, 0.336, 0.334. Rotated at random: 0.084.
LEAST_SHARE = 0.5  # of train's or in_dist's own share
FLAT_SHARE = 3 / DIRECTIONS_FRACTION  # below, half of it would be near what a rotation leaves
# Cosine of mean vectors with train's: wiki-mini 0.92, tail 0.63, 16 training articles 0.58; rotated
# 0.01, all signs turned -0.92. Mean vectors are 0.20 long; one of centred vectors tells nothing.
LEAST_MEAN_COSINE = 0.2
LEAST_MEAN_NORM = 0.1
# Distance of mean vectors, in units of an article's own (effect) and of chance (z). Same source:
# effect 0.11-0.12, z up to 4.3; 16 training articles 0.48, z 4.2; tail 0.22, z 74; an offset of
# length 0.1 added to every OOD row: 0.19, z 10; of 0.3: 0.46, z 42.
DRIFT_EFFECT = 0.15
DRIFT_Z = 6.0
MOST_WINDOWS = 2000
LARGEST_GAP = 0.05  # wiki-mini: 0.01
OFFSET = 0.6  # length of the shift below; on wiki-mini, of 110 OOD articles, 0.3 is seen as well


def _sampled(
    splits: dict[str, Split], rng: np.random.Generator
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.int64]]]:
    """Return unit vectors of at most `MOST_ROWS` rows of each split, and their articles."""
    vectors: dict[str, NDArray[np.float32]] = {}
    ids: dict[str, NDArray[np.int64]] = {}
    for name in SPLITS:
        dataset = splits[name].dataset
        rows = sample_rows(splits[name].rows, dataset.codes, MOST_ROWS, rng)
        vectors[name] = unit_vectors(dataset, rows)
        ids[name] = dataset.codes[rows]
    return vectors, ids


def rotated_ood(copy: CaseCopy) -> None:
    """OOD was encoded by another encoder."""
    rows = broken.ood.ood_rows(copy)
    dim = rows.shape[1]
    broken.ood.replace_ood(
        copy, rows @ np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0]
    )


def negated_ood(copy: CaseCopy) -> None:
    """The signs of OOD are turned."""
    broken.ood.replace_ood(copy, -broken.ood.ood_rows(copy))


@check(
    "S006",
    "space",
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[rotated_ood, negated_ood],
)
def check_space(splits: dict[str, Split]) -> Measured:
    """Train's main directions are main directions of every split.

    They hold at least half as much of each split's variance as of train's own, and mean vectors
    point the same way.

    Why: A score near chance on vectors of another space was once written down as an OOD collapse.
    Fix: Encode the split with train's encoder, pooling and normalisation: amn data import
    """
    rng = np.random.default_rng(6)
    vectors, ids = _sampled(splits, rng)
    articles = np.unique(ids["train"])
    if len(articles) < FEWEST_ARTICLES:
        return _cannot_tell(f"expected {FEWEST_ARTICLES} training articles, got {len(articles)}")
    half = np.isin(ids["train"], articles[::2])
    directions = principal_directions(vectors["train"][half])
    means = {name: v.mean(axis=0, dtype=np.float64) for name, v in vectors.items()}
    vectors["train"], ids["train"] = vectors["train"][~half], ids["train"][~half]
    parts = {name: variance_parts(v, directions) for name, v in vectors.items()}
    shares = {name: captured_share(p) for name, p in parts.items()}
    figures = ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
    if not shares["train"] >= FLAT_SHARE:
        return _cannot_tell(
            f"expected directions that hold {FLAT_SHARE:.2f} of train's variance, got {figures}"
        )
    findings: list[Finding] = []
    details: list[str] = []
    train = by_article(parts["train"], ids["train"])
    for name in EVALUATED:
        p_value = share_p_value(train, by_article(parts[name], ids[name]), rng)
        details.append(
            f"{name}: mean cosine {_cosine(means['train'], means[name]):.3f}, p {p_value:.3f}"
        )
        findings += _space_findings(name, shares, means)
    return Measured(
        figures,
        f">= {LEAST_SHARE:.0%} of train's share",
        findings,
        detail=f"variance along train's {directions.shape[1]} directions; {'; '.join(details)}",
        number=min(shares[name] / shares["train"] for name in EVALUATED),
    )


def _cannot_tell(message: str) -> Measured:
    """Return a measurement that decides nothing."""
    finding = Finding("train", message, "use more training articles", Severity.INCONCLUSIVE)
    return Measured("not measurable", f">= {LEAST_SHARE:.0%} of train's share", [finding])


def _space_findings(
    name: str, shares: dict[str, float], means: dict[str, NDArray[np.float64]]
) -> list[Finding]:
    """Return what sets one split's space apart from train's and in_dist's."""
    fix = f"encode {name} and train with one encoder, pooling and normalisation: amn data import"
    findings: list[Finding] = []
    for other in ("train", "in_dist"):
        if other != name and not shares[name] >= LEAST_SHARE * shares[other]:
            message = (
                f"expected at least {LEAST_SHARE:.0%} of {other}'s {shares[other]:.3f} of the "
                f"variance along train's main directions, got {shares[name]:.3f}: another "
                "vector space"
            )
            findings.append(Finding(name, message, fix))
    cosine = _cosine(means["train"], means[name])
    norms = lengths(means["train"]), lengths(means[name])
    if min(norms) >= LEAST_MEAN_NORM and not cosine >= LEAST_MEAN_COSINE:
        message = (
            f"expected a cosine of at least {LEAST_MEAN_COSINE} between its mean vector and "
            f"train's, got {cosine:.3f}: another vector space"
        )
        findings.append(Finding(name, message, fix))
    return findings


def _cosine(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the cosine of two vectors, 0 when one is zero."""
    return float(np.nan_to_num(cosine_rows(left, right)))


def shifted_ood(copy: CaseCopy) -> None:
    """OOD was encoded with another prefix."""
    rows = broken.ood.ood_rows(copy)
    direction = np.random.default_rng(1).standard_normal((1, rows.shape[1]))
    broken.ood.replace_ood(copy, rows + OFFSET * unit_rows(direction))


@check(
    "S007",
    "drift",
    severity=Severity.WARNING,
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[shifted_ood],
)
def check_drift(splits: dict[str, Split]) -> Measured:
    """No split's mean vector is further from train's than articles and chance explain.

    Why: Another pooling or prefix moves all vectors of a split by one offset, and leaves their
    directions alone.
    Fix: Compare encoder, pooling and prefix, and look at both with amn check data
    """
    rng = np.random.default_rng(7)
    vectors, ids = _sampled(splits, rng)
    means = {name: by_article(vectors[name], ids[name], mean=True) for name in SPLITS}
    findings: list[Finding] = []
    figures: list[str] = []
    effects: list[float] = []
    for name in EVALUATED:
        effect, z = mean_drift(means["train"], means[name], rng)
        effects.append(effect)
        figures.append(f"{name} {effect:.3f} (z {z:.1f})")
        if not (effect < DRIFT_EFFECT or z < DRIFT_Z):
            message = (
                f"expected its mean vector within {DRIFT_EFFECT} article distances of train's, got "
                f"{effect:.3f}, {z:.1f} standard deviations of chance: another pooling, prefix "
                "or source"
            )
            fix = "compare encoder, pooling and prefix; look at both with amn check data"
            findings.append(Finding(name, message, fix))
    limit = f"< {DRIFT_EFFECT} or z < {DRIFT_Z:.0f}"
    return Measured(", ".join(figures), limit, findings, number=max(effects))


def easy_in_dist(copy: CaseCopy) -> None:
    """In-dist is the easiest articles."""
    dataset, splits = copy.dataset(), copy.splits()
    pool = np.union1d(splits["train"].articles, splits["in_dist"].articles)
    _, means = mean_by_article(dataset, scan_rows(dataset).adjacent, 1)
    coherence = means[np.isin(dataset.articles, pool)]
    easiest = np.sort(pool[np.argsort(coherence)[-len(splits["in_dist"].articles) :]])
    copy.set_splits(train=np.setdiff1d(pool, easiest), in_dist=easiest)


@check(
    "S008",
    "representative",
    severity=Severity.WARNING,
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[easy_in_dist],
)
def check_representative(
    splits: dict[str, Split], windows: dict[str, Windows], scans: dict[str, RowScan]
) -> Measured:
    """The evaluated splits are about as easy as train for an untrained predictor.

    On each of them the mean of the context scores, and neighbours are alike, within 0.05 of train.

    Why: A split that is easier or harder than train moves the score without any change of the
    model.
    Fix: Choose the split's articles by chance: fraction and seed in case.toml
    """
    rng = np.random.default_rng(8)
    figures: dict[str, dict[str, float]] = {"mean of the context": {}, "coherence": {}}
    for name in SPLITS:
        split = splits[name]
        figures["mean of the context"][name] = _mean_score(windows[name], rng)
        mine = follows(split.dataset, 1) & split.dataset.is_in(split.articles)
        figures["coherence"][name] = float(scans[name].adjacent[mine].mean(dtype=np.float64))
    findings: list[Finding] = []
    gaps: list[float] = []
    for what, values in figures.items():
        for name in EVALUATED:
            gap = values[name] - values["train"]
            gaps.append(abs(gap))
            if not abs(gap) <= LARGEST_GAP:
                message = (
                    f"expected {what} within {LARGEST_GAP} of train's {values['train']:.3f}, got "
                    f"{values[name]:.3f}: {'easier' if gap > 0 else 'harder'} than train"
                )
                findings.append(
                    Finding(
                        name,
                        message,
                        "choose its articles by chance: fraction and seed in case.toml",
                    )
                )
    value = "; ".join(
        f"{what} " + ", ".join(f"{name} {v:.3f}" for name, v in values.items())
        for what, values in figures.items()
    )
    return Measured(value, f"within {LARGEST_GAP} of train", findings, number=max(gaps))


def _mean_score(windows: Windows, rng: np.random.Generator) -> float:
    """Return the cosine of the context's mean with the target, mean over sampled windows."""
    starts = sample_rows(windows.starts, windows.dataset.codes, MOST_WINDOWS, rng)
    rows = Windows(windows.dataset, starts, windows.context).gather(slice(None))
    mean, target = rows[:, :-1].mean(axis=1), rows[:, -1]
    return float(np.nan_to_num(cosine_rows(mean, target)).mean())  # a row of zeros points nowhere


MOST_QUERIED = 1024  # articles, each looked for among all: 2 % are then known within 0.5 %
# Rows of an article that are compared with the same rows of others. Pairs of articles of which
# the first and one of the second are within 0.92: none on wiki-mini and core.
FIRST_ROW = 3
OTHER_ROWS = (1, 5)
NEAR_COSINE = 0.95
NEAR_SHARE = 0.02


def near_articles(copy: CaseCopy) -> None:
    """A tenth of the articles is there twice."""
    dataset, vectors = copy.dataset(), copy.vectors().astype(np.float64)
    some = dataset.articles[::10]
    mine = dataset.rows_of(some)
    noise = np.random.default_rng(0).standard_normal((len(mine), dataset.dim))
    again = vectors[mine] + 0.1 * noise / np.sqrt(dataset.dim)
    new = np.repeat(later_ids(dataset.articles, len(some)), np.bincount(dataset.codes)[::10])
    ids = np.concatenate([dataset.article_ids, new])
    both = unit_rows(np.concatenate([vectors, again]))
    lists = {name: split.articles for name, split in copy.splits().items()}
    copy.rebuild(both, ids, np.concatenate([dataset.chunk_index, dataset.chunk_index[mine]]))
    copy.set_splits(**lists)


@check("S010", "near_articles", needs=["D003", "D001"], broken_by=[near_articles])
def check_near_articles(data_sets: tuple[DataSet, ...]) -> Measured:
    """Few articles are near-copies of another one of their data set.

    At most 2 % have their row 3, and their row 1 or 5, within cosine 0.95 of those of another one.

    Why: Another crawl of the same text under other ids weighs double, and can be in train and OOD
    at once.
    Fix: Keep one of each pair: amn data filter SOURCE FOLDER --rules near-duplicates
    """
    findings: list[Finding] = []
    shares: list[float] = []
    for dataset in data_sets:
        articles, twins, n_queried = _find_twins(dataset)
        shares.append(len(articles) / max(n_queried, 1))
        if not len(articles):
            continue
        compared = f"{FIRST_ROW} and {' or '.join(map(str, OTHER_ROWS))}"
        message = (
            f"expected at most {NEAR_SHARE:.0%} of articles with rows {compared} within "
            f"{NEAR_COSINE} of those of another one, got "
            f"{shares[-1]:.2%} of {n_queried:,} ({len(articles):,}): {some_ids(articles)}, "
            f"the first of them like {twins[0]}"
        )
        severity = None if shares[-1] > NEAR_SHARE else Severity.WARNING
        fix = "keep one of each pair: amn data filter --rules near-duplicates"
        findings.append(Finding(dataset.path.name, message, fix, severity))
    value = ", ".join(f"{share:.2%}" for share in shares)
    return Measured(value, f"<= {NEAR_SHARE:.0%} of articles", findings, number=max(shares))


def _find_twins(dataset: DataSet) -> tuple[Ids, Ids, int]:
    """Return articles that are nearly another one, one such of each, and of how many it was asked.

    Ids ascend. Of a million rows this reads every article's first row and a few more.
    """
    starts = run_starts(dataset.codes)
    lengths = np.diff(np.append(starts, len(dataset)))
    starts = starts[lengths > max(FIRST_ROW, *OTHER_ROWS)]
    queried = evenly_spaced(len(starts), MOST_QUERIED) if len(starts) else np.empty(0, np.int64)

    def read(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_vectors(dataset, starts[positions] + FIRST_ROW)

    found = near_rows(read(queried), read, len(starts), NEAR_COSINE)
    found = found.take(queried[found.left] != found.right)
    left, right = starts[queried[found.left]], starts[found.right]
    is_near = np.zeros(len(found), np.bool_)
    for row in OTHER_ROWS:
        ours, theirs = unit_vectors(dataset, left + row), unit_vectors(dataset, right + row)
        is_near |= np.vecdot(ours, theirs) >= NEAR_COSINE
    codes = dataset.codes
    near, at = np.unique(codes[left[is_near]], return_index=True)
    twins = codes[right[is_near]][at]
    return dataset.articles[near], dataset.articles[twins], len(queried)
