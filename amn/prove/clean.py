"""Clean variants of a case: other seeds, articles and storage. On them nothing may fire."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from amn.case.config import EVALUATED, SPLITS
from amn.checks.broken.copying import write_rows
from amn.checks.broken.golden import golden_of_articles
from amn.data.index.build import build_index
from amn.data.index.reader import read_index_manifest
from amn.gate.articles import windows_digest
from amn.golden.schema import Golden
from amn.golden.store import read_golden, write_golden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.evaluation.storage import Evaluation
    from amn.gate.evidence import Evidence
    from amn.prove.lab import Lab
    from amn.verdict import Outcome

FILES_SHARE, SPLITS_SHARE = 0.15, 0.45  # of the variants; the others are of the scores
FEWEST_ARTICLES = 16  # twice what a split needs to be judged
MOST_ARTICLES = {"train": 90, "in_dist": 40, "ood": 40}  # so that a variant takes half a second
KEPT_SHARE = 0.75  # of the judged articles of a variant of the scores
OF_SAMPLE = ("sampled", "surroundings", "behaviours")  # predictions are known of that sample alone


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
    splits = lab.early.evidence["splits"]
    pool = rng.permutation(np.concatenate([splits["in_dist"].articles, splits["train"].articles]))
    ood = rng.permutation(splits["ood"].articles)
    n = {
        name: min(
            len(splits[name].articles),
            max(FEWEST_ARTICLES, min(len(splits[name].articles) * 3 // 4, most)),
        )
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
    dataset = lab.early.evidence["splits"]["train"].dataset
    rows = dataset.rows_of(np.concatenate(list(chosen.values())))
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
        early = lab.early.evidence
        same = {part: early[part] for part in ("data_sets", "scanned", "article_samples")}
        evidence = early.with_(case=copy.case, **same)  # read once for all
        wanted = [check for check in lab.early.untrained if check.family in ("split", "windows")]
        return [check.run(evidence) for check in wanted]


def _scores(lab: Lab, seed: int) -> list[Outcome]:
    """Judge some of the seeds on some of the articles, beside the golden of the same articles.

    The criteria are left out: a floor is a contract about one frozen set.
    """
    rng = np.random.default_rng([3, seed])
    clean = lab.clean.evidence
    every = clean["windows"]
    kept = {name: _keep_articles(every[name].article_ids, rng) for name in EVALUATED}
    windows = {
        name: w.take(np.flatnonzero(kept[name])) if name in kept else w for name, w in every.items()
    }
    order = rng.permutation(len(clean["candidates"]))
    evaluations = tuple(_on(clean["evaluations"][i], kept) for i in order)
    candidates = tuple(
        replace(clean["candidates"][i], recorded=_cosines_of(scored))
        for i, scored in zip(order, evaluations, strict=True)
    )
    with lab.copy() as copy:
        if lab.has_golden:
            references = {
                split: {name: float(cosines.mean()) for name, cosines in values.items()}
                for split, values in evaluations[0].references.items()
            }
            articles = {name: every[name].article_ids[chosen] for name, chosen in kept.items()}
            golden = golden_of_articles(read_golden(copy.folder), articles, references)
            write_golden(copy.folder, _of_windows(golden, windows_digest(evaluations[0].scores)))
        gate = lab.judging(
            copy,
            windows=windows,
            candidates=candidates,
            evaluations=evaluations,
            # As they were measured: the pool of a rank is that of all windows.
            measured=tuple(
                {n: s.take(np.flatnonzero(kept[n])) for n, s in scores.items()}
                for scores in (clean["measured"][i] for i in order)
            ),
            **_models(clean, order, kept),
            # Of the windows that were sampled: the golden asks for those of its articles.
            **{part: clean[part] for part in ("recalled_predictions",) if part in clean},
        )
        families = ("record", "model", "evaluation", "golden")
        late = [check for check in gate.declared if check.family in families]
        return [gate.outcome(check.id) for check in late]


def _models(
    clean: Evidence, order: NDArray[np.int64], kept: dict[str, NDArray[np.bool_]]
) -> dict[str, object]:
    """Return the models of some seeds, or their predictions on some windows where none is known.

    Args:
        order: Positions of the seeds.
        kept: split -> (N,) whether a window is kept.
    """
    if "loaded" in clean:
        return {"loaded": tuple(clean["loaded"][i] for i in order)}
    joined = []
    for one in (clean["joined"][i] for i in order):
        scores = {name: s.take(np.flatnonzero(kept[name])) for name, s in one.scores.items()}
        joined.append(replace(one, scores=scores))
    return {"joined": tuple(joined), **{part: clean[part] for part in OF_SAMPLE}}


def _of_windows(golden: Golden, digest: str) -> Golden:
    """Return a golden that says of which windows it is: its ledger counts no step to others."""
    digests = golden.record.digests.model_copy(update={"windows": digest})
    return Golden(golden.record.model_copy(update={"digests": digests}), golden.tables)


def _cosines_of(evaluation: Evaluation) -> Evaluation:
    """Return the scores without other metrics: a rank among all windows is none among some."""
    scores = {name: replace(one, values={}) for name, one in evaluation.scores.items()}
    return replace(evaluation, scores=scores)


def _keep_articles(ids: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the windows of some articles: (N,) bool."""
    articles = np.unique(ids)
    n = max(min(FEWEST_ARTICLES, len(articles)), round(KEPT_SHARE * len(articles)))
    return np.isin(ids, rng.permutation(articles)[:n])


def _on(evaluation: Evaluation, kept: dict[str, NDArray[np.bool_]]) -> Evaluation:
    """Return the scores on some windows."""
    scores = {n: s.take(np.flatnonzero(kept[n])) for n, s in evaluation.scores.items()}
    references = {
        n: {name: cosines[kept[n]] for name, cosines in values.items()}
        for n, values in evaluation.references.items()
    }
    return replace(evaluation, scores=scores, references=references)
