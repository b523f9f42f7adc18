"""Deciding early: trainings that are broken while the data pass, and equal retrainings.

What the data show is refused before a step; here the fault is in what training alone reads or does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from amn.case.config import CaseConfig
from amn.case.load import Case, load_case
from amn.data.windows import Windows
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.runner import score
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, evidence_of
from amn.golden.store import write_golden
from amn.system import one_thread
from amn.training.aim import is_futile
from amn.training.loop import Trained, train
from amn.training.plan import score_plan_references
from tests.strategies import drifting_rows, running_keys
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.gate.evidence import Evidence
    from amn.training.aim import Aim
    from amn.training.plan import Plan

pytestmark = pytest.mark.slow
SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini"
SPENT = 0.15  # of the training, at most
SEEDS = (7, 8, 9)  # none of the golden's
RETRAININGS = 200


class Misread:
    """A data set whose rows training reads wrongly.

    Args:
        row_of: (n,) the row that is read in place of each.
        turn: (D, D) by which rows are turned.
    """

    def __init__(self, dataset: Any, row_of: Any = None, turn: Any = None) -> None:
        self._dataset, self._row_of, self._turn = dataset, row_of, turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def gather(self, rows: Any) -> Any:
        read = self._dataset.gather(rows if self._row_of is None else self._row_of[rows])
        return read if self._turn is None else read.astype(np.float32) @ self._turn


def within(dataset: Any, order: Callable[[int], Any]) -> Any:
    """(n,) rows in another order inside each article of n_rows: `order(n_rows)`."""
    first = np.flatnonzero(np.diff(dataset.codes, prepend=-1))
    sizes = np.diff(first, append=len(dataset))
    return np.concatenate([at + order(n) for at, n in zip(first, sizes, strict=True)])


def faults(dataset: Any) -> dict[str, dict[str, Any]]:
    """Return what training reads wrongly, by what went wrong in the earlier work."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((dataset.dim, dataset.dim)))[0].astype(np.float32)
    return {
        "insertion order": {"row_of": within(dataset, rng.permutation)},
        "rows of other articles": {"row_of": rng.permutation(len(dataset))},
        "double ingestion": {"row_of": within(dataset, lambda n: np.arange(n) // 2)},
        "two chunks in place of all": {"row_of": within(dataset, lambda n: np.arange(n) % 2)},
        "another space": {"turn": turn},
    }


@pytest.fixture(scope="module")
def shipped() -> Evidence:
    """The shipped case with the aim that its golden gives."""
    return evidence_of(load_case(SHIPPED), GateOptions(cache=SHIPPED / "none"))


def trained(evidence: Evidence, *, aim: Aim | None, seed: int = 7, **changes: Any) -> Trained:
    """Train one seed of the case's plan, some parts of which are others."""
    plan: Plan = replace(evidence["plan"], **changes)
    references = score_plan_references(evidence["plan"]).validation
    with one_thread():
        return train(
            plan.spec,
            plan.train,
            plan.validation,
            plan.config.training,
            seed=seed,
            references=references,
            aim=aim,
        )


def falls_short(evidence: Evidence, found: Trained) -> bool:
    """Whether a model misses what is needed on a judged split."""
    judged, needs = evidence["plan"].judged, evidence["aim"].needs
    return any(score(found.model, judged[s]).mean < need.least for s, need in needs.items())


NAMES = (
    "insertion order",
    "rows of other articles",
    "double ingestion",
    "two chunks in place of all",
    "another space",
)


def lost(evidence: Evidence, **changes: Any) -> float:
    """Train a candidate that is lost, and return the share of its training that it spent."""
    records = [trained(evidence, aim=evidence["aim"], seed=s, **changes).record for s in SEEDS]
    assert all(is_futile(record) for record in records)
    n_epochs: int = evidence["plan"].config.training.epochs
    return sum(len(record.epochs) for record in records) / (len(SEEDS) * n_epochs)


@pytest.mark.parametrize("name", NAMES)
def test_a_training_that_reads_wrong_rows_spends_at_most_15_percent(
    shipped: Evidence, name: str
) -> None:
    whole = shipped["plan"].train
    read: Any = Misread(whole.dataset, **faults(whole.dataset)[name])
    wrong = Windows(read, whole.starts, whole.context)

    assert lost(shipped, train=wrong) <= SPENT
    assert falls_short(shipped, trained(shipped, aim=None, train=wrong))  # not stopped in vain


def test_weights_that_never_move_spend_at_most_15_percent(
    shipped: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda _: None)

    assert lost(shipped) <= SPENT
    assert falls_short(shipped, trained(shipped, aim=shipped["aim"]))


def test_lost_rows_spend_at_most_15_percent(shipped: Evidence) -> None:
    few = shipped["plan"].train.take(slice(None, None, 20))

    assert lost(shipped, train=few) <= SPENT
    assert falls_short(shipped, trained(shipped, aim=None, train=few))


def test_a_fault_that_misses_nothing_by_the_cosine_is_not_stopped(shipped: Evidence) -> None:
    whole = shipped["plan"].train
    read: Any = Misread(whole.dataset, within(whole.dataset, lambda n: np.arange(n)[::-1]))

    found = trained(shipped, aim=shipped["aim"], train=Windows(read, whole.starts, whole.context))

    assert found.record.status == "finished"
    assert not falls_short(shipped, found)


def test_of_200_equal_retrainings_none_is_stopped(tmp_path: Path) -> None:
    articles, index = running_keys(*[16] * 64, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=index)
    write_dataset(tmp_path / "data", drifting_rows(64, 16, 24), chunks, name="toy", dtype="float32")
    training = {**CASE["training"], "epochs": 10}  # type: ignore[dict-item]  # a section
    values = {**CASE, "dataset": {"path": "data"}, "training": training}
    case = Case(tmp_path, CaseConfig.model_validate(values))
    golden = accept(
        case,
        cache=tmp_path / "runs",
        seeds=range(5),
        reason="accepted",
        author="A. Nonymous",
        created=date(2025, 1, 31),
    ).golden
    write_golden(tmp_path, golden)
    evidence = evidence_of(case, GateOptions(cache=tmp_path / "runs"))
    aim = evidence["aim"]

    seeds = range(5, 5 + RETRAININGS)
    records = [trained(evidence, aim=aim, seed=seed).record for seed in seeds]

    assert aim.unlike(records[0].n_validation_windows, records[0].mean) == ""
    assert [record.seed for record in records if record.status != "finished"] == []
