"""A sweep is one table, one plot and one JSON document that agree."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from amn.evaluation.statistics import cluster_interval
from amn.evaluation.summary import Summary
from amn.prove.sweep_config import Point, SweepConfig
from amn.prove.sweep_result import PointResult
from amn.report.sweep import sweep_json, sweep_lines, sweep_markdown, sweep_table, write_plot

if TYPE_CHECKING:
    from pathlib import Path

SWEEP = SweepConfig.model_validate({"schema": 1, "title": "a | b", "grid": {"training.lr": [1]}})


def result(name: str, val: float, *, lift: float = 0.01, status: str = "finished") -> PointResult:
    values = [lift + offset for offset in (-0.004, 0.002, 0.0, 0.002) * 5]
    interval = cluster_interval(values, list(range(20)), seed=0)
    summary = Summary(0.6, (0.6,), interval, {"mean": 0.59}, interval)
    return PointResult(
        point=Point(name, {"training.lr": 1.0}),
        seeds=(0,),
        val_cosines=(val,),
        statuses=(status,),
        epochs=(4,),
        splits={"in_dist": summary, "ood": summary},
        against_golden={"in_dist": interval, "ood": None},
        n_parameters=1234,
        n_train_windows=100,
        windows_per_second=5678.4,
    )


RESULTS = [
    result("lr=0.001", 0.61),
    result("lr=0.003", 0.62, lift=-0.02),
    result("lr=0.9", 0.7, status="crashed"),
]


def printed() -> str:
    out = io.StringIO()
    Console(file=out, width=100, highlight=False).print(sweep_table(RESULTS))
    return out.getvalue()


def test_the_table_has_a_line_a_point_and_marks_the_best_that_finished() -> None:
    lines = printed().splitlines()

    assert len(lines) == 4
    assert lines[1].split()[:4] == ["lr=0.001", "1", "0.6100", "0.6000"]
    assert "+.0100 [" in lines[1]
    assert "-.0200 [-." in lines[2]
    assert lines[2].startswith("lr=0.003 *")
    assert max(len(line) for line in lines) <= 100


def test_long_names_are_folded_not_cut() -> None:
    name = "a name that takes much more room than a line has for it"
    out = io.StringIO()
    Console(file=out, width=100).print(sweep_table([result(name, 0.6)]))

    assert all(word in out.getvalue() for word in name.split())
    assert "0.6000" in out.getvalue()
    assert "…" not in out.getvalue()


def test_what_did_not_finish_and_the_best_against_the_golden_are_said() -> None:
    lines = list(sweep_lines(RESULTS))

    assert lines[0] == "lr=0.9: seed 0 crashed after epoch 4"
    assert lines[1] == "* best by validation cosine, 0.6200: lr=0.003"
    assert lines[2].startswith("  against the golden, in_dist: -0.0200 [-0.0")
    assert lines[3] == "  against the golden, ood: not comparable, other windows"
    assert list(sweep_lines([RESULTS[2]]))[-1] == "best: none, no point finished"


def test_markdown_has_parameters_and_speed_and_escapes_titles() -> None:
    text = sweep_markdown(SWEEP, RESULTS)

    assert text.startswith("### a &#124; b\n")
    assert "| 1,234 | 5,678 |" in text
    assert "| **lr=0.003** | 0.6200 |" in text


def test_json_is_plain_and_names_the_best() -> None:
    facts = json.loads(json.dumps(sweep_json("toy", SWEEP, RESULTS), allow_nan=False))

    assert facts["best"] == "lr=0.003"
    assert facts["points"][0]["splits"]["ood"]["lift"]["mean"] == pytest.approx(0.01)
    assert facts["points"][1]["against_golden"]["ood"] is None


def test_a_score_that_is_not_a_number_is_null_in_json_and_shown_in_the_table() -> None:
    broken = replace(RESULTS[2], splits=dict.fromkeys(("in_dist", "ood"), Summary(float("nan"))))
    out = io.StringIO()
    Console(file=out, width=100).print(sweep_table([broken]))

    assert "nan" in out.getvalue()
    facts = json.loads(json.dumps(sweep_json("toy", SWEEP, [broken]), allow_nan=False))
    assert facts["points"][0]["splits"]["ood"]["mean"] is None


def test_the_plot_is_one_page_with_every_point_and_the_same_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    write_plot(first, RESULTS, title="rates")
    write_plot(second, RESULTS, title="rates")

    page = first.read_text("utf-8")
    assert "<svg" in page
    assert all(result.point.name in page for result in RESULTS)
    assert first.read_bytes() == second.read_bytes()
