"""Paired short trainings settle the hypotheses: each variant beside what it is held against.

Both take as many steps, from as many seeds, and are scored on the same windows. The gain is judged
as a golden's comparison is, by article and seed, with the case's own margin: a gain below it
explains no failure.

A size, steps and seeds, decides the result. A budget of time decides the size: the speed of this
machine is measured first, and no score is looked at before the last training. Whatever the number
of rows, a training reads as many windows as its steps take, of articles drawn by chance.

Letters: N windows, S seeds.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from amn.case.config import EVALUATED
from amn.diagnosis.diagnosis import Trial
from amn.diagnosis.ranking import HYPOTHESES, Settled
from amn.diagnosis.variants import DECLARED, Variants
from amn.engines import LocalEngine
from amn.errors import CheckNotRunError
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.runner import score, torch_threads
from amn.evaluation.statistics import seed_from
from amn.system import available_cores
from amn.training.loop import Start, train
from amn.training.networks.build import admit
from amn.training.speed import UNSTOPPABLE
from amn.verdict import Verdict, count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from amn.data.windows import Windows
    from amn.diagnosis.variants import Variant
    from amn.engines import Tell
    from amn.evaluation.noninferiority import Comparison
    from amn.evaluation.storage import Evaluation
    from amn.gate.evidence import Evidence
    from amn.training.plan import Plan

    Progress = Callable[[int, int, str], None]


ALPHA = 0.05  # one-sided, of each hypothesis: shared by its variants (Bonferroni)
SEEDS = 3  # as many as a candidate takes
LEAST_SEEDS = 2  # one has no spread
MOST_SEEDS = 10  # that the time left over is spent on; the articles' own spread is larger then
LEAST_STEPS = 64
HALF_WAY = 0.5  # from a constant to the judged score: what has learned less refutes nothing
FROM_THE_START = ("dilution", "context", "new_rows")
MOST_JUDGED = 2048  # windows, of articles drawn by chance
WORTH_A_PROCESS = 20_000  # windows: a few seconds, where starting a process takes two
PLANNED = 1 / 3  # of the time left, for so few seeds: what is left goes to more of them
PILOT = 32  # steps that speed is measured with
MORE = "more --minutes"


@dataclass(frozen=True)
class Size:
    """How much is trained: equal sizes, equal results.

    Attributes:
        steps: Of the optimiser, in each training.
        seeds: Trainings of each variant.
    """

    steps: int
    seeds: int = SEEDS

    def __str__(self) -> str:
        return f"{self.steps}x{self.seeds}"


def paired_trainings(
    evidence: Evidence,
    *,
    deadline: float,
    size: Size | None = None,
    new: str | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Train every variant beside what it is held against, and settle every hypothesis.

    Args:
        deadline: By `time.monotonic`; the trainings of a seed that do not end by then do not count.
        size: Of the trainings, whatever the time; None: what fits before the deadline.
        new: Ids of articles that are new; None: those that the golden had not, or the last ones.

    Raises:
        ArgumentError: If `new` names no training articles.
        CheckNotRunError: If the case is not trained by amn, or there is no time for a training.
    """
    if not evidence.promises(("plan", "loaded", "evaluations", "scans")):
        message = "trainings: expected a network trained in the gate, got another trainer"
        raise CheckNotRunError(f"{message}. Fix: change one thing at a time in that trainer")
    whole: Plan = evidence["plan"]
    if whole.spec.is_closed_form:
        message = f"trainings: expected a network, got {whole.spec.architecture}, without steps"
        raise CheckNotRunError(f'{message}. Fix: [model] kind = "amn"')
    split = _judged_split(evidence)
    judged = _by_article(evidence["windows"][split], MOST_JUDGED, np.random.default_rng(0))
    made = Variants(evidence, split, judged, new)
    variants = made.all()
    asked = size or _size_for(variants, whole, deadline - time.monotonic())
    done, seconds = _train_all(
        variants, asked, math.inf if size else deadline - time.monotonic(), progress
    )
    n_seeds = len(done[DECLARED])
    found = Paired(
        variants=variants,
        cosines={name: np.stack([one.cosines for one in runs]) for name, runs in done.items()},
        margin=evidence["case"].config.golden.margin,
        size=Size(asked.steps, n_seeds),
        seconds=seconds,
        whole_steps=_whole_steps(whole),
        reached=_reached(evidence["evaluations"], split, done[DECLARED]),
        stops=tuple(sorted({one.stop for one in done[DECLARED]} - {""})),
        missing=made.missing,
    )
    title = "what does it gain to undo what each hypothesis blames?"
    n_articles = len(np.unique(judged.codes))
    where = f"{len(judged):,} windows of {n_articles:,} articles of {split}"
    return Trial("trainings", title, found.lines(_batch(whole), where), settled=found.settled())


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The scores of all variants, and what they come to.

    Attributes:
        cosines: Variant -> (S, N) float64.
        margin: The least gain that explains a failure.
        seconds: That all variants of one seed took.
        whole_steps: Of the training that the case declares.
        reached: Share of the way from a constant to the judged score that short trainings came.
        stops: Rules that stopped the training as declared.
        missing: Cause -> why there is no variant for it, and what would make one.
    """

    variants: tuple[Variant, ...]
    cosines: Mapping[str, NDArray[np.float64]]
    margin: float
    size: Size
    seconds: float = 0.0
    whole_steps: int = 0
    reached: float = 1.0
    stops: tuple[str, ...] = ()
    missing: Mapping[str, tuple[str, str]]

    def settled(self) -> tuple[Settled, ...]:
        """Return what the trainings say of every hypothesis, and of other causes with a variant."""
        causes = (*HYPOTHESES, *(variant.cause for variant in self.variants if variant.cause))
        return tuple(map(self._settle, dict.fromkeys(causes)))

    def _settle(self, cause: str) -> Settled:
        """Return what the variants of a cause say: one that gains is enough, all have to fail."""
        if cause in self.missing:
            return Settled(cause, "undecided", *self.missing[cause])
        if self.size.seeds < LEAST_SEEDS:
            needs = f"--minutes {math.ceil(4 * self.seconds / 60)}, or {self._plan(seeds=SEEDS)}"
            return Settled(cause, "undecided", "the time was up after one seed", needs)
        mine = [variant for variant in self.variants if variant.cause == cause]
        found = {variant.name: self.compare(variant) for variant in mine}
        best = min(mine, key=lambda variant: found[variant.name].difference)
        says = f"{best.name}: {self._gain(best)}"
        if found[best.name].verdict is Verdict.FAIL:  # as declared is worse
            return Settled(cause, "supported", says)
        why, needs = self._open(cause, found)
        if needs:
            return Settled(cause, "undecided", f"{says}{why}", needs)
        return Settled(cause, "refuted", says)

    def _open(self, cause: str, found: Mapping[str, Comparison]) -> tuple[str, str]:
        """Return why a cause that nothing supports is not refuted, and what would decide it."""
        if self.stops and cause in HYPOTHESES:
            why = f"; the training as declared is stopped by {', '.join(self.stops)}"
            return why, "a loss and a rate with which it goes on"
        way = self._way(cause)
        if way < HALF_WAY:
            steps = min(4 * self.size.steps, self.whole_steps)
            needs = f"more steps: {self._plan(steps=steps)}"
            return f"; so few steps come {way:.0%} of the way", needs
        # A gain is taken to grow as the score does, until the training is as long as declared.
        left = [one for one in found.values() if not one.lower > -way * self.margin]
        return "", self._needs(left[0], way * self.margin) if left else ""

    def _way(self, cause: str) -> float:
        """Return the share of what there is to learn that the trainings of a cause have learned."""
        is_part = cause in FROM_THE_START and self.size.steps < self.whole_steps
        return min(max(self.reached, 0.0), 1.0) if is_part else 1.0

    def compare(self, variant: Variant) -> Comparison:
        """Compare what a variant is held against with it: PASS where the gain explains nothing.

        Seeds are paired: the same one draws the same first weights, articles and order on both
        sides, so that their difference varies less than either.
        """
        base = next(one for one in self.variants if one.name == variant.against)
        same = np.flatnonzero(np.isin(base.judged.targets, variant.judged.targets))
        differences = self.cosines[base.name][:, same] - self.cosines[variant.name]
        return noninferiority(
            differences,
            np.zeros(len(same)),
            variant.judged.article_ids,
            margin=self.margin,
            alpha=ALPHA / sum(one.cause == variant.cause for one in self.variants),
            seed=seed_from(variant.name, str(self.size)),
        )

    def lines(self, batch: int, where: str) -> tuple[str, ...]:
        """Return what was trained, each variant's score and gain, and how to train it again."""
        steps, seeds = self.size.steps, self.size.seeds
        of = f"{steps:,} steps of {batch} windows (the case asks for {self.whole_steps:,})"
        found = [f"{of}, {count_of(seeds, 'seed')}, scored on {where}"]
        for variant in self.variants:
            is_compared = variant.cause and seeds >= LEAST_SEEDS
            gain = f", {self._gain(variant)}" if is_compared else ""
            found.append(f"{variant.name}: {self.cosines[variant.name].mean():.4f}{gain}")
        return (*found, f"the same again: {self._plan()}")

    def _gain(self, variant: Variant) -> str:
        """Return `gains +0.0031 (+0.0012 to +0.0050), margin 0.01`."""
        found = self.compare(variant)
        reach = f"{-found.upper:+.4f} to {-found.lower:+.4f}"
        return f"gains {-found.difference:+.4f} ({reach}), margin {found.margin:g}"

    def _needs(self, found: Comparison, margin: float) -> str:
        """Return what would decide a comparison, were difference and spread to stay."""
        distance = found.difference + margin
        if distance <= 0:  # the gain is as large as the margin: its own bound has to leave 0
            distance = -found.difference
        allowed = (distance / float(ndtri(1 - found.alpha))) ** 2
        of_seeds = found.candidate_seed_variance
        if (left := allowed - found.article_variance) > 0:
            seeds = max(math.ceil(self.size.seeds * of_seeds / left), self.size.seeds + 1)
            minutes = math.ceil(seeds * self.seconds / 60)
            return f"{seeds} seeds, some {minutes} minutes: {self._plan(seeds=seeds)}"
        if (left := allowed - of_seeds) > 0:
            articles = math.ceil(found.n_clusters * found.article_variance / left)
            return f"{articles:,} judged articles; there are {found.n_clusters:,}"
        return f"more seeds than {self.size.seeds}, more judged articles than {found.n_clusters:,}"

    def _plan(self, *, steps: int = 0, seeds: int = 0) -> str:
        size = Size(steps or self.size.steps, seeds or self.size.seeds)
        return f"--plan {size}"


@dataclass(frozen=True)
class _Job:
    """One training; past `until`, seconds since the epoch, it is broken off."""

    variant: Variant
    steps: int
    seed: int
    until: float = math.inf

    def __str__(self) -> str:
        return f"{self.variant.name}, seed {self.seed}"


@dataclass(frozen=True)
class _Done:
    """What one training came to.

    Attributes:
        cosines: (N,) float64.
        stop: Rule that stopped it; empty for none.
        seconds: Of training, and of scoring.
    """

    name: str
    seed: int
    cosines: NDArray[np.float64]
    stop: str
    seconds: tuple[float, float]


def _train(job: _Job, tell: Tell) -> _Done:
    """Train a variant and score it; on one thread, so that any engine gives the same result."""
    del tell
    plan, weights = job.variant.plan, job.variant.weights
    n = job.steps * _batch(plan)
    epochs = math.ceil(n / len(plan.train))
    windows = _by_article(plan.train, n // epochs, np.random.default_rng(job.seed))
    start: Mapping[str, Any] | None = plan.blend.weights if plan.blend else None
    if weights:
        start = weights[job.seed % len(weights)]
    admit(plan.config, plan.folder)  # again, where this is another process

    def keep_time(*_: object) -> None:
        if time.time() > job.until:
            raise CheckNotRunError(f"{job}: expected to end in time, got no further. Fix: {MORE}")

    begin = time.monotonic()
    with torch_threads(1):
        trained = train(
            plan.spec,
            windows,
            plan.validation,
            plan.config.training.model_copy(update={"epochs": epochs}),
            seed=job.seed,
            references=UNSTOPPABLE,
            start=Start(weights=start),
            progress=keep_time,
        )
        middle = time.monotonic()
        cosines = score(trained.model, job.variant.judged).cosines
    stop = trained.record.stop
    seconds = middle - begin, time.monotonic() - middle
    return _Done(job.variant.name, job.seed, cosines, stop.check if stop else "", seconds)


def _timed(job: _Job, tell: Tell) -> _Done:
    """Train once the process has warmed up: what it opens and loads first is not its speed."""
    _train(replace(job, steps=1), tell)
    return _train(job, tell)


def _train_all(
    variants: Sequence[Variant], size: Size, left: float, progress: Progress | None
) -> tuple[dict[str, list[_Done]], float]:
    """Train every variant, a seed after the other; return the time that a seed takes as well.

    Args:
        left: Seconds; a seed that would not end in time is not begun, or broken off, and no part of
            it counts.

    Raises:
        CheckNotRunError: If not even the first one ended.
    """
    begin, until = time.monotonic(), time.time() + left  # processes share the second clock
    n, found = len(variants), []
    late: CheckNotRunError | None = None

    def jobs() -> Iterator[_Job]:
        for seed in range(size.seeds):
            a_seed = (time.monotonic() - begin) / seed if seed else 0.0
            if time.monotonic() - begin + a_seed > left:
                return
            yield from (_Job(variant, size.steps, seed, until) for variant in variants)

    n_windows = size.steps * _batch(variants[0].plan) * n * size.seeds
    engine = LocalEngine(1 if n_windows < WORTH_A_PROCESS else available_cores())
    try:
        for one in engine.map(_train, jobs()):
            found.append(one)
            if progress:
                progress(len(found), n * size.seeds, "experiment trainings")
    except CheckNotRunError as error:
        late = error
    seeds = [seed for seed in range(size.seeds) if sum(one.seed == seed for one in found) == n]
    if not seeds and late:
        raise late
    by_job = {(one.name, one.seed): one for one in found}
    done = {v.name: [by_job[v.name, seed] for seed in seeds] for v in variants}
    return done, (time.monotonic() - begin) / len(seeds)


def _size_for(variants: Sequence[Variant], whole: Plan, left: float) -> Size:
    """Return the size of trainings that fit into some seconds, by the speed of this machine.

    Raises:
        CheckNotRunError: If they are too few for a training.
    """
    begin = time.monotonic()
    cores = available_cores()
    slowest = max(variants, key=lambda variant: variant.plan.spec.context)
    # Its few steps run to their end, however short the time: they say which time would do.
    jobs = [_Job(slowest, PILOT, seed, math.inf) for seed in range(cores)]
    timed = list(LocalEngine(cores).map(_timed, jobs))  # side by side, as they will be
    a_step = max(one.seconds[0] for one in timed) / PILOT
    scoring = max(one.seconds[1] for one in timed)
    pilot = time.monotonic() - begin
    start_up = pilot - max(sum(one.seconds) for one in timed)
    slots = math.ceil(SEEDS * len(variants) / cores)
    steps = int(((PLANNED * (left - pilot) - start_up) / slots - scoring) / a_step)
    if steps < LEAST_STEPS:
        enough = (start_up + slots * (scoring + LEAST_STEPS * a_step)) / PLANNED + pilot
        raise CheckNotRunError(
            f"trainings: expected time for {LEAST_STEPS} steps of each, got time for "
            f"{max(steps, 0)}. Fix: --minutes {math.ceil(enough / 60) + 1}"
        )
    # The clock alone decides how many seeds there are, never a score.
    return Size(min(_rounded(steps), max(_whole_steps(whole), LEAST_STEPS)), MOST_SEEDS)


def _rounded(steps: int) -> int:
    """Return the number below with two binary digits, as 1024 or 1536: small noise changes none."""
    unit = 1 << max(steps.bit_length() - 2, 0)
    return steps // unit * unit


def _judged_split(evidence: Evidence) -> str:
    """Return the judged split that is furthest below its floor."""
    evaluations: tuple[Evaluation, ...] = evidence["evaluations"]
    floor = evidence["case"].config.criteria.floor

    def above(split: str) -> float:
        return _mean(evaluations, split) - float(floor(split))

    return min(reversed(EVALUATED), key=above)


def _mean(evaluations: Sequence[Evaluation], split: str) -> float:
    return float(np.mean([one.scores[split].cosines.mean() for one in evaluations]))


def _reached(evaluations: Sequence[Evaluation], split: str, done: Sequence[_Done]) -> float:
    """Return the share of the way from a constant to the judged score that short trainings came."""
    constant = float(evaluations[0].references[split]["constant"].mean())
    way = _mean(evaluations, split) - constant
    return (float(np.mean([one.cosines.mean() for one in done])) - constant) / way if way > 0 else 1


def _by_article(windows: Windows, most: int, rng: np.random.Generator) -> Windows:
    """Return so many windows of articles drawn by chance, in the order of their rows."""
    place = rng.permutation(len(windows.dataset.articles))
    return windows.take(np.sort(np.argsort(place[windows.codes], kind="stable")[:most]))


def _batch(plan: Plan) -> int:
    return plan.config.training.batch_size or 1


def _whole_steps(plan: Plan) -> int:
    """Return the steps of the training that the case declares."""
    return (plan.config.training.epochs or 1) * math.ceil(len(plan.train) / _batch(plan))
