from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from amn.cli.main import cli
from amn.cli.workflows.init import EXAMPLE, PLACES, SYSTEMS, System
from amn.errors import ArgumentError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(*words: str) -> Result:
    source = [] if "--install" in words else ["--install", EXAMPLE]
    return CliRunner().invoke(cli, ["ci", "init", *words, *source])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_workflow_is_written_where_its_system_reads_it(system: System) -> None:
    result = init(system, "--branch", "trunk")

    assert result.exit_code == 0
    assert f"wrote {PLACES[system].file}" in result.output
    assert PLACES[system].required in result.output
    assert "amn gate " in PLACES[system].file.read_text("utf-8")


def test_writing_the_same_again_changes_nothing() -> None:
    init("github")
    written = PLACES["github"].file.stat().st_mtime_ns

    result = init("github")

    assert result.exit_code == 0
    assert "is as it would be written" in result.output
    assert PLACES["github"].file.stat().st_mtime_ns == written


def test_a_file_that_differs_is_kept_and_the_way_out_is_named() -> None:
    Path(".gitlab-ci.yml").write_text("stages: [build]\n", "utf-8")

    result = init("gitlab")

    assert isinstance(result.exception, ArgumentError)
    assert "include: [local: .gitlab/amn.yml]" in str(result.exception)
    assert Path(".gitlab-ci.yml").read_text("utf-8") == "stages: [build]\n"


def test_force_replaces_it_and_says_so() -> None:
    Path("Jenkinsfile").write_text("mine\n", "utf-8")

    result = init("jenkins", "--force")

    assert "replaced Jenkinsfile" in result.output
    assert "pipeline {" in Path("Jenkinsfile").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["travis"],
        ["GITHUB"],
        ["github", "gitlab"],
        ["github", "--branch", ""],
        ["github", "--branch", "a\nb"],
        ["github", "--install", "amn; rm -rf /"],
        ["github", "-o", "."],
        ["github", "-o", "kept"],
        ["github", "-o", "kept/amn.yml"],
        ["github", "--frce"],
    ],
)
def test_bad_input_is_one_line_with_2_and_changes_nothing(words: list[str]) -> None:
    Path("kept").write_text("mine", "utf-8")

    result = init(*words)

    is_usage = result.exit_code == 2
    assert is_usage or isinstance(result.exception, ArgumentError)
    assert "\n" not in str(result.exception)
    assert [path.name for path in Path().rglob("*")] == ["kept"]
    assert Path("kept").read_text("utf-8") == "mine"


ORIGINS = {
    "git": {"url": "https://host/amn.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b2c3"}},
    "wheel": {"url": "https://host/amn_gate-0.2.0-py3-none-any.whl", "archive_info": {}},
    "folder": {"url": "file:///home/me/amn", "dir_info": {"editable": True}},
}


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("git", "amn-gate[all] @ git+https://host/amn.git@0a1b2c3"),
        ("wheel", "amn-gate[all] @ https://host/amn_gate-0.2.0-py3-none-any.whl"),
        ("folder", ""),
        ("", ""),
    ],
)
def test_the_workflow_installs_amn_from_where_this_one_came_from(
    origin: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, _: str) -> str | None:
            return json.dumps(ORIGINS[origin]) if origin else None

    monkeypatch.setattr("amn.cli.workflows.init.distribution", lambda _: Installed())
    result = CliRunner().invoke(cli, ["ci", "init", "github"])

    if source:
        assert f'AMN: "{source}"' in PLACES["github"].file.read_text("utf-8")
        core = source.replace("[all]", "")
        assert f'AMN_CORE: "{core}"' in PLACES["github"].file.read_text("utf-8")
    else:  # what no machine of a CI system can reach
        assert "Fix: amn ci init github --install 'git+https://" in str(result.exception)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("wheels/amn_gate.whl", "wheels/amn_gate.whl[all]"),
        (".", ".[all]"),
        ("amn-gate==9", "amn-gate[all]==9"),
        ("amn-gate[train] @ git+ssh://host/amn", "amn-gate[train] @ git+ssh://host/amn"),
    ],
)
def test_whatever_is_installed_brings_every_extra_that_a_gate_needs(
    source: str, written: str
) -> None:
    result = CliRunner().invoke(cli, ["ci", "init", "gitlab", "--install", source])

    assert result.exit_code == 0
    assert f'AMN: "{written}"' in PLACES["gitlab"].file.read_text("utf-8")


@pytest.mark.parametrize("system", SYSTEMS)
def test_in_a_folder_of_a_monorepo_it_goes_to_the_root_and_gates_that_folder(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "sub" / "deep")

    result = init(system, "--branch", "main")

    text = (tmp_path / PLACES[system].file).read_text("utf-8")
    assert f"wrote ../../{PLACES[system].file}" in result.output
    assert not list(Path().rglob("*"))
    goes = {"github": "working-directory: sub/deep\n", "gitlab": "cd sub/deep\n"}
    assert goes.get(system, "cd sub/deep\n") in text
    assert "sub/deep/junit.xml" in text
    assert " junit.xml" not in text.replace("-o junit.xml", "").replace(
        "rm -f verdict.json junit", ""
    )
    assert "@" not in "".join(part for part in text.split() if part.isupper())
