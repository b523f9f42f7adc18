from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amn.checks import data_borders, data_copies, data_files, data_order, data_rows, data_space
from amn.checks.check import checks
from amn.data.manifest import Stage
from amn.data.reencoding import Encoding
from amn.errors import CheckNotRunError
from amn.gate.evidence import declare
from amn.verdict import Severity
from tests.encoders import HashEncoder, KnownEncoder

if TYPE_CHECKING:
    from pathlib import Path


def rewrite_manifest(folder: Path, **fields: Any) -> None:
    file = folder / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def rewrite_chunks(folder: Path, **columns: Any) -> None:
    """Replace columns of the chunk table, whatever the writer would say to them."""
    file = folder / "chunks-00000.parquet"
    table = pq.read_table(file)
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, file)


CHECKS = [
    data_files.check_readable,
    data_files.check_digests,
    data_rows.check_finite,
    data_rows.check_unit_norm,
    data_rows.check_unique_keys,
    data_rows.check_sorted,
    data_rows.check_not_constant,
    data_copies.check_repeated_articles,
    data_files.check_row_digests,
    data_order.check_row_order,
    data_copies.check_adjacent_duplicates,
    data_borders.check_borders,
    data_space.check_one_space,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_clean_data_pass(check: Any, corpus: Any, write: Any, data_evidence: Any) -> None:
    measured = data_evidence(write(corpus)).call(check)

    assert measured.findings == []
    assert measured.value
    assert measured.limit


@pytest.mark.parametrize(("letter", "count"), [("D", 30), ("I", 8), ("W", 4)])
def test_every_number_of_the_family_names_a_check(letter: str, count: int) -> None:
    listed = sorted(check for check in checks() if check.startswith(letter))

    assert listed == [f"{letter}{number:03}" for number in range(1, count + 1)]


# D003


def test_no_data_set_at_all_is_not_a_pass(data_evidence: Any) -> None:
    with pytest.raises(CheckNotRunError, match="expected a data set, got none"):
        data_evidence().call(data_files.check_readable)


def test_a_truncated_vector_file_is_named(corpus: Any, write: Any, data_evidence: Any) -> None:
    folder = write(corpus)
    file = folder / "vectors-00000.npy"
    file.write_bytes(file.read_bytes()[:5000])

    (finding,) = data_evidence(folder).call(data_files.check_readable).findings

    assert finding.where == str(file)
    assert "expected a whole .npy file, got 5,000 bytes" in finding.message


def test_a_missing_data_set_is_a_finding_with_its_fix(tmp_path: Path, data_evidence: Any) -> None:
    (finding,) = data_evidence(tmp_path / "nowhere").call(data_files.check_readable).findings

    assert finding.where.endswith("nowhere/dataset.json")
    assert finding.fix == "amn data import SOURCE FOLDER"


def test_a_data_set_without_files_is_not_readable(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    rewrite_manifest(folder, files=[], rows=0)

    (finding,) = data_evidence(folder).call(data_files.check_readable).findings

    assert finding.message == "expected files of vectors and of chunks, got none"


@pytest.mark.parametrize("name", ["sub/vectors-00000.npy", "../vectors-00000.npy", ".."])
def test_a_file_outside_the_folder_is_no_file_of_the_data_set(
    corpus: Any, write: Any, data_evidence: Any, name: str
) -> None:
    folder = write(corpus)
    first, *others = json.loads((folder / "dataset.json").read_text())["files"]
    rewrite_manifest(folder, files=[{**first, "path": name}, *others])

    (finding,) = data_evidence(folder).call(data_files.check_readable).findings

    message = f"files.0.path: expected the name of a file in this folder, got {name!r}"
    assert message in finding.message


def test_a_data_set_without_rows_is_not_readable(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    np.save(folder / "vectors-00000.npy", np.empty((0, 24), np.float16))
    pq.write_table(
        pq.read_table(folder / "chunks-00000.parquet").slice(0, 0), folder / "chunks-00000.parquet"
    )
    manifest = json.loads((folder / "dataset.json").read_text())
    rewrite_manifest(folder, rows=0, files=[{**f, "rows": 0} for f in manifest["files"]])

    (finding,) = data_evidence(folder).call(data_files.check_readable).findings

    assert (finding.where, finding.message) == (str(folder), "expected rows, got none")


# D012


def test_a_file_that_changed_after_it_was_written_is_named(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__((3, 5), 0.5))

    measured = data_evidence(folder).call(data_files.check_digests)

    assert measured.value == "1 of 2 files differ"
    assert [f.where for f in measured.findings] == ["data/vectors-00000.npy"]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_sha256_that_was_changed_in_the_manifest_is_named(
    corpus: Any, write: Any, data_evidence: Any, *, sealed: bool
) -> None:
    folder = write(corpus)
    path = folder / "dataset.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["sha256"] = "0" * 64
    if not sealed:
        for entry in manifest["files"]:
            del entry["seal"]
    path.write_text(json.dumps(manifest))

    (finding,) = data_evidence(folder).call(data_files.check_digests).findings

    assert finding.where == "data/vectors-00000.npy"
    assert finding.message.startswith("expected sha256 000000000000, got ")


# D001, D002, D006


def test_a_row_with_nan_is_named_with_its_column(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__((17, 3), np.nan))

    (finding,) = data_evidence(folder).call(data_rows.check_finite).findings

    assert finding.where == "data: row 17 (article 1, chunk 17)"
    assert finding.message == "expected finite numbers, got nan in column 3 (1 of 24 columns)"


def test_a_row_with_nan_is_not_also_called_unnormalised(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__((17, 3), np.nan))

    assert data_evidence(folder).call(data_rows.check_unit_norm).findings == []


def test_a_finite_row_that_overflows_its_norm_is_too_long_and_not_infinite(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus, dtype="float32")
    poke(folder, lambda v: v.__setitem__((4, 0), 1e30))
    evidence = data_evidence(folder)

    assert evidence.call(data_rows.check_finite).findings == []
    (finding,) = evidence.call(data_rows.check_unit_norm).findings
    assert finding.where == "data: row 4 (article 1, chunk 4)"


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(row=st.integers(0, 1279), scale=st.sampled_from([0.0, 0.5, 0.99, 1.01, 3.0]))
def test_scaling_a_row_trips_the_norm_check_at_that_row(
    row: int,
    scale: float,
    corpus: Any,
    write: Any,
    poke: Any,
    data_evidence: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = write(corpus, tmp_path_factory.mktemp("scaled").name, dtype="float32")
    poke(folder, lambda v: v.__setitem__(row, v[row] * np.float32(scale)))

    (finding,) = data_evidence(folder).call(data_rows.check_unit_norm).findings

    assert f"row {row} " in finding.where
    assert finding.message == f"expected norm 1 within 0.001, got {scale:.4f}"


def test_a_constant_row_is_named_with_its_number(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors[30] = 24**-0.5

    (finding,) = data_evidence(write(corpus)).call(data_rows.check_not_constant).findings

    assert finding.where == "data: row 30 (article 2, chunk 10)"
    assert "got 0.204102 in all 24 columns" in finding.message


def test_a_column_that_is_zero_in_a_third_of_the_articles_is_named(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors[corpus.ids % 3 == 0, 4] = 0

    (finding,) = data_evidence(write(corpus)).call(data_rows.check_not_constant).findings

    assert "got 33% in column 4; 1 such columns: 4" in finding.message


def test_a_column_that_the_encoder_never_uses_passes(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors[:, 4] = 0

    assert data_evidence(write(corpus)).call(data_rows.check_not_constant).findings == []


def test_many_columns_of_one_number_are_a_warning(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors[:, 12:] = 0

    (finding,) = data_evidence(write(corpus)).call(data_rows.check_not_constant).findings

    assert finding.severity is Severity.WARNING
    assert "got 12 of 24: 12, 13" in finding.message


def test_many_bad_rows_are_cut_short_and_counted(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__(slice(0, 50), v[:50] * 2))

    measured = data_evidence(folder).call(data_rows.check_unit_norm)

    assert measured.value == "50 of 1,280 rows"
    assert len(measured.findings) == 21
    assert measured.findings[-1].message == "and 30 more like these"


# D004, D005


def test_a_repeated_key_is_named_with_its_rows(corpus: Any, write: Any, data_evidence: Any) -> None:
    folder = write(corpus)
    rewrite_chunks(folder, chunk_index=[0, 1, 2, 2, *corpus.chunks[4:]])

    (finding,) = data_evidence(folder).call(data_rows.check_unique_keys).findings

    assert finding.where == "data: article 1, chunk 2"
    assert finding.message == "expected one row, got 2: rows 2, 3"


def test_an_article_that_is_appended_again_repeats_every_key(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    folder = write(corpus.add(999, copy_of=3))
    rewrite_chunks(folder, article_id=[*corpus.ids, *[3] * 20])
    evidence = data_evidence(folder)

    assert evidence.call(data_rows.check_unique_keys).value == "20 of 1,300 rows repeat a key"
    (finding,) = evidence.call(data_rows.check_sorted).findings
    assert finding.where == "data: row 1280 (article 3, chunk 0)"


def test_the_first_row_out_of_order_is_named(corpus: Any, write: Any, data_evidence: Any) -> None:
    folder = write(corpus)
    chunks = corpus.chunks.copy()
    chunks[[5, 6]] = chunks[[6, 5]]
    rewrite_chunks(folder, chunk_index=chunks)

    (finding,) = data_evidence(folder).call(data_rows.check_sorted).findings

    assert finding.where == "data: row 6 (article 1, chunk 5)"
    assert "after row 5 (article 1, chunk 6); 1 in all" in finding.message


def test_an_article_in_two_shards_is_named(corpus: Any, write: Any, data_evidence: Any) -> None:
    folder = write(corpus, shard_rows=650)
    rewrite_chunks(folder, article_id=[*corpus.ids[:640], *[34] * 20])

    findings = data_evidence(folder).call(data_rows.check_sorted).findings

    assert findings[-1].message == "expected every article in one shard, got 1 in several: 34"


# D009


def test_stages_that_add_up_pass(corpus: Any, write: Any, data_evidence: Any) -> None:
    stages = (
        Stage(name="read", rows_in=1300, rows_out=1300),
        Stage(name="filter", rows_in=1300, rows_out=1280, dropped={"short": 20}),
    )

    measured = data_evidence(write(corpus, stages=stages)).call(data_files.check_stages)

    assert (measured.value, measured.findings) == ("2 stages", [])


@pytest.mark.parametrize(
    ("stages", "where", "message"),
    [
        (
            [("filter", 1300, 1280, 15)],
            "data/dataset.json: stage filter",
            "expected 1,300 rows in - 15 dropped = 1,285 out, got 1,280",
        ),
        (
            [("read", 1310, 1310, 0), ("filter", 1300, 1280, 20)],
            "data/dataset.json: stage filter",
            "expected the 1,310 rows of read, got 1,300",
        ),
        (
            [("filter", 1300, 1290, 10)],
            "data/dataset.json",
            "expected 1,290 rows as after stage filter, got 1,280",
        ),
    ],
)
def test_rows_lost_between_stages_are_counted(
    stages: Any, where: str, message: str, corpus: Any, write: Any, data_evidence: Any
) -> None:
    made = [Stage(name=n, rows_in=i, rows_out=o, dropped={"x": d}) for n, i, o, d in stages]

    (finding,) = data_evidence(write(corpus, stages=made)).call(data_files.check_stages).findings

    assert (finding.where, finding.message) == (where, message)
    assert finding.severity is None


def cut(articles: int | None) -> tuple[Stage, ...]:
    return (
        Stage(name="read", unit="articles", rows_in=70, rows_out=64, dropped={"redirect": 6}),
        Stage(name="cut", rows_in=1300, rows_out=1280, dropped={"short": 20}, articles=articles),
    )


def test_articles_that_are_cut_into_rows_are_followed(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    measured = data_evidence(write(corpus, stages=cut(64))).call(data_files.check_stages)

    assert measured.findings == []


@pytest.mark.parametrize(
    ("articles", "got"), [(63, "63"), (None, "rows whose articles nobody counted")]
)
def test_articles_lost_where_they_are_cut_are_counted(
    articles: int | None, got: str, corpus: Any, write: Any, data_evidence: Any
) -> None:
    evidence = data_evidence(write(corpus, stages=cut(articles)))

    (finding,) = evidence.call(data_files.check_stages).findings

    assert finding.where == "data/dataset.json: stage cut"
    assert finding.message == f"expected the 64 articles of read, got {got}"


def test_a_last_stage_of_articles_says_nothing_about_rows(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    evidence = data_evidence(write(corpus, stages=cut(64)[:1]))

    (finding,) = evidence.call(data_files.check_stages).findings

    assert finding.message == "expected 64 articles as after stage read, got 1,280"


def test_no_stages_at_all_is_a_warning(corpus: Any, write: Any, data_evidence: Any) -> None:
    (finding,) = data_evidence(write(corpus)).call(data_files.check_stages).findings

    assert finding.severity is Severity.WARNING


# D010


def test_an_article_under_a_second_id_is_named_with_the_first(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    evidence = data_evidence(write(corpus.add(999, copy_of=3)))

    first, share = evidence.call(data_copies.check_repeated_articles).findings

    assert first.where == "data: article 3"
    assert first.message == (
        "expected rows of its own, got 20 of 20 byte-identical to rows of article 999"
    )
    assert share.message == (
        "expected at most 1% of rows to repeat another byte for byte, got 1.54% (20) "
        "in articles 999"
    )


def test_an_article_of_half_copied_rows_is_named(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    corpus.vectors[corpus.rows(9)[:10]] = corpus.vectors[corpus.rows(4)[10:]]

    findings = data_evidence(write(corpus)).call(data_copies.check_repeated_articles).findings

    assert findings[0].where in ("data: article 4", "data: article 9")
    assert "got 10 of 20 byte-identical" in findings[0].message


def test_boilerplate_in_many_articles_passes(corpus: Any, write: Any, data_evidence: Any) -> None:
    corpus.vectors[corpus.chunks == 19] = np.where(  # the last row of 12 articles is one heading
        (corpus.ids[corpus.chunks == 19] <= 12)[:, None],
        corpus.vectors[0],
        corpus.vectors[corpus.chunks == 19],
    )

    measured = data_evidence(write(corpus)).call(data_copies.check_repeated_articles)

    assert measured.value == "0.94%"
    assert measured.findings == []


# D011


def test_two_swapped_rows_are_named_with_each_other(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__([100, 905], v[[905, 100]]))

    measured = data_evidence(folder).call(data_files.check_row_digests)

    assert measured.value == "2 of 1,280 rows changed"
    assert [f.where for f in measured.findings] == [
        "data: row 100 (article 6, chunk 0)",
        "data: row 905 (article 46, chunk 5)",
    ]
    assert measured.findings[0].message.endswith("got the vector of row 905 (article 46, chunk 5)")
    assert measured.findings[1].message.endswith("got the vector of row 100 (article 6, chunk 0)")


def test_a_row_that_holds_no_stored_vector_is_called_changed(
    corpus: Any, write: Any, poke: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    poke(folder, lambda v: v.__setitem__((7, 0), v[7, 0] + np.float16(0.25)))

    (finding,) = data_evidence(folder).call(data_files.check_row_digests).findings

    assert finding.where == "data: row 7 (article 1, chunk 7)"
    assert finding.message.endswith(": the row changed")


def test_a_data_set_without_stored_digests_cannot_be_compared(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    file = folder / "chunks-00000.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["vector_hash"]), file)

    (finding,) = data_evidence(folder).call(data_files.check_row_digests).findings

    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("kind", ["int64", "double", "string"])
def test_stored_digests_of_another_type_are_no_digests(
    corpus: Any, write: Any, data_evidence: Any, kind: str
) -> None:
    folder = write(corpus)
    file = folder / "chunks-00000.parquet"
    table = pq.read_table(file).drop_columns(["vector_hash"])
    strange = pa.array(range(table.num_rows), pa.int64()).cast(kind)
    pq.write_table(table.append_column("vector_hash", strange), file)

    (finding,) = data_evidence(folder).call(data_files.check_row_digests).findings

    assert finding.severity is None  # the severity of the check: FAIL
    assert f"vector_hash: expected uint64, got {kind}" in finding.message


def test_stored_digests_with_a_hole_are_no_digests(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    folder = write(corpus)
    rewrite_chunks(folder, vector_hash=[None, *range(1279)])

    (finding,) = data_evidence(folder).call(data_files.check_row_digests).findings

    assert "vector_hash: expected no nulls, got 1" in finding.message


# D007


def test_rows_shuffled_inside_all_articles_are_seen(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    shuffled = corpus.shuffled(list(range(1, 65)))

    measured = data_evidence(write(shuffled)).call(data_order.check_row_order)

    assert measured.number < 3.1
    assert "rows are not in the order of the text" in measured.findings[0].message


def test_too_few_neighbours_to_see_an_order_are_inconclusive(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    few = type(corpus)(corpus.vectors[:140], corpus.ids[:140], corpus.chunks[:140])
    mixed = few.shuffled(list(range(1, 8)))

    (finding,) = data_evidence(write(mixed)).call(data_order.check_row_order).findings

    assert finding.severity is Severity.INCONCLUSIVE
    assert finding.message.endswith("to see the order of the text, got 133 in 7 articles")


# D008


def test_chunks_beside_their_own_copies_are_named(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    doubled = type(corpus)(
        np.repeat(corpus.vectors, 2, axis=0),
        np.repeat(corpus.ids, 2),
        np.arange(2 * len(corpus.ids), dtype=np.int32),
    )

    (finding,) = data_evidence(write(doubled)).call(data_copies.check_adjacent_duplicates).findings

    assert "got 51.28% (1,280 pairs) in 64 articles: 1, 2, 3" in finding.message
    assert "rows 0, 2, 4" in finding.message


def test_a_rare_repeated_neighbour_passes(corpus: Any, write: Any, data_evidence: Any) -> None:
    corpus.vectors[1] = corpus.vectors[0]

    measured = data_evidence(write(corpus)).call(data_copies.check_adjacent_duplicates)

    assert (measured.value, measured.findings) == ("0.08%", [])


def test_rows_that_hold_half_of_the_next_one_are_seen(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((64, 24))[corpus.ids - 1]
    corpus.vectors[:] = topics + rng.standard_normal(topics.shape)
    has_next = np.flatnonzero(np.diff(corpus.ids) == 0)
    corpus.vectors[has_next] += corpus.vectors[has_next + 1]
    corpus.vectors /= np.linalg.norm(corpus.vectors, axis=1, keepdims=True)

    (finding,) = data_evidence(write(corpus)).call(data_copies.check_chunk_overlap).findings

    assert "each row holds a part of the next one" in finding.message
    assert "less than 1.8 times what these are above rows 5 apart" in finding.message
    assert "got 0.825, 0.646 and 0.641" in finding.message


# D013


@pytest.fixture
def encoder(corpus: Any) -> KnownEncoder:
    keys = zip(corpus.ids, corpus.chunks, strict=True)
    vectors = {f"{a}:{c}": row for (a, c), row in zip(keys, corpus.vectors, strict=True)}
    return KnownEncoder(dim=24, vectors=vectors)


def test_texts_that_give_their_vectors_pass(
    corpus: Any, write: Any, data_evidence: Any, encoder: Any
) -> None:
    evidence = data_evidence(write(corpus), encoding=Encoding(lambda _: encoder))

    measured = evidence.call(data_files.check_alignment)

    assert (measured.number, measured.findings) == (0, [])
    assert measured.value.startswith("0 of 64 rows differ, furthest 0.000")
    assert measured.detail == "where 4.6% of all rows differ, one is seen with 95 %"


def test_texts_shifted_by_one_row_are_named(
    corpus: Any, write: Any, data_evidence: Any, encoder: Any
) -> None:
    encoding = Encoding(lambda _: encoder, rows=len(corpus.ids))
    corpus.vectors = np.roll(corpus.vectors, 1, axis=0)  # the encoder keeps what the texts mean

    measured = data_evidence(write(corpus), encoding=encoding).call(data_files.check_alignment)

    (finding,) = measured.findings
    n = len(corpus.ids)
    assert measured.number == n
    assert finding.message.startswith(f"expected rows of fake, got {n} of {n} that are not, their ")
    assert "articles 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and " in finding.message


def test_an_encoder_of_another_width_is_a_finding(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    evidence = data_evidence(write(corpus), encoding=Encoding(lambda _: HashEncoder(dim=9)))

    (finding,) = evidence.call(data_files.check_alignment).findings

    assert finding.message == "expected 24 numbers, got 9 from fake"


def test_without_an_encoder_alignment_is_neither_declared_nor_run(
    corpus: Any, write: Any, data_evidence: Any
) -> None:
    evidence = data_evidence(write(corpus))

    assert checks()["D013"] not in declare(evidence)
    assert checks()["D013"] in declare(evidence.with_(encoding=Encoding()))
    with pytest.raises(CheckNotRunError, match="encoded: expected evidence of that name"):
        evidence.call(data_files.check_alignment)
