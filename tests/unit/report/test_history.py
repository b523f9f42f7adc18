"""Results over time: what is kept of a gate, and when a result creeps."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.errors import DataError
from amn.evaluation.summary import Summary
from amn.report.history import Line, Score, Trend, append, file_of, line_of, read, trend_of
from amn.verdict import Standing, Status
from tests.unit.report.conftest import WHOLE, outcome, result

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 30, 12, 0, 0, 500, tzinfo=UTC)
SUMMARIES = {"in_dist": Summary.of_score(0.61), "ood": Summary.of_score(0.60)}


def judged(**changes: Any) -> Any:
    outcomes = (
        outcome("C001", Status.PASS),
        outcome("G001", Status.PASS, number=-0.002, standing=Standing(-0.004, None, least=-0.01)),
    )
    return result(*outcomes, made={**WHOLE, "summaries": SUMMARIES, **changes})


def at(*means: float, start: int = 0) -> list[Line]:
    """Return a line a result, an hour after another."""
    return [
        Line(
            time=NOON + timedelta(hours=start + hour),
            case="mine",
            verdict="PASS",
            word="PASS",
            scores={"ood": Score(mean=mean)},
            golden="g",
        )
        for hour, mean in enumerate(means)
    ]


def test_a_line_has_scores_and_what_is_beside_the_golden() -> None:
    line = line_of(judged(), NOON, "c" * 40)

    assert line.scores["ood"] == Score(mean=0.60, difference=-0.002, lower=-0.004)
    assert line.scores["in_dist"] == Score(mean=0.61)
    assert (line.commit, line.verdict, line.time.microsecond) == ("c" * 40, "PASS", 0)


def test_a_score_that_is_no_number_is_left_out() -> None:
    summaries = {**SUMMARIES, "ood": Summary.of_score(None)}

    assert [*line_of(judged(summaries=summaries), NOON, None).scores] == ["in_dist"]


def test_what_is_appended_is_read_in_its_order(tmp_path: Path) -> None:
    lines = at(0.6, 0.61, 0.62)

    append(tmp_path / "new", lines[:1])
    append(tmp_path / "new", lines[1:])

    assert read(file_of(tmp_path / "new", "mine")) == tuple(lines)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "line 1: expected JSON, got"),
        (b'{"schema": 2}', "line 1: schema: expected 1, got 2. Fix: remove the line"),
        (b"\xff\n", "expected lines of JSON"),
        (b"[]\n", "line 1: line: expected"),
    ],
)
def test_what_is_no_history_is_named_and_left_as_it_is(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = file_of(tmp_path, "mine")
    path.write_bytes(content)

    with pytest.raises(DataError, match=said):
        append(tmp_path, at(0.6))

    assert path.read_bytes() == content


def test_of_all_orders_of_as_good_results_at_most_one_in_twenty_creeps() -> None:
    every = list(itertools.permutations([0.6, 0.601, 0.602, 0.603, 0.604]))

    creeping = [order for order in every if trend_of(at(*order), "ood").creeps]

    assert (0.604, 0.603, 0.602, 0.601, 0.6) in creeping
    assert 1 <= len(creeping) <= len(every) / 20


def test_a_result_that_creeps_says_when_the_margin_is_spent() -> None:
    trend = trend_of(at(0.610, 0.609, 0.608, 0.607, 0.606), "ood")

    assert trend.slope == pytest.approx(-0.001)
    assert trend.steps_to(0.01) == 6
    assert trend_of(at(0.6, 0.61, 0.62, 0.63, 0.64), "ood").steps_to(0.01) is None


def test_the_same_result_gated_again_is_no_second_one() -> None:
    assert trend_of(at(0.61, 0.61, 0.60, 0.60, 0.59), "ood").values == (0.61, 0.60, 0.59)
    assert trend_of(at(0.61, 0.60, 0.59), "ood").p is None


@pytest.mark.parametrize("changed", ["golden", "dataset"])
def test_a_new_golden_or_new_data_begin_a_new_trend(changed: str) -> None:
    later = [line.model_copy(update={changed: "other"}) for line in at(0.6, 0.61, start=9)]

    assert trend_of([*at(0.7, 0.69, 0.68, 0.67), *later], "ood").values == (0.6, 0.61)


def test_a_trend_creeps_downwards_and_at_five_percent() -> None:
    assert Trend((), -0.001, 0.05).creeps
    assert not Trend((), -0.001, 0.0501).creeps
    assert not Trend((), 0.001, 0.01).creeps
    assert not Trend((), -0.001).creeps


def test_a_history_is_shown_with_its_trend_and_written_as_a_page(tmp_path: Path) -> None:
    append(tmp_path, at(0.610, 0.609, 0.608, 0.607, 0.606))
    page = tmp_path / "page.html"

    shown = CliRunner().invoke(
        cli, ["history", "mine", "--from", str(tmp_path), "--last", "2", "-o", str(page)]
    )
    machine = CliRunner().invoke(
        cli, ["history", "mine", "--from", str(tmp_path), "--format", "json"]
    )

    assert shown.exit_code == 0
    assert "2026-11-30 16:00" in shown.output
    assert "2026-11-30 13:00" not in shown.output
    assert "creeps: -0.0010 from one result to the next over 5 (p 0.008)" in shown.output
    assert [line["scores"]["ood"]["mean"] for line in json.loads(machine.stdout)][:2] == [
        0.61,
        0.609,
    ]
    assert page.read_text("utf-8").count('<svg class="chart"') == 1
    assert "creeps: -0.0010" in page.read_text("utf-8")


def test_a_case_without_a_history_is_told_how_to_keep_one(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli, ["history", "none", "--from", str(tmp_path)])

    assert f"Fix: amn gate none --history {tmp_path}" in str(shown.exception)
