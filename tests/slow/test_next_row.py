"""What comes next on the shipped case: averages at the same cosine are caught, seeds are not.

Shapes: N windows, T context rows, D numbers in a vector.
"""

from __future__ import annotations

from datetime import date
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.config import EVALUATED
from amn.case.load import load_case
from amn.checks.comparison import GUARDED, Guarded, Sides
from amn.data.vectors import cosine_rows, unit_rows
from amn.evaluation.metrics import Scoring
from amn.evaluation.statistics import moments_of
from amn.evaluation.storage import Evaluation
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, evidence_of
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from amn.evaluation.metrics import SplitScores
    from amn.gate.evidence import Evidence
    from amn.golden.schema import Golden

    Predicted = dict[str, NDArray[np.float32]]
    Scores = dict[str, SplitScores]

pytestmark = pytest.mark.slow

CASE = Path(__file__).parents[2] / "golden" / "wiki-mini"
ACCEPTED, FRESH = range(5), range(5, 17)
CLOSE = 0.002  # of the golden's cosine
VARIANTS, CANDIDATES = 50, 100


def evidence_on(seeds: Sequence[int], cache: Path) -> Evidence:
    """The evidence of the shipped case with other seeds."""
    case = load_case(CASE).with_training(seeds=list(seeds))
    return evidence_of(case, GateOptions(cache=cache, first_run=True))


def predictions(evidence: Evidence) -> list[Predicted]:
    """What the network of each seed predicts for the judged windows: split -> (N, D)."""
    from amn.evaluation.runner import _predictions  # noqa: PLC0415 - loads torch

    return [
        {
            split: np.concatenate([made for _, _, made in _predictions(one.model, windows, 1024)])
            for split, windows in evidence["judged"].items()
        }
        for one in evidence["checkpoints"]
    ]


def scores(evidence: Evidence, predicted: Predicted) -> Scores:
    """Scores of predictions, with every metric of the case."""
    found = {}
    for split, windows in evidence["judged"].items():
        scoring = Scoring(windows, asked=evidence["metrics"])
        scoring.add(np.arange(len(windows)), predicted[split])
        found[split] = scoring.scores()
    return found


def verdicts(golden: Golden, evidence: Evidence, measured: Sequence[Scores]) -> dict[str, Any]:
    """How the candidate ends beside the golden: by the cosine, and by each guard."""
    limits = evidence["case"].config.golden
    plain = tuple(Evaluation(one, {}) for one in measured)
    sides = Sides(plain, golden, limits, CASE)
    guarded = Guarded((), golden, limits, CASE, measured=tuple(measured))
    found = {split: sides.judge(split).verdict for split in EVALUATED}
    return {**found, **{name: guarded.judge(name).verdict for name in GUARDED}}


def averaged(
    evidence: Evidence, seeds: Sequence[Predicted], rng: np.random.Generator
) -> list[Predicted]:
    """Predictions drawn towards older rows of the context, by chance in how much and which."""
    weights, by = rng.dirichlet([1.0, 1.0, 1.0]), rng.uniform(0.1, 0.2)
    found: list[Predicted] = [{} for _ in seeds]
    for split, windows in evidence["judged"].items():
        older = unit_rows(np.tensordot(weights, windows.gather(slice(None))[:, :3], ([0], [1])))
        for one, mine in zip(found, seeds, strict=True):
            one[split] = unit_rows(mine[split] + by * older).astype(np.float32)
    return found


def losses(golden: Golden, evidence: Evidence, measured: Sequence[Scores]) -> Iterator[bool]:
    """Tell of each split whether in-article accuracy falls by its margin and two errors."""
    limits = evidence["case"].config.golden
    guarded = Guarded((), golden, limits, CASE, measured=tuple(measured))
    for split in EVALUATED:
        moments = moments_of(guarded.table(f"in_article.{split}"))
        yield moments.mean <= -guarded.margin(f"in_article.{split}") - 2 * moments.se


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def golden(cache: Path) -> Golden:
    return accept(
        load_case(CASE), cache=cache, seeds=ACCEPTED, reason="measured", author="a test",
        created=date(2026, 1, 1),
    ).golden  # fmt: skip


def test_fifty_averages_at_the_same_cosine_are_caught(cache: Path, golden: Golden) -> None:
    evidence = evidence_on(FRESH[:3], cache)
    seeds, rng = predictions(evidence), np.random.default_rng(0)
    caught = tried = drawn = 0
    while tried < VARIANTS:
        drawn += 1
        assert drawn < 10 * VARIANTS
        measured = [scores(evidence, one) for one in averaged(evidence, seeds, rng)]
        means = {
            split: float(np.mean([one[split].mean for one in measured])) for split in EVALUATED
        }
        is_close = all(
            abs(mean - golden.record.metrics[split].mean) <= CLOSE for split, mean in means.items()
        )
        lost = list(losses(golden, evidence, measured))
        if not (is_close and any(lost)):
            continue
        tried += 1
        found = verdicts(golden, evidence, measured)
        assert {found["ood"], found["in_dist"]} == {Verdict.PASS}  # the cosine does not tell
        failed = [found[f"in_article.{split}"] is Verdict.FAIL for split in EVALUATED]
        caught += all(one for one, is_lost in zip(failed, lost, strict=True) if is_lost)

    assert caught == VARIANTS


def test_candidates_of_the_same_recipe_raise_no_alarm(cache: Path, golden: Golden) -> None:
    evidence = evidence_on(FRESH, cache)
    measured = evidence["measured"]
    chosen = islice(combinations(range(len(FRESH)), 3), 0, None, 2)  # 110 of 220

    alarms = []
    for three in islice(chosen, CANDIDATES):
        found = verdicts(golden, evidence, [measured[i] for i in three])
        alarms += [(three, name) for name, verdict in found.items() if verdict is not Verdict.PASS]

    assert alarms == []


def test_the_mean_of_the_context_is_further_from_what_comes_next_than_its_last_row(
    cache: Path,
) -> None:
    evidence = evidence_on(FRESH[:1], cache)
    means = {split: of["in_article"] for split, of in evidence["reference_metrics"].items()}
    cosines = {
        split: {
            "last": cosine_rows(rows[:, -2], rows[:, -1]).mean(),
            "mean": cosine_rows(rows[:, :-1].mean(axis=1), rows[:, -1]).mean(),
        }
        for split, rows in ((s, w.gather(slice(None))) for s, w in evidence["judged"].items())
    }

    for split in EVALUATED:
        assert cosines[split]["mean"] > cosines[split]["last"] + 0.07
        assert means[split]["mean"] < means[split]["last"] - 0.09
        assert means[split]["constant"] == pytest.approx(0.5, abs=0.01)
