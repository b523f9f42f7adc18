"""`amn golden new` and `update`: several cases, no change, drift, and being killed."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from amn.api import check_split
from amn.checks.broken.golden import moved
from amn.cli.golden.log import command
from amn.cli.main import main
from amn.data.dataset import open_dataset
from amn.data.vectors import unit_rows
from amn.data.writer import Chunks, write_dataset
from amn.golden.base.target import CI_VARIABLES
from amn.golden.compare import own_margin
from amn.golden.ledger import read_ledger
from amn.golden.schema import Golden
from amn.golden.store import GOLDEN_FILE, TABLE_FILE, WRITTEN, read_golden, write_golden
from amn.golden.transaction import BEFORE
from amn.verdict import Status, Verdict
from tests.checkouts import CASE_TEXT, begin_change, commit, git
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
WHY = ("--reason", "why")
SCREEN = 24  # lines


@pytest.fixture
def project(tmp_path: Path, toy_data: Path, toy_golden: Any) -> Path:
    """`case` has a golden, `one` and `two` have none."""
    root = tmp_path / "project"
    shutil.copytree(toy_data, root / "data")
    for name in ("case", "one", "two"):
        (root / "golden" / name).mkdir(parents=True)
        (root / "golden" / name / "case.toml").write_text(CASE_TEXT, "utf-8")
    write_golden(root / "golden" / "case", toy_golden)
    begin_change(root)
    return root


@pytest.fixture
def run(
    project: Path,
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Run `amn WORDS` in the project; return exit code, stdout and stderr."""
    for name in ("CI", "PYTEST_XDIST_WORKER", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["amn", *words, "--cache", str(toy_cache)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_an_update_without_a_change_writes_nothing(run: Any, project: Path) -> None:
    run("golden", "update", "case", *WHY)  # the toy case lay elsewhere
    commit(project)
    before = contents(project / "golden" / "case")

    code, out, _ = run("golden", "update", "case", *WHY)

    assert (code, out) == (0, "case: nothing changed, and nothing is written\n")
    assert contents(project / "golden" / "case") == before


def test_new_and_update_take_several_cases(run: Any, project: Path) -> None:
    code, out, _ = run("golden", "new", "one", "two", *WHY)
    assert code == 0, out
    commit(project)

    assert [read_golden(project / "golden" / n).record.case for n in ("one", "two")] == [
        "one", "two",
    ]  # fmt: skip
    code, out, _ = run("golden", "update", "one", "two", *WHY)
    assert (code, out.count("nothing changed")) == (0, 2)


def test_nothing_is_accepted_when_one_of_several_cases_cannot_be(run: Any, project: Path) -> None:
    code, out, err = run("golden", "new", "one", "case", *WHY)

    assert (code, out) == (2, "")
    assert "case/golden.json: expected no golden, found one" in err
    assert not (project / "golden" / "one" / GOLDEN_FILE).exists()


def test_an_update_that_spends_more_than_the_budget_for_drift_says_so_at_once(
    run: Any, project: Path, toy_golden: Any
) -> None:
    folder = project / "golden" / "case"
    (folder / "case.toml").write_text(CASE_TEXT + "[golden]\ndrift = 0.002\n", "utf-8")
    (folder / "ledger.jsonl").unlink()
    write_golden(folder, moved(toy_golden, by=0.005))
    commit(project)
    before = contents(folder)

    code, out, err = run("golden", "update", "case", *WHY)

    assert (code, out) == (3, "")
    assert (
        "G012-drift ood: expected at most 0.002 below the anchor, got 0.0050 since entry 0" in err
    )
    assert contents(folder) == before
    shown = run("golden", "diff", "case")[1]
    assert "would be refused: G012-drift in_dist" in shown
    accept = (
        "accept it for ever on record: amn golden update case --reason TEXT --accept-regression"
    )
    assert shown.endswith(f"{accept}\n")
    code, out, _ = run("golden", "update", "case", *WHY, "--accept-regression")
    assert code == 0
    assert "accepted although: G012-drift" in out
    assert read_ledger(folder)[-1].accepted_regression


def test_an_update_that_creeps_in_what_comes_next_is_refused_too(
    run: Any, project: Path, toy_golden: Any
) -> None:
    folder = project / "golden" / "case"
    (folder / "ledger.jsonl").unlink()
    margin = own_margin(toy_golden, "ood", "reciprocal_rank")
    for share in (1.4, 0.7):
        write_golden(folder, moved(toy_golden, by=share * margin, metric="reciprocal_rank"))
    commit(project)

    code, out, err = run("golden", "update", "case", *WHY)

    assert (code, out) == (3, "")
    expected = f"G012-drift reciprocal_rank.ood: expected at most {margin:.4g} below the anchor"
    assert f"{expected}, got {1.4 * margin:.4f} since entry 0" in err
    log = CliRunner().invoke(command, ["case"]).output
    assert f"{-0.7 * margin:+.4f} since entry 0 (budget -{margin:.4g})" in log
    assert "reciprocal_rank.ood" in log


def cut_off(folder: Path, replaced: tuple[str, ...]) -> None:
    """Leave a folder as an update does that is killed after it replaced some files."""
    before = folder / BEFORE
    before.mkdir()
    for name in WRITTEN:
        if (folder / name).exists():
            shutil.copy(folder / name, before / name)
    for name in replaced:
        (folder / name).write_bytes(b"half an update")
    (folder / f".{TABLE_FILE}.abc").write_bytes(b"a temporary file")


@pytest.mark.parametrize("replaced", [(), (TABLE_FILE,), (TABLE_FILE, GOLDEN_FILE)])
def test_an_update_that_was_killed_is_undone_by_the_same_command_which_goes_on(
    run: Any, project: Path, replaced: tuple[str, ...]
) -> None:
    folder = project / "golden" / "case"
    (folder / "case.toml").write_text(CASE_TEXT.replace("epochs = 3", "epochs = 4"), "utf-8")
    commit(project)
    cut_off(folder, replaced)
    code, out, _ = run("gate", "case")
    assert code == 3
    assert "found a change that was cut off. Fix: the command that was, such as amn golden u" in out

    code, out, err = run("golden", "update", "case", *WHY, "--accept-regression")

    assert code == 0, err
    assert "a change of its golden was cut off, and is undone" in err
    assert len(read_ledger(folder)) == 2
    assert set(contents(folder)) == {"case.toml", GOLDEN_FILE, TABLE_FILE, "ledger.jsonl"}
    assert not (folder / BEFORE).exists()


def test_a_first_golden_that_was_killed_is_undone_by_the_same_command_which_goes_on(
    run: Any, project: Path
) -> None:
    folder = project / "golden" / "one"
    cut_off(folder, (TABLE_FILE, GOLDEN_FILE))

    code, _, err = run("golden", "new", "one", *WHY)

    assert code == 0, err
    assert read_golden(folder).record.case == "one"


def test_a_diff_and_the_change_of_golden_json_fit_a_screen_each(run: Any, project: Path) -> None:
    folder = project / "golden" / "case"
    text = CASE_TEXT.replace("epochs = 3", "epochs = 4").replace("lr = 0.003", "lr = 0.004")
    (folder / "case.toml").write_text(text, "utf-8")
    commit(project)

    code, out, _ = run("golden", "diff", "case")
    assert code == 0
    assert len(out.splitlines()) <= SCREEN, out
    assert "ood: 12 of 12 articles moved (" in out

    assert run("golden", "update", "case", *WHY, "--accept-regression")[0] == 0
    diff = git(project, "diff", "golden/case/golden.json")
    assert 10 < len(diff.splitlines()) <= SCREEN
    lines = git(project, "diff", "--stat", "golden/case/golden.csv")
    assert "24 insertions" in lines  # every judged article, and no article of training


def test_articles_that_have_names_are_accepted_and_compared_by_their_names(
    run: Any, project: Path
) -> None:
    vectors = drifting_rows(64, 16, 24)
    articles, index = running_keys(*[16] * 64, first=1)
    names = np.array([f"doc {article:03d}" for article in articles])
    data = project / "named"
    write_dataset(
        data, vectors, Chunks(article_ids=names, chunk_index=index), name="named", dtype="float32"
    )
    text = CASE_TEXT.replace("../../data", "../../named")
    for ids, chosen in (("41-52", range(41, 53)), ("53-64", range(53, 65))):
        text = text.replace(f'"{ids}"', str([f"doc {n:03d}" for n in chosen]).replace("'", '"'))
    (project / "golden" / "one" / "case.toml").write_text(text, "utf-8")

    code, out, err = run("golden", "new", "one", *WHY)

    assert code == 0, out + err
    golden = read_golden(project / "golden" / "one")
    assert golden.record.articles == "string"
    assert golden.tables["ood"].articles.tolist() == [f"doc {n:03d}" for n in range(53, 65)]
    assert "one: nothing changed" not in run("golden", "diff", "one")[1]
    assert "G001 ood" in run("gate", "one")[1]


def with_other_ood(project: Path) -> None:
    """Write the data of the project anew, neighbours of OOD more alike than they were."""
    dataset = open_dataset(project / "data")
    vectors = np.asarray(dataset.gather(np.arange(len(dataset))), np.float64)
    ood = vectors[-192:].reshape(12, 16, -1)
    ood += 0.7 * ood.mean(axis=1, keepdims=True)
    vectors[-192:] = unit_rows(ood.reshape(192, -1))
    chunks = Chunks(article_ids=dataset.article_ids, chunk_index=dataset.chunk_index)
    shutil.rmtree(project / "data")
    write_dataset(project / "data", vectors.astype(np.float32), chunks, name="toy", dtype="float32")


def test_other_data_are_named_before_training_and_in_the_diff_and_accepted_with_a_reason(
    run: Any, project: Path
) -> None:
    with_other_ood(project)
    commit(project)

    found = check_split(project / "golden" / "case")
    ends = {o.check: o for o in found.outcomes}
    assert found.judged is Verdict.INCONCLUSIVE
    assert "got other ones in 12: 53, 54" in ends["G021"].findings[0].message
    assert any("more alike" in finding.message for finding in ends["G022"].findings)

    code, out, _ = run("golden", "diff", "case")
    assert code == 0, out
    assert "articles: 12 changed (53, 54, 55, ...)" in out
    assert "ood: neighbours are " in out
    assert "more alike than in the accepted set; reference predictors gained " in out
    assert len(out.splitlines()) <= SCREEN

    assert run("golden", "update", "case", "--accept-regression", *WHY)[0] == 0
    ends = {o.check: o for o in check_split(project / "golden" / "case").outcomes}
    assert (ends["G021"].value, ends["G022"].value) == ("the same vectors", "the same vectors")


def test_the_profile_of_the_same_data_stays_to_the_last_digit(
    run: Any, project: Path, toy_golden: Any
) -> None:
    folder = project / "golden" / "case"
    record = toy_golden.record
    near = {
        name: {
            place: one._replace(value=round(one.value + 1e-6, 6)) for place, one in places.items()
        }
        for name, places in record.profile.items()
    }
    write_golden(folder, Golden(record.model_copy(update={"profile": near}), toy_golden.tables))
    commit(project)

    assert run("golden", "update", "case", *WHY)[0] == 0

    assert read_golden(folder).record.profile == near


def test_a_first_golden_lists_the_checks_that_warn(run: Any, project: Path) -> None:
    code, out, _ = run("golden", "new", "one", *WHY)

    assert code == 0
    record = read_golden(project / "golden" / "one").record
    warned = [label for label, ended in record.checks.items() if ended.status is Status.WARN]
    assert record.profile
    assert "D009-stages" in warned
    assert f"accepted with {len(warned)} warning, for this reason: {', '.join(warned)}" in out
