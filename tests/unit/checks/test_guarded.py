"""G014 to G017: what comes next is guarded beside the cosine, by what the golden explains."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from amn.checks.broken.golden import with_tables
from amn.checks.check import checks
from amn.checks.comparison import GUARDED, Guarded, is_guarded
from amn.data.vectors import unit_rows
from amn.errors import GoldenError
from amn.evaluation.metrics import Scoring
from amn.evaluation.runner import predict
from amn.evaluation.statistics import ClusterTable, moments_of
from amn.gate.evidence import Evidence, declare, named
from amn.gate.makers import held_to, of_candidates
from amn.gate.modes import GateOptions, evidence_of
from amn.golden.base.loosenings import limit_loosenings
from amn.golden.compare import own_margin
from amn.golden.store import write_golden
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def evidence(
    make_case: Any, toy_splits: Any, toy_golden: Any, toy_candidates: Any, toy_evaluations: Any,
    tmp_path: Path,
) -> Callable[..., Evidence]:  # fmt: skip
    """The toy case with its golden, and three candidates that are scored again."""

    def evidence(golden: Any = toy_golden, **changes: Any) -> Evidence:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        write_golden(folder, golden)
        given = {
            "case": make_case(folder, **changes.pop("sections", {})),
            "candidates": toy_candidates,
            "evaluations": toy_evaluations,
            "judged": toy_splits["judged"],
            "judged_data": {},
            "approval": "",
            **changes,
        }
        chosen = held_to.GOLDEN | held_to.SCORES | of_candidates.MODEL | {"looks": held_to.no_looks}
        del chosen["evaluations"]
        chosen |= named(held_to.guarded, held_to.machine_numerics, held_to.classes)
        return Evidence(chosen, **given)

    return evidence


def lower(found: Evidence, name: str, by: float) -> Evidence:
    """Return evidence in which a metric of a split is lower in every window, and the cosine not."""
    metric, split = found["guarded"].aim(name)
    measured = []
    for one in found["measured"]:
        values = {**one[split].values, metric: one[split].of(metric) - by}
        measured.append({**one, split: replace(one[split], values=values)})
    return found.with_(measured=tuple(measured))


@pytest.mark.parametrize("name", GUARDED)
def test_a_retrained_candidate_passes(name: str, evidence: Any, passes: Any) -> None:
    outcome = passes(GUARDED[name], evidence())

    assert "golden 0." in outcome.detail
    assert "last 0." in outcome.detail


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("in_article.ood", "G014"),
        ("in_article.in_dist", "G015"),
        ("reciprocal_rank.ood", "G016"),
        ("reciprocal_rank.in_dist", "G017"),
    ],
)
def test_it_fires_on_a_candidate_that_lost_more_than_the_margin(
    name: str, id_: str, evidence: Any, fires: Any
) -> None:
    found = evidence()
    margin = found["guarded"].margin(name)
    worse = lower(found, name, margin + 0.1)

    finding = fires(id_, worse)

    assert finding.where == found["guarded"].aim(name)[1]
    assert f"expected not worse than the golden by {margin:.4g}, got -" in finding.message
    assert checks()["G001"].run(worse).status is Status.PASS  # the cosine is what it was
    others = [other for other in GUARDED if other != name]
    assert all(checks()[GUARDED[other]].run(worse).status is Status.PASS for other in others)


def test_g014_cannot_tell_a_loss_near_its_margin(evidence: Any, fires: Any) -> None:
    found = evidence()
    margin = found["guarded"].margin("in_article.ood")
    known = found["guarded"].compare("in_article.ood", 0.05).difference
    worse = lower(found, "in_article.ood", 0.97 * margin + known)

    finding = fires("G014", worse, Status.INCONCLUSIVE)

    assert f"margin {margin:.4g}" in finding.message


@pytest.mark.parametrize("name", GUARDED)
def test_its_own_defect_is_one_that_it_finds(name: str, evidence: Any) -> None:
    check = checks()[GUARDED[name]]
    found = evidence()

    (defect,) = check.broken_by
    outcome = check.run(found.with_(**found.call(defect.function)))

    assert outcome.status is Status.FAIL


def test_a_margin_can_be_declared(evidence: Any) -> None:
    found = evidence(sections={"golden": {"margins": {"in_article": 0.3}}})

    assert found["guarded"].margin("in_article.ood") == 0.3
    worse = lower(found, "in_article.ood", 0.1)
    assert checks()["G014"].run(worse).status is Status.PASS


def test_the_own_margin_is_the_larger_of_articles_and_seeds(toy_golden: Any) -> None:
    sums = toy_golden.sums("ood", "in_article")
    table = toy_golden.tables["ood"].judged()
    sizes = table.sizes.astype(float)
    of_articles = moments_of(ClusterTable(table.articles, sizes, (sums.mean(axis=0)[None],))).se
    of_seeds = [
        moments_of(ClusterTable(table.articles, sizes, (sums[[i]], np.delete(sums, i, 0)))).se
        for i in range(5)
    ]

    margin = own_margin(toy_golden, "ood", "in_article")

    rms = float(np.sqrt(np.mean(np.square(of_seeds))))
    assert margin == pytest.approx(max(of_articles, 5 * rms), abs=1e-9)


def test_a_golden_of_one_seed_is_guarded_by_its_articles(toy_golden: Any) -> None:
    record = toy_golden.record.model_copy(update={"seeds": (0,)})
    one = replace(toy_golden, record=record)

    assert own_margin(one, "ood", "in_article") == record.figures("in_article")["ood"].se


def test_a_golden_keeps_what_comes_next(toy_golden: Any) -> None:
    record = toy_golden.record

    assert is_guarded(record)
    assert [*record.by_metric] == ["cosine", "in_article", "reciprocal_rank", "contrastive"]
    assert "in_article.0" in toy_golden.tables["ood"].sums
    assert {*GUARDED.values()} <= {label[:4] for label in record.checks}
    figures = record.figures("in_article")["ood"]
    assert set(figures.references) == {"constant", "last", "mean", "weighted_mean", "ridge"}
    assert b'"better"' not in record.to_bytes()


def test_a_golden_without_them_is_compared_by_cosine_alone_and_g003_says_so(
    toy_golden: Any, evidence: Any, passes: Any
) -> None:
    tables = {
        split: replace(t, sums={k: v for k, v in t.sums.items() if k.startswith("cosine.")})
        for split, t in toy_golden.tables.items()
    }
    by_metric = {"cosine": toy_golden.record.by_metric["cosine"]}
    record = toy_golden.record.model_copy(update={"by_metric": by_metric})
    bare = with_tables(replace(toy_golden, record=record), tables)

    assert not is_guarded(bare.record)
    assert "by the cosine alone" in passes("G003", evidence(golden=bare)).detail
    assert passes("G003", evidence()).detail == ""


def test_guards_need_a_model_or_its_predictions(evidence: Any) -> None:
    alone = evidence().without("checkpoints")

    labels = {check.id for check in declare(alone)}

    assert "G001" in labels
    assert not labels & {*GUARDED.values()}


def test_alarms_of_the_guards_are_held_to_levels_of_their_own(evidence: Any) -> None:
    found = evidence()
    guarded: Guarded = lower(found, "in_article.ood", 1.0)["guarded"]

    judged = guarded.judge("in_article.ood")

    assert judged.verdict is Verdict.FAIL
    assert judged.level == 0.05 / 4


@pytest.mark.parametrize("by", [0.2, 0.4, 0.6, 0.8])
def test_averages_that_lose_the_margin_and_two_errors_are_caught(
    by: float, evidence: Any, toy_splits: Any
) -> None:
    found = evidence()
    measured = []
    for one, checkpoint in zip(found["measured"], found["checkpoints"], strict=True):
        windows = toy_splits["judged"]["ood"]
        rows = windows.gather(slice(None))
        with torch.inference_mode():
            mine = predict(checkpoint.model, torch.from_numpy(rows[:, :-1])).numpy()
        scoring = Scoring(windows, asked=found["metrics"])
        scoring.add(np.arange(len(rows)), unit_rows(mine + by * rows[:, 0]))
        measured.append({**one, "ood": scoring.scores()})
    worse = found.with_(measured=tuple(measured))

    guarded = worse["guarded"]
    moments = moments_of(guarded.table("in_article.ood"))

    assert moments.mean <= -guarded.margin("in_article.ood") - 2 * moments.se
    assert checks()["G014"].run(worse).status is Status.FAIL


def test_other_seeds_of_the_recipe_raise_no_alarm(
    evidence: Any, make_case: Any, toy_cache: Path, tmp_path: Path
) -> None:
    case = make_case(tmp_path / "more", training={"seeds": [5, 6, 7, 8, 9]})
    other = evidence_of(case, GateOptions(cache=toy_cache, first_run=True))

    found = evidence().with_(measured=other["measured"])

    assert {checks()[id_].run(found).status for id_ in GUARDED.values()} == {Status.PASS}


GUARD = {"id": "G101", "metric": "contrastive", "split": "ood"}


def test_a_declared_metric_is_compared_with_the_golden_as_ours_are(
    evidence: Callable[..., Evidence],
) -> None:
    found = evidence(sections={"criteria": {"guard": [GUARD]}})
    guard = {check.id: check for check in declare(found)}["G101"]
    name, margin = "contrastive.ood", found["guarded"].margin("contrastive.ood")

    assert guard.run(found).status is Status.PASS
    assert guard.run(lower(found, name, 2 * margin)).status is Status.FAIL
    assert guard.run(lower(found, name, -2 * margin)).status is Status.PASS
    assert guard.run(found.with_(**found.call(guard.broken_by[0].function))).has_failed
    assert checks()["G016"].run(lower(found, name, 2 * margin)).status is Status.PASS


def test_a_golden_without_a_declared_metric_compares_nothing_and_says_what_mends_it(
    evidence: Callable[..., Evidence], toy_golden: Any
) -> None:
    kept = {n: m for n, m in toy_golden.record.by_metric.items() if n != "contrastive"}
    record = toy_golden.record.model_copy(update={"by_metric": kept})
    found = evidence(sections={"criteria": {"guard": [GUARD]}})
    without = found.with_(golden=replace(toy_golden, record=record))
    guard = {check.id: check for check in declare(found)}["G101"]

    with pytest.raises(GoldenError, match=r"expected sums of contrastive.*amn golden update"):
        guard.run(without)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"criteria": {"guard": [{**GUARD, "metric": "in_article"}]}}, "compared .* already"),
        ({"criteria": {"guard": [GUARD, {**GUARD, "id": "G102"}]}}, "compared .* already"),
        ({"criteria": {"guard": [GUARD, {**GUARD, "split": "in_dist"}]}}, "G101 twice"),
        ({"criteria": {"guard": [{**GUARD, "id": "G001"}]}}, "id"),
        ({"golden": {"margins": {"contrastive": 0.1}}}, "expected in_article or reciprocal_rank"),
    ],
)
def test_a_guard_says_something_new_under_an_id_of_its_own(
    make_case: Any, tmp_path: Path, sections: Any, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        make_case(tmp_path, **sections)


def test_a_guard_that_is_gone_is_a_loosening(make_case: Any, tmp_path: Path) -> None:
    old, new = (make_case(tmp_path, criteria={"guard": guards}).config for guards in ([GUARD], []))

    assert [one.what for one in limit_loosenings(old, new, "case.toml")] == ["removed a guard"]
    assert not list(limit_loosenings(new, old, "case.toml"))
    assert "guard" not in new.resolved()["criteria"]
