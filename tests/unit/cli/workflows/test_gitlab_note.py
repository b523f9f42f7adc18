"""The step that writes the note of a merge request, as it stands, against a server like GitLab."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ruamel.yaml import YAML

from amn.cli.workflows.init import EXAMPLE, System, render_workflow
from amn.report.markdown import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
TOKEN = "glpat-secret"
BODY = f"{MARKER}\n## FAIL: 100 % & a=b +ü\n"
PAGE = 2  # notes that the server gives at once, whatever it is asked for


def workflow_of(system: System) -> str:
    """Return the workflow of a CI system, for main."""
    return render_workflow(system, branch="main", source=EXAMPLE)


class GitLab(ThreadingHTTPServer):
    """Keeps the notes of one merge request.

    Attributes:
        frozen: Ids of notes that this token may not change.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.notes: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.frozen: tuple[int, ...] = ()


class Handler(BaseHTTPRequestHandler):
    """Answers like GitLab's notes API."""

    server: GitLab

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, code: int, content: object, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def _begin(self) -> tuple[int | None, str]:
        """Return the note that is asked for, if one is, and the body that was sent."""
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.calls.append(self.command)
        where = urlsplit(self.path).path.removeprefix("/api/v4/projects/7/merge_requests/3/notes")
        note = int(where.removeprefix("/")) if where else None
        return note, parse_qs(sent, strict_parsing=True)["body"][0] if sent else ""

    def do_GET(self) -> None:
        if self.headers["PRIVATE-TOKEN"] != TOKEN:
            return self._answer(401, {})
        self._begin()
        page = int(parse_qs(urlsplit(self.path).query)["page"][0])
        notes = self.server.notes[(page - 1) * PAGE : page * PAGE]
        more = str(page + 1) if page * PAGE < len(self.server.notes) else ""
        return self._answer(200, notes, X_Next_Page=more)

    def do_POST(self) -> None:
        _, body = self._begin()
        self.server.notes.append({"id": 100 + len(self.server.notes), "body": body})
        self._answer(201, self.server.notes[-1])

    def do_PUT(self) -> None:
        note, body = self._begin()
        if note in self.server.frozen:
            return self._answer(403, {})
        next(n for n in self.server.notes if n["id"] == note)["body"] = body
        return self._answer(200, {})


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    server = GitLab()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(gitlab: GitLab, folder: Path, **environment: str) -> str:
    """Run the step; return what it says."""
    job = YAML(typ="safe").load(workflow_of("gitlab"))["amn-note"]
    variables = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "3",
        "AMN_NOTE_TOKEN": TOKEN,
    }
    done = subprocess.run(  # noqa: S603 - our own step
        ["bash", "-e", "-c", "\n".join(job["script"])],  # noqa: S607 - as a runner does
        cwd=folder,
        env={"PATH": os.environ["PATH"], **variables, **environment},
        text=True,
        capture_output=True,
        check=True,
    )
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout


def test_the_first_run_writes_a_note_and_the_next_one_writes_it_again(
    gitlab: GitLab, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text(BODY, "utf-8")
    others = [{"id": k, "body": f"looks good {MARKER}"} for k in range(5)]
    gitlab.notes = list(others)

    assert run(gitlab, tmp_path) == "wrote a note\n"
    assert gitlab.notes == [*others, {"id": 105, "body": BODY}]

    (tmp_path / "note.md").write_text(f"{MARKER}\n## PASS\n", "utf-8")

    assert run(gitlab, tmp_path) == "wrote note 105 again\n"
    assert gitlab.notes == [*others, {"id": 105, "body": f"{MARKER}\n## PASS\n"}]
    assert gitlab.calls == ["GET"] * 3 + ["POST"] + ["GET"] * 3 + ["PUT"]


def test_a_note_as_long_as_gitlab_takes_arrives_whole(gitlab: GitLab, tmp_path: Path) -> None:
    body = MARKER + "\n" + "x|é " * 249_000
    (tmp_path / "note.md").write_text(body, "utf-8")

    run(gitlab, tmp_path)

    assert gitlab.notes == [{"id": 100, "body": body}]


def test_a_note_of_somebody_else_does_not_keep_ours_away(gitlab: GitLab, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text(BODY, "utf-8")
    gitlab.notes, gitlab.frozen = [{"id": 1, "body": f"{MARKER} mine"}], (1,)

    assert run(gitlab, tmp_path) == "wrote a note\n"
    assert [note["body"] for note in gitlab.notes] == [f"{MARKER} mine", BODY]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"AMN_NOTE_TOKEN": ""}, "no note: set the CI/CD variable AMN_NOTE_TOKEN"),
        ({"CI_MERGE_REQUEST_IID": ""}, "no note: this is no pipeline of a merge request"),
        ({"AMN_NOTE_TOKEN": "wrong"}, "no note: GitLab does not list the notes"),
    ],
)
def test_what_is_missing_is_said_and_fails_nothing(
    changed: dict[str, str], said: str, gitlab: GitLab, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text(BODY, "utf-8")

    assert run(gitlab, tmp_path, **changed).startswith(said)
    assert gitlab.notes == []


def test_without_a_report_gitlab_is_not_asked(gitlab: GitLab, tmp_path: Path) -> None:
    assert run(gitlab, tmp_path) == "no note: amn-gate wrote none\n"
    assert gitlab.calls == []


def test_the_job_runs_nothing_of_the_change_and_runs_whatever_the_gate_said() -> None:
    jobs = YAML(typ="safe").load(workflow_of("gitlab"))
    job = jobs["amn-note"]

    assert job["variables"] == {"GIT_STRATEGY": "none"}
    assert (job["when"], job["needs"], job["cache"]) == ("always", ["amn-gate"], [])
    assert MARKER in job["script"][0]
    assert not any(word in job["script"][0] for word in ("pip install", "amn gate -", "git "))
    assert "note.md" in jobs["amn-gate"]["artifacts"]["paths"]
    assert any("-o note=note.md" in line for line in jobs["amn-gate"]["script"])
