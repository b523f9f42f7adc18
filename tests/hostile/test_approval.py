"""One approval from outside the change, in the steps of each CI system's template as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from amn.cli.workflows.init import EXAMPLE, System, render_workflow
from tests.hostile.ground import run
from tests.hostile.steps import lower
from tests.net.scenes import commit

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
WHO = "c-lead: label amn-approved"
TOKEN = "glpat-secret"


def workflow_of(system: System) -> str:
    """Return the workflow of a CI system, for main."""
    return render_workflow(system, branch="main", source=EXAMPLE)


def github() -> str:
    """Return the step of the gate."""
    steps = YAML(typ="safe").load(workflow_of("github"))["jobs"]["gate"]["steps"]
    return str(next(step["run"] for step in steps if step.get("name") == "Gate"))


def gitlab() -> str:
    """Return the lines of the gate, as they follow the fetch."""
    lines = YAML(typ="safe").load(workflow_of("gitlab"))["amn-gate"]["script"]
    return "\n".join(lines[5:])


def jenkins() -> str:
    """Return the script of the gate's stage."""
    return re.findall(
        r"def gate = '''(.*?)'''",
        workflow_of("jenkins"),
        re.DOTALL,
    )[0]


def asked_of(form: str) -> str:
    """Return what the last job of a CI system asks, with the approval as it comes there."""
    lines = workflow_of(form).splitlines()  # type: ignore[arg-type]
    (line,) = (line for line in lines if "amn ci require" in line and "run `" not in line)
    read = 'APPROVAL="$(cat approval.txt)"\n' if form == "gitlab" else ""
    return read + line.strip().removeprefix("run: ").removeprefix("- ")


FORMS = {"github": github, "gitlab": gitlab, "jenkins": jenkins}


@pytest.mark.parametrize("form", FORMS)
def test_a_loosening_blocks_until_it_is_approved_and_then_names_who(
    form: str, ground: Path, tmp_path: Path
) -> None:
    root = tmp_path / "p"
    shutil.copytree(ground, root, symlinks=True)
    lower(root)
    commit(root)

    assert step(root, FORMS[form](), approval="")[0] == 5
    asked = asked_of(form)
    assert step(root, asked, approval="")[0] == 5

    assert step(root, FORMS[form](), approval=WHO)[0] == 0
    code, text = step(root, asked, approval="")
    assert code == 3, text
    assert "G010-not_loosened: WARN in the bundle, LOOSENED now" in text
    code, text = step(root, asked, approval=WHO)
    assert code == 0, text
    assert f"toy: PASS (approved by {WHO})" in text
    assert f"G010 not_loosened: approved by {WHO}" in text


def step(root: Path, script: str, approval: str) -> tuple[int, str]:
    """Run a step as a runner does, up to its one call of amn; then amn with the words it got.

    GitLab's reads the approval from a file.
    """
    words, program = root.with_name("words"), root.with_name("bin") / "amn"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {words}; exit 9\n", "utf-8")
    program.chmod(0o755)
    words.write_text("", "utf-8")
    (root / "approval.txt").write_text(approval, "utf-8")
    path = f"{program.parent}:{os.environ['PATH']}"
    variables = {"HOME": str(root), "CI": "true", "APPROVAL": approval}
    done = subprocess.run(  # noqa: S603 - our own step
        ["bash", "-e", "-c", script],  # noqa: S607 - as a runner does
        cwd=root, env={"PATH": path, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr  # amn's code is the step's
    return run(root, words.read_text("utf-8").split("\0")[:-1], variables)


class GitLab(ThreadingHTTPServer):
    """Knows one merge request, its pushes and who set which label when."""

    events: tuple[dict[str, Any], ...] = ()


class Handler(BaseHTTPRequestHandler):
    """Answers like GitLab's API, one event a page."""

    server: GitLab

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        what = place.path.removeprefix("/api/v4/projects/7/merge_requests/3")
        page = int(place.query.rpartition("=")[2] or 1)
        events = self.server.events
        answers: dict[str, Any] = {
            "": {"author": {"username": "author"}},
            "/versions": [{"created_at": "2025-01-01T10:00:00Z"}],
            "/resource_label_events": events[page - 1 : page],
        }
        is_known = self.headers["PRIVATE-TOKEN"] == TOKEN and what in answers
        self.send_response(200 if is_known else 404)
        has_more = what.endswith("events") and page < len(events)
        self.send_header("X-Next-Page", str(page + 1) if has_more else "")
        self.end_headers()
        self.wfile.write(json.dumps(answers.get(what)).encode())


@pytest.fixture
def server() -> Iterator[GitLab]:
    found = GitLab(("127.0.0.1", 0), Handler)
    thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def event(
    number: int, who: str, at: str, *, action: str = "add", name: str = "amn-approved"
) -> Any:
    return {
        "id": number,
        "user": {"username": who},
        "created_at": f"2025-01-01T{at}:00Z",
        "action": action,
        "label": {"name": name} if name else None,
    }


@pytest.mark.parametrize(
    ("events", "approval"),
    [
        ((), ""),
        ((event(1, "c-lead", "11:00"),), WHO),
        ((event(1, "author", "11:00"),), ""),
        ((event(1, "c-lead", "09:00"),), ""),  # before the last push
        ((event(1, "c-lead", "11:00", name="other"),), ""),
        ((event(1, "c-lead", "11:00", name=""),), ""),  # a label that was deleted
        ((event(1, "c-lead", "11:00"), event(2, "x", "12:00", action="remove")), ""),
        ((event(1, "c-lead", "11:00"), event(2, "author", "12:00")), ""),
        ((event(1, "author", "11:00"), event(2, "c-lead", "12:00")), WHO),
    ],
)
def test_gitlab_takes_the_label_of_somebody_else_set_after_the_last_push(
    events: tuple[dict[str, Any], ...], approval: str, server: GitLab, tmp_path: Path
) -> None:
    server.events = events

    assert ask_gitlab(tmp_path, server, AMN_NOTE_TOKEN=TOKEN, CI_MERGE_REQUEST_IID="3") == approval


def test_gitlab_knows_no_approval_without_a_token_or_a_request(
    server: GitLab, tmp_path: Path
) -> None:
    server.events = (event(1, "c-lead", "11:00"),)

    assert ask_gitlab(tmp_path, server, CI_MERGE_REQUEST_IID="3") == ""
    assert ask_gitlab(tmp_path, server, AMN_NOTE_TOKEN=TOKEN) == ""


def ask_gitlab(folder: Path, server: GitLab, **variables: str) -> str:
    """Run the job that asks for the approval; return what it writes."""
    job = YAML(typ="safe").load(workflow_of("gitlab"))["amn-approval"]
    address = f"http://127.0.0.1:{server.server_port}/api/v4"
    subprocess.run(  # noqa: S603 - our own step
        ["bash", "-e", "-c", "\n".join(job["script"])],  # noqa: S607 - as a runner does
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CI_API_V4_URL": address,
            "CI_PROJECT_ID": "7",
            **variables,
        },
        check=True,
        capture_output=True,
    )
    return (folder / "approval.txt").read_text("utf-8")
