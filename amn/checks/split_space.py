"""S: whether every split lies in the vector space of train, and is as hard as train."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.checks import broken
from amn.checks.check import check
from amn.checks.profiled import over_articles
from amn.data.articles import TINY, sample_split, z_of_mean
from amn.data.beside_train import along_mean, context_scores, pooled, separation
from amn.data.row_order import direction_scores, direction_told
from amn.data.space import main_cut, mean_drift, shared_space
from amn.data.vectors import unit_rows
from amn.errors import DoesNotApplyError
from amn.golden.compare import CONTEXT, NEIGHBOURS
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.articles import ArticleSample
    from amn.data.windows import Windows
    from amn.verdict import Statistic


MOST_MEANS = 256  # articles of a split, to compare its mean: every one is drawn 999 times
FEWEST_ARTICLES = 8
# Distance of mean vectors, in units of an article's own (effect) and of chance (z). Same source:
# effect 0.11-0.12, z up to 4.3; 16 training articles 0.48, z 4.2; tail 0.22, z 74; an offset of
# length 0.1 added to every OOD row: 0.19, z 10; of 0.3: 0.46, z 42.
DRIFT_EFFECT = 0.15
DRIFT_Z = 6.0
EASE_Z = 6.0
TURNED_Z = 4.0
SHARE_ERRORS = 2.0
JACKKNIFE = 8  # parts of a split's articles
CHANCE_Z = 3.1  # standard errors that chance alone has once in a thousand
OFFSET = 0.6  # length of the shift below; on wiki-mini, of 110 OOD articles, 0.3 is seen as well


def rotated_ood(copy: CaseCopy, split_mains: dict[str, ArticleSample]) -> None:
    """OOD was encoded by another encoder."""
    train = split_mains["train"]
    if len(train.starts) < FEWEST_ARTICLES:
        raise DoesNotApplyError(f"expected {FEWEST_ARTICLES} training articles")
    own, least = _halves_share(train), copy.config.data.shared_space
    # A turned space has a correlation within two standard errors of 0.
    is_seen = least * own >= 2 * _share_error(0.0, train)
    if not is_seen or (1 - least) * own < 1.5 * CHANCE_Z * _share_error(own, train):
        raise DoesNotApplyError(f"expected more columns, or halves of train above {own:.2f}")
    broken.ood.rotate_ood(copy)


def negated_ood(copy: CaseCopy, split_mains: dict[str, ArticleSample]) -> None:
    """The signs of OOD are turned."""
    own, found = along_mean(split_mains["train"], split_mains["ood"])
    if not _is_told(own, found, copy.config.data.turned, 1.25 * TURNED_Z):
        raise DoesNotApplyError("expected vectors that have a direction in common")
    broken.ood.replace_ood(copy, -broken.ood.ood_rows(copy))


@check(
    "S006",
    "space",
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[rotated_ood],
)
def check_space(split_mains: dict[str, ArticleSample], data_limits: DataConfig) -> Measured:
    """Rows of every split vary in the directions in which train's vary.

    The correlation of log variances of the split's rows within their articles, along train's
    principal directions, is at least half of what the two halves of train's own articles have,
    nearer to 1, the same space, than to 0, one that is turned; by two standard errors over the
    split's articles. Where half of what train has is within 3.1 standard errors of it, it says
    nothing.

    Why: A score near chance on vectors of another space was once written down as an OOD collapse.
    Fix: Encode the split with train's encoder, pooling and normalisation: amn data import
    """
    train = split_mains["train"]
    limit = f">= {data_limits.shared_space} of what halves of train share"
    if len(train.starts) < FEWEST_ARTICLES:
        message = f"expected {FEWEST_ARTICLES} training articles, got {len(train.starts)}"
        finding = Finding("train", message, "use more training articles", Severity.INCONCLUSIVE)
        return Measured("not measurable", limit, [finding])
    own = _halves_share(train)
    least = data_limits.shared_space
    is_told = (1 - least) * own >= CHANCE_Z * _share_error(own, train)
    findings: list[Finding] = []
    shares: dict[str, float] = {}
    for name in EVALUATED if is_told else ():
        if not len(split_mains[name].starts):
            continue
        both = pooled(train, split_mains[name])
        is_train = np.arange(len(both.starts)) < len(train.starts)
        shares[name] = shared_space(both, is_train) / own
        if shares[name] >= least:
            continue
        if not shares[name] + SHARE_ERRORS * _scatter_of_share(both, is_train) / own >= least:
            message = (
                f"expected at least {least} of what halves of train have in "
                f"common, got {shares[name]:.3f}: another vector space"
            )
            findings.append(Finding(name, message, _encode_alike(name)))
    value = ", ".join(f"{n} {share:.3f}" for n, share in shares.items()) or "no directions to tell"
    detail = f"correlation of log variances; halves of train {own:.3f}"
    return Measured(value, limit, findings, detail, number=min(shares.values(), default=None))


def _halves_share(train: ArticleSample) -> float:
    """Return how alike the directions are in which two halves of train's articles vary."""
    return shared_space(train, np.arange(len(train.starts)) % 2 == 0)


def _share_error(share: float, sample: ArticleSample) -> float:
    """Return the standard error of a correlation along the sample's directions (Fisher 1915)."""
    return (1 - share**2) / float(np.sqrt(max(sample.vectors.shape[1] - 3, 1)))


def _scatter_of_share(both: ArticleSample, is_train: NDArray[np.bool_]) -> float:
    """Return the standard error of `shared_space` over a split's articles, by the jackknife.

    Args:
        is_train: (A,) which articles are train's.
    """
    place = np.cumsum(~is_train)
    parts = (both.take(is_train | (place % JACKKNIFE != k)) for k in range(JACKKNIFE))
    values = [shared_space(part, np.arange(len(part.starts)) < is_train.sum()) for part in parts]
    return float(np.std(values) * np.sqrt(JACKKNIFE - 1))


def _encode_alike(name: str) -> str:
    return f"encode {name} and train with one encoder, pooling and normalisation: amn data import"


@check(
    "S011",
    "mean_direction",
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[negated_ood],
)
def check_mean_direction(
    split_mains: dict[str, ArticleSample], data_limits: DataConfig
) -> Measured:
    """The mean vector of every split points where train's points.

    Along the direction in which train's mean stands out most from its articles' own spread, where
    train's mean is 1, a split's is at least 0.2. Where that is within four standard errors of what
    train's own articles have, fitted on the others, it says nothing.

    Why: Turned signs leave every direction of variance as it is, and no cosine across splits.
    Fix: Encode the split with train's encoder, pooling and normalisation: amn data import
    """
    findings: list[Finding] = []
    places: dict[str, float] = {}
    profile: dict[str, Statistic] = {}
    limit = data_limits.turned
    for name in EVALUATED:
        own, found = along_mean(split_mains["train"], split_mains[name])
        profile[name] = over_articles(found)
        if not _is_told(own, found, limit, TURNED_Z):
            continue
        places[name] = float(found.mean())
        if not places[name] >= limit:
            message = (
                f"expected its mean vector at {limit} or more along train's, which is at 1, got "
                f"{places[name]:.3f}: another vector space"
            )
            findings.append(Finding(name, message, _encode_alike(name)))
    value = ", ".join(f"{name} {place:.3f}" for name, place in places.items()) or "no mean to tell"
    number, named = min(places.values(), default=None), {"mean_direction": profile}
    return Measured(value, f">= {limit}", findings, number=number, profile=named)


def _is_told(own: NDArray[np.float64], found: NDArray[np.float64], limit: float, z: float) -> bool:
    """Tell whether train's articles themselves are so far above a limit that chance is not.

    Args:
        own: (A,) scores of train's articles.
        found: (A',) of a split's.
        z: Standard errors.
    """
    if min(len(own), len(found)) < FEWEST_ARTICLES:
        return False
    error = max(float(own.std()), float(found.std())) / np.sqrt(len(found))
    return bool(float(own.mean()) - limit >= z * error)


def other_pooling_ood(copy: CaseCopy) -> None:
    """OOD was encoded with another pooling.

    A stand-in that needs no texts: every vector is mapped by one fixed, mild, non-linear function
    that leaves what is alike alike, and moved by an offset longer than itself.
    """
    if len(copy.splits()["ood"].articles) < FEWEST_TOLD:
        raise DoesNotApplyError(f"expected {FEWEST_TOLD} articles of OOD")
    rows = broken.ood.ood_rows(copy)
    direction = np.random.default_rng(2).standard_normal((1, rows.shape[1]))
    broken.ood.replace_ood(copy, rows + POOLED_OFFSET * unit_rows(direction))


POOLED_OFFSET = 6.0
FEWEST_TOLD = 12  # articles: of fewer the standard errors may cover half of what is seen


@check(
    "S012",
    "separable",
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[other_pooling_ood],
)
def check_separable(split_mains: dict[str, ArticleSample], data_limits: DataConfig) -> Measured:
    """No split's rows can be told from train's twice as well as the most unlike halves of train.

    In d', the distance of means in standard deviations along a linear discriminant that is fitted
    on other articles; in the ratio, chance counts for the split: 3.1 standard errors on each side.
    Train is cut in two along the main direction of its articles' means: no topic sets its own
    articles further apart.

    Why: Another pooling (CLS for mean) keeps neighbours alike, and is another space row by row.
    Fix: Encode the split with train's encoder, pooling and normalisation: amn data import
    """
    train = split_mains["train"]
    findings: list[Finding] = []
    ratios: dict[str, float] = {}
    own = separation(train, main_cut(train)) if len(train.starts) >= 2 * FEWEST_ARTICLES else None
    for name in EVALUATED:
        if own is None or len(split_mains[name].starts) < FEWEST_ARTICLES:
            continue
        both = pooled(train, split_mains[name])
        found = separation(both, np.arange(len(both.starts)) >= len(train.starts))
        least = max(found[0] - CHANCE_Z * found[1], 0.0)
        ratios[name] = least / max(own[0] + CHANCE_Z * own[1], TINY)
        if ratios[name] > data_limits.separable:
            message = (
                f"expected rows that can be told from train's at most {data_limits.separable} "
                f"times as well as train's own halves (d' {own[0]:.1f}), got at least "
                f"{ratios[name]:.1f} times (d' {found[0]:.1f}): another pooling or another encoder"
            )
            findings.append(Finding(name, message, _encode_alike(name)))
    value = ", ".join(f"{n} {ratio:.2f}" for n, ratio in ratios.items()) or "too few articles"
    limit = f"<= {data_limits.separable}"
    return Measured(value, limit, findings, number=max(ratios.values(), default=None))


def backwards_ood(copy: CaseCopy, split_mains: dict[str, ArticleSample]) -> None:
    """The articles of OOD run from their end to their beginning."""
    train, n = split_mains["train"], len(split_mains["ood"].starts)
    is_told = direction_told(train) * np.sqrt(n) >= 1.5 * DIRECTION_Z
    if not is_told or len(train.starts) < FEWEST_ARTICLES:
        raise DoesNotApplyError("expected articles that show in which direction they run")
    copy.set_splits()  # they stay as they are
    broken.rows.reverse_rows(copy, copy.splits()["ood"].articles)


DIRECTION_Z = 2 * CHANCE_Z  # of as many of train's articles, so that turned ones are beyond chance


@check(
    "S013",
    "split_direction",
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[backwards_ood],
)
def check_split_direction(split_mains: dict[str, ArticleSample]) -> Measured:
    """The articles of every split run in the direction in which train's run.

    z of their mean score above -3.1. What tells the place of a row is fitted on other articles of
    all splits; reversing an article turns the sign of its score. Where as many of train's articles
    would have a z below 6.2, as text that reads alike in both directions, it says nothing.

    Why: A region that was numbered from the end keeps all neighbours, and is another task.
    Fix: Compare the first and the last text of an article of the split with their chunk_index
    """
    scores = direction_scores(pooled(*(split_mains[name] for name in SPLITS)))
    findings: list[Finding] = []
    found: dict[str, float] = {}
    profile: dict[str, Statistic] = {}
    first = len(split_mains["train"].starts)
    usual = direction_told(split_mains["train"]) if first >= FEWEST_ARTICLES else 0.0
    for name in EVALUATED:
        mine = scores[first : first + len(split_mains[name].starts)]
        first += len(mine)
        profile[name] = over_articles(mine)
        if len(mine) < FEWEST_ARTICLES or usual * np.sqrt(len(mine)) < DIRECTION_Z:
            continue
        found[name] = z_of_mean(mine)
        if found[name] < -CHANCE_Z:
            message = (
                f"expected articles that run like the others, z above {-CHANCE_Z}, got "
                f"{found[name]:.1f}: its chunks are numbered from the end"
            )
            fix = "compare the first and the last text of an article with their chunk_index"
            findings.append(Finding(name, message, fix))
    value = ", ".join(f"{name} {z:.1f}" for name, z in found.items()) or "no direction to tell"
    number, named = min(found.values(), default=None), {"split_direction": profile}
    return Measured(value, f"> {-CHANCE_Z}", findings, number=number, profile=named)


def shifted_ood(copy: CaseCopy, split_samples: dict[str, ArticleSample]) -> None:
    """OOD was encoded with another prefix."""
    rows = broken.ood.ood_rows(copy)
    shift = OFFSET * unit_rows(np.random.default_rng(1).standard_normal((1, rows.shape[1])))
    train, ood = (split_samples[n].thinned(MOST_MEANS).means for n in ("train", "ood"))
    effect, z = mean_drift(train, ood + shift, np.random.default_rng(7))
    if effect < 1.5 * DRIFT_EFFECT or z < 1.5 * DRIFT_Z:
        raise DoesNotApplyError("expected more articles, or articles nearer to each other")
    broken.ood.replace_ood(copy, rows + shift)


@check(
    "S007",
    "drift",
    severity=Severity.WARNING,
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[shifted_ood],
)
def check_drift(split_samples: dict[str, ArticleSample]) -> Measured:
    """No split's mean vector is further from train's than articles and chance explain.

    Why: Another pooling or prefix moves all vectors of a split by one offset, and leaves their
    directions alone.
    Fix: Compare encoder, pooling and prefix, and look at both with amn check data
    """
    rng = np.random.default_rng(7)
    means = {n: sample.thinned(MOST_MEANS).means for n, sample in split_samples.items()}
    findings: list[Finding] = []
    figures: list[str] = []
    effects: list[float] = []
    for name in EVALUATED:
        if min(len(means["train"]), len(means[name])) < FEWEST_ARTICLES:
            continue
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
    value = ", ".join(figures) or "too few articles"
    return Measured(value, limit, findings, number=max(effects, default=None))


def easy_in_dist(
    copy: CaseCopy,
    split_samples: dict[str, ArticleSample],
    article_samples: tuple[ArticleSample, ...],
) -> None:
    """In-dist is the articles that are easiest for the mean of the context."""
    splits, context = copy.splits(), copy.config.windows.context
    sample = pooled(split_samples["train"], split_samples["in_dist"])
    scores = context_scores(sample, context)
    pool = sample.articles[np.argsort(scores)[: np.count_nonzero(~np.isnan(scores))]]  # NaN is last
    n = min(len(splits["in_dist"].articles), len(pool) // 2)
    hard, easy = np.sort(np.intersect1d(pool[:-n], splits["train"].articles)), np.sort(pool[-n:])
    if min(len(hard), n) < FEWEST_ARTICLES:
        raise DoesNotApplyError(f"expected {FEWEST_ARTICLES} articles in train beside in-dist")
    # As the check will: of other rows, where a split has a sample of its own.
    samples = [sample_split(copy.dataset(), ids, article_samples[0]) for ids in (easy, hard)]
    taken, rest = (context_scores(one, context) for one in samples)
    gap, spread = float(taken.mean() - rest.mean()), float(rest.std(ddof=1))
    error = np.sqrt(taken.var(ddof=1) / len(taken) + rest.var(ddof=1) / len(rest))
    if gap < 1.05 * max(EASE_Z * error, copy.config.data.easier * spread):
        raise DoesNotApplyError("expected more articles, or some that are easier than others")
    copy.set_splits(train=hard, in_dist=easy)


@check(
    "S008",
    "representative",
    severity=Severity.WARNING,
    needs=["D003", "D001", "S002", "S005"],
    broken_by=[easy_in_dist],
)
def check_representative(
    split_samples: dict[str, ArticleSample],
    windows: dict[str, Windows],
    data_limits: DataConfig,
) -> Measured:
    """The evaluated splits are about as easy as train for an untrained predictor.

    What the mean of the context scores by article is within one standard deviation of train's own
    articles. Easier by more is INCONCLUSIVE until a person accepts it; harder is a warning.

    Why: A title before each chunk, another chunking or articles chosen by difficulty make a split
    easier, and its score moves without any change of the model. Easier is not better.
    Fix: Choose the split's articles by chance, and encode them like train's: fraction and seed in
    case.toml; or say in case.toml why this one may be: easier and reason in [data]
    """
    context = windows["train"].context
    scores = {name: context_scores(sample, context) for name, sample in split_samples.items()}
    known = {name: found[~np.isnan(found)] for name, found in scores.items()}
    findings: list[Finding] = []
    effects: dict[str, float] = {}
    train, limit = known["train"], data_limits.easier
    for name in EVALUATED:
        mine = known[name]
        if min(len(mine), len(train)) < FEWEST_ARTICLES:
            continue
        gap = float(mine.mean() - train.mean())
        error = np.sqrt(mine.var(ddof=1) / len(mine) + train.var(ddof=1) / len(train))
        effects[name] = gap / max(float(train.std(ddof=1)), 1e-12)
        if abs(effects[name]) <= limit or abs(gap) < EASE_Z * error:
            continue
        is_easier = gap > 0
        message = (
            f"expected the mean of the context within {limit} standard deviations of train's "
            f"articles ({train.mean():.3f}), got {effects[name]:+.2f} ({mine.mean():.3f}): "
            + ("easier than train, whatever the model" if is_easier else "harder than train")
        )
        fix = "choose its articles by chance and encode them like train's, or say why in [data]"
        severity = Severity.INCONCLUSIVE if is_easier else Severity.WARNING
        findings.append(Finding(name, message, fix, severity))
    value = ", ".join(f"{n} {e:+.2f}" for n, e in effects.items()) or "too few articles"
    detail = "; ".join(f"{n} {f.mean():.3f}" for n, f in known.items() if len(f))
    near = {name: context_scores(sample, 1) for name, sample in split_samples.items()}
    return Measured(
        value,
        f"<= {limit}",
        findings,
        detail,
        number=max(effects.values(), default=None),
        profile={
            NEIGHBOURS: {name: over_articles(found) for name, found in near.items()},
            CONTEXT: {name: over_articles(found) for name, found in scores.items()},
        },
    )
