"""Every command where no extra is installed: one line that names the one it takes, at once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from amn.cli.main import COMMANDS
from tests.checkouts import CASE_TEXT, begin_change

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {
    "gate case": "train",
    "gate case --predictions p.npz": "train",
    "gate case --metrics m.json": "",
    "gate case --engine ray": "ray",
    "gate case -o x.html": "report",
    "gate case -o tensorboard=x": "records",
    "gate case -o mlflow=x": "mlflow",
    "case new x --dataset data": "",
    "check data data": "",
    "check index indexed": "index",
    "check split golden/case": "",
    "train case": "train",
    "train case --sweep s.toml": "train",
    "windows case -o w.npz": "",
    "eval case --checkpoint m.safetensors": "train",
    "calibrate case": "train",
    "golden new case --reason why": "train",
    "golden list": "",
    "data describe data": "",
    "data describe data --page x.html": "report",
    "data compare data data --page x.html": "report",
    "data build wiki.xml built": "corpus",
    "data build wiki.jsonl built --encoder nobody/has-this": "encode",
    "data import x.h5 imported": "formats",
    "index build data": "index",
    "selftest case": "train",
    "diagnose case": "train",
    "report case": "report",
    "history case": "",
    "bench case": "train",
    "merge": "",
    "replay x.zip": "",
    "upgrade case": "",
    "ci init github --install amn-gate": "",
    "doctor": "",
    "demo history case": "train",
    "rules D001": "",
}
PACKAGES = ("torch", "faiss", "jinja2", "ray", "mwparserfromhell", "sentence_transformers", "h5py",
            "mlflow", "tensorboard", "optuna", "onnxruntime")  # fmt: skip
# One process for all, in which no package of an extra is there; no check may run for the answer.
PROGRAM = """
import contextlib, io, json, sys
sys.modules |= dict.fromkeys(json.loads(sys.argv[1]))
from amn.cli.main import main
from amn.gate.run import Gate
run, ran = Gate._run, []
Gate._run = lambda gate, check: ran.append(check.id) or run(gate, check)
found = []
for words in json.loads(sys.argv[2]):
    ran.clear()
    sys.argv = ["amn", *words]
    said, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as end:
            found.append((end.code, said.getvalue(), len(ran)))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, toy_data: Path
) -> dict[str, tuple[int, str, int]]:
    """Exit code, stderr and number of checks that ran, by command."""
    root = tmp_path_factory.mktemp("bare")
    for name in ("data", "indexed"):
        shutil.copytree(toy_data, root / name)
    (root / "indexed/index.faiss").write_bytes(b"x")
    (root / "golden/case").mkdir(parents=True)
    (root / "golden/case/case.toml").write_text(CASE_TEXT, "utf-8")
    begin_change(root)
    for name in ("p.npz", "m.safetensors", "x.zip", "wiki.xml", "wiki.jsonl", "x.h5", "s.toml"):
        (root / name).write_bytes(b"x")
    (root / "m.json").write_text('{"in_dist": 0.6, "ood": 0.7}', "utf-8")
    asked = json.dumps([shlex.split(words) for words in TABLE])
    alone = {k: v for k, v in os.environ.items() if k != "PYTEST_XDIST_WORKER"}  # golden new
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, json.dumps(PACKAGES), asked],
        cwd=root, capture_output=True, text=True, check=False, env=alone,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(TABLE, json.loads(done.stdout), strict=True))


def test_every_command_is_asked() -> None:
    assert {words.split()[0] for words in TABLE} == {*COMMANDS}


@pytest.mark.parametrize("words", [words for words, extra in TABLE.items() if extra])
def test_a_command_names_the_extra_that_it_takes_before_it_works(
    words: str, found: dict[str, tuple[int, str, int]]
) -> None:
    code, said, n_checks = found[words]

    assert (
        f": not installed; the extra {TABLE[words]} of amn-gate brings it. Fix: pip install" in said
    )
    assert (code, said.count("\n"), n_checks) == (2, 1, 0)


@pytest.mark.parametrize("words", [words for words, extra in TABLE.items() if not extra])
def test_what_takes_no_extra_asks_for_none(
    words: str, found: dict[str, tuple[int, str, int]]
) -> None:
    code, said, _ = found[words]

    assert code is not None
    assert "not installed" not in said
    assert "defect of amn" not in said
