"""A check of one's own: a function in a conftest.py is listed, run, proven and reviewed."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode
from py_compile import compile as compile_file
from typing import TYPE_CHECKING, Any

import pytest

from amn.checks.broken.golden import with_checks
from amn.cli.main import main
from amn.golden.base.target import CI_VARIABLES
from amn.golden.schema import Ended, Golden
from amn.golden.store import write_golden
from amn.storage import write_archive
from tests.checkouts import CASE_TEXT, begin_change, commit
from tests.own_checks import FAILING, PROVEN, SPREAD, forgotten

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., tuple[int, str, str]]

CONFTEST = Path("conftest.py")
PLACES_OF_A_CASE = ("", "golden/", "golden/case/")


@pytest.fixture(scope="module")
def made(
    toy_data: Path, toy_golden: Golden, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Projects of a case with a golden, which lists X001 or does not, and of a case without one."""
    projects = {}
    checks = {**toy_golden.record.checks, "X001-spread": Ended()}
    listing = with_checks(toy_golden.record, checks)
    for name, golden in (("other", toy_golden), ("listing", Golden(listing, toy_golden.tables))):
        root = projects[name] = tmp_path_factory.mktemp(name)
        shutil.copytree(toy_data, root / "data")
        for case in ("case", "bare"):
            (root / "golden" / case).mkdir(parents=True)
            (root / "golden" / case / "case.toml").write_text(CASE_TEXT, "utf-8")
        write_golden(root / "golden" / "case", golden)
    return projects


@pytest.fixture
def enter(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Make a copy of a project the current folder."""
    for name in ("CI", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)

    def enter(name: str) -> None:
        shutil.copytree(made[name], tmp_path / "p")
        monkeypatch.chdir(tmp_path / "p")

    return enter


@pytest.fixture
def project(enter: Callable[[str], None]) -> None:
    """The project whose golden does not list the check is the current folder."""
    enter("other")


@pytest.fixture
def amn(
    toy_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command as a process of its own would: exit code, output, errors."""

    def amn(*words: str) -> tuple[int, str, str]:
        cache = ["--cache", str(toy_cache)] if words[0] in ("gate", "selftest") else []
        monkeypatch.setattr(sys, "argv", ["amn", *words, *cache])
        with forgotten(), pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return amn


def gated(amn: Command, *words: str) -> tuple[int, dict[str, Any]]:
    """Gate; return the exit code and the results by case."""
    code, out, err = amn("gate", *words, "--format", "json")
    assert out, err
    return code, {result["case"]: result for result in json.loads(out)["results"]}


def the_check(result: dict[str, Any]) -> dict[str, Any]:
    [mine] = [check for check in result["checks"] if check["id"] == "X001"]
    return dict(mine)


@pytest.mark.usefixtures("project")
def test_it_is_in_the_list_of_checks_with_its_words(amn: Command) -> None:
    assert "X001" not in amn("rules")[1]
    CONFTEST.write_text(SPREAD, "utf-8")

    code, out, _ = amn("rules")
    assert (code, "X001-spread" in out, "Seeds score within 0.2 of each other" in out) == (
        0,
        True,
        True,
    )
    code, out, _ = amn("rules", "x001")
    assert code == 0
    assert "X001-spread  (own, fail)" in out
    assert "reads  summaries" in out


@pytest.mark.usefixtures("project")
def test_it_is_declared_and_run_and_its_number_reported(amn: Command) -> None:
    CONFTEST.write_text(SPREAD, "utf-8")

    code, results = gated(amn, "case")

    assert code == 0
    assert "X001-spread" in results["case"]["declared"]
    mine = the_check(results["case"])
    assert (mine["status"], mine["limit"]) == ("PASS", "<= 0.2")
    assert 0 < mine["number"] <= 0.2


@pytest.mark.usefixtures("project")
def test_it_fails_the_gate_with_its_number(amn: Command) -> None:
    CONFTEST.write_text(FAILING, "utf-8")

    code, out, _ = amn("gate", "case")

    assert code == 1
    assert "ood: expected at most -1.0, got 0.0" in out
    assert "train longer" in out
    assert out.strip().splitlines()[-1].startswith("FAIL: 1 of ")
    assert "(X001 spread)" in out


@pytest.mark.usefixtures("project")
def test_it_is_proven_by_the_defect_that_it_brings(amn: Command) -> None:
    CONFTEST.write_text(PROVEN, "utf-8")

    code, out, err = amn("selftest", "case", "--only", "X001", "--only", "X002")
    assert code == 0, err
    assert "One seed is half a cosine below the others, OOD" in out
    assert "PASS: 2 of 2 defects caught by their own check, 1 of them before training" in out

    CONFTEST.write_text(PROVEN.replace("MOST = 0.2", "MOST = 9.0"), "utf-8")
    code, out, _ = amn("selftest", "case", "--only", "X001")
    assert code == 1
    assert "MISSED one-seed-apart: X001-spread PASS" in out


@pytest.mark.usefixtures("project")
def test_one_that_breaks_is_an_error_that_names_it_and_hides_no_other(amn: Command) -> None:
    CONFTEST.write_text(SPREAD.replace("min(scores)", "min(scores) / 0"), "utf-8")

    code, results = gated(amn, "case")

    mine = the_check(results["case"])
    assert code == 3
    assert mine["status"] == "ERROR"
    assert "could not run: ZeroDivisionError" in mine["findings"][0]["message"]
    assert {one["status"] for one in results["case"]["checks"]} >= {"PASS", "ERROR"}


@pytest.mark.usefixtures("project")
def test_its_source_is_run_whatever_bytecode_lies_beside_it(amn: Command, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(SPREAD, "utf-8")
    CONFTEST.write_text(FAILING, "utf-8")
    for bytecode in {cache_from_source(str(CONFTEST.resolve())), cache_from_source(str(CONFTEST))}:
        compile_file(
            str(other), bytecode, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH, doraise=True
        )

    code, out, _ = amn("gate", "case")

    assert code == 1
    assert "(X001 spread)" in out


@pytest.mark.usefixtures("project")
def test_the_self_test_lists_its_defect(amn: Command) -> None:
    CONFTEST.write_text(PROVEN, "utf-8")

    assert "one-seed-apart" in amn("selftest", "--list")[1]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("place", "holds_for"),
    [
        ("conftest.py", {"case", "bare"}),
        ("golden/conftest.py", {"case", "bare"}),
        ("golden/bare/conftest.py", {"bare"}),
        ("elsewhere/conftest.py", set()),
    ],
)
def test_it_holds_for_the_cases_below_its_folder(
    amn: Command, place: str, holds_for: set[str]
) -> None:
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text(SPREAD, "utf-8")

    code, results = gated(amn, "case", "bare", "--first-run")

    assert code == 0
    found = {case for case, result in results.items() if "X001-spread" in result["declared"]}
    assert found == holds_for


ANOTHER = """

@check("X002", "lift")
def lift(summaries):
    \"\"\"There is a lift.\"\"\"
    assert Severity.FAIL
    return Measured("", "")
"""
CHANGES: dict[str, tuple[Callable[[str], str], str]] = {
    "the file is emptied": (lambda _: "", "removed a check"),
    "another id": (lambda text: text.replace("X001", "X009"), "removed a check"),
    "another limit": (lambda text: text.replace("MOST = 0.2", "MOST = 0.9"), "changed a check"),
    "another measure": (lambda text: text.replace("max(scores) -", "0 *"), "changed a check"),
    "a weaker severity": (
        lambda text: text.replace(
            '"spread")', '"spread", severity=__import__("amn").Severity.WARNING)'
        ),
        "changed a check",
    ),
    "under a condition": (
        lambda text: (
            text.replace("@check", "if True:\n  @check")
            .replace("\ndef", "\n  def")
            .replace("\n    ", "\n      ")
        ),
        "changed a check",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("golden", ["listing", "other"])
def test_a_change_that_removes_or_edits_it_is_loosened_and_says_so(
    amn: Command, enter: Callable[[str], None], golden: str, change: str
) -> None:
    enter(golden)
    CONFTEST.write_text(SPREAD, "utf-8")
    begin_change(Path())
    edit, what = CHANGES[change]
    CONFTEST.write_text(edit(SPREAD), "utf-8")
    commit(Path())

    code, out, _ = amn("gate", "case", "--target", "main")

    assert code == 5, out
    assert what in out
    assert "conftest.py X001" in " ".join(out.split())


@pytest.mark.usefixtures("project")
def test_it_is_missed_where_the_whole_file_is_gone(amn: Command) -> None:
    CONFTEST.write_text(SPREAD, "utf-8")
    begin_change(Path())
    CONFTEST.unlink()
    commit(Path())

    code, out, _ = amn("gate", "case", "--target", "main")

    assert code == 5, out
    assert "removed a check" in out


def test_it_is_missed_by_a_golden_that_lists_it_without_any_history(
    amn: Command, enter: Callable[[str], None]
) -> None:
    enter("listing")

    code, out, _ = amn("gate", "case")

    assert code == 5, out
    assert "X001-spread: expected the check to be declared as in the golden, found it gone" in out


@pytest.mark.usefixtures("project")
def test_a_change_beside_it_loosens_nothing(amn: Command) -> None:
    CONFTEST.write_text(SPREAD, "utf-8")
    begin_change(Path())
    more = SPREAD.replace("check\n", "Severity, check\n", 1).replace("MOST =", "# ours\nMOST =")
    CONFTEST.write_text(f"import json\n{more}{ANOTHER}", "utf-8")
    commit(Path())

    code, results = gated(amn, "case", "--target", "main")

    assert code == 0
    assert {"X001-spread", "X002-lift"} < set(results["case"]["declared"])


@pytest.mark.usefixtures("project")
def test_a_conftest_that_does_not_import_amn_is_left_to_pytest(amn: Command) -> None:
    CONFTEST.write_text('raise RuntimeError("imported")\n', "utf-8")

    assert gated(amn, "case")[0] == 0
    assert amn("rules")[0] == 0


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_bundle_carries_its_verdict(amn: Command, *, is_there: bool) -> None:
    CONFTEST.write_text(FAILING, "utf-8")
    assert amn("gate", "case", "--bundle", "out.zip")[0] == 1
    if not is_there:
        CONFTEST.unlink()

    code, out, err = amn("replay", "out.zip", "--format", "json")

    assert code == 1, err
    [case] = json.loads(out)["cases"]
    assert (case["verdict"], case["differences"]) == ("FAIL", [])
    assert "X001-spread" in case["carried"]


RAISING = "import amn\nraise SystemExit('imported')\n"


@pytest.mark.usefixtures("project")
def test_nothing_that_came_with_data_or_in_a_bundle_is_imported(amn: Command) -> None:
    Path("metrics.json").write_text('{"in_dist": 0.7, "ood": 0.8}', "utf-8")
    code, _, _ = amn("gate", "case", "--metrics", "metrics.json", "--bundle", "out.zip")
    for folder in (Path("data"), Path("data/golden"), Path()):
        folder.mkdir(exist_ok=True)
        (folder / CONFTEST).write_text(RAISING, "utf-8")
    shutil.copy("golden/case/case.toml", "data")
    with zipfile.ZipFile("out.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members.pop("bundle.json"))
    hostile = {f"case/{place}conftest.py": RAISING.encode() for place in PLACES_OF_A_CASE}
    write_archive(Path("hostile.zip"), {**members, **hostile}, about)

    assert amn("check", "data", "data")[0] == 0
    assert amn("check", "index", "data")[2].count("imported") == 0
    assert amn("replay", "hostile.zip")[0] == code


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import amn\nraise RuntimeError("no time")\n', "got: RuntimeError: no time"),
        ("import amn\nraise SystemExit(0)\n", "got: SystemExit: 0"),
        ("from amn import check\ndef half(:\n", "expected Python, got: invalid syntax"),
        ("from amn import cheque\n", "got: ImportError: cannot import name 'cheque'"),
        (SPREAD.replace("X001", "D001"), "as its id, got 'D001'. Fix: @check('X001', 'spread')"),
        (
            SPREAD.replace("summaries", "sumaries"),
            "expected parameters that name evidence, got 'sumaries'. Fix: did you mean summaries?",
        ),
    ],
)
@pytest.mark.parametrize("words", [("gate", "case"), ("check", "split", "golden/case")])
def test_one_that_cannot_be_imported_or_asked_is_wrong_use_and_names_its_file(
    amn: Command, text: str, message: str, words: tuple[str, ...]
) -> None:
    CONFTEST.write_text(text, "utf-8")

    code, _, err = amn(*words)

    said = " ".join(err.split())
    assert code == 2, err
    assert "conftest.py" in said
    assert message in said
    assert "Traceback" not in err
