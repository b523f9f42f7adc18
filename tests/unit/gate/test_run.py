"""A gate from end to end on a tiny case: what runs, what is blocked, and what the verdict is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from amn.case.config import EVALUATED
from amn.case.limits import CriteriaConfig
from amn.checks.check import checks
from amn.errors import ConfigError
from amn.gate.evidence import Evidence
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.gate.run import About, Gate
from amn.golden.store import write_golden
from amn.training.checkpoint import save_checkpoint
from amn.training.networks.amn import RecencyAMN
from amn.training.networks.build import ModelSpec
from amn.verdict import (
    BEFORE_TRAINING,
    STATUS_OF,
    Finding,
    Measured,
    Outcome,
    Severity,
    Status,
    Verdict,
)
from tests.instead import run_instead

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.result import GateResult

MINIMUM = {"profile": "minimum", "in_dist": None, "ood": None, "delta": None, "lift": 0.0}
SPEC = ModelSpec(architecture="amn/recency/1", dim=24, context=3, attention_dim=8, hidden_dim=16)

# Evidence that a case, its golden or its user has to ask for.
WHERE_ASKED = {
    "aim",
    "looked",
    "hold",
    "recorded",
    "reencoded",
    "speed_ratios",
    "row_digests",
    "shared_texts",
    "numerics",
    "guarded",
    "review",
    "listed_waivers",
    "read_columns",
}


@pytest.fixture
def gate(make_case: Callable[..., Case], toy_cache: Path, tmp_path: Path) -> Callable[..., Any]:
    """Gate the toy case; `sections` change its config, everything else is an option."""

    def gate(*, sections: Any = None, case: Any = None, **options: Any) -> GateResult:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        case = case or make_case(folder, **(sections or {}))
        return run_gate(case, GateOptions(**{"cache": toy_cache, **options}))

    return gate


def by_id(result: GateResult) -> dict[str, Outcome]:
    return {outcome.check: outcome for outcome in result.outcomes}


def names(result: GateResult) -> list[str]:
    return [candidate.name for candidate in result.candidates]


def statuses(result: GateResult, *checks: str) -> list[Status]:
    outcomes = by_id(result)
    return [outcomes[check].status for check in checks]


def test_a_sound_case_passes_on_its_first_run(gate: Any) -> None:
    result = gate(first_run=True)

    assert result.judged is Verdict.PASS
    assert result.verdict.exit_code() == 0
    assert tuple(o.label for o in result.outcomes) == result.declared
    assert [o for o in result.declared if o[0] == "G"] == ["G010-not_loosened"]
    assert {label[0] for label in result.declared} == set("DSWRMECG")
    assert all(o.value or o.check == "D009" for o in result.outcomes)


def test_the_result_holds_scores_and_what_they_are_compared_with(gate: Any) -> None:
    result = gate(first_run=True)
    ood = result.scores["ood"]

    assert names(result) == ["seed 0", "seed 1", "seed 2"]
    assert result.windows == {"train": 520, "in_dist": 156, "ood": 156}
    assert ood.mean == by_id(result)["C002"].number
    assert len(ood.per_seed) == 3
    assert {"constant", "mean", "ridge"} < set(ood.references)
    assert ood.interval is not None
    assert ood.interval.low < ood.mean < ood.interval.high


def test_a_gate_says_the_same_twice(gate: Any) -> None:
    first, second = gate(first_run=True), gate(first_run=True)

    assert (first.scores, first.windows) == (second.scores, second.windows)
    assert [o.number for o in first.outcomes] == [o.number for o in second.outcomes]


@pytest.fixture
def broken(make_case: Any, toy_data: Path, tmp_path: Path) -> Case:
    """A case whose data set has one zero row."""
    import shutil  # noqa: PLC0415 - one use

    folder = tmp_path / "broken"
    shutil.copytree(toy_data, folder / "data")
    vectors = np.load(folder / "data" / "vectors-00000.npy", mmap_mode="r+")
    vectors[7] = 0
    vectors.flush()
    return make_case(folder, dataset={"path": "data"})


def test_bad_data_block_the_training(gate: Any, broken: Case, tmp_path: Path) -> None:
    result = gate(case=broken, first_run=True, cache=tmp_path / "cache")
    outcomes = by_id(result)

    assert result.verdict is Verdict.FAIL
    assert result.verdict.exit_code() == 1
    assert not (tmp_path / "cache").exists()
    assert "D002" in {o.check for o in result.outcomes if o.status is Status.FAIL}
    blocked = [o for o in result.outcomes if o.check[0] in "RMEC"]
    assert len(blocked) >= 20
    assert {o.status for o in blocked} == {Status.NOT_RUN}
    assert "D002-unit_norm" in outcomes["C002"].detail
    assert outcomes["C002"].detail.startswith("not run: ")
    assert outcomes["C002"].detail.endswith(" failed first")
    assert (result.scores, result.windows) == ({}, {})


def test_a_missing_data_set_is_a_failure_and_no_pass(
    gate: Any, make_case: Any, tmp_path: Path
) -> None:
    case = make_case(tmp_path, dataset={"path": "nowhere"})

    result = gate(case=case, first_run=True, cache=tmp_path / "cache")

    assert result.verdict in (Verdict.FAIL, Verdict.HARNESS, Verdict.ERROR)
    assert result.verdict.exit_code() != 0
    assert statuses(result, "D003", "C001") == [Status.FAIL, Status.NOT_RUN]
    assert not (tmp_path / "cache").exists()


def test_a_missing_golden_is_harness_until_the_first_run_is_declared(gate: Any) -> None:
    result = gate()

    assert result.verdict is Verdict.HARNESS
    assert result.verdict.exit_code() == 3
    assert statuses(result, "G004", "G003", "G001") == [
        Status.HARNESS,
        Status.NOT_RUN,
        Status.NOT_RUN,
    ]
    assert "G004-intact" in by_id(result)["G001"].detail
    assert statuses(result, "C001", "C002") == [Status.PASS, Status.PASS]


def test_a_result_that_is_not_worse_than_its_golden_passes(
    gate: Any, toy_golden: Any, tmp_path: Path
) -> None:
    (tmp_path / "case").mkdir()
    write_golden(tmp_path / "case", toy_golden)

    result = gate()

    assert result.judged is Verdict.PASS
    assert {label[:4] for label in result.declared} > {"G001", "G002", "G003", "G004", "G006"}


def test_a_result_below_its_floor_fails_with_the_number(gate: Any) -> None:
    result = gate(first_run=True, sections={"criteria": {"in_dist": 0.99}})
    outcome = by_id(result)["C001"]

    assert result.verdict is Verdict.FAIL
    assert outcome.status is Status.FAIL
    assert outcome.findings[0].message.startswith("expected at least 0.99, got 0.")


def test_a_changed_floor_trains_nothing_again(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gate(first_run=True)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("amn.training.seed.train", forbidden)

    assert gate(first_run=True, sections={"criteria": {"ood": 0.1}}).judged is Verdict.PASS


def test_too_few_seeds_are_inconclusive(gate: Any) -> None:
    result = gate(first_run=True, sections={"training": {"seeds": [0, 1]}})

    assert result.verdict is Verdict.INCONCLUSIVE
    assert (result.verdict.exit_code(), result.verdict.exit_code(strict=True)) == (0, 4)
    assert statuses(result, "E008") == [Status.INCONCLUSIVE]


def metrics_file(folder: Path, **scores: Any) -> Path:
    path = folder / "metrics.json"
    path.write_text(json.dumps(scores))
    return path


@pytest.mark.parametrize(
    ("scores", "verdict", "code"),
    [
        ({"in_dist": 0.5597, "ood": 0.6375}, Verdict.PARTIAL, 0),
        ({"in_dist": 0.4607, "ood": -0.0118}, Verdict.HARNESS, 3),
        ({"in_dist": 0.2675}, Verdict.ERROR, 3),
        ({"in_dist": 0.4621, "ood": 0.0211}, Verdict.HARNESS, 3),
        ({"in_dist": 0.5399, "ood": 0.6375}, Verdict.FAIL, 1),
        ({}, Verdict.ERROR, 3),
        (
            {"in_dist": 0.56, "ood": 0.64, "references": {"ood": {"constant": 0.65}}},
            Verdict.HARNESS,
            3,
        ),
    ],
)
def test_the_scores_of_the_record_are_judged_as_they_should_have_been(
    gate: Any, tmp_path: Path, scores: Any, verdict: Verdict, code: int
) -> None:
    result = gate(metrics=metrics_file(tmp_path, **scores), sections={"criteria": MINIMUM})

    assert result.verdict is verdict
    assert result.verdict.exit_code() == code
    assert [label[:4] for label in result.declared] == ["E005", "C001", "C002", "C003", "G010"]


def test_a_score_that_was_never_measured_is_named(gate: Any, tmp_path: Path) -> None:
    result = gate(metrics=metrics_file(tmp_path, in_dist=0.2675), sections={"criteria": MINIMUM})

    assert statuses(result, "C002") == [Status.ERROR]
    assert "ood: expected a score, got none: it was never measured" in (
        by_id(result)["C002"].findings[0].message
    )


def test_a_metrics_file_that_is_none_is_wrong_use(gate: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="odd"):
        gate(metrics=metrics_file(tmp_path, odd=1))


def test_a_checkpoint_is_judged_like_the_run_it_came_from(gate: Any, toy_runs: Any) -> None:
    result = gate(checkpoint=toy_runs[0].folder / "model.safetensors", first_run=True)

    assert result.judged is Verdict.PASS
    assert {o for o in result.declared if o[0] in "RG"} == {"G010-not_loosened"}
    assert by_id(result)["C002"].number == pytest.approx(
        toy_runs[0].evaluation.scores["ood"].mean, abs=1e-6
    )
    assert names(result) == ["model.safetensors"]


def test_runs_are_judged_without_training(gate: Any, toy_runs: Any, tmp_path: Path) -> None:
    result = gate(
        runs=tuple(run.folder for run in toy_runs), first_run=True, cache=tmp_path / "cache"
    )

    assert result.judged is Verdict.PASS
    assert not (tmp_path / "cache").exists()
    assert len(names(result)) == 3


class Lookalike(RecencyAMN):
    """The recency network's names and shapes; its mixture ignores the weights."""

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        mean = context.mean(dim=1)
        return -mean + self.residual((mean, mean))


def test_a_checkpoint_of_a_lookalike_is_refused(gate: Any, tmp_path: Path) -> None:
    path = tmp_path / "lookalike.safetensors"
    model = Lookalike(dim=24, context=3, attention_dim=8, hidden_dim=16)
    save_checkpoint(path, model, SPEC, articles=np.arange(1, 41), provenance={})

    result = gate(checkpoint=path, first_run=True)

    assert result.verdict.exit_code() == 3
    assert result.verdict in (Verdict.HARNESS, Verdict.ERROR)
    assert statuses(result, "M001")[0] in (Status.HARNESS, Status.ERROR)
    assert "probe parity" in by_id(result)["M001"].findings[0].message
    assert Status.PASS not in statuses(result, "C001", "C002", "C004", "C005")


class Opposite(torch.nn.Module):
    """Points away from the mean of its context: no working harness scores it so low."""

    def __init__(self, inner: RecencyAMN) -> None:
        super().__init__()
        self.attention, self.recency, self.residual = inner.attention, inner.recency, inner.residual

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        return -context.mean(dim=1)


def test_a_score_below_the_constant_predictor_is_harness_and_no_poor_model(
    gate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Opposite(RecencyAMN(dim=24, context=3, attention_dim=8, hidden_dim=16))
    path = tmp_path / "opposite.safetensors"
    save_checkpoint(path, model, SPEC, articles=np.arange(1, 41), provenance={})
    monkeypatch.setattr("amn.training.checkpoint.build_model", lambda _: model)
    monkeypatch.setattr(
        "amn.training.checkpoint.load_checkpoint.__wrapped__.__kwdefaults__",
        {"build": lambda _: model},
    )

    result = gate(checkpoint=path, first_run=True)

    assert result.verdict is Verdict.HARNESS
    assert result.verdict.exit_code() == 3
    assert statuses(result, "M001", "E005", "C002") == [Status.PASS, Status.HARNESS, Status.FAIL]


def test_the_goldens_own_file_is_refused_unless_it_is_meant(
    gate: Any, toy_golden: Any, toy_runs: Any, tmp_path: Path
) -> None:
    (tmp_path / "case").mkdir()
    write_golden(tmp_path / "case", toy_golden)
    checkpoint = toy_runs[0].folder / "model.safetensors"

    refused, meant = gate(checkpoint=checkpoint), gate(checkpoint=checkpoint, allow_same=True)

    assert refused.verdict is Verdict.HARNESS
    assert statuses(refused, "G005") == [Status.HARNESS]
    assert meant.verdict is not Verdict.HARNESS
    assert "G005-other_artefact" not in meant.declared


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "amn gate case"),
        ({"first_run": True}, "amn gate case --first-run"),
        ({"checkpoint": "a b.pt"}, "amn gate case --checkpoint 'a b.pt'"),
        ({"runs": ("r1", "r2")}, "amn gate case --run r1 --run r2"),
        ({"metrics": "m.json", "allow_same": True}, "amn gate case --metrics m.json --allow-same"),
    ],
)
def test_the_command_that_reproduces_a_result_has_all_its_options(
    tmp_path: Path, options: Any, words: str
) -> None:
    assert GateOptions(cache=tmp_path, **options).command("case") == words


def test_every_check_is_declared_for_some_way_to_a_candidate(
    make_case: Any, tmp_path: Path
) -> None:
    seen: set[str] = set()
    metrics = metrics_file(tmp_path, in_dist=0.56)
    ways = (
        {"runs": ("r",)},
        {"checkpoint": tmp_path / "c"},
        {"predictions": ("p",)},
        {"metrics": metrics},
    )
    limits = [
        {"id": f"C10{i}", "metric": "l2", "split": s, "most": 1} for i, s in enumerate(EVALUATED)
    ]
    one = {"id": "I101", "name": "exact", "kind": "flat"}
    case = make_case(tmp_path, dataset={"index": True}, index={"configuration": [one]})
    criteria = CriteriaConfig.model_validate({"metric": "l2", "limit": limits})
    by_distance = replace(case, config=case.config.model_copy(update={"criteria": criteria}))
    for options in ({}, *ways):
        for asked in (case, by_distance):
            gate = gate_of(asked, GateOptions(cache=tmp_path, **options))
            seen |= {check.id for check in gate.declared}
    asked_for = {check.id for check in checks().values() if WHERE_ASKED & {*check.reads}}

    assert set(checks()) - asked_for <= seen


def test_checks_run_in_any_order_and_once(make_case: Any, toy_cache: Path, tmp_path: Path) -> None:
    gate = gate_of(make_case(tmp_path), GateOptions(cache=toy_cache, first_run=True))

    last = gate.outcome("C005")
    assert last.status is Status.PASS
    assert gate.outcome("C005") is last
    before = [check for check in gate.declared if check.family in BEFORE_TRAINING]
    assert all(gate.outcome(check.id).status is not Status.NOT_RUN for check in before)
    assert gate.result().judged is Verdict.PASS


def test_a_crashed_training_fails_and_is_not_left_out(gate: Any, tmp_path: Path) -> None:
    training = {"lr": 1e30, "schedule": "constant", "seeds": [0]}

    result = gate(first_run=True, cache=tmp_path / "cache", sections={"training": training})

    assert result.verdict is Verdict.FAIL
    assert statuses(result, "R005") == [Status.FAIL]
    assert "expected a finite" in by_id(result)["R005"].findings[0].message
    assert statuses(result, "R001", "R004") == [Status.NOT_RUN] * 2
    assert by_id(result)["R001"].detail == "not run: R005-completed failed first"


@pytest.mark.parametrize(
    ("severity", "status"),
    [
        (Severity.LOOSENED, Status.WARN),
        (Severity.INCONCLUSIVE, Status.WARN),
        (Severity.FAIL, Status.FAIL),
        (Severity.HARNESS, Status.HARNESS),
    ],
)
@pytest.mark.parametrize("approval", ["C. Lead: agreed", ""])
def test_an_approval_lets_through_what_is_loosened_or_undecided_and_nothing_else(
    severity: Severity, status: Status, approval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(**_: object) -> Measured:
        return Measured("odd", "never", [Finding("here", "odd", severity=severity)])

    run_instead(monkeypatch, "G010", found)
    evidence = Evidence({}, review=None, approval=approval, waivers=())

    outcome = Gate(evidence, About("case"), declared=[checks()["G010"]]).outcome("G010")

    assert outcome.status is (status if approval else STATUS_OF[severity])
    is_through = bool(approval) and status is Status.WARN
    assert outcome.approval == (approval if is_through else "")
    assert ("approved by C. Lead: agreed" in outcome.detail) is is_through


def test_a_gate_on_finished_runs_scores_no_split_again(
    gate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = {"id": "C101", "metric": "in_article", "split": "ood", "least": 0.0}
    sections = {"criteria": {"limit": [limit]}}
    first = gate(sections=sections, first_run=True)
    monkeypatch.setattr("amn.evaluation.runner.score", lambda *_, **__: pytest.fail("scored"))

    again = gate(sections=sections, first_run=True)

    for then, now in zip(first.made["measured"], again.made["measured"], strict=True):
        for split, scores in then.items():
            assert scores.values.keys() >= {"in_article", "reciprocal_rank", "contrastive"}
            for name, values in scores.values.items():
                np.testing.assert_array_equal(now[split].values[name], values)


def test_a_check_multiplies_matrices_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    seen = []

    def look(**_: object) -> Measured:
        seen.append(threads())
        return Measured("", "")

    run_instead(monkeypatch, "G010", look)
    evidence = Evidence({}, review=None, approval="", waivers=())

    with threadpool_limits(2, "blas"):
        assert threads() == {2}
        Gate(evidence, About("case"), declared=[checks()["G010"]]).outcome("G010")
        assert threads() == {2}  # the caller's own is as it was

    assert seen == [{1}]


def test_a_fix_that_says_case_can_be_typed() -> None:
    named = Finding("ood", "worse", "amn golden update CASE --reason TEXT, in UPPERCASE")
    outcome = Outcome("G021", "same_data", Status.FAIL, findings=(named,))

    found = Gate(Evidence({}), About("my case"), declared=())._named(outcome)

    assert found.findings[0].fix == "amn golden update 'my case' --reason TEXT, in UPPERCASE"
