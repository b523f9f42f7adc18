from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.bundle.archive import MANIFEST, read_archive, write_archive
from amn.errors import DataError
from amn.storage import sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    members = {"b/c.json": b"{}", "a": b"\0\1"}

    digest = write_archive(tmp_path / "x.zip", members, {"amn": "1"})

    about, found = read_archive(tmp_path / "x.zip")
    assert found == members
    assert about["amn"] == "1"
    assert digest == sha256_of((tmp_path / "x.zip").read_bytes())


def test_equal_content_gives_equal_bytes_in_any_order(tmp_path: Path) -> None:
    one = write_archive(tmp_path / "1.zip", {"a": b"1", "b": b"2"}, {})
    two = write_archive(tmp_path / "2.zip", {"b": b"2", "a": b"1"}, {})

    assert one == two


@given(position=st.integers(0), flip=st.integers(1, 255))
def test_no_flipped_byte_changes_what_is_read(
    position: int, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flip") / "x.zip"
    members = {"a": b"some content", "b": b"more of it"}
    write_archive(path, members, {})
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= flip
    path.write_bytes(content)

    try:
        _, found = read_archive(path)
    except DataError:
        return
    assert found == members


def forge(path: Path, members: list[tuple[str, bytes]], listed: list[str] | None = None) -> None:
    """Write a zip whose digests fit, as somebody would who means harm."""
    names = [name for name, _ in members] if listed is None else listed
    contents = dict(members)
    files = {n: {"bytes": 0, "sha256": sha256_of(contents.get(n, b""))} for n in names}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps({"schema": 1, "files": files}))
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "C:/x", "a//b", "./a", "a/", "..", "a/./b"]
)
def test_a_name_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    forge(tmp_path / "x.zip", [(name, b"")])

    with pytest.raises(DataError, match="expected names inside the bundle"):
        read_archive(tmp_path / "x.zip")


def test_a_file_too_few_or_too_many_is_named(tmp_path: Path) -> None:
    forge(tmp_path / "few.zip", [("a", b"")], listed=["a", "gone"])
    forge(tmp_path / "many.zip", [("a", b""), ("more", b"")], listed=["a"])

    with pytest.raises(DataError, match="gone"):
        read_archive(tmp_path / "few.zip")
    with pytest.raises(DataError, match="more"):
        read_archive(tmp_path / "many.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    forge(tmp_path / "x.zip", [("a", b"1"), ("a", b"2")])

    with pytest.raises(DataError, match="got other: a"):
        read_archive(tmp_path / "x.zip")


def test_a_changed_member_is_named_with_both_digests(tmp_path: Path) -> None:
    forge(tmp_path / "x.zip", [("a", b"1")])
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        manifest = archive.read(MANIFEST)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(MANIFEST, manifest)
        archive.writestr("a", b"2")

    with pytest.raises(DataError, match=f"a: expected sha256 {sha256_of(b'1')[:12]}…, got"):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b'{"schema": 2}', b'{"schema": 1}', b'{"schema": 1, "files": {"a": 1}}'],
)
def test_a_manifest_that_is_none_is_refused(manifest: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(MANIFEST, manifest)

    with pytest.raises(DataError, match=r"bundle\.json: expected"):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"text", b"PK\5\6" + b"\0" * 18])
def test_a_file_that_is_no_bundle_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_archive(tmp_path / "x.zip")

    assert "\n" not in str(caught.value)
