"""Small corpora, written for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from amn.corpus.chunking import ChunkingConfig
from amn.corpus.plan import BuildConfig
from amn.corpus.sources import open_source
from tests.encoders import HashEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def page(article_id: int, n_paragraphs: int = 3, title: str | None = None) -> dict[str, Any]:
    """Return an article whose paragraphs are one chunk each at `max_chars` 100."""
    texts = [f"Paragraph {n} of article {article_id} says so." for n in range(n_paragraphs)]
    title = title or f"Article {article_id}"
    return {"id": article_id, "title": title, "text": "\n\n".join(texts)}


def write_pages(path: Path, pages: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in pages), encoding="utf-8")
    return path


def shuffled_pages() -> list[dict[str, Any]]:
    """Return 40 articles of 1 to 7 chunks in no order of their ids."""
    return [page(7 * n % 41, 1 + n % 7) for n in range(1, 41)]


def toy_config(path: Path, *, strict: bool = False, **changes: Any) -> BuildConfig:
    """Return a build of a file: parts of 8 pages, of 15 rows."""
    options: dict[str, Any] = {
        "name": "toy",
        "source": open_source(path, strict=strict),
        "chunking": ChunkingConfig(style="paragraphs", max_chars=100, min_chars=10),
        "load": HashEncoder,
        "pages_per_part": 8,
        "rows_per_part": 15,
    }
    return BuildConfig(**{**options, **changes})
