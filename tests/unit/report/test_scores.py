"""The cells that text, markdown and page show alike."""

from __future__ import annotations

from amn.evaluation.summary import Summary
from amn.report.verdict import score_cells
from tests.scores import interval

FULL = Summary(
    0.61,
    interval=interval(0.61, 0.6, 0.62),
    references={"mean": 0.59},
    lift=interval(0.02, 0.01, 0.03),
)
BARE = Summary(0.56, references={"constant": 0.2})


def test_a_line_a_split_below_the_header() -> None:
    assert score_cells({"ood": FULL}) == [
        ["split", "score", "95 % interval", "lift", "mean"],
        ["ood", "0.6100", "0.6000 … 0.6200", "+0.0200", "0.5900"],
    ]


def test_what_is_not_known_of_a_split_is_left_empty() -> None:
    header, full, bare = score_cells({"in_dist": FULL, "ood": BARE}, to="-")

    assert header[4:] == ["mean", "constant"]
    assert full == ["in_dist", "0.6100", "0.6000-0.6200", "+0.0200", "0.5900", ""]
    assert bare == ["ood", "0.5600", "", "", "", "0.2000"]
