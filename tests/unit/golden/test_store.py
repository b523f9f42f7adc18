"""golden.json and golden.npz survive a round trip, and nothing else is read as a golden."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from amn.errors import GoldenError
from amn.golden.ledger import LEDGER_FILE, read_ledger
from amn.golden.schema import Golden, GoldenRecord, GoldenSplit
from amn.golden.store import (
    COSINES_FILE,
    GOLDEN_FILE,
    cosines_digest,
    pack_splits,
    parse_golden,
    read_golden,
    write_golden,
)
from amn.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Build = Callable[..., GoldenRecord]
    Splits = dict[str, GoldenSplit]

FIELDS = ("cosines", "article_ids", "target_chunks")


@pytest.fixture
def folder(tmp_path: Path, golden: Golden) -> Path:
    """A case folder with a golden."""
    write_golden(tmp_path / "wiki-mini", golden)
    return tmp_path / "wiki-mini"


def same(one: Golden, two: Golden) -> bool:
    """Whether two goldens hold the same values, bit for bit."""
    pairs = [
        (getattr(one.splits[name], field), getattr(two.splits[name], field))
        for name in one.splits
        for field in FIELDS
    ]
    return one.record == two.record and all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs
    )


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change golden.json as an editor would."""
    values = json.loads((folder / GOLDEN_FILE).read_text("utf-8"))
    change(values)
    (folder / GOLDEN_FILE).write_text(json.dumps(values), encoding="utf-8")


def test_a_golden_is_read_back_as_it_was_written(folder: Path, golden: Golden) -> None:
    assert same(read_golden(folder), golden)


def test_the_digest_is_that_of_the_written_file(folder: Path) -> None:
    assert read_golden(folder).digest == sha256_of((folder / GOLDEN_FILE).read_bytes())


def test_writing_twice_gives_the_same_bytes(folder: Path, golden: Golden) -> None:
    before = [(folder / name).read_bytes() for name in (GOLDEN_FILE, COSINES_FILE)]
    write_golden(folder, golden)

    assert [(folder / name).read_bytes() for name in (GOLDEN_FILE, COSINES_FILE)] == before
    assert [entry.number for entry in read_ledger(folder)] == [0, 1]


def test_the_order_of_splits_and_of_memory_changes_no_byte(splits: Splits) -> None:
    turned = {
        name: replace(split, cosines=np.asfortranarray(split.cosines))
        for name, split in reversed(splits.items())
    }

    assert pack_splits(turned) == pack_splits(splits)


def test_the_cosines_can_be_loaded_by_numpy_without_pickle(folder: Path, splits: Splits) -> None:
    with np.load(folder / COSINES_FILE, allow_pickle=False) as arrays:
        assert set(arrays) == {f"{name}_{field}" for name in splits for field in FIELDS}
        assert np.array_equal(arrays["ood_cosines"], splits["ood"].cosines)


def test_a_golden_of_another_revision_is_read_from_bytes(folder: Path, golden: Golden) -> None:
    record = (folder / GOLDEN_FILE).read_bytes()
    cosines = (folder / COSINES_FILE).read_bytes()

    assert same(parse_golden(record, cosines, folder), golden)


@pytest.mark.parametrize("name", [GOLDEN_FILE, COSINES_FILE])
def test_a_missing_file_is_named_with_the_way_out(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(
        GoldenError, match=r"expected a golden, found none\. Fix: .*amn golden"
    ) as e:
        read_golden(folder)

    assert e.value.path == folder / name


def test_a_folder_that_is_not_there_has_no_golden(tmp_path: Path) -> None:
    with pytest.raises(
        GoldenError, match=r"found none\. Fix: amn golden new nowhere --reason TEXT$"
    ):
        read_golden(tmp_path / "nowhere")


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_one_flipped_bit_in_the_cosines_is_refused_with_the_file(
    folder: Path, place: float
) -> None:
    path = folder / COSINES_FILE
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)

    with pytest.raises(GoldenError, match=r"golden\.npz: expected sha256 .*damaged") as e:
        read_golden(folder)

    assert e.value.path == path


def test_a_crash_between_the_two_files_is_refused(
    folder: Path, build_record: Build, splits: Splits
) -> None:
    newer = {**splits, "ood": replace(splits["ood"], cosines=splits["ood"].cosines - 0.1)}
    (folder / COSINES_FILE).write_bytes(pack_splits(newer))

    with pytest.raises(GoldenError, match="update was cut off between its two files"):
        read_golden(folder)

    write_golden(folder, Golden(build_record(newer), newer))
    assert read_golden(folder).record.digests.cosines == cosines_digest(newer)


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
    assert names == {GOLDEN_FILE, COSINES_FILE, LEDGER_FILE}
    assert len(read_ledger(folder)) == 1


def test_the_record_takes_its_name_last(
    tmp_path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    rename = type(tmp_path).replace

    def record(source: Path, target: Path) -> Path:
        named.append(target.name)
        return rename(source, target)

    monkeypatch.setattr(type(tmp_path), "replace", record)
    write_golden(tmp_path, golden)

    assert named == [COSINES_FILE, GOLDEN_FILE, LEDGER_FILE]


@pytest.mark.parametrize("schema", [2, "1", None])
def test_a_foreign_schema_is_refused_before_anything_else(folder: Path, schema: object) -> None:
    edit(folder, lambda values: values.update(schema=schema, unknown=1))

    with pytest.raises(GoldenError, match=f"expected schema 1, got {re.escape(repr(schema))}. Fix"):
        read_golden(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "<<<<<<< HEAD"])
def test_a_file_that_is_no_record_is_refused(folder: Path, content: str) -> None:
    (folder / GOLDEN_FILE).write_text(content, encoding="utf-8")

    with pytest.raises(GoldenError, match=r"golden\.json: expected (JSON|schema 1), got .* Fix: "):
        read_golden(folder)


def test_every_wrong_field_of_the_record_is_listed(folder: Path) -> None:
    edit(folder, lambda values: values.update(reason="", mood="good"))

    with pytest.raises(
        GoldenError, match=r"got reason: .*; mood: Extra inputs .*Fix: git checkout"
    ):
        read_golden(folder)


def test_a_nan_in_the_record_is_refused(folder: Path) -> None:
    edit(folder, lambda values: values["metrics"]["ood"].update(se=float("nan")))

    with pytest.raises(GoldenError, match=r"metrics\.ood\.se: Input should be a finite number"):
        read_golden(folder)


def test_a_mean_lowered_by_hand_contradicts_the_cosines(folder: Path) -> None:
    def lower(values: dict[str, Any]) -> None:
        metrics = values["metrics"]["ood"]
        for key in ("mean", "lift"):
            metrics[key] -= 0.05
        metrics["per_seed"] = [mean - 0.05 for mean in metrics["per_seed"]]

    edit(folder, lower)

    with pytest.raises(GoldenError, match=r"ood: expected the mean that golden\.json states for"):
        read_golden(folder)


def changed(golden: Golden, build_record: Build, **arrays: Any) -> Golden:
    """The golden with other arrays in `ood`, and a record of the old figures but the new digest."""
    splits = {**golden.splits, "ood": replace(golden.splits["ood"], **arrays)}
    digests = golden.record.digests.model_copy(update={"cosines": cosines_digest(splits)})
    return Golden(build_record(golden.splits, digests=digests.model_dump()), splits)


def test_nan_cosines_are_refused_with_their_window(
    tmp_path: Path, golden: Golden, build_record: Build
) -> None:
    cosines = golden.splits["ood"].cosines.copy()
    cosines[1, 17] = np.nan
    broken = changed(golden, build_record, cosines=cosines)

    with pytest.raises(
        GoldenError, match=r"ood: expected finite cosines, got nan for window 17 of row 1; 1 in all"
    ):
        write_golden(tmp_path, broken)

    assert list(tmp_path.iterdir()) == []


def test_a_window_that_comes_twice_is_refused(
    tmp_path: Path, golden: Golden, build_record: Build
) -> None:
    chunks = golden.splits["ood"].target_chunks.copy()
    chunks[1] = chunks[0]
    broken = changed(golden, build_record, target_chunks=chunks)

    with pytest.raises(GoldenError, match="each window once, got article 100 chunk 5 twice; 1 rep"):
        write_golden(tmp_path, broken)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"cosines": np.zeros((3, 29))}, r"expected \(3, 30\) cosines .*, got \(3, 29\)"),
        ({"cosines": np.zeros((3, 30), np.float32)}, "cosines of type float64, got float32"),
        ({"article_ids": np.zeros(29, np.int64)}, r"expected 30 windows in article_ids, got"),
        ({"target_chunks": np.zeros(30, np.int64)}, "target_chunks of type int32, got int64"),
        ({"article_ids": np.arange(30, dtype=np.int64)}, "expected 6 articles, got 30"),
    ],
)
def test_arrays_that_do_not_fit_the_record_are_refused(
    tmp_path: Path, golden: Golden, build_record: Build, arrays: Any, message: str
) -> None:
    with pytest.raises(GoldenError, match=message):
        write_golden(tmp_path, changed(golden, build_record, **arrays))


def test_a_split_that_is_missing_is_refused(
    tmp_path: Path, golden: Golden, build_record: Build
) -> None:
    splits = {"in_dist": golden.splits["in_dist"]}
    digests = golden.record.digests.model_copy(update={"cosines": cosines_digest(splits)})
    record = build_record(golden.splits, digests=digests.model_dump())

    with pytest.raises(
        GoldenError, match=r"expected splits \['in_dist', 'ood'\], got \['in_dist'\]"
    ):
        write_golden(tmp_path, Golden(record, splits))


def test_a_record_of_other_cosines_is_not_written(tmp_path: Path, golden: Golden) -> None:
    other = {**golden.splits, "ood": golden.splits["in_dist"]}

    with pytest.raises(GoldenError, match=r"expected the cosines of digests\.cosines"):
        write_golden(tmp_path, Golden(golden.record, other))


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04"])
def test_cosines_that_are_no_archive_are_refused_even_with_the_right_digest(
    folder: Path, content: bytes
) -> None:
    (folder / COSINES_FILE).write_bytes(content)
    edit(folder, lambda values: values["digests"].update(cosines=sha256_of(content)))

    with pytest.raises(GoldenError, match=r"golden\.npz: expected an .npz of plain numbers, got"):
        read_golden(folder)


def test_pickled_cosines_are_refused_unread(folder: Path, splits: Splits) -> None:
    path = folder / COSINES_FILE
    with path.open("wb") as file:
        np.savez(file, ood_cosines=np.array([{"a": 1}], dtype=object))
    edit(folder, lambda values: values["digests"].update(cosines=sha256_of(path.read_bytes())))

    with pytest.raises(
        GoldenError,
        match=r"expected an \.npz of plain numbers, got: Object arrays cannot be loaded",
    ):
        read_golden(folder)
    assert splits


def test_arrays_of_other_names_are_refused(folder: Path) -> None:
    path = folder / COSINES_FILE
    with path.open("wb") as file:
        np.savez(file, scores=np.zeros(3))
    edit(folder, lambda values: values["digests"].update(cosines=sha256_of(path.read_bytes())))

    with pytest.raises(GoldenError, match="expected arrays none, got scores float64"):
        read_golden(folder)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seeds=st.integers(1, 4))
def test_any_golden_survives_a_round_trip(
    tmp_path: Path, build_record: Build, data: st.DataObject, seeds: int
) -> None:
    splits = {}
    for name in ("in_dist", "ood"):
        n = data.draw(st.integers(1, 12))
        splits[name] = GoldenSplit(
            cosines=data.draw(hnp.arrays(np.float64, (seeds, n), elements=st.floats(-1, 1))),
            article_ids=data.draw(
                hnp.arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1))
            ),
            target_chunks=np.arange(n, dtype=np.int32),
        )
    golden = Golden(build_record(splits, title=data.draw(st.text(max_size=20))), splits)

    write_golden(tmp_path, golden)

    assert same(read_golden(tmp_path), golden)
