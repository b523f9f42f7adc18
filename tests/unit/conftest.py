"""One tiny data set and its runs, shared by the tests of training, evaluation, checks and gate."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: more threads are slower at this size

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.checks.check import checks
from amn.data.writer import Chunks, write_dataset
from amn.gate.evidence import Evidence, named
from amn.gate.makers import at_rest, held_to, of_candidates, of_courses
from amn.training.candidate import Candidate
from amn.verdict import STATUS_OF, Finding, Outcome, Status
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.evaluation.storage import Evaluation
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
def toy_splits(toy_case: Case) -> Evidence:
    """Everything before training, and the plan: read only."""
    chosen = {**at_rest.DATA, **at_rest.SPLIT, **named(of_candidates.plan)}
    return Evidence(chosen, case=toy_case, progress=None)


@pytest.fixture(scope="session")
def toy_plan(toy_splits: Evidence) -> Plan:
    plan: Plan = toy_splits["plan"]
    return plan


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
    from amn.training.cache import RunCache  # noqa: PLC0415 - other tests need no torch

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


@pytest.fixture(scope="session")
def toy_evaluations(toy_runs: tuple[Run, ...]) -> tuple[Evaluation, ...]:
    """The scores of the three runs."""
    return tuple(run.evaluation for run in toy_runs)


@pytest.fixture
def run_evidence(
    toy_case: Case, toy_splits: Evidence, toy_candidates: tuple[Candidate, ...]
) -> Callable[..., Evidence]:
    """Make the evidence of a gate; keywords replace parts of it, or of the first candidate.

    `evaluation` replaces the scores of the first candidate alone.
    """

    def run_evidence(*, n: int = 3, **changes: Any) -> Evidence:
        of_first = {
            name: changes.pop(name) for name in list(changes) if hasattr(toy_candidates[0], name)
        }
        first, *others = toy_candidates[:n]
        candidates = (replace(first, **of_first), *others)
        chosen = {
            **at_rest.DATA,
            **at_rest.SPLIT,
            **of_candidates.MODEL,
            **held_to.SCORES,
            **of_courses.COURSE,
        }
        chosen |= held_to.OF_COSINE
        chosen |= named(
            of_candidates.plan, of_courses.histories, of_courses.abort, of_candidates.asked
        )
        evaluation = changes.pop("evaluation", None)
        given = {"case": toy_case, "progress": None, "candidates": candidates, **changes}
        evidence = Evidence(chosen, **given, **_made_once(toy_splits, given["case"], toy_case))
        if evaluation is None:
            return evidence
        return evidence.with_(evaluations=(evaluation, *(c.recorded for c in others)))

    return run_evidence


def _made_once(shared: Evidence, case: Case, toy_case: Case) -> dict[str, Any]:
    """Return what is the same for every gate of the toy data: scanned once."""
    same = ("data_sets", "scanned", *(("splits", "windows") if case is toy_case else ()))
    return {part: shared[part] for part in same}


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
def fires() -> Callable[..., Finding]:
    """Run a check; it must find something. Returns the first finding."""

    def fires(check: str, evidence: Evidence, status: Status | None = None) -> Finding:
        declared = checks()[check]
        outcome = declared.run(evidence)
        assert outcome.status is (status or STATUS_OF[declared.severity]), outcome
        assert outcome.findings[0].message
        return outcome.findings[0]

    return fires


@pytest.fixture
def passes() -> Callable[[str, Evidence], Outcome]:
    """Run a check; it must look at something and find nothing."""

    def passes(check: str, evidence: Evidence) -> Outcome:
        outcome = checks()[check].run(evidence)
        assert outcome.status is Status.PASS, outcome
        assert outcome.findings == ()
        assert outcome.value
        assert outcome.limit
        return outcome

    return passes
