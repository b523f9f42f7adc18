"""golden.json and golden.csv survive a round trip, and nothing else is read as a golden."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import GoldenError
from amn.golden.ledger import LEDGER_FILE, read_ledger
from amn.golden.schema import Golden, GoldenRecord
from amn.golden.store import (
    GOLDEN_FILE,
    TABLE_FILE,
    parse_golden,
    read_golden,
    table_digest,
    write_golden,
)
from amn.golden.table import to_csv
from amn.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.golden.table import Table

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, Table]


@pytest.fixture
def folder(tmp_path: Path, golden: Golden) -> Path:
    """A case folder with a golden."""
    write_golden(tmp_path / "wiki-mini", golden)
    return tmp_path / "wiki-mini"


def same(one: Golden, two: Golden) -> bool:
    """Whether two goldens hold the same values."""
    return one.record == two.record and to_csv(one.tables) == to_csv(two.tables)


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change golden.json as an editor would."""
    values = json.loads((folder / GOLDEN_FILE).read_text("utf-8"))
    change(values)
    (folder / GOLDEN_FILE).write_text(json.dumps(values), encoding="utf-8")


def reseal(folder: Path, table: bytes) -> None:
    """Write another golden.csv, with the digest that goes with it."""
    (folder / TABLE_FILE).write_bytes(table)
    edit(folder, lambda values: values["digests"].update(table=sha256_of(table)))


def test_a_golden_is_read_back_as_it_was_written(folder: Path, golden: Golden) -> None:
    assert same(read_golden(folder), golden)


def test_the_digest_is_that_of_the_written_file(folder: Path) -> None:
    assert read_golden(folder).digest == sha256_of((folder / GOLDEN_FILE).read_bytes())


def test_writing_twice_gives_the_same_bytes(folder: Path, golden: Golden) -> None:
    before = [(folder / name).read_bytes() for name in (GOLDEN_FILE, TABLE_FILE)]
    write_golden(folder, golden)

    assert [(folder / name).read_bytes() for name in (GOLDEN_FILE, TABLE_FILE)] == before
    assert [entry.number for entry in read_ledger(folder)] == [0, 1]


def test_a_golden_of_another_revision_is_read_from_bytes(folder: Path, golden: Golden) -> None:
    record = (folder / GOLDEN_FILE).read_bytes()
    table = (folder / TABLE_FILE).read_bytes()

    assert same(parse_golden(record, table, folder), golden)


@pytest.mark.parametrize(
    ("name", "fix"),
    [(GOLDEN_FILE, "git checkout -- .*golden.json"), (TABLE_FILE, "git checkout -- .*golden.csv")],
)
def test_a_missing_file_is_named_with_the_way_out(folder: Path, name: str, fix: str) -> None:
    (folder / name).unlink()

    with pytest.raises(GoldenError, match=rf"expected a golden, found none\. Fix: {fix}") as e:
        read_golden(folder)

    assert e.value.path == folder / name


def test_a_folder_that_is_not_there_has_no_golden(tmp_path: Path) -> None:
    with pytest.raises(
        GoldenError, match=r"found none\. Fix: amn golden new nowhere --reason TEXT$"
    ):
        read_golden(tmp_path / "nowhere")


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_one_flipped_bit_in_the_table_is_refused_with_the_file(folder: Path, place: float) -> None:
    path = folder / TABLE_FILE
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)

    with pytest.raises(GoldenError, match=r"golden\.csv: expected sha256 .*was changed") as e:
        read_golden(folder)

    assert e.value.path == path


def test_a_write_that_fails_leaves_the_old_golden(
    folder: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GoldenRecord, "to_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        write_golden(folder, golden)
    monkeypatch.undo()

    assert same(read_golden(folder), golden)
    names = {path.name for path in folder.iterdir()}
    assert names == {GOLDEN_FILE, TABLE_FILE, LEDGER_FILE}
    assert len(read_ledger(folder)) == 1


@pytest.mark.parametrize("schema", [3, "2", None])
def test_a_foreign_schema_is_refused_before_anything_else(folder: Path, schema: object) -> None:
    edit(folder, lambda values: values.update(schema=schema, unknown=1))

    with pytest.raises(GoldenError, match=f"expected schema 2, got {re.escape(repr(schema))}. Fix"):
        read_golden(folder)


def test_a_golden_of_schema_1_names_the_command_that_migrates_it(folder: Path) -> None:
    edit(folder, lambda values: values.update(schema=1))
    (folder / TABLE_FILE).unlink()

    with pytest.raises(GoldenError, match=r"expected schema 2, got 1, .* Fix: amn upgrade wiki-m"):
        read_golden(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "<<<<<<< HEAD"])
def test_a_file_that_is_no_record_is_refused(folder: Path, content: str) -> None:
    (folder / GOLDEN_FILE).write_text(content, encoding="utf-8")

    with pytest.raises(GoldenError, match=r"golden\.json: expected (JSON|schema 2), got .* Fix: "):
        read_golden(folder)


def test_every_wrong_field_of_the_record_is_listed(folder: Path) -> None:
    def spoil(values: dict[str, Any]) -> None:
        values["accepted"]["reason"] = ""
        values["mood"] = "good"

    edit(folder, spoil)

    with pytest.raises(
        GoldenError,
        match=r"got accepted\.reason: .*; mood: expected no such key.*Fix: git checkout",
    ):
        read_golden(folder)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.update(metrics=[]),
        lambda values: values.update(metrics={"cosine": 1}),
        lambda values: values["metrics"]["cosine"].update(ood=None),
        lambda values: values["metrics"]["cosine"]["ood"].update(se=float("nan")),
        lambda values: values["metrics"]["cosine"]["ood"].update(windows=1e400),
        lambda values: values["metrics"].update(cosine2=values["metrics"]["cosine"]),
        lambda values: values.update(checks=["D001"]),
        lambda values: values["checks"].update(data={"D001-finite": ["GOOD", 1]}),
        lambda values: values["checks"].update(data={"D001-finite": "PASS"}),
        lambda values: values["digests"].update(models="abc"),
        lambda values: values["digests"].update(table=7),
        lambda values: values.update(config=7),
        lambda values: values.update(seeds={"a": 1}),
        lambda values: values.update(seeds=[10**30, 1, 2]),
        lambda values: values.update(numerics=None),
        lambda values: values.update(recall={"sq8": []}),
    ],
)
def test_wrong_types_of_the_record_are_one_line(folder: Path, spoil: Any) -> None:
    edit(folder, spoil)

    with pytest.raises(GoldenError, match=r"golden\.(json|csv): .* Fix: git checkout") as e:
        read_golden(folder)

    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"split,", b"part,"),
        (b"in_dist", b"train"),
        (b"5-9", b"0-2147483646"),
        (b"5-9", b"5-8"),
        (b"cosine.last", b"cosine.best"),
        (b"cosine.last", b"recall.sq8"),
        (b"cosine.2", b"cosine.9"),
        (b"ood,", b"out,"),
        (b"vectors0", b"vectors"),
        (b"\n", b"\r\n"),
        (b"100,10,", b"100,ten,"),
        (b"100,10,", b"9e99,10,"),
    ],
)
def test_a_resealed_table_of_wrong_headers_and_types_is_one_line(
    folder: Path, old: bytes, new: bytes
) -> None:
    content = (folder / TABLE_FILE).read_bytes()
    reseal(folder, content.replace(old, new))

    with pytest.raises(GoldenError, match=r"golden\.csv: .* Fix: git checkout") as e:
        read_golden(folder)

    assert "\n" not in str(e.value)


def test_a_mean_lowered_by_hand_contradicts_the_table(folder: Path) -> None:
    def lower(values: dict[str, Any]) -> None:
        metrics = values["metrics"]["cosine"]["ood"]
        for key in ("mean", "lift"):
            metrics[key] -= 0.05
        metrics["per_seed"] = [mean - 0.05 for mean in metrics["per_seed"]]

    edit(folder, lower)

    with pytest.raises(GoldenError, match=r"ood: expected the mean that golden\.json states for 0"):
        read_golden(folder)


def changed(golden: Golden, build_record: Build, **fields: Any) -> Golden:
    """The golden with another table of `ood`, and a record of the old figures but its digest."""
    tables = {**golden.tables, "ood": replace(golden.tables["ood"], **fields)}
    record = build_record(golden.tables, digests={"table": table_digest(tables)})
    return Golden(record, tables)


def test_sums_that_no_cosines_have_are_refused(
    tmp_path: Path, golden: Golden, build_record: Build
) -> None:
    sums = {name: values.copy() for name, values in golden.tables["ood"].sums.items()}
    sums["cosine.1"][2] = 5.1

    with pytest.raises(
        GoldenError, match=r"ood: expected sums of cosines, got 5\.1 of 5 windows in article 114"
    ):
        write_golden(tmp_path, changed(golden, build_record, sums=sums))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"windows": ("5-9",) * 5 + ("5-8",)}, "30 windows of 6 articles .*, got 29 of 6"),
        ({"windows": ("5-9",) * 5 + ("",)}, "30 windows of 6 articles .*, got 25 of 5"),
        ({"sums": {"cosine.0": np.ones(6)}}, r"ood: expected columns \['cosine\.0', 'cosine\.1'"),
    ],
)
def test_a_table_that_does_not_fit_the_record_is_refused(
    tmp_path: Path, golden: Golden, build_record: Build, fields: Any, message: str
) -> None:
    with pytest.raises(GoldenError, match=message):
        write_golden(tmp_path, changed(golden, build_record, **fields))


def test_a_split_that_is_missing_is_refused(
    tmp_path: Path, golden: Golden, build_record: Build
) -> None:
    tables = {name: table for name, table in golden.tables.items() if name != "ood"}
    record = build_record(golden.tables, digests={"table": table_digest(tables)})

    with pytest.raises(
        GoldenError, match="expected articles of train, in_dist, ood, found none of"
    ):
        write_golden(tmp_path, Golden(record, tables))


def test_a_record_of_another_table_is_not_written(tmp_path: Path, golden: Golden) -> None:
    other = {**golden.tables, "ood": golden.tables["in_dist"]}

    with pytest.raises(GoldenError, match=r"expected the table of digests\.table"):
        write_golden(tmp_path, Golden(golden.record, other))
