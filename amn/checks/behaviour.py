"""E and M: what the model does with its input: offsets, retrieval, order, diversity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from amn.checks.registry import implements
from amn.evaluation.metrics import effective_rank
from amn.evaluation.surroundings import (
    CURVE_OFFSETS,
    known_predictors,
    offset_curve,
    pairwise_cosine,
    retrieve_in_article,
    retrieve_in_batch,
)
from amn.findings import Finding, Measured, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.checks.evidence.runs import RunEvidence
    from amn.evaluation.behaviour import Behaviour
    from amn.evaluation.surroundings import Surroundings

# The mean of the context peaks in its middle, 0.03 above the last row (wiki-mini); a context that
# starts one row early peaks 0.23 above, one that is read backwards 0.17.
PEAK_SLACK = 0.08
FLAT = 0.05  # constant and random predictors 0.01 to 0.02, the mean of the context 0.24
CHANCE_Z = 5.0  # standard errors above chance
BEATEN_ENOUGH = 0.9  # where few predictions make five standard errors too much to ask
INVARIANT_ATOL = 1e-5  # float32 sums in another order leave 5e-7
BACKWARD_GAIN = 0.005  # and three standard errors; wiki-mini's own direction is worth 0.029
BACKWARD_Z = 3.0
SPREAD_SHARE = 0.25  # of the targets' own; wiki-mini 0.93, one vector for all 0
SELF_ATOL = 1e-5
ALIKE_ATOL = 1e-9


def _behaviours(evidence: RunEvidence) -> Iterator[tuple[str, Behaviour]]:
    """Yield what every candidate does on every judged split."""
    for candidate in evidence.candidates:
        for split in evidence.windows:
            yield f"{candidate.name}, {split}", evidence.behaviour(candidate, split)


def _at(behaviour: Behaviour, offset: int) -> float:
    return behaviour.curve[CURVE_OFFSETS.index(offset)]


@implements("E009")
def check_peak(evidence: RunEvidence) -> Measured:
    """E009: predictions are nearest to the target or the last row."""
    findings, excess, texts = [], [], []
    for where, behaviour in _behaviours(evidence):
        curve = np.asarray(behaviour.curve)
        best = float(np.fmax(_at(behaviour, 0), _at(behaviour, -1)))
        peak = int(np.nanargmax(curve)) if np.isfinite(curve).any() else 0
        excess.append(float(curve[peak]) - best)
        texts.append(f"{CURVE_OFFSETS[peak]:+d}")
        if not excess[-1] <= PEAK_SLACK:
            message = (
                f"expected the peak at offset 0 or -1, got {curve[peak]:.3f} at "
                f"{CURVE_OFFSETS[peak]:+d} (last row {_at(behaviour, -1):.3f}, "
                f"target {_at(behaviour, 0):.3f})"
            )
            findings.append(Finding(where, message, "check which rows the harness feeds, and how"))
    value = f"peak at {', '.join(dict.fromkeys(texts))}"
    return Measured(value, f"within {PEAK_SLACK} of 0 or -1", findings, number=max(excess))


@implements("E010")
def check_connected(evidence: RunEvidence) -> Measured:
    """E010: predictions tell the rows around the target apart."""
    findings, ranges = [], []
    for where, behaviour in _behaviours(evidence):
        low, high = np.fmin.reduce(behaviour.curve), np.fmax.reduce(behaviour.curve)
        ranges.append(float(high - low))
        if not ranges[-1] >= FLAT:
            message = (
                f"expected a range of at least {FLAT} over offsets {CURVE_OFFSETS[0]} ... "
                f"{CURVE_OFFSETS[-1]:+d}, got {ranges[-1]:.3f} ({low:.3f} ... {high:.3f}): "
                "the model is not connected to its input"
            )
            fix = "load the checkpoint with the class that trained it, and score again"
            findings.append(Finding(where, message, fix))
    smallest = float(np.min(ranges))
    return Measured(f"range {smallest:.3f}", f">= {FLAT}", findings, number=smallest)


@implements("E011")
def check_in_batch(evidence: RunEvidence) -> Measured:
    """E011: predictions are nearer to their target than to those of other windows."""
    findings, beaten, texts = [], [], []
    for where, behaviour in _behaviours(evidence):
        found = behaviour.in_batch
        # A predictor that knows nothing beats a uniform share: variance 1/12 a prediction.
        chance = 0.5 + CHANCE_Z * math.sqrt(1 / 12 / found.n) if found.n else math.nan
        floor = min(chance, BEATEN_ENOUGH)
        beaten.append(found.beaten)
        texts.append(found.first)
        if not found.beaten > floor:
            message = (
                f"expected a target nearer than {floor:.1%} of the others' over "
                f"{found.n} predictions, got {found.beaten:.1%} (chance 50 %)"
            )
            fix = "see whether it predicts one vector for everything: M009, M005"
            findings.append(Finding(where, message, fix))
    value = f"beats {min(beaten):.1%}, first {min(texts):.1%}"
    return Measured(value, f"> 50 % + {CHANCE_Z:.0f} s.e.", findings, number=min(beaten))


@implements("E012")
def check_in_article(evidence: RunEvidence) -> Measured:
    """E012: predictions find their target among the other rows of its article."""
    findings, firsts, chances = [], [], []
    for where, behaviour in _behaviours(evidence):
        found = behaviour.in_article
        firsts.append(found.first)
        chances.append(found.chance)
        if not found.first > found.chance:
            message = (
                f"expected the target first more often than by chance, {found.chance:.1%}, "
                f"got {found.first:.1%} of {found.n} predictions"
            )
            fix = "the score is the article's topic alone: look at the lift (C004, C005)"
            findings.append(Finding(where, message, fix))
    value = f"{np.min(firsts):.1%}, chance {np.max(chances):.1%}"
    return Measured(value, "> chance", findings, number=float(np.min(firsts)))


@implements("E013")
def check_probes(evidence: RunEvidence) -> Measured:
    """E013: the numbers about behaviour are right for predictors whose answer is known."""
    findings, n = [], 0
    for split in evidence.windows:
        for name, want, got, atol in _known_numbers(evidence.surroundings(split)):
            n += 1
            if not abs(got - want) <= atol:
                message = f"expected {want:.4f} for {name} within {atol:.1g}, got {got:.4f}"
                findings.append(Finding(split, message))
    return Measured(f"{n} known numbers", "as known", findings)


def _known_numbers(surroundings: Surroundings) -> Iterator[tuple[str, float, float, float]]:
    """Yield (name, known value, measured value, tolerance) for every number of the probes."""
    rng = np.random.default_rng(13)
    made = known_predictors(surroundings, rng)
    targets = surroundings.targets
    n, dim = targets.shape
    noise = 6 / np.sqrt(n * dim)
    curves = {name: offset_curve(p, surroundings) for name, p in made.items()}
    zero, last = CURVE_OFFSETS.index(0), CURVE_OFFSETS.index(-1)
    yield "the oracle at offset 0", 1.0, curves["oracle"][zero], SELF_ATOL
    yield "the last row at offset -1", 1.0, curves["last"][last], SELF_ATOL
    yield "the oracle at -1 = the last row at 0", curves["oracle"][last], curves["last"][zero], 1e-9
    yield "random at offset 0", 0.0, curves["random"][zero], noise
    batch = {name: retrieve_in_batch(p, targets) for name, p in made.items()}
    yield "the oracle in batch", 1.0, batch["oracle"].first, 0.0
    chance = batch["random"].chance
    luck = 6 * batch["random"].standard_error
    yield "random in batch", chance, batch["random"].first, luck
    yield "the constant in batch", chance, batch["constant"].first, luck  # repeated targets tie
    article = {name: retrieve_in_article(p, surroundings) for name, p in made.items()}
    if article["oracle"].n:
        yield "the oracle in article", 1.0, article["oracle"].first, 0.0
        luck = 6 * article["random"].standard_error
        yield "random in article", article["random"].chance, article["random"].first, luck
    yield "the constant's pairwise cosine", 1.0, pairwise_cosine(made["constant"]), SELF_ATOL
    yield "random pairwise cosine", 0.0, pairwise_cosine(made["random"]), noise
    rank = effective_rank(made["constant"])  # rounding of the mean leaves a line: 1
    yield "the constant's effective rank", 0.5, rank, 0.5 + SELF_ATOL
    direct, doubled = effective_rank(targets), effective_rank(2 * targets.astype(np.float64))
    yield "the effective rank of doubled rows", direct, doubled, 1e-6 * max(direct, 1.0)


@implements("M007")
def check_permutation(evidence: RunEvidence) -> Measured:
    """M007: a model without order ignores it, and one with order uses it."""
    findings, changes = [], []
    for where, behaviour in _behaviours(evidence):
        changes.append(behaviour.permuted)
        if behaviour.declares_invariance and not behaviour.permuted <= INVARIANT_ATOL:
            message = (
                f"expected the same prediction for a rotated context within {INVARIANT_ATOL}, as "
                f"the architecture declares, got a difference of {behaviour.permuted:.3g}"
            )
            fix = "load the checkpoint with the class that its architecture id names"
            findings.append(Finding(where, message, fix, Severity.HARNESS))
        elif not behaviour.declares_invariance and not behaviour.permuted > INVARIANT_ATOL:
            message = (
                "expected a prediction that depends on the order of its context, got a difference "
                f"of {behaviour.permuted:.3g} for a rotated one: it has learned no order"
            )
            findings.append(Finding(where, message, "train longer, or with a higher lr"))
    declared = any(b.declares_invariance for _, b in _behaviours(evidence))
    limit = f"<= {INVARIANT_ATOL}" if declared else f"> {INVARIANT_ATOL}"
    worst = max(changes) if declared else min(changes)
    return Measured(f"rotated {worst:.1e}", limit, findings, number=worst)


@implements("M008")
def check_direction(evidence: RunEvidence) -> Measured:
    """M008: reading the context backwards does not help."""
    findings, gains = [], []
    for where, behaviour in _behaviours(evidence):
        gain, se = behaviour.forward_gain, behaviour.forward_gain_se
        gains.append(gain)
        is_backward = gain < -BACKWARD_GAIN and not gain >= -BACKWARD_Z * se
        if is_backward or np.isnan(gain):
            message = (
                f"expected no gain from reading the context newest first, got {-gain:+.4f} "
                f"(standard error {se:.4f})"
            )
            fix = "feed the context oldest first, as in training"
            findings.append(Finding(where, message, fix))
    worst = float(np.min(gains))
    return Measured(f"forward {worst:+.4f}", f">= {-BACKWARD_GAIN}", findings, number=worst)


@implements("M009")
def check_distinct(evidence: RunEvidence) -> Measured:
    """M009: predictions differ from each other, as targets do."""
    findings, shares = [], []
    for where, behaviour in _behaviours(evidence):
        spread = 1 - behaviour.target_pairwise
        share = (1 - behaviour.pairwise) / spread if spread > ALIKE_ATOL else np.nan
        shares.append(share)
        if not share >= SPREAD_SHARE:
            message = (
                f"expected predictions to differ at least {SPREAD_SHARE:.0%} as much as targets, "
                f"got {share:.1%} (mean cosine of pairs {behaviour.pairwise:.3f}, "
                f"targets {behaviour.target_pairwise:.3f})"
            )
            fix = "look for a collapse in the ledger (R003); lower training.lr"
            findings.append(Finding(where, message, fix))
    smallest = float(np.min(shares))
    return Measured(f"{smallest:.0%} of targets'", f">= {SPREAD_SHARE:.0%}", findings)
