"""A golden of schema 1 is read as what it was, and damage to it is one line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import GoldenError
from amn.evaluation.statistics import tabulate
from amn.golden.former import is_former, parse_any_golden, parse_former
from amn.golden.store import write_golden
from amn.golden.table import rounded
from amn.storage import sha256_of
from tests.former import former_files

if TYPE_CHECKING:
    from amn.golden.schema import Golden

FOLDER = Path("golden/wiki-mini")


def make_windows(articles: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "cosines": rng.uniform(0.4, 0.8, (3, articles * 5)),
        "article_ids": np.repeat(np.arange(articles) * 7 + 100, 5),
        "target_chunks": np.tile(np.arange(5, 10), articles),
    }


@pytest.fixture
def windows() -> dict[str, dict[str, Any]]:
    return {"in_dist": make_windows(4, 0), "ood": make_windows(6, 1)}


@pytest.fixture
def files(golden: Golden, windows: Any) -> tuple[bytes, bytes]:
    return former_files(golden.record, windows)


def test_its_sums_and_windows_are_those_of_its_cosines(files: Any, windows: Any) -> None:
    golden = parse_former(*files, FOLDER)

    for split, found in windows.items():
        table = golden.tables[split]
        sums = tabulate({split: found["cosines"]}, found["article_ids"]).by_label().sides[0]
        assert np.array_equal(golden.sums(split), rounded(sums))
        assert set(table.windows) == {"5-9"}
        assert golden.record.metrics[split].mean == pytest.approx(found["cosines"].mean())


def test_what_it_did_not_hold_is_not_made_up(files: Any, golden: Golden) -> None:
    former = parse_former(*files, FOLDER)
    record = former.record

    assert list(former.tables) == ["in_dist", "ood"]
    assert former.tables["ood"].vectors == ("",) * 6
    assert set(record.checks) == set(golden.record.checks)
    assert {ended.status for ended in record.checks.values()} == {None}
    assert record.numerics.class_ == "float32, unknown, unknown"
    assert record.accepted.previous == sha256_of(files[0])
    assert record.digests.windows == golden.record.digests.windows


def test_files_of_either_schema_are_told_apart(files: Any, golden: Golden, tmp_path: Path) -> None:
    write_golden(tmp_path, golden)
    record, table = ((tmp_path / name).read_bytes() for name in ("golden.json", "golden.csv"))

    assert is_former(files[0])
    assert not is_former(record)
    assert parse_any_golden(record, table, b"", FOLDER).record == golden.record
    assert parse_any_golden(files[0], b"", files[1], FOLDER).record.case == "wiki-mini"


def resealed(files: Any, content: bytes) -> tuple[bytes, bytes]:
    values = json.loads(files[0])
    values["digests"]["cosines"] = sha256_of(content)
    return json.dumps(values).encode(), content


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04"])
def test_cosines_that_are_no_archive_are_refused_behind_the_right_digest(
    files: Any, content: bytes
) -> None:
    with pytest.raises(GoldenError, match=r"golden\.npz: expected an \.npz of plain numbers, got"):
        parse_former(*resealed(files, content), FOLDER)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cosines", lambda a: a[:, :-1], r"ood_cosines: expected float64 \(3, 30\), got .*29"),
        ("cosines", lambda a: a.astype(np.float32), "ood_cosines: .*, got float32"),
        ("cosines", lambda a: np.where(a > 0.7, np.nan, a), "ood: expected finite cosines"),
        ("cosines", lambda a: a - 0.01, "ood: expected the means that golden.json states"),
        ("article_ids", lambda a: a[:-1], r"ood_article_ids: expected int64 \(30,\)"),
        ("article_ids", lambda a: np.arange(len(a)), "ood: expected 6 articles, got 30"),
        ("article_ids", lambda a: a.astype("<U8"), "ood_article_ids: .*, got <U8"),
        ("target_chunks", np.zeros_like, "24 windows twice"),
        ("target_chunks", lambda a: a.astype(np.int64), "ood_target_chunks: .*, got int64"),
    ],
)
def test_arrays_that_do_not_fit_the_record_are_refused(
    files: Any, name: str, change: Any, message: str
) -> None:
    with np.load(io.BytesIO(files[1])) as archive:
        arrays = {key: archive[key] for key in archive.files}
    arrays[f"ood_{name}"] = change(arrays[f"ood_{name}"])
    out = io.BytesIO()
    np.savez(out, **arrays)

    with pytest.raises(GoldenError, match=message):
        parse_former(*resealed(files, out.getvalue()), FOLDER)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.update(seeds=[0, 1]),
        lambda values: values.update(config={}),
        lambda values: values.update(checks=[]),
        lambda values: values["metrics"].pop("ood"),
        lambda values: values.update(metrics={}),
        lambda values: values.update(artefacts=[]),
        lambda values: values.update(numerics={"values": {}, "machine": {}}),
    ],
)
def test_a_wrong_record_is_one_line(files: Any, spoil: Any) -> None:
    values = json.loads(files[0])
    spoil(values)

    with pytest.raises(GoldenError, match=r"golden\.(json|npz): .* Fix: git checkout") as e:
        parse_former(json.dumps(values).encode(), files[1], FOLDER)

    assert "\n" not in str(e.value)


def test_other_cosines_are_refused_by_digest(files: Any) -> None:
    with pytest.raises(GoldenError, match=r"golden\.npz: expected sha256"):
        parse_former(files[0], files[1] + b" ", FOLDER)
