"""One tiny data set and its runs, shared by the tests of training, evaluation, checks and gate."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: more threads are slower at this size

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.case import Case
from amn.checks.evidence.data import DataPart, SplitEvidence
from amn.checks.evidence.runs import Candidate, RunEvidence
from amn.checks.registry import execute, rules
from amn.config import EVALUATED, CaseConfig
from amn.data.writer import Chunks, write_dataset
from amn.findings import STATUS_OF, Finding, Outcome, Severity, Status
from tests.strategies import drifting_rows, rescored, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.golden.schema import Golden
    from amn.training.plan import Plan, PlanReferences
    from amn.training.run import Run

DIM, ARTICLES, ROWS = 24, 64, 16
CASE = {
    "schema": 1,
    "title": "toy",
    "split": {"in_dist": {"articles": "41-52"}, "ood": {"articles": "53-64"}},
    "windows": {"context": 3},
    "model": {"attention_dim": 8, "hidden_dim": 16},
    "training": {"epochs": 3, "lr": 0.003, "batch_size": 128},
    "criteria": {"in_dist": 0.3, "ood": 0.3, "delta": [-0.3, 0.3], "lift": -0.05},
}


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 64 articles of 16 rows, D = 24, that every check before training passes."""
    path = tmp_path_factory.mktemp("toy") / "data"
    vectors = drifting_rows(ARTICLES, ROWS, DIM)
    articles, index = running_keys(*[ROWS] * ARTICLES, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    write_dataset(path, vectors, chunks, name="toy", dtype="float32")
    return path


@pytest.fixture(scope="session")
def make_case(toy_data: Path) -> Callable[..., Case]:
    """Make a case over the toy data; keywords replace keys of its sections."""

    def make_case(folder: Path, **sections: Any) -> Case:
        values: dict[str, Any] = {**CASE, "dataset": {"path": str(toy_data)}}
        for name, section in sections.items():
            values[name] = {**values.get(name, {}), **section}
        return Case(folder, CaseConfig.model_validate(values))

    return make_case


@pytest.fixture(scope="session")
def toy_case(make_case: Callable[..., Case], tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="session")
def toy_splits(toy_case: Case) -> SplitEvidence:
    return SplitEvidence(toy_case, (DataPart(toy_case.dataset_path),))


@pytest.fixture(scope="session")
def toy_plan(toy_case: Case, toy_splits: SplitEvidence) -> Plan:
    from amn.gate.candidates import plan_for  # noqa: PLC0415 - other tests need no torch

    return plan_for(toy_case, toy_splits)


@pytest.fixture(scope="session")
def toy_references(toy_plan: Plan) -> PlanReferences:
    from amn.training.plan import score_plan_references  # noqa: PLC0415 - other tests need no torch

    return score_plan_references(toy_plan)


@pytest.fixture(scope="session")
def toy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache of finished runs: what one test trains, the next one finds."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def toy_runs(toy_plan: Plan, toy_cache: Path) -> tuple[Run, ...]:
    """Runs of seeds 0, 1 and 2; read only."""
    from amn.gate.cache import RunCache  # noqa: PLC0415 - other tests need no torch

    cache = RunCache(toy_cache)
    return tuple(cache.run(toy_plan, seed) for seed in (0, 1, 2))


@pytest.fixture(scope="session")
def toy_candidates(toy_runs: tuple[Run, ...]) -> tuple[Candidate, ...]:
    """The candidates that a gate makes of the three runs."""
    return tuple(
        Candidate(
            name=f"seed {run.seed}",
            record=run.record,
            recorded=run.evaluation,
            load=run.checkpoint,
            score=lambda _, run=run: run.evaluation,
            digest=run.model_digest,
        )
        for run in toy_runs
    )


@pytest.fixture
def run_evidence(
    toy_case: Case, toy_splits: SplitEvidence, toy_candidates: tuple[Candidate, ...]
) -> Callable[..., RunEvidence]:
    """Make the evidence of a gate; keywords replace parts of the first candidate."""

    def run_evidence(*, case: Case = toy_case, n: int = 3, **changes: Any) -> RunEvidence:
        first, *others = toy_candidates[:n]
        windows = {name: toy_splits.windows[name] for name in EVALUATED}
        if "evaluation" in changes:
            first = rescored(first, changes.pop("evaluation"))
        candidates = (replace(first, **changes), *others)
        return RunEvidence(case, candidates, windows, toy_case.dataset_path)

    return run_evidence


@pytest.fixture(scope="session")
def toy_golden(make_case: Callable[..., Case], toy_cache: Path, tmp_path_factory: Any) -> Golden:
    """A golden of five seeds of the toy case."""
    from amn.gate.acceptance import accept  # noqa: PLC0415 - other tests need no torch

    return accept(
        make_case(tmp_path_factory.mktemp("golden") / "case"),
        cache=toy_cache,
        seeds=range(5),
        reason="first accepted result",
        author="A. Nonymous",
        created=date(2025, 1, 31),
    ).golden


@pytest.fixture
def fires() -> Callable[[str, object], Finding]:
    """Run a check through the registry; it must find something. Returns the first finding."""

    def fires(check: str, evidence: object, status: Status | None = None) -> Finding:
        outcome = execute(check, evidence)
        expected = STATUS_OF[Severity[rules()[check].severity.upper()]]
        assert outcome.status is (status or expected), outcome
        assert outcome.findings[0].message
        return outcome.findings[0]

    return fires


@pytest.fixture
def passes() -> Callable[[str, object], Outcome]:
    """Run a check through the registry; it must look at something and find nothing."""

    def passes(check: str, evidence: object) -> Outcome:
        outcome = execute(check, evidence)
        assert outcome.status is Status.PASS, outcome
        assert outcome.findings == ()
        assert outcome.value
        assert outcome.limit
        return outcome

    return passes
