"""E and M: what the model does with its input: offsets, retrieval, order, diversity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from amn.checks import broken
from amn.checks.check import check
from amn.evaluation.metrics import effective_rank
from amn.evaluation.surroundings import (
    CURVE_OFFSETS,
    known_predictors,
    pairwise_cosine,
    retrieve_in_article,
    retrieve_in_batch,
)
from amn.verdict import Finding, Measured, Severity, count_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from amn.evaluation.surroundings import Behaviour, ModelBehaviour, Surroundings
    from amn.training.candidate import Observed
    from amn.training.checkpoint import Checkpoint

    Parts = dict[str, object]
    Curve = Callable[..., NDArray[np.float64]]

# The mean of the context peaks in its middle, 0.03 above the last row (wiki-mini); a context that
# starts one row early peaks 0.23 above, one that is read backwards 0.17.
PEAK_SLACK = 0.08
FLAT = 0.05  # constant and random predictors 0.01 to 0.02, the mean of the context 0.24
ROOM = 0.5  # of a cosine that any two targets have: what is alike anyway varies by less (E5: 0.25)
CHANCE_Z = 5.0  # standard errors above chance
BEATEN_ENOUGH = 0.9  # where few predictions make five standard errors too much to ask
INVARIANT_ATOL = 1e-5  # float32 sums in another order leave 5e-7
BACKWARD_GAIN = 0.005  # and three standard errors; wiki-mini's own direction is worth 0.029
BACKWARD_Z = 3.0
SPREAD_SHARE = 0.25  # of the targets' own; wiki-mini 0.93, one vector for all 0
SELF_ATOL = 1e-5
ALIKE_ATOL = 1e-9


def _at(behaviour: Behaviour, offset: int) -> float:
    return behaviour.curve[CURVE_OFFSETS.index(offset)]


def context_too_early(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """The context ends one row early."""
    return broken.candidates.answering(
        checkpoints, lambda forward, x: forward(x[:, [0, *range(x.shape[1] - 1)]])
    )


@check(
    "E009",
    "offset_peak",
    severity=Severity.HARNESS,
    needs=["M001"],
    broken_by=[context_too_early],
)
def check_peak(behaviours: tuple[Observed, ...]) -> Measured:
    """Predictions are nearest to the target or to the last row of the context.

    Of the rows at offsets -5 ... +3, no other one has a cosine more than 0.08 above these two.

    Why: A context that is cut one row early, or read backwards, moves the peak; the score alone
    looks like a weak model.
    Fix: Check the slice and the order of the context that the harness passes to the model
    """
    findings, excess, texts = [], [], []
    for seen in behaviours:
        curve = np.asarray(seen.behaviour.curve)
        last, target = _at(seen.behaviour, -1), _at(seen.behaviour, 0)
        peak = int(np.nanargmax(curve)) if np.isfinite(curve).any() else 0
        excess.append(float(curve[peak]) - float(np.fmax(target, last)))
        texts.append(f"{CURVE_OFFSETS[peak]:+d}")
        if not excess[-1] <= PEAK_SLACK:
            message = (
                f"expected the peak at offset 0 or -1, got {curve[peak]:.3f} at "
                f"{CURVE_OFFSETS[peak]:+d} (last row {last:.3f}, target {target:.3f})"
            )
            fix = "check which rows the harness feeds, and how"
            findings.append(Finding(seen.where, message, fix))
    value = f"peak at {', '.join(dict.fromkeys(texts))}"
    value += f", {shown(max(excess), PEAK_SLACK, 3)} above" if findings else ""
    return Measured(value, f"within {PEAK_SLACK} of 0 or -1", findings, number=max(excess))


def predictions_shuffled(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """Predictions belong to other windows."""
    return broken.candidates.answering(
        checkpoints, lambda forward, x: forward(x).roll(len(x) // 2, dims=0)
    )


@check(
    "E010",
    "connected",
    severity=Severity.HARNESS,
    needs=["M001", "R007", "R013"],  # one that was not trained for it has no such curve either
    broken_by=[predictions_shuffled],
)
def check_connected(behaviours: tuple[Observed, ...]) -> Measured:
    """The cosine of predictions with the rows at offsets -5 ... +3 varies by 0.05 or more.

    By less in proportion where any two targets are so alike that less than 0.5 is left to 1.

    Why: A flat curve, near 0 or near a constant's score, means that the model is not connected to
    its input: another class, or other rows.
    Fix: Load the checkpoint with the class that trained it; check that windows and predictions are
    in one order
    """
    findings, ranges, limits = [], [], []
    for seen in behaviours:
        curve = seen.behaviour.curve
        low, high = np.fmin.reduce(curve), np.fmax.reduce(curve)
        ranges.append(float(high - low))
        limits.append(FLAT * min(1.0, (1 - seen.behaviour.target_pairwise) / ROOM))
        if not ranges[-1] >= limits[-1]:
            got = shown(ranges[-1], limits[-1], 3)
            message = (
                f"expected a range of at least {limits[-1]:.2g} over offsets "
                f"{CURVE_OFFSETS[0]} ... {CURVE_OFFSETS[-1]:+d}, got {got} ({low:.3f} ... "
                f"{high:.3f}): the model is not connected to its input"
            )
            fix = "load the checkpoint with the class that trained it, and score again"
            findings.append(Finding(seen.where, message, fix))
    at = int(np.argmin(np.subtract(ranges, limits)))  # NaN first
    value = f"range {shown(ranges[at], limits[at], 3)}"
    return Measured(value, f">= {limits[at]:.2g}", findings, number=ranges[at])


def constant_answer(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """One answer for every window."""
    return broken.candidates.answering(
        checkpoints, lambda forward, x: forward(x)[:1].expand(len(x), -1)
    )


@check("E011", "in_batch", needs=["M001"], broken_by=[constant_answer])
def check_in_batch(behaviours: tuple[Observed, ...]) -> Measured:
    """Predictions are nearer to their own target than to those of other windows.

    Over 128 windows, that is more often than half the time plus five standard errors.

    Why: A cosine above the constant's can be the direction that all vectors share; a prediction
    that is about its own window finds its target.
    Fix: Look at M005 and M009 for a collapse, at E010 for a model without input
    """
    findings, beaten, texts = [], [], []
    for seen in behaviours:
        found = seen.behaviour.in_batch
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
            findings.append(Finding(seen.where, message, fix))
    value = f"beats {min(beaten):.1%}, first {min(texts):.1%}"
    return Measured(value, f"> 50 % + {CHANCE_Z:.0f} s.e.", findings, number=min(beaten))


def topic_only(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """The target is never told from its neighbours."""
    return broken.candidates.answering(checkpoints, lambda _, x: -x[:, -1])


@check(
    "E012",
    "in_article",
    severity=Severity.WARNING,
    needs=["M001"],
    broken_by=[topic_only],
)
def check_in_article(behaviours: tuple[Observed, ...]) -> Measured:
    """Predictions find their target among the rows of its article more often than chance.

    They are searched for it within 16 rows of the target, its context left out.

    Why: Whoever predicts only the topic of the article scores well and cannot tell what comes next.
    Fix: Longer context, or data whose chunks follow each other; see the lift over the mean of the
    context
    """
    findings, firsts, chances = [], [], []
    for seen in behaviours:
        found = seen.behaviour.in_article
        firsts.append(found.first)
        chances.append(found.chance)
        if not found.first > found.chance:
            message = (
                f"expected the target first more often than by chance, {found.chance:.1%}, "
                f"got {found.first:.1%} of {found.n} predictions"
            )
            fix = "the score is the article's topic alone: look at the lift (C004, C005)"
            findings.append(Finding(seen.where, message, fix))
    value = f"{np.min(firsts):.1%}, chance {np.max(chances):.1%}"
    return Measured(value, "> chance", findings, number=float(np.min(firsts)))


def probe_off_by_one(curve: Curve) -> Parts:
    """The offset curve is off by one."""
    return {"curve": lambda predicted, around: np.roll(curve(predicted, around), 1)}


@check(
    "E013",
    "probes",
    severity=Severity.HARNESS,
    broken_by=[probe_off_by_one],
)
def check_probes(surroundings: dict[str, Surroundings], curve: Curve) -> Measured:
    """The numbers about behaviour are right for predictors whose answer is known.

    They are offset curve, retrieval, pairwise cosine and effective rank; the predictors are the
    oracle, the last row, a constant and random vectors.

    Why: A direction test that was off by one failed even a perfect predictor; a probe has to be
    proven before it judges.
    Fix: This is a defect of amn, or rows that are zero or repeat: see D001-D010, then report it
    """
    findings, n = [], 0
    for split, around in surroundings.items():
        for name, want, got, atol in _known_numbers(around, curve):
            n += 1
            if not abs(got - want) <= atol:
                message = f"expected {want:.4f} for {name} within {atol:.1g}, got {got:.4f}"
                findings.append(Finding(split, message))
    return Measured(count_of(n, "known number", len(findings)), "as known", findings)


def _known_numbers(
    surroundings: Surroundings, curve: Curve
) -> Iterator[tuple[str, float, float, float]]:
    """Yield (name, known value, measured value, tolerance) for every number of the probes."""
    rng = np.random.default_rng(13)
    made = known_predictors(surroundings, rng)
    targets = surroundings.targets
    n, dim = targets.shape
    noise = 6 / np.sqrt(n * dim)
    curves = {name: curve(p, surroundings) for name, p in made.items()}
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


def order_broken(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """The order of the context is not used as declared."""
    from amn.evaluation.runner import is_permutation_invariant  # noqa: PLC0415 - loads torch

    if is_permutation_invariant(checkpoints[0].model):
        return broken.candidates.answering(checkpoints, lambda forward, x: forward(x) + x[:, -1])
    return broken.candidates.answering(checkpoints, lambda _, x: x.mean(dim=1))


@check(
    "M007",
    "order",
    severity=Severity.WARNING,
    needs=["M001"],
    broken_by=[order_broken],
)
def check_permutation(
    orders: tuple[tuple[str, ModelBehaviour], ...], described: tuple[Checkpoint, ...]
) -> Measured:
    """A model that declares to ignore the order of its context does so, and any other uses it.

    When the context is rotated, the first answers the same within 1e-5, the other differently.

    Why: Permutation invariance is a property of the code: when it is broken, other code runs than
    the one that is named. A model with positions that ignores them has learned nothing about order.
    Fix: Load the checkpoint with the class that its architecture id names
    """
    del described  # its code declares whether order matters
    findings, changes = [], []
    for where, behaviour in orders:
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
    declared = any(behaviour.declares_invariance for _, behaviour in orders)
    limit = f"<= {INVARIANT_ATOL}" if declared else f"> {INVARIANT_ATOL}"
    worst = max(changes) if declared else min(changes)
    return Measured(f"rotated {worst:.1e}", limit, findings, number=worst)


def read_backwards(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """The context is read backwards."""
    return broken.candidates.answering(checkpoints, lambda _, x: x[:, 0])


@check(
    "M008",
    "direction",
    severity=Severity.HARNESS,
    needs=["M001"],
    broken_by=[read_backwards],
)
def check_direction(orders: tuple[tuple[str, ModelBehaviour], ...]) -> Measured:
    """Reading the context backwards does not help.

    With the context newest first the model scores at most 0.005 better than oldest first, beyond
    three standard errors.

    Why: A harness that passes the context backwards loses a few hundredths, which reads as a
    slightly worse model.
    Fix: Feed the context oldest first, in training and in evaluation
    """
    findings, gains = [], []
    for where, behaviour in orders:
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


def one_vector(checkpoints: tuple[Checkpoint, ...]) -> Parts:
    """One vector and a little noise is predicted.

    Its rank around the mean is high.
    """
    return broken.candidates.answering(
        checkpoints, lambda forward, x: forward(x)[:1] + 0.05 * forward(x)
    )


@check("M009", "distinct", needs=["M001"], broken_by=[one_vector])
def check_distinct(behaviours: tuple[Observed, ...]) -> Measured:
    """Predictions differ from each other at least a quarter as much as targets do.

    Measured by 1 - mean cosine of pairs.

    Why: One vector plus a little noise has a high effective rank around its mean, a constant's
    cosine, and no use.
    Fix: Look at the ledger for a collapse (R003), lower training.lr
    """
    findings, shares = [], []
    for seen in behaviours:
        behaviour = seen.behaviour
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
            findings.append(Finding(seen.where, message, fix))
    smallest = float(np.min(shares))
    return Measured(f"{smallest:.0%} of targets'", f">= {SPREAD_SHARE:.0%}", findings)
