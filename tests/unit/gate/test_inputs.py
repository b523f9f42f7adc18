"""What a recorded verdict depends on: packages are known by their versions, however installed."""

from __future__ import annotations

from importlib.metadata import PathDistribution, distributions
from typing import TYPE_CHECKING

import pytest

from amn.gate.inputs import _name_and_version

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "Metadata-Version: 2.1\nName: Mine\nVersion: 1.2\n"
OTHER_ENDS = f"{HEAD}\nVersion: 9\n".replace("\n", "\r\n")
KINDS = {
    "a wheel": ("mine.dist-info/METADATA", HEAD),
    "a description": ("mine.dist-info/METADATA", f"{HEAD}\nName: other\nVersion: 9\n"),
    "a description in its head": (
        "mine.dist-info/METADATA",
        "Description: one\n        Version: 9\n" + HEAD,
    ),
    "other ends of lines": (
        "mine.dist-info/METADATA",
        f"{HEAD}\nVersion: 9\n".replace("\n", "\r\n"),
    ),
    "names in small letters": ("mine.dist-info/METADATA", "name: Mine\nversion: 1.2\n"),
    "a folder of an egg": ("mine.egg-info/PKG-INFO", HEAD),
    "a lone file of an egg": ("mine-1.2.egg-info", HEAD),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_named_with_its_version_however_it_was_installed(
    kind: str, tmp_path: Path
) -> None:
    name, text = KINDS[kind]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())
    package = PathDistribution(file if name.endswith("egg-info") else file.parent)

    assert _name_and_version(package) == "Mine==1.2"


def test_the_packages_of_this_machine_are_what_their_whole_metadata_says() -> None:
    for package in distributions():
        whole = package.metadata
        assert _name_and_version(package) == f"{whole['Name']}=={whole['Version']}"
