"""golden.csv holds every article in few bytes, the same everywhere; nothing else is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.golden.table import (
    Table,
    article_digests,
    count,
    merge,
    parse_csv,
    rounded,
    to_csv,
    windows_by_article,
    windows_lost,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Splits = dict[str, Table]


def chunk_ranges(chunks: list[int]) -> str:
    return windows_by_article(np.zeros(len(chunks), np.int64), np.array(chunks))[1][0]


FEW = st.integers(0, 30)  # two lists of these share some, and have holes in the same ranges
CHUNKS = st.lists(FEW, min_size=1, unique=True) | st.lists(
    st.integers(-(2**31), 2**31 - 1) | FEW, min_size=1, unique=True
)


def same(one: Table, two: Table) -> bool:
    """Tell whether two tables say the same."""
    return (
        one.articles.tolist() == two.articles.tolist()
        and (one.windows, one.vectors, one.slices) == (two.windows, two.vectors, two.slices)
        and one.rows.tolist() == two.rows.tolist()
        and list(one.sums) == list(two.sums)
        and all(np.array_equal(one.sums[n], two.sums[n], equal_nan=True) for n in one.sums)
    )


def edited(splits: Splits, change: Callable[[list[list[str]]], None]) -> bytes:
    """Return golden.csv with its cells changed."""
    cells = [line.split(",") for line in to_csv(splits).decode().splitlines()]
    change(cells)
    return "".join(",".join(line) + "\n" for line in cells).encode()


def test_a_line_holds_an_article_those_of_training_without_sums(splits: Splits) -> None:
    lines = to_csv(splits).decode().splitlines()

    assert lines[0] == (
        "split,article,rows,vectors,windows,cosine.0,cosine.1,cosine.2,cosine.last,cosine.mean"
    )
    assert lines[1:3] == ["train,3,10,train--3,5-9,,,,,", "train,5,4,train--5,,,,,,"]
    assert lines[3].startswith("in_dist,100,10,vectors0,5-9,")
    assert len(lines) == 1 + 2 + 4 + 6


def test_tables_are_read_back_as_they_were_written(splits: Splits) -> None:
    again = parse_csv(to_csv(splits), named=False)

    assert list(again) == ["train", "in_dist", "ood"]
    assert all(same(again[split], splits[split]) for split in splits)


def test_the_order_in_which_splits_are_given_changes_no_byte(splits: Splits) -> None:
    assert to_csv(dict(reversed(splits.items()))) == to_csv(splits)


def test_ids_that_are_names_are_kept_as_they_are_and_ordered_by_code_point(splits: Splits) -> None:
    names = np.array(["007", "7", 'a "quoted", one', "line\nbreak", "Ä", "é"])
    named = {**splits, "ood": replace(splits["ood"], articles=np.sort(names))}
    for split in ("train", "in_dist"):
        named[split] = replace(splits[split], articles=splits[split].articles.astype(np.str_))
    again = parse_csv(to_csv(named), named=True)

    assert again["ood"].articles.tolist() == sorted(names.tolist())
    assert all(same(again[split], named[split]) for split in named)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    articles=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8, unique=True),
    data=st.data(),
)
def test_any_articles_survive_a_round_trip(articles: list[int], data: st.DataObject) -> None:
    n = len(articles)
    numbers = st.floats(-1e6, 1e6) | st.floats(-1, 1)
    table = Table(
        np.sort(np.array(articles, np.int64)),
        tuple(chunk_ranges(data.draw(CHUNKS)) for _ in range(n)),
        np.array(data.draw(st.lists(st.integers(-1, 2**31 - 1), min_size=n, max_size=n))),
        tuple(data.draw(st.sampled_from(["", "abcDEF_-"])) for _ in range(n)),
        sums={
            "cosine.0": rounded(
                np.array(data.draw(st.lists(numbers, min_size=n, max_size=n)), np.float64) + 0.0
            )
        },
    )

    again = parse_csv(to_csv({"ood": table}), named=False)["ood"]

    assert same(again, table)


@given(chunks=CHUNKS, others=CHUNKS)
def test_ranges_say_which_windows_and_how_many_and_which_are_lost(
    chunks: list[int], others: list[int]
) -> None:
    windows, there = chunk_ranges(chunks), chunk_ranges(others)

    assert count(windows) == len(chunks)
    lost, named = windows_lost({7: windows}, {7: there})
    gone = sorted(set(chunks) - set(others))
    assert lost == len(gone)
    first = [f"article 7 chunk {chunk}" for chunk in gone[:3]]
    assert named == (", ".join(first) + (", ..." if len(gone) > 3 else "") if gone else "none")


@given(chunks=CHUNKS, others=CHUNKS)
def test_a_table_tells_which_windows_it_has(chunks: list[int], others: list[int]) -> None:
    table = Table(np.array([7, 9]), (chunk_ranges(chunks), "1-3"), np.array([1, 1]), ("", ""))
    asked = np.array(others, np.int32)

    assert table.has(np.full(len(asked), 7), asked).tolist() == [c in set(chunks) for c in others]
    assert not table.has(np.full(len(asked), 8), asked).any()


def test_windows_are_grouped_whatever_their_order() -> None:
    articles = np.array([4, 2, 4, 4, 2])
    chunks = np.array([7, 9, 5, 6, 3], np.int32)
    labels, windows = windows_by_article(articles, chunks)

    assert labels.tolist() == [2, 4]
    assert windows == ("3 9", "5-7")
    with pytest.raises(ValueError, match=r"1 window twice \(article 4 chunk 7\)"):
        windows_by_article(np.array([4, 4]), np.array([7, 7], np.int32))


def test_lines_of_slices_come_to_the_line_of_their_article(splits: Splits) -> None:
    whole = splits["ood"]
    order = np.repeat(np.arange(6), 2)
    halves = replace(
        whole.take(order),
        windows=("5-7", "8-9") * 6,
        slices={"language": ("de", "en") * 6},
        sums={name: np.tile([0.25, 0.75], 6) * v[order] for name, v in whole.sums.items()},
    )
    others = {s: replace(splits[s], slices={"language": ("de",) * len(splits[s].articles)})
              for s in ("train", "in_dist")}  # fmt: skip
    again = parse_csv(to_csv({**others, "ood": halves}), named=False)["ood"]
    judged = again.judged()

    assert again.slices["language"] == ("de", "en") * 6
    assert judged.windows == whole.windows
    for name, sums in whole.sums.items():
        assert judged.sums[name] == pytest.approx(sums, abs=1e-8)


def test_two_lines_of_an_article_share_no_window() -> None:
    assert merge(["5-7", "9", "8"]) == "5-9"
    with pytest.raises(ValueError, match="each window in one line, got chunk 7 in two"):
        merge(["5-7", "7-9"])


def test_an_article_whose_rows_changed_or_moved_has_another_digest() -> None:
    hashes = np.arange(12, dtype=np.uint64)
    starts = np.array([0, 4, 8])
    before = article_digests(hashes, starts)
    one = hashes.copy()
    one[5] += np.uint64(1)
    moved = hashes[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]]

    for changed in (one, moved):
        after = article_digests(changed, starts)
        assert [a != b for a, b in zip(before, after, strict=True)] == [False, True, False]
    assert all(len(digest) == 8 for digest in before)


def set_cell(line: int, cell: int, text: str) -> Callable[[list[list[str]]], None]:
    def change(cells: list[list[str]]) -> None:
        cells[line][cell] = text

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_cell(0, 0, "Split"), "expected columns split, article"),
        (set_cell(0, 5, "cosine"), "expected columns"),
        (set_cell(0, 6, "cosine.0"), "expected columns"),
        (set_cell(3, 0, "outer"), "as amn writes them"),
        (set_cell(3, 1, "1e2"), "line 4: invalid literal"),
        (set_cell(3, 1, str(2**63)), "line 4: expected a number of 64 bits"),
        (set_cell(3, 1, "٣"), "line 5: expected articles in order|as amn writes them"),
        (set_cell(3, 2, "ten"), "line 4: invalid literal"),
        (set_cell(3, 2, str(2**31)), "line 4: expected a number of 32 bits"),
        (set_cell(3, 3, "short"), "line 4: expected a digest of vectors"),
        (set_cell(3, 4, "9-5"), "line 4: expected ascending ranges"),
        (set_cell(3, 4, "5-7 8-9"), "line 4: expected ascending ranges"),
        (set_cell(3, 4, "5-99999999999"), "line 4: expected ascending ranges"),
        (set_cell(3, 4, ""), "line 4: cosine.0: expected a finite sum of 0 windows"),
        (set_cell(3, 5, "nan"), "line 4: cosine.0: expected a finite sum of 5 windows, got 'nan'"),
        (set_cell(3, 5, "inf"), "line 4: cosine.0: expected a finite sum"),
        (set_cell(3, 5, ""), "line 4: cosine.0: expected a finite sum of 5 windows, got ''"),
        (set_cell(3, 5, "x"), "line 4: could not convert"),
        (set_cell(3, 5, "2.50"), "as amn writes them"),
        (set_cell(3, 5, " 2.5"), "as amn writes them"),
        (set_cell(1, 5, "2.5"), "line 2: cosine.0: expected a finite sum of 0 windows"),
        (lambda cells: cells[4].pop(), "line 5: expected 10 cells, got 9"),
        (lambda cells: cells.insert(3, cells[3]), "line 5: expected articles in order, each once"),
        (lambda cells: cells.append(cells.pop(3)), "line 13: expected articles in order"),
        (lambda cells: cells.clear(), "expected a table"),
    ],
)
def test_a_table_of_wrong_cells_is_refused_with_its_line(
    splits: Splits, change: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_csv(edited(splits, change), named=False)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0", b'"', b"PK\x03\x04", b"split\n"])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_csv(content, named=False)


@settings(max_examples=300, deadline=None)
@given(
    place=st.floats(0, 1, exclude_max=True),
    text=st.binary(max_size=6),
    length=st.integers(0, 6),
)
def test_no_damage_is_read_as_another_table(place: float, text: bytes, length: int) -> None:
    table = Table(
        np.array([3, 5]), ("5-9", "5 7-9"), np.array([10, 11]), ("abcdefgh", ""),
        sums={"cosine.0": np.array([2.5, 1.25]), "cosine.mean": np.array([2.0, 1.0])},
    )  # fmt: skip
    content = to_csv({"in_dist": table, "ood": table})
    at = int(place * len(content))
    damaged = content[:at] + text + content[at + length :]

    try:
        tables = parse_csv(damaged, named=False)
    except ValueError:
        return
    assert to_csv(tables) == damaged  # read as what it says, and nothing beside it


def test_a_million_windows_take_about_a_tenth_of_the_bytes_of_their_cosines() -> None:
    rng = np.random.default_rng(0)
    n, windows, seeds = 45_455, 22, 5  # articles as long as those of wiki-mini
    names = [*map(str, range(seeds)), "last", "mean"]
    table = Table(
        np.arange(n) + 1_000_000,
        ("5-26",) * n,
        np.full(n, 27),
        tuple(2 * d for d in article_digests(rng.integers(0, 2**63, n, np.uint64), np.arange(n))),
        sums={f"cosine.{name}": rng.normal(0.6, 0.05, n) * windows for name in names},
    )
    cosines = n * windows * (8 * seeds + 8 + 4)  # and the ids of windows: int64 and int32

    assert n * windows > 1_000_000
    assert len(to_csv({"ood": table})) < 0.106 * cosines


def test_recall_by_article_has_its_place_beside_the_metrics(splits: Splits) -> None:
    with_recall = {
        split: replace(
            table,
            sums={
                **table.sums,
                "recall.queries": np.r_[np.full(len(table.articles) - 1, 4.0), np.nan],
                "recall.sq8": np.r_[np.full(len(table.articles) - 1, 3.5), np.nan],
            },
        )
        for split, table in splits.items()
    }
    again = parse_csv(to_csv(with_recall), named=False)

    for split, table in with_recall.items():
        assert set(again[split].sums) == set(table.sums)
        assert np.array_equal(
            again[split].sums["recall.sq8"], table.sums["recall.sq8"], equal_nan=True
        )
