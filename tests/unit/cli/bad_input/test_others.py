"""Ten bad inputs and more to `amn calibrate`, `report`, `ci init`, `ci require` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.damage import (
    DEEP,
    DIGITS,
    FOLDER,
    LINK,
    broken_git,
    cut,
    cut_off,
    no_git,
    pickled,
    put,
    rows,
    unrelated_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.damage import Row

RECORD = "golden/case/golden.json"
CALIBRATE = (
    ("amn {}", 2, "Missing argument 'CASE'"),
    ("amn {} nowhere", 2, "golden/nowhere/case.toml: expected a case file, found none"),
    ("amn {} case --seeds 1", 2, "1 is not in the range 2<=x<=1000"),
    ("amn {} case --seeds 99999999999999999999", 2, "is not in the range"),
    ("amn {} case --false-fail 0", 2, "0.0 is not in the range 0<x<1"),
    ("amn {} case --false-fail nan", 2, "false_fail: expected a share between 0 and 1, got nan"),
    ("amn {} case --pass-rate inf", 2, "inf is not in the range 0<x<1"),
    ("amn {} case --scatter nan", 2, "scatter: expected a number from 0, got nan"),
    ("amn {} case --scatter 1e308", 2, "1e+308 is not in the range 0<=x<=1"),
    ("amn {} case --trials 99", 2, "99 is not in the range 100<=x<=100000"),
    ("amn {} case --trials 1e3", 2, "'1e3' is not a valid integer"),
    ("amn {} case --seed 3", 2, "No such option '--seed'. Did you mean '--seeds'?"),
    ("amn {} case --cache ''", 2, "expected a path, got an empty text"),
    ("amn {} case", 3, "golden.json: expected JSON", cut(RECORD)),
    ("amn {} case", 3, "expected JSON, got nesting that is too deep", put(RECORD, DEEP)),
    ("amn {} case", 3, "golden.csv: expected sha256", put("golden/case/golden.csv", pickled())),
    ("amn {} case", 3, "golden.json: expected a file, got: Is a directory", put(RECORD, FOLDER)),
)
REPORT = (
    ("amn {}", 2, "Missing argument 'TARGETS...'"),
    ("amn {} nowhere", 2, "expected a case, a record or a folder of records at nowhere"),
    ("amn {} golden", 3, "golden: expected records, found none"),
    ("amn {} case --format pdf", 2, "'pdf' is not one of 'text', 'markdown', 'html'"),
    ("amn {} case -o golden", 2, "File 'golden' is a directory"),
    ("amn {} case -o ''", 2, "expected a path, got an empty text"),
    ("amn {} r.json -o r.html", 2, "expected cases for HTML, got r.json", put("r.json", b"[]")),
    ("amn {} case --reference mean=nan", 2, "expected constant or mean=COSINE in -1 ... 1"),
    ("amn {} case --title 'a\x1b[1m'", 2, r"got '\x1b' at character 2"),
    ("amn {} case --profile strict", 2, "'strict' is not one of"),
    ("amn {} golden/case/golden.csv", 3, "golden.csv: expected "),
    ("amn {} r.json", 3, "expected a record in JSON, got Expecting value", put("r.json", b"")),
    ("amn {} r.json", 3, "history: expected at least one epoch", put("r.json", b"[]")),
    ("amn {} r.json", 3, "r.json: expected ", put("r.json", b'{"record": {}}')),
    ("amn {} r.json", 3, "nesting that is too deep", put("r.json", DEEP)),
    ("amn {} r.json", 3, "a number of too many digits", put("r.json", b"[" + DIGITS + b"]")),
    ("amn {} r.json", 3, "r.json: expected a record", put("r.json", LINK)),
    ("amn {} r.json -o r.md", 3, "in JSON, got 'utf-8' codec", put("r.json", b"\xff")),
    ("amn {} r.csv", 3, "line 2, epoch: expected a number", put("r.csv", b"epoch,loss\nx,y\n")),
)
WORKFLOW = ".github/workflows/amn.yml"
INIT = (
    ("amn {}", 2, "Missing argument"),
    ("amn {} bamboo", 2, "'bamboo' is not one of 'github', 'gitlab', 'jenkins'"),
    ("amn {} github", 2, "--install: expected a source that a machine of the CI system"),
    ("amn {} github gitlab", 2, "unexpected extra argument (gitlab)"),
    ("amn {} github --install . --branch ''", 2, "--branch: expected letters, digits and"),
    ("amn {} github --install . --branch 'main\nx: y'", 2, r"got 'main\nx: y'"),
    ("amn {} github --install . --branch=-x", 2, "got '-x'"),
    ("amn {} gitlab --install 'amn; curl'", 2, "got 'amn; curl'"),
    ("amn {} github --install '${{{{ x }}}}'", 2, "--install: expected letters"),
    ('amn {} jenkins --install "amn\'"', 2, "--install: expected letters"),
    ("amn {} github --install . -o ''", 2, "expected a path, got an empty text"),
    ("amn {} github --install . -o golden", 2, "golden: expected a file, got a folder"),
    (
        f"amn {{}} github --install . -o {RECORD}/x.yml",
        2,
        "expected folders above it, got a file",
    ),
    (f"amn {{}} github --install . -o {RECORD}", 2, "exists and differs. Fix: -o ANOTHER"),
    ("amn {} github --install .", 2, "exists and differs", put(WORKFLOW, b"on: push")),
    ("amn {} github --install .", 2, "expected a file, got a folder", put(WORKFLOW, FOLDER)),
    (
        "amn {} github --install .",
        3,
        "amn.yml: expected a file that can be read",
        put(WORKFLOW, LINK),
    ),
    (
        "amn {} github --install .",
        2,
        "expected folders above it, got a file",
        put(".github", b""),
    ),
    ("amn {} gitlab --install .", 2, "Fix: amn ci init gitlab -o", put(".gitlab-ci.yml", b"x")),
    ("amn {} github --install .", 3, "expected a checkout that git can read", broken_git),
)
RESULTS = "v.json: expected schema 2 and results, got something else"
REQUIRE = (
    ("amn {}", 2, "Missing argument 'FILE'"),
    ("amn {} ''", 2, "expected a path, got an empty text"),
    ("amn {} v.json", 3, "expected the result of a gate, found none. Fix: amn gate -o v.json"),
    ("amn {} golden", 3, "golden: expected the JSON of a gate, got: Is a directory"),
    ("amn {} v.json", 3, "expected the JSON of a gate, got: Too many levels", put("v.json", LINK)),
    ("amn {} v.json", 3, "expected the JSON of a gate, got: Expecting value", put("v.json", b"")),
    ("amn {} v.json", 3, "got: nesting that is too deep", put("v.json", DEEP)),
    ("amn {} v.json", 3, "got: a number of too many digits", put("v.json", DIGITS)),
    ("amn {} v.json", 3, RESULTS, put("v.json", b"[]")),
    ("amn {} v.json", 3, RESULTS, put("v.json", b'{"schema": 1, "results": []}')),
    ("amn {} v.json", 3, RESULTS, put("v.json", b'{"schema": 2, "results": {}}')),
    ("amn {} v.json", 3, "results[0]: expected", put("v.json", b'{"schema": 2, "results": [{}]}')),
    ("amn {} v.json --stric", 2, "No such option '--stric'"),
)
DOCTOR = (
    ("amn {} case", 2, "unexpected extra argument (case)"),
    ("amn {} --format xml", 2, "'xml' is not one of"),
    ("amn {} --target ''", 2, "expected a line of text, got none"),
    ("amn {} --traget main", 2, "No such option '--traget'"),
    ("amn {} --target nowhere", 1, "expected the branch nowhere, found none in this checkout."),
    ("GITHUB_BASE_REF=gone amn {}", 1, "expected the branch origin/gone, found none"),
    ("amn {}", 1, "expected a checkout that git can read", broken_git),
    ("amn {}", 1, "no checkout: changes cannot be compared", no_git),
    ("amn {}", 1, "they share no history", unrelated_head),
    ("amn {}", 1, "cut off: the merge base may not be there", cut_off),
    ("amn {}", 1, "none under golden/: nothing is gated", put("golden", b"")),
    ("amn {}", 1, "expected JSON, got nesting that is too deep", put(RECORD, DEEP)),
    ("amn {}", 1, "expected a file, got: Is a directory", put(RECORD, FOLDER)),
    ("amn {}", 1, "expected UTF-8 text", put("golden/case/case.toml", b"\xff")),
    ("amn {}", 1, "none runs amn gate", put(".github/workflows/x.yml", b"\xff\x00")),
    ("amn {}", 1, "none runs amn gate", put(".github/workflows/x.yml", FOLDER)),
)
TABLE = [
    *rows("calibrate", CALIBRATE),
    *rows("report", REPORT),
    *rows("ci init", INIT),
    *rows("ci require", REQUIRE),
    *rows("doctor", DOCTOR),
]


@pytest.mark.parametrize("row", TABLE)
def test_bad_input_is_refused_in_a_line_and_changes_nothing(
    refused: Callable[[Row], None], row: Row
) -> None:
    refused(row)
