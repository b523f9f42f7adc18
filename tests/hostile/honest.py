"""Changes and checkouts that mean no harm: none of them is accused of anything."""

from __future__ import annotations

from tests.checkouts import CASE_TEXT
from tests.hostile.ground import TOML, Change
from tests.hostile.steps import (
    clone,
    converted,
    large,
    lower,
    merged,
    nested,
    own_origin,
    scores,
    words,
    worktree,
)
from tests.net.scenes import edit, put

HONEST = [
    Change(id="nothing", code=0, says=("PASS: ", "on merit")),
    Change(id="nothing-strict", words="amn gate toy --strict", code=0, says=("PASS: ",)),
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
