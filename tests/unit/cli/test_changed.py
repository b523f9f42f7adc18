"""`amn gate --changed`: what cannot have changed since a recorded PASS stands."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from amn.case.load import load_case
from amn.checks.recorded import Recorded
from amn.cli.main import cli
from amn.gate import inputs
from amn.golden.base.review import MergeBase
from amn.golden.store import write_golden
from amn.report.recorded import Records
from tests.checkouts import CASE_TEXT, begin_change, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from amn.golden.schema import Golden

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

CASES = ("a", "b", "c")
CHECKS = "import helper\n\nWORD = helper.WORD, '1'\n"


def amn(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, "utf-8")


@pytest.fixture(scope="session")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, toy_data: Path, toy_golden: Golden, toy_cache: Path
) -> Path:
    """A project of three cases whose main branch has recorded that each of them passes."""
    root = tmp_path_factory.mktemp("recorded")
    shutil.copytree(toy_data, root / "data")
    shutil.copytree(toy_data, root / "golden" / "b" / "data")
    for name in CASES:
        place = "data" if name == "b" else "../../data"
        write(f"{root}/golden/{name}/case.toml", CASE_TEXT.replace("../../data", place))
        record = toy_golden.record.model_copy(update={"case": name})
        write_golden(root / "golden" / name, replace(toy_golden, record=record))
    write(f"{root}/golden/c/splits.json", json.dumps({"in_dist": [*range(41, 53)]}))
    file = root / "golden" / "c" / "case.toml"
    lists = file.read_text("utf-8").replace('{ articles = "41-52" }', '{ file = "splits.json" }')
    file.write_text(lists.replace('title = "toy"', 'title = "toy"\nblocked_by = "a"'), "utf-8")
    write(f"{root}/requirements.txt", "torch==2.9\n")
    write(f"{root}/.github/workflows/gate.yml", "jobs:\n gate:\n  steps:\n   - run: amn gate\n")
    write(f"{root}/README.md", "a project\n")
    write(f"{root}/pytest.ini", "[pytest]\naddopts = -x\n")
    write(f"{root}/helper.py", "WORD = '1'\n")
    write(f"{root}/golden/a/conftest.py", CHECKS)
    begin_change(root)
    before = Path.cwd()
    os.chdir(root)
    try:
        done = amn("gate", "--target", "main", "--cache", str(toy_cache), "--history", "history")
    finally:
        os.chdir(before)
    assert done.exit_code == 0, done.output
    commit(root, "results of main")
    git(root, "branch", "-f", "main", "HEAD")
    return root


@pytest.fixture(autouse=True)
def project(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(recorded, tmp_path / "p", symlinks=True)
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def stands(name: str, place: str = "history", *, of_environment: bool = True) -> str:
    """Return why a case is judged; empty where its PASS stands."""
    base = MergeBase(Path(), "main", recorded=place)
    case = load_case(Path("golden", name))
    proof = Records(base, place, of_environment=of_environment).proof(case)
    return "" if isinstance(proof, Recorded) else proof


def edit(path: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        text = Path(path).read_text("utf-8")
        assert old in text
        Path(path).write_text(text.replace(old, new, 1), "utf-8")

    return change


def flip(path: str) -> Callable[[], None]:
    def change() -> None:
        content = bytearray(Path(path).read_bytes())
        content[len(content) // 2] ^= 1
        Path(path).write_bytes(content)

    return change


def test_every_recorded_pass_stands_where_nothing_has_changed() -> None:
    assert [stands(name) for name in CASES] == ["", "", ""]


CASE, DATA, RUN = "this change touches its files", "data changed since", "run by changed since"
INPUTS = {
    "a key of the case": ("b", edit("golden/b/case.toml", "ood = 0.3", "ood = 0.2"), CASE),
    "the golden's record": ("b", edit("golden/b/golden.json", '"toy"', '"toys"'), CASE),
    "the golden's table": ("b", flip("golden/b/golden.csv"), CASE),
    "the ledger": ("b", edit("golden/b/ledger.jsonl", "first", "second"), CASE),
    "a waiver": ("b", lambda: write("golden/b/waivers.toml", "# none\n"), CASE),
    "a list of articles": ("c", edit("golden/c/splits.json", "41, ", ""), CASE),
    "vectors in the case": ("b", flip("golden/b/data/vectors-00000.npy"), CASE),
    "vectors beside the cases": ("a", flip("data/vectors-00000.npy"), CASE),
    "chunks beside the cases": ("a", flip("data/chunks-00000.parquet"), CASE),
    "a file that came to the data": ("a", lambda: write("data/index.json", "{}"), CASE),
    "its own check": ("a", edit("golden/a/conftest.py", "'1'", "'2'"), CASE),
    "what its own check imports": ("a", edit("helper.py", "1", "2"), RUN),
    "a conftest.py above it": ("b", lambda: write("conftest.py", "import amn\n"), RUN),
    "a pinned version": ("b", edit("requirements.txt", "2.9", "2.8"), RUN),
    "the workflow": ("b", edit(".github/workflows/gate.yml", "amn gate", "amn gate -v"), RUN),
    "settings of pytest": ("b", edit("pytest.ini", "-x", "-k no"), RUN),
    "the case that it waits for": ("c", edit("golden/a/case.toml", "ood = 0.3", "ood = 0.2"),
        "blocked by changed since"),
}  # fmt: skip


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "left"])
@pytest.mark.parametrize("what", INPUTS)
def test_each_input_that_changes_makes_the_case_be_judged(
    what: str, *, is_committed: bool, project: Path
) -> None:
    name, change, why = INPUTS[what]
    change()
    if is_committed:
        commit(project)
    said = stands(name)
    assert said.startswith(why) or "changed since" in said, said
    assert said


def test_what_is_no_input_changes_nothing(project: Path) -> None:
    write("README.md", "another text\n")
    write("docs/page.md", "a page\n")
    edit("golden/b/case.toml", "ood = 0.3", "ood = 0.2")()
    commit(project)
    assert [stands(name) for name in CASES] == ["", CASE, ""]


def test_another_version_of_amn_makes_every_case_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "__version__", "9.9.9")
    assert {stands(name).partition(" ")[0] for name in ("a", "b")} == {"amn"}


def test_other_code_of_amn_makes_every_case_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(inputs.PACKAGE, tmp_path / "amn")
    monkeypatch.setattr(inputs, "PACKAGE", tmp_path / "amn")
    assert stands("b") == ""
    with (tmp_path / "amn" / "verdict.py").open("a", encoding="utf-8") as file:
        file.write("\n# another line\n")
    assert stands("b").startswith("amn changed since")


def test_other_packages_make_every_case_be_judged_where_something_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = list(inputs.distributions())
    monkeypatch.setattr(inputs, "distributions", lambda: every[1:])
    assert stands("b").startswith("environment changed since")
    assert stands("b", of_environment=False) == ""


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("[speed]\ntraining = 1.5\n", "its speed is measured each time"),
        ('[model]\nfactory = "own:make"\n', "code of its own decides its result"),
        ('[model]\ncommand = ["train"]\n', "code of its own decides its result"),
    ],
)
def test_what_no_digest_tells_is_judged(lines: str, why: str) -> None:
    text = Path("golden/b/case.toml").read_text("utf-8")
    if "[model]" in lines:
        head, _, rest = text.partition("[model]")
        text = head + rest[rest.index("[criteria]") :]
    write("golden/b/case.toml", text + lines)
    assert stands("b") == why


def test_a_package_that_adds_to_amn_makes_every_case_be_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inputs.Inputs, "_extensions", ["amn-more"])
    assert stands("b") == "an installed package adds to amn: amn-more"


def test_own_checks_beside_a_package_in_place_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs.Inputs, "_in_place", ["ours"])
    edit("golden/a/conftest.py", "import helper", "import amn")()
    assert stands("a") == "its own checks may import ours, which is installed in place"


def last_line(name: str, **changes: Any) -> None:
    """Record another line of a case on main, with some of its parts changed."""
    file = Path("history", f"{name}.jsonl")
    line = {**json.loads(file.read_text("utf-8").splitlines()[-1]), **changes}
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    commit(Path(), "recorded")
    git(Path(), "branch", "-f", "main", "HEAD")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "FAIL", "word": "FAIL"}, "its last recorded result is FAIL"),
        ({"word": "PASS (1 waived)"}, "its last recorded result is PASS (1 waived)"),
        ({"word": "PASS (approved by A: b)"}, "its last recorded result is PASS (approved"),
        ({"looked": ["data", "model"]}, "its last recorded result is PASS"),
        ({"inputs": {}}, "its last recorded result does not say what it rests on"),
        ({"commit": None}, "its last recorded result does not say what it rests on"),
        ({"commit": "0" * 40}, "its last recorded result is of 0000000000, which is not before"),
        ({"case": "a"}, "its last recorded result is of another case, a"),
    ],
)
def test_a_last_result_that_is_no_whole_pass_of_the_default_branch_does_not_stand(
    changes: dict[str, Any],
    why: str,
) -> None:
    last_line("b", **changes)
    assert stands("b").startswith(why)


def test_a_damaged_history_does_not_stand(project: Path) -> None:
    write("history/b.jsonl", "no json\n")
    commit(project)
    git(project, "branch", "-f", "main", "HEAD")
    assert "expected JSON" in stands("b")


def test_results_of_a_commit_that_was_never_merged_do_not_stand(project: Path) -> None:
    git(project, "checkout", "-q", "-b", "aside")
    commit(project, "aside")
    aside = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-q", "-B", "change", "main")
    last_line("b", commit=aside)
    assert "which is not before this" in stands("b")


def test_a_change_that_goes_back_to_what_passed_is_judged(project: Path) -> None:
    edit("golden/b/case.toml", "ood = 0.3", "ood = 0.4")()
    commit(project, "stricter")
    git(project, "branch", "-f", "main", "HEAD")
    edit("golden/b/case.toml", "ood = 0.4", "ood = 0.3")()
    commit(project, "as before")
    assert stands("b") == CASE


def test_what_the_change_writes_into_the_history_is_not_believed_and_is_named(
    project: Path, toy_cache: Path
) -> None:
    edit("golden/b/case.toml", "ood = 0.3", "ood = 0.31")()
    commit(project, "stricter")
    asked = ("gate", "b", "--target", "main", "--cache", str(toy_cache))
    amn(*asked, "--history", "history")
    commit(project, "its own results")
    result = amn(*asked, "--changed")
    assert "judged, this change touches its files: b" in result.output
    assert "LOOSENED" in result.stdout
    assert "brought its own results" in result.stdout
    assert result.exit_code == 5


def test_results_may_be_kept_on_a_branch_of_the_remote(project: Path) -> None:
    git(project, "update-ref", "refs/remotes/origin/kept", "main")
    git(project, "rm", "-q", "-r", "history")
    commit(project, "elsewhere")
    git(project, "branch", "-f", "main", "HEAD")
    git(project, "branch", "kept", "HEAD")  # of the change, and no branch of the remote
    assert stands("b") == "no result of it is recorded in history"
    assert stands("b", "origin/kept:history") == ""
    assert stands("b", "kept:history") == ""
    assert "expected a branch of a remote, found none" in stands("b", "origin/other:history")


def without_times(path: str) -> dict[str, Any]:
    document = json.loads(Path(path).read_text("utf-8"))
    return {result["case"]: result for result in document["results"]}


def test_the_verdict_is_that_of_all_of_them_and_says_which_stand(
    project: Path, toy_cache: Path
) -> None:
    edit("golden/b/case.toml", "ood = 0.3", "ood = 0.31")()
    commit(project)
    asked = ("gate", "--target", "main", "--cache", str(toy_cache))
    whole, part = amn(*asked, "-o", "all.json"), amn(*asked, "--changed", "-o", "some.json")
    assert (whole.exit_code, part.exit_code) == (0, 0), part.output
    every, some = without_times("all.json"), without_times("some.json")
    assert [r["verdict"] for r in every.values()] == [r["verdict"] for r in some.values()]
    head = git(project, "rev-parse", "main~1").strip()[:10]
    assert some["a"]["word"] == some["c"]["word"] == f"PASS (unchanged since {head})"
    assert some["b"]["word"] == every["b"]["word"] == "PASS"
    assert some["b"]["declared"] == every["b"]["declared"]
    assert "G027-unchanged" in some["a"]["declared"]
    assert "D003-readable" not in some["a"]["declared"]
    assert "2 of 3 cases unchanged since their last PASS" in part.stderr
    assert f"PASS (unchanged since {head}): " in part.stdout
    required = amn("ci", "require", "some.json")
    assert required.exit_code == 0, required.output


def test_a_result_that_stands_is_looked_up_again_by_the_last_job(toy_cache: Path) -> None:
    asked = ("gate", "--target", "main", "--cache", str(toy_cache))
    amn(*asked, "--changed", "-o", "verdict.json", "--bundle", "bundle.zip")
    assert amn("ci", "require", "verdict.json").exit_code == 0
    judged = amn("ci", "require", "bundle.zip")
    assert judged.exit_code == 0, judged.output
    flip("data/vectors-00000.npy")()
    for name in ("verdict.json", "bundle.zip"):
        refused = amn("ci", "require", name)
        assert refused.exit_code == 3
        assert "a: expected a case that is unchanged, got: " in refused.output


def test_a_case_that_stands_is_judged_all_the_same_where_the_change_loosens_the_gate(
    project: Path, toy_cache: Path
) -> None:
    shutil.rmtree("golden/c")
    commit(project)
    asked = ("gate", "b", "--target", "main", "--cache", str(toy_cache))
    result = amn(*asked, "--changed")
    assert "judged, LOOSENED: b" in result.output
    assert result.exit_code == amn(*asked).exit_code == 5


def test_no_line_is_written_for_a_case_that_was_not_judged(toy_cache: Path) -> None:
    before = Path("history/b.jsonl").read_bytes()
    asked = ("gate", "b", "--target", "main", "--cache", str(toy_cache), "--changed")
    assert amn(*asked, "--history", "history").exit_code == 0
    assert Path("history/b.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--changed", "--first-run"), "expected cases that are trained here, got --first-run"),
        (("--recorded", "history"), "--recorded: expected --changed beside it, got none"),
        (("--changed", "--recorded", "/tmp"), "expected a folder of this checkout"),  # noqa: S108 - any folder
        (("--changed", "--recorded", ":x"), "expected BRANCH:FOLDER, got ':x'"),
    ],
)
def test_what_cannot_stand_is_wrong_use(words: tuple[str, ...], said: str) -> None:
    result = amn("gate", "b", "--target", "main", *words)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
