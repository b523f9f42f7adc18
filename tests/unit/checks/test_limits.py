"""Limits of a case's own: any metric, split and slice, a check each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from amn.case.limits import CriteriaConfig, Limit
from amn.checks.limits import all_checks
from amn.data.dataset import open_dataset
from amn.data.slices import in_slice
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.errors import ConfigError, DataError
from amn.gate.evidence import declare
from amn.gate.modes import GateOptions, evidence_of
from amn.golden.base.loosenings import limit_loosenings
from amn.prove.selftest import trials
from amn.verdict import Status
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.data.windows import Windows
    from amn.gate.evidence import Evidence
    from amn.verdict import Outcome

BASE: dict[str, Any] = {"id": "C101", "metric": "in_article", "split": "ood", "least": 0.5}


@pytest.fixture
def judge(run_evidence: Any, make_case: Any, tmp_path: Path) -> Callable[..., Outcome]:
    """Judge the toy candidates by one limit; keywords are keys of it."""

    def judge(_change: Any = None, **keys: Any) -> Outcome:
        keys = {**BASE, **keys}
        case = make_case(tmp_path, criteria={"limit": [keys]})
        evidence: Evidence = run_evidence(case=case)
        if _change:
            evidence = evidence.with_(**_change(evidence))
        [check] = [one for one in declare(evidence) if one.id == keys["id"]]
        return check.run(evidence)

    return judge


def test_a_limit_is_a_check_of_its_own(judge: Any) -> None:
    outcome = judge()

    assert outcome.label == "C101-in_article_ood"
    assert outcome.status is Status.PASS
    assert outcome.limit == ">= 0.5"
    assert 0.8 < outcome.number < 0.95
    assert outcome.detail.endswith("12 articles")
    assert outcome.standing.least == 0.5


def test_a_missed_limit_fails_with_its_number_and_interval(judge: Any) -> None:
    outcome = judge(least=0.97)

    assert outcome.status is Status.FAIL
    [finding] = outcome.findings
    assert finding.where == "ood"
    assert finding.message.startswith(f"expected >= 0.97, got {outcome.number:.4f} (0.")


def test_most_is_the_other_side(judge: Any) -> None:
    assert judge(metric="l2", least=None, most=1.0).status is Status.PASS
    outcome = judge(metric="l2", least=None, most=0.1)

    assert outcome.status is Status.FAIL
    assert outcome.limit == "<= 0.1"


def test_an_estimate_that_holds_and_a_bound_that_does_not_decide_nothing(judge: Any) -> None:
    number = judge().number

    assert judge(least=number - 1e-4).status is Status.PASS
    by_bound = judge(least=number - 1e-4, by="bound")
    assert by_bound.status is Status.INCONCLUSIVE
    assert "with the interval" in by_bound.findings[0].message
    assert judge(least=0.5, by="bound").status is Status.PASS


def test_a_number_that_is_none_fails(judge: Any) -> None:
    def spoilt(evidence: Any) -> dict[str, Any]:
        first, *others = evidence["measured"]
        values = {**first["ood"].values, "in_article": first["ood"].of("in_article") * np.nan}
        return {"measured": ({**first, "ood": replace(first["ood"], values=values)}, *others)}

    outcome = judge(spoilt)

    assert outcome.status is Status.FAIL
    assert "expected >= 0.5, got a number that is none" in outcome.findings[0].message


def test_cosine_and_lift_can_be_limited_as_well(judge: Any) -> None:
    cosine, lift = judge(metric="cosine", least=0.3), judge(metric="lift", least=-0.5)

    assert cosine.status is lift.status is Status.PASS
    assert cosine.number == pytest.approx(0.84, abs=0.02)
    assert -0.1 < lift.number < 0.1


def test_a_slice_of_ids_is_judged_alone(judge: Any) -> None:
    some = judge(slice={"articles": "53-61"})

    assert some.status is Status.PASS
    assert some.detail.endswith("9 articles")
    assert some.number != judge().number


def test_a_slice_of_few_articles_is_inconclusive_by_name(judge: Any) -> None:
    few, none = judge(slice={"articles": "53-59"}), judge(slice={"articles": "1-3"})

    assert few.status is none.status is Status.INCONCLUSIVE
    assert few.findings[0].where == "ood, articles = 53-59"
    assert "expected at least 8 articles to judge, got 7" in few.findings[0].message
    assert "got 0" in none.findings[0].message


def test_a_column_that_is_not_there_is_named(judge: Any) -> None:
    with pytest.raises(DataError, match="slice genre = 'poem': expected a column among articles"):
        judge(slice={"genre": "poem"})


def test_its_own_defect_is_one_that_it_finds(
    run_evidence: Any, make_case: Any, tmp_path: Path
) -> None:
    limits = [
        BASE,
        {**BASE, "id": "C102", "metric": "l2", "least": None, "most": 1.2},
        {**BASE, "id": "C103", "metric": "cosine"},
    ]
    case = make_case(tmp_path, criteria={"limit": limits})
    evidence = run_evidence(case=case)
    tried = {trial.defect.id: trial for trial in trials(case.config)}

    for id_ in ("C101", "C102", "C103"):
        trial = tried[f"missed-{id_.lower()}"]
        broken = evidence.with_(**evidence.call(trial.defect.function))
        assert trial.check.run(broken).status is Status.FAIL
        assert trial.check.run(evidence).status is Status.PASS


def test_a_metric_that_nobody_declared_is_refused_before_anything_is_opened(
    make_case: Any, tmp_path: Path
) -> None:
    case = make_case(tmp_path, criteria={"limit": [{**BASE, "metric": "in_articel"}]})

    with pytest.raises(ConfigError, match=r"C101: expected a metric .*did you mean in_article\?"):
        evidence_of(case, GateOptions(cache=tmp_path))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"most": 0.6}, "expected one of least and most, got both"),
        ({"least": None}, "expected one of least and most, got none"),
        ({"id": "C001"}, "String should match pattern"),
        ({"by": "mean"}, "'estimate' or 'bound'"),
        ({"slice": {}}, "at least 1 item"),
        ({"slice": {"kind": "list", "language": "en"}}, "at most 1 item"),
        ({"splits": "ood"}, "Extra inputs are not permitted"),
    ],
)
def test_a_limit_that_says_nothing_clear_is_refused(keys: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Limit.model_validate({**BASE, **keys})


def test_two_limits_share_no_id() -> None:
    with pytest.raises(ValidationError, match="an id of its own for each, got C101 twice"):
        CriteriaConfig.model_validate({"limit": [BASE, {**BASE, "least": 0.4}]})


def test_limits_are_part_of_the_resolved_config_only_where_there_are_some(
    make_case: Any, tmp_path: Path
) -> None:
    plain, limited = (
        make_case(tmp_path, criteria={"limit": limits}).config for limits in ([], [BASE])
    )

    assert "limit" not in plain.resolved()["criteria"]
    assert "margins" not in plain.resolved()["golden"]
    assert limited.resolved()["criteria"]["limit"][0]["id"] == "C101"
    assert plain.digest() != limited.digest()


BOUND = {**BASE, "by": "bound"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ([BASE], [], ["removed a limit"]),
        ([BASE], [{**BASE, "least": 0.49}], ["lowered a floor"]),
        ([BASE], [{**BASE, "split": "in_dist"}], ["changed a limit"]),
        ([BASE], [{**BASE, "slice": {"articles": "1-99"}}], ["changed a limit"]),
        ([BASE], [{**BASE, "metric": "cosine"}], ["changed a limit"]),
        ([BASE], [{**BASE, "least": None, "most": 0.5}], ["changed a limit"]),
        ([BOUND], [BASE], ["changed a limit"]),
        ([{**BASE, "least": None, "most": 1}], [{**BASE, "least": None, "most": 2}],
         ["lowered a floor"]),
        ([{**BASE, "least": None, "most": 2}], [{**BASE, "least": None, "most": 1}], []),
        ([BASE], [{**BASE, "least": 0.51}], []),
        ([BASE], [BOUND, {**BASE, "id": "C102"}], []),
        ([], [BASE], []),
    ],
)  # fmt: skip
def test_what_loosens_a_limit_is_named(
    old: Any, new: Any, what: list[str], make_case: Any, tmp_path: Path
) -> None:
    before, after = (
        make_case(tmp_path, criteria={"limit": limits}).config for limits in (old, new)
    )

    found = list(limit_loosenings(before, after, "case.toml"))

    assert [one.what for one in found] == what
    assert all(one.where == "case.toml criteria.limit C101" for one in found)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({}, {"in_article": 0.1}, ["widened a margin"]),
        ({"in_article": 0.1}, {}, ["widened a margin"]),
        ({"in_article": 0.1}, {"in_article": 0.2}, ["widened a margin"]),
        ({"in_article": 0.1}, {"in_article": 0.05}, []),
        ({"in_article": 0.1}, {"in_article": 0.1}, []),
    ],
)
def test_a_declared_margin_of_what_comes_next_only_shrinks_in_silence(
    old: Any, new: Any, what: list[str], make_case: Any, tmp_path: Path
) -> None:
    before, after = (
        make_case(tmp_path, golden={"margins": margins}).config for margins in (old, new)
    )

    found = list(limit_loosenings(before, after, "case.toml"))

    assert [one.what for one in found] == what


def test_ids_of_a_case_are_known_beside_ours(make_case: Any, tmp_path: Path) -> None:
    one = {"id": "I101", "name": "ivf8", "kind": "ivf", "parameters": {"nprobe": 8}}
    config = make_case(tmp_path, criteria={"limit": [BASE]}, index={"configuration": [one]}).config

    every = all_checks(config)

    assert not {"C101", "I101"} & {*all_checks(None)}
    assert "in_article of ood is at least 0.5, by its estimate" in every["C101"].help
    assert every["I101"].label == "I101-recall_ivf8"
    assert every["I101"].family == "index"
    assert (
        "ivf with nprobe 8, searched for rows, has a recall of at least 0.9" in every["I101"].help
    )


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    """Windows over 3 articles of 8 rows whose chunk table has some columns."""
    articles, index = running_keys(8, 8, 8, first=1)
    titles = [["List of rivers", "Oder", "Rhine (disambiguation)"][a - 1] for a in articles]
    extra = {
        "title": pa.array(titles),
        "language": pa.array(["de" if a == 2 else "en" for a in articles]),
        "n_words": pa.array(10 * index, pa.int64()),
        "share": pa.array(index / 10),
    }
    chunks = Chunks(article_ids=articles, chunk_index=index, extra=extra)
    write_dataset(tmp_path / "d", drifting_rows(3, 8, 24), chunks, name="d", dtype="float32")
    return find_windows(open_dataset(tmp_path / "d"), 3)


@pytest.mark.parametrize(
    ("column", "wanted", "n"),
    [
        ("language", "de", 5),
        ("language", "fr", 0),
        ("kind", "list", 5),
        ("kind", "article", 5),
        ("kind", "disambiguation", 5),
        ("n_words", "30-40", 6),
        ("n_words", "70", 3),
        ("share", "0.45-0.6", 6),
        ("articles", "1, 3", 10),
    ],
)
def test_a_slice_is_of_the_rows_that_are_predicted(
    windows: Windows, column: str, wanted: str, n: int
) -> None:
    assert len(windows) == 15
    assert in_slice(windows, column, wanted).sum() == n


@pytest.mark.parametrize("wanted", ["many", "40-30", ""])
def test_a_range_that_is_none_is_refused(windows: Windows, wanted: str) -> None:
    with pytest.raises(DataError, match="expected a number or a range such as 200-400"):
        in_slice(windows, "n_words", wanted)
