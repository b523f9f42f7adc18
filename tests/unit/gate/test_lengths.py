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
from amn.checks.check import checks
from amn.data.importers import import_vectors
from amn.data.scan import scan_rows
from amn.data.vectors import unit_rows
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError, ConfigError, DataError
from amn.gate.acceptance import accept
from amn.gate.evidence import Evidence
from amn.gate.makers import of_candidates
from amn.gate.modes import GateOptions, evidence_of, run_gate
from amn.golden.base.loosenings import limit_loosenings
from amn.golden.store import write_golden
from amn.verdict import Status, Verdict
from tests.strategies import running_keys
from tests.unit.conftest import CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.evaluation.reference import References
    from amn.gate.result import GateResult

    Predictions = tuple[list[str], NDArray[np.float32]]

DIM, ARTICLES, ROWS = 384, 64, 16
TURN = np.exp(0.125j * np.pi)
LIMITS = [
    {"id": "C101", "metric": "l2", "split": "in_dist"},
    {"id": "C102", "metric": "l2", "split": "ood"},
]


def turning_rows() -> NDArray[np.float32]:
    """Return unit rows, (ARTICLES * ROWS, DIM), that drift about their article's topic and turn.

    Every two columns are a complex number, whose drift turns by a quarter of a right angle from
    row to row: what the last row says of the next one, no sum of rows does.
    """
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> NDArray[np.complex128]:
        return rng.standard_normal((*shape, DIM // 2, 2)).view(np.complex128)[..., 0]

    drift = drawn(ARTICLES, ROWS)
    for row in range(1, ROWS):
        drift[:, row] = 0.8 * TURN * drift[:, row - 1] + 0.6 * drift[:, row]
    spread = 0.95 ** np.arange(DIM // 2)  # a few directions hold most, as in text
    rows = np.eye(DIM // 2)[2] + (0.8 * drawn(ARTICLES, 1) + drift) * spread
    return unit_rows(rows.view(np.float64).reshape(-1, DIM)).astype(np.float32)


UNIT = turning_rows()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Articles of 384 columns, between 1.5 and 5 long, their rows within 5 % of that."""
    folder = tmp_path_factory.mktemp("raw")
    rng = np.random.default_rng(0)
    ids, chunks = running_keys(*[ROWS] * ARTICLES, first=1)
    sizes = np.repeat(rng.uniform(1.5, 5, ARTICLES), ROWS) * rng.normal(1, 0.05, len(ids))
    rows = UNIT * sizes[:, None].astype(np.float32)
    np.savez(folder / "raw.npz", vectors=rows, article_indices=ids, chunk_indices=chunks)
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


def judged_by(case: Case) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32], References]:
    """Return names and rows (N, T + 1, D) of the judged splits; rows and fits of training."""
    evidence = evidence_of(case, GateOptions(cache=case.folder, predictions=(case.folder,)))
    parts = [evidence["windows"][split] for split in ("in_dist", "ood")]
    names = [name for part in parts for name in part.names().to_pylist()]
    train = evidence["windows"]["train"].gather(slice(None))
    rows = np.concatenate([part.gather(slice(None)) for part in parts])
    return names, rows, train, evidence["fitted"]


def regressed(rows: NDArray[np.float32], train: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict targets by least squares on the context, with a complex weight a row: (N, D)."""
    known, asked = (some.astype(np.float64).view(np.complex128) for some in (train, rows))
    contexts = known[:, :-1].transpose(0, 2, 1).reshape(-1, known.shape[1] - 1)
    weights = np.linalg.lstsq(contexts, known[:, -1].ravel(), rcond=None)[0]
    return np.einsum("t,ntd->nd", weights, asked[:, :-1]).view(np.float64).astype(np.float32)


def far(made: NDArray[np.float32], rows: NDArray[np.float32]) -> float:
    """Return the mean distance of predictions (N, D) from their targets."""
    return float(np.linalg.norm(made - rows[:, -1], axis=1).mean())


@pytest.fixture(scope="module")
def gated(raw: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GateResult]:
    """Gate broken predictions, by name, in a case whose golden is that of good ones."""
    tmp_path = tmp_path_factory.mktemp("gated")
    names, rows, train, fitted = judged_by(case_of(raw, tmp_path / "probe"))
    good = regressed(rows, train)
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
        "a little worse": 1.3 * good,
        "shifted": np.roll(good, 1, axis=0),
        "copied": rows[:, -2],
        "exchanged": exchanged,
        "as good as a reference": fitted.directions(rows[:, :-1])["ridge"],
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
        reason="regression", author="A. Nonymous", created=date(2025, 1, 31),
    )  # fmt: skip
    write_golden(case.folder, found.golden)
    return lambda name: run_gate(case, options(name))


def test_a_network_trained_on_them_is_told_its_cosine(raw: DataSet, tmp_path: Path) -> None:
    case = case_of(raw, tmp_path / "case")
    training = case.config.training.model_copy(update={"epochs": 2})
    case = Case(case.folder, case.config.model_copy(update={"training": training}))

    result = run_gate(case, GateOptions(cache=tmp_path / "cache"))

    record = next(outcome for outcome in result.outcomes if outcome.check == "R010")
    assert (record.status, record.findings) == (Status.PASS, ())


def test_predictions_of_any_length_are_judged_by_l2_and_no_floor_on_the_cosine(
    gated: Callable[[str], GateResult],
) -> None:
    result = gated("better")

    assert {o.label for o in result.outcomes if o.has_failed} == set()
    assert result.judged is Verdict.PASS
    declared = {label.partition("-")[0] for label in result.declared}
    assert {"C006", "C007", "C101", "C102", "D002", "G001", "G014", "G018", "G019"} <= declared
    assert not {"C001", "C002", "C003", "C004", "C005", "M002"} & declared


@pytest.mark.parametrize(
    ("name", "caught", "verdict"),
    [
        ("shifted", "E009-offset_peak", Verdict.HARNESS),
        ("copied", "E004-not_copy", Verdict.HARNESS),
        ("exchanged", "E014-own_articles", Verdict.HARNESS),
        ("mean", "G018-l2_ood", Verdict.FAIL),
        ("a little worse", "G018-l2_ood", Verdict.FAIL),
        ("half as long", "G019-l2_in_dist", Verdict.FAIL),
        ("of length 1", "C102-l2_ood", Verdict.FAIL),
        ("half", "W004-joined", Verdict.HARNESS),
    ],
)
def test_what_is_wrong_with_predictions_of_any_length_is_named(
    gated: Callable[[str], GateResult], name: str, caught: str, verdict: Verdict
) -> None:
    result = gated(name)

    assert result.verdict is verdict
    assert caught in {o.label for o in result.outcomes if o.has_failed}


def test_the_gain_in_distance_over_the_strongest_reference_is_named_with_its_interval(
    gated: Callable[[str], GateResult],
) -> None:
    result = gated("better")

    outcome = next(o for o in result.outcomes if o.check == "C007")
    skill = result.made["skills"]["ood"]
    ours = np.mean([scores["ood"].of("l2") for scores in result.made["measured"]])
    theirs = {name: values.mean() for name, values in result.made["rivals"]["ood"].items()}
    assert skill.strongest == min(theirs, key=lambda name: theirs[name])
    assert outcome.number == pytest.approx(min(theirs.values()) - ours)
    assert outcome.standing is not None
    assert outcome.standing.low is not None
    assert 0 < outcome.standing.low < outcome.number
    assert f"over {skill.strongest} by l2" in outcome.detail
    assert theirs["last"] == pytest.approx(
        gated("copied").made["measured"][0]["ood"].of("l2").mean()
    )


def test_a_model_no_nearer_than_the_strongest_reference_has_no_skill(
    gated: Callable[[str], GateResult],
) -> None:
    outcomes = {o.check: o for o in gated("as good as a reference").outcomes}

    assert outcomes["C007"].status is Status.FAIL
    assert outcomes["C007"].number == pytest.approx(0, abs=1e-6)
    assert "over ridge by l2" in outcomes["C007"].findings[0].message
    assert "a reference predictor is as good or better" in outcomes["C007"].findings[0].message
    assert outcomes["C006"].status is Status.FAIL


@pytest.mark.parametrize("check", ["C006", "C007"])
def test_the_defect_of_no_skill_is_caught_by_its_check(
    gated: Callable[[str], GateResult], check: str
) -> None:
    made = gated("better").made
    evidence = Evidence(of_candidates.OF_METRIC, **{k: v for k, v in made.items() if k != "skills"})
    (defect,) = checks()[check].broken_by

    assert not checks()[check].run(evidence).has_failed
    broken = evidence.with_(**evidence.call(defect.function))
    assert checks()[check].run(broken).status is Status.FAIL


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
    names, rows, train, _ = judged_by(case)
    np.savez(tmp_path / "p.npz", window=np.array(names), prediction=regressed(rows, train))
    options = GateOptions(cache=tmp_path, predictions=(tmp_path / "p.npz",), first_run=True)

    with pytest.raises(ConfigError, match=r'data is not normalised, got cosine.*metric = "l2"'):
        run_gate(by_cosine, options)


def test_rows_of_any_length_have_the_cosines_of_their_neighbours(
    raw: DataSet, tmp_path: Path
) -> None:
    chunks = Chunks(article_ids=raw.article_ids, chunk_index=raw.chunk_index)
    ours = scan_rows(raw)
    unit = scan_rows(write_dataset(tmp_path / "unit", UNIT, chunks, name="unit", dtype="float32"))

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
