"""A self-test passes a gate whose checks look, and fails one whose checks do not."""

from __future__ import annotations

import json
import operator
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.case.limits import RATIOS
from amn.checks.check import checks
from amn.cli.selftest import command
from amn.errors import ArgumentError, CheckNotRunError
from amn.gate.modes import GateOptions, gate_of, run_gate
from amn.golden.speed import machine, write_speed
from amn.golden.store import read_golden, write_golden
from amn.prove import clean
from amn.prove import selftest as proof
from amn.prove.selftest import Matrix, choose, run_selftest, trials
from amn.storage import sha256_file
from amn.verdict import Finding, Measured, Outcome, Severity, Status
from tests.instead import run_instead
from tests.printed import reads_wrongly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case
    from amn.prove.lab import Lab
    from amn.prove.selftest import Trial


def blind(**_: object) -> Measured:
    """Pass, whatever there is."""
    return Measured("sound", "always")


def alarmed(**_: object) -> Measured:
    """Warn, whatever there is, so that the case itself passes."""
    return Measured("odd", "never", [Finding("here", "odd", severity=Severity.WARNING)])


# Of data sets that keep texts: unit/gate/test_encoder.py, unit/checks/test_split_text.py
NO_TEXTS = {"D013-alignment", "S014-shared_text"}
# Their defects show in more articles, rows or columns than the toy case has, as in wiki-mini.
TOO_SMALL = {
    "D015-one_space",
    "D016-row_blocks",
    "D017-order_stretch",
    "D018-unordered_articles",
    "D019-border_stretch",
    "D020-positions",
    "D021-lone_rows",
    "D022-reading_direction",
    "D023-reversed_articles",
    "D024-article_space",
    "D025-article_signs",
    "D027-joined_articles",
    "D028-chunk_overlap",
    "D029-one_cloud",
    "S007-drift",
    "S013-split_direction",
}
PARTLY = {"D026-article_grid"}  # rounding to 8 bits leaves 24 numbers different
# Of a model that cannot be run here, and of a record that somebody else wrote.
OF_OTHERS = {
    "C006-skill_in_dist",
    "C007-skill_ood",
    "G025-recall_rows",
    "G026-recall_predicted",
    "G028-article_looks",  # of runs and checkpoints that a case wants to be looked at
    "G027-unchanged",  # of a case that is not judged again
    "W004-joined",
    "E015-not_ahead",
    "R014-columns",
    "R015-hold",
    "M010-as_declared",
}
OF_SPEED = ("C010", "C011", "C012")


def test_every_defect_of_a_check_is_tried() -> None:
    tried = {(trial.check.id, trial.defect) for trial in trials()}
    brought = {(check.id, defect) for check in checks().values() for defect in check.broken_by}

    assert brought < tried
    assert {check.label for check in checks().values()} == {trial.check.label for trial in trials()}


def files_of(folder: Path) -> list[tuple[Path, str]]:
    return [(path, sha256_file(path)) for path in sorted(folder.rglob("*")) if path.is_file()]


@dataclass(frozen=True)
class Proof:
    """A self-test, what its checks said, and the files of the case before it."""

    matrix: Matrix
    asked: list[tuple[Trial, Outcome]]
    before: list[tuple[Path, str]]


@pytest.fixture(scope="module")
def prove(toy_cache: Path) -> Callable[..., Proof]:
    def prove(case: Case, *only: str, n_variants: int = 0) -> Proof:
        asked: list[tuple[Trial, Outcome]] = []
        ask, before = proof._ask, files_of(case.folder)

        def noted(lab: Lab, trial: Trial) -> Outcome:
            asked.append((trial, ask(lab, trial)))
            return asked[-1][1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proof, "_ask", noted)
            matrix = run_selftest(case, cache=toy_cache, only=only, n_variants=n_variants)
        return Proof(matrix, asked, before)

    return prove


@pytest.fixture(scope="module")
def whole(prove: Callable[..., Proof], gated_case: Case) -> Proof:
    """Every defect, and clean variants."""
    return prove(gated_case, n_variants=12)


def test_every_check_that_a_case_declares_is_shown_to_fail(
    whole: Proof, prove: Callable[..., Proof], fast_case: Case, toy_cache: Path
) -> None:
    declared = gate_of(fast_case, GateOptions(cache=toy_cache)).declared
    fast = prove(fast_case, *OF_SPEED)

    ended = [outcome for _, outcome in (*whole.asked, *fast.asked)]
    assert len(ended) > 100
    read = [(one.label, reads_wrongly(one.status.value, one.value, one.limit)) for one in ended]
    assert [found for found in read if found[1]] == []  # each number fails its limit visibly

    rows = [*fast.matrix.defects, *whole.matrix.defects]
    caught = {row.check for row in rows if row.state == "caught"}
    assert {check.label for check in declared} - caught == TOO_SMALL
    assert {row.state for row in fast.matrix.defects} == {"caught"}
    of_speed = {row.check for row in fast.matrix.defects}
    idle = {row.check for row in whole.matrix.defects if row.state != "caught"} - of_speed
    assert idle == NO_TEXTS | OF_OTHERS | TOO_SMALL | PARTLY
    assert {*whole.matrix.unproven} - of_speed == NO_TEXTS | OF_OTHERS | TOO_SMALL


@pytest.fixture
def fast_case(
    make_case: Callable[..., Case],
    gated_case: Case,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Case:
    """The toy case with a [speed], whose figures are given and not timed."""
    folder = tmp_path / gated_case.folder.name
    shutil.copytree(gated_case.folder, folder)
    ratios = dict.fromkeys(RATIOS, 2.0)
    monkeypatch.setattr("amn.training.speed.measure_speed", lambda _: ratios)
    write_speed(folder, machine(), ratios)
    return make_case(folder, dataset={"path": "data"}, speed={"training": 1.5})


def test_defects_have_ids_and_titles_of_their_own() -> None:
    known = [trial.defect for trial in trials()]

    assert len(known) >= 90
    assert Counter(d.id for d in known).most_common(1)[0][1] == 1
    assert Counter(d.title for d in known).most_common(1)[0][1] == 1


def test_defects_of_data_come_before_those_of_models() -> None:
    when = [trial.when for trial in trials()]

    assert when == sorted(when, reverse=True)
    assert when.count("before training") >= 40


def test_a_sound_gate_catches_every_defect_and_raises_no_false_alarm(whole: Proof) -> None:
    matrix = whole.matrix

    assert [row for row in matrix.defects if row.state == "missed"] == []
    idle = {row.check.partition("-")[0] for row in matrix.defects if row.state == "not applicable"}
    small = {label.partition("-")[0] for label in NO_TEXTS | TOO_SMALL | PARTLY}
    of_others = {label.partition("-")[0] for label in OF_OTHERS}
    assert idle == {*OF_SPEED} | of_others | small  # no [speed], nothing of others
    assert [row for row in matrix.clean if row.alarms] == []
    assert matrix.passed
    assert len(matrix.defects) == len(trials())
    assert {row.kind for row in matrix.clean} == {"files", "splits", "scores"}
    assert all(row.checks > 5 for row in matrix.clean)
    assert all(row.message for row in matrix.defects)


HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


def first_number(text: str) -> float | None:
    found = re.match(r"\s*(?:p )?([-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?)", text)
    return float(found[1].replace(",", "")) if found else None


def test_a_check_that_fails_shows_what_failed_and_no_number_that_holds(
    whole: Proof, gated_case: Case, toy_cache: Path
) -> None:
    passing = {o.check: o for o in run_gate(gated_case, GateOptions(cache=toy_cache)).outcomes}

    wrong = []
    for trial, outcome in whole.asked:
        if outcome.status in (Status.PASS, Status.ERROR):
            continue
        compared = re.match(r"(<=|>=|<|>)\s*(.*)", outcome.limit)
        value, limit = first_number(outcome.value), first_number(compared[2]) if compared else None
        shows = (outcome.value, outcome.limit)
        if outcome.check in passing and outcome.value == passing[outcome.check].value:
            wrong.append((outcome.check, trial.defect.id, *shows, "as where it passes"))
        several = re.search(r"[,;] ", outcome.value)  # of several numbers one is enough
        if compared and None not in (value, limit) and not several:
            assert value is not None
            assert limit is not None
            if HOLDS[compared[1]](value, limit):
                wrong.append((outcome.check, trial.defect.id, *shows, "holds"))
    assert not wrong, "\n".join(map(str, wrong))


def test_nothing_of_the_case_is_changed(whole: Proof, gated_case: Case) -> None:
    assert files_of(gated_case.folder) == whole.before


@pytest.mark.parametrize("check", ["D007", "I006", "S003", "W001"])
def test_a_blinded_check_before_training_fails_the_self_test(
    selftest: Any, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, check, blind)
    matrix = selftest(check)

    assert not matrix.passed
    missed = [row for row in matrix.defects if row.state == "missed"]
    assert missed
    assert {row.check for row in missed} == {checks()[check].label}


@pytest.mark.parametrize("check", ["R003", "M001", "E005", "E009", "C002", "G001"])
def test_a_blinded_check_after_training_fails_the_self_test(
    selftest: Any, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, check, blind)
    matrix = selftest(check)

    assert not matrix.passed
    assert matrix.count("missed") == len(matrix.defects) >= 1


def test_a_check_that_only_warns_does_not_catch_what_has_to_block(
    selftest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "D001", alarmed)
    matrix = selftest("D001")

    assert {(row.state, row.status) for row in matrix.defects} == {("missed", "WARN")}


def test_an_alarm_on_a_clean_variant_fails_the_self_test(
    selftest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fires_later(**parts: object) -> Measured:
        calls.append(parts)
        bad = [Finding("here", "expected 1, got 2")] if len(calls) > 1 else []
        return Measured("1", "1", bad)

    run_instead(monkeypatch, "S001", fires_later)
    matrix = selftest("D001", n_variants=4)

    assert [row for row in matrix.defects if row.state == "missed"] == []
    assert not matrix.passed
    assert len(matrix.alarms) >= 1
    assert matrix.alarms[0].alarms[0] == "S001-disjoint FAIL: here: expected 1, got 2"


def test_a_case_that_does_not_pass_its_own_gate_is_no_ground_for_a_self_test(
    selftest: Any, gated_case: Case, make_case: Callable[..., Case]
) -> None:
    path = {"path": str(gated_case.dataset_path)}
    case = make_case(gated_case.folder, dataset=path, criteria={"ood": 0.99})

    with pytest.raises(CheckNotRunError, match=r"expected a case that passes its gate, got C002"):
        selftest("C001", case=case)
    assert selftest("D001", case=case, after_training=False).passed


def test_a_check_that_does_not_look_is_caught_for_that(selftest: Any) -> None:
    matrix = selftest("check-returns-nothing", "check-skipped")

    nothing, skipped = matrix.defects
    assert (nothing.state, nothing.status) == (skipped.state, skipped.status) == ("caught", "ERROR")
    assert "expected a measurement, got None: it did not look" in nothing.message
    assert skipped.message.endswith("could not run: skipped")


def test_messages_do_not_name_folders_that_are_gone(selftest: Any) -> None:
    matrix = selftest("D003", "I001", "M001", "G004")

    assert len(matrix.defects) == 9
    assert [row for row in matrix.defects if "amn-selftest" in row.message] == []


def test_an_error_of_an_injector_is_no_catch(
    selftest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("amn.checks.broken.copies.CaseCopy.change_vectors", fails)

    with pytest.raises(ZeroDivisionError):
        selftest("nan-row")


def test_a_defect_of_what_a_case_does_not_have_is_not_applicable(
    selftest: Any, toy_case: Case
) -> None:
    matrix = selftest("I001", "G001", "nan-row", case=toy_case)

    states = {row.defect: row.state for row in matrix.defects}
    assert states["nan-row"] == "caught"
    assert states["index-flipped-bit"] == states["worse-ood"] == "not applicable"
    assert matrix.passed
    assert not Matrix("toy", matrix.defects[-1:], (), 0.0, 0.0).passed


def test_defects_are_chosen_by_name_check_and_family() -> None:
    assert [trial.defect.id for trial in choose(["nan-row"])] == ["nan-row"]
    assert {trial.check.id for trial in choose(["d001", "E006"])} == {"D001", "E006"}
    assert {trial.check.id[0] for trial in choose(["W"])} == {"W"}
    with pytest.raises(ArgumentError, match=r"expected a defect, .* got 'typo'. Fix: amn selftest"):
        choose(["typo"])


@pytest.fixture
def invoke(gated_case: Case, toy_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("amn.cli.selftest.find_cases", lambda _: [gated_case])

    def invoke(*words: str) -> Any:
        return CliRunner().invoke(command, ["toy", "--cache", str(toy_cache), *words])

    return invoke


def test_the_command_ends_in_the_matrix_and_the_verdict(invoke: Any) -> None:
    result = invoke("--only", "D001", "--only", "C002")

    assert result.exit_code == 0
    assert "One number of one row is NaN" in result.stdout
    assert "before training" in result.stdout
    assert "after training" in result.stdout
    assert result.stdout.splitlines()[-1].startswith(
        "PASS: 4 of 4 defects caught by their own check, 2 of them before training; no clean"
    )
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 100


def test_the_command_exits_with_1_and_names_what_was_missed(
    invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "D001", blind)
    result = invoke("--only", "D001")

    assert result.exit_code == 1
    assert "MISSED nan-row: D001-finite PASS" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("FAIL: 0 of 2 defects caught")


def test_the_command_gives_json(invoke: Any) -> None:
    result = invoke("--only", "D001", "--variants", "2", "--no-training", "--format", "json")

    values = json.loads(result.stdout)[0]
    assert result.exit_code == 0
    assert (values["caught"], values["missed"], values["false_alarms"]) == (2, 0, 0)
    assert values["defects"][0]["when"] == "before training"
    assert values["defects"][0]["check"] == "D001-finite"
    assert "D002-unit_norm" in values["unproven_checks"]


def test_the_command_lists_the_defects(invoke: Any) -> None:
    result = invoke("--list")

    assert result.exit_code == 0
    assert f"{len(trials())} defects." in result.stdout
    assert "lookalike-class" in result.stdout


def test_variants_of_scores_on_fewer_articles_say_so_and_raise_no_alarm(
    selftest: Any, gated_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(clean, "FEWEST_ARTICLES", 9)  # of twelve
    monkeypatch.setattr(
        clean, "write_golden", lambda *of: (written.append(of[1]), write_golden(*of))
    )

    matrix = selftest("D001", n_variants=10)

    scores = [row for row in matrix.clean if row.kind == "scores"]
    assert [row.alarms for row in scores] == [()] * len(scores)
    assert len(written) == len(scores) == 4
    accepted = read_golden(gated_case.folder)
    for golden in written:
        assert len(golden.tables["ood"].judged().articles) == 9
        assert golden.record.digests.windows != accepted.record.digests.windows
