from __future__ import annotations

import json
import tempfile
import zipfile
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn import storage as archive
from amn.errors import DataError
from amn.storage import MANIFEST, sha256_of, unpack_archive, write_archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what a bundle says, and every file that it unpacks."""
    with tempfile.TemporaryDirectory() as folder:
        about = unpack_archive(path, Path(folder))
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        return about, {f.relative_to(folder).as_posix(): f.read_bytes() for f in files}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    members = {"b/c.json": b"{}", "a": b"\0\1"}

    digest = write_archive(tmp_path / "x.zip", members, {"amn": "1"})

    about, found = read_archive(tmp_path / "x.zip")
    assert found == members
    assert about["amn"] == "1"
    assert digest == sha256_of((tmp_path / "x.zip").read_bytes())


def test_a_file_is_a_member_as_its_bytes_are(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than one block
    (tmp_path / "large").write_bytes(content)
    of_bytes: Mapping[str, bytes] = {"a": b"1", "b": content}

    one = write_archive(tmp_path / "1.zip", of_bytes, {})
    two = write_archive(tmp_path / "2.zip", {"a": b"1", "b": tmp_path / "large"}, {})

    assert one == two
    assert read_archive(tmp_path / "2.zip")[1] == of_bytes


def test_a_file_that_changes_while_it_is_packed_leaves_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"1")
    monkeypatch.setattr(archive, "sha256_file", lambda _: sha256_of(b"0"))

    with pytest.raises(DataError, match="expected a file that rests, got one that changes"):
        write_archive(tmp_path / "x.zip", {"a": tmp_path / "file"}, {})

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


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
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(MANIFEST, json.dumps({"schema": 1, "files": files}))
        for name, content in members:
            file.writestr(name, content)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "C:/x", "a//b", "./a", "a/", "..", "a/./b"]
)
def test_a_name_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    forge(tmp_path / "x.zip", [(name, b"")])

    with pytest.raises(DataError, match="expected names inside the bundle"):
        read_archive(tmp_path / "x.zip")


def test_a_packed_member_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    content = b"\0" * 10_000_000
    files = {"a": {"bytes": len(content), "sha256": sha256_of(content)}}
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(MANIFEST, json.dumps({"schema": 1, "files": files}), zipfile.ZIP_STORED)
        file.writestr("a", content)

    with pytest.raises(DataError, match="a: expected a member as it is, got a packed one"):
        unpack_archive(tmp_path / "x.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Each of many names leads to the same bytes: a small file that would fill a disk."""
    content, names = b"\0" * 100_000, [f"{n:03}" for n in range(50)]
    forge(tmp_path / "x.zip", [(names[0], content)], listed=names)
    with zipfile.ZipFile(tmp_path / "x.zip", "a") as file:
        first = file.infolist()[1]
        for name in names[1:]:
            info = copy(first)
            info.filename = info.orig_filename = name
            file.filelist.append(info)
            file.NameToInfo[name] = info
        file.writestr("last", b"")

    with pytest.raises(DataError, match=r"expected at most \d{3},\d{3} bytes in it, got 5,00\d,"):
        unpack_archive(tmp_path / "x.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_a_file_and_a_folder_is_refused(tmp_path: Path) -> None:
    forge(tmp_path / "x.zip", [("a", b"1"), ("a/b", b"2")])

    with pytest.raises(DataError, match=r"expected a bundle of amn gate --bundle, got: .*a"):
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
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        manifest = file.read(MANIFEST)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(MANIFEST, manifest)
        file.writestr("a", b"2")

    with pytest.raises(DataError, match=f"a: expected sha256 {sha256_of(b'1')[:12]}…, got"):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b'{"schema": 2}', b'{"schema": 1}', b'{"schema": 1, "files": {"a": 1}}'],
)
def test_a_manifest_that_is_none_is_refused(manifest: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(MANIFEST, manifest)

    with pytest.raises(DataError, match=r"bundle\.json: expected"):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"text", b"PK\5\6" + b"\0" * 18])
def test_a_file_that_is_no_bundle_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_archive(tmp_path / "x.zip")

    assert "\n" not in str(caught.value)
