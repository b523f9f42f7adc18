"""The last job judges a bundle again: what the job of the change says of it counts for nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amn.storage import unpack_archive, write_archive
from tests.hostile.ground import run
from tests.hostile.steps import lower
from tests.net.scenes import commit

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
BUNDLE = "b.zip"
WAIVER = """\
[[waiver]]
check = "C002"
reason = "until the new encoder is here"
owner = "me"
created = 2020-01-01
expires = 2020-01-20
"""


@pytest.fixture(scope="module")
def gated(ground: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A change that lowers a floor, gated: LOOSENED, with its bundle."""
    root = tmp_path_factory.mktemp("bundle") / "p"
    shutil.copytree(ground, root, symlinks=True)
    code, _ = run(root, ["gate", "toy", "--bundle", "unchanged.zip"], {})
    assert code == 0
    lower(root)
    commit(root)
    code, _ = run(root, ["gate", "toy", "--bundle", BUNDLE], {})
    assert code == 5
    return root


def forged(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the bundle anew, sealed, with other members: JSON by name, other files as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        unpack_archive(root / BUNDLE, Path(folder))
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        members: dict[str, Any] = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
    members.pop("bundle.json", None)
    verdict, context = (json.loads(members[n]) for n in ("verdict.json", "toy/context.json"))
    members |= {"verdict.json": verdict, "toy/context.json": context}
    change(members)
    packed = {n: json.dumps(m).encode() if isinstance(m, dict) else m for n, m in members.items()}
    write_archive(root / "forged.zip", packed, {"amn": "0.2.0", "versions": {}})


def says_pass(members: dict[str, Any]) -> None:
    """Say PASS, with every check passed."""
    result = members["verdict.json"]["results"][0]
    result |= {"verdict": "PASS", "word": "PASS"}
    for check in result["checks"]:
        check["status"] = "PASS"


def asks_less(members: dict[str, Any]) -> None:
    """Say PASS, and that nobody declared the comparison with the merge base."""
    says_pass(members)
    result = members["verdict.json"]["results"][0]
    result["declared"].remove("G010-not_loosened")
    result["checks"] = [check for check in result["checks"] if check["id"] != "G010"]


def is_first(members: dict[str, Any]) -> None:
    """Say PASS of a case that has no golden yet."""
    says_pass(members)
    members["toy/context.json"]["first_run"] = True
    result = members["verdict.json"]["results"][0]
    result["declared"] = [label for label in result["declared"] if not label.startswith("G")]
    result["checks"] = [check for check in result["checks"] if not check["id"].startswith("G")]


def has_other_case(members: dict[str, Any]) -> None:
    """Pack the case as it was."""
    text = members["toy/golden/toy/case.toml"]
    members["toy/golden/toy/case.toml"] = text.replace(b"ood = 0.2", b"ood = 0.3")
    says_pass(members)


FORGED = [
    (says_pass, "G010-not_loosened: PASS in the bundle, LOOSENED now"),
    (asks_less, "G010-not_loosened: not in the bundle, and declared here"),
    (is_first, "not in the bundle, and declared here"),
    (has_other_case, "the bundle is of another change"),
]


def test_a_bundle_as_it_is_has_the_verdict_of_its_gate(gated: Path) -> None:
    code, text = run(gated, ["ci", "require", BUNDLE], {})

    assert code == 5
    assert "toy: LOOSENED" in text
    assert " checks judged again, " in text


@pytest.mark.parametrize(("change", "says"), FORGED, ids=lambda one: getattr(one, "__name__", ""))
def test_what_a_forged_bundle_says_is_not_believed(
    gated: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    forged(gated, change)

    code, text = run(gated, ["ci", "require", "forged.zip"], {})

    assert code == 3, text
    assert says in text


def test_the_bundle_of_another_commit_is_refused(gated: Path) -> None:
    code, text = run(gated, ["ci", "require", "unchanged.zip"], {})

    assert code == 3
    assert "expected case.toml as in this checkout, got another" in text


def test_a_waiver_expires_by_the_day_of_the_last_job_and_not_by_that_of_the_bundle(
    ground: Path, tmp_path: Path
) -> None:
    root = tmp_path / "p"
    shutil.copytree(ground, root, symlinks=True)
    (root / "golden/toy/waivers.toml").write_text(WAIVER, "utf-8")
    commit(root)
    run(root, ["gate", "toy", "--bundle", BUNDLE], {})

    def on_that_day(members: dict[str, Any]) -> None:
        says_pass(members)
        members["toy/context.json"]["today"] = "2020-01-10"

    forged(root, on_that_day)

    code, text = run(root, ["ci", "require", "forged.zip"], {})

    assert code == 3
    assert "G011-waivers: PASS in the bundle" in text
