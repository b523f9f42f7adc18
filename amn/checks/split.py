"""S: the splits: disjoint, not empty, of one encoder, not filtered by what is judged."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED, SPLITS, Selector
from amn.checks import broken
from amn.checks.check import check, some_ids
from amn.data.ids import IdSet, later_ids
from amn.data.manifest import MANIFEST_FILE, EncoderInfo
from amn.verdict import Finding, Measured, Severity, count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.checks.broken.copies import CaseCopy
    from amn.data.ids import Ids
    from amn.data.manifest import Manifest, Stage
    from amn.data.splits import Split
    from amn.data.windows import Windows


FEWEST_ARTICLES = 8  # fewer clusters give no interval


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


# Reasons for which a stage drops rows by what a gate judges.
JUDGED_REASONS = ("low coherence", "low score")
EXEMPT = "exempt"  # the setting of a stage with the articles that its rules did not touch


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
