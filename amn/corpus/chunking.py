"""Chunks: pieces of an article's text, each with its place in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from amn.corpus.semantic import semantic_spans
from amn.corpus.spans import fixed_spans, packed_spans, paragraph_spans
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.corpus.articles import Article
    from amn.corpus.semantic import Encode
    from amn.corpus.spans import Span

Style = Literal["sentences", "paragraphs", "fixed", "semantic"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an article: `text == article.text[start:end]`.

    Attributes:
        chunk_index: 0, 1, 2 ... without a hole within an article.
        start: First character, in `Article.text`.
        end: The character behind the last one.
    """

    article_id: int
    chunk_index: int
    start: int
    end: int
    text: str


class Chunked(NamedTuple):
    """The chunks of one article, and how many pieces were too short to be one."""

    chunks: list[Chunk]
    too_short: int


Chunker = Callable[["Article"], Chunked]


@dataclass(frozen=True, slots=True)
class ChunkingConfig:
    """How articles are cut; lengths in characters.

    Attributes:
        style: `sentences` packs whole sentences of one paragraph up to `max_chars`; `paragraphs`
            keeps paragraphs whole and cuts those above `max_chars` into even parts at sentences;
            `fixed` cuts at the last space before `max_chars`, whatever stands there; `semantic`
            packs like `sentences` and also cuts where the meaning turns (`amn.corpus.semantic`).
        max_chars: No chunk is longer; a sentence that is gets cut at a space.
        min_chars: Shorter pieces, such as headings, give no chunk; they are counted.
        overlap: `fixed`: characters that a chunk shares with the one before, at most.
        breakpoint_percentile: `semantic`: cut where two sentences differ more than this share, in
            percent, of the article's neighbours.
    """

    style: Style = "sentences"
    max_chars: int = 500
    min_chars: int = 60
    overlap: int = 0
    breakpoint_percentile: float = 90.0

    def __post_init__(self) -> None:
        if self.style not in get_args(Style):
            known = ", ".join(get_args(Style))
            raise ArgumentError(f"chunks: expected one of {known}, got {self.style!r}")
        if self.max_chars < 1:
            raise ArgumentError(f"max_chars: expected at least 1, got {self.max_chars}")
        if not 1 <= self.min_chars <= self.max_chars:
            raise ArgumentError(
                f"min_chars: expected 1 to max_chars ({self.max_chars}), got {self.min_chars}"
            )
        if self.overlap and self.style != "fixed":
            raise ArgumentError(f"overlap: expected 0 for {self.style}, got {self.overlap}")
        if not 0 <= self.overlap <= self.max_chars // 2:
            raise ArgumentError(
                f"overlap: expected 0 to half of max_chars ({self.max_chars // 2}),"
                f" got {self.overlap}"
            )
        if not 0 < self.breakpoint_percentile < 100:  # noqa: PLR2004 - percent
            raise ArgumentError(
                f"breakpoint_percentile: expected 0 to 100, got {self.breakpoint_percentile}"
            )


def make_chunker(config: ChunkingConfig, *, encode: Encode | None = None) -> Chunker:
    """Return the function that cuts an article.

    Args:
        config: Style and lengths.
        encode: Sentences to unit vectors; `semantic` needs it, and calls it once an article.

    Raises:
        ArgumentError: If `semantic` gets no `encode`.
    """
    if config.style == "semantic" and encode is None:
        raise ArgumentError("semantic chunks: expected an encoder, got none")

    def chunk(article: Article) -> Chunked:
        chunks: list[Chunk] = []
        too_short = 0
        for begin, end in _spans(article.text, config, encode):
            if end - begin < config.min_chars:
                too_short += 1
                continue
            piece = article.text[begin:end]
            chunks.append(Chunk(article.article_id, len(chunks), begin, end, piece))
        return Chunked(chunks, too_short)

    return chunk


def _spans(text: str, config: ChunkingConfig, encode: Encode | None) -> Iterator[Span]:
    """Yield the pieces of a text, in order."""
    if config.style == "fixed":
        yield from fixed_spans(text, config.max_chars, config.overlap)
    elif config.style == "semantic" and encode is not None:
        yield from semantic_spans(text, config.max_chars, config.breakpoint_percentile, encode)
    else:
        even = config.style == "paragraphs"
        for paragraph in paragraph_spans(text):
            yield from packed_spans(text, paragraph, config.max_chars, even=even)
