"""A run or a checkpoint that some of the articles show to be lost is scored on no more of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from amn.case.limits import GoldenConfig
from amn.checks.check import checks
from amn.checks.golden import guard_broken
from amn.checks.looks import FEWEST, Looked, in_random_order, looks_at
from amn.evaluation.metrics import Scoring
from amn.gate.modes import GateOptions, gate_of
from amn.gate.run import Gate
from amn.golden.store import write_golden
from amn.golden.waivers import Waiver
from amn.report.why import why
from amn.training.checkpoint import save_checkpoint
from amn.training.networks.build import ADMITTED
from amn.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.golden.schema import Golden
    from amn.training.plan import Plan
    from amn.training.run import Run
    from amn.verdict import Outcome

N = 8  # of the 12 articles of a split of the toy data
LOOKS = {"golden": {"article_looks": True}}
OWN = """
import torch

class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):  # (B, T, D) -> (B, D)
        mean = x.mean(dim=1)
        return mean + self.weight * mean.roll(1, dims=1)

def build(*, dim, context):
    return Scaled()
"""


@pytest.fixture
def gate(
    make_case: Any, toy_golden: Golden, toy_cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Gate]:  # fmt: skip
    """A gate of the toy case with its golden, that looks at 8 of 12 articles."""
    monkeypatch.setattr("amn.checks.looks.FEWEST", N)

    def gate(*, accepted: Golden = toy_golden, sections: Any = LOOKS, **options: Any) -> Gate:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        write_golden(folder, accepted)
        asked = GateOptions(cache=toy_cache, allow_same=True, **options)
        return gate_of(make_case(folder, **sections), asked)

    return gate


@pytest.fixture
def broken(toy_plan: Plan, toy_runs: tuple[Run, ...], tmp_path: Path) -> Path:
    """A checkpoint of a network to whose weights noise was added."""
    file, model = tmp_path / "broken.safetensors", toy_runs[0].checkpoint().model
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn(weights.shape, generator=noise), alpha=0.1)
    seen = toy_plan.seen_articles()
    save_checkpoint(file, model, toy_plan.spec, articles=seen, provenance={})
    return file


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows were scored, each time."""
    seen, add = list[int](), Scoring.add

    def counted(self: Scoring, positions: Any, predicted: Any) -> None:
        seen.append(len(positions))
        add(self, positions, predicted)

    monkeypatch.setattr(Scoring, "add", counted)
    return seen


def by_id(gate: Gate) -> dict[str, Outcome]:
    return {outcome.check: outcome for outcome in gate.result().outcomes}


def test_looks_are_at_growing_shares_of_the_articles_and_at_fifteen_at_least() -> None:
    assert looks_at(110) == (15, 28, 55)
    assert looks_at(1000) == (125, 250, 500)
    assert looks_at(16) == (15,)
    assert looks_at(15) == looks_at(12) == ()


def test_the_order_of_articles_follows_from_the_windows_of_the_golden(toy_golden: Golden) -> None:
    order = in_random_order(toy_golden, "ood")
    digests = toy_golden.record.digests.model_copy(update={"windows": "0" * 64})
    other = replace(toy_golden, record=toy_golden.record.model_copy(update={"digests": digests}))

    assert sorted(order.tolist()) == list(range(53, 65))
    assert order.tolist() != sorted(order.tolist())
    assert order.tolist() == in_random_order(toy_golden, "ood").tolist()
    assert order.tolist() != in_random_order(other, "ood").tolist()


def test_a_lost_checkpoint_is_scored_on_no_more_and_what_reads_scores_is_not_run(
    gate: Callable[..., Gate], broken: Path, scored: list[int]
) -> None:
    found = gate(checkpoint=broken)
    ended = by_id(found)

    outcome = ended["G028"]
    assert outcome.status is Status.FAIL
    (finding,) = outcome.findings
    assert finding.where == "in_dist"
    loss = found.evidence["looked"].looks[-1].comparison
    assert finding.message == (
        f"worse than the golden by {loss.difference:.4f} (at least {loss.lower:.4f}, margin 0.01) "
        "after 8 of 12 articles"
    )
    assert outcome.number == loss.lower > 0.01
    lacks = str(found.result().scope)
    assert "model scored on 8 of 12 articles of in_dist only" in lacks
    assert "data only" not in lacks
    for check in ("E001", "E002", "C001", "C002", "G001", "G002", "G003", "G014"):
        assert ended[check].status is Status.NOT_RUN
        assert "G028" in ended[check].detail
    for check in ("M001", "D001", "G004", "G007", "G021"):
        assert ended[check].status is not Status.NOT_RUN
    assert sum(scored) == N * 13  # windows of 16 rows at a context of 3


def test_what_is_not_lost_has_the_scores_of_today_and_no_window_is_scored_twice(
    gate: Callable[..., Gate], toy_runs: tuple[Run, ...], scored: list[int]
) -> None:
    runs = tuple(run.folder for run in toy_runs)
    plain = gate(sections={}, runs=runs).evidence["evaluations"]
    once = sum(scored)
    looked = gate(runs=runs)

    assert looked.outcome("G028").status is Status.PASS
    assert sum(scored) == once + 3 * 2 * N * 13
    evaluations = looked.evidence["evaluations"]
    assert sum(scored) == 2 * once
    for then, now in zip(plain, evaluations, strict=True):
        for split, scores in then.scores.items():
            same = now.scores[split]
            np.testing.assert_array_equal(same.article_ids, scores.article_ids)
            np.testing.assert_array_equal(same.target_chunks, scores.target_chunks)
            np.testing.assert_allclose(same.cosines, scores.cosines, rtol=0, atol=1e-6)
            assert same.rank == pytest.approx(scores.rank, abs=1e-3)
            assert same.norm_error < 1e-4
            for name, values in scores.values.items():
                np.testing.assert_allclose(same.values[name], values, rtol=0, atol=1e-6)
            assert now.references[split].keys() == then.references[split].keys()


def test_nothing_but_the_look_itself_is_told_apart_where_nothing_is_lost(
    gate: Callable[..., Gate], toy_runs: tuple[Run, ...]
) -> None:
    runs = tuple(run.folder for run in toy_runs)
    plain, looked = by_id(gate(sections={}, runs=runs)), by_id(gate(runs=runs))

    assert looked.pop("G028").detail.startswith("surely worse by so much after 8 of 12 articles of")
    assert looked.keys() == plain.keys()
    for check, outcome in plain.items():
        assert looked[check].status is outcome.status
        if outcome.number is not None and outcome.check[0] in "CEG":
            assert looked[check].number == pytest.approx(outcome.number, abs=1e-6)


def test_scores_that_nobody_looked_at_before_are_those_of_today_to_the_last_bit(
    gate: Callable[..., Gate], toy_runs: tuple[Run, ...]
) -> None:
    (plain,), (whole,) = (
        gate(sections=sections, runs=(toy_runs[0].folder,)).evidence["evaluations"]
        for sections in ({}, LOOKS)
    )

    for split, scores in plain.scores.items():
        np.testing.assert_array_equal(whole.scores[split].cosines, scores.cosines)


def test_a_worse_model_of_ones_own_is_stopped_and_the_verdict_says_so(
    make_case: Any, toy_golden: Golden, tmp_path: Path, scored: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("amn.checks.looks.FEWEST", N)
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "of_mine_early.py").write_text(OWN, "utf-8")
    save_file({"weight": torch.full((1,), 0.5)}, tmp_path / "mine.safetensors")
    case = make_case(tmp_path / "case", **LOOKS)
    config = case.config.model_dump(by_alias=True, exclude_unset=True)
    config |= {"model": {"factory": "of_mine_early:build"}}
    case = replace(case, config=type(case.config).model_validate(config))
    write_golden(case.folder, toy_golden)
    options = GateOptions(cache=tmp_path, checkpoint=tmp_path / "mine.safetensors")

    result = gate_of(case, options).result()

    failed = [one for one in result.outcomes if one.has_failed]
    assert [o.check for o in failed if o.status is not Status.NOT_RUN] == ["G028"]
    assert {"G001", "G002", "C001", "E001"} <= {o.check for o in failed}
    assert result.verdict is Verdict.FAIL
    assert result.verdict.exit_code() == 1
    assert result.compared.keys() == {"G028"}
    said = why(result)
    assert said
    assert said.what == "worse than the golden"
    assert [name for name, _ in said.numbers] == ["G028 article_looks"]
    assert sum(scored) == N * 13


@pytest.fixture(autouse=True)
def _nothing_stays_admitted() -> Iterator[None]:
    yield
    ADMITTED.clear()
    sys.modules.pop("of_mine_early", None)


def test_a_guard_that_fails_alone_is_found_on_all_articles(
    gate: Callable[..., Gate], toy_runs: tuple[Run, ...]
) -> None:
    found = gate(runs=tuple(run.folder for run in toy_runs))
    parts = guard_broken("in_article.ood", found.evidence["guarded"])
    ended = by_id(Gate(found.evidence.with_(**parts), found.about))

    assert ended["G028"].status is Status.PASS
    assert [check for check, one in ended.items() if one.has_failed] == ["G014"]


@pytest.mark.parametrize("waived", [("G001", "G002"), ("G028",)], ids="+".join)
def test_what_is_waived_is_not_looked_at_and_all_is_scored(
    gate: Callable[..., Gate], broken: Path, waived: tuple[str, ...]
) -> None:
    day = date(2025, 1, 31)
    waivers = tuple(Waiver(check, "known", "A. Nonymous", day, day) for check in waived)
    found = gate(checkpoint=broken)
    found = Gate(found.evidence.with_(waivers=waivers), found.about)

    assert found.outcome("G028").status is Status.PASS
    assert found.outcome("G028").detail == "waived"
    assert found.outcome("E001").status is Status.PASS
    assert found.outcome("G002").status in (Status.WARN, Status.FAIL)


def test_a_split_whose_comparison_is_waived_is_not_looked_at(
    gate: Callable[..., Gate], broken: Path
) -> None:
    day = date(2025, 1, 31)
    found = gate(checkpoint=broken).evidence
    looked = found.with_(waivers=(Waiver("G002", "known", "A. Nonymous", day, day),))["looked"]

    assert [look.split for look in looked.looks] == ["ood"]
    assert looked.looks[0].comparison.alpha == 0.05 / 2 / 2
    assert found["looked"].looks[0].comparison.alpha == 0.05 / 2 / 2 / 2


def test_other_windows_and_other_metrics_are_named_by_their_own_check(
    gate: Callable[..., Gate], toy_golden: Golden, broken: Path
) -> None:
    record = toy_golden.record
    versions = record.versions.model_copy(update={"metric": 99})
    newer = replace(toy_golden, record=record.model_copy(update={"versions": versions}))
    other = gate(checkpoint=broken, sections={**LOOKS, "split": {"ood": {"articles": "54-64"}}})

    assert "only in the golden" in other.outcome("G028").detail
    assert other.outcome("G003").status is Status.HARNESS
    found = gate(checkpoint=broken, accepted=newer)
    assert found.outcome("G028").value == "not compared"
    assert found.outcome("G003").status is Status.HARNESS


def test_scores_that_are_no_numbers_are_named_by_their_own_check(
    gate: Callable[..., Gate], broken: Path
) -> None:
    evidence = gate(checkpoint=broken).evidence
    of = evidence["scores_in_part"]

    def nan(split: str, articles: Any) -> Any:
        return tuple(replace(one, cosines=one.cosines * np.nan) for one in of(split, articles))

    looked = evidence.with_(scores_in_part=nan)["looked"]

    assert looked.looks == ()
    assert "expected finite values" in looked.unlike


def test_a_damaged_golden_is_named_by_its_own_check(
    gate: Callable[..., Gate], broken: Path, tmp_path: Path
) -> None:
    found = gate(checkpoint=broken)
    (tmp_path / "case" / "golden.csv").write_bytes(b"damaged")

    assert found.outcome("G028").status is Status.NOT_RUN
    assert found.outcome("G004").has_failed


@pytest.mark.parametrize(
    "options",
    [{}, {"first_run": True}, {"predictions": ["x"]}, {"sections": {}, "checkpoint": "x"}],
    ids=["trained here", "no golden", "scores are there", "not asked for"],
)
def test_where_nothing_is_saved_nobody_looks(
    gate: Callable[..., Gate], options: dict[str, Any], tmp_path: Path
) -> None:
    paths = {
        name: tmp_path / value if name == "checkpoint" else tuple(tmp_path / one for one in value)
        for name, value in options.items()
        if name in ("checkpoint", "predictions")
    }
    found = gate(**{**options, **paths})

    assert "G028" not in {check.id for check in found.declared}


def test_its_defect_is_caught_and_does_not_apply_to_few_articles(
    gate: Callable[..., Gate], toy_runs: tuple[Run, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = gate(runs=(toy_runs[0].folder,))
    (defect,) = checks()["G028"].broken_by
    parts = found.evidence.call(defect.function)

    broken = Gate(found.evidence.with_(**parts), found.about).outcome("G028")

    assert broken.status is Status.FAIL
    assert "after 8 of 12 articles" in broken.findings[0].message
    monkeypatch.setattr("amn.checks.looks.FEWEST", FEWEST)
    with pytest.raises(Exception, match="more than 15 articles of a split, got 12"):
        found.evidence.call(defect.function)
    few = gate(runs=(toy_runs[0].folder,)).outcome("G028")
    assert (few.value, few.detail) == ("not compared", "15 articles of a split or fewer")


def test_why_nobody_looked_is_said() -> None:
    outcome = checks()["G028"].run({"looked": Looked((), "why"), "golden_limits": GoldenConfig()})

    assert (outcome.value, outcome.limit, outcome.detail) == ("not compared", "<= 0.01", "why")
    assert outcome.status is Status.PASS
