"""Texts that are encoded again: what their rows are is named, whole and in a minority."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.data.canaries import CANARIES_FILE
from amn.data.dataset import open_dataset
from amn.data.encoder import encode_texts
from amn.data.manifest import EncoderInfo
from amn.data.reencoding import Encoding, Reencoded, reencode
from amn.data.vectors import unit_rows
from amn.data.writer import Chunks, write_dataset
from amn.errors import CheckNotRunError, DataError
from tests.encoders import WordEncoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N_ARTICLES, N_ROWS = 60, 6
ENCODER = WordEncoder()
RNG = np.random.default_rng(5)
IDS = np.repeat(np.arange(N_ARTICLES) + 100, N_ROWS)
CHUNKS = np.tile(np.arange(N_ROWS, dtype=np.int32), N_ARTICLES)
TITLES = [f"Town Number{article}" for article in IDS]
TEXTS = [
    " ".join(f"{'W' if n % 3 else 'w'}ord{n}" for n in RNG.integers(0, 300, 4 + row % 37))
    for row in range(len(IDS))
]
FEW = (103, 130, 131)  # a twentieth of the articles
IS_FEW = np.isin(IDS, FEW)

Make = "Callable[..., Path]"


def encoded(write: Callable[[int], str] = TEXTS.__getitem__, **changes: Any) -> Any:
    return encode_texts(replace(ENCODER, **changes), [write(row) for row in range(len(TEXTS))])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write vectors beside the texts; `few` of them alone, the others as they should be."""

    def make(vectors: Any, *, few: bool = False, dtype: str = "float16", **info: Any) -> Path:
        rows = np.where(IS_FEW[:, None], vectors, encoded()) if few else np.asarray(vectors)
        extra = {"text": pa.array(TEXTS), "title": pa.array(TITLES)}
        chunks = Chunks(article_ids=IDS, chunk_index=CHUNKS, extra=extra)
        said = EncoderInfo(**{"name": "words", "precision": "float32", **info})
        write_dataset(
            tmp_path / "data", rows.astype(dtype), chunks, name="x", dtype=dtype, encoder=said
        )
        return tmp_path / "data"

    return make


def found(folder: Path, encoder: Any = ENCODER, **options: Any) -> Reencoded:
    return reencode(open_dataset(folder), Encoding(lambda _: encoder, **options))


def shifted() -> Any:
    """Return rows that have the vector of the row before them in their article."""
    return np.roll(encoded().reshape(N_ARTICLES, N_ROWS, -1), 1, axis=1).reshape(len(IDS), -1)


DEFECTS: dict[str, tuple[Any, str]] = {
    "query": (lambda: encoded(lambda row: f"query: {TEXTS[row]}"), "with the prefix 'query: '"),
    "passage": (lambda: encoded(lambda k: f"passage: {TEXTS[k]}"), "with the prefix 'passage: '"),
    "title": (
        lambda: encoded(lambda row: f"{TITLES[row]}. {TEXTS[row]}"),
        # The words of the title alone: the mark is part of the last one.
        "with the title and '. ' before each chunk",
    ),
    "case": (lambda: encoded(lambda row: TEXTS[row].lower()), "in lower case"),
    "cls": (lambda: encoded(pooling="cls"), "with cls pooling"),
    "max": (lambda: encoded(pooling="max"), "with max pooling"),
    "truncation": (lambda: encoded(limit=12), "cut after 12 words"),
    "revision": (lambda: encoded(revision="old"), "by revision old"),
    "numbers": (lambda: encoded(bits=8), "in other numbers, or with as little noise"),
    "noise": (lambda: unit_rows(encoded() + 0.05 * RNG.standard_normal((len(IDS), 32))), ""),
    "stale": (lambda: encoded(lambda row: f"newword {TEXTS[row]}"), ""),
    "model": (lambda: encoded(revision="another"), ""),
    "shift": (shifted, ""),
}
HINTS = {
    "noise": "no way to run it gives them: noise, an edited text or another revision",
    "stale": "no way to run it gives them: noise, an edited text or another revision",
    "model": "no way to run it gives them: another model or text",
    "shift": "their vectors stand elsewhere: that of row",
}


def differ(defect: str) -> Any:
    """Tell which texts give another vector by a defect: a short one is not cut."""
    is_longer = np.array([len(text.split()) > 12 for text in TEXTS])
    return is_longer if defect == "truncation" else np.ones(len(TEXTS), np.bool_)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("info", [{}, {"precision": None}, {"precision": "bfloat16"}])
def test_rows_of_the_named_encoder_are_within_rounding(
    make: Any, dtype: str, info: dict[str, Any]
) -> None:
    assert found(make(encoded(), dtype=dtype, **info)).wrong == ()


@pytest.mark.parametrize("info", [{"precision": None}, {"precision": "bfloat16"}])
def test_another_arithmetic_passes_where_nobody_said_which_it_was(
    make: Any, info: dict[str, Any]
) -> None:
    assert found(make(encoded(bits=8), **info)).wrong == ()


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_whole_set_that_was_encoded_otherwise_is_named(make: Any, defect: str) -> None:
    vectors, name = DEFECTS[defect]

    result = found(make(vectors()))

    (group, *more) = result.wrong
    assert (group.name, more) == (name, [])
    assert group.hint.startswith(HINTS.get(defect, ""))
    assert result.rows[group.at].tolist() == result.rows[differ(defect)[result.rows]].tolist()
    assert len(group.at) >= 20


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_minority_that_was_encoded_otherwise_is_named_with_its_articles(
    make: Any, defect: str
) -> None:
    vectors, name = DEFECTS[defect]

    result = found(make(vectors(), few=True), rows=len(IDS))

    (group,) = result.wrong
    assert group.name == name
    assert group.hint.startswith(HINTS.get(defect, ""))
    assert result.rows[group.at].tolist() == np.flatnonzero(IS_FEW & differ(defect)).tolist()


def test_two_ways_are_told_apart(make: Any) -> None:
    vectors = encoded(pooling="cls")
    vectors[::2] = encoded(lambda row: f"query: {TEXTS[row]}")[::2]

    names = [group.name for group in found(make(vectors)).wrong]

    assert sorted(names) == ["with cls pooling", "with the prefix 'query: '"]


@pytest.mark.parametrize("stored", ["", "passage: "])
def test_the_declared_prefix_is_part_of_what_is_compared(make: Any, stored: str) -> None:
    folder = make(encoded(lambda row: f"{stored}{TEXTS[row]}"), prefix="passage: ")

    groups = found(folder).wrong

    assert [group.name for group in groups] == [] if stored else ["without a prefix"]


def test_rows_of_the_next_row_say_where_their_vector_is(make: Any) -> None:
    (group,) = found(make(shifted())).wrong

    first = group.hint.removeprefix("their vectors stand elsewhere: that of ")
    here, _, there = first.partition(" is ")
    assert int(there.split()[1]) - int(here.split()[1]) in (1, 1 - N_ROWS)


def test_an_encoder_of_another_width_is_told_before_anything_is_compared(make: Any) -> None:
    result = found(make(encoded()), WordEncoder(dim=8))

    assert (result.dim, len(result.distances), result.wrong) == (8, 0, ())


def without_texts(folder: Path) -> None:
    """Leave digests alone, as a build with --no-text does."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - used here alone

    from amn.storage import sha256_file  # noqa: PLC0415 - as above

    manifest = json.loads((folder / "dataset.json").read_bytes())
    for name in (CANARIES_FILE, "chunks-00000.parquet"):
        table = pq.read_table(folder / name)
        pq.write_table(table.drop_columns(["text"]), folder / name)
    digest = sha256_file(folder / CANARIES_FILE)
    manifest["canaries"] |= {"text": False, "sha256": digest}
    (folder / "dataset.json").write_text(json.dumps(manifest), "utf-8")


def jsonl(path: Path, texts: list[str] = TEXTS) -> Path:
    keys = zip(IDS.tolist(), CHUNKS.tolist(), texts, strict=True)
    lines = [json.dumps({"article_id": a, "chunk_index": c, "text": t}) for a, c, t in keys]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_texts_that_are_brought_are_compared_where_digests_alone_are_kept(
    make: Any, tmp_path: Path
) -> None:
    folder = make(encoded(pooling="cls"), few=True)
    without_texts(folder)

    result = found(folder, texts=jsonl(tmp_path / "texts.jsonl"), rows=len(IDS))

    assert [group.name for group in result.wrong] == ["with cls pooling"]
    with pytest.raises(DataError, match=r"expected its text, got none \(64 of 64 canaries\)"):
        found(folder)


def test_a_text_that_is_another_one_is_named(make: Any, tmp_path: Path) -> None:
    folder = make(encoded())
    without_texts(folder)
    other = jsonl(tmp_path / "texts.jsonl", [f"{text}." for text in TEXTS])

    with pytest.raises(DataError, match=r"row \d+ \(article \d+, .* got another text \(64 of 64"):
        found(folder, texts=other)


def test_a_data_set_without_any_text_cannot_be_compared(make: Any, tmp_path: Path) -> None:
    folder = make(encoded())
    without_texts(folder)
    manifest = json.loads((folder / "dataset.json").read_bytes())
    del manifest["canaries"]
    (folder / "dataset.json").write_text(json.dumps(manifest), "utf-8")

    with pytest.raises(CheckNotRunError, match="expected texts to encode again, got none"):
        found(folder)
    assert found(folder, texts=jsonl(tmp_path / "texts.jsonl")).wrong == ()


def test_an_older_data_set_with_texts_gets_its_canaries_when_it_is_asked(make: Any) -> None:
    folder = make(encoded(pooling="cls"))
    manifest = json.loads((folder / "dataset.json").read_bytes())
    before = found(folder).rows
    del manifest["canaries"]
    (folder / "dataset.json").write_text(json.dumps(manifest), "utf-8")

    result = found(folder)

    assert result.rows.tolist() == before.tolist()
    assert [group.name for group in result.wrong] == ["with cls pooling"]
