"""Two hundred cases, one of them changed: one is judged, and the verdicts are those of all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.case.load import load_case
from amn.cli.main import cli
from amn.data.writer import Chunks, write_dataset
from amn.gate.acceptance import accept
from amn.golden.store import write_golden
from tests.checkouts import CASE_TEXT, begin_change, commit, git
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from click.testing import Result

CASES = [f"c{number:03}" for number in range(200)]


def gate(*words: str) -> Result:
    return CliRunner().invoke(cli, ["gate", "--target", "main", *words])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose main branch is about to record that each of its cases passes."""
    monkeypatch.chdir(tmp_path)
    articles, places = running_keys(*[16] * 64, first=1)
    chunks = Chunks(article_ids=articles, chunk_index=places)
    write_dataset(Path("data"), drifting_rows(64, 16, 24), chunks, name="toy", dtype="float32")
    for name in CASES:
        Path("golden", name).mkdir(parents=True)
        Path("golden", name, "case.toml").write_text(CASE_TEXT, "utf-8")
    golden = accept(
        load_case(Path("golden", CASES[0])), cache=Path(".amn/runs"), seeds=range(5),
        reason="first accepted result", author="A. Nonymous", created=date(2025, 1, 31),
    ).golden  # fmt: skip
    for name in CASES:
        record = golden.record.model_copy(update={"case": name})
        write_golden(Path("golden", name), replace(golden, record=record))
    Path(".gitignore").write_text(".amn/\n*.json.out\n", "utf-8")
    begin_change(tmp_path)
    return tmp_path


def verdicts(path: str) -> dict[str, str]:
    document = json.loads(Path(path).read_text("utf-8"))
    return {result["case"]: result["verdict"] for result in document["results"]}


def test_one_changed_case_of_two_hundred_is_judged_and_the_verdicts_are_those_of_all(
    project: Path,
) -> None:
    recorded = gate("--history", "history")
    assert recorded.exit_code == 0, recorded.output
    commit(project, "results")
    git(project, "branch", "-f", "main", "HEAD")
    file = Path("golden", CASES[7], "case.toml")
    file.write_text(file.read_text("utf-8").replace("ood = 0.3", "ood = 0.31"), "utf-8")
    commit(project)
    some, every = gate("--changed", "-o", "json=some"), gate("-o", "json=every")
    assert (some.exit_code, every.exit_code) == (0, 0), some.output
    assert verdicts("some") == verdicts("every")
    assert "199 of 200 cases unchanged since their last PASS" in some.stderr
    assert f"judged, this change touches its files: {CASES[7]}\n" in some.stderr
