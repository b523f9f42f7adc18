"""The failure report: every number is one of a record's, and a stranger learns what to do."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from amn.diagnosis.records import ABORT_PROFILES, judge_records
from amn.errors import MissingDependencyError
from amn.evaluation.summary import Summary
from amn.gate.result import GateResult
from amn.report.failure.gather import FailureReport, gather
from amn.report.failure.progress import progression
from amn.report.failure.render import print_report, to_markdown
from amn.report.failure.runs import describe_loss, from_gate, from_record
from amn.training.records.history import EpochFigures, RunHistory
from amn.verdict import Finding, Outcome, Status

if TYPE_CHECKING:
    from amn.case.load import Case
    from amn.training.candidate import Candidate

HISTORY = Path(__file__).parents[2] / "data" / "history"
ORDER = ["584k", "790k-1", "790k-2", "790k-3"]


def report_of(*paths: Path) -> FailureReport:
    judged = judge_records(paths, ABORT_PROFILES["calibrated"])
    runs = [from_record(record) for record in judged]
    return gather("Four runs", runs, ABORT_PROFILES["calibrated"], "amn report x")


@pytest.fixture(scope="module")
def history() -> FailureReport:
    return report_of(*(HISTORY / f"{name}.json" for name in ORDER))


@pytest.fixture(scope="module")
def document(history: FailureReport) -> str:
    return to_markdown(history)


def section(document: str, title: str) -> str:
    found = re.search(rf"^## {title}.*?$(.*?)(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def test_the_results_stand_beside_what_was_written_down_then(document: str) -> None:
    table = section(document, "Results").splitlines()
    rows = [
        [text.strip() for text in line.split("|")[1:6]]
        for line in table
        if line.startswith(("| 5", "| 7"))
    ]

    assert rows == [
        ["584k baseline", "SUCCESS", "success", "0.5597", "0.6375"],
        ["790k &#35;1", "HARNESS", "OOD collapse", "0.4607", "-0.0118"],
        ["790k &#35;2", "INFONCE_DOMINANCE", "InfoNCE dominance", "0.2675", ""],
        ["790k &#35;3", "HARNESS", "OOD catastrophic", "0.4621", "0.0211"],
    ]


def test_the_progression_of_attempt_3_has_its_deltas_and_events(history: FailureReport) -> None:
    run = history.runs[3]
    lines = progression(run.histories[0], run.stop_epoch)

    assert [line.figures.epoch for line in lines] == [1, 5, 10, 15, 18, 19, 20]
    assert [f"{line.change:+.4f}" for line in lines[1:]] == [
        "+0.0088", "+0.0024", "+0.0007", "+0.0003", "+0.0033", "+0.0009",
    ]  # fmt: skip
    assert lines[4].events == ("learning rate 0.0005 to 0.00025",)
    assert lines[6].events == ("best",)


def test_a_smooth_schedule_has_no_events() -> None:
    lines = tuple(EpochFigures(epoch=i, val_cosine=0.5 - 0.01 * i, lr=1 / i) for i in range(1, 21))
    shown = progression(RunHistory(name="x", epochs=lines), None)

    assert [line.figures.epoch for line in shown] == [1, 4, 7, 10, 13, 16, 19, 20]
    assert [line.events for line in shown[1:]] == [()] * 7


def test_the_broken_measurement_comes_before_everything_else(history: FailureReport) -> None:
    assert [found.cause.id for found in history.causes] == [
        "loader", "dominant_term", "undeclared_term", "no_reference",
    ]  # fmt: skip
    assert history.causes[0].runs == ("790k #1", "790k #3")
    assert history.causes[0].evidence[0].startswith("E005 790k #1, ood: expected above any")


def test_a_stranger_reads_what_happened_what_to_do_and_what_not(document: str) -> None:
    titles = re.findall(r"^## (.*)$", document, re.MULTILINE)

    assert titles == [
        "Results", "Progression by epoch", "Root causes", "Recommended actions, in this order",
        "What not to do", "Next steps", "Also seen", "Success criteria",
    ]  # fmt: skip
    assert "2 HARNESS, 1 INFONCE_DOMINANCE, 1 SUCCESS" in document
    assert "amn gate CASE --checkpoint FILE" in section(document, "Recommended actions")
    assert "poor generalisation" in section(document, "What not to do")
    assert "| minimum | OOD >= 0.60 | 584k baseline 0.6375 |" in document


def test_advice_follows_the_cause_and_tunes_nothing_beside_a_broken_loader() -> None:
    paths = [HISTORY / f"{name}.json" for name in ("790k-1", "790k-3")]
    measured = {"constant": 0.3, "mean": 0.62}  # with which their first epochs are too low as well
    judged = judge_records(paths, ABORT_PROFILES["calibrated"], measured)
    runs = [from_record(record) for record in judged]
    report = gather("x", runs, ABORT_PROFILES["calibrated"], "amn report x")
    document = to_markdown(report)

    assert any(o.check == "R001" and o.has_failed for run in runs for o in run.outcomes)
    assert report.causes[0].cause.id == "loader"
    for title in ("Recommended actions", "What not to do", "Next steps"):
        assert "rate" not in section(document, title).replace("generalisation", "")


@pytest.mark.parametrize("title", ["#1", "a # b", "# heading", "790k #3 ## x"])
def test_a_hash_of_a_name_is_no_heading(tmp_path: Path, title: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"name": title, "history": [{"val_cosine": 0.01}]}))
    document = to_markdown(report_of(tmp_path))

    assert title.replace("#", "&#35;") in document
    headings = [line.lstrip("#") for line in document.splitlines() if line.startswith("#")]
    assert not any("#" in heading.replace("&#35;", "") for heading in headings)


def test_every_figure_of_the_tables_is_one_of_the_records(document: str) -> None:
    known = " ".join((HISTORY / f"{name}.json").read_text() for name in ORDER)
    tables = section(document, "Results") + "".join(
        line.rsplit("|", 4)[0] for line in section(document, "Progression").splitlines()
    )
    figures = set(re.findall(r"-?0\.\d{4}\b", tables))

    assert len(figures) > 15
    assert {f for f in figures if str(float(f)) not in known} == set()


def test_a_healthy_run_says_so_and_has_no_causes(tmp_path: Path) -> None:
    lines = [{"epoch": i, "val_cosine": 0.55 + 0.01 * i} for i in range(1, 4)]
    (tmp_path / "a.json").write_text(json.dumps(lines))
    document = to_markdown(report_of(tmp_path))

    assert "1 run: 1 SUCCESS." in document
    assert "Every check that these records can be judged by ran, and none failed." in document
    assert "Root causes" not in document
    assert "Recommended" not in document


def test_an_unreadable_record_is_a_row_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    document = to_markdown(report_of(tmp_path))

    assert "| a.json | UNREADABLE |" in document
    assert "a.json could not be read: expected a record in JSON" in document


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script> | `x` ## [a](b)\n\n# Heading"
    content = {"name": name, "history": [{"val_cosine": 0.01}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    document = to_markdown(report_of(tmp_path))

    assert "<script>" not in document
    assert "\n# Heading" not in document
    assert r"&lt;script&gt;alert(1)&lt;/script&gt; &#124; &#96;x&#96;" in document


def test_it_reads_in_a_terminal_of_100_columns(history: FailureReport) -> None:
    out = io.StringIO()
    print_report(history, Console(file=out, width=100))

    text = out.getvalue()
    assert "INFONCE_DOMINANCE" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_without_jinja_the_extra_is_named(
    history: FailureReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str) -> None:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr("amn.errors.import_module", absent)
    with pytest.raises(MissingDependencyError, match=r"pip install 'jinja2>=3"):
        to_markdown(history)


def test_a_gated_case_is_a_row_with_a_progression_a_seed(
    toy_case: Case, toy_candidates: tuple[Candidate, ...]
) -> None:
    failed = Outcome("C002", "ood", Status.FAIL, findings=(Finding("ood", "expected a, got b"),))
    scores = {"in_dist": Summary(0.56), "ood": Summary(0.55)}
    made = {"case": toy_case, "summaries": scores, "candidates": toy_candidates}
    run = from_gate(GateResult("wiki", ("C002-ood",), (failed,), made))
    document = to_markdown(gather("Wiki", [run], ABORT_PROFILES["calibrated"], "amn report wiki"))

    assert (run.status.value, run.loss) == ("BELOW_FLOOR", "cosine")
    assert run.delta == pytest.approx(-0.01)
    assert "### wiki, seed 0: BELOW_FLOOR" in document
    assert "C002 wiki, ood: expected a, got b" in document


def test_a_gate_that_did_not_look_is_no_success() -> None:
    run = from_gate(GateResult("wiki", ("C002-ood",), ()))

    assert run.status.value == "NOT_MEASURED"


def test_the_loss_names_what_nobody_declared() -> None:
    lines = tuple(
        EpochFigures(epoch=i, train_loss=0.001 + 0.0005 / i + 0.000976,
                     terms={"mse": 0.001 + 0.0005 / i})
        for i in range(1, 8)
    )  # fmt: skip
    assert describe_loss(RunHistory(name="x", epochs=lines)) == "mse + 0.000976 undeclared"
    assert describe_loss(RunHistory(name="x")) == ""
    assert describe_loss(RunHistory(name="x", weights={"mse": 1.0})) == "mse"
