"""Configurations of an index, from case.toml to a golden and to a verdict."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.load import load_case
from amn.checks.broken.golden import with_checks, with_tables
from amn.data.dataset import open_dataset
from amn.data.index.build import build_index
from amn.errors import GoldenError
from amn.gate.acceptance import accept
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.golden.base.loosenings import GoldenFiles, golden_loosenings
from amn.golden.base.review import MergeBase
from amn.golden.schema import Golden
from amn.golden.store import parse_golden, read_golden, table_digest, write_golden
from amn.golden.table import recall_sums, to_csv
from amn.prove.selftest import run_selftest
from amn.storage import canonical_json, sha256_of
from amn.verdict import Status, Verdict
from tests.checkouts import CASE_TEXT, begin_change, commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.case.load import Case
    from amn.gate.result import GateResult
    from amn.verdict import Outcome

IVF = {"id": "I101", "name": "ivf", "kind": "ivf", "parameters": {"nlist": 16, "nprobe": 8}}
CODES = {"id": "I102", "name": "codes", "kind": "sq8"}
WHY = {"reason": "first", "author": "A. Nonymous", "created": date(2025, 1, 31)}
SEEDS = range(5)


def with_index(make_case: Callable[..., Case], folder: Path, *own: dict[str, Any]) -> Case:
    folder.mkdir(exist_ok=True)
    return make_case(folder, index={"recall": 0.5, "configuration": list(own)})


@pytest.fixture(scope="module")
def accepted(
    make_case: Callable[..., Case], toy_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Golden:
    case = with_index(make_case, tmp_path_factory.mktemp("accepted") / "case", IVF, CODES)
    return accept(case, cache=toy_cache, seeds=SEEDS, **WHY).golden


@pytest.fixture
def gate(
    make_case: Callable[..., Case], accepted: Golden, toy_cache: Path, tmp_path: Path
) -> Callable[..., GateResult]:
    """Gate the toy case with some configurations, beside the golden of two."""

    def gate(*own: dict[str, Any], golden: Golden = accepted, **options: Any) -> GateResult:
        case = with_index(make_case, tmp_path / "case", *own)
        write_golden(case.folder, golden)
        return run_gate(case, GateOptions(cache=toy_cache, **options))

    return gate


def of(result: GateResult, check: str) -> Outcome:
    return next(outcome for outcome in result.outcomes if outcome.check == check)


def test_a_golden_holds_the_recall_of_every_configuration(accepted: Golden) -> None:
    assert [*accepted.record.recall] == ["ivf", "codes"]
    for name, figures in accepted.record.recall.items():
        assert [*figures] == ["k", "rows", "rows_se", "predictions", "predictions_se"]
        rows = recall_sums(accepted.tables, name, None)
        asked = recall_sums(accepted.tables, name, SEEDS)
        assert rows is not None
        assert asked is not None
        assert rows.sizes.sum() == 1000
        assert len(rows.places) == 64  # those of training too
        assert asked.sums.shape == (5, 24)
        assert figures["rows"] == pytest.approx(rows.mean)
        assert figures["predictions"] == pytest.approx(asked.mean)
    assert {"I101-recall_ivf", "I102-recall_codes"} <= {*accepted.record.checks}
    assert {"G025-recall_rows", "G026-recall_predicted"} <= {*accepted.record.checks}


def test_it_is_read_back_byte_for_byte(accepted: Golden, tmp_path: Path) -> None:
    record, table = accepted.record.to_bytes(), to_csv(accepted.tables)

    again = parse_golden(record, table, tmp_path)

    assert (again.record.to_bytes(), to_csv(again.tables)) == (record, table)
    header = table.splitlines()[0].decode().split(",")
    recall = [name for name in header if name.startswith("recall.")]
    assert recall[:4] == ["recall.rows", "recall.ivf-rows", "recall.codes-rows", "recall.windows"]
    assert header[-len(recall) :] == recall


def test_the_same_configurations_pass_and_say_what_they_are_worth(
    gate: Callable[..., GateResult], accepted: Golden
) -> None:
    result = gate(IVF, CODES)

    assert [o.label for o in result.outcomes if o.has_failed] == []
    assert result.judged is Verdict.PASS
    mean = accepted.record.recall["ivf"]["rows"]
    assert of(result, "I101").detail.startswith(f"recall@10 {mean:.4f}, lower 95 % bound ")
    assert "1,000 queries of 64 articles, " in of(result, "I101").detail
    assert of(result, "I101").detail.endswith(" a second")
    assert (of(result, "G025").number, of(result, "G025").value) == (0.0, "+0.0000")
    assert f"ivf {mean:.4f}, golden {mean:.4f}, lower bound +0.0000" in of(result, "G025").detail


def test_fewer_probes_are_found_in_rows_and_in_predictions(
    gate: Callable[..., GateResult],
) -> None:
    result = gate({**IVF, "parameters": {"nlist": 16, "nprobe": 4}}, CODES)

    assert result.verdict is Verdict.FAIL
    for check in ("G025", "G026"):
        assert of(result, check).status is Status.FAIL
        assert [finding.where for finding in of(result, check).findings] == ["ivf"]
        assert "expected recall not below" in of(result, check).findings[0].message
    assert of(result, "I102").status is Status.PASS


def test_more_probes_are_no_worse(gate: Callable[..., GateResult]) -> None:
    result = gate({**IVF, "parameters": {"nlist": 16, "nprobe": 16}}, CODES)

    assert of(result, "G025").status is Status.PASS
    assert of(result, "G026").status is Status.PASS
    assert of(result, "I101").number == 1.0


def test_a_floor_of_a_configuration_stops_a_gate_before_training(
    gate: Callable[..., GateResult],
) -> None:
    result = gate({**IVF, "parameters": {"nlist": 16, "nprobe": 1}, "recall": 0.999}, CODES)

    found = of(result, "I101")
    assert found.status is Status.FAIL
    assert found.findings[0].where == "ivf: ivf with nlist 16, nprobe 1"
    assert found.findings[0].message.startswith("expected a lower bound of at least 0.999, got ")
    assert of(result, "M001").status is Status.NOT_RUN


def test_what_the_golden_does_not_have_is_said_by_name_and_is_no_failure(
    gate: Callable[..., GateResult], toy_golden: Golden
) -> None:
    result = gate(IVF, golden=toy_golden)

    for check in ("G025", "G026"):
        assert of(result, check).status is Status.PASS
        assert "not in the golden: amn golden update" in of(result, check).detail
        assert of(result, check).value == "none compared"


def test_a_case_without_configurations_asks_and_says_nothing(
    make_case: Callable[..., Case], toy_golden: Golden, toy_cache: Path, tmp_path: Path
) -> None:
    case = make_case(tmp_path)
    write_golden(tmp_path, toy_golden)

    declared = {one.id for one in gate_of(case, GateOptions(cache=toy_cache)).declared}

    assert not {"G025", "G026"} & declared
    assert "configuration" not in case.config.resolved()["index"]
    assert toy_golden.record.recall == {}


def test_a_configuration_that_is_gone_is_named(gate: Callable[..., GateResult]) -> None:
    found = of(gate(IVF), "G006")

    assert found.status is Status.LOOSENED
    assert [finding.where for finding in found.findings] == ["I102-recall_codes"]


def test_queries_of_another_golden_are_not_compared(
    gate: Callable[..., GateResult], accepted: Golden
) -> None:
    recall = {name: {**one, "k": 5.0} for name, one in accepted.record.recall.items()}
    other = replace(accepted, record=accepted.record.model_copy(update={"recall": recall}))

    found = of(gate(IVF, CODES, golden=other), "G025")

    assert found.status is Status.INCONCLUSIVE
    assert "expected 1000 queries of recall@5 as accepted, got 1000 of recall@10" in (
        found.findings[0].message
    )
    assert found.findings[0].fix.startswith("amn golden update")


def test_a_table_whose_sums_are_others_is_refused(accepted: Golden, tmp_path: Path) -> None:
    table = accepted.tables["train"]
    sums = {**table.sums, "recall.ivf-rows": table.sums["recall.ivf-rows"] - 1}
    tables = {**accepted.tables, "train": replace(table, sums=sums)}
    digests = accepted.record.digests.model_copy(update={"table": table_digest(tables)})
    edited = Golden(accepted.record.model_copy(update={"digests": digests}), tables)

    with pytest.raises(GoldenError, match="recall ivf, rows: expected 0"):
        write_golden(tmp_path, edited)


def test_predictions_from_elsewhere_are_what_an_index_is_asked_for(
    gate: Callable[..., GateResult], make_case: Callable[..., Case], toy_cache: Path, tmp_path: Path
) -> None:
    trained = run_gate(make_case(tmp_path / "x"), GateOptions(cache=toy_cache, first_run=True))
    windows = trained.made["judged"]
    names, vectors = [], []
    for one in windows.values():
        names += one.names().to_pylist()
        vectors.append(one.gather(slice(None))[:, -1])
    np.savez(tmp_path / "p.npz", window=names, prediction=np.concatenate(vectors))

    result = gate(IVF, CODES, predictions=(tmp_path / "p.npz",))

    assert result.made["recalled_predictions"]["ivf"].recall.shape == (1, 312)
    assert of(result, "G026").number is not None


def test_an_index_that_lies_there_is_a_configuration_too(
    make_case: Callable[..., Case], toy_data: Path, toy_cache: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_data, tmp_path / "data")
    build_index(open_dataset(tmp_path / "data"), "ivf", parameters={"nlist": 16, "nprobe": 8})
    own = {"id": "I103", "name": "served", "kind": "file"}
    case = with_index(make_case, tmp_path / "case", own, IVF)
    config = case.config.model_copy(
        update={"dataset": case.config.dataset.model_copy(update={"path": str(tmp_path / "data")})}
    )
    gate = gate_of(replace(case, config=config), GateOptions(cache=toy_cache, first_run=True))

    served, built = gate.outcome("I103"), gate.outcome("I101")

    assert served.number == built.number


def test_an_update_that_loses_neighbours_is_refused(
    make_case: Callable[..., Case], accepted: Golden, toy_cache: Path, tmp_path: Path
) -> None:
    few = {**IVF, "parameters": {"nlist": 16, "nprobe": 4}}
    case = with_index(make_case, tmp_path / "case", few, CODES)

    with pytest.raises(GoldenError, match="G025-recall_rows: expected recall not below"):
        accept(case, cache=toy_cache, seeds=SEEDS, previous=accepted, **WHY)


def test_the_golden_of_before_has_no_recall_and_its_update_adds_it(
    make_case: Callable[..., Case], toy_golden: Golden, toy_cache: Path, tmp_path: Path
) -> None:
    case = with_index(make_case, tmp_path / "case", IVF)
    found = accept(case, cache=toy_cache, seeds=SEEDS, previous=toy_golden, **WHY)
    assert found.changes(toy_golden)

    write_golden(case.folder, found.golden)

    assert [*read_golden(case.folder).record.recall] == ["ivf"]


def changed(golden: Golden, name: str, by: float) -> Golden:
    """Return a golden of which a configuration finds more of every row, by so much."""
    tables = {
        split: replace(
            table,
            sums={
                **table.sums,
                f"recall.{name}-rows": table.sums[f"recall.{name}-rows"]
                + by * table.sums["recall.rows"],
            },
        )
        for split, table in golden.tables.items()
    }
    return with_tables(golden, tables)


def loosened(old: Golden, new: Golden) -> list[tuple[str, str]]:
    files = [
        GoldenFiles(Path("case"), g.record.to_bytes(), to_csv(g.tables), None) for g in (old, new)
    ]
    return [(one.what, one.where) for one in golden_loosenings(files[0], files[1], "golden/case")]


def test_recall_that_a_golden_loses_is_a_loosening(accepted: Golden) -> None:
    recall = {"ivf": accepted.record.recall["ivf"]}
    gone = replace(accepted, record=accepted.record.model_copy(update={"recall": recall}))
    error = accepted.record.recall["ivf"]["rows_se"]

    assert loosened(accepted, accepted) == []
    assert {what for what, _ in loosened(accepted, gone)} == {"removed a recall"}
    where = "golden/case/golden.json recall.ivf.rows"
    assert loosened(accepted, changed(accepted, "ivf", -0.2 * error)) == [
        ("moved the golden", where)
    ]
    assert loosened(accepted, changed(accepted, "ivf", -0.05 * error)) == []  # measured again
    assert loosened(accepted, changed(accepted, "ivf", 0.001)) == []


INDEX_TEXT = """
[index]
recall = 0.5

[[index.configuration]]
id = "I101"
name = "ivf"
kind = "ivf"
parameters = { nlist = 16, nprobe = 8 }
"""


@pytest.fixture
def change(
    accepted: Golden, toy_data: Path, toy_cache: Path, tmp_path: Path
) -> Callable[..., GateResult]:
    """Gate a change of case.toml, and of the golden, beside the main branch."""
    folder = tmp_path / "p" / "golden" / "case"
    folder.mkdir(parents=True)
    shutil.copytree(toy_data, tmp_path / "p" / "data")
    toml = folder / "case.toml"
    toml.write_text(CASE_TEXT + INDEX_TEXT, "utf-8")
    recall = {"ivf": accepted.record.recall["ivf"]}
    tables = {
        split: replace(t, sums={n: v for n, v in t.sums.items() if "codes" not in n})
        for split, t in accepted.tables.items()
    }
    config = load_case(folder).config.resolved()
    digests = accepted.record.digests.model_copy(
        update={"table": table_digest(tables), "config": sha256_of(canonical_json(config))}
    )
    labels = {n: e for n, e in accepted.record.checks.items() if not n.startswith("I102")}
    record = with_checks(accepted.record, labels).model_copy(
        update={"recall": recall, "digests": digests, "config": config}
    )
    golden = Golden(record, tables)
    write_golden(folder, golden)
    begin_change(tmp_path / "p")

    def change(old: str, new: str, by: float = 0.0) -> GateResult:
        toml.write_text(toml.read_text("utf-8").replace(old, new), "utf-8")
        if by:
            write_golden(folder, changed(golden, "ivf", by))
        commit(tmp_path / "p")
        base = MergeBase(tmp_path / "p", "main")
        return run_gate(load_case(folder), GateOptions(cache=toy_cache, merge_base=base))

    return change


def whats(result: GateResult) -> set[str]:
    assert result.review is not None
    return {one.what for one in result.review.loosenings}


def test_a_change_that_removes_a_configuration_is_loosened(
    change: Callable[..., GateResult],
) -> None:
    result = change(INDEX_TEXT, "")

    assert result.verdict is Verdict.LOOSENED
    assert {"removed a configuration of the index", "removed a check"} <= whats(result)


def test_a_golden_that_is_lowered_with_its_configuration_is_held_to_the_merge_base(
    change: Callable[..., GateResult],
) -> None:
    assert whats(change("none of it", "")) == set()

    result = change("nprobe = 8", "nprobe = 4", -0.04)

    assert of(result, "G025").status is Status.PASS
    assert "moved the golden" in whats(result)
    assert result.review is not None
    assert "G025-recall_rows" in result.review.worse_on_base
    assert of(result, "G026").status is Status.FAIL  # whose golden nobody lowered


def test_a_floor_that_is_lowered_below_the_result_is_held_to_the_merge_base(
    change: Callable[..., GateResult],
) -> None:
    result = change("recall = 0.5", "recall = 0.4")

    assert whats(result) == {"lowered a floor"}
    assert result.verdict is Verdict.LOOSENED


@pytest.mark.usefixtures("change")
def test_the_self_test_proves_each_check_of_a_configuration_and_raises_no_alarm(
    toy_cache: Path, tmp_path: Path
) -> None:
    case = load_case(tmp_path / "p" / "golden" / "case")

    matrix = run_selftest(case, cache=toy_cache, only=["I101", "G025", "G026"], n_variants=8)

    assert {row.state for row in matrix.defects} == {"caught"}
    assert {row.check[:4] for row in matrix.defects} == {"I101", "G025", "G026"}
    assert [row.alarms for row in matrix.clean if row.alarms] == []
