"""Changes and checkouts that mean no harm: none of them is accused of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.checkouts import CASE_TEXT
from tests.hostile.ground import CASE, SCORES, TOML, Change
from tests.hostile.running import FILES, TEXTS
from tests.hostile.steps import (
    clone,
    converted,
    large,
    lower,
    merged,
    moved,
    nested,
    noisy,
    own_origin,
    scores,
    submodule,
    words,
    worktree,
)
from tests.net.scenes import append, edit, put, remove

if TYPE_CHECKING:
    from tests.hostile.ground import Step

GATE = ".github/workflows/gate.yml"
TEMPLATE = merged(put(FILES["github"], TEXTS["github"]))


def fine(name: str, *steps: object) -> Change:
    """Return a change that is not accused."""
    return Change(id=name, words=SCORES, do=steps, code=0, says=("PARTIAL (scores only)",))


def lines(name: str, path: str, old: str, new: str, *, beside: Step | None = None) -> Change:
    """Return a change of a file that was merged before, maybe with another one."""
    return fine(name, merged(*([beside] if beside else []), put(path, old)), put(path, new))


# What changes nothing of how the gate is run.
NEUTRAL = [
    fine("workflow-comments", TEMPLATE, append(FILES["github"], "# the end\n")),
    fine(
        "workflow-as-json",
        put(
            GATE,
            '{"jobs": {"gate": {"steps": [{"uses": "actions/checkout@v4", "with": {"fetch-depth": 0}}, {"run": "amn gate --strict"}], "runs-on": "ubuntu-latest"}}}',
        ),
    ),
    fine(
        "workflow-quotes",
        TEMPLATE,
        edit(
            FILES["github"],
            'python-version: "3.11"\n      - uses: actions/download',
            "python-version: '3.11'\n      - uses: actions/download",
        ),
    ),
    fine(
        "workflow-keys-in-another-order",
        TEMPLATE,
        edit(
            FILES["github"],
            "    needs: [gate, selftest]\n    if: always()\n",
            "    if: always()\n    needs: [gate, selftest]\n",
        ),
    ),
    fine(
        "workflow-block-list",
        TEMPLATE,
        edit(
            FILES["github"],
            "    needs: [gate, selftest]\n",
            "    needs:\n      - gate\n      - selftest\n",
        ),
    ),
    fine(
        "workflow-comment-in-a-script",
        TEMPLATE,
        edit(
            FILES["github"],
            '          echo "gate, selftest',
            '          # all of them\n          echo "gate, selftest',
        ),
    ),
    fine(
        "another-workflow",
        put(
            ".github/workflows/docs.yml",
            "on: push\njobs:\n  docs:\n    runs-on: ubuntu-latest\n    steps: [{run: make html}]\n",
        ),
    ),
    fine(
        "a-job-that-the-verdict-does-not-need",
        append(GATE, "  docs:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make html\n"),
    ),
    lines(
        "gitlab-another-job",
        ".gitlab-ci.yml",
        TEXTS["gitlab"],
        TEXTS["gitlab"] + "\ndocs:\n  script: [make html]\n",
    ),
    lines("gitlab-comment", ".gitlab-ci.yml", TEXTS["gitlab"], "# ours\n" + TEXTS["gitlab"]),
    lines("jenkins-comment", "Jenkinsfile", TEXTS["jenkins"], "// ours\n" + TEXTS["jenkins"]),
    lines(
        "jenkins-indentation", "Jenkinsfile", TEXTS["jenkins"], TEXTS["jenkins"].replace("  ", "\t")
    ),
    fine("first-workflow-of-gitlab", put(".gitlab-ci.yml", TEXTS["gitlab"])),
    fine(
        "another-workflow-that-says-gate",
        put(
            ".github/workflows/docs.yml",
            "on: push\njobs:\n  docs:\n    steps: [{run: echo before the gate}]\n",
        ),
    ),
    fine(
        "what-no-job-reaches",
        put("scripts/other.sh", "x\n"),
        put("mine.toml", "x = 1\n"),
        put("setup.py", "x = 1\n"),
    ),
    lines(
        "coverage-of-a-package",
        "src/mine/__init__.py",
        "x = 1\n",
        "x = 2\n",
        beside=put("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-n auto --cov=mine"\n'),
    ),
    lines(
        "a-command-of-the-project",
        "src/mine/cli.py",
        "x = 1\n",
        "x = 2\n",
        beside=put("pyproject.toml", '[project.scripts]\nmine = "mine.cli:main"\n'),
    ),
    lines(
        "a-tool-of-the-project",
        "pyproject.toml",
        '[project]\nname = "x"\nversion = "1"\n[tool.mypy]\nstrict = true\n',
        '[project]\nname = "x"\nversion = "2"\n[tool.mypy]\nstrict = false\n',
    ),
    fine("first-tests", put("tests/__init__.py", ""), put("test/test_x.py", "x = 1\n")),
    fine(
        "quiet-warnings",
        put(
            "pytest.ini",
            "[pytest]\nfilterwarnings =\n  error\n  ignore:a\\:b:DeprecationWarning:mine.*\n"
            "  ignore::pytest.PytestUnraisableExceptionWarning\n",
        ),
    ),
    fine("stored-speed-raised", put(f"{CASE}/speed/0123.json", '{"ratios": {"latency": 2}}')),
    lines(
        "stored-speed-measured-again",
        f"{CASE}/speed/0123.json",
        '{"ratios": {"latency": 2}}',
        '{"ratios": {"latency": 1.9}}',
    ),
    fine("submodule-elsewhere", submodule("vendored")),
    lines("hidden-settings-of-an-editor", ".vscode/settings.json", "{}\n", '{"x": 1}\n'),
    lines("yaml-that-runs-no-gate", "mkdocs.yml", "a: 1\n", "a: 2\n"),
    lines(".gitignore-more", ".gitignore", ".amn/\n__pycache__/\n", ".amn/\n__pycache__/\nx\n"),
    fine("dependabot", put(".github/dependabot.yml", "version: 2\n")),
    fine("beside-what-python-runs", merged(put("lib/x.pth", "lib\n")), put("README.md", "ours\n")),
    lines(
        "requirements-more", "requirements.txt", "numpy==2.1\n", "# ours\nnumpy==2.1\nrich==14\n"
    ),
    lines(
        "requirements-sorted",
        "requirements.txt",
        "numpy==2.1\nrich==13\n",
        "rich==13\nnumpy==2.1\n",
    ),
    lines(
        "lock-of-uv-more",
        "uv.lock",
        'version = 1\n[[package]]\nname = "numpy"\nversion = "2.1"\n',
        'version = 1\n[[package]]\nname = "numpy"\nversion = "2.1"\n[[package]]\nname = "attrs"\nversion = "25"\n',
    ),
    lines(
        "project-dependency",
        "pyproject.toml",
        '[project]\ndependencies = ["numpy>=2"]\n',
        '[project]\ndependencies = ["numpy>=2", "attrs"]\n[tool.ruff]\nline-length = 100\n',
    ),
    fine(
        "pytest-quiet",
        put(
            "pytest.ini",
            "[pytest]\naddopts = -ra --strict-markers --ignore=docs\nmarkers =\n    slow: slow\n",
        ),
    ),
    fine("conftest-check", put("golden/toy/conftest.py", "# mine\nN = 1\n")),
    lines(
        "conftest-comment",
        "conftest.py",
        "def pytest_configure(config): pass\n",
        "# ours\ndef pytest_configure(config):\n    pass\n",
    ),
    fine(
        "conftest-fixture",
        put("conftest.py", "import pytest\n\n\n@pytest.fixture\ndef mine():\n    return print\n"),
    ),
    fine(
        "conftest-check-in-full",
        put(
            "golden/toy/conftest.py",
            "import amn\nimport numpy as np\n\nMOST: float = -1.5\n\n\n"
            'def broken(case: dict[str, int]) -> dict[str, object] | None:\n    """None."""\n\n\n'
            "@amn.check('X901', 'few', severity=amn.Severity.WARNING, broken_by=[broken])\n"
            'def check_few(case: int):\n    """Few.\n\n    Why: So.\n    Fix: None\n    """\n'
            "    return amn.Measured('1', '1')\n",
        ),
    ),
    fine("conftest-of-the-tests", put("tests/conftest.py", "def pytest_configure(config): pass\n")),
    fine(
        "attributes-of-git-lfs",
        put(".gitattributes", "*.npy filter=lfs diff=lfs merge=lfs -text\n*.sh text eol=lf\n"),
    ),
    fine("package-of-its-own", put("src/mine/__init__.py", "x = 1\n"), put("mine.py", "x = 2\n")),
    fine("a-file-renamed", merged(put("notes.md", "x\n")), moved("notes.md", "more.md")),
    fine("a-file-removed", merged(put("notes.md", "amn\n")), remove("notes.md")),
    fine(
        "a-link-elsewhere", put("docs/x", "x"), lambda root: (root / "docs" / "y").symlink_to("x")
    ),
    fine("readme-of-github", put(".github/README.md", "amn gate || true\n")),
]

HONEST = [
    *NEUTRAL,
    Change(id="nothing", code=0, says=("PASS: ", "on merit")),
    Change(id="nothing-strict", words="amn gate toy --strict", code=0, says=("PASS: ",)),
    Change(
        id="other-data-accepted",
        do=(noisy,),
        words="amn golden update toy --reason 'encoded again'; amn gate toy --strict",
        code=0,
        says=("PASS: ", "on merit"),
    ),
    Change(id="in-ci", env={"CI": "true"}, code=0, says=("PASS: ",)),
    Change(
        id="a-higher-floor", do=(edit(TOML, "ood = 0.3", "ood = 0.31"),), code=0, says=("PASS: ",)
    ),
    Change(id="another-file", do=(put("src/more.py", "x = 1\n"),), code=0, says=("PASS: ",)),
    Change(
        id="scores-where-the-base-declares-them-enough",
        do=(merged(edit(TOML, "lift = -0.05", 'lift = -0.05\nscope = "scores"')), scores()),
        words="amn gate toy --metrics metrics.json -o v.json; amn ci require v.json",
        code=0,
        says=("PARTIAL (scores only)",),
    ),
    Change(
        id="first-run-beside-a-golden",
        words="amn gate toy --first-run",
        code=0,
        says=("PARTIAL (golden not compared)",),
    ),
    Change(id="ends-of-lines-converted", do=(converted,), code=0, says=("PASS: ",)),
    Change(id="golden-in-git-lfs", do=(large("golden/toy/golden.csv"),), code=0, says=("PASS: ",)),
    Change(id="worktree", do=(worktree,), code=0, says=("PASS: ",), at="../tree"),
    Change(id="a-folder-of-a-monorepo", do=(nested,), code=0, says=("PASS: ",), at="sub"),
    Change(
        id="git-folder-elsewhere",  # as in a submodule
        do=(words("init", "-q", "--template=", "--separate-git-dir=../elsewhere.git"),),
        code=0,
        says=("PASS: ",),
    ),
    Change(
        id="a-new-case-beside",
        do=(put("golden/more/case.toml", CASE_TEXT),),
        code=0,
        says=("PASS: ",),
    ),
    Change(id="detached", do=(words("checkout", "-q", "--detach"),), code=0, says=("PASS: ",)),
    Change(
        id="shallow-of-a-person",
        do=(own_origin, clone("--depth", "1", "-b", "change")),
        code=0,
        says=("PARTIAL (no merge base: a checkout that was cut off)",),
    ),
    Change(
        id="local-main-of-a-person",
        do=(words("branch", "-f", "main", "origin/main"), words("remote", "remove", "origin")),
        code=0,
        says=("PASS: ",),
    ),
    Change(
        id="lowered-on-main-already",
        do=(merged(lower), put("more", "x\n")),
        code=0,
        says=("PASS: ",),
    ),
    Change(
        id="a-file-that-is-not-checked-out",
        do=(words("sparse-checkout", "set", "--no-cone", "/*", "!/.github/"),),
        code=0,
        says=("PASS: ",),
    ),
]
