"""Source to chunks, on two processes: pages are cut in one, parsed and chunked in both."""

from __future__ import annotations

import gzip
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.articles import Article
from amn.corpus.chunking import ChunkingConfig, make_chunker
from amn.corpus.sources import Record, Source, open_source
from tests.benchmarks.conftest import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "corpus"
MEGABYTES = 20.0  # a second, of plain text: what the project asks of two cores
DRAWN_ARTICLES = 6000
PART_PAGES = 128
ROUNDS = 3
TIMES_READ = 4  # a warm pool reads the source this often, so that starting up does not count


@dataclass(frozen=True)
class ChunkPart:
    """Parse and chunk a part, as a worker of a build does."""

    source: Source

    def __call__(self, records: list[Record]) -> tuple[int, int]:
        """Return the bytes of plain text and the number of chunks."""
        chunker = make_chunker(ChunkingConfig())
        articles = [self.source.parse(record) for record in records]
        found = [item for item in articles if isinstance(item, Article)]
        chunks = sum(len(chunker(article).chunks) for article in found)
        return sum(len(article.text.encode()) for article in found), chunks


def parts(items: Iterable[object]) -> Iterator[list[Record]]:
    """Yield records in lists of `PART_PAGES`."""
    records = (item for item in items if isinstance(item, Record))
    while part := list(islice(records, PART_PAGES)):
        yield part


def megabytes_a_second(source: Source) -> tuple[float, int]:
    """Return the best rate of `ROUNDS`, and the chunks of one reading."""
    rates, work = [], ChunkPart(source)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(work, parts(islice(source.records(), 2 * PART_PAGES))))
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            counts = [
                count
                for _ in range(TIMES_READ)
                for count in pool.map(work, parts(source.records()))
            ]
            seconds = time.perf_counter() - begin
            rates.append(sum(size for size, _ in counts) / seconds / 1e6)
    return max(rates), sum(chunks for _, chunks in counts) // TIMES_READ


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Articles of random words: sentences of 8 to 30 words, paragraphs, some of them headings."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefghilmnoprstu"), n)) for n in range(1, 12)])
    path = tmp_path / "articles.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(DRAWN_ARTICLES):
            paragraphs = [
                " ".join(
                    " ".join(rng.choice(words, rng.integers(8, 30))).capitalize() + "."
                    for _ in range(rng.integers(1, 9))
                )
                for _ in range(rng.integers(2, 10))
            ]
            row = {"id": number, "title": f"T{number}", "text": "\n\n".join(paragraphs)}
            file.write(json.dumps(row) + "\n")
    return path


def report(name: str, path: Path, judge: Callable[[Figure], None]) -> None:
    rate, chunks = megabytes_a_second(open_source(path))
    assert chunks > DRAWN_ARTICLES
    judge(Figure(name, f"{rate:.1f} MB/s", f"{MEGABYTES:.0f} MB/s asked", rate / MEGABYTES, 1.0))


def test_plain_text_stages_on_drawn_articles(drawn: Path, judge: Callable[[Figure], None]) -> None:
    report("source to chunks, drawn articles", drawn, judge)


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
def test_plain_text_stages_on_wikipedia(judge: Callable[[Figure], None]) -> None:
    report("source to chunks, Wikipedia", CORPUS / "articles.jsonl.gz", judge)


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus")
def test_a_dump_is_bound_by_its_wikitext(judge: Callable[[Figure], None]) -> None:
    source = open_source(CORPUS / "enwiki-excerpt.xml.bz2")
    begin = time.process_time()
    size = sum(len(item.text.encode()) for item in source if isinstance(item, Article))
    rate = size / (time.process_time() - begin) / 1e6
    judge(Figure("dump to plain text, 1 process", f"{rate:.1f} MB/s", "", rate / MEGABYTES))
