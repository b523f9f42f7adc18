"""Rows of any length, from a file to a verdict: judged by l2, as a Large Concept Model's are."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from amn.case.config import CaseConfig
from amn.case.limits import CriteriaConfig
from amn.case.load import Case
from amn.data.dataset import open_dataset
from amn.data.importers import import_vectors
from amn.data.scan import scan_rows
from amn.errors import ArgumentError, ConfigError, DataError
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, evidence_of, run_gate
from amn.golden.base.loosenings import limit_loosenings
from amn.golden.store import write_golden
from amn.verdict import Status, Verdict
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.gate.result import GateResult

    Predictions = tuple[list[str], NDArray[np.float32]]

LIMITS = [
    {"id": "C101", "metric": "l2", "split": "in_dist"},
    {"id": "C102", "metric": "l2", "split": "ood"},
]


@pytest.fixture(scope="module")
def raw(toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """The toy data set, its articles between 1.5 and 5 long, its rows within 5 % of that."""
    folder = tmp_path_factory.mktemp("raw")
    toy = open_dataset(toy_data)
    rng = np.random.default_rng(0)
    sizes = rng.uniform(1.5, 5, len(toy.articles))[toy.codes] * rng.normal(1, 0.05, len(toy))
    rows = toy.gather(np.arange(len(toy))) * sizes[:, None].astype(np.float32)
    np.savez(
        folder / "raw.npz",
        vectors=rows,
        article_indices=toy.article_ids,
        chunk_indices=toy.chunk_index,
    )
    kept = import_vectors(folder / "raw.npz", folder / "data", keep_length=True, dtype="float32")
    assert np.array_equal(kept.gather(np.arange(len(kept))), rows)
    return kept


def case_of(raw: DataSet, folder: Path, most: tuple[float, float] = (9.0, 9.0)) -> Case:
    limits = [{**limit, "most": one} for limit, one in zip(LIMITS, most, strict=True)]
    values: dict[str, Any] = {
        **CASE,
        "dataset": {"path": str(raw.path)},
        "criteria": {"metric": "l2", "limit": limits},
        "training": {**CASE.get("training", {}), "seeds": [0]},
    }
    folder.mkdir()
    return Case(folder, CaseConfig.model_validate(values))


def judged_by(case: Case) -> tuple[list[str], NDArray[np.float32], Any]:
    """Return names, rows (N, T + 1, D) and the fitted reference predictors of the judged splits."""
    evidence = evidence_of(case, GateOptions(cache=case.folder, predictions=(case.folder,)))
    parts = [evidence["windows"][split] for split in ("in_dist", "ood")]
    names = [name for part in parts for name in part.names().to_pylist()]
    train = evidence["windows"]["train"].gather(slice(None))
    return names, np.concatenate([part.gather(slice(None)) for part in parts]), train


def ridge(rows: NDArray[np.float32], train: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict targets by ridge regression on the context: (N, D)."""
    known = train[:, :-1].reshape(len(train), -1)
    gram = known.T @ known + 30 * np.eye(known.shape[1], dtype=np.float32)
    weights = np.linalg.solve(gram, known.T @ train[:, -1])
    return np.asarray(rows[:, :-1].reshape(len(rows), -1) @ weights, np.float32)


def far(made: NDArray[np.float32], rows: NDArray[np.float32]) -> float:
    """Return the mean distance of predictions (N, D) from their targets."""
    return float(np.linalg.norm(made - rows[:, -1], axis=1).mean())


@pytest.fixture
def gated(raw: DataSet, tmp_path: Path) -> Callable[[str], GateResult]:
    """Gate broken predictions, by name, in a case whose golden is that of good ones."""
    names, rows, train = judged_by(case_of(raw, tmp_path / "probe"))
    good = ridge(rows, train)
    middle = names.index("53/3")  # the first window of ood
    limits = tuple(
        1.3 * far(good[part], rows[part]) for part in (slice(middle), slice(middle, None))
    )
    case = case_of(raw, tmp_path / "case", limits)
    article = np.array([name.split("/")[0] for name in names])
    one = np.flatnonzero(article == article[-1])
    exchanged = good.copy()
    exchanged[one] = good[middle : middle + len(one)]
    made = {
        "good": good,
        "better": good + 0.02 * (rows[:, -1] - good),
        "a little worse": 1.5 * good,
        "shifted": np.roll(good, 1, axis=0),
        "copied": rows[:, -2],
        "exchanged": exchanged,
        "mean": rows[:, :-1].mean(axis=1),
        "half as long": good / 2,
        "of length 1": good / np.linalg.norm(good, axis=1, keepdims=True),
    }

    def options(name: str) -> GateOptions:
        file = tmp_path / f"{name}.npz"
        step = 2 if name == "half" else 1
        vectors = good if name == "half" else made[name]
        np.savez(file, window=np.array(names)[::step], prediction=vectors[::step])
        return GateOptions(cache=tmp_path / "cache", predictions=(file,))

    found = accept(
        case, cache=tmp_path / "cache", seeds=(), predictions=options("good").predictions,
        reason="ridge", author="A. Nonymous", created=date(2025, 1, 31),
    )  # fmt: skip
    write_golden(case.folder, found.golden)
    return lambda name: run_gate(case, options(name))


def test_predictions_of_any_length_are_judged_by_l2_and_no_floor_on_the_cosine(
    gated: Callable[[str], GateResult],
) -> None:
    result = gated("better")

    assert {o.label for o in result.outcomes if o.has_failed} == set()
    assert result.verdict in (Verdict.PASS, Verdict.PARTIAL)
    declared = {label.partition("-")[0] for label in result.declared}
    assert {"C101", "C102", "D002", "G001", "G014", "G018", "G019"} <= declared
    assert not {"C001", "C002", "C003", "C004", "C005", "M002"} & declared


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        ("shifted", "G019-l2_in_dist"),
        ("copied", "E004-not_copy"),
        ("exchanged", "E014-own_articles"),
        ("mean", "G018-l2_ood"),
        ("a little worse", "G018-l2_ood"),
        ("half as long", "G019-l2_in_dist"),
        ("of length 1", "C102-l2_ood"),
        ("half", "W004-joined"),
    ],
)
def test_what_is_wrong_with_predictions_of_any_length_is_named(
    gated: Callable[[str], GateResult], name: str, caught: str
) -> None:
    assert caught in {o.label for o in gated(name).outcomes if o.has_failed}


def test_a_golden_of_a_distance_sees_what_a_limit_lets_through(
    gated: Callable[[str], GateResult],
) -> None:
    outcomes = {o.check: o for o in gated("a little worse").outcomes}

    assert outcomes["C102"].status is Status.PASS
    assert outcomes["G018"].number is not None
    assert outcomes["G018"].number < 0  # worse is below 0, though a larger distance is
    assert "golden" in outcomes["G018"].detail


def test_the_cosine_judges_no_rows_of_other_lengths(raw: DataSet, tmp_path: Path) -> None:
    case = case_of(raw, tmp_path / "case")
    by_cosine = Case(case.folder, case.config.model_copy(update={"criteria": CriteriaConfig()}))
    names, rows, train = judged_by(case)
    np.savez(tmp_path / "p.npz", window=np.array(names), prediction=ridge(rows, train))
    options = GateOptions(cache=tmp_path, predictions=(tmp_path / "p.npz",), first_run=True)

    with pytest.raises(ConfigError, match=r'data is not normalised, got cosine.*metric = "l2"'):
        run_gate(by_cosine, options)


def test_rows_of_any_length_have_the_cosines_of_their_neighbours(
    raw: DataSet, toy_data: Path
) -> None:
    ours, unit = scan_rows(raw), scan_rows(open_dataset(toy_data))

    assert np.abs(ours.adjacent - unit.adjacent).max() < 1e-6
    assert np.abs(ours.far - unit.far).max() < 1e-6


def test_lengths_are_kept_only_when_asked_and_never_beside_normalising(
    raw: DataSet, tmp_path: Path
) -> None:
    source = raw.path.parent / "raw.npz"

    with pytest.raises(DataError, match="--normalise, or --keep-length"):
        import_vectors(source, tmp_path / "a")
    with pytest.raises(ArgumentError, match="expected one of them"):
        import_vectors(source, tmp_path / "b", normalise=True, keep_length=True)
    assert import_vectors(source, tmp_path / "c", normalise=True).normalised
    assert not raw.normalised


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ({"limit": [{**LIMITS[0], "most": 1.0}]}, "a .*limit.* on l2 of ood"),
        ({"limit": [{**one, "most": 1.0} for one in LIMITS], "ood": 0.6}, "ood: expected none"),
    ],
)
def test_another_metric_than_the_cosine_asks_for_limits_in_place_of_floors(
    criteria: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        CriteriaConfig.model_validate({"metric": "l2", **criteria})


def test_another_metric_than_the_merge_base_has_is_a_loosening(
    raw: DataSet, tmp_path: Path
) -> None:
    new = case_of(raw, tmp_path / "case").config
    old = new.model_copy(update={"criteria": CriteriaConfig()})

    found = [one.what for one in limit_loosenings(old, new, "case.toml")]

    assert "judges by another metric" in found
    assert old.digest() != new.digest()
