"""E: the harness: was all of it scored, by a metric that works, from the model that was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.case.limits import MIN_SEEDS
from amn.checks import broken
from amn.checks.check import Defect, check
from amn.evaluation.surroundings import sample_windows
from amn.training.candidate import scores_of
from amn.verdict import Finding, Measured, Severity, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from amn.case.config import CaseConfig
    from amn.data.windows import Windows
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.predictions import Joined
    from amn.evaluation.reference import References
    from amn.evaluation.storage import Evaluation
    from amn.evaluation.summary import Summary
    from amn.evaluation.surroundings import Surroundings
    from amn.training.candidate import Candidate
    from amn.training.checkpoint import Checkpoint

    Parts = dict[str, object]
    Metric = Callable[..., NDArray[np.float64]]

EQUAL = 0.9999  # cosine of two float32 vectors that are one vector
ORACLE_SHARE = 0.01
COPY_SHARE = 0.5
IMPLAUSIBLE = 0.10  # any constant vector scores 0.2 or more on the encoders we have measured
RESCORE_ATOL = 1e-3
RESCORE_WINDOWS = 256  # a split, evenly over its articles
# Of windows: rows as near within float32 may change places elsewhere. Noise of that size changed
# none of 60,000 in six spaces.
NEAR_TIES = 0.01
METRIC_ATOL = 1e-6
OTHER_ARTICLE = 0.001  # chance of a false name among all articles of a split (Bonferroni)
SHOWN_ARTICLES = 3  # in a message
AHEAD = 3.0  # standard errors on either side
FEWEST_EDGES = 2  # windows, for a standard error
EQUAL_ATOL = 1e-6  # of a variance of cosines: equal ones have a standard error too


def half_evaluated(evaluations: tuple[Evaluation, ...]) -> Parts:
    """Half of the OOD windows were scored."""
    return broken.candidates.first_changed(
        evaluations,
        "ood",
        lambda s: s.take(np.arange(len(s.cosines) // 2)),
    )


def other_order(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The windows were scored in another order."""
    return broken.candidates.first_changed(
        evaluations,
        "ood",
        lambda s: s.take(np.arange(len(s.cosines))[::-1]),
    )


@check(
    "E001",
    "all_windows",
    severity=Severity.HARNESS,
    needs=["M001"],
    broken_by=[half_evaluated, other_order],
)
def check_all_windows(
    candidates: tuple[Candidate, ...],
    evaluations: tuple[Evaluation, ...],
    judged: dict[str, Windows],
) -> Measured:
    """Every window of in_dist and ood was scored once, in order, by its id.

    Why: A score over the first N windows, or over none, looks like any other score.
    Fix: Evaluate again: amn eval CASE
    """
    findings, total, others = [], 0, 0
    for where, split, scores in scores_of(candidates, evaluations):
        windows = judged[split]
        total += len(scores.cosines)
        if len(scores.cosines) != len(windows) or not len(windows):
            message = f"expected {len(windows):,} windows, got {len(scores.cosines):,}"
            findings.append(Finding(where, message, "amn eval"))
        elif not _are_of(windows, scores):
            others += len(windows)
            message = "expected the windows of the case in their order, got other ids"
            findings.append(Finding(where, message, "amn eval"))
    n = sum(len(windows) for windows in judged.values())
    value = f"{total:,}" + (f", {others:,} of other ids" if others else "")
    return Measured(value, f"== {len(candidates)} x {n:,}", findings)


def _are_of(windows: Windows, scores: SplitScores) -> bool:
    """Tell whether scores are of these windows, in their order."""
    return np.array_equal(scores.article_ids, windows.article_ids) and np.array_equal(
        scores.target_chunks, windows.target_chunks
    )


def nan_cosine(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The cosine of one window is NaN."""

    def change(split: SplitScores) -> SplitScores:
        cosines = split.cosines.copy()
        cosines[len(cosines) // 2] = np.nan
        return replace(split, cosines=cosines)

    return broken.candidates.first_changed(evaluations, "ood", change)


@check(
    "E002",
    "finite",
    severity=Severity.HARNESS,
    needs=["E001"],
    broken_by=[nan_cosine],
)
def check_finite(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> Measured:
    """Every cosine is a number in -1 ... 1.

    Why: NaN that is averaged away, or that compares as not smaller, passes gates.
    Fix: Look at the weights: a diverged training leaves NaN
    """
    findings, total, bad = [], 0, 0
    for where, _, scores in scores_of(candidates, evaluations):
        total += len(scores.cosines)
        is_bad = ~(np.abs(scores.cosines) <= 1)
        bad += int(is_bad.sum())
        for window in np.flatnonzero(is_bad)[:3]:
            message = f"expected finite cosines, got {scores.cosines[window]} in window {window}"
            key = f"(article {scores.article_ids[window]}, chunk {scores.target_chunks[window]})"
            findings.append(Finding(where, f"{message} {key}"))
    return Measured(count_of(total, "cosine", bad), "in -1 ... 1", findings)


def oracle(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The target was handed over as prediction."""
    return broken.candidates.first_changed(
        evaluations, "ood", lambda s: replace(s, cosines=np.ones_like(s.cosines))
    )


@check(
    "E003",
    "not_oracle",
    severity=Severity.HARNESS,
    needs=["E002"],
    broken_by=[oracle],
)
def check_not_oracle(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> Measured:
    """At most 1 % of the predictions equal their target (cosine above 0.9999).

    Why: A harness that hands the target to the model, or scores the target against itself, gives
    1.0.
    Fix: Check what the evaluator passes as prediction
    """
    cosines = [(where, s.cosines) for where, _, s in scores_of(candidates, evaluations)]
    return _share(cosines, ORACLE_SHARE, "their target")


def copy_(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The last row was handed over as prediction."""
    return broken.candidates.first_changed(
        evaluations, "ood", lambda s: replace(s, copy_cosines=np.ones_like(s.copy_cosines))
    )


@check(
    "E004",
    "not_copy",
    severity=Severity.HARNESS,
    needs=["E002"],
    broken_by=[copy_],
)
def check_not_copy(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> Measured:
    """At most half of the predictions equal the last context row (cosine above 0.9999).

    Why: An off-by-one in the slice of the context turns the model into a copy.
    Fix: Check which rows the evaluator takes as context and as target
    """
    cosines = [(where, s.copy_cosines) for where, _, s in scores_of(candidates, evaluations)]
    return _share(cosines, COPY_SHARE, "the last row")


def _share(cosines: list[tuple[str, NDArray[np.float64]]], limit: float, what: str) -> Measured:
    """Measure the share of predictions that equal another vector.

    Args:
        cosines: Address, and cosines (N,) with that vector.
    """
    findings, largest = [], 0.0
    for where, mine in cosines:
        share = float((mine > EQUAL).mean())
        largest = max(largest, share)
        if not share <= limit:
            message = (
                f"expected at most {limit:.0%} of predictions equal to {what}, got {share:.1%}"
            )
            findings.append(Finding(where, message))
    return Measured(shown(largest, limit, 1, form="%"), f"<= {limit:.0%}", findings)


def below_constant(evaluations: tuple[Evaluation, ...]) -> Parts:
    """OOD scores 0.02, below any constant.

    Cosines of directions that have nothing to do with the target.
    """

    def change(split: SplitScores) -> SplitScores:
        noise = np.random.default_rng(0).standard_normal(len(split.cosines))
        return replace(split, cosines=0.02 + 0.04 * np.clip(noise, -3, 3))

    return broken.candidates.first_changed(evaluations, "ood", change)


@check(
    "E005",
    "above_constant",
    severity=Severity.HARNESS,
    needs=["M001", "R007"],  # what is trained for another task may end below a constant
    broken_by=[below_constant],
)
def check_above_constant(summaries: dict[str, Summary]) -> Measured:
    """The score of both splits is above the constant predictor's; if that is unknown, above 0.10.

    Why: A constant scores 0.2 to 0.48 on sentence embeddings. Below it the measurement is broken;
    it is never poor generalisation.
    Fix: Load the checkpoint with the class that trained it, then score again: amn gate CASE
    --checkpoint FILE
    """
    findings, values = [], []
    for split in EVALUATED:
        summary = summaries[split]
        constant = summary.references.get("constant")
        floor = IMPLAUSIBLE if constant is None else constant
        name = (
            "any constant's 0.10"
            if constant is None
            else f"the constant predictor's {constant:.4f}"
        )
        scores = summary.per_seed or (summary.mean,)
        sign = "<=" if min(scores) <= floor else ">"
        values.append(f"{split} {min(scores):.4f} {sign} {floor:.4f}")
        findings += [
            Finding(
                split,
                f"expected above {name}, got {value:.4f}: the model is not connected to its input",
                "load the checkpoint with the class that trained it, and score again",
            )
            for value in scores
            # A missing score is C001's and C002's to report; a floor that is NaN is no floor.
            if not value > floor and not np.isnan(value)
        ]
    return Measured(", ".join(values), "> constant", findings)


def metric_off_by_one(metric: Metric) -> Parts:
    """The metric compares with the row before."""
    return {"metric": lambda left, right: metric(left, np.roll(right, 1, axis=0))}


@check(
    "E006",
    "metric",
    severity=Severity.HARNESS,
    broken_by=[metric_off_by_one],
)
def check_metric(judged: dict[str, Windows], metric: Metric) -> Measured:
    """The metric gives known predictors their known scores.

    The oracle has 1, its opposite -1, random vectors 0, and a copy what adjacent rows have.

    Why: A test that was off by one failed even a perfect predictor; two weeks went into fixing
    models for it.
    Fix: This is a defect of amn: report it with the output of amn gate --format json
    """
    from amn.evaluation.runner import metric_self_test  # noqa: PLC0415 - loads torch

    findings, texts = [], []
    for split, windows in judged.items():
        chosen = sample_windows(windows, RESCORE_WINDOWS, seed=1)
        got = metric_self_test(windows, chosen, metric=metric, seed=1)
        noise = 6 / np.sqrt(len(chosen) * windows.dataset.dim)  # six standard errors
        expected = {"oracle": (1.0, METRIC_ATOL), "opposite": (-1.0, METRIC_ATOL)}
        expected |= {"random": (0.0, noise), "copy": (got["adjacent"], METRIC_ATOL)}
        findings += [
            Finding(split, f"expected {want:.4f} for {name} within {atol:.1g}, got {got[name]:.4f}")
            for name, (want, atol) in expected.items()
            if not abs(got[name] - want) <= atol
        ]
        texts.append(f"{split} oracle {got['oracle']:.4f} random {got['random']:+.4f}")
    return Measured(", ".join(texts), "1, 0", findings)


def other_record(candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]) -> Parts:
    """The record is 0.01 off what the model scores."""
    first, *others = candidates
    recorded = broken.candidates.changed(
        evaluations[0], "ood", lambda s: replace(s, cosines=s.cosines - 0.01)
    )
    return {"candidates": (replace(first, recorded=recorded), *others)}


def other_values(candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]) -> Parts:
    """The record has every target ahead of all rows nearby, beside the cosines as they are."""
    first, *others = candidates
    recorded = broken.candidates.changed(
        evaluations[0],
        "ood",
        lambda s: replace(s, values={**s.values, "in_article": np.ones_like(s.cosines)}),
    )
    return {"candidates": (replace(first, recorded=recorded), *others)}


@check(
    "E007",
    "rescore",
    severity=Severity.HARNESS,
    needs=["E001", "M001"],
    broken_by=[other_record, other_values],
)
def check_rescore(
    candidates: tuple[Candidate, ...],
    checkpoints: tuple[Checkpoint, ...],
    evaluations: tuple[Evaluation, ...],
    judged: dict[str, Windows],
) -> Measured:
    """The checkpoint reproduces its recorded cosines, and the metrics recorded beside them.

    A sample of windows, scored again from the loaded checkpoint, has the cosines within 1e-3, and
    of each metric that was recorded another value for at most 1 % of the windows: where two rows
    are as near within rounding, a rank is not the same on every machine.

    Why: A record that the checkpoint does not reproduce belongs to another model, or to another
    loader.
    Fix: Evaluate again: amn eval CASE --checkpoint FILE
    """
    from amn.evaluation.runner import rescore  # noqa: PLC0415 - loads torch

    findings, largest, n, metrics = [], 0.0, 0, 0
    for candidate, checkpoint, now in zip(candidates, checkpoints, evaluations, strict=True):
        recorded = candidate.recorded or now
        for split, windows in judged.items():
            scores, where = recorded.scores[split], f"{candidate.name}, {split}"
            if not _are_of(windows, scores):
                message = (
                    f"expected a record of the case's {len(windows):,} windows, "
                    f"got {len(scores.cosines):,}, not the same ones"
                )
                findings.append(Finding(where, message, "amn eval"))
                continue
            chosen = sample_windows(windows, RESCORE_WINDOWS, seed=2)
            n += len(chosen)
            again, values = rescore(checkpoint.model, windows, chosen, scores.values)
            others = list(_other_values(values, scores, chosen))
            metrics += len(others)
            findings += [Finding(where, message, "amn eval") for message in others]
            difference = np.abs(again - scores.cosines[chosen])
            worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
            largest = float(np.maximum(largest, difference[worst]))
            if not difference[worst] <= RESCORE_ATOL:
                window = int(chosen[worst])
                message = (
                    f"expected the recorded cosine within {RESCORE_ATOL}, got "
                    f"{again[worst]:.4f} for "
                    f"{scores.cosines[window]:.4f} (article {scores.article_ids[window]}, "
                    f"chunk {scores.target_chunks[window]})"
                )
                findings.append(Finding(where, message, "amn eval"))
    value = f"difference {largest:.1e} over {n:,}"
    if metrics and largest <= RESCORE_ATOL:
        value = f"other values of {count_of(metrics, 'metric')}, {value}"
    return Measured(value, f"<= {RESCORE_ATOL}", findings)


def _other_values(
    again: Mapping[str, NDArray[np.float64]], scores: SplitScores, chosen: NDArray[np.int64]
) -> Iterator[str]:
    """Yield the metrics that a model does not give again.

    Args:
        again: Metric -> (n,) values of the windows that were chosen.
    """
    for name, values in again.items():
        kept = scores.values[name][chosen]
        other = np.flatnonzero(~np.isclose(values, kept, rtol=0, atol=RESCORE_ATOL))
        if len(other) > NEAR_TIES * len(chosen):
            worst = int(other[0])
            yield (
                f"expected the recorded {name} for {1 - NEAR_TIES:.0%} of {len(chosen)} windows, "
                f"got another for {len(other)}: {values[worst]:.4f} for {kept[worst]:.4f} (article "
                f"{scores.article_ids[chosen[worst]]}, chunk {scores.target_chunks[chosen[worst]]})"
            )


def seed_missing(candidates: tuple[Candidate, ...]) -> Parts:
    """A declared seed was not judged."""
    return {"candidates": candidates[1:]}


@check(
    "E008",
    "seeds",
    severity=Severity.INCONCLUSIVE,
    broken_by=[Defect(seed_missing, Severity.HARNESS)],
)
def check_seeds(asked: CaseConfig, candidates: tuple[Candidate, ...]) -> Measured:
    """Every declared seed was trained and scored, and there are at least 3; one in closed form.

    Why: Two runs of one recipe differ by about 0.0014; one seed cannot tell luck from change.
    Fix: Name three or more seeds in training.seeds
    """
    declared = asked.training.seeds
    got = [c.seed for c in candidates if c.seed is not None]
    looks = asked.golden.adaptive_seeds or [max(MIN_SEEDS, len(declared))]
    wanted = declared[: next((look for look in looks if look >= len(got)), None)]
    least = 1 if asked.model.is_closed_form else MIN_SEEDS
    findings = []
    if missing := sorted(set(wanted) - set(got)):
        message = f"expected seeds {wanted}, got no {missing}"
        findings.append(Finding("training.seeds", message, "amn gate again", Severity.HARNESS))
    if len(got) < least:
        message = f"expected at least {least} seeds, got {len(got)}"
        findings.append(Finding("training.seeds", message, "training.seeds = [0, 1, 2]"))
    return Measured(", ".join(map(str, got)), f">= {least} seeds", findings)


def articles_exchanged(evaluations: tuple[Evaluation, ...]) -> Parts:
    """The predictions of one OOD article are those of another."""

    def change(split: SplitScores) -> SplitScores:
        articles, counts = np.unique(split.article_ids, return_counts=True)
        mine = split.article_ids == articles[counts.argmax()]
        return replace(split, cosines=np.where(mine, split.cosines - split.mean, split.cosines))

    return broken.candidates.first_changed(evaluations, "ood", change)


@check(
    "E014",
    "own_articles",
    severity=Severity.HARNESS,
    needs=["E002"],
    broken_by=[articles_exchanged],
)
def check_own_articles(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> Measured:
    """No article scores as if its predictions were another article's.

    Where most articles are more than half-way from the constant predictor to the mean of their
    context, none lies below half-way by more than chance explains: Student's t of its windows, at
    0.001 over all articles of the split.

    Why: Two articles whose predictions were exchanged cost a split a few thousandths, which reads
    as a slightly worse model.
    Fix: Check how predictions are joined with windows: by article and chunk, never by their place
    """
    from scipy.special import stdtr  # noqa: PLC0415 - loads scipy

    findings, least = [], 1.0
    for (where, _, scores), known in zip(
        scores_of(candidates, evaluations),
        (one.references[split] for one in evaluations for split in EVALUATED),
        strict=True,
    ):
        above = scores.cosines - (known["constant"] + known["mean"]) / 2
        articles, at, n = np.unique(scores.article_ids, return_inverse=True, return_counts=True)
        mean = np.bincount(at, above) / n
        spread = np.bincount(at, (above - mean[at]) ** 2) / np.maximum(n - 1, 1)
        if not np.median(mean) > 0:  # a poor model, and not a broken join
            continue
        t = mean / np.sqrt(np.maximum(spread, EQUAL_ATOL) / n)
        chance = np.where(n > 1, stdtr(np.maximum(n - 1, 1), t), 1.0) * len(articles)
        least = min(least, float(chance.min()))
        other = np.flatnonzero(chance < OTHER_ARTICLE)
        if len(other):
            worst = other[np.argsort(chance[other])][:SHOWN_ARTICLES]
            named = ", ".join(f"{articles[i]} ({mean[i]:+.3f}, p {chance[i]:.1g})" for i in worst)
            message = (
                "expected every article half-way from the constant predictor to the mean of its "
                f"context, got {len(other)} below it: {named}"
            )
            findings.append(Finding(where, message))
    return Measured(f"p {least:.2g}", f">= {OTHER_ARTICLE:g}", findings, number=least)


def one_row_ahead(joined: tuple[Joined, ...], surroundings: dict[str, Surroundings]) -> Parts:
    """Predictions are those of the window one row later, which has the target in its context."""
    ahead = {name: one.targets + one.contexts[:, -1] for name, one in surroundings.items()}
    return {"joined": tuple(replace(one, sampled=ahead) for one in joined)}


@check(
    "E015",
    "not_ahead",
    severity=Severity.HARNESS,
    needs=["E002"],
    broken_by=[one_row_ahead],
)
def check_not_ahead(
    joined: tuple[Joined, ...], fitted: References, surroundings: dict[str, Surroundings]
) -> Measured:
    """What a prediction has seen ends before its target, as it does for a linear predictor.

    The cosine falls more from the last row of the context to the target than from the target to the
    row after it; it fires where it falls less by three standard errors of the windows, and more by
    as many for ridge on the same windows.

    Why: Predictions of the window one row later have the target in their context: they score higher
    than any model can, and read as a great one.
    Fix: Check that the prediction for a window is made from its own context_rows
    """
    findings, smallest = [], np.inf
    for one in joined:
        for split, around in surroundings.items():
            ridge = fitted.predict(around.contexts)["ridge"]
            (edge, z), (known, known_z) = (
                _edge(rows, around) for rows in (one.sampled[split], ridge)
            )
            if not known_z > AHEAD:
                continue  # a linear predictor sees no edge here either
            smallest = min(smallest, z)
            if z < -AHEAD:
                message = (
                    "expected the cosine to fall more at the target than after it, got a "
                    f"difference of {edge:+.3f} (ridge {known:+.3f}): the target was seen"
                )
                findings.append(Finding(f"{one.name}, {split}", message))
    return Measured(f"z {smallest:.1f}", f">= {-AHEAD:g}", findings, number=smallest)


def _edge(predicted: NDArray[np.floating], around: Surroundings) -> tuple[float, float]:
    """Return by how much more the cosine falls at the target than after it, and its z.

    Of the windows whose target has a row after it; 0 and 0 where there are none.
    """
    last, target, after = (around.cosines(predicted, offset) for offset in (-1, 0, 1))
    edges = (last - target) - (target - after)
    edges = edges[~np.isnan(edges)]
    if len(edges) < FEWEST_EDGES:
        return 0.0, 0.0
    se = float(edges.std(ddof=1) / np.sqrt(len(edges)))
    return float(edges.mean()), float(edges.mean()) / max(se, EQUAL_ATOL)
