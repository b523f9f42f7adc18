"""`amn check split`: waivers hold there as they do in a gate."""

from __future__ import annotations

import datetime as dt
import shutil
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


def test_a_file_of_vectors_is_no_data_set_yet(tmp_path: Path) -> None:
    (tmp_path / "my vectors.npy").write_bytes(b"")

    for family in ("data", "index"):
        result = CliRunner().invoke(cli, ["check", family, str(tmp_path / "my vectors.npy")])
        assert "expected the folder of a data set, got a file. Fix: amn data import '" in str(
            result.exception
        )


def test_the_command_that_reproduces_a_check_can_be_typed(toy_data: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_data, tmp_path / "my data")

    result = CliRunner().invoke(cli, ["check", "data", str(tmp_path / "my data")])

    assert result.output.splitlines()[-1].endswith(f"amn check data '{tmp_path}/my data'")


def test_a_split_is_checked_by_the_name_of_its_case(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "golden/towns").mkdir(parents=True)
    text = OVERLAPPING.format(data=toy_data.as_posix()).replace("41-53", "41-52")
    (tmp_path / "golden/towns/case.toml").write_text(text, "utf-8")

    result = CliRunner().invoke(cli, ["check", "split", "towns"])

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].endswith("Reproduce: amn check split golden/towns")
