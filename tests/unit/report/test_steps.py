"""The steps of docs/reports.md, as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from ruamel.yaml import YAML

from amn.report.markdown import MARKER

TEXT = (Path(__file__).parents[3] / "docs/reports.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
# Answers like GitHub: the id in ./old when it is there, and notes what it was called with.
GH = """#!/bin/bash
printf '%s\\n' "$*" >> calls
[[ $* == *--jq* && -f old ]] && cat old
exit 0
"""


def steps() -> list[dict[str, Any]]:
    return YAML(typ="safe").load(BLOCKS[0])


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "gh").write_text(GH, "utf-8")
    (folder / "gh").chmod(0o755)
    return subprocess.run(  # noqa: S603 - our own steps
        ["bash", "-e", "-c", script],  # noqa: S607 - as a workflow does
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **environment},
        text=True,
        capture_output=True,
        check=True,
    )


def test_the_steps_are_valid_for_github_and_gitlab() -> None:
    workflow = {"on": "push", "jobs": {"gate": {"runs-on": "ubuntu-latest", "steps": steps()}}}
    job = YAML(typ="safe").load(BLOCKS[1])

    jsonschema.validate(workflow, get_builtin_schema("github-workflows"))
    jsonschema.validate({"gate": job}, get_builtin_schema("gitlab-ci"))


@pytest.mark.parametrize("written", ["## PASS\n", ""])
def test_the_summary_has_the_report_or_says_that_there_is_none(
    written: str, tmp_path: Path
) -> None:
    if written:
        (tmp_path / "summary.md").write_text(written, "utf-8")

    run(steps()[1]["run"], tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "out"))

    shown = (tmp_path / "out").read_text("utf-8")
    assert shown == (written or "amn gate wrote no report: see the log\n")


@pytest.mark.parametrize("old", ["", "17\n18\n"])
def test_there_is_one_comment_and_the_next_run_writes_it_again(old: str, tmp_path: Path) -> None:
    (tmp_path / "comment.md").write_text(f"{MARKER}\n## PASS\n", "utf-8")
    if old:
        (tmp_path / "old").write_text(old, "utf-8")

    run(steps()[2]["run"], tmp_path, PR="5", REPO="a/b")

    asked, written = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert json.dumps(MARKER) in asked
    place = "--method PATCH repos/a/b/issues/comments/17" if old else "repos/a/b/issues/5/comments"
    assert written == f"api {place} -F body=@comment.md"


def test_without_a_report_no_comment_is_touched(tmp_path: Path) -> None:
    run(steps()[2]["run"], tmp_path, PR="5", REPO="a/b")

    assert not (tmp_path / "calls").exists()
