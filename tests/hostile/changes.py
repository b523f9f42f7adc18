"""Changes that want more than they earn, each with the exit code and the name that it must get."""

from __future__ import annotations

from tests.hostile.ground import CASE, TOML, Change
from tests.hostile.readers import ASTRAY
from tests.hostile.running import HOW_IT_RUNS
from tests.hostile.steps import (
    bare_inside,
    clone,
    develop,
    filtered,
    in_submodule,
    indexed,
    labelled,
    linked,
    lower,
    merged,
    nested,
    no_commit,
    no_git,
    no_remote,
    own_origin,
    promised,
    replaced_base,
    runs,
    scores,
    smoothed,
    updated,
    waived,
    words,
)
from tests.net.scenes import append, edit, put, remove

LOWERED = "this change lowered a floor: 0.3 at the merge base, 0.2 now"
NOTHING_USUAL = "expected a branch of a remote to compare with"
REQUIRE = "; amn ci require v.json"
UNDECIDED = append(TOML, "[golden]\nmargin = 0.0001\n")
APPROVED = "--approve-loosening 'C. Lead: agreed'"

HARD = """
[[criteria.limit]]
id = "C101"
metric = "cosine"
split = "ood"
slice = { part = "hard" }
least = 0.1
"""
RELABELLED = Change(
    id="windows-taken-out-of-a-slice",
    do=(merged(labelled(53), append(TOML, HARD), updated), labelled(56)),
    code=5,
    says=("this change moved windows between slices: ood, part = hard at the merge base",),
)
UNINDEXED = Change(
    id="index-removed-beside-runs",
    do=(
        merged(indexed, updated),
        runs(0, 1, 2),
        remove("data/index.faiss"),
        remove("data/index.json"),
    ),
    words="amn gate toy --run run-0 --run run-1 --run run-2 --allow-same",
    code=5,
    says=("this change removed a check: I001-digest at the merge base",),
)
# A case that git keeps elsewhere has nothing to compare with here.
IN_SUBMODULE = [
    Change(
        id="golden-in-a-submodule",
        do=(in_submodule,),
        env={"CI": "true"},
        code=3,
        says=("the case is in a submodule",),
        committed=False,
    ),
    Change(
        id="golden-in-a-submodule-of-a-person",
        do=(in_submodule,),
        code=0,
        says=("PARTIAL (no merge base: the case is in a submodule",),
        committed=False,
    ),
]
UPDATE = "amn golden update toy --reason better"
# A golden that a change brings answers what the golden of the merge base asks of its data.
ANSWERED = [
    Change(
        id="easier-data",
        do=(smoothed(0.3),),
        words="amn gate toy --strict",
        code=4,
        says=("G024 not_easier",),
    ),
    Change(
        id="easier-data-accepted-by-itself",
        do=(smoothed(0.3),),
        words=f"{UPDATE}; amn gate toy",
        code=5,
        says=(
            "this change accepted data or warnings of its own",
            "toy/golden.json G024-not_easier",
        ),
    ),
    Change(
        id="easier-data-accepted-and-approved",
        do=(smoothed(0.3),),
        words=f"{UPDATE}; amn gate toy {APPROVED} --bundle b.zip; amn ci require b.zip {APPROVED}",
        code=0,
        says=("PASS (approved by C. Lead: agreed)",),
    ),
    Change(
        id="easier-data-accepted-and-required",
        do=(smoothed(0.3),),
        words=f"{UPDATE}; amn gate toy --bundle b.zip; amn ci require b.zip",
        code=5,
        says=("toy: LOOSENED",),
    ),
]

# What a verdict says when it did not look at everything.
SCOPE = [
    Change(
        id="scores-alone",
        do=(scores(),),
        words="amn gate toy --metrics metrics.json",
        code=0,
        says=("PARTIAL (scores only)",),
        never=("on merit",),
    ),
    Change(
        id="scores-alone-strict",
        do=(scores(),),
        words="amn gate toy --metrics metrics.json --strict",
        code=4,
        says=("PARTIAL (scores only)",),
    ),
    Change(
        id="scores-alone-required",
        do=(scores(),),
        words=f"amn gate toy --metrics metrics.json -o v.json{REQUIRE}",
        code=4,
        says=("expected PASS, got PARTIAL (scores only)",),
    ),
    Change(
        id="scores-below-the-golden",
        do=(scores(in_dist=0.31, ood=0.31),),
        words="amn gate toy --metrics metrics.json --strict",
        code=4,
        says=("PARTIAL (scores only)",),
    ),
    Change(
        id="scores-declared-enough-by-the-change",
        do=(scores(), edit(TOML, "lift = -0.05", 'lift = -0.05\nscope = "scores"')),
        words=f"amn gate toy --metrics metrics.json -o v.json{REQUIRE}",
        code=5,
        says=("declared less to be enough",),
    ),
    Change(
        id="checkpoint-without-a-record",
        do=(runs(0),),
        words="amn gate toy --checkpoint run-0/model.safetensors --allow-same",
        code=0,
        says=("PARTIAL (no record of training; 1 of 3 seeds)",),
    ),
    Change(
        id="one-run-where-three-are-asked-for",
        do=(runs(0),),
        words="amn gate toy --run run-0 --allow-same --strict",
        code=4,
        says=("1 of 3 seeds",),
    ),
    Change(
        id="one-run-three-times",
        do=(runs(0, 0, 0),),
        words="amn gate toy --run run-0 --run run-1 --run run-2 --allow-same --strict",
        code=4,
        says=("1 of 3 seeds",),
    ),
    Change(
        id="custody-alone",
        words="amn golden verify toy",
        code=0,
        says=("PARTIAL (custody of the golden only)",),
    ),
    Change(
        id="pytest-k",
        words="pytest golden -k C002",
        code=0,
        says=("PARTIAL (", "checks deselected)"),
        never=("deselected: PASS",),
    ),
    Change(
        id="pytest-deselect-strict",
        words=f"pytest golden --amn-strict --deselect {TOML}::C002-ood",
        code=1,
        says=("PARTIAL (1 of ",),
    ),
    Change(
        id="pytest-m-strict",
        words="pytest golden --amn-strict -m amn_data",
        code=1,
        says=("PARTIAL (",),
    ),
    Change(
        id="pytest-kept-from-golden",
        do=(
            put("pytest.ini", "[pytest]\nnorecursedirs = golden\n"),
            put("test_x.py", "def test_x(): pass\n"),
        ),
        words="pytest --amn-strict",
        code=1,
        says=("golden/toy/case.toml: ERROR: expected to be collected",),
    ),
    Change(
        id="waived-floor",
        do=(merged(edit(TOML, "ood = 0.3", "ood = 0.9"), waived("C002")),),
        words=f"amn gate toy --strict -o v.json{REQUIRE}",
        code=0,
        says=("PASS (1 waived)", "C002 ood: C002 waived until"),
        never=("on merit",),
    ),
    Change(
        id="waiver-of-its-own",
        do=(merged(edit(TOML, "ood = 0.3", "ood = 0.9")), waived("C002")),
        code=5,
        says=("added a waiver",),
    ),
    Change(
        id="undecided",
        do=(merged(UNDECIDED),),
        code=0,
        says=("INCONCLUSIVE: ",),
        never=("PASS: ",),
    ),
    Change(
        id="undecided-required",
        do=(merged(UNDECIDED),),
        words=f"amn gate toy -o v.json{REQUIRE}",
        code=4,
        says=("expected PASS, got INCONCLUSIVE",),
    ),
    Change(
        id="undecided-approved",
        do=(merged(UNDECIDED),),
        words=f"amn gate toy --strict {APPROVED} -o v.json{REQUIRE}",
        code=0,
        says=("PASS (approved by C. Lead: agreed)",),
        never=("on merit",),
    ),
    Change(id="lowered-floor", do=(lower,), code=5, says=(LOWERED,)),
    Change(
        id="lowered-floor-approved",
        do=(lower,),
        words=f"amn gate toy --strict {APPROVED} -o v.json{REQUIRE}",
        code=0,
        says=("PASS (approved by C. Lead: agreed)", "G010 not_loosened: approved by C. Lead"),
    ),
]

# Nothing to compare with: on a person's machine PARTIAL, under CI exit 3 and what mends it.
BASE = [
    Change(
        id="one-branch-in-ci",
        do=(
            lower,
            own_origin,
            words("commit", "-qam", "x"),
            clone("--single-branch", "-b", "change"),
        ),
        env={"CI": "true"},
        code=3,
        says=(NOTHING_USUAL, "git fetch origin '+refs/heads/*:refs/remotes/origin/*'"),
    ),
    Change(
        id="one-branch-of-a-person",
        do=(
            own_origin,
            words("commit", "-qm", "x", "--allow-empty"),
            clone("--single-branch", "-b", "change"),
        ),
        code=0,
        says=("PARTIAL (no merge base: no default branch of a remote",),
    ),
    Change(
        id="unnamed-default-branch-in-ci",
        do=(lower, develop(named=False)),
        env={"TF_BUILD": "True"},
        code=3,
        says=(NOTHING_USUAL, "git remote set-head origin --auto"),
    ),
    Change(
        id="named-default-branch-in-ci",
        do=(lower, develop(named=True)),
        env={"TF_BUILD": "True"},
        code=5,
        says=(LOWERED, "origin/develop"),
    ),
    Change(
        id="remote-called-upstream",
        do=(lower, words("remote", "rename", "origin", "upstream")),
        env={"CI": "true"},
        code=5,
        says=(LOWERED, "upstream/main"),
    ),
    Change(
        id="remote-called-upstream-request",
        do=(lower, words("remote", "rename", "origin", "upstream")),
        env={"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"},
        code=5,
        says=(LOWERED, "upstream/main"),
    ),
    Change(
        id="travis-request",
        do=(lower, develop(named=False)),
        env={"TRAVIS": "true", "TRAVIS_PULL_REQUEST": "7", "TRAVIS_BRANCH": "develop"},
        code=5,
        says=(LOWERED, "origin/develop"),
    ),
    Change(
        id="travis-push",
        do=(lower, develop(named=False)),
        env={"TRAVIS": "true", "TRAVIS_PULL_REQUEST": "false", "TRAVIS_BRANCH": "change"},
        code=3,
        says=(NOTHING_USUAL,),
    ),
    Change(
        id="circle",
        do=(lower, develop(named=False)),
        env={"CIRCLECI": "true", "CIRCLE_BRANCH": "change"},
        code=3,
        says=(NOTHING_USUAL,),
    ),
    Change(
        id="local-main-in-ci",
        do=(lower, develop(named=False), words("branch", "main", "HEAD")),
        env={"CI": "1"},
        code=3,
        says=(NOTHING_USUAL,),
    ),
    Change(
        id="no-git-in-ci", do=(no_git,), env={"CI": "1"}, code=3, says=("found none", "git clone")
    ),
    Change(
        id="no-git-of-a-person",
        do=(no_git,),
        code=0,
        says=("PARTIAL (no merge base: no git checkout)",),
    ),
    Change(
        id="no-commit-in-ci",
        do=(no_commit,),
        committed=False,
        env={"JENKINS_URL": "http://x"},
        code=3,
        says=("found a repository with no commit yet",),
    ),
    Change(
        id="no-commit-of-a-person",
        do=(no_commit,),
        committed=False,
        code=0,
        says=("PARTIAL (no merge base: no commit yet)",),
    ),
    Change(
        id="no-remote-of-a-person",
        do=(no_remote,),
        code=0,
        says=("PARTIAL (no merge base: no remote",),
    ),
    Change(
        id="branch-that-is-not-there",
        words="amn gate toy --target origin/gone",
        code=3,
        says=("git fetch origin +refs/heads/gone:refs/remotes/origin/gone",),
    ),
]

# The change names its own yardstick.
YARDSTICK = [
    Change(
        id="tag-called-origin-main",
        do=(lower, words("commit", "-qam", "x"), words("tag", "origin/main")),
        code=5,
        says=(LOWERED,),
    ),
    Change(
        id="local-main-as-target-in-ci",
        do=(lower, words("commit", "-qam", "x"), words("branch", "-f", "main", "HEAD")),
        words="amn gate toy --target main",
        env={"CI": "1"},
        code=5,
        says=(LOWERED, "origin/main"),
    ),
    Change(
        id="tag-as-target",
        do=(lower, words("commit", "-qam", "x"), words("tag", "reviewed")),
        words="amn gate toy --target reviewed",
        code=3,
        says=("expected the branch reviewed, found none",),
    ),
    Change(
        id="branch-called-origin-main",
        do=(lower, words("commit", "-qam", "x"), words("branch", "origin/main")),
        words="amn gate toy --target origin/main",
        code=5,
        says=(LOWERED,),
    ),
    Change(
        id="branch-called-origin-main-alone",
        do=(
            lower,
            words("commit", "-qam", "x"),
            words("branch", "origin/main"),
            develop(named=False),
        ),
        words="amn gate toy --target origin/main",
        code=3,
        says=("expected the branch origin/main, found none",),
    ),
    Change(
        id="head-as-target",  # the remote's HEAD, not the change's
        do=(lower,),
        words="amn gate toy --target HEAD",
        code=5,
        says=(LOWERED,),
    ),
    Change(id="replaced-base", do=(lower, replaced_base), code=5, says=(LOWERED,)),
    Change(
        id="target-in-pytest-ini",
        do=(lower, put("pytest.ini", "[pytest]\naddopts = --amn-target=HEAD\n")),
        words="pytest golden -k G010",
        code=4,
        says=("--amn-target", "expected on the command line"),
    ),
    Change(
        id="approval-in-pyproject",
        do=(
            lower,
            put(
                "pyproject.toml",
                '[tool.pytest.ini_options]\naddopts = ["--amn-approve-loosening=A: fine"]\n',
            ),
        ),
        words="pytest golden -k G010",
        code=4,
        says=("--amn-approve-loosening", "expected on the command line"),
    ),
    Change(
        id="first-run-in-pytest-ini",
        do=(put("pytest.ini", "[pytest]\naddopts = --amn-first-run\n"),),
        words="pytest golden -k C002",
        code=4,
        says=("--amn-first-run", "expected on the command line"),
    ),
    Change(
        id="case-folder-is-a-link",
        do=(
            lower,
            linked(CASE, "elsewhere/toy"),
            edit("elsewhere/toy/case.toml", "../../data", "../../data"),
        ),
        code=5,
        says=("this change put a link in place of files",),
        never=("a new case",),
    ),
    Change(
        id="golden-is-a-link",
        do=(lower, linked("golden", "cases")),
        code=5,
        says=("this change put a link in place of files",),
    ),
    Change(
        id="golden-json-is-a-link",
        do=(linked(f"{CASE}/golden.json", "elsewhere/golden.json"),),
        code=3,
        says=("this change put a link in place of files",),
    ),
    Change(
        id="golden-removed",
        do=(remove(f"{CASE}/golden.json"),),
        code=3,
        says=("removed the golden",),
    ),
    Change(
        id="step-of-the-gate-may-fail",
        do=(append(".github/workflows/gate.yml", "        continue-on-error: true\n"),),
        code=5,
        says=("set continue-on-error",),
    ),
]

# What a repository says is executed by nobody.
EXECUTED = [
    Change(
        id="filters-of-the-checkout",
        do=(lower, words("commit", "-qam", "x"), filtered),
        committed=False,
        code=5,
        says=(LOWERED,),
    ),
    Change(
        id="missing-objects-are-fetched",
        do=(
            lower,
            words("commit", "-qam", "x"),
            words("checkout", "-q", "HEAD~1", "--", "."),
            promised,
        ),
        committed=False,
        code=3,
        says=("expected object",),
    ),
    Change(
        id="bare-repository-in-the-checkout",
        do=(nested, edit(f"sub/{TOML}", "ood = 0.3", "ood = 0.2"), bare_inside("sub")),
        at="sub",
        code=3,
        says=("expected a checkout that git can read",),
    ),
]

CHANGES = [
    *ANSWERED,
    *IN_SUBMODULE,
    RELABELLED,
    UNINDEXED,
    *SCOPE,
    *BASE,
    *YARDSTICK,
    *EXECUTED,
    *HOW_IT_RUNS,
    *ASTRAY,
]
