"""`amn check split`: waivers hold there as they do in a gate."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.cli.cases import today
from amn.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

OVERLAPPING = """
schema = 1
dataset = {{ path = "{data}" }}
windows = {{ context = 3 }}
[split]
in_dist = {{ articles = "41-53" }}
ood = {{ articles = "53-64" }}
"""
WAIVER = """
[[waiver]]
check = "S001"
reason = "article 53 is moved tomorrow"
owner = "B. Owner"
created = {created}
expires = {expires}
"""


@pytest.mark.parametrize(("age", "status"), [(0, "WARN"), (31, "FAIL")])
def test_a_waiver_holds_until_it_expires(
    toy_data: Path, tmp_path: Path, age: int, status: str
) -> None:
    created = today() - dt.timedelta(days=age)
    (tmp_path / "case.toml").write_text(OVERLAPPING.format(data=toy_data.as_posix()), "utf-8")
    waiver = WAIVER.format(created=created, expires=created + dt.timedelta(days=30))
    (tmp_path / "waivers.toml").write_text(waiver, "utf-8")

    result = CliRunner().invoke(cli, ["check", "split", str(tmp_path)])

    assert f"{status} S001-disjoint" in result.stdout, result.output
