"""Clean variants of a case: other seeds, articles and storage. On them nothing may fire."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.checks.broken.candidates import select_windows
from amn.checks.broken.copying import write_rows
from amn.checks.evidence.data import SplitEvidence
from amn.checks.registry import execute
from amn.config import EVALUATED, SPLITS
from amn.golden.store import read_golden, write_golden
from amn.index.build import build_index
from amn.index.manifest import read_index_manifest
from amn.selftest.defects import scored
from amn.selftest.golden_defects import golden_of_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.checks.evidence.runs import Candidate
    from amn.findings import Outcome
    from amn.selftest.lab import Lab

FILES_SHARE, SPLITS_SHARE = 0.15, 0.45  # of the variants; the others are of the scores
FEWEST_ARTICLES = 16  # twice what a split needs to be judged
MOST_ARTICLES = {"train": 90, "in_dist": 40, "ood": 40}  # so that a variant takes half a second
KEPT_SHARE = 0.75  # of the judged articles of a variant of the scores


@dataclass(frozen=True)
class Variant:
    """One clean variant.

    Attributes:
        kind: `files` written anew, `splits` drawn anew, or `scores` of other articles and seeds.
        outcomes: Runs its checks.
    """

    id: str
    kind: Literal["files", "splits", "scores"]
    outcomes: Callable[[Lab], list[Outcome]]


def variants(n: int, *, after_training: bool) -> Iterator[Variant]:
    """Yield n variants, the same n always.

    Args:
        after_training: Whether to yield those of scores, which need trained candidates, too.
    """
    n_files = round(FILES_SHARE * n)
    n_splits = round(SPLITS_SHARE * n)
    for seed in range(n_files):
        yield Variant(f"files-{seed}", "files", partial(_files, seed=seed))
    for seed in range(n_splits):
        yield Variant(f"splits-{seed}", "splits", partial(_splits, seed=seed))
    for seed in range(n - n_files - n_splits if after_training else 0):
        yield Variant(f"scores-{seed}", "scores", partial(_scores, seed=seed))


def _drawn(lab: Lab, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """Draw articles of each split; in_dist and train change places at random."""
    splits = lab.early.split_evidence.splits
    pool = rng.permutation(np.concatenate([splits["in_dist"].articles, splits["train"].articles]))
    ood = rng.permutation(splits["ood"].articles)
    n = {
        name: max(FEWEST_ARTICLES, min(len(splits[name].articles) * 3 // 4, most))
        for name, most in MOST_ARTICLES.items()
    }
    n_in = n["in_dist"]
    chosen = {
        "in_dist": pool[:n_in],
        "train": pool[n_in : n_in + n["train"]],
        "ood": ood[: n["ood"]],
    }
    return {name: np.sort(chosen[name]) for name in SPLITS}


def _files(lab: Lab, seed: int) -> list[Outcome]:
    """Write a sub-sample of articles anew, by turns in float16 and float32, in 1 to 3 shards."""
    rng = np.random.default_rng([1, seed])
    chosen = _drawn(lab, rng)
    dataset = lab.early.split_evidence.splits["train"].dataset
    rows = np.flatnonzero(np.isin(dataset.article_ids, np.concatenate(list(chosen.values()))))
    with lab.copy() as copy:
        kind = read_index_manifest(copy.data).kind if copy.has_index else None
        shutil.rmtree(copy.data)
        dtype = ("float16", "float32")[seed % 2]
        shard_rows = max(1, len(rows) // (1 + seed % 3))
        written = write_rows(copy.data, dataset, rows, dtype=dtype, shard_rows=shard_rows)
        if kind:
            build_index(written, kind)
        copy.set_splits(**chosen)
        return lab.gate(copy).before_training()


def _splits(lab: Lab, seed: int) -> list[Outcome]:
    """Draw the splits anew over the same data."""
    chosen = _drawn(lab, np.random.default_rng([2, seed]))
    with lab.copy() as copy:
        copy.set_splits(**chosen)
        evidence = SplitEvidence(copy.case, lab.early.split_evidence.parts)  # scanned once
        wanted = [rule for rule in lab.early.declared if rule.family in ("split", "windows")]
        return [execute(rule.id, evidence) for rule in wanted]


def _scores(lab: Lab, seed: int) -> list[Outcome]:
    """Judge some of the seeds on some of the articles, beside the golden of the same articles.

    The criteria are left out: a floor is a contract about one frozen set.
    """
    rng = np.random.default_rng([3, seed])
    evidence = lab.clean.split_evidence
    kept = {name: _keep_articles(evidence.windows[name].article_ids, rng) for name in EVALUATED}
    windows = {
        name: w.take(np.flatnonzero(kept[name])) if name in kept else w
        for name, w in evidence.windows.items()
    }
    fewer = SplitEvidence(lab.pristine.case, evidence.parts)
    vars(fewer).update(splits=evidence.splits, windows=windows)
    order = rng.permutation(len(lab.clean.candidates))
    candidates = [_on(lab.clean.candidates[i], kept) for i in order]
    with lab.copy() as copy:
        if lab.has_golden:
            references = {
                split: {name: float(cosines.mean()) for name, cosines in values.items()}
                for split, values in candidates[0].evaluation.references.items()
            }
            whole = read_golden(copy.folder)
            golden = golden_of_windows(whole, _in_golden(lab, kept), references)
            write_golden(copy.folder, golden)
        session = lab.clean.judging(candidates, case=copy.case, split_evidence=fewer)
        families = ("record", "model", "evaluation", "golden")
        late = [rule for rule in session.declared if rule.family in families]
        return [session.outcome(rule.id) for rule in late]


def _keep_articles(ids: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the windows of some articles: (N,) bool."""
    articles = np.unique(ids)
    n = max(min(FEWEST_ARTICLES, len(articles)), round(KEPT_SHARE * len(articles)))
    return np.isin(ids, rng.permutation(articles)[:n])


def _in_golden(lab: Lab, kept: dict[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    """Return the golden's windows of the kept articles."""
    golden = read_golden(lab.pristine.folder)
    windows = lab.clean.split_evidence.windows
    return {
        name: np.isin(golden.splits[name].article_ids, windows[name].article_ids[chosen])
        for name, chosen in kept.items()
    }


def _on(candidate: Candidate, kept: dict[str, NDArray[np.bool_]]) -> Candidate:
    """Return a candidate with its scores on some windows."""
    evaluation = candidate.evaluation
    scores = {n: select_windows(s, np.flatnonzero(kept[n])) for n, s in evaluation.scores.items()}
    references = {
        n: {name: cosines[kept[n]] for name, cosines in values.items()}
        for n, values in evaluation.references.items()
    }
    fewer = replace(evaluation, scores=scores, references=references)
    return replace(scored(candidate, fewer), recorded=fewer)
