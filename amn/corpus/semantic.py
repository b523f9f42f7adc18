"""Semantic chunks: cut where neighbouring sentences are least alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.sentences import sentence_ends
from amn.corpus.spans import packed_spans, paragraph_spans, stripped
from amn.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from amn.corpus.spans import Span

    Encode = Callable[[Sequence[str]], NDArray[np.floating]]  # n texts -> (n, D), unit rows


def semantic_spans(text: str, size: int, percentile: float, encode: Encode) -> Iterator[Span]:
    """Yield pieces of paragraphs, cut between sentences whose cosine is low for this article.

    A breakpoint is a pair of neighbouring sentences of one paragraph whose cosine distance lies
    above the given percentile of the article's pairs (the "percentile" rule of Kamradt, 5 Levels
    of Text Splitting, 2024). Between breakpoints, sentences are packed up to `size` characters.

    Args:
        text: The article's text.
        size: No piece is longer, in characters.
        percentile: Of the distances, 0 to 100.
        encode: n sentences to (n, D) unit rows.

    Raises:
        ArgumentError: If `encode` returns another number of rows, or one that is not finite.
    """
    paragraphs = list(paragraph_spans(text))
    sentences = [_sentences(text, paragraph) for paragraph in paragraphs]
    flat = [span for spans in sentences for span in spans]
    if not flat:
        return
    vectors = np.asarray(encode([text[a:b] for a, b in flat]), dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(flat):  # noqa: PLR2004 - rows and columns
        raise ArgumentError(f"encode: expected ({len(flat)}, D) vectors, got {vectors.shape}")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ArgumentError(f"encode: expected finite vectors, got NaN or infinity in row {row}")
    distances = 1.0 - np.vecdot(vectors[:-1], vectors[1:])  # (sentences - 1,)
    lasts = np.cumsum([len(spans) for spans in sentences]) - 1
    within = np.ones(len(distances), dtype=bool)
    within[lasts[:-1]] = False  # a pair across a paragraph is cut anyway
    limit = np.percentile(distances[within], percentile) if within.any() else np.inf
    is_break = within & (distances > limit)
    starts = np.concatenate([[0], lasts[:-1] + 1])
    for first, last in zip(starts.tolist(), lasts.tolist(), strict=True):
        breaks = (first + np.flatnonzero(is_break[first:last])).tolist()
        begin = first
        for stop in [*breaks, last]:
            yield from packed_spans(text, (flat[begin][0], flat[stop][1]), size)
            begin = stop + 1


def _sentences(text: str, paragraph: Span) -> list[Span]:
    """Return the sentences of a paragraph, without the space between them."""
    spans: list[Span] = []
    begin = paragraph[0]
    for end in sentence_ends(text, *paragraph):
        spans.extend(stripped(text, begin, end))
        begin = end
    return spans
