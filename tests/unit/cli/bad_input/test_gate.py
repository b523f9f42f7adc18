"""Ten bad inputs and more to a gate that packs a bundle, and to the replay of one."""

from __future__ import annotations

import shutil
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.damage import (
    DEEP,
    DIGITS,
    FOLDER,
    LINK,
    both,
    bundle,
    cut,
    put,
    replace,
    rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.damage import Row

SCORES = put("m.json", b'{"in_dist": 0.6, "ood": 0.7}')
GATE = "amn gate case --cache CACHE --bundle o.zip "
METRICS = GATE + "--metrics m.json"
BUNDLE = (
    ("amn gate --bundle out.tar", 2, "--bundle: expected a name that ends in .zip, got out.tar"),
    ("amn gate case --bundle ''", 2, "'--bundle': expected a path, got an empty text"),
    ("amn gate case --bundle d.zip", 2, "'d.zip' is a directory", put("d.zip", FOLDER)),
    ("amn gate case --bundle m.json/o.zip", 2, "expected a folder at m.json, got a file", SCORES),
    ("amn gate case case --bundle o.zip", 2, "expected cases of different names, got case twice"),
    ("amn gate nowhere --bundle o.zip", 2, "golden/nowhere/case.toml: expected a case file"),
    (
        GATE + "--metrics m.json --run golden",
        2,
        "expected one of --run, --checkpoint, --predictions",
    ),
    (GATE + "-o x.pdf", 2, "expected a suffix of .html, .json"),
    (GATE + "-o html=", 2, "-o html=: expected a path, got none"),
    (GATE + "-o a.md -o a.md", 2, "expected a path of its own, got it twice"),
    (GATE + "-o json=o.zip", 2, "--bundle: expected a file of its own, got o.zip of -o"),
    (GATE + "-o golden/x/../", 2, "expected a suffix"),
    (GATE + "--target ''", 2, "'--target': expected a line of text, got none"),
    (GATE + "--approve-loosening ' '", 2, "expected a line of text, got none"),
    (GATE + "--approve-loosening 'a\x1b[1A'", 2, r"got '\x1b' at character 2"),
    (GATE + "--format xml", 2, "'xml' is not one of"),
    (GATE + "--formt json", 2, "No such option '--formt'. Did you mean '--format'?"),
    (GATE + "--selftest s.json", 2, "s.json: expected a self-test, got: No such file"),
    (GATE + "--selftest s.json", 2, "recursion limit exceeded", put("s.json", DEEP)),
    (GATE + "--selftest s.json", 2, "should be an object at 0", put("s.json", b"[1]")),
    (METRICS, 2, "m.json: expected a metrics file, got none"),
    (METRICS, 2, "m.json: expected a metrics file, got Is a directory", put("m.json", FOLDER)),
    (METRICS, 2, "m.json: expected a metrics file, got Too many", put("m.json", LINK)),
    (METRICS, 2, "m.json: expected JSON, got Expecting value", put("m.json", b"")),
    (METRICS, 2, "m.json: expected JSON, got 'utf-8'", put("m.json", b"\xff")),
    (METRICS, 2, "m.json: expected JSON, got nesting that is too deep", put("m.json", DEEP)),
    (METRICS, 2, "a number of too many digits", put("m.json", b'{"ood": ' + DIGITS + b"}")),
    (METRICS, 2, "m.json: file: expected a valid dict", put("m.json", b"[]")),
    (METRICS, 2, "in_dist: expected a valid number", put("m.json", b'{"in_dist": "0.6"}')),
    (METRICS, 2, "in_dist: expected a cosine", put("m.json", b'{"in_dist": 7}')),
    (METRICS, 2, "extra: expected no such key", put("m.json", b'{"ood": 0.7, "extra": 1}')),
    (
        METRICS,
        2,
        "waivers.toml: expected TOML",
        both(SCORES, put("golden/case/waivers.toml", b"x")),
    ),
    (METRICS, 2, "expected TOML", both(SCORES, put("golden/case/case.toml", b"[["))),
)
VERDICT, CONTEXT = "verdict.json", "case/context.json"
TOML = "case/golden/case/case.toml"


def other_floor(project: Path) -> None:
    """Lower a floor in the case.toml of the bundle."""
    toml = (project / "golden" / "case" / "case.toml").read_bytes()
    bundle(project, **{TOML: toml.replace(b"ood = 0.3", b"ood = 0.2")})


FORGED = "expected a whole bundle, got: "
REPLAY = (
    ("amn replay", 2, "Missing argument 'BUNDLE'"),
    ("amn replay ''", 2, "expected a path, got an empty text"),
    ("amn replay x.zip", 2, "expected a bundle at x.zip, got none. Fix: amn gate --bundle"),
    ("amn replay good.zip x.zip", 2, "unexpected extra argument"),
    ("amn replay good.zip --format xml", 2, "'xml' is not one of"),
    ("amn replay good.zip --sha256 abc", 3, "expected sha256 abc"),
    ("amn replay good.zip --sha256 ''", 2, "expected a line of text, got none"),
    ("amn replay golden", 3, "Is a directory"),
    ("amn replay x.zip", 3, "Too many levels of symbolic links", put("x.zip", LINK)),
    ("amn replay x.zip", 3, "File is not a zip file", put("x.zip", b"")),
    ("amn replay good.zip", 3, "good.zip: expected ", cut("good.zip")),
    ("amn replay good.zip", 3, "Bad CRC-32", replace("good.zip", b'"schema": 1', b'"schema": 2')),
    (
        "amn replay x.zip",
        3,
        "inside the bundle, got '../evil'",
        partial(bundle, **{"../evil": b""}),
    ),
    ("amn replay x.zip", 3, "inside the bundle, got '/evil'", partial(bundle, **{"/evil": b""})),
    (
        "amn replay x.zip",
        3,
        "got other: verdict.json",
        partial(bundle, extra=(("verdict.json", b"{}"),)),
    ),
    ("amn replay x.zip", 3, "got other: more", partial(bundle, extra=(("more", b""),))),
    (
        "amn replay x.zip",
        3,
        "expected a member as it is, got a packed one",
        partial(bundle, big=bytes(10**8), compression=zipfile.ZIP_DEFLATED),
    ),
    ("amn replay x.zip", 3, "Not a directory", partial(bundle, case=b"")),
    (
        "amn replay x.zip",
        3,
        "File name too long",
        partial(bundle, **{"a" * 300: b""}),
    ),
    (
        "amn replay x.zip",
        3,
        "expected verdict.json in it, found none. Fix: pack it again: amn gate CASE --bundle",
        partial(bundle, drop="verdict.json"),
    ),
    ("amn replay x.zip", 3, "expected the files of", partial(bundle, drop="case/context.json")),
    ("amn replay x.zip", 3, "expected the files of", partial(bundle, verdict={"case": "../case"})),
    (
        "amn replay x.zip",
        3,
        FORGED + "KeyError: 'FINE'",
        partial(bundle, verdict={"verdict": "FINE"}),
    ),
    ("amn replay x.zip", 3, FORGED, partial(bundle, verdict={"declared": None})),
    (
        "amn replay x.zip",
        3,
        "FAIL in the bundle, PARTIAL now",
        partial(bundle, verdict={"verdict": "FAIL"}),
    ),
    (
        "amn replay x.zip",
        3,
        "PARTIAL in the bundle, ERROR now",
        partial(bundle, verdict={"checks": []}),
    ),
    ("amn replay x.zip", 3, "nesting that is too deep", partial(bundle, **{VERDICT: DEEP})),
    ("amn replay x.zip", 3, FORGED, partial(bundle, **{CONTEXT: b"[]"})),
    (
        "amn replay x.zip",
        3,
        "expected UTF-8 text",
        partial(bundle, **{TOML: b"\xff"}),
    ),
    (
        "amn replay x.zip",
        3,
        "got another case.toml",
        other_floor,
    ),
)


@pytest.mark.parametrize("row", rows("gate --bundle", BUNDLE))
def test_a_gate_that_cannot_be_packed_is_refused(refused: Callable[[Row], None], row: Row) -> None:
    refused(row)


@pytest.mark.parametrize("row", rows("replay", REPLAY))
def test_what_is_no_bundle_of_a_gate_is_refused(
    refused: Callable[[Row], None], row: Row, project: Path, good_bundle: Path
) -> None:
    shutil.copy(good_bundle, project / "good.zip")
    refused(row)
