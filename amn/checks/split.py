"""S: the splits: disjoint, not empty, no vector in two of them, one encoder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED, SPLITS, Selector
from amn.checks import broken
from amn.checks.check import check, listed, some_ids
from amn.checks.profiled import pooled
from amn.data.coherence import follows
from amn.data.ids import IdSet, later_ids
from amn.data.manifest import MANIFEST_FILE, EncoderInfo
from amn.data.repeats import Matches, Overlaps, article_overlaps, identical_rows, near_rows
from amn.data.sampling import sample_rows, unit_vectors
from amn.data.scan import scan_rows
from amn.data.vectors import ROUNDED_TWICE, unit_rows
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from amn.case.limits import DataConfig
    from amn.case.load import Case
    from amn.checks.broken.copies import CaseCopy
    from amn.data.dataset import DataSet
    from amn.data.ids import Ids
    from amn.data.manifest import Manifest, Stage
    from amn.data.scan import RowScan
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.verdict import Statistic


FEWEST_ARTICLES = 8  # fewer clusters give no interval
# Boilerplate repeats: of all pairs of articles of core and of wiki-mini, none shares more than 2
# rows, identical or near; 0.13 % of core's rows are near a row of another article.
LEAKED_SHARE = 0.2
LEAKED_ROWS = 3
FEWEST_LEAKED = 5  # rows in all: in a small split one repeated heading is no leak
# Of the distance of neighbours in train, 1 - cosine: 0.0025 on wiki-mini.
NEAR_DISTANCE = 1 / 160
# 8,192 rows against 810,000 training rows take 6 s of CPU time; wiki-mini is compared whole.
MOST_QUERIES = 4096
MOST_TRAINING = 1_000_000


def article_in_two_splits(copy: CaseCopy) -> None:
    """An OOD article is trained on."""
    splits = copy.splits()
    train = np.union1d(splits["train"].articles, splits["ood"].articles[:1])
    copy.set_splits(train=train)


@check("S001", "disjoint", needs=["D003"], broken_by=[article_in_two_splits])
def check_disjoint(splits: dict[str, Split], case: Case) -> Measured:
    """No article is in two splits.

    The same id in two data sets is a warning: it may be another article.

    Why: An evaluated article that was trained on measures memory. It has happened with OOD articles
    inside the training range.
    Fix: Take the articles out of one of the two splits in case.toml
    """
    findings: list[Finding] = []
    n_shared = 0
    for left, right in combinations(splits.values(), 2):
        both = np.intersect1d(left.articles, right.articles)
        if not len(both):
            continue
        same = left.dataset is right.dataset
        n_shared += len(both) if same else 0
        message = f"expected no article in both, got {len(both):,}: {some_ids(both)}"
        if not same:
            message += " (the same ids in two data sets: they may be other articles)"
        findings.append(
            Finding(
                f"{left.name} and {right.name}",
                message,
                f"take them out of split.{right.name} in {case.file.name}",
                None if same else Severity.WARNING,
            )
        )
    return Measured(
        f"{count_of(n_shared, 'article')} in two splits", "0", findings, number=float(n_shared)
    )


def empty_ood(copy: CaseCopy) -> None:
    """The OOD articles do not exist."""
    copy.set_splits(ood=later_ids(copy.dataset().articles, 19))


@check("S002", "not_empty", needs=["D003"], broken_by=[empty_ood])
def check_not_empty(case: Case, splits: dict[str, Split], windows: dict[str, Windows]) -> Measured:
    """Every split has articles and windows, and has what the case asks for.

    It has at least 8 articles where it is evaluated, and every article that a list or file asks
    for. Of a range, some article must exist.

    Why: A mean over nothing, or over a handful of articles, is not a result.
    Fix: Choose other articles for the split in case.toml
    """
    findings: list[Finding] = []
    sizes: list[str] = []
    file = case.file.name
    context = case.config.windows.context
    for name, split in splits.items():
        n_articles, n_windows = len(split.articles), len(windows[name])
        sizes.append(f"{name} {count_of(n_articles, 'article')}, {count_of(n_windows, 'window')}")
        fix = f"choose other articles in split.{name} in {file}"
        selector = getattr(case.config.split, name)
        is_range = selector is not None and isinstance(selector.articles, str)
        if split.missing and not (is_range and n_articles):
            asked = n_articles + split.missing.size
            message = (
                f"expected the {asked:,} articles that the case asks for, got {n_articles:,}; "
                f"missing {some_ids(split.missing)}"
            )
            findings.append(Finding(name, message, fix))
        fewest = FEWEST_ARTICLES if name in EVALUATED else 1
        if n_articles < fewest:
            message = f"expected at least {fewest} articles, got {n_articles}"
            findings.append(Finding(name, message, fix))
        if not n_windows:
            message = (
                f"expected windows of {context + 1} consecutive rows, got none in "
                f"{count_of(n_articles, 'article')}"
            )
            findings.append(Finding(name, message, f"{fix}, or lower windows.context"))
    return Measured("; ".join(sizes), f">= {FEWEST_ARTICLES} articles to evaluate on", findings)


def other_encoder(copy: CaseCopy) -> None:
    """OOD names another encoder."""
    dataset, splits = copy.dataset(), copy.splits()
    another = EncoderInfo(name="another/encoder")
    folder = copy.folder / "ood-data"
    broken.copying.write_rows(folder, dataset, splits["ood"].rows, name="ood", encoder=another)
    copy.set_splits(train=splits["train"].articles, in_dist=splits["in_dist"].articles)
    copy.configure(split={"ood": Selector(dataset=folder.name)})


@check("S005", "encoder", needs=["D003"], broken_by=[other_encoder])
def check_encoder(splits: dict[str, Split]) -> Measured:
    """The data sets of all splits declare the same encoder and have the same number of columns.

    Why: Vectors of two encoders, poolings or prefixes lie in different spaces; their cosines mean
    nothing.
    Fix: Encode all splits alike: amn data import
    """
    train = splits["train"].dataset
    findings: list[Finding] = []
    for name in SPLITS[1:]:
        dataset = splits[name].dataset
        if dataset is train:
            continue
        if dataset.dim != train.dim:
            message = f"expected dim {train.dim} as in train, got {dataset.dim}"
            findings.append(Finding(f"{name}: dim", message, "encode both alike: amn data import"))
        ours, theirs = dataset.manifest.encoder.model_dump(), train.manifest.encoder.model_dump()
        if dataset.dim == train.dim and ours["probe"] and theirs["probe"]:
            findings += _probe_findings(name, ours["probe"], theirs["probe"])
            # They depend on the machine; the probes have said what there is to say.
            for field in ("probe", "probe_digest", "precision"):
                del ours[field]
        for field, value in ours.items():
            if value != theirs[field]:
                message = f"expected {theirs[field]!r} as in train, got {value!r}"
                fix = "encode both with one encoder: amn data import"
                findings.append(Finding(f"{name}: encoder.{field}", message, fix))
        if ours["name"] == theirs["name"] == "unknown":
            message = "expected the name of the encoder, got 'unknown' in both data sets"
            fix = "write encoder into dataset.json"
            findings.append(Finding(f"{name}: encoder.name", message, fix, Severity.WARNING))
    n_sets = len({id(split.dataset) for split in splits.values()})
    value = f"{train.manifest.encoder.name}, {train.dim} numbers, {count_of(n_sets, 'data set')}"
    return Measured(value, "the same in every split", findings)


def _probe_findings(name: str, ours: str, theirs: str) -> list[Finding]:
    """Return a finding when the probe vectors of two data sets differ by more than rounding."""
    from amn.data.fingerprint import (  # noqa: PLC0415 - few data sets name a probe
        TOLERANCE,
        Fingerprint,
        compare_fingerprints,
    )

    distance = compare_fingerprints(Fingerprint.from_text(ours), Fingerprint.from_text(theirs))
    if distance <= TOLERANCE:
        return []
    message = (
        f"expected probe vectors within 1 - cosine {TOLERANCE:g} of train's, got {distance:.3g}"
    )
    return [Finding(f"{name}: encoder.probe", message, "encode both with one encoder")]


def copied_article(copy: CaseCopy) -> None:
    """OOD has a copy of a training article."""
    _add_to_ood(copy, noise=0.0)


def _add_to_ood(copy: CaseCopy, noise: float) -> None:
    """Append the longest training article to OOD under a new id.

    Args:
        noise: Length of what is added to each unit row.
    """
    dataset, splits = copy.dataset(), copy.splits()
    counts = np.bincount(dataset.codes)
    in_train = np.isin(dataset.articles, splits["train"].articles)
    longest = dataset.articles[in_train][np.argmax(counts[in_train])]
    mine, new = dataset.rows_of(longest), later_ids(dataset.articles, 1)
    rows = np.concatenate([np.arange(len(dataset)), mine])
    vectors = dataset.gather(rows)
    ids = np.concatenate([dataset.article_ids, np.repeat(new, len(mine))])
    if noise:
        rng = np.random.default_rng(0)
        added = rng.standard_normal((len(mine), dataset.dim))
        changed = vectors[-len(mine) :] + noise * added / np.sqrt(dataset.dim)
        vectors[-len(mine) :] = unit_rows(changed)
    lists = {name: split.articles for name, split in splits.items()}
    copy.rebuild(vectors, ids, dataset.chunk_index[rows])
    lists["ood"] = np.append(lists["ood"], new)
    copy.set_splits(**lists)


@check("S003", "identical_vectors", needs=["D003"], broken_by=[copied_article])
def check_identical_vectors(
    splits: dict[str, Split], scans: dict[str, RowScan], data_limits: DataConfig
) -> Measured:
    """No evaluated article has the vectors of an article of another split.

    It may not have a fifth of its rows, and 3 or more, byte for byte in one such article; at most
    0.5 % of evaluated rows are training rows.

    Why: The same text under another id leaks past every comparison of ids.
    Fix: Drop one of the two articles, or put both into train: split in case.toml
    """
    findings: list[Finding] = []
    profile: dict[str, Statistic] = {}
    repeated = evaluated = 0
    of_splits, of_articles = [0.0], [0.0]
    for name, other in (("in_dist", "train"), ("ood", "train"), ("ood", "in_dist")):
        left, right = splits[name], splits[other]
        ours, theirs = left.dataset.manifest.dtype, right.dataset.manifest.dtype
        if ours != theirs:
            message = (
                f"expected {theirs} as in {other}, got {ours}: "
                "their bytes cannot be compared, S004 compares the vectors"
            )
            findings.append(Finding(f"{name} and {other}", message, severity=Severity.WARNING))
            continue
        rows, other_rows = left.rows, right.rows
        matches = identical_rows(scans[name].hashes[rows], scans[other].hashes[other_rows])
        left_ids, right_ids = left.dataset.article_ids, right.dataset.article_ids
        overlaps = article_overlaps(matches, left_ids[rows], right_ids[other_rows])
        findings += _leaks(name, other, overlaps, "byte-identical to")
        of_articles.append(overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS).largest)
        if other == "train":
            findings += _leaked_rows(left, rows, matches, "byte-identical to", data_limits.leaked)
            n = len(np.unique(matches.left))
            repeated, evaluated = repeated + n, evaluated + len(rows)
            of_splits.append(n / max(len(rows), 1))
            profile[name] = _leaked_share(left_ids[rows], matches)
    return Measured(
        f"{repeated:,} of {evaluated:,} evaluated rows are in train"
        + _shares(findings, of_splits, of_articles),
        f"<= {data_limits.leaked:.1%}, < {LEAKED_SHARE:.0%} of an article",
        findings,
        number=float(repeated),
        profile={"identical_vectors": profile},
    )


def _leaked_share(articles: Ids, matches: Matches) -> Statistic:
    """Return the share of rows, each of an article, that train has too."""
    sizes = np.unique(articles, return_inverse=True, return_counts=True)
    leaked = np.bincount(sizes[1][np.unique(matches.left)], minlength=len(sizes[0]))
    return pooled(leaked, sizes[2])


def near_copy(copy: CaseCopy) -> None:
    """OOD has a near-copy of a training article."""
    dataset = copy.dataset()
    near = 1 - near_distance(scan_rows(dataset), dataset, copy.splits()["train"]) / 2
    _add_to_ood(copy, noise=float(np.sqrt(1 / near**2 - 1)))


def near_distance(scan: RowScan, dataset: DataSet, train: Split) -> float:
    """Return the distance, 1 - cosine, within which two rows are near-copies of each other."""
    pairs = follows(dataset, 1) & dataset.is_in(train.articles)
    usual = float(np.median(1 - scan.adjacent[pairs].astype(np.float64))) if pairs.any() else 0.0
    return max(NEAR_DISTANCE * usual, ROUNDED_TWICE)


@check("S004", "near_duplicates", needs=["D003", "D001", "S005"], broken_by=[near_copy])
def check_near_duplicates(
    splits: dict[str, Split], scans: dict[str, RowScan], data_limits: DataConfig
) -> Measured:
    """No evaluated article has near-copies of the vectors of a training article.

    It may not have a fifth of its rows, and 3 or more, 160 times nearer to those of one such
    article, in 1 - cosine, than neighbours are in train, beside those up to twice as far: where
    articles have a form in common, more of them are. At most 0.5 % of evaluated rows are that near
    a training row.

    Why: Another crawl or another rounding of the same text leaks past a comparison of bytes.
    Fix: Drop one of the two articles, or put both into train: split in case.toml
    """
    rng = np.random.default_rng(4)
    train = splits["train"]
    train_rows = sample_rows(train.rows, train.dataset.codes, MOST_TRAINING, rng)
    rows: dict[str, NDArray[np.int64]] = {}
    for name in EVALUATED:
        codes = splits[name].dataset.codes
        rows[name] = sample_rows(splits[name].rows, codes, MOST_QUERIES, rng)
    queries = np.concatenate([unit_vectors(splits[n].dataset, r) for n, r in rows.items()])

    def read(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_vectors(train.dataset, train_rows[positions])

    near = near_distance(scans["train"], train.dataset, train)
    cosine = 1 - near
    matches, further = _by_distance(
        near_rows(queries, read, len(train_rows), 1 - 2 * near), queries, read, near
    )
    findings: list[Finding] = []
    profile: dict[str, Statistic] = {}
    start = 0
    of_splits, of_articles = [0.0], [0.0]
    for name, looked_at in rows.items():
        split = splits[name]
        mine, beyond = (_of_rows(some, start, len(looked_at)) for some in (matches, further))
        start += len(looked_at)
        left_ids = split.dataset.article_ids[looked_at]
        right_ids = train.dataset.article_ids[train_rows]
        overlaps = article_overlaps(mine, left_ids, right_ids)
        overlaps = overlaps.beside(article_overlaps(beyond, left_ids, right_ids))
        profile[name] = _leaked_share(left_ids, mine)
        of_splits.append(len(np.unique(mine.left)) / max(len(looked_at), 1))
        of_articles.append(overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS).largest)
        kind = f"within cosine {cosine:.4f} of"
        findings += _leaks(name, "train", overlaps, kind)
        findings += _leaked_rows(split, looked_at, mine, kind, data_limits.leaked)
    repeated = len(np.unique(matches.left))
    return Measured(
        f"{repeated:,} of {len(queries):,} evaluated rows are near a training row"
        + _shares(findings, of_splits, of_articles),
        f"<= {data_limits.leaked:.1%}, < {LEAKED_SHARE:.0%} of an article",
        findings,
        detail=f"cosine >= {cosine:.4f} with any of {len(train_rows):,} training rows",
        number=float(repeated),
        profile={"near_duplicates": profile},
    )


def _by_distance(
    matches: Matches,
    left: NDArray[np.float32],
    read: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    near: float,
) -> tuple[Matches, Matches]:
    """Return the pairs whose 1 - cosine is at most `near`, and the others."""
    some = np.array_split(np.arange(len(matches)), len(matches) // MOST_QUERIES + 1)
    cosines = [np.vecdot(left[matches.left[k]], read(matches.right[k])) for k in some]
    is_near = 1 - np.concatenate(cosines).astype(np.float64) <= near
    return matches.take(is_near), matches.take(~is_near)


def _of_rows(matches: Matches, start: int, n: int) -> Matches:
    """Return the pairs of n rows on the left, counted from the first of them."""
    mine = matches.take((matches.left >= start) & (matches.left < start + n))
    return Matches(mine.left - start, mine.right)


def _leaks(name: str, other: str, overlaps: Overlaps, kind: str) -> list[Finding]:
    """Name articles that share too much with one article of another split."""
    leaks = overlaps.at_least(LEAKED_SHARE, LEAKED_ROWS)
    first = np.sort(
        np.unique(leaks.left, return_index=True)[1]
    )  # each article with its worst match

    def describe(pair: int) -> Finding:
        return Finding(
            f"{name}: article {leaks.left[pair]}",
            f"expected vectors that {other} does not have, got {leaks.shared[pair]} of "
            f"{leaks.sizes[pair]} rows {kind} rows of article {leaks.right[pair]} of {other}",
            f"drop one of the two articles, or put both into {other} in case.toml",
        )

    return listed(first, describe, name)


def _shares(findings: list[Finding], of_splits: list[float], of_articles: list[float]) -> str:
    """Return the largest shares of a split, and of an article, where there is a finding."""
    split, article = max(of_splits), max(of_articles)
    said = f", {split:.2%} of a split" if split and findings else ""
    return said + (f", {article:.0%} of an article" if article and findings else "")


def _leaked_rows(
    split: Split, rows: NDArray[np.int64], matches: Matches, kind: str, most: float
) -> list[Finding]:
    """Object to too many rows in all that train has too."""
    leaked = rows[np.unique(matches.left)]
    if len(leaked) <= max(most * len(rows), FEWEST_LEAKED):
        return []
    articles = split.dataset.articles[np.unique(split.dataset.codes[leaked])]
    message = (
        f"expected at most {most:.1%} of rows {kind} training rows, got "
        f"{len(leaked) / len(rows):.2%} ({len(leaked):,} of {len(rows):,}) in articles "
        f"{some_ids(articles)}"
    )
    return [Finding(split.name, message, "drop repeated text, then: amn data import")]


# Reasons for which a stage drops rows by what a gate judges.
JUDGED_REASONS = ("low coherence", "low score")
EXEMPT = "exempt"  # the setting of a stage with the articles that its rules did not touch
FEWEST = 8  # articles on either side, to tell
SURE_ORDER = 0.9  # chance that a kept article is above a dropped one; 0.5 says nothing
RARE = 1e-4


@dataclass(frozen=True)
class Circular:
    """A filter by the quantity that is judged.

    Attributes:
        reason: `low coherence` or `low score`.
        evidence: What gives it away, with the number.
    """

    reason: str
    evidence: str


def judged_drops(manifest: Manifest) -> list[tuple[Stage, str, int]]:
    """Return (stage, reason, rows) for rows that were dropped by a quantity that gates judge."""
    return [
        (stage, reason, rows)
        for stage in manifest.stages
        for reason, rows in stage.dropped.items()
        if reason in JUDGED_REASONS and rows
    ]


def was_exempt(stage: Stage, articles: Ids) -> NDArray[np.bool_]:
    """Tell which articles a stage's rules were told to leave alone: (n,) bool."""
    named = stage.settings.get(EXEMPT)
    if not isinstance(named, str | list) or not named:
        return np.zeros(len(articles), np.bool_)
    return IdSet.of(named).holds(articles)


def find_selection(
    values: NDArray[np.float64], kept: NDArray[np.bool_], reason: str
) -> Circular | None:
    """Tell whether articles were kept by the values themselves, None when nothing says so.

    Two signs: kept articles are nearly always above dropped ones; or so many of the lowest
    articles are all dropped, and not as many of the highest, that chance does not do it. The
    second sees a threshold among other filters too.

    Args:
        values: (A,) the judged quantity of each article, NaN where it has none.
        kept: (A,) whether the filtered set has the article.
        reason: What to call it.
    """
    from scipy.special import ndtr  # noqa: PLC0415 - scipy is slow to load

    known = ~np.isnan(values)
    values, kept = values[known], kept[known]
    n_kept, n_dropped = int(kept.sum()), int((~kept).sum())
    if min(n_kept, n_dropped) < FEWEST:
        return None
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    above = (ranks[kept].sum() - n_kept * (n_kept + 1) / 2) / (n_kept * n_dropped)
    deviation = np.sqrt((len(values) + 1) / (12 * n_kept * n_dropped))
    if above >= SURE_ORDER and ndtr(-(above - 0.5) / deviation) < RARE:
        evidence = (
            f"{n_dropped:,} articles are missing, and {above:.0%} of pairs of a kept and a missing "
            "one have the kept one higher"
        )
        return Circular(reason, evidence)
    below = int((values < values[kept].min()).sum())
    beyond = int((values > values[kept].max()).sum())
    share = n_dropped / len(values)
    if below >= FEWEST and share**below < RARE and share ** max(beyond, 1) > RARE:
        least = values[kept].min()
        evidence = f"all of the {below:,} lowest articles are missing: none is below {least:.3f}"
        return Circular(reason, evidence)
    return None


def sentence(found: Iterable[Circular], name: str) -> str:
    """Return one line that calls the filter by its name."""
    parts = [f"{c.reason} ({c.evidence})" for c in found]
    return (
        f"CIRCULAR FILTER: {name} was filtered by {' and by '.join(parts)}. What it scores on "
        "itself is made by the filter; only the common unfiltered set counts."
    )


def circular_filter(copy: CaseCopy) -> None:
    """Judged rows were filtered by what is judged."""

    def change(manifest: dict[str, Any]) -> None:
        n, dropped = manifest["rows"], manifest["rows"] // 20
        stage = {"name": "filter", "rows_in": n + dropped, "rows_out": n}
        manifest["stages"] = [{**stage, "dropped": {JUDGED_REASONS[0]: dropped}}]

    copy.change_json(copy.data / MANIFEST_FILE, change)


@check("S009", "circular_filter", needs=["D003"], broken_by=[circular_filter])
def check_circular_filter(splits: dict[str, Split]) -> Measured:
    """No evaluated article is what a filter by coherence or by a model's score has left.

    Why: Rows dropped for a low score raise the score of what is left, also when the model has
    learned nothing from it.
    Fix: Filter again with the evaluated articles left alone: amn data filter --exempt splits.json
    """
    findings: list[Finding] = []
    chosen = 0
    total = 0
    for name in EVALUATED:
        split = splits[name]
        total += len(split.articles)
        touched = np.zeros(len(split.articles), np.bool_)
        stages: list[str] = []
        for stage, reason, dropped in judged_drops(split.dataset.manifest):
            mine = ~was_exempt(stage, split.articles)
            if mine.any():
                touched |= mine
                stages.append(f"{dropped:,} {stage.unit} for {reason} in stage {stage.name!r}")
        if not touched.any():
            continue
        chosen += int(touched.sum())
        message = (
            "expected articles that no filter by coherence or score has chosen, got "
            f"{touched.sum():,} of {len(touched):,} that are left after it dropped "
            f"{' and '.join(stages)}: a circular filter"
        )
        fix = (
            "filter again with the evaluated articles left alone: amn data filter --exempt, "
            "or take the split from the unfiltered data set: dataset in case.toml"
        )
        findings.append(Finding(name, message, fix))
    return Measured(f"{chosen:,} of {total:,} evaluated articles", "0", findings, number=chosen)
