"""A metric of one's own: a function in a conftest.py is listed, measured, limited and accepted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from amn.golden.store import read_golden
from tests.checkouts import CASE_TEXT, begin_change, commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, str, str]]

OWN = '''
import amn
import numpy as np


@amn.metric("nearer_than_last")
def nearer_than_last(own, predicted, context):
    """Whether the target is nearer than the last row of the context."""
    last = context[:, -1]
    return own > np.vecdot(predicted, last) / np.linalg.norm(last, axis=1)
'''
LIMIT = """
[[criteria.limit]]
id = "C101"
metric = "nearer_than_last"
split = "ood"
least = {least}
"""


@pytest.fixture
def project(own_project: Callable[[str], Path]) -> Path:
    """A case, and a conftest.py that declares a metric."""
    return own_project(OWN)


@pytest.fixture
def amn(project: Path, typed: Command) -> Command:
    """Run the command in the project."""
    assert project.is_dir()
    return typed


def test_it_is_listed_beside_ours(amn: Command) -> None:
    code, out, _ = amn("rules", "--metrics")

    assert code == 0
    assert "nearer_than_last" in out
    assert "Whether the target is nearer than the last row" in out
    assert "(B, D) float32 predictions." in out


@pytest.mark.parametrize(("least", "code"), [(0.0, 0), (0.999, 1)])
def test_it_can_be_limited(amn: Command, project: Path, least: float, code: int) -> None:
    text = CASE_TEXT + LIMIT.format(least=least)
    (project / "golden" / "case" / "case.toml").write_text(text, "utf-8")

    got, out, err = amn("gate", "case", "--first-run")

    assert got == code, out + err
    assert "C101 nearer_than_last_ood" in out
    if code:
        assert "expected >= 0.999, got 0." in out
        assert "why: amn rules C101" in out
        assert "nearer_than_last of ood is at least 0.999" in amn("rules", "C101")[1]


@pytest.mark.parametrize("ending", ["html", "md", "json", "xml"])
def test_every_report_shows_a_limit_that_is_missed(
    amn: Command, project: Path, ending: str
) -> None:
    text = CASE_TEXT + LIMIT.format(least=0.999)
    (project / "golden" / "case" / "case.toml").write_text(text, "utf-8")

    assert amn("gate", "case", "--first-run", "-o", f"out.{ending}")[0] == 1

    report = (project / f"out.{ending}").read_text("utf-8")
    assert "C101" in report
    assert "0.999" in report


def test_a_typing_error_is_exit_2_with_what_was_meant(amn: Command, project: Path) -> None:
    text = CASE_TEXT + LIMIT.format(least=0.1).replace("nearer_than_last", "nearer_than_lost")
    (project / "golden" / "case" / "case.toml").write_text(text, "utf-8")

    code, _, err = amn("gate", "case", "--first-run")

    assert code == 2
    assert "did you mean nearer_than_last?" in err


def test_a_golden_holds_it(amn: Command, project: Path) -> None:
    code, out, err = amn("golden", "new", "case", "--reason", "first", "--author", "me")

    assert code == 0, out + err
    record = read_golden(project / "golden" / "case").record
    figures = record.figures("nearer_than_last")["ood"]
    assert figures.references["constant"] > figures.references["last"] == 0
    assert "nearer_than_last.0" in (project / "golden" / "case" / "golden.csv").read_text("utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(
    ("then", "now", "what"),
    [
        (LIMIT.format(least=0.0), "", "removed a limit"),
        (LIMIT.format(least=0.0), LIMIT.format(least=-1.0), "lowered a floor"),
        (LIMIT.format(least=0.0).replace("nearer_than_last", "l2"), "", "removed a limit"),
    ],
)
def test_a_limit_that_a_change_loosens_is_exit_5(
    amn: Command, project: Path, then: str, now: str, what: str
) -> None:
    toml = project / "golden" / "case" / "case.toml"
    toml.write_text(CASE_TEXT + then, "utf-8")
    begin_change(project)
    toml.write_text(CASE_TEXT + now, "utf-8")
    commit(project)

    code, out, err = amn("gate", "case", "--first-run", "--target", "main")

    assert code == 5, out + err
    assert f"this change {what}" in out


def test_a_key_that_no_limit_has_is_named_with_its_line(amn: Command, project: Path) -> None:
    text = CASE_TEXT + LIMIT.format(least=0.0).replace("least", "leest")
    (project / "golden" / "case" / "case.toml").write_text(text, "utf-8")

    code, _, err = amn("gate", "case", "--first-run")

    assert code == 2
    assert "leest" in err
    assert "least" in err.replace("leest", "")


GUARD = """
[[criteria.guard]]
id = "G101"
metric = "nearer_than_last"
split = "ood"
"""


def test_it_is_compared_with_the_golden_where_the_case_declares_it(
    amn: Command, project: Path
) -> None:
    text = CASE_TEXT + GUARD
    (project / "golden" / "case" / "case.toml").write_text(text, "utf-8")
    assert amn("golden", "new", "case", "--reason", "first", "--author", "me")[0] == 0

    code, out, err = amn("gate", "case")

    assert code == 0, out + err
    assert "G101 nearer_than_last_ood" in out
    assert "nearer_than_last of ood is not worse than the golden's" in amn("rules", "G101")[1]
