"""Ten bad inputs and more to every command of `amn golden`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.damage import (
    DEEP,
    DIGITS,
    FOLDER,
    LINK,
    both,
    broken_git,
    cut,
    cut_off,
    edit,
    linked_orphan,
    no_git,
    orphan,
    pickled,
    put,
    replace,
    rows,
    unrelated_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.damage import Row

CASE, RECORD = "golden/case/case.toml", "golden/case/golden.json"
COSINES, BARE = "golden/case/golden.csv", "golden/bare/case.toml"
LEDGER, WAIVERS = "golden/case/ledger.jsonl", "golden/case/waivers.toml"
# Ways to damage a golden, for commands that read it.
GOLDEN = (
    (3, "golden.json: expected JSON, got Expecting value", put(RECORD, b"")),
    (3, "golden.json: expected JSON, got ", cut(RECORD)),
    (3, "expected JSON, got nesting that is too deep", put(RECORD, DEEP)),
    (3, "expected JSON, got a number of too many digits", put(RECORD, b'{"a":' + DIGITS + b"}")),
    (3, "expected schema 2, got None", put(RECORD, b"[]")),
    (3, "golden.json: expected a golden, got metrics", edit(RECORD, metrics=[])),
    (
        3,
        "finite number",
        edit(RECORD, tolerances={"margin": float("nan"), "alpha": 0.1, "why": "w"}),
    ),
    (3, "golden.json: expected a file, got: Is a directory", put(RECORD, FOLDER)),
    (3, "golden.json: expected a file, got: Too many levels", put(RECORD, LINK)),
    (3, "golden.csv: expected sha256", put(COSINES, pickled())),
    (3, "golden.csv: expected a golden, found none", put(COSINES, None)),
)
CHAIN = (
    (3, "line 1: expected at least one entry, found none", put(LEDGER, b"")),
    (3, "line 1: expected a line break at its end", cut(LEDGER)),
    (3, "line 1: expected hash", replace(LEDGER, b"first", b"worst")),
    (3, "line 1: expected JSON, got nesting that is too deep", put(LEDGER, DEEP + b"\n")),
    (3, "line 1: expected JSON, got a number of too many", put(LEDGER, b'{"a":' + DIGITS + b"}\n")),
    (3, "line 1: expected an entry, got list", put(LEDGER, b"[]\n")),
    (3, "ledger.jsonl: expected a file, got: Is a directory", put(LEDGER, FOLDER)),
    (3, "ledger.jsonl: expected a file, got: Too many levels", put(LEDGER, LINK)),
)
# What every command that takes a case, a reason and an author refuses.
ACCEPTS = (
    ("amn {} --reason why", 2, "Missing argument 'CASE"),
    ("amn {} case", 2, "Missing option '--reason'"),
    ("amn {} case --reason ''", 2, "expected a line of text, got none"),
    ("amn {} case --reason ' \t '", 2, "expected a line of text, got none"),
    ("amn {} case --reason 'a\nb'", 2, r"expected a line of text, got '\n' at character 2"),
    ("amn {} case --reason 'a\x1b[2J'", 2, r"expected a line of text, got '\x1b' at character 2"),
    ("amn {} case --reason 'a\u202eb'", 2, r"got '\u202e' at character 2"),
    (f"amn {{}} case --reason {'x' * 2001}", 2, "expected at most 2000 characters, got 2001"),
    ("amn {} case --reason why --author ''", 2, "'--author': expected a line of text, got none"),
    (
        "amn {} nowhere --reason why",
        2,
        "golden/nowhere/case.toml: expected a case file, found none",
    ),
    ("amn {} '' --reason why", 2, "case.toml: expected a case file, found none"),
    (f"amn {{}} {'x' * 300} --reason why", 2, "expected a case, got: File name too long"),
    ("amn {} case --reason why --forced", 2, "No such option"),
    ("CI=true amn {} case --reason why", 2, "expected a person, got CI"),
    ("PYTEST_XDIST_WORKER=gw1 amn {} case --reason why", 2, "got the pytest worker gw1"),
    ("amn {} case --reason why", 2, "expected TOML, got: ", put(CASE, b"= 3")),
    ("amn {} case --reason why", 2, "expected UTF-8 text, got byte 0xff", put(CASE, b"\xff")),
    (
        "amn {} case --reason why",
        2,
        "got: nesting that is too deep",
        put(CASE, b"a=" + DEEP),
    ),
    ("amn {} case --reason why", 2, "expected a case file, found none", put(CASE, FOLDER)),
    ("amn {} case --reason why", 2, "expected a case file, got: Too many levels", put(CASE, LINK)),
)
TWICE = ("amn {} case case --reason why", 2, "case: expected each case once, got it twice")
TOO_MANY = ("amn {} case case --reason why", 2, "unexpected extra argument (case)")
SEEDS = (
    ("amn {} --seeds 4", 2, "4 is not in the range 5<=x<=1000"),
    ("amn {} --seeds -1", 2, "-1 is not in the range"),
    (f"amn {{}} --seeds 1{'0' * 30}", 2, "is not in the range 5<=x<=1000"),
    ("amn {} --seeds many", 2, "'many' is not a valid integer"),
    ("amn {} --cache ''", 2, "'--cache': expected a path, got an empty text"),
    (f"amn {{}} --cache {CASE}", 2, f"Directory '{CASE}' is a file"),
)
NEW = (
    ("amn {} case --reason why", 2, "expected no golden, found one: it exists. Fix: amn golden"),
    (
        "amn {} case --reason why --predictions no.npz",
        2,
        "a file at no.npz, found none. Fix: write",
    ),
    (
        f"amn {{}} case other --reason why --predictions {CASE}",
        2,
        "--predictions: expected one case beside it, got 2",
    ),
    ("amn {} case --reason why", 2, "golden.json: expected no golden", put(RECORD, LINK)),
    ("amn {} case --reason why", 2, "golden.json: expected no golden", put(RECORD, FOLDER)),
    ("amn {} case --reason why", 2, "golden.csv: expected no golden", put(RECORD, None)),
    (
        "amn {} case --reason why",
        2,
        "expected a case without a golden, got a ledger with 1 accepted before",
        both(put(RECORD, None), put(COSINES, None)),
    ),
    ("amn {} bare --reason why", 3, "D003-readable", replace(BARE, b"/data", b"/no")),
    ("amn {} bare --reason why", 2, "criteria.ood: ", replace(BARE, b"ood = 0.3", b"ood = nan")),
    ("amn {} bare --reason why", 2, "different seeds", replace(BARE, b"[0, 1, 2]", b"[0, 0]")),
    ("amn {} bare --reason why", 2, "training.seeds.0", replace(BARE, b"[0, 1, 2]", b"[-1]")),
    (
        "amn {} bare --reason why",
        2,
        "waivers.toml: expected TOML",
        put("golden/bare/waivers.toml", b"x"),
    ),
)
UPDATE = (
    ("amn {} bare --reason why", 3, "expected a golden, found none. Fix: amn golden new bare"),
    (
        "amn {} case --reason why",
        2,
        "expected a clean git tree, got 1 uncommitted",
        put("golden/case/x", b""),
    ),
    ("amn {} case --reason why", 3, "expected a checkout that git can read", broken_git),
    *(("amn {} case --reason why", *damage) for damage in (*GOLDEN, *CHAIN)),
)
ADOPT = (
    ("amn {} case --reason why", 2, "ledger.jsonl: expected no ledger, found one: it exists"),
    ("amn {} bare --reason why", 3, "golden.json: expected a golden, found none"),
    *(
        ("amn {} case --reason why", code, message, both(put(LEDGER, None), damage))
        for code, message, damage in GOLDEN
    ),
)
ANCHOR = (
    ("amn {} bare --reason why", 3, "expected an accepted golden, found none. Fix: amn golden new"),
    ("amn {} case --reason why", 3, "Fix: amn golden adopt case", put(LEDGER, None)),
    (
        "amn {} case --reason why",
        3,
        "expected the golden of its last entry",
        replace(RECORD, b"first", b"worst"),
    ),
    *(("amn {} case --reason why", *damage) for damage in CHAIN),
)
DIFF = (
    ("amn {}", 2, "Missing argument 'CASE'"),
    ("amn {} nowhere", 2, "expected a case file, found none"),
    ("amn {} bare", 3, "expected a golden, found none. Fix: amn golden new bare"),
    (
        "amn {} case",
        2,
        "waivers.toml: waiver: expected a valid ",
        put(WAIVERS, b"waiver = 3"),
    ),
    *((f"{words} case", code, message) for words, code, message in SEEDS),
    *(("amn {} case", *damage) for damage in GOLDEN),
)
LIST = (
    ("amn {} case", 2, "unexpected extra argument (case)"),
    ("amn {} --all", 2, "No such option '--all'"),
    ("amn {}", 2, "golden: expected golden/<case>/case.toml, found none", put("golden", None)),
    ("amn {}", 2, "golden: expected golden/<case>/case.toml, found none", put("golden", b"x")),
    ("amn {}", 2, "expected UTF-8 text", put(BARE, b"\xff")),
    *(("amn {}", *damage) for damage in GOLDEN),
)
LOG = (
    ("amn {}", 2, "Missing argument 'CASE'"),
    ("amn {} nowhere", 2, "expected a case file, found none"),
    ("amn {} bare", 3, "expected the ledger of a golden, found none"),
    ("amn {} case --format xml", 2, "'xml' is not one of 'text', 'json'"),
    *(("amn {} case", *damage) for damage in CHAIN),
)
HEADROOM = (
    ("amn {} nowhere", 2, "expected a case file, found none"),
    ("amn {}", 3, "golden/bare/golden.json: expected a golden, found none"),
    ("amn {} case --format csv", 2, "'csv' is not one of 'text', 'json'"),
    *(("amn {} case", *damage) for damage in GOLDEN),
)
VERIFY = (
    ("amn {} nowhere", 2, "expected a case file, found none"),
    ("amn {} case --target ''", 2, "'--target': expected a line of text, got none"),
    ("amn {} case --target nowhere", 3, "expected the branch nowhere, found none in this checkout"),
    ("GITHUB_BASE_REF=gone amn {} case", 3, "expected the branch origin/gone, found none"),
    ("amn {} case --format yaml", 2, "'yaml' is not one of 'text', 'json'"),
    ("amn {} case", 3, "expected a checkout that git can read, got: fatal", broken_git),
    ("amn {} case --target main", 3, "expected a git checkout to compare with main, found", no_git),
    ("amn {} case", 3, "they share no history. Fix: fetch all of it", unrelated_head),
    ("CI=true amn {} case", 3, "got a checkout that was cut off", cut_off),
    ("CHANGE_TARGET=main amn {} case", 3, "actions/checkout with fetch-depth: 0", cut_off),
    ("amn {} case", 3, "golden.json: expected JSON", cut(RECORD)),
    ("amn {} case", 3, "golden.json: expected a file, got: Is a directory", put(RECORD, FOLDER)),
    ("amn {} case", 3, "nesting that is too deep", put(RECORD, DEEP)),
    ("amn {} case", 1, "expected hash", replace(LEDGER, b"first", b"worst")),
    ("amn {} case", 1, "expected the ledger of the golden, found none", put(LEDGER, None)),
    ("amn {} case", 3, "ledger.jsonl: expected a file, got: Too many levels", put(LEDGER, LINK)),
    ("amn {} bare", 3, "golden/case: expected a case.toml beside its golden.json", orphan),
    ("amn {} case", 2, "waivers.toml: expected TOML", put(WAIVERS, b"\xff")),
    ("amn {} case", 2, "waivers.toml: expected a file, got: Is a directory", put(WAIVERS, FOLDER)),
)
PRUNE = (
    ("amn {} case", 2, "unexpected extra argument (case)"),
    ("amn {} --yes case", 2, "unexpected extra argument (case)", orphan),
    ("amn {} --yse", 2, "No such option '--yse'. Did you mean '--yes'?", orphan),
    ("amn {} --yes=1", 2, "does not take a value", orphan),
    ("CI=1 amn {} --yes", 2, "expected a person, got CI", orphan),
    ("PYTEST_XDIST_WORKER=gw0 amn {} --yes", 2, "got the pytest worker gw0", orphan),
    ("amn {} --yes", 2, "golden: expected a folder of cases, found none", put("golden", None)),
    ("amn {} --yes", 2, "golden: expected a folder of cases, found none", put("golden", b"")),
    ("amn {} --yes", 2, "golden: expected a folder of cases, found none", put("golden", LINK)),
    (
        "amn {} --yes",
        2,
        "golden.json: expected a file, got a folder",
        both(orphan, put(RECORD, FOLDER)),
    ),
    ("amn {} --yes", 2, "golden/link: expected a folder, got a link", linked_orphan),
    ("amn {} --yes", 0, "0 goldens without a case", put(CASE, LINK)),
)


TABLE = [
    *rows(
        "golden new", (*ACCEPTS, TWICE, *((f"{w} bare --reason why", *r) for w, *r in SEEDS), *NEW)
    ),
    *rows(
        "golden update",
        (*ACCEPTS, TWICE, *((f"{w} case --reason why", *r) for w, *r in SEEDS), *UPDATE),
    ),
    *rows("golden adopt", (*ACCEPTS, TOO_MANY, *ADOPT)),
    *rows("golden anchor", (*ACCEPTS, TOO_MANY, *ANCHOR)),
    *rows("golden diff", DIFF),
    *rows("golden list", LIST),
    *rows("golden log", LOG),
    *rows("golden headroom", HEADROOM),
    *rows("golden verify", VERIFY),
    *rows("golden prune", PRUNE),
]


@pytest.mark.parametrize("row", TABLE)
def test_bad_input_is_refused_in_a_line_and_changes_nothing(
    refused: Callable[[Row], None], row: Row
) -> None:
    refused(row)
