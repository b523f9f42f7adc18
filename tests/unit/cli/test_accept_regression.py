"""A worse result: refused, accepted on record, shown, and what its change exits with."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from amn.cli.main import main
from amn.golden.base.target import CI_VARIABLES
from amn.golden.ledger import read_ledger
from amn.golden.store import read_golden, write_golden
from tests.checkouts import CASE_TEXT, begin_change, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOUND = CASE_TEXT.replace("lift = -0.05", "lift = -0.5")  # the golden alone decides
WORSE = SOUND.replace("epochs = 3", "epochs = 1").replace("lr = 0.003", "lr = 0.0005")
DRIFT = """
[golden]
drift = 0.9
margins = { in_article = 0.9, reciprocal_rank = 0.9 }
"""  # what one may lose at once is not what this is about


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, toy_data: Path, toy_golden: Any) -> Path:
    """A case with a golden on main; on the branch `change` it trains for one epoch."""
    root = tmp_path_factory.mktemp("regression")
    folder = root / "golden" / "case"
    shutil.copytree(toy_data, root / "data")
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(SOUND + DRIFT, "utf-8")
    write_golden(folder, toy_golden)
    begin_change(root)
    (folder / "case.toml").write_text(WORSE + DRIFT, "utf-8")
    commit(root)
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

    def run(*words: str, cached: bool = True) -> tuple[int, str, str]:
        where = ("--cache", str(toy_cache)) if cached else ()
        monkeypatch.setattr(sys, "argv", ["amn", *words, *where])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_regression_is_refused_recorded_shown_and_then_the_bar(run: Any, project: Path) -> None:
    folder = project / "golden" / "case"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    update = ("golden", "update", "case", "--reason", "half the budget")
    code, out, err = run(*update)
    assert (code, out) == (3, "")
    assert "expected a result that passes and is not worse, got FAIL (G001-ood: " in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    old = read_golden(folder).record.metrics["ood"].mean
    code, out, err = run(*update, "--accept-regression")
    assert (code, err) == (0, "")
    assert "LOOSENED" in out
    assert "accepted although: G001-ood: " in out
    assert read_golden(folder).record.metrics["ood"].mean < old - 0.01
    entries = read_ledger(folder)
    assert [entry.accepted_regression for entry in entries] == [False, True]
    assert (entries[1].verdict, entries[1].reason) == ("FAIL", "half the budget")
    log = json.loads(run("golden", "log", "case", "--format", "json", cached=False)[1])
    assert [entry["accepted_regression"] for entry in log] == [False, True]
    commit(project)

    code, out, _ = run("gate", "case", "--target", "main")
    assert code == 5, out
    assert "this change accepted a regression" in out
    assert "this change moved the golden" in out

    git(project, "branch", "-q", "-f", "main", "HEAD")
    commit(project, "next")
    code, out, _ = run("gate", "case", "--target", "main", "--format", "json")
    review = json.loads(out)["results"][0]["review"]
    assert (code, review["loosenings"]) == (0, []), out
