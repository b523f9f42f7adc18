"""docs/guide.md and the workflows of `amn ci init`: every shell step, as it stands, in real git.

Two words are stand-ins: `amn` is that of a clone of the last commit, without this working tree, and
`python -m pip` installs nothing (tests/slow/test_installs.py types what it is told).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from amn.cli.workflows.init import PLACES, System

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash(?: exit=(\d+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
PIP = """#!/bin/bash
case "$*" in
*"-m pip "*) printf '%s\\n' "$*" >> "$SHIMS/installed"; exit 0 ;;
*"-m venv "*) mkdir -p "${!#}/bin" && cp "$SHIMS"/{python,amn} "${!#}/bin"; exit 0 ;;
esac
"""

pytestmark = pytest.mark.slow


class Shell:
    """Runs steps as a CI system does: `bash -e`, a fresh process each.

    Args:
        folder: Where they run; a step may move on, as a person does.
    """

    def __init__(self, folder: Path, shims: Path) -> None:
        self.folder, self.shims = folder, shims

    def run(self, script: str, *, code: int = 0, **environment: str) -> str:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI", "PYTEST_"))
        }
        done = subprocess.run(  # noqa: S603 - our own steps
            ["bash", "-e", "-c", f"trap 'pwd > \"$SHIMS/cwd\"' EXIT\n{script}"],  # noqa: S607 - PATH
            cwd=self.folder,
            env=kept
            | {
                "PATH": f"{self.shims}:{os.environ['PATH']}",
                "SHIMS": str(self.shims),
                "HOME": str(self.shims),
                "OMP_NUM_THREADS": "1",
                "RUNNER_TEMP": str(self.shims / "tmp"),
                "WORKSPACE_TMP": str(self.shims / "tmp"),
                "GITHUB_PATH": str(self.shims / "path"),
            }
            | environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}"
        self.folder = Path((self.shims / "cwd").read_text("utf-8").strip())
        return done.stdout

    def at(self, folder: Path) -> Shell:
        return Shell(folder, self.shims)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shims = tmp_path_factory.mktemp("bin")
    clone = tmp_path_factory.mktemp("server") / "amn"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)  # noqa: S603, S607 - ours
    amn = f'#!/bin/bash\nPYTHONPATH={clone} exec {sys.executable} -m amn.cli.main "$@"\n'
    python = f'{PIP}exec {sys.executable} "$@"\n'
    for name, text in {"amn": amn, "python": python, "python3": python}.items():
        (shims / name).write_text(text, "utf-8")
        (shims / name).chmod(0o755)
    identity = "[user]\nname = A. Nonymous\nemail = a@example.org\n"
    (shims / ".gitconfig").write_text(identity, "utf-8")
    return Shell(tmp_path_factory.mktemp("guide"), shims)


@pytest.fixture(scope="module")
def said(shell: Shell) -> list[str]:
    """What each block of the guide prints; each ends with the exit code that the guide says."""
    blocks = BLOCK.findall((ROOT / "docs/guide.md").read_text("utf-8"))
    assert len(blocks) > 5
    return [shell.run(script, code=int(code or 0)) for code, script in blocks]


@pytest.fixture
def checkout(said: list[str], shell: Shell, tmp_path: Path) -> Shell:
    """A clone as CI makes it, with the cache of finished runs."""
    assert said
    clone = tmp_path / "clone"
    shell.run(f'git clone --quiet --branch main "{shell.folder}" "{clone}"')
    shutil.copytree(shell.folder / ".amn/runs", clone / ".amn/runs")
    return shell.at(clone)


def test_the_guide_ends_with_a_merge_that_is_blocked_for_the_right_reason(said: list[str]) -> None:
    worse, lowered, replayed, mean = said[6], said[8], said[9], said[11]

    shown = (ROOT / "docs/guide.md").read_text("utf-8").partition("```\nFAIL: ")[2]
    first = f"FAIL: {shown.partition('```')[0]}".splitlines()
    assert worse.splitlines()[1 : 1 + len(first)] == first  # on the first eight lines
    assert "nothing is missing" in "".join(said)
    assert re.search(r"FAIL: .*G001 ood", worse.splitlines()[-1])
    assert re.search(r"LOOSENED: .*lowered a floor", lowered.splitlines()[-1])
    assert "mine: PASS, as in the bundle" in replayed
    assert re.search(r"FAIL: .*G001 ood", mean.splitlines()[-1])


def github_steps(job: str, workflow: dict[str, Any]) -> dict[str, str]:
    return {s["name"]: s["run"] for s in workflow["jobs"][job]["steps"] if "run" in s}


def test_the_steps_of_github_gate_a_clean_change(checkout: Shell) -> None:
    workflow = YAML(typ="safe").load(checkout.folder / PLACES["github"].file)
    variables = {name: str(value) for name, value in workflow["env"].items()} | {"APPROVAL": ""}
    summary = checkout.folder / "step-summary"

    for name, script in github_steps("gate", workflow).items():
        said = checkout.run(script, **variables, GITHUB_STEP_SUMMARY=str(summary), CI="true")
        if name == "Gate":
            assert "::" in said or "PASS" in said
    for name, script in github_steps("selftest", workflow).items():
        if name != "Install":
            checkout.run(script, **variables, CI="true")
    for script in github_steps("verdict", workflow).values():
        checkout.run(script, **variables, RESULTS="success success")

    installed = (checkout.shims / "installed").read_text("utf-8")
    assert "amn-gate[all] @ git+https://github.com/YOU/amn@COMMIT" in installed
    assert "mine" in summary.read_text("utf-8")
    written = json.loads((checkout.folder / "verdict.json").read_text("utf-8"))
    assert [result["verdict"] for result in written["results"]] == ["PASS"]
    uploads = workflow["jobs"]["gate"]["steps"][-1]["with"]["path"].split()
    assert all((checkout.folder / path).stat().st_size for path in uploads)


def test_the_last_job_of_github_fails_when_another_was_skipped(checkout: Shell) -> None:
    workflow = YAML(typ="safe").load(checkout.folder / PLACES["github"].file)
    first = github_steps("verdict", workflow)["Every job succeeded"]

    for results in ("success skipped", "cancelled success", "failure success", "", "success"):
        checkout.run(first, code=1, RESULTS=results)


def test_the_steps_of_the_action_gate_the_cases_that_it_is_given(checkout: Shell) -> None:
    action = YAML(typ="safe").load(ROOT / "action.yml")
    summary = checkout.folder / "step-summary"
    given = {"CASES": "mine", "OPTIONS": "--target origin/main", "SOURCE": str(ROOT)}

    for step in action["runs"]["steps"]:
        if "run" in step:
            checkout.run(step["run"], **given, GITHUB_STEP_SUMMARY=str(summary))

    assert "PASS" in summary.read_text("utf-8")


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("amn-golden-verify", ""),
        ("amn-check-data", "data/mine"),
        ("amn-check-split", "golden/mine"),
    ],
)
def test_the_hooks_of_pre_commit_pass_on_a_clean_change(
    hook: str, words: str, checkout: Shell
) -> None:
    hooks = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    entries = {entry["id"]: entry["entry"] for entry in hooks}

    assert "PASS" in checkout.run(f"{entries[hook]} {words}")


def test_a_label_of_another_person_lets_a_loosening_through(checkout: Shell) -> None:
    workflow = YAML(typ="safe").load(checkout.folder / PLACES["github"].file)
    variables = {name: str(value) for name, value in workflow["env"].items()} | {"APPROVAL": ""}
    gate = github_steps("gate", workflow)["Gate"]
    checkout.run("git checkout --quiet -b lower origin/lower")

    variables["GITHUB_BASE_REF"] = "main"
    asked = github_steps("verdict", workflow)["Every case passes"]
    approved = variables | {"APPROVAL": "b: label amn-approved"}

    checkout.run(gate, code=5, **variables)
    checkout.run(asked, code=5, **variables)
    checkout.run(gate, **approved)
    checkout.run(asked, code=3, **variables)  # it does not believe the job of the change
    checkout.run(asked, **approved)


@pytest.mark.parametrize("system", ["gitlab", "jenkins"])
def test_the_steps_of_gitlab_and_jenkins_gate_a_clean_change(
    system: System, checkout: Shell
) -> None:
    checkout.run(f"amn ci init {system} --install git+https://github.com/YOU/amn@COMMIT")
    file = checkout.folder / PLACES[system].file
    if system == "gitlab":
        jobs = YAML(typ="safe").load(file)
        scripts = ["\n".join(job["script"]) for name, job in jobs.items() if name != ".amn"]
        variables = {k: str(v) for k, v in jobs[".amn"]["variables"].items()}
        variables |= {"CI_DEFAULT_BRANCH": "main", "CI_API_V4_URL": "x", "CI_PROJECT_ID": "7"}
    else:
        text = file.read_text("utf-8")
        scripts = re.findall(r"(?:sh|def gate =) '''\n(.*?)'''", text, re.DOTALL)
        variables = dict(re.findall(r"^    ([A-Z_]+) = '(.*?)'", text, re.MULTILINE))
    assert len(scripts) == 5

    for script in scripts:
        placed = script.replace("/tmp/amn", str(checkout.shims / "tmp" / "amn"))  # noqa: S108 - theirs
        last = checkout.run(placed, **variables, CI="true")

    assert re.search(r"^mine: PASS \((\d+) checks, \1 declared\)$", last, re.MULTILINE)
