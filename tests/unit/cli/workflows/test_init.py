"""Workflows: valid for their systems, and with what makes a gate one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from ruamel.yaml import YAML

from amn.cli.workflows.init import EXAMPLE, PLACES, SYSTEMS, System, render_workflow
from amn.errors import ArgumentError
from amn.report.markdown import MARKER

ROOT = Path(__file__).parents[4]
PINNED = (
    "PYTHONHASHSEED",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "DNNL_MAX_CPU_ISA",
)


def parsed(system: System) -> dict[str, Any]:
    return YAML(typ="safe").load(render_workflow(system, branch="trunk", source=EXAMPLE))


@pytest.mark.parametrize(
    ("system", "schema"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")]
)
def test_a_workflow_obeys_the_published_schema_of_its_system(system: System, schema: str) -> None:
    jsonschema.validate(parsed(system), get_builtin_schema(schema))


def test_the_action_obeys_the_published_schema_and_pins_what_the_workflow_pins() -> None:
    action = YAML(typ="safe").load(ROOT / "action.yml")

    jsonschema.validate(action, get_builtin_schema("github-actions"))
    gate = next(step for step in action["runs"]["steps"] if step.get("name") == "Gate")
    assert set(PINNED) <= set(gate["env"])


def test_the_steps_of_the_guide_are_valid_for_github() -> None:
    text = (ROOT / "docs/guide.md").read_text("utf-8")
    blocks = [YAML(typ="safe").load(b) for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    hooks = {hook["id"] for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
    workflow = {"on": "push", "jobs": {"gate": {"runs-on": "ubuntu-latest", "steps": blocks[1]}}}

    assert {hook["id"] for hook in blocks[0]["repos"][0]["hooks"]} == hooks
    jsonschema.validate(workflow, get_builtin_schema("github-workflows"))


def test_the_jenkinsfile_is_balanced_and_has_its_stages() -> None:
    text = render_workflow("jenkins", branch="trunk", source=EXAMPLE)
    code = re.sub(r"'''.*?'''", "''", text, flags=re.DOTALL)
    code = re.sub(r"'[^'\n]*'", "''", code)
    code = re.sub(r"//.*", "", code)

    assert [code.count(left) - code.count(right) for left, right in ("{}", "()", "[]")] == [0] * 3
    assert text.count("'''") % 2 == 0
    stages = re.findall(r"stage\('(.*)'\)", text)
    assert stages == ["History", "Install", "Gate", "Self-test", "Verdict"]
    assert re.search(r"post \{\s+always \{\s+junit .*\n\s+archiveArtifacts ", text)


@pytest.mark.parametrize("system", SYSTEMS)
def test_threads_hash_seed_and_instruction_sets_are_pinned(system: System) -> None:
    text = render_workflow(system, branch="trunk", source=EXAMPLE)

    assert [name for name in PINNED if not re.search(rf"\b{name}\s*[:=]", text)] == []
    assert re.findall(r"@[A-Z]+@", text) == []  # placeholders


def test_no_required_job_of_github_can_be_left_out() -> None:
    workflow = parsed("github")
    jobs = workflow["jobs"]

    assert set(workflow["on"]["pull_request"]) == {"types"}
    assert workflow["on"]["push"] == {"branches": ["trunk"]}
    assert jobs["verdict"]["needs"] == ["gate", "selftest"]
    assert jobs["verdict"]["if"] == "always()"
    assert all("if" not in jobs[name] for name in ("gate", "selftest"))
    assert "continue-on-error" not in str(workflow)


def test_github_fetches_the_history_and_always_keeps_the_reports() -> None:
    for name in ("gate", "selftest"):
        steps = parsed("github")["jobs"][name]["steps"]
        uploads = [s for s in steps if s.get("uses", "").startswith("actions/upload-artifact")]
        assert steps[0]["with"] == {"fetch-depth": 0, "lfs": True, "persist-credentials": False}
        assert [s["if"] for s in uploads] == ["always()"]
        assert [s["with"]["if-no-files-found"] for s in uploads] == ["error"]


def test_only_the_job_that_runs_nothing_of_the_change_may_write() -> None:
    workflow = parsed("github")
    writing = [name for name, job in workflow["jobs"].items() if "permissions" in job]

    assert workflow["permissions"] == {"contents": "read"}
    assert writing == ["comment"]
    assert "checkout" not in str(workflow["jobs"]["comment"])
    assert MARKER in workflow["jobs"]["comment"]["steps"][1]["run"]


def test_gitlab_fetches_the_history_and_always_keeps_the_reports() -> None:
    jobs = parsed("gitlab")

    assert jobs[".amn"]["variables"]["GIT_DEPTH"] == "0"
    assert [jobs[name]["artifacts"]["when"] for name in ("amn-gate", "amn-selftest")] == [
        "always",
        "always",
    ]
    assert jobs["amn-verdict"]["needs"] == ["amn-approval", "amn-gate", "amn-selftest"]
    assert "allow_failure" not in str(jobs)
    assert "changes" not in str(jobs)


@pytest.mark.parametrize("value", ["", "main\n", "a'b", 'a"b', "$(id)", "a`b`", "a;b", "é", "a\\b"])
def test_what_would_need_quoting_is_refused(value: str) -> None:
    with pytest.raises(ArgumentError, match="--branch: expected"):
        render_workflow("github", branch=value, source=EXAMPLE)
    with pytest.raises(ArgumentError, match="--install: expected"):
        render_workflow("github", branch="main", source=value)


def test_every_system_has_a_place() -> None:
    assert set(PLACES) == set(SYSTEMS)
