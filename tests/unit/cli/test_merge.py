"""`amn gate --shard` and `amn merge`: several gates come to what one would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from tests.checkouts import CASE_TEXT

if TYPE_CHECKING:
    from click.testing import Result

CASES = ("a", "b", "c")


@pytest.fixture(autouse=True)
def _cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in CASES:
        folder = Path("golden", name)
        folder.mkdir(parents=True)
        (folder / "case.toml").write_text(CASE_TEXT, "utf-8")
    Path("metrics.json").write_text(json.dumps({"in_dist": 0.61, "ood": 0.61}), "utf-8")


def amn(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def gate(*words: str) -> Result:
    return amn("gate", "--metrics", "metrics.json", "--first-run", *words)


def without_times(path: str) -> Any:
    document = json.loads(Path(path).read_text("utf-8"))
    for result in document["results"]:
        for check in result["checks"]:
            check["seconds"] = 0
    return document


def test_shards_put_together_are_what_one_gate_says() -> None:
    whole = gate("-o", "whole.json")
    for number in (1, 2):
        gate("--shard", f"{number}/2", "-o", f"verdict-{number}.json")

    result = amn("merge", "verdict-1.json", "verdict-2.json", "-o", "verdict.json")

    assert result.exit_code == whole.exit_code == 0, result.output
    assert without_times("verdict.json") == without_times("whole.json")
    assert "wrote verdict.json: 3 cases of 2 shards" in result.output


def test_bundles_of_shards_become_the_bundle_of_one_gate() -> None:
    gate("--bundle", "whole.zip")
    for number in (1, 2, 3):
        gate("--shard", f"{number}/3", "--bundle", f"bundle-{number}.zip")

    result = amn("merge", *(f"bundle-{n}.zip" for n in (1, 2, 3)), "-o", "bundle.zip", "--strict")

    assert result.exit_code == 4  # scores alone are PARTIAL
    assert Path("bundle.zip").read_bytes() == Path("whole.zip").read_bytes()
    assert amn("replay", "bundle.zip").exit_code == amn("replay", "whole.zip").exit_code


def test_a_lost_shard_is_not_evaluated_and_nothing_is_written() -> None:
    for number in (1, 3):
        gate("--shard", f"{number}/3", "-o", f"verdict-{number}.json")

    result = amn("merge", "verdict-1.json", "verdict-3.json", "-o", "verdict.json")

    assert result.exit_code == 3
    assert "ERROR: shard 2/3: expected one result, found 0" in result.output
    assert not Path("verdict.json").exists()


def test_one_shard_alone_is_not_what_the_last_job_requires() -> None:
    gate("--shard", "1/2", "-o", "verdict.json")

    result = amn("ci", "require", "verdict.json")

    assert result.exit_code == 3
    assert "b: expected a result, found none" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "1/4"], "expected at most as many as cases, 3, got 1/4. Fix: --shard 1/3"),
        (["--shard", "4/3"], "expected K/N with K of 1 to N, got '4/3'"),
        (["a", "golden/a", "--shard", "1/2"], "expected cases of different names, got a twice"),
    ],
)
def test_a_shard_that_is_none_is_refused(words: list[str], said: str) -> None:
    assert said in str(gate(*words).exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["v.json", "b.zip", "-o", "out.json"], "expected files and -o of one kind"),
        (["v.json", "v.json", "-o", "out.json"], "expected each file once, got one twice"),
        (["none.json", "-o", "out.json"], "none.json: expected the result of a gate, found none"),
    ],
)
def test_what_cannot_be_put_together_is_refused(words: list[str], said: str) -> None:
    gate("-o", "v.json", "--bundle", "b.zip")

    result = amn("merge", *words)

    assert said in str(result.exception)
    assert not Path("out.json").exists()


def test_a_history_that_is_none_is_refused_before_anything_is_judged_or_written() -> None:
    gate("--history", "kept", "-o", "before.json")
    Path("kept/b.jsonl").write_text("{\n")

    result = gate("--history", "kept", "-o", "after.json", "--bundle", "after.zip")

    assert "line 1: expected JSON" in str(result.exception)
    assert not Path("after.json").exists()
    assert len(Path("kept/a.jsonl").read_text().splitlines()) == 1


def test_a_case_has_one_history_by_its_name_and_by_its_path() -> None:
    gate("--history", "kept")

    by_name, by_path = (
        amn("history", case, "--from", "kept", "--format", "json") for case in ("a", "golden/a")
    )

    assert by_name.exit_code == 0
    assert by_name.stdout == by_path.stdout
    assert json.loads(by_name.stdout)[0]["word"].startswith("PARTIAL")
