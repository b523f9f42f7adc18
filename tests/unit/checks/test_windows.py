from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.checks import windows as checks
from amn.data.windows import Windows

CHECKS = [checks.check_contiguous, checks.check_split_pure, checks.check_count]


@pytest.fixture
def broken(corpus: Any, write: Any, split_evidence: Any) -> Any:
    """Evidence whose windows of one split are replaced by others."""

    def broken(split: Any, change: Any, corpus: Any = corpus) -> Any:
        evidence = split_evidence(write(corpus))
        windows = evidence["windows"][split]
        starts = np.asarray(change(windows.starts.copy()), np.int64)
        changed = Windows(windows.dataset, starts, windows.context)
        return evidence.with_(windows={**evidence["windows"], split: changed})

    return broken


def with_holes(corpus: Any, dropped: Any) -> Any:
    kept = np.ones(len(corpus.ids), np.bool_)
    kept[list(dropped)] = False
    return type(corpus)(corpus.vectors[kept], corpus.ids[kept], corpus.chunks[kept])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(dropped=st.sets(st.integers(0, 1279), max_size=200))
def test_windows_of_any_data_set_with_holes_pass(
    check: Any,
    dropped: Any,
    corpus: Any,
    write: Any,
    split_evidence: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = write(with_holes(corpus, dropped), tmp_path_factory.mktemp("holes").name)

    measured = split_evidence(folder).call(check)

    assert measured.findings == []
    assert measured.value


def test_a_window_across_two_articles_is_named(broken: Any) -> None:
    evidence = broken("ood", lambda starts: [*starts[:3], 1057])  # article 53 ends at row 1059

    measured = evidence.call(checks.check_contiguous)

    (finding,) = measured.findings
    assert measured.value == "1 of 784 windows"
    assert finding.where == "ood: window at row 1057"
    assert finding.message.endswith("got 53:17, 53:18, 53:19, 54:0, 54:1, 54:2")


def test_a_window_across_a_hole_is_named_with_its_keys(broken: Any, corpus: Any) -> None:
    evidence = broken("train", lambda starts: [1, *starts], with_holes(corpus, [4]))

    (finding,) = evidence.call(checks.check_contiguous).findings

    assert finding.where == "train: window at row 1"
    assert finding.message.endswith("got 1:1, 1:2, 1:3, 1:5, 1:6, 1:7")


@pytest.mark.parametrize("start", [-1, 1275, 5000])
def test_a_window_beyond_the_rows_is_named(start: int, broken: Any) -> None:
    evidence = broken("ood", lambda starts: [*starts, start])

    (finding,) = evidence.call(checks.check_contiguous).findings

    assert finding.message.endswith(f"got rows {start} to {start + 5} of 1,280")


def test_a_window_of_another_split_is_named(broken: Any) -> None:
    evidence = broken("ood", lambda starts: [3, *starts])

    foreign, shared = evidence.call(checks.check_split_pure).findings

    assert foreign.where == "ood: row 3 (article 1, chunk 3)"
    assert foreign.message == "expected rows of its articles, got 6 other rows, the first of them"
    assert shared.where == "train and ood: row 3 (article 1, chunk 3)"


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda starts: starts[1:], "got 179 (179 distinct)"),
        (lambda starts: [*starts[1:], starts[1]], "got 180 (179 distinct)"),
        (lambda starts: [*starts, starts[0]], "got 181 (180 distinct)"),
        (lambda starts: starts[:0], "got 0 (0 distinct)"),
    ],
)
def test_windows_lost_or_counted_twice_are_counted(change: Any, got: str, broken: Any) -> None:
    (finding,) = broken("ood", change).call(checks.check_count).findings

    assert finding.where == "ood"
    assert finding.message == f"expected 180 windows from the lengths of its runs, {got}"


def test_windows_of_other_data_sets_share_no_rows(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    rows = corpus.ids >= 53
    other = type(corpus)(corpus.vectors[rows], corpus.ids[rows], corpus.chunks[rows])
    folder = write(other, "other")
    evidence = split_evidence(write(corpus), folder, ood={"dataset": str(folder)})

    assert evidence.call(checks.check_split_pure).findings == []
    assert dataclasses.asdict(evidence.call(checks.check_count))["findings"] == []
