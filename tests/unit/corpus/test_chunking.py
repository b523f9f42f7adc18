from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.corpus.articles import Article, Kind
from amn.corpus.chunking import Chunk, ChunkingConfig, make_chunker
from amn.corpus.sentences import sentence_ends
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PIECES = [
    "Salt",
    "Dr. ",
    "a.",
    "U.S. ",
    "x" * 40,
    " ",
    "\n",
    "\n\n",
    ". ",
    '." ',
    "! ",
    "。",
    "Éa",
    "5",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=60).map("".join)
STYLES = ["sentences", "paragraphs", "fixed", "semantic"]


def article(text: str) -> Article:
    return Article(7, "T", text, Kind.ARTICLE)


def by_hash(texts: Sequence[str]) -> NDArray[np.float32]:
    """Encode texts as unit vectors that depend on the text only."""
    rows = np.array([[sum(map(ord, text)) % 7 - 3, len(text) % 5 - 2, 1.0] for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cut(text: str, **config: object) -> list[Chunk]:
    options: dict[str, object] = {"min_chars": 1} | config
    return make_chunker(ChunkingConfig(**options), encode=by_hash)(article(text)).chunks  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
@given(text=TEXTS, size=st.integers(1, 80))
def test_chunks_cover_the_text_in_order_and_know_their_place(
    style: str, text: str, size: int
) -> None:
    chunks = cut(text, style=style, max_chars=size)

    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(0 < len(chunk.text) <= size for chunk in chunks)
    assert all(first.end <= second.start for first, second in pairwise(chunks))
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(text.split())
    assert chunks == cut(text, style=style, max_chars=size)


@pytest.mark.parametrize("style", ["sentences", "paragraphs", "semantic"])
@given(text=TEXTS, size=st.integers(1, 80))
def test_no_chunk_crosses_a_blank_line(style: str, text: str, size: int) -> None:
    for chunk in cut(text, style=style, max_chars=size):
        lines = chunk.text.split("\n")
        assert all(line.strip() for line in lines)


@given(text=TEXTS, size=st.integers(2, 80), part=st.floats(0, 0.5))
def test_overlap_repeats_at_most_what_it_says(text: str, size: int, part: float) -> None:
    overlap = int(size * part)
    chunks = cut(text, style="fixed", max_chars=size, overlap=overlap)

    assert all(a.end - b.start <= overlap for a, b in pairwise(chunks))
    assert all(a.start < b.start and a.end < b.end for a, b in pairwise(chunks))
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)


@given(text=TEXTS)
def test_sentence_ends_ascend_to_the_end(text: str) -> None:
    ends = sentence_ends(f"{text}.", 0, len(text) + 1)

    assert ends == sorted(set(ends))
    assert ends[-1] == len(text) + 1


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith met J. R. R. Tolkien.", " He left at 5 p.m. on Monday."],
        ["The U.S. Army came to St. Louis.", " It was No. 5."],
        ["He asked (twice!) why.", ' "Really?"', " She nodded."],
        ["It grew by 3.5 million, e.g. here.", " Then it stopped."],
        ["今日は晴れ。", "明日は雨。", "「そう。」", "次。"],
        ["Он пришёл.", " Она ушла."],
        ["one line\nand the next.", "\nA new one."],
    ],
)
def test_sentences_are_told_from_abbreviations(sentences: list[str]) -> None:
    text = "".join(sentences)
    ends = sentence_ends(text, 0, len(text))

    assert [text[a:b] for a, b in pairwise([0, *ends])] == sentences


def test_whole_sentences_are_packed_up_to_the_limit() -> None:
    text = "One two. Three four. Five six.\n\nSeven. " + "Long " * 5 + "end."

    assert [chunk.text for chunk in cut(text, max_chars=20)] == [
        "One two. Three four.",
        "Five six.",
        "Seven.",
        "Long Long Long Long",
        "Long end.",
    ]


def test_paragraphs_are_kept_whole_or_cut_evenly() -> None:
    text = "Short one.\n\n" + " ".join(f"Word {i}." for i in range(6))  # 47 characters

    assert [len(chunk.text) for chunk in cut(text, style="paragraphs", max_chars=40)] == [
        10,
        23,
        23,
    ]
    assert [len(chunk.text) for chunk in cut(text, max_chars=40)] == [10, 39, 7]


def test_a_list_without_full_stops_is_cut_between_its_items() -> None:
    text = "\n".join(f"item number {i}" for i in range(6))

    assert [chunk.text for chunk in cut(text, max_chars=32)] == [
        f"item number {i}\nitem number {i + 1}" for i in (0, 2, 4)
    ]


def test_short_pieces_give_no_chunk_and_are_counted() -> None:
    chunker = make_chunker(ChunkingConfig(max_chars=40, min_chars=10))
    chunks, too_short = chunker(article("Heading\n\nA long enough paragraph.\n\nEnd."))

    assert [(chunk.chunk_index, chunk.text) for chunk in chunks] == [
        (0, "A long enough paragraph.")
    ]
    assert too_short == 2


def test_semantic_chunks_break_where_neighbours_differ_most() -> None:
    text = "Salt one. Salt two. Salt three. Boat one. Boat two."

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[1.0, 0.0] if "Salt" in t else [0.0, 1.0] for t in texts], np.float32)

    config = ChunkingConfig(style="semantic", min_chars=1)
    chunks, _ = make_chunker(config, encode=encode)(article(text))

    assert [chunk.text for chunk in chunks] == [
        "Salt one. Salt two. Salt three.",
        "Boat one. Boat two.",
    ]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((1, 2)), r"expected \(2, D\) vectors, got \(1, 2\)"),
        (np.array([[1.0, 0.0], [np.nan, 0.0]]), "NaN or infinity in row 1"),
    ],
)
def test_semantic_chunks_refuse_what_is_no_encoding(
    vectors: NDArray[np.float64], message: str
) -> None:
    chunker = make_chunker(ChunkingConfig(style="semantic"), encode=lambda _: vectors)  # type: ignore[arg-type,return-value]

    with pytest.raises(ArgumentError, match=message):
        chunker(article("One is here. Two is there."))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"style": "words"}, "expected one of sentences, .* got 'words'"),
        ({"max_chars": 0}, "max_chars: expected at least 1, got 0"),
        ({"min_chars": 501}, r"min_chars: expected 1 to max_chars \(500\), got 501"),
        ({"overlap": 10}, "overlap: expected 0 for sentences, got 10"),
        ({"style": "fixed", "overlap": 251}, r"half of max_chars \(250\), got 251"),
        ({"breakpoint_percentile": 100.0}, "expected 0 to 100, got 100"),
    ],
)
def test_a_bad_config_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ChunkingConfig(**config)  # type: ignore[arg-type]


def test_semantic_chunks_need_an_encoder() -> None:
    with pytest.raises(ArgumentError, match="expected an encoder, got none"):
        make_chunker(ChunkingConfig(style="semantic"))
