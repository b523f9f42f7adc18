"""The command as a stranger uses it, from a file of vectors to a golden and back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import amn
from amn.cli.main import COMMANDS, cli, main
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.e2e

N_ARTICLES, N_ROWS, DIM = 64, 16, 32
SHORT = """
[training]
epochs = 2
batch_size = 64
lr = 0.003
seeds = [0, 1, 2]
"""
SMALL = """
[model]
attention_dim = 8
hidden_dim = 16
"""
Command = "Callable[..., tuple[int, str, str]]"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project with a file of vectors; tests of this module build on one another's runs."""
    folder = tmp_path_factory.mktemp("project")
    np.savez(
        folder / "vectors.npz",
        vectors=drifting_rows(N_ARTICLES, N_ROWS, DIM),
        article_indices=np.repeat(np.arange(N_ARTICLES), N_ROWS),
        chunk_indices=np.tile(np.arange(N_ROWS), N_ARTICLES),
    )
    return folder


@pytest.fixture
def run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `amn WORDS` in the project; return exit code, stdout and stderr."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["amn", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def small_case(name: str, criteria: str = "in_dist = 0.3\nood = 0.3\ndelta = [-0.3, 0.3]") -> None:
    """Write a case that trains in a second."""
    folder = Path("golden") / name
    folder.mkdir(parents=True, exist_ok=True)
    data = '[dataset]\npath = "../../data/mine"\n'
    split = '[split]\nin_dist = { articles = "40-51" }\nood = { articles = "52-63" }\n'
    text = f"schema = 1\n{data}{split}{SMALL}{SHORT}[criteria]\n{criteria}\nlift = -0.05\n"
    (folder / "case.toml").write_text(text, encoding="utf-8")


def test_the_road_from_vectors_to_a_golden(run: Any, project: Path) -> None:
    code, out, _ = run("data", "import", "vectors.npz", "data/mine", "--name", "mine")
    assert code == 0, out
    assert run("check", "data", "data/mine")[0] == 0

    code, out, _ = run("index", "build", "data/mine", "--kind", "flat")
    assert code == 0
    assert run("check", "index", "data/mine")[0] == 0

    code, out, _ = run("case", "new", "drafted", "--dataset", "data/mine")
    assert code == 0
    assert "next: amn check split golden/drafted" in out
    assert run("check", "split", "golden/drafted")[0] == 0

    small_case("mine")
    code, out, _ = run("gate", "mine")
    assert code == 3
    assert "G004 intact" in last_line(out)
    assert "amn golden new mine" in out

    code, out, _ = run("gate", "mine", "--first-run")
    assert code == 0, out
    assert last_line(out).startswith("PARTIAL (golden not compared; no merge base: ")

    code, out, err = run("golden", "new", "mine", "--reason", "first accepted result")
    assert code == 0, err
    assert (project / "golden" / "mine" / "golden.csv").exists()

    code, out, _ = run("gate", "mine")
    assert code == 0, out
    assert last_line(out).endswith("Reproduce: amn gate mine")


@pytest.fixture
def accepted(run: Any, project: Path) -> Any:
    """The project with data and golden, whichever test comes first."""
    if not (project / "golden" / "mine" / "golden.csv").exists():
        test_the_road_from_vectors_to_a_golden(run, project)
    return run


def test_json_repeats_the_verdict_and_every_check(accepted: Any) -> None:
    code, out, _ = accepted("gate", "mine", "--format", "json")
    result = json.loads(out)["results"][0]

    assert (code, result["verdict"], result["exit_code"]) == (0, "PARTIAL", 0)
    assert [f"{c['id']}-{c['name']}" for c in result["checks"]] == result["declared"]
    assert result["facts"]["scores"]["ood"]["mean"] == pytest.approx(
        next(c["number"] for c in result["checks"] if c["id"] == "C002")
    )


def test_a_floor_above_the_score_fails_with_the_number(accepted: Any) -> None:
    small_case("high", "in_dist = 0.3\nood = 0.99\ndelta = [-0.3, 0.3]")
    code, out, _ = accepted("gate", "high", "--first-run")

    assert code == 1
    assert "expected at least 0.99, got 0." in out
    assert last_line(out).startswith("FAIL: 1 of ")
    assert "(C002 ood)" in last_line(out)


def test_several_cases_exit_with_the_worst(accepted: Any) -> None:
    small_case("higher", "in_dist = 0.3\nood = 0.99\ndelta = [-0.3, 0.3]")
    code, out, _ = accepted("gate", "mine", "higher", "--first-run")

    assert code == 1
    assert out.count("Reproduce: ") == 2


def test_a_gate_loads_neither_pandas_nor_jinja2(accepted: Any, project: Path) -> None:
    del accepted
    code = """
import sys
from amn.cli.main import main
sys.argv = ["amn", "gate", "mine"]
try:
    main()
except SystemExit as end:
    loaded = {*sys.modules} & {"pandas", "jinja2", "optuna", "ray", "onnxruntime"}
    sys.exit(f"exit {end.code}, loaded {sorted(loaded)}")
"""
    words = [sys.executable, "-c", code]

    done = subprocess.run(words, capture_output=True, text=True, cwd=project, check=False)  # noqa: S603 - this interpreter

    assert done.stderr.splitlines()[-1] == "exit 0, loaded []"


def test_a_misspelt_key_exits_2_with_its_line(accepted: Any, project: Path) -> None:
    small_case("typo")
    file = project / "golden" / "typo" / "case.toml"
    file.write_text(file.read_text().replace("epochs = 2", "epoch = 2"), encoding="utf-8")
    code, out, err = accepted("gate", "typo")

    assert (code, out) == (2, "")
    assert "training.epoch: unknown key. Fix: did you mean epochs?" in err
    assert "line " in err
    shutil.rmtree(file.parent)


def test_a_trained_run_and_its_checkpoint_can_be_judged(accepted: Any, project: Path) -> None:
    code, out, _ = accepted("train", "mine", "--seed", "7", "--out", "runs")
    assert code == 0
    folder = project / "runs" / "mine-seed-7"
    assert sorted(p.name for p in folder.iterdir()) == [
        "cosines.npz",
        "evaluation.json",
        "model.safetensors",
        "run.json",
    ]

    checkpoint = "runs/mine-seed-7/model.safetensors"
    code, out, _ = accepted("eval", "mine", "--checkpoint", checkpoint)
    assert code == 0
    assert "weighted_mean" in out

    assert accepted("gate", "mine", "--run", "runs/mine-seed-7")[0] == 0
    assert accepted("gate", "mine", "--checkpoint", checkpoint)[0] == 0
    assert accepted("check", "run", "runs/mine-seed-7", "--case", "golden/mine")[0] == 0

    before = {file: file.read_bytes() for file in folder.iterdir()}
    code, _, err = accepted("train", "mine", "--seed", "7", "--out", "runs")
    assert code == 0
    assert "seed 7: finished before" in err
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_tampered_checkpoint_is_refused_with_exit_3(accepted: Any, project: Path) -> None:
    accepted("train", "mine", "--seed", "8", "--out", "runs")
    path = project / "runs" / "mine-seed-8" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5000] ^= 0x40
    path.write_bytes(bytes(content))

    code, out, _ = accepted("gate", "mine", "--checkpoint", str(path))
    assert code == 3
    assert last_line(out).startswith("ERROR: ") or last_line(out).startswith("HARNESS: ")
    assert accepted("gate", "mine", "--run", str(path.parent))[0] == 3


@pytest.mark.parametrize(
    ("metrics", "code", "word"),
    [
        ({"in_dist": 0.5597, "ood": 0.6375}, 0, "PARTIAL (scores only"),
        ({"in_dist": 0.5597, "ood": 0.5999}, 1, "C002"),
        ({"in_dist": 0.4607, "ood": -0.0118}, 3, "HARNESS"),
        ({"in_dist": 0.5597}, 3, "never measured"),
        ({"in_dist": 0.5597, "odd": 0.6375}, 2, "odd"),
        ({"in_dist": float("nan"), "ood": 0.6375}, 3, "C001"),
    ],
)
def test_metrics_alone_are_judged_as_far_as_they_go(
    accepted: Any, project: Path, metrics: dict[str, float], code: int, word: str
) -> None:
    small_case("metrics", 'profile = "minimum"')
    (project / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    got, out, err = accepted("gate", "metrics", "--metrics", "metrics.json")

    assert got == code, out + err
    assert word in out + err


def test_a_golden_needs_a_reason_and_a_person(
    accepted: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project / "golden" / "mine" / "golden.json").read_bytes()
    assert accepted("golden", "update", "mine")[0] == 2
    assert accepted("golden", "new", "mine", "--reason", "again")[0] == 2
    monkeypatch.setenv("CI", "true")
    code, _, err = accepted("golden", "update", "mine", "--reason", "because")

    assert code == 2
    assert "expected a person, got CI" in err
    assert (project / "golden" / "mine" / "golden.json").read_bytes() == before


def test_an_update_keeps_its_reason_and_names_what_it_replaces(
    accepted: Any, project: Path
) -> None:
    small_case("second")
    accepted("golden", "new", "second", "--reason", "first", "--author", "a")
    file = project / "golden" / "second" / "case.toml"
    file.write_text(f'title = "another"\n{file.read_text("utf-8")}', encoding="utf-8")
    code, _, _ = accepted("golden", "update", "second", "--reason", "second look", "--author", "b")
    record = json.loads((project / "golden" / "second" / "golden.json").read_text())

    assert code == 0
    accepted_as = record["accepted"]
    assert (accepted_as["reason"], accepted_as["author"]) == ("second look", "b")
    assert len(accepted_as["previous"]) == 64
    assert "second look" in accepted("golden", "list")[1]
    assert "0 changes" in accepted("golden", "diff", "second")[1]


def test_a_result_that_fails_is_not_accepted(accepted: Any, project: Path) -> None:
    small_case("low", "in_dist = 0.99\nood = 0.99")
    code, _, err = accepted("golden", "new", "low", "--reason", "please")

    assert code == 3
    assert "C001-in_dist" in err
    assert not (project / "golden" / "low" / "golden.json").exists()


def commands() -> list[tuple[str, ...]]:
    """Return every command and sub-command."""
    context = click.Context(cli)
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_that_fits_a_terminal(run: Any, words: tuple[str, ...]) -> None:
    code, out, _ = run(*words, "--help")

    assert code == 0
    assert out.startswith("Usage: ")
    assert max(map(len, out.splitlines())) <= 100
    assert len(words) > 1 or words == ("rules",) or "amn " in out


def test_rules_explain_every_check(run: Any) -> None:
    code, out, _ = run("rules")
    assert code == 0
    assert "D007-row_order" in out

    code, out, _ = run("rules", "c002")
    assert code == 0
    assert "summaries, criteria" in out
    assert "OOD is 0.001 below its floor" in out
    assert run("rules", "D999")[0] == 2


# What a shell starts in the background ignores interrupts, and so would the command.
INTERRUPTIBLE = """
import signal
from amn.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.mark.slow
@pytest.mark.usefixtures("accepted")
def test_an_interrupted_training_leaves_nothing_half_written(project: Path) -> None:
    small_case("long")
    file = project / "golden" / "long" / "case.toml"
    text = file.read_text().replace(
        "epochs = 2", "epochs = 100000\nabort = { stall_epochs = 100000 }"
    )
    file.write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(amn.__file__).parents[1])}
    words = ["gate", "long", "--first-run", "--cache", "cut"]
    command = [sys.executable, "-c", INTERRUPTIBLE, *words]
    process = subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE)  # noqa: S603 - our own command
    deadline = time.monotonic() + 120
    while not list((project / "cut").glob("*/*.lock")):  # taken when training begins
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)  # into the first of a hundred thousand epochs
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"interrupted" in err
    left = [path for path in (project / "cut").rglob("*") if path.is_file()]
    kinds = {path.suffix or path.name for path in left}
    assert kinds - {".state", ".gitignore"} == {".lock"}  # a state is whole, to go on


def test_vectors_of_other_texts_are_caught_by_encoding_a_sample_again(
    accepted: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = drifting_rows(N_ARTICLES, N_ROWS, DIM)
    texts = [f"text {row}" for row in range(len(rows))]
    keys = {
        "article_id": np.repeat(np.arange(N_ARTICLES), N_ROWS),
        "chunk_index": np.tile(np.arange(N_ROWS, dtype=np.int32), N_ARTICLES),
    }
    for name, shift in (("right", 0), ("wrong", 1)):
        table = pa.table({**keys, "text": pa.array(np.roll(texts, shift))})
        pq.write_table(table.append_column("vector", pa.array(list(rows))), f"{name}.parquet")
        assert accepted("data", "import", f"{name}.parquet", f"data/{name}", "--name", name)[0] == 0

    class Model:
        max_seq_length = 16

        def __init__(self, name: str, **_: Any) -> None:
            assert name == "toy"

        def __iter__(self) -> Any:
            return iter(())

        def encode(self, texts: list[str], **_: Any) -> np.ndarray:
            return rows[[int("".join(filter(str.isdigit, text))) for text in texts]]

        def bfloat16(self) -> Any:
            return self

    library = types.ModuleType("sentence_transformers")
    library.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)

    code, out, _ = accepted("check", "data", "data/right", "--encoder", "toy")
    assert code == 0, out
    assert "D013 alignment" in out
    code, out, _ = accepted("check", "data", "data/wrong", "--encoder", "toy")
    assert code == 1
    assert "(D013 alignment)" in last_line(out)
    assert (project / "data" / "wrong").exists()


@pytest.mark.parametrize(
    ("words", "shell", "code", "said"),
    [
        (["rules"], 'exec "$@" >&-', 0, ""),
        (["--version"], 'exec "$@" >&- 2>&- <&-', 0, ""),
        (["none"], 'exec "$@" >&-', 2, "ERROR: "),
        (["rules"], 'exec "$@" >/dev/full', 3, "standard output, or a file: expected"),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_is_closed_or_full_is_never_a_fail(
    words: list[str], shell: str, code: int, said: str
) -> None:
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "amn", *words]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("to", "code"), [(">/dev/full", 3), ("| true", 0)])
def test_what_is_left_at_the_end_and_cannot_be_written_is_no_pass(to: str, code: int) -> None:
    script = (
        "import sys, time; from amn.cli import main as door\n"
        "door.main = lambda: (time.sleep(0.2), sys.stdout.write('PASS'), sys.exit(0))\n"
        "door.run()"
    )
    line = f'("$@"; echo $? >&2) {to}'

    command = ["sh", "-c", line, "sh", sys.executable, "-c", script]
    env = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603 - this interpreter

    assert done.stderr.split() == [str(code)]


@pytest.mark.parametrize(
    ("level", "fix"),
    [("2", "PYTHONOPTIMIZE=1 at most"), ("1", "a sentence as the first line of the function")],
)
def test_checks_without_docstrings_are_refused_with_what_took_them(level: str, fix: str) -> None:
    script = "from amn.checks.check import check; check('X001', 'mine')(lambda: None)"

    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONOPTIMIZE": level},
    )  # fmt: skip

    assert f"got none. Fix: {fix}" in done.stderr


def test_a_defect_of_amn_does_not_exit_as_a_fail(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("amn.cli.rules.every_check", broken)
    code, _, err = run("rules")

    assert code == 3
    assert "RuntimeError: a defect" in err
    assert "nothing was judged" in err
