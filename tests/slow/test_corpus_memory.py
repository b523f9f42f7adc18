"""Memory of reading and chunking, which must not grow with the number of articles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pages import page, write_export

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc"),
]

FEW, MANY = 2_000, 20_000
TEXT = "The ferry crosses the river at noon, and again when the market closes. " * 14  # 1 kB
ALLOWED_KB = 6_000  # 18,000 articles of 1 kB are 18,000 kB: keeping a third of them would show

READ = r"""
import re, sys
from pathlib import Path
from amn.corpus.articles import Article
from amn.corpus.chunking import ChunkingConfig, make_chunker
from amn.corpus.sources import open_source
chunker = make_chunker(ChunkingConfig())
rows = sum(len(chunker(x).chunks) for x in open_source(Path(sys.argv[1])) if isinstance(x, Article))
# Not ru_maxrss: a child begins with that of its parent.
print(rows, re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
"""


def write_jsonl(folder: Path, count: int) -> Path:
    path = folder / f"{count}.jsonl.gz"
    lines = (json.dumps({"id": i, "title": f"T{i}", "text": TEXT}) + "\n" for i in range(count))
    with pa.CompressedOutputStream(str(path), "gzip") as stream:
        stream.write("".join(lines).encode())
    return path


def write_parquet(folder: Path, count: int) -> Path:
    ids = [str(i) for i in range(count)]
    path = folder / f"{count}.parquet"
    table = pa.table({"id": ids, "title": ids, "text": [f"{i}. {TEXT}" for i in range(count)]})
    pq.write_table(table, path, row_group_size=1000)
    return path


def write_xml(folder: Path, count: int) -> Path:
    pages = (page(i, f"T{i}", TEXT) for i in range(count))
    return write_export(folder / f"{count}.xml", pages)


@pytest.mark.parametrize("write", [write_jsonl, write_parquet, write_xml])
def test_memory_is_flat_in_the_number_of_articles(
    write: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    peaks = {}
    for count in (FEW, MANY):
        command = [sys.executable, "-c", READ, str(write(tmp_path, count))]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603 - our own script
        rows, peaks[count] = map(int, done.stdout.split())
        assert rows >= 2 * count

    assert peaks[MANY] - peaks[FEW] < ALLOWED_KB, peaks
