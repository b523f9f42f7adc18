"""A model that is known by its predictions alone is judged as one of ours is."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.checks.check import checks
from amn.evaluation.runner import predict
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.golden.store import write_golden
from amn.verdict import EXECUTED, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.data.windows import Windows
    from amn.gate.evidence import Evidence
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden
    from amn.training.run import Run

    Made = tuple[list[str], NDArray[np.float32]]


@pytest.fixture(scope="session")
def judged(toy_splits: Evidence) -> dict[str, Windows]:
    return {split: toy_splits["windows"][split] for split in ("in_dist", "ood")}


def predictions_of(run: Run, judged: dict[str, Windows]) -> Made:
    """Return names (N,) and predictions (N, D) of a run's model, in the order of windows."""
    model = run.checkpoint().model.eval()
    names, parts = list[str](), []
    for windows in judged.values():
        names += windows.names().to_pylist()
        for start in range(0, len(windows), 1024):  # as the gate does: rounding depends on it
            rows = torch.from_numpy(windows.gather(slice(start, start + 1024)))
            with torch.inference_mode():
                parts.append(predict(model, rows[:, :-1]).numpy())
    return names, np.concatenate(parts)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(names: list[str], vectors: NDArray[Any], file: str = "mine.npz") -> Path:
        np.savez(tmp_path / file, window=np.array(names), prediction=vectors)
        return tmp_path / file

    return save


@pytest.fixture
def gated(
    make_case: Callable[..., Case], toy_golden: Golden, toy_cache: Path, tmp_path: Path
) -> Callable[..., GateResult]:
    """Gate predictions, or runs, of the toy case beside its golden."""
    folder = tmp_path / "case"
    folder.mkdir()
    write_golden(folder, toy_golden)
    case = make_case(folder)
    return lambda **options: run_gate(case, GateOptions(cache=toy_cache, **options))


def test_predictions_of_our_own_model_have_the_numbers_of_its_run_in_every_check_of_both(
    toy_runs: tuple[Run, ...], judged: dict[str, Windows], save: Any, gated: Any
) -> None:
    files = tuple(save(*predictions_of(run, judged), f"seed-{run.seed}.npz") for run in toy_runs)

    ours = gated(runs=tuple(run.folder for run in toy_runs), allow_same=True)
    theirs = gated(predictions=files, allow_same=True)

    by_run = {outcome.label: outcome for outcome in ours.outcomes}
    shared = [outcome for outcome in theirs.outcomes if outcome.label in by_run]
    assert len(shared) >= 57
    assert {o.label for o in theirs.outcomes} - set(by_run) == {"W004-joined", "E015-not_ahead"}
    for outcome in shared:
        other = by_run[outcome.label]
        assert outcome.status is other.status, outcome
        if outcome.number is not None and other.number is not None:
            assert math.isclose(outcome.number, other.number, rel_tol=1e-12, abs_tol=1e-12)
    for split, summary in theirs.scores.items():
        assert summary.per_seed == pytest.approx(ours.scores[split].per_seed, abs=1e-12)


def shifted_ahead(names: list[str], made: NDArray[Any], _: Any) -> Made:
    return names, np.roll(made, -1, axis=0)


def shifted_back(names: list[str], made: NDArray[Any], _: Any) -> Made:
    return names, np.roll(made, 2, axis=0)


def copied_context(names: list[str], _: Any, judged: dict[str, Windows]) -> Made:
    return names, np.concatenate([w.gather(slice(None))[:, -2] for w in judged.values()])


def the_target(names: list[str], _: Any, judged: dict[str, Windows]) -> Made:
    return names, np.concatenate([w.gather(slice(None))[:, -1] for w in judged.values()])


def one_article_exchanged(names: list[str], made: NDArray[Any], judged: Any) -> Made:
    articles = np.concatenate([windows.article_ids for windows in judged.values()])
    ids = np.unique(articles)
    means = np.stack([made[articles == article].mean(axis=0) for article in ids])
    pair = np.unravel_index((means @ means.T).argmin(), (len(ids), len(ids)))  # least alike
    first, second = (np.flatnonzero(articles == ids[i]) for i in pair)
    changed = made.copy()
    changed[first], changed[second] = made[second], made[first]
    return names, changed


def half_of_the_windows(names: list[str], made: NDArray[Any], _: Any) -> Made:
    return names[::2], made[::2]


def context_mean(names: list[str], _: Any, judged: dict[str, Windows]) -> Made:
    means = [w.gather(slice(None))[:, :-1].mean(axis=1) for w in judged.values()]
    return names, np.concatenate(means)


@pytest.mark.parametrize(
    ("change", "verdict", "check"),
    [
        (shifted_ahead, Verdict.HARNESS, "E015"),
        (shifted_back, Verdict.HARNESS, "E009"),
        (copied_context, Verdict.HARNESS, "E004"),
        (the_target, Verdict.HARNESS, "E003"),
        (one_article_exchanged, Verdict.HARNESS, "E014"),
        (half_of_the_windows, Verdict.HARNESS, "W004"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_broken_predictions_get_the_verdict_and_the_check_that_name_them(
    toy_runs: Any, judged: Any, save: Any, gated: Any, change: Any, verdict: Any, check: str
) -> None:
    file = save(*change(*predictions_of(toy_runs[0], judged), judged))

    result = gated(predictions=(file,))

    assert result.verdict is verdict
    outcome = next(one for one in result.outcomes if one.check == check)
    assert outcome.status is Status.HARNESS
    assert outcome.findings


def test_nothing_is_judged_of_predictions_that_are_not_of_the_windows(
    toy_runs: Any, judged: Any, save: Any, gated: Any
) -> None:
    file = save(*half_of_the_windows(*predictions_of(toy_runs[0], judged), judged))

    result = gated(predictions=(file,))

    ran = [o.check for o in result.outcomes if o.status in EXECUTED and o.check[0] in "MEC"]
    assert ran == []
    joined = next(one for one in result.outcomes if one.check == "W004")
    assert re.fullmatch(r"\d+ predictions, windows without a prediction: \d+", joined.value)


def test_no_file_of_predictions_is_an_error_of_the_check_that_reads_it(
    gated: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine.npz").write_bytes(b"nothing")

    result = gated(predictions=(tmp_path / "mine.npz",))

    outcome = next(one for one in result.outcomes if one.check == "W004")
    assert result.verdict is Verdict.ERROR
    assert "expected a whole file of predictions" in outcome.findings[0].message


@pytest.fixture
def accepted(
    toy_runs: Any, judged: Any, save: Any, make_case: Any, toy_cache: Path, tmp_path: Path
) -> Case:
    """The toy case with a golden that was made from the predictions of two seeds."""
    folder = tmp_path / "mine"
    folder.mkdir()
    case: Case = make_case(folder, training={"seeds": [0]})
    files = [save(*predictions_of(run, judged), f"{run.seed}.npz") for run in toy_runs[:2]]
    found = accept(
        case, cache=toy_cache, seeds=(), predictions=tuple(files),
        reason="our own model", author="A. Nonymous", created=date(2025, 1, 31),
    )  # fmt: skip
    write_golden(folder, found.golden)
    return case


def test_a_golden_of_predictions_holds_the_next_ones_to_it(
    accepted: Case, toy_runs: Any, judged: Any, save: Any, toy_cache: Path
) -> None:
    names, made = predictions_of(toy_runs[2], judged)
    better = GateOptions(cache=toy_cache, predictions=(save(names, made),))
    worse = replace(better, predictions=(save(*context_mean(names, made, judged), "w.npz"),))

    kept, lost = run_gate(accepted, better), run_gate(accepted, worse)

    assert "G006-same_checks" in kept.declared
    assert {o.label for o in kept.outcomes if o.has_failed} == set()
    assert [lack.kind for lack in kept.scope.lacks] == ["merge base"]  # a case in no repository
    assert {o.label for o in lost.outcomes if o.has_failed} >= {"G001-ood", "G002-in_dist"}


def test_a_case_that_is_trained_again_shows_which_checks_of_its_predictions_are_gone(
    accepted: Case, toy_cache: Path
) -> None:
    result = run_gate(accepted.with_training(seeds=[0, 1, 2]), GateOptions(cache=toy_cache))

    outcome = next(one for one in result.outcomes if one.check == "G006")
    assert outcome.status is Status.LOOSENED
    assert "W004-joined" in str(outcome.findings[0])


# What the checks of predictions find, arm by arm.


@pytest.fixture
def evidence(toy_runs: Any, judged: Any, save: Any, toy_case: Case, toy_cache: Path) -> Evidence:
    file = save(*predictions_of(toy_runs[0], judged))
    options = GateOptions(cache=toy_cache, predictions=(file,), first_run=True)
    return gate_of(toy_case, options).evidence


def test_w004_fires_on_each_fault_of_the_join(evidence: Evidence, fires: Any) -> None:
    [joined] = evidence["joined"]
    broken = replace(joined, faults=("windows with several: 3 (1/4, 1/5, 1/6)",))

    finding = fires("W004", evidence.with_(joined=(broken,)))

    assert finding.where == "mine.npz"
    assert finding.message == (
        "expected one prediction a window, got windows with several: 3 (1/4, 1/5, 1/6)"
    )


@pytest.mark.parametrize("check", ["W004", "E014", "E015"])
def test_sound_predictions_pass(check: str, evidence: Evidence, passes: Any) -> None:
    passes(check, evidence)


@pytest.mark.parametrize("check", ["W004", "E014", "E015"])
def test_each_defect_of_a_check_of_predictions_is_found_by_it(
    check: str, evidence: Evidence
) -> None:
    for defect in checks()[check].broken_by:
        broken = evidence.with_(**evidence.call(defect.function))
        assert checks()[check].run(broken).status is Status.HARNESS


def worse_article(evidence: Evidence, article: int, by: float, keep: int = 100) -> Evidence:
    """Return evidence in which an OOD article's cosines are lower in its first windows."""
    [evaluation] = evidence["evaluations"]
    ood = evaluation.scores["ood"]
    mine = np.flatnonzero(ood.article_ids == article)[:keep]
    cosines = ood.cosines.copy()
    cosines[mine] -= by
    scores = {**evaluation.scores, "ood": replace(ood, cosines=cosines)}
    return evidence.with_(evaluations=(replace(evaluation, scores=scores),))


def test_e014_names_the_article_and_how_far_it_is_below(evidence: Evidence, fires: Any) -> None:
    finding = fires("E014", worse_article(evidence, 57, 0.8))

    assert finding.where.endswith("mine.npz, ood")
    assert "got 1 below it: 57 (-0." in finding.message


@pytest.mark.parametrize("change", ["a few windows", "every article"])
def test_e014_passes_what_is_no_other_articles(
    evidence: Evidence, passes: Any, change: str
) -> None:
    if change == "a few windows":  # poor ones, of an article that is sound
        passes("E014", worse_article(evidence, 57, 0.8, keep=3))
        return
    for article in range(53, 65):  # a poor model, and not a broken join
        evidence = worse_article(evidence, article, 0.8)
    passes("E014", evidence)


def with_sample(evidence: Evidence, **sampled: Any) -> Evidence:
    """Return evidence in which the sample of windows is predicted otherwise."""
    joined = tuple(replace(one, sampled={**one.sampled, **sampled}) for one in evidence["joined"])
    return evidence.with_(joined=joined)


def test_e015_names_the_split_and_by_how_much_the_target_was_seen(
    evidence: Evidence, fires: Any
) -> None:
    places = evidence["surroundings"].items()
    ahead = {split: around.targets + around.contexts[:, -1] for split, around in places}

    finding = fires("E015", with_sample(evidence, **ahead))

    assert finding.where in ("mine.npz, in_dist", "mine.npz, ood")
    assert "got a difference of -" in finding.message
    assert "the target was seen" in finding.message


def test_e015_passes_where_ridge_sees_as_much_of_the_target(
    evidence: Evidence, passes: Any
) -> None:
    around = evidence["surroundings"]["ood"]
    ahead = around.targets + around.contexts[:, -1]

    class AsGood:
        def predict(self, context: Any) -> dict[str, Any]:
            return {"ridge": ahead[: len(context)]}

    one = {"ood": around}
    passes("E015", with_sample(evidence, ood=ahead).with_(fitted=AsGood(), surroundings=one))


@pytest.mark.parametrize("seed", range(5))
def test_e015_does_not_take_noise_for_a_target_that_was_seen(
    evidence: Evidence, passes: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = evidence["surroundings"]["ood"].targets.shape

    passes("E015", with_sample(evidence, ood=rng.standard_normal(shape).astype(np.float32)))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_e014_does_not_name_an_article_for_a_few_poor_windows(
    evidence: Evidence, passes: Any, n: int
) -> None:
    [evaluation] = evidence["evaluations"]
    ood = evaluation.scores["ood"]
    kept = np.concatenate(
        [np.flatnonzero(ood.article_ids == a)[: n if a == 57 else 100] for a in range(53, 65)]
    )
    scores = ood.take(kept)
    known = {name: values[kept] for name, values in evaluation.references["ood"].items()}
    cosines = scores.cosines.copy()
    mine = np.flatnonzero(scores.article_ids == 57)
    half = (known["constant"] + known["mean"])[mine] / 2
    cosines[mine] = half - np.linspace(0.05, 0.1, n)  # t of -3 to -9, of few windows
    changed = replace(
        evaluation,
        scores={**evaluation.scores, "ood": replace(scores, cosines=cosines)},
        references={**evaluation.references, "ood": known},
    )

    passes("E014", evidence.with_(evaluations=(changed,)))
