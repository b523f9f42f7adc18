"""The data beside those of the golden: each arm fires with its number, and equal data never do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.checks.check import checks
from amn.data.vectors import unit_rows
from amn.data.writer import Chunks, write_dataset
from amn.gate.evidence import Evidence
from amn.gate.makers import at_rest, held_to
from amn.golden.compare import profile_changes, profile_of, vector_changes
from amn.golden.schema import Profiled
from amn.verdict import Finding, Outcome, Severity, Statistic, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRAIN, OOD = slice(0, 640), slice(832, 1024)  # rows of 40 and of 12 articles of 16


@pytest.fixture
def beside(
    make_case: Any, toy_golden: Any, toy_splits: Any, toy_evaluations: Any, tmp_path: Path
) -> Callable[..., Evidence]:
    """The toy golden beside its data with other vectors; keywords are further parts."""
    dataset = toy_splits["data_sets"][0]
    stored = np.asarray(dataset.gather(np.arange(len(dataset))), np.float64)

    def beside(change: Any = None, *, dtype: str = "float32", **parts: Any) -> Evidence:
        folder = tmp_path / f"other-{len(list(tmp_path.iterdir()))}"
        vectors = stored.copy()
        if change:
            change(vectors)
        if dtype == "bfloat16":
            vectors = unit_rows(rounded(vectors))
        chunks = Chunks(article_ids=dataset.article_ids, chunk_index=dataset.chunk_index)
        kind = "float16" if dtype == "float16" else "float32"
        write_dataset(folder, vectors.astype(np.float32), chunks, name="toy", dtype=kind)
        case = make_case(tmp_path / "case", dataset={"path": str(folder)})
        chosen = {**at_rest.DATA, **at_rest.SPLIT, **held_to.SCORES, **held_to.DATA_OF_GOLDEN}
        given = {"golden": toy_golden, "evaluations": toy_evaluations, **parts}
        limits = case.config.golden
        return Evidence(chosen, case=case, progress=None, golden_limits=limits, **given)

    return beside


def rounded(vectors: Any) -> Any:
    """Keep the 8 significant bits of bfloat16."""
    bits = vectors.astype(np.float32).view(np.uint32).astype(np.uint64) + 0x8000
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def articles(*, of: slice, n: int) -> slice:
    return slice(of.start, of.start + 16 * n)


@pytest.mark.parametrize("check", ["G021", "G022", "G024"])
def test_equal_data_never_differ(check: str, beside: Any, passes: Any) -> None:
    outcome = passes(check, beside())

    assert outcome.value == "the same vectors"
    assert not outcome.findings


def negate(vectors: Any) -> None:
    vectors[articles(of=OOD, n=10)] *= -1


def exchange(vectors: Any) -> None:
    first, second = slice(832, 848), slice(896, 912)
    vectors[first], vectors[second] = vectors[second].copy(), vectors[first].copy()


def train_alone(vectors: Any) -> None:
    vectors[3 * 16] = unit_rows(vectors[3 * 16 : 3 * 16 + 1] + 0.01)[0]
    vectors[7 * 16 + 15] *= -1


def shuffle(vectors: Any) -> None:
    vectors[832:848] = vectors[832:848][::-1].copy()


@pytest.mark.parametrize(
    ("change", "split", "named"),
    [
        (negate, "ood", "other ones in 10: 53, 54, 55, 56, 57, 58, 59, 60, 61, 62"),
        (exchange, "ood", "those of another article in 2: 53, 57"),
        (train_alone, "train", "other ones in 2: 4, 8"),
        (shuffle, "ood", "other ones in 1: 53"),
    ],
)
def test_g021_names_every_article_that_is_another(
    change: Any, split: str, named: str, beside: Any, fires: Any
) -> None:
    finding = fires("G021", beside(change))

    assert finding.where == split
    assert finding.message.endswith(f"got {named}")
    assert "amn golden update CASE" in finding.fix


def test_g021_lists_all_articles_for_machines(beside: Any) -> None:
    outcome = checks()["G021"].run(beside(lambda v: np.negative(v[TRAIN], out=v[TRAIN])))

    assert outcome.number == 40
    assert "and 30 more" in outcome.findings[0].message
    assert outcome.data.to_json()["articles"]["changed"] == [["train", i] for i in range(1, 41)]


@pytest.mark.parametrize(("dtype", "precision"), [("float16", "float16"), ("bfloat16", "bfloat16")])
def test_g021_tells_a_precision_from_other_vectors(
    dtype: str, precision: str, beside: Any, fires: Any, passes: Any
) -> None:
    evidence = beside(dtype=dtype)

    finding = fires("G021", evidence, Status.WARN)

    assert "all 64 articles encoded or stored again: rows are off by " in finding.message
    assert finding.message.endswith(f"within {precision}")
    assert evidence["vector_changes"].precision == precision
    passes("G022", evidence)
    passes("G024", evidence)


def test_g021_takes_no_part_for_a_precision(beside: Any, fires: Any) -> None:
    def part(vectors: Any) -> None:
        vectors[OOD] = unit_rows(rounded(vectors[OOD]))

    assert fires("G021", beside(part)).message.endswith("in 12: 53, 54, 55, 56, 57, 58, 59, 60, 61,"
                                                        " 62 and 2 more")  # fmt: skip


@pytest.mark.parametrize("change", [negate, exchange, shuffle])
def test_g021_finds_other_articles_under_another_precision(
    change: Any, beside: Any, fires: Any
) -> None:
    evidence = beside(change, dtype="bfloat16")

    assert fires("G021", evidence)
    assert evidence["vector_changes"].precision == ""


def test_g021_fires_on_articles_that_came_and_went(
    beside: Any, toy_golden: Any, fires: Any
) -> None:
    table = toy_golden.tables["ood"]
    fewer = replace(toy_golden, tables={**toy_golden.tables, "ood": table.take(np.arange(2, 12))})

    assert fires("G021", beside(golden=fewer)).message == (
        "expected the articles that were accepted, got new ones in 2: 53, 54"
    )
    changes = vector_changes(toy_golden.tables, fewer.tables)
    assert changes.kinds == {"went": (("ood", 53), ("ood", 54))}


def test_g021_fires_where_the_golden_knows_no_vectors(
    beside: Any, toy_golden: Any, fires: Any
) -> None:
    table = toy_golden.tables["ood"]
    unknown = replace(table, vectors=("",) * len(table.articles))
    golden = replace(toy_golden, tables={**toy_golden.tables, "ood": unknown})

    assert (
        "expected a golden that knows its vectors" in fires("G021", beside(golden=golden)).message
    )


def test_g021_notes_other_files_of_the_same_vectors(beside: Any, toy_golden: Any) -> None:
    digests = toy_golden.record.digests.model_copy(update={"dataset": "0" * 64})
    golden = replace(toy_golden, record=toy_golden.record.model_copy(update={"digests": digests}))

    outcome = checks()["G021"].run(beside(golden=golden))

    assert outcome.status is Status.PASS
    assert outcome.findings[0].severity is Severity.NOTICE


def easier(vectors: Any) -> None:
    """Give every row of OOD half of the mean of its article: a title before each chunk."""
    rows = vectors[OOD].reshape(12, 16, -1)
    rows += rows.mean(axis=1, keepdims=True)
    vectors[OOD] = unit_rows(rows.reshape(192, -1))


def test_g022_says_in_words_that_neighbours_are_more_alike(beside: Any) -> None:
    outcome = checks()["G022"].run(beside(easier))

    assert outcome.status is Status.INCONCLUSIVE
    found = {f.where: f.message for f in outcome.findings if "neighbours" in f.message}
    assert list(found) == ["ood"]
    assert found["ood"].startswith("expected neighbours 0.")
    assert found["ood"].endswith("more alike than in the accepted set")
    assert outcome.number == len([one for one in outcome.data.moved if one.has_left])


def test_g022_without_a_profile_says_so_and_compares_nothing(
    beside: Any, toy_golden: Any, fires: Any, passes: Any
) -> None:
    bare = replace(toy_golden, record=toy_golden.record.model_copy(update={"profile": {}}))

    assert "no profile: amn upgrade CASE" in passes("G022", beside(golden=bare)).detail
    finding = fires("G022", beside(easier, golden=bare))
    assert finding.message == "expected the profile of its data, got none"


def test_g022_fires_on_a_statistic_that_is_not_measured_any_more(
    beside: Any, toy_golden: Any
) -> None:
    moved = profile_changes(toy_golden.record.profile, {}, 0.05)

    assert all(one.has_left for one in moved)
    outcome = checks()["G022"].run(beside(negate, data_outcomes=()))
    assert outcome.findings[0].message.endswith("got none: it is not measured any more")


def test_g023_fires_on_a_warning_that_is_new(toy_golden: Any, fires: Any, passes: Any) -> None:
    def warns(label: str, **more: Any) -> Evidence:
        id_, _, name = label.partition("-")
        finding = Finding("ood", "expected 0.1, got 0.7")
        outcome = Outcome(id_, name, Status.WARN, findings=(finding,), **more)
        return Evidence({}, golden=toy_golden, ended=(outcome,))

    was = fires("G023", warns("S007-drift"))
    assert (was.where, was.message) == (
        "S007-drift",
        "expected PASS as in the golden, got a warning: expected 0.1, got 0.7",
    )
    assert "expected no such check" in fires("G023", warns("X001-mine")).message
    passes("G023", warns("S007-drift", waiver="S007 waived"))
    passes("G023", Evidence({}, golden=toy_golden, ended=()))


@pytest.mark.parametrize(("then", "now"), [("WARN", Status.PASS), (None, Status.WARN)])
def test_g023_allows_a_warning_that_was_accepted_and_keeps_one_that_nobody_knows(
    toy_golden: Any, then: str | None, now: Status
) -> None:
    record = toy_golden.record
    data = {**record.ended.data, "S007-drift": record.checks["S007-drift"]._replace(
        status=then and Status(then))}  # fmt: skip
    ended = record.ended.model_copy(update={"data": data})
    golden = replace(toy_golden, record=record.model_copy(update={"ended": ended}))
    warning = Outcome("S007", "drift", Status.WARN)

    assert checks()["G023"].run(Evidence({}, golden=golden, ended=(warning,))).status is now


def with_references(evaluations: Any, by: float, model: float) -> Any:
    """Move the references of OOD, and the model, by so much."""
    moved = []
    for one in evaluations:
        references = {name: v + by for name, v in one.references["ood"].items()}
        scores = one.scores["ood"]
        scores = replace(scores, cosines=scores.cosines + model)
        moved.append(
            replace(
                one,
                scores={**one.scores, "ood": scores},
                references={**one.references, "ood": references},
            )
        )
    return tuple(moved)


def test_g024_names_easier_data_with_both_gains(
    beside: Any, toy_evaluations: Any, fires: Any
) -> None:
    found = with_references(toy_evaluations, 0.3, 0.32)

    finding = fires("G024", beside(easier, evaluations=found))

    assert finding.where == "ood"
    assert (
        "more alike than in the accepted set; reference predictors gained 0.3; " in finding.message
    )
    assert "the model gained 0.3" in finding.message
    assert finding.message.endswith(": easier data, not a better model")


@pytest.mark.parametrize(("references", "model"), [(0.0, 0.3), (0.001, 0.0), (0.14, 0.4)])
def test_g024_passes_where_the_model_gained_more_or_references_no_more_than_articles_explain(
    references: float, model: float, beside: Any, toy_evaluations: Any, passes: Any
) -> None:
    passes("G024", beside(easier, evaluations=with_references(toy_evaluations, references, model)))


def test_statistics_of_the_same_source_leave_their_range_as_often_as_alpha_says() -> None:
    rng, m, n = np.random.default_rng(0), 40, 30

    def drawn() -> dict[str, dict[str, Profiled]]:
        values = rng.standard_normal((m, n))
        return {
            f"s{i}": {"ood": Profiled(float(v.mean()), float(v.std(ddof=1) / np.sqrt(n)), n)}
            for i, v in enumerate(values)
        }

    found = sum(
        any(one.has_left for one in profile_changes(drawn(), drawn(), 0.05)) for _ in range(400)
    )

    assert found <= 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)


@given(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e6), st.integers(0, 10**6))
def test_a_profile_does_not_differ_from_itself(value: float, spread: float | None, n: int) -> None:
    outcome = Outcome("S008", "x", Status.PASS, profile={"a": {"ood": Statistic(value, spread, n)}})
    profile = profile_of([outcome])

    assert not any(one.has_left for one in profile_changes(profile, profile, 0.05))
