"""A trainer of one's own, in any language, is run once a seed and judged by its predictions."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from amn.case.load import load_case
from amn.cli.main import cli
from amn.errors import ArgumentError, ConfigError
from amn.gate.acceptance import accept
from amn.gate.bundle import members_of, write_bundle
from amn.gate.modes import GateOptions, run_gate
from amn.gate.replay import replay
from amn.golden.store import write_golden
from amn.prove.selftest import run_selftest
from amn.report.json import to_json
from amn.training.command import declared_inputs
from amn.verdict import Status
from tests.checkouts import git
from tests.own_models import BROKEN, program, without_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.case.load import Case
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden

ANSWER = "folder = Path("  # what changes a prediction stands before it
RIDGE = program("train.py").replace(ANSWER, f"CHANGE\n{ANSWER}")
SHELL = program("train.sh")
HISTORY = """
(Path(os.environ["AMN_FOLDER"]) / "history.csv").write_text(
    "epoch,val_cosine,train_loss\\n1,0.50,0.5\\n2,0.55,0.4\\n3,0.56,0.39\\n"
)
"""


def case_of(
    make_case: Callable[..., Case],
    place: Path,
    change: str = "",
    *,
    source: str = RIDGE,
    file: str = "train.py",
    **model: Any,
) -> Case:
    """Return a case whose model is a command, with its script beside it."""
    place.mkdir(exist_ok=True)
    (place / file).write_text(source.replace("CHANGE", change), "utf-8")
    case = make_case(place)
    config = case.config.model_dump(by_alias=True, exclude_unset=True)
    command = {"command": ["python", file], "inputs": [file], **model}
    config |= {"model": command, "training": {"seeds": [0, 1, 2]}}
    config["criteria"] |= {"lift": -0.3}
    return type(case)(place, type(case.config).model_validate(config))


@pytest.fixture
def own(make_case: Callable[..., Case], tmp_path: Path) -> Callable[..., Case]:
    """Make such a case in a folder of its own."""
    return partial(case_of, make_case, tmp_path / "own")


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., GateResult]:
    def judge(case: Case, **options: Any) -> GateResult:
        return run_gate(case, GateOptions(**{"cache": tmp_path / "cache", **options}))

    return judge


def bad(result: GateResult) -> dict[str, Status]:
    return {o.label: o.status for o in result.outcomes if o.has_failed}


@pytest.fixture
def _here() -> Iterator[None]:
    """Commands run in this process: their answer is the question, not how they are run."""
    with without_processes():
        yield


here = pytest.mark.usefixtures("_here")


@pytest.fixture(scope="session")
def ridge_golden(
    make_case: Callable[..., Case], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Golden, Path]:
    """The golden of the ridge, and the cache in which its five seeds are."""
    place = tmp_path_factory.mktemp("ridge")
    cache = place / "cache"
    with without_processes():
        accepted = accept(
            case_of(make_case, place / "own"), cache=cache, seeds=range(5), reason="first",
            author="us", created=date(2026, 1, 1),
        )  # fmt: skip
    return accepted.golden, cache


@pytest.mark.parametrize("way", ["numpy", "shell"])
def test_it_gets_files_of_windows_and_comes_to_a_whole_result(
    own: Any, judge: Any, way: str, tmp_path: Path
) -> None:
    shell: dict[str, Any] = {
        "source": SHELL, "file": "train.sh", "command": ["sh", "train.sh"], "files": "csv",
    }  # fmt: skip
    case = own(**(shell if way == "shell" else {}))

    result = judge(case, first_run=True)

    assert bad(result) == {}
    assert [candidate.name for candidate in result.candidates] == ["seed 0", "seed 1", "seed 2"]
    digests = {candidate.digest for candidate in result.candidates}
    assert len(digests) == (1 if way == "shell" else 3)  # one has no use for the seed
    assert (tmp_path / "cache" / ".gitignore").exists()


EVERY = {
    **BROKEN,
    "nan": ("made[7] = np.nan", "W004"),
    "foreign": ("names[3] = 'elsewhere/1'", "W004"),
    "nothing": ("raise SystemExit(0)", "W004"),
}


@here
@pytest.mark.parametrize("way", EVERY)
def test_one_that_is_broken_gets_its_verdict_with_the_golden_in_place(
    own: Any, judge: Any, ridge_golden: tuple[Golden, Path], way: str
) -> None:
    golden, cache = ridge_golden
    write_golden(own().folder, golden)
    assert bad(judge(own(), cache=cache)) == {}
    change, check = EVERY[way]

    result = judge(own(change))

    outcome = next(o for o in result.outcomes if o.check == check)
    assert outcome.status is (Status.FAIL if check == "G001" else Status.HARNESS)
    assert check == "G001" or outcome.findings[0].where.startswith("seed 0")


@here
def test_the_same_inputs_are_run_once_and_another_is_another_run(
    own: Any, judge: Any, tmp_path: Path
) -> None:
    ran = tmp_path / "ran.txt"
    note = f"with open({str(ran)!r}, 'a') as file: file.write('x')"
    for _ in range(2):
        judge(own(note), first_run=True)
    assert ran.read_text() == "xxx"

    judge(own(note + "\nmade = made + 0"), first_run=True)
    assert ran.read_text() == "xxx" * 2
    judge(own(note, inputs=[]), first_run=True)
    judge(own(note, inputs=[]), first_run=True)
    assert ran.read_text() == "xxx" * 4


@here
def test_a_result_in_the_cache_that_was_changed_is_made_again(
    own: Any, judge: Any, tmp_path: Path
) -> None:
    case = own()
    first = judge(case, first_run=True)
    for file in (tmp_path / "cache").rglob("predictions.npz"):
        file.write_bytes(file.read_bytes()[:-1])

    again = judge(case, first_run=True)

    assert [c.digest for c in again.candidates] == [c.digest for c in first.candidates]


def test_only_what_is_declared_is_found(own: Any, judge: Any) -> None:
    case = own("import helper")
    (case.folder / "helper.py").write_text("", "utf-8")

    result = judge(case, first_run=True)
    outcome = next(o for o in result.outcomes if o.check == "W004")
    assert outcome.status is Status.ERROR
    assert "No module named 'helper'" in outcome.findings[0].message

    assert bad(judge(own("import helper", inputs=["*.py"]), first_run=True)) == {}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("missing.py", "expected files of 'missing.py', got none"),
        ("../outside.py", "expected files inside"),
        ("/etc/hostname", "expected files inside"),
        ("link.py", "expected files inside"),
        ("folder", "got the folder folder. Fix: folder/**"),
    ],
)
def test_inputs_that_are_not_there_or_leave_the_repository_are_refused(
    own: Any, tmp_path: Path, pattern: str, said: str
) -> None:
    case = own(inputs=[pattern])
    (tmp_path / "outside.py").write_text("", "utf-8")
    (case.folder / "link.py").symlink_to(tmp_path / "outside.py")
    (case.folder / "folder").mkdir()

    with pytest.raises(ConfigError, match=r"model\.inputs") as caught:
        declared_inputs(case)

    assert said in str(caught.value)


def test_inputs_elsewhere_in_the_repository_are_found_in_their_place(
    own: Any, judge: Any, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.py").write_text("", "utf-8")
    case = own(
        "import sys; sys.path.append('../src'); import lib", inputs=["train.py", "../src/*.py"]
    )

    assert [*declared_inputs(case)] == ["own/train.py", "src/lib.py"]
    assert bad(judge(case, first_run=True)) == {}


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(
    own: Any, judge: Any, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    case = own(
        source=f"echo training; sleep 60 & echo $! > {pid}; sleep 60\n",
        file="train.sh",
        command=["sh", "train.sh"],
        minutes=0.01,
    )

    result = judge(case, first_run=True)

    outcome = next(o for o in result.outcomes if o.check == "W004")
    assert outcome.status is Status.ERROR
    said = "expected exit code 0 within 0.01 min, got no end, and stopped it: training"
    assert said in outcome.findings[0].message
    assert result.verdict.exit_code() == 3
    for _ in range(100):
        if not _is_running(int(pid.read_text())):
            break
        time.sleep(0.05)
    else:
        pytest.fail("its child still runs")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_a_seed_that_fails_is_named_with_what_it_printed_last(own: Any, judge: Any) -> None:
    result = judge(own("print('half way'); raise SystemExit('no memory')"), first_run=True)

    outcome = next(o for o in result.outcomes if o.check == "W004")
    said = outcome.findings[0].message
    assert "python train.py: expected exit code 0 within 60 min, got exit code 1" in said
    assert "half way" in said
    assert "no memory" in said
    assert result.verdict.exit_code() == 3


def test_a_program_that_is_not_there_is_named(own: Any, judge: Any) -> None:
    result = judge(own(command=["no-such-program"]), first_run=True)

    outcome = next(o for o in result.outcomes if o.check == "W004")
    assert "expected a program 'no-such-program', got" in outcome.findings[0].message


def test_nothing_is_run_on_data_that_fail(own: Any, judge: Any, tmp_path: Path) -> None:
    ran = tmp_path / "ran.txt"
    case = own(f"open({str(ran)!r}, 'a').write('x')")
    split = case.config.split.model_copy(update={"ood": case.config.split.in_dist})
    broken = replace(case, config=case.config.model_copy(update={"split": split}))

    result = judge(broken, first_run=True)

    statuses = {o.check: o.status for o in result.outcomes}
    assert statuses["W004"] is Status.NOT_RUN
    assert not ran.exists()


@here
def test_a_promised_course_is_judged_by_the_checks_that_it_has_figures_for(
    own: Any, judge: Any
) -> None:
    promised = {"history": ["val_cosine", "train_loss"]}

    whole = judge(own(HISTORY, **promised), first_run=True)
    courses = {o.check: o.status for o in whole.outcomes if o.check.startswith("R")}
    assert courses["R005"] is courses["R002"] is courses["R003"] is Status.PASS
    assert bad(whole) == {}

    fell = judge(own(HISTORY.replace("0.55,", "0.30,"), **promised), first_run=True)
    assert any(label.startswith("R003") for label in bad(fell))

    for broken in ("", HISTORY.replace("val_cosine", "something")):
        none = judge(own(broken, **promised), first_run=True)
        outcome = next(o for o in none.outcomes if o.check == "R005")
        assert outcome.status is Status.ERROR
        assert "as model.history says" in outcome.findings[0].message

    named = own(HISTORY.replace("val_cosine", "something"), **promised)
    columns = named.config.model_copy(update={"columns": {"something": "val_cosine"}})
    assert bad(judge(replace(named, config=columns), first_run=True)) == {}

    unpromised = judge(own(HISTORY), first_run=True)
    assert not [o for o in unpromised.outcomes if o.check.startswith("R")]


@here
def test_another_input_or_time_limit_is_seen_beside_the_golden(
    own: Any, judge: Any, ridge_golden: tuple[Golden, Path]
) -> None:
    golden, cache = ridge_golden
    case = own()
    write_golden(case.folder, golden)
    same = next(o for o in judge(case, cache=cache).outcomes if o.check == "G007")
    other = next(o for o in judge(own("# another"), cache=cache).outcomes if o.check == "G007")
    longer = next(o for o in judge(own(minutes=90), cache=cache).outcomes if o.check == "G007")

    assert same.status is Status.PASS
    assert [finding.where for finding in other.findings] == ["model.inputs.train.py"]
    assert [finding.where for finding in longer.findings] == ["model.minutes"]
    assert other.status is longer.status is Status.WARN


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"model": {"command": ["x"], "hidden_dim": 8}}, "hidden_dim: expected none beside"),
        ({"model": {"inputs": ["x"]}}, "inputs: expected a command beside them"),
        ({"model": {"command": []}}, "at least 1 item"),
        ({"model": {"command": ["x"]}, "training": {"epochs": 3}}, "got epochs beside"),
        ({"model": {"command": ["x"], "minutes": 0}}, "greater than 0"),
        ({"model": {"command": ["x"], "history": ["loss"]}}, "val_cosine"),
    ],
)
def test_what_a_command_would_ignore_is_refused(
    own: Any, sections: dict[str, Any], said: str
) -> None:
    case = own()
    values = case.config.model_dump(by_alias=True, exclude_unset=True)

    with pytest.raises(ValidationError, match=said):
        type(case.config).model_validate({**values, **sections})


@here
def test_no_longer_promising_a_course_removes_checks_and_is_loosened(
    own: Any, judge: Any, tmp_path: Path
) -> None:
    case = own(HISTORY, history=["val_cosine"])
    accepted = accept(
        case, cache=tmp_path / "cache", seeds=range(5), reason="first", author="us",
        created=date(2026, 1, 1),
    )  # fmt: skip
    write_golden(case.folder, accepted.golden)
    assert bad(judge(case)) == {}

    result = judge(own(HISTORY))

    assert bad(result) == {"G006-same_checks": Status.LOOSENED}


TOML = """schema = 1
dataset.path = {data}
split.in_dist.articles = "41-52"
split.ood.articles = "53-64"
windows.context = 3
model.command = ["python", "train.py"]
model.inputs = ["train.py"]
criteria = {{ in_dist = 0.3, ood = 0.3, delta = [-0.3, 0.3], lift = -0.3 }}
"""


@here
def test_a_bundle_of_it_is_judged_again(own: Any, tmp_path: Path) -> None:
    case = own()
    case.file.write_text(TOML.format(data=json.dumps(case.config.dataset.path)), "utf-8")
    case = load_case(case.folder)
    options = GateOptions(cache=tmp_path / "cache", first_run=True)
    result = run_gate(case, options)
    write_bundle(tmp_path / "bundle.zip", members_of(case, options, result), to_json([result]))

    [again] = replay(tmp_path / "bundle.zip")

    assert again.differences == ()
    assert "E008-seeds" in again.again


def test_train_keeps_what_each_seed_leaves_and_gate_takes_it(own: Any, tmp_path: Path) -> None:
    case = own()
    case.file.write_text(TOML.format(data=json.dumps(case.config.dataset.path)), "utf-8")
    folder, out = str(case.folder), str(tmp_path / "runs")

    for _ in range(2):  # the second finds what the first has left
        done = CliRunner().invoke(cli, ["train", folder, "--out", out, "--seed", "3"])
        assert done.exit_code == 0, done.output
    file = tmp_path / "runs" / "own-seed-3" / "predictions.npz"
    assert f"next: amn gate {folder} --predictions {file}" in done.output
    gated = CliRunner().invoke(cli, ["gate", folder, "--first-run", "--predictions", str(file)])
    assert gated.exit_code == 0, gated.output

    case = own("# another")
    again = CliRunner().invoke(cli, ["train", folder, "--out", out, "--seed", "3"])
    assert isinstance(again.exception, ArgumentError)
    assert "expected no folder, got one" in str(again.exception)
    assert file.exists()


@here
def test_its_self_test_catches_what_can_be_broken(own: Any, tmp_path: Path) -> None:
    case = own()
    case.file.write_text(TOML.format(data=json.dumps(case.config.dataset.path)), "utf-8")

    done = run_selftest(load_case(case.folder), cache=tmp_path / "cache", n_variants=5)

    assert [row for row in done.defects if row.state == "missed"] == []
    assert done.alarms == ()
    caught = {row.check.partition("-")[0] for row in done.defects if row.state == "caught"}
    assert caught > {"W004", "E008", "C001"}
