"""Changes of how the gate is run: workflows, settings, conftest.py, versions, what is brought."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from amn.cli.workflows.init import EXAMPLE, PLACES, render_workflow
from tests.hostile.ground import CASE, SCORES, TOML, WHOLE, Change
from tests.hostile.steps import both, merged, moved, submodule, tracked_link, unreadable, waived
from tests.net.scenes import append, edit, put, remove

if TYPE_CHECKING:
    from tests.hostile.ground import Step

CHANGED = "this change changed how the gate is run"
IGNORED = "this change ignored an exit code"
STEP, JOB = "this change made a step conditional", "this change made a job conditional"
REMOVED = "this change removed a step of the gate"
BRANCH = "this change named the branch to compare with"
TAKEN = "this change gave another job the name of one of the gate"
NAMES = {"github": "gh", "gitlab": "gl", "jenkins": "jk"}
FILES = {system: place.file.as_posix() for system, place in PLACES.items()}
TEXTS = {system: render_workflow(system, branch="main", source=EXAMPLE) for system in PLACES}
RUN = "run: amn gate --strict"
GATE = "      - name: Gate\n"
JOBS = "jobs:\n  gate:\n    name: amn-gate\n"


def of(system: str, *edits: tuple[str, str, str, str]) -> list[Change]:
    """Return changes to a template as it was merged: name, what was there, what is, the name."""
    start = merged(put(FILES[system], TEXTS[system]))
    return [
        loose(f"{NAMES[system]}-{name}", start, edit(FILES[system], old, new), says=says)
        for name, old, new, says in edits
    ]


def loose(name: str, *steps: object, says: str = CHANGED, words: str = SCORES) -> Change:
    """Return a change that is loosened, by its name."""
    return Change(id=name, words=words, do=steps, code=5, says=(says,))


ASKED = 'amn ci require bundle.zip ${APPROVAL:+--approve-loosening "$APPROVAL"}'
REQUIRE = f"      - name: Every case passes\n        run: {ASKED}\n"
INSTALL = """\
      - name: Install
        run: |
          python -P -I -m venv "$RUNNER_TEMP/amn"
          "$RUNNER_TEMP/amn/bin/python" -P -I -m pip install "$AMN_CORE"
          echo "$RUNNER_TEMP/amn/bin" >> "$GITHUB_PATH"
"""
GITHUB = of(
    "github",
    ("if-quoted", JOBS, JOBS + '    "if": false\n', STEP),
    ("if-expression", JOBS, JOBS + "    if: ${{ false }}\n", STEP),
    ("if-actor", GATE, GATE + "        if: github.actor != 'me'\n", STEP),
    ("if-failure-only", GATE, GATE + "        if: ${{ failure() }}\n", STEP),
    (
        "flow-style",
        REQUIRE,
        f"      - {{name: Every case passes, run: '{ASKED}', continue-on-error: true}}\n",
        "this change set continue-on-error",
    ),
    ("continue-on-error-job", JOBS, JOBS + "    continue-on-error: true\n",
     "this change set continue-on-error"),
    ("continue-on-error-expression", GATE, GATE + "        continue-on-error: ${{ true }}\n",
     "this change set continue-on-error"),
    ("continue-on-error-quoted", GATE, GATE + "        'continue-on-error': yes\n",
     "this change set continue-on-error"),
    (
        "on-push-only",
        "  pull_request:\n    types: [opened, synchronize, reopened, labeled]\n",
        "",
        CHANGED,
    ),
    ("types-narrowed", "types: [opened, synchronize, reopened, labeled]", "types: [opened]", CHANGED),
    ("no-merge-group", "  merge_group:\n", "", CHANGED),
    ("target-event", "  pull_request:\n", "  pull_request_target:\n", CHANGED),
    ("paths", "    branches: [main]\n", "    branches: [main]\n    paths: [src/**]\n", JOB),
    ("paths-ignore", "    types: [op", "    paths-ignore: [golden/**]\n    types: [op", JOB),
    ("branches-ignore", "    types: [op", "    branches-ignore: ['**']\n    types: [op", JOB),
    ("branches", "    types: [op", "    branches: [other]\n    types: [op", CHANGED),
    ("no-require", f"        run: {ASKED}\n", "        run: echo fine\n", REMOVED),
    ("require-of-another-file", "amn ci require bundle.zip", "amn ci require other.zip", CHANGED),
    ("require-without-judging-again", "amn ci require bundle.zip", "amn ci require verdict.json", CHANGED),
    ("require-approves-itself", ASKED, 'amn ci require bundle.zip --approve-loosening "me: fine"',
     "this change approved its own loosening"),
    ("cache-of-the-change", "        if: github.event_name == 'push'\n", "", CHANGED),
    ("action-not-pinned", "actions/cache/restore@5a3ec84eff668545956fd18022155c47e93e2684",
     "actions/cache/restore@v4", CHANGED),
    ("unsafe-path", '  PYTHONSAFEPATH: "1"', '  PYTHONSAFEPATH: ""', CHANGED),
    ("user-site", '  PYTHONNOUSERSITE: "1"\n', "", CHANGED),
    ("environment-in-the-checkout", INSTALL, INSTALL.replace("$RUNNER_TEMP/amn", ".amn/venv"), CHANGED),
    ("no-needs", "    needs: [gate, selftest]\n", "", CHANGED),
    ("fewer-needs", "    needs: [gate, selftest]\n", "    needs: [selftest]\n", CHANGED),
    ("no-always", "    needs: [gate, selftest]\n    if: always()\n",
     "    needs: [gate, selftest]\n", CHANGED),
    ("results-not-asked", '[ "$RESULTS" = "success success" ]', '[ -n "$RESULTS" ]', CHANGED),
    (
        "approval-fixed",
        '--strict ${APPROVAL:+--approve-loosening "$APPROVAL"}',
        '--strict --approve-loosening "me: fine"',
        "this change approved its own loosening",
    ),
    ("approval-default", "--strict ${APPROVAL:+", "--strict ${HOME:+", CHANGED),
    (
        "approval-of-the-author",
        " && github.event.sender.login != github.event.pull_request.user.login",
        "",
        CHANGED,
    ),
    ("approval-by-any-label", " && github.event.label.name == 'amn-approved'", "", CHANGED),
    ("pythonpath", 'PYTHONHASHSEED: "0"', 'PYTHONHASHSEED: "0"\n  PYTHONPATH: src', CHANGED),
    ("path", 'PYTHONHASHSEED: "0"', 'PYTHONHASHSEED: "0"\n  PATH: bin:/usr/bin', CHANGED),
    ("bash-env", 'PYTHONHASHSEED: "0"', 'PYTHONHASHSEED: "0"\n  BASH_ENV: env.sh', CHANGED),
    ("ci-unset", 'PYTHONHASHSEED: "0"', 'PYTHONHASHSEED: "0"\n  CI: ""', CHANGED),
    ("pip-index", "PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cpu",
     "PIP_INDEX_URL: https://example.org/simple", CHANGED),
    ("other-source", '  AMN: "amn', '  AMN: "fork', CHANGED),
    ("threads", 'OMP_NUM_THREADS: "1"', 'OMP_NUM_THREADS: "8"', CHANGED),
    ("shell", "jobs:\n  gate:", "defaults:\n  run:\n    shell: bash {0}\njobs:\n  gate:", CHANGED),
    ("shell-of-the-step", GATE, GATE + "        shell: bash +e {0}\n", CHANGED),
    ("working-directory", GATE, GATE + "        working-directory: elsewhere\n", CHANGED),
    ("makes-a-branch", GATE, "      - run: git branch -f origin/main HEAD\n" + GATE, CHANGED),
    ("makes-a-tag", GATE, "      - run: git tag origin/main\n" + GATE, CHANGED),
    ("writes-the-environment", GATE, "      - run: echo x=y >> $GITHUB_ENV\n" + GATE, CHANGED),
    ("or-true", "--bundle bundle.zip", "--bundle bundle.zip || true", IGNORED),
    ("or-colon", "--bundle bundle.zip", "--bundle bundle.zip || :", IGNORED),
    ("pipe", "--bundle bundle.zip", "--bundle bundle.zip | tee log", IGNORED),
    ("semicolon", "--bundle bundle.zip", "--bundle bundle.zip; true", CHANGED),
    ("in-the-background", "--bundle bundle.zip", "--bundle bundle.zip &", CHANGED),
    ("trap", RUN, "run: trap 'exit 0' EXIT; amn gate --strict", CHANGED),
    ("set-plus-e", RUN, "run: set +e; amn gate --strict", IGNORED),
    ("ended-before", RUN, "run: exit 0; amn gate --strict", CHANGED),
    ("in-a-comment", "run: amn selftest", "run: true # amn selftest", REMOVED),
    ("module", "run: amn selftest", "run: python -m amn selftest", CHANGED),
    ("extra", RUN, "run: amn gate $EXTRA --strict", CHANGED),
    ("not-strict", RUN, "run: amn gate", "this change removed --strict"),
    ("one-case", RUN, "run: amn gate toy --strict", CHANGED),
    ("first-run", RUN, RUN + " --first-run", "this change judged without a golden (--first-run)"),
    ("allow-same", RUN, RUN + " --allow-same", "this change allowed the golden's own file (--allow-same)"),
    ("target", RUN, RUN + " --target HEAD", BRANCH),
    ("base-ref", 'PYTHONHASHSEED: "0"', 'PYTHONHASHSEED: "0"\n  GITHUB_BASE_REF: x', BRANCH),
    ("depth", "fetch-depth: 0 # the merge base decides", "fetch-depth: 1",
     "this change removed the whole history"),
    ("ref", "          fetch-depth: 0 # ", "          ref: main\n          fetch-depth: 0 # ", CHANGED),
    ("other-runner", JOBS + "    runs-on: ubuntu-latest", JOBS + "    runs-on: mine", CHANGED),
    ("container", JOBS, JOBS + "    container: me/python\n", CHANGED),
    ("matrix", JOBS, JOBS + "    strategy: {matrix: {x: []}}\n", CHANGED),
    ("minutes", JOBS, JOBS + "    environment: none\n", CHANGED),
    ("key-twice", GATE, GATE + "        name: Gate\n", CHANGED),
    ("no-yaml", JOBS, JOBS + "  : [\n", CHANGED),
    ("other-name", "name: amn-verdict", "name: amn-verdict-2", CHANGED),
    ("cache-key", "          restore-keys: amn-runs-", "          restore-keys: mine-", CHANGED),
    ("other-artifact", "          name: amn-gate\n          path: .\n      - name: Install",
     "          name: mine\n          path: .\n      - name: Install", CHANGED),
    ("step-order", INSTALL + REQUIRE, REQUIRE + INSTALL, CHANGED),
)  # fmt: skip
GITHUB_FILES = [
    loose(
        "gh-removed",
        merged(put(FILES["github"], TEXTS["github"])),
        remove(FILES["github"]),
        says="this change removed a CI file of the gate",
    ),
    loose(
        "gh-moved-away",
        moved(".github/workflows/gate.yml", ".github/gate.yml"),
        says="this change removed a CI file of the gate",
    ),
    loose(
        "gh-verdict-by-another-workflow",
        merged(put(FILES["github"], TEXTS["github"])),
        put(
            ".github/workflows/more.yml",
            "on: push\njobs:\n  x:\n    name: amn-verdict\n    steps: [{run: 'true'}]\n",
        ),
        says=TAKEN,
    ),
    loose(
        "gh-job-of-the-same-id",
        put(".github/workflows/more.yml", "on: push\njobs:\n  gate:\n    steps: [{run: 'true'}]\n"),
        says=TAKEN,
    ),
    loose(
        "gh-writes-statuses",
        put(
            ".github/workflows/more.yml",
            "on: push\npermissions: {statuses: write}\njobs:\n  x:\n    steps: [{run: 'true'}]\n",
        ),
        says="this change let a job write for others",
    ),
    loose("gh-new-one-is-no-yaml", put(".github/workflows/more.yml", "on: [\n")),
    loose(
        "ci-that-was-no-yaml-and-alone",
        merged(
            remove(".github/workflows/gate.yml"),
            put("azure-pipelines.yml", "steps: [\n- script: amn gate --strict\n"),
        ),
        put("azure-pipelines.yml", "steps:\n- script: echo\n"),
    ),
]

GITLAB = of(
    "gitlab",
    ("may-fail", "  stage: test\n  needs: [amn-approval]\n",
     "  stage: test\n  allow_failure: true\n  needs: [amn-approval]\n",
     "this change set allow_failure"),
    ("may-fail-by-code", "  stage: test\n  needs: [amn-approval]\n",
     "  stage: test\n  allow_failure: {exit_codes: 5}\n  needs: [amn-approval]\n", CHANGED),
    ("manual", "  stage: test\n  needs: [amn-approval]\n",
     "  stage: test\n  when: manual\n  needs: [amn-approval]\n", STEP),
    ("rules", '    - if: $CI_PIPELINE_SOURCE == "merge_request_event"\n', "", CHANGED),
    ("workflow-rules", ".amn:\n", "workflow:\n  rules: [{when: never}]\n.amn:\n", CHANGED),
    ("before-script", ".amn:\n", "default:\n  before_script: ['alias amn=true']\n.amn:\n", CHANGED),
    ("variables", ".amn:\n", "variables: {PIP_INDEX_URL: 'https://example.org'}\n.amn:\n", CHANGED),
    ("include", ".amn:\n", "include: https://example.org/x.yml\n.amn:\n", CHANGED),
    ("image", "  image: python:3.11", "  image: me/python:3.11", CHANGED),
    ("no-needs", "  needs: [amn-approval, amn-gate, amn-selftest]\n", "  needs: [amn-approval]\n", CHANGED),
    ("no-require", f"    - {ASKED}\n", "    - echo fine\n", REMOVED),
    ("cache-of-the-change", "    AMN_CACHE: pull #", "    AMN_CACHE: pull-push #", CHANGED),
    ("depth", '    GIT_DEPTH: "0" # the merge base decides\n', '    GIT_DEPTH: "1"\n',
     "this change removed the whole history"),
    ("target", ('    - git fetch --quiet origin "+refs/heads/$TARGET:refs/remotes/origin/$TARGET"\n'
     '    - APPROVAL="$(cat approval.txt)"\n    - amn gate'), "    - amn gate", CHANGED),
    ("approval-of-the-author", 'if who != author else ""', "", CHANGED),
    ("approval-before-the-push", ' and last["created_at"] > pushed', "", CHANGED),
    ("approval-fixed", 'APPROVAL="$(cat approval.txt)"\n    - amn gate',
     'APPROVAL="me: fine"\n    - amn gate', CHANGED),
    ("after-a-pipe", "--bundle bundle.zip", "--bundle bundle.zip | cat", IGNORED),
)  # fmt: skip
INCLUDED = merged(
    put(".gitlab-ci.yml", "include:\n  - local: /ci/deep/gate.yml\n"),
    put("ci/deep/gate.yml", "gate:\n  script: [amn gate --strict]\n"),
)
GITLAB_FILES = [
    loose(
        "gl-included-file",
        INCLUDED,
        edit("ci/deep/gate.yml", "--strict", "--strict || true"),
        says=IGNORED,
    ),
    loose("gl-included-removed", INCLUDED, remove("ci/deep/gate.yml"),
               says="this change removed a CI file of the gate"),
]  # fmt: skip

JENKINS = of(
    "jenkins",
    ("code-not-asked", "} else if (code != 0) {", "} else if (code == 99) {", CHANGED),
    ("approved-by-anybody", ", submitter: 'amn-approvers'", "", CHANGED),
    ("author-may-approve",
     "            if (who == env.CHANGE_AUTHOR) { error('the author cannot approve') }\n", "", CHANGED),
    ("or-true", f"          {ASKED}", f"          {ASKED} || true",
     IGNORED),
    ("no-require", f"          {ASKED}\n", "", REMOVED),
    ("block-comment", "    stage('Verdict') {", "    /*\n    stage('Verdict') {", CHANGED),
    ("caught", "    stage('Self-test') {\n      steps {",
     "    stage('Self-test') {\n      steps { catchError {", IGNORED),
    ("when", "    stage('Verdict') {\n", "    stage('Verdict') {\n      when { branch 'x' }\n", STEP),
    ("agent", "  agent any\n", "  agent { label 'mine' }\n", CHANGED),
    ("no-unshallow", 'if [ "$(git rev-parse --is-shallow-repository)" = true ]; then git fetch --quiet --unshallow; fi\n', "true\n", CHANGED),
)  # fmt: skip


def other(name: str, path: str, text: str, new: str, says: str = CHANGED) -> Change:
    """Return a change to a file that runs the gate in another way."""
    return loose(name, merged(put(path, text)), put(path, new), says=says)


OTHERS = [
    other("circle-may-fail", ".circleci/config.yml",
          "jobs: {gate: {steps: [run: amn gate --strict]}}\n",
          "jobs: {gate: {steps: [run: amn gate --strict], when: never}}\n"),
    other("azure-condition", "azure-pipelines.yml",
          "steps:\n- script: amn gate --strict\n",
          "steps:\n- script: amn gate --strict\n  condition: false\n"),
    other("bitbucket-trigger", "bitbucket-pipelines.yml",
          "pipelines:\n  default:\n  - step: {script: [amn gate --strict]}\n",
          "pipelines:\n  custom:\n    x:\n    - step: {script: [amn gate --strict]}\n"),
    *(
        other(f"pipeline-{name.strip('.').replace('/', '-')}", name,
              "steps: [amn gate --strict]\n", "steps: ['true']\n", REMOVED)
        for name in (".travis.yml", ".drone.yml", ".buildkite/pipeline.yml", ".woodpecker/gate.yaml",
                     ".semaphore/semaphore.yml", ".cirrus.yml", "appveyor.yml", "buildspec.yml",
                     "bitrise.yml", "cloudbuild.yaml")
    ),
    other("pipeline-gitea", ".gitea/workflows/gate.yml",
          "jobs: {gate: {steps: [run: amn gate --strict]}}\n",
          "jobs: {gate: {steps: [run: amn gate --strict], if: false}}\n", STEP),
    other("pipeline-buildkite-script", ".buildkite/gate.sh", "amn gate --strict\n", "exit 0\n", REMOVED),
    other("pipeline-that-lies-as-data", ".buildkite/golden/gate.csv", "amn gate --strict\n", "exit 0\n", REMOVED),
    other("script-of-ci", "ci/gate.sh", "set -e\namn gate --strict\n",
          "amn gate --strict\n"),
    other("script-of-ci-removed", "ci/gate.sh", "amn gate --strict\n", "exit 0\n", REMOVED),
]  # fmt: skip


def through(name: str, path: str, command: str, text: str, new: str, says: str = CHANGED) -> Change:
    """Return a change to a file that a step of the gate names, and that does not name amn."""
    workflow = f"jobs:\n  gate:\n    steps:\n      - {command}\n      - run: amn gate --strict\n"
    start = merged(put(".github/workflows/gate.yml", workflow), put(path, text))
    return loose(name, start, put(path, new), says=says)


NAMED = [
    through("named-script", "scripts/before.sh", "run: ./scripts/before.sh", "echo 1\n", "echo 2\n"),
    through("named-python", "tools/before.py", "run: python tools/before.py", "x = 1\n", "x = 2\n"),
    through("named-makefile", "Makefile", "run: make ready", "ready:\n\techo 1\n", "ready:\n\tfalse\n"),
    through("named-action", ".github/actions/ready/action.yml", "uses: ./.github/actions/ready",
            "runs: {using: composite, steps: []}\n",
            "runs: {using: composite, steps: [{run: 'amn(){ :; }', shell: bash}]}\n"),
    through("named-requirements", "deep/requirements.txt", "run: pip install -r deep/requirements.txt",
            "numpy==2.0\n", "numpy==1.26\n"),
    through("named-dockerfile", "Dockerfile", "run: docker build .", "FROM a\n", "FROM b\n"),
    loose(
        "named-by-a-named-script",
        merged(
            put(".github/workflows/gate.yml",
                "jobs:\n  gate:\n    steps:\n      - run: scripts/a.sh; amn gate\n"),
            put("scripts/a.sh", "source scripts/b.sh\n"),
            put("scripts/b.sh", "echo 1\n"),
        ),
        put("scripts/b.sh", "alias amn=true\n"),
    ),
]  # fmt: skip


def runs(*steps: str) -> Step:
    """Return what writes a workflow whose job runs commands."""
    head = "jobs:\n  gate:\n    steps:\n"
    return put(".github/workflows/gate.yml", head + "".join(f"      - run: {s}\n" for s in steps))


def reached(name: str, command: str, path: str, *beside: Step, says: str = CHANGED) -> Change:
    """Return a change to a file that is reached from a step of the gate, in its content alone."""
    start = merged(runs(command, "amn gate --strict"), *beside, put(path, "one = 1\n"))
    return loose(f"reached-{name}", start, put(path, "two = 2\n"), says=says)


CALLER = "on: pull_request\njobs:\n  models:\n    uses: ./.github/workflows/judged.yml\n"
CALLED = merged(
    put(".github/workflows/judged.yml",
        "on: workflow_call\njobs:\n  g:\n    steps: [{run: amn gate --strict}]\n"),
    put(".github/workflows/gate.yml", CALLER),
)  # fmt: skip
MADE = merged(runs("make models"), put("Makefile", "models:\n\tamn gate --strict\n"))
SCRIPTED = merged(runs("scripts/models.sh"), put("scripts/models.sh", "amn gate --strict\n"))
BUILT = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
REACHED = [
    # A job that does not say amn runs it by a file.
    loose("runs-by-make", MADE, put("Makefile", "models:\n\tamn gate --strict; true\n")),
    loose("runs-by-make-step", MADE, runs("make models; true")),
    loose("runs-by-script", SCRIPTED, put("scripts/models.sh", "true\n"), says=REMOVED),
    loose("runs-by-script-step", SCRIPTED, runs("scripts/models.sh; true")),
    loose("runs-by-workflow", CALLED,
          edit(".github/workflows/gate.yml", "  models:\n", "  models:\n    if: false\n"), says=STEP),
    loose("runs-by-workflow-removed", CALLED, remove(".github/workflows/gate.yml"),
          says="this change removed a CI file of the gate"),
    loose("runs-by-tox",
          merged(runs("tox"), put("tox.ini", "[testenv]\ncommands = amn gate\n")), runs("tox; true")),
    # Paths, relative to what says them or to a folder beside them.
    reached("beside", "scripts/a.sh", "scripts/b.sh", put("scripts/a.sh", '. "$(dirname $0)/b.sh"\n')),
    reached("above", "ci/deep/a.sh", "ci/b/c.sh", put("ci/deep/a.sh", "source ../b/c.sh\n")),
    reached("after-cd", "cd scripts && ./a.sh", "scripts/a.sh"),
    reached("under-golden", "bash golden/before.sh", "golden/before.sh"),
    reached("action", "true", ".github/actions/a/dist/index.js",
            put(".github/workflows/gate.yml", "jobs:\n  gate:\n    steps:\n      - uses: ./.github/actions/a\n"
                "      - run: amn gate --strict\n"),
            put(".github/actions/a/action.yml", "runs: {using: node20, main: dist/index.js}\n")),
    loose("reached-requirements",
          merged(runs("pip install -r requirements.txt", "amn gate"),
                 put("requirements.txt", "-r pinned/base.txt\n"), put("pinned/base.txt", "torch==2.5\n")),
          put("pinned/base.txt", "torch==2.4\n")),
    loose("reached-submodule",
          merged(runs("bash own/before.sh", "amn gate --strict"), submodule("own", "1" * 40)),
          submodule("own", "2" * 40)),
    # Modules.
    reached("module", "python -m tools.before", "tools/before.py"),
    reached("module-of-one-word", "python -m before", "before/__main__.py"),
    reached("module-in-src", "python -m mine.before", "src/mine/before.py"),
    reached("import", "python tools/gate.py", "tools/helper.py",
            put("tools/gate.py", "import helper\n\nX = ['amn', 'gate']\n")),
    reached("plugin", "true", "tools/plug.py", put("pytest.ini", "[pytest]\naddopts = -p tools.plug\n")),
    reached("plugin-imports", "true", "tools/more.py", put("tools/plug.py", "from tools import more\n"),
            put("pytest.ini", "[pytest]\naddopts = -p tools.plug\n")),
    reached("entry-point", "true", "src/mine/plug.py",
            put("pyproject.toml", '[project.entry-points.pytest11]\nx = "mine.plug"\n')),
    reached("entry-point-of-amn", "true", "mine/plug.py",
            put("pyproject.toml", '[project.entry-points."amn.metrics"]\nx = "mine.plug:angle"\n')),
    reached("entry-point-in-setup-cfg", "true", "mine/plug.py",
            put("setup.cfg", "[options.entry_points]\npytest11 =\n  x = mine.plug\n")),
    reached("warning", "true", "mine.py", put("pytest.ini", "[pytest]\nfilterwarnings = ignore::mine.W\n")),
    # What programs read without being told.
    reached("make", "make ready", "GNUmakefile", put("Makefile", "ready:\n")),
    reached("just", "just ready", ".justfile"),
    reached("task", "task ready", "Taskfile.yaml"),
    reached("mise", "mise run ready", "mise.toml"),
    reached("compose", "docker compose up", "compose.override.yaml"),
    reached("pip", "pip install attrs", "pip.conf"),
    reached("setup-py", "pip install -e '.[test]'", "setup.py"),
    reached("hatch-hook", "pip install .", "hatch_build.py", put("pyproject.toml", BUILT)),
    reached("tox-script", "tox", "scripts/a.sh", put("tox.ini", "[testenv]\ncommands = bash scripts/a.sh\n")),
    reached("dynamic", "pip install .", "pinned/base.txt",
            put("pyproject.toml", '[tool.setuptools.dynamic]\ndependencies = {file = ["pinned/base.txt"]}\n')),
]  # fmt: skip


def pytest_of(name: str, lines: str, path: str = "pytest.ini", says: str = CHANGED) -> Change:
    """Return a change that brings settings of pytest."""
    head = {"setup.cfg": "[tool:pytest]", "pyproject.toml": "[tool.pytest.ini_options]"}
    text = f"{head.get(PurePosixPath(path).name, '[pytest]')}\n{lines}\n"
    return loose(f"pytest-ini-{name}", put(path, text), says=says)


STRICT = merged(put("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "--amn-strict"\n'))
PYTEST = [
    pytest_of("k", "addopts = -k nothing"),
    pytest_of("m", "addopts = -m 'not amn_golden'"),
    pytest_of("collect-only", "addopts = --collect-only"),
    pytest_of("collect-only-quietly", "addopts = -q --co"),
    pytest_of("testpaths", "testpaths = tests"),
    pytest_of("norecursedirs", "norecursedirs = g*"),
    pytest_of(
        "norecursedirs-golden",
        "norecursedirs = golden",
        says="this change left golden/ out of pytest",
    ),
    pytest_of("ignore", "addopts = --ignore=golden", says="this change left golden/ out of pytest"),
    pytest_of("ignore-glob", "addopts = --ignore-glob=g*"),
    pytest_of("ignore-all", "addopts = --ignore=."),
    pytest_of("deselect", "addopts = --deselect=x::y"),
    pytest_of(
        "plugin-off", "addopts = -p no:amn", says="this change switched off the pytest plugin"
    ),
    pytest_of("plugin", "addopts = -p mine"),
    pytest_of("noconftest", "addopts = --noconftest"),
    pytest_of("confcutdir", "addopts = --confcutdir=tests"),
    pytest_of("rootdir", "addopts = --rootdir=tests"),
    pytest_of("override", "addopts = -o testpaths=tests"),
    pytest_of("pythonpath", "pythonpath = src"),
    pytest_of("usefixtures", "usefixtures = mine"),
    pytest_of("python-files", "python_files = x_*.py"),
    pytest_of("maxfail", "addopts = --maxfail=1"),
    pytest_of("setup-cfg", "addopts = -k nothing", "setup.cfg"),
    pytest_of("tox", "addopts = -k nothing", "tox.ini"),
    pytest_of("hidden", "addopts = -k nothing", ".pytest.ini"),
    pytest_of("pyproject", 'addopts = ["-k", "nothing"]', "pyproject.toml"),
    pytest_of("beside-the-cases", "addopts = -k nothing", "golden/pytest.ini"),
    pytest_of("nine", 'addopts = ["-k", "nothing"]', "pytest.toml"),
    loose("tox-command", put("tox.ini", "[testenv]\ncommands = true\n")),
    loose(
        "entry-point",
        put("pyproject.toml", "[project.entry-points.pytest11]\nmine = 'mine'\n"),
    ),
    pytest_of("warning-of-a-module", "filterwarnings = ignore::mine.W"),
    pytest_of("first-under-golden", "addopts = -ra", "golden/pytest.ini"),
    loose("pytest-empty-hides-others", STRICT, put("pytest.ini", "")),
    loose("pytest-quiet-hides-others", STRICT, put("pytest.ini", "[pytest]\naddopts = -ra\n")),
    loose("pytest-gives-way-to-others", merged(put("pytest.ini", ""), STRICT), remove("pytest.ini")),
    loose("coverage-plugin", put(".coveragerc", "[run]\nplugins = mine\n")),
    loose("build-backend", merged(put("pyproject.toml", BUILT)),
          put("pyproject.toml", BUILT.replace("hatchling.build", "mine"))),
    loose("command-of-the-project", put("pyproject.toml", '[project.scripts]\namn = "mine:main"\n')),
    loose("tool-that-nobody-knows", put("pyproject.toml", "[tool.mine]\nx = 1\n")),
]  # fmt: skip

HELPED = merged(
    put("conftest.py", "from helper import x\n"), put("helper.py", "def x(): return 1\n")
)
IN_A_FOLDER = merged(
    put("conftest.py", "from pack.deep import x\n"), put("pack/deep.py", "x = 1\n")
)
HOOK = "this change added or changed a hook that can hide a failure"
CONFTEST = [
    loose("conftest-patches", put("conftest.py", "import amn.verdict\namn.verdict.judge = None\n")),
    loose("conftest-executes", put("conftest.py", "exec(open('x').read())\n")),
    loose("conftest-autouse", put("conftest.py", "import pytest\n@pytest.fixture(autouse=True)\ndef x(monkeypatch): pass\n")),
    loose("conftest-our-fixture", put("conftest.py", "import pytest\n@pytest.fixture\ndef amn_case(): pass\n")),
    loose("conftest-plugins", put("conftest.py", "pytest_plugins = ['mine']\n")),
    loose("conftest-configure", put("conftest.py", "def pytest_configure(config): pass\n")),
    loose("conftest-hook-under-golden", put("golden/toy/conftest.py", "def pytest_sessionfinish(session): session.exitstatus = 0\n"), says=HOOK),
    loose("conftest-collect-ignore", put("conftest.py", "collect_ignore_glob = ['*']\n")),
    loose("conftest-imports-a-module", put("conftest.py", "import mine\n"), put("mine.py", "x = 1\n")),
    loose("conftest-in-a-loop", put("conftest.py", "for x in (): pass\n")),
    loose("conftest-class", put("conftest.py", "class X: y = print()\n")),
    loose("conftest-default-runs", put("conftest.py", "def f(x=print()): pass\n")),
    loose("conftest-argument-of-a-decorator-runs",
          put("conftest.py", "import pytest\n@pytest.fixture(params=print())\ndef f(): pass\n")),
    loose("conftest-place-of-a-decorator-runs",
          put("conftest.py", "import pytest\n@(print() or pytest).fixture\ndef f(): pass\n")),
    loose("conftest-annotation-runs", put("conftest.py", "def f(x: print()): pass\n")),
    loose("conftest-annotation-of-the-result-runs", put("conftest.py", "def f() -> print(): pass\n")),
    loose("conftest-annotation-of-a-constant-runs", put("conftest.py", "x: print() = 1\n")),
    loose("conftest-import-under-another-name", put("conftest.py", "from sys import argv as collect_ignore\n")),
    loose("conftest-decorator-runs", put("conftest.py", "@print\ndef f(): pass\n")),
    Change(id="conftest-no-python", do=(put("conftest.py", "def (\n"),), code=2, says=("expected Python",)),
    loose("conftest-import-moved", HELPED, put("conftest.py", "from other import x\n"), put("other.py", "x = 1\n")),
    loose("conftest-removed", merged(put("conftest.py", "def pytest_configure(config): pass\n")), remove("conftest.py")),
    loose("conftest-helper", HELPED, put("helper.py", "def x(): return 2\n")),
    loose("conftest-helper-bytecode", HELPED, put("__pycache__/helper.cpython-311.pyc", b"x"), put(".gitignore", ".amn/\n")),
    loose("conftest-helper-extension", HELPED, put("helper.cpython-311-x86_64-linux-gnu.so", b"x")),
    loose("conftest-extension-in-a-folder", IN_A_FOLDER, put("pack/deep.so", b"x")),
    loose("conftest-package", merged(put("conftest.py", "from pack.deep import x\n"), put("pack/__init__.py", ""), put("pack/deep.py", "x = 1\n")), put("pack/__init__.py", "y = 1\n")),
]  # fmt: skip

LOCKS = [
    other("lock-torch", "requirements.txt", "torch==2.5.0\nrich==13\n", "torch==2.4.0\nrich==13\n"),
    other("lock-numpy-unpinned", "constraints.txt", "numpy==2.1\n", "numpy\n"),
    other("lock-amn-from-a-fork", "requirements.txt", "amn-gate @ git+https://a.org/amn@v1\n",
          "amn-gate @ git+https://b.org/amn@v1\n"),
    other("lock-index", "requirements.txt", "rich\n", "--index-url https://example.org\nrich\n"),
    other("lock-folder", "requirements.txt", "rich\n", "-e .\nrich\n"),
    other("lock-wheel", "requirements-dev.txt", "rich\n", "./wheels/torch.whl\nrich\n"),
    other("lock-more-files", "requirements.txt", "rich\n", "-r more.txt\nrich\n"),
    other("lock-uv", "uv.lock", '[[package]]\nname = "numpy"\nversion = "2.1"\n',
          '[[package]]\nname = "numpy"\nversion = "2.0"\n'),
    other("lock-poetry", "poetry.lock", '[[package]]\nname = "scipy"\nversion = "1.14"\n',
          '[[package]]\nname = "scipy"\nversion = "1.13"\n'),
    other("lock-uv-source", "uv.lock", '[[package]]\nname = "faiss-cpu"\nversion = "1.9"\n',
          '[[package]]\nname = "faiss-cpu"\nversion = "1.9"\nsource = {git = "https://b.org"}\n'),
    other("lock-project", "pyproject.toml", '[project]\ndependencies = ["numpy>=2"]\n',
          '[project]\ndependencies = ["numpy<2"]\n'),
    other("lock-extra", "pyproject.toml", '[project.optional-dependencies]\nx = ["torch>=2"]\n',
          '[project.optional-dependencies]\nx = ["torch<2"]\n'),
    other("lock-uv-index", "pyproject.toml", "[tool.uv]\n", '[tool.uv]\nindex-url = "https://b.org"\n'),
    other("lock-python", ".python-version", "3.11\n", "3.12\n"),
    other("lock-conda", "environment.yml", "dependencies: [pyarrow=17, rich]\n",
          "dependencies: [pyarrow=16, rich]\n"),
    other("lock-no-toml", "uv.lock", '[[package]]\nname = "numpy"\nversion = "2.1"\n', "= ="),
]  # fmt: skip

BROUGHT = [
    loose("attributes-filter", put(".gitattributes", "*.json filter=mine\n")),
    loose("attributes-encoding", put(".gitattributes", "*.none working-tree-encoding=UTF-16\n")),
    loose("attributes-ident", put("golden/.gitattributes", "*.toml ident\n")),
    loose("brought-pip", put("pip/__main__.py", "pass\n")),
    loose("brought-multiprocessing", put("multiprocessing.py", "pass\n")),
    loose("brought-torch", put("torch/__init__.py", "pass\n")),
    loose("brought-amn", put("amn.py", "pass\n")),
    loose("brought-torch-beside-a-conftest", put("golden/conftest.py", "N = 1\n"),
          put("golden/torch.py", "pass\n")),
    loose("brought-torch-in-src", put("src/torch.py", "pass\n")),
    loose("brought-what-torch-imports", put("sympy.py", "pass\n")),
    loose("brought-pth", put("venv/lib/x.pth", "import os\n")),
    loose("pth-edited", merged(put("venv/lib/x.pth", "lib\n")), put("venv/lib/x.pth", "import os\n")),
    loose("brought-sitecustomize", put("sitecustomize.py", "pass\n")),
    loose("brought-environment", put("env/pyvenv.cfg", "home = /\n")),
    loose("brought-bytecode", put("golden/toy/__pycache__/conftest.cpython-311.pyc", b"x"),
          put(".gitignore", ".amn/\n")),
    loose("link-of-the-data", tracked_link("data", "elsewhere/data"),
          says="this change put a link in place of files", words=WHOLE),
    loose("link-of-a-file-of-the-data", tracked_link("data/vectors-00000.npy", "elsewhere.npy"),
          says="this change put a link in place of files", words=WHOLE),
    loose("link-of-the-cache", both(put(".gitignore", ""), tracked_link(".amn", "runs")),
          says="this change brought its own finished runs", words=WHOLE),
    loose("submodule-of-a-run", put(".gitignore", ""), submodule(".amn/runs/ab"),
          says="this change brought its own finished runs", words=WHOLE),
    loose("link-of-the-runs", both(put(".gitignore", ".amn/x\n"), tracked_link(".amn/runs", "runs")),
          says="this change brought its own finished runs", words=WHOLE),
]  # fmt: skip

WEIGHTS = "this change brought weights to start from"
SLOWER = "this change lowered a stored speed"
TWIN = f"{CASE}/speed/0123.json"
RATIOS = '{"schema": 1, "machine": {}, "ratios": {"latency": %s}}'
STORED = merged(put(TWIN, RATIOS % 2))
STARTED = edit(TOML, "[training]\n", '[training]\ninit_from = "start.bin"\n')
# What the case and its records allow.
ALLOWED = [
    loose("waiver-extended", merged(waived("C002")), waived("C002", 25),
          says="this change extended a waiver"),
    loose("case-that-could-not-be-read", unreadable(TOML),
          says="this change replaced a case.toml that cannot be read now"),
    loose("golden-that-could-not-be-read", unreadable(f"{CASE}/golden.json"),
          says="this change replaced a golden that cannot be read"),
    loose("index-unchecked", edit(TOML, 'path = "../../data"', 'path = "../../data"\nindex = false'),
          says="this change removed the checks of the index"),
    loose("recall-of-more-neighbours", append(TOML, "[index]\nrecall_at = 20\n"),
          says="this change changed what recall is"),
    loose("weights-to-start-from", STARTED,
          put(f"{CASE}/start.bin", "1"), says=WEIGHTS),
    loose("other-weights-to-start-from",
          merged(STARTED, put(f"{CASE}/start.bin", "1")),
          put(f"{CASE}/start.bin", "2"), says=WEIGHTS),
    loose("stored-speed-lowered", STORED, put(TWIN, RATIOS % 1.7), says=SLOWER),
    loose("stored-speed-removed", STORED, remove(TWIN), says=SLOWER),
    loose("range-widened", edit(TOML, "delta = [-0.3, 0.3]", "delta = [-0.3, 0.4]"),
          says="this change widened a range"),
]  # fmt: skip

HOW_IT_RUNS = [
    *ALLOWED,
    *GITHUB,
    *GITHUB_FILES,
    *GITLAB,
    *GITLAB_FILES,
    *JENKINS,
    *OTHERS,
    *NAMED,
    *REACHED,
    *PYTEST,
    *CONFTEST,
    *LOCKS,
    *BROUGHT,
]
