"""Memory of reading, chunking and building, which must not grow with the number of articles."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
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

BUILT = 10_000, 40_000
# 30,000 articles of 1 kB are 30,000 kB: keeping a quarter of them would show. Up to 64 bytes an
# article, 2,000 kB, are for its place among the sorted ones.
BUILT_KB = 7_500
SCATTER = 7_919  # prime: ids of neighbours in the source are far apart in the data set
BUILD = r"""
import sys
from hashlib import blake2b
from pathlib import Path
import numpy as np
from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig
from amn.corpus.plan import BuildConfig
from amn.corpus.sources import open_source
from amn.data.manifest import EncoderInfo

class Digests:
    info, max_tokens = EncoderInfo(name="digests"), None
    def count_cut(self, texts):
        return 0
    def encode(self, texts):
        digests = b"".join(blake2b(text.encode()).digest() for text in texts)
        return np.frombuffer(digests, np.int8).reshape(len(texts), 64).astype(np.float32)

source = open_source(Path(sys.argv[1]))
config = BuildConfig(
    name="x", source=source, chunking=ChunkingConfig(), load=Digests, series=True
)
assert build_dataset(Path(sys.argv[2]), config).manifest.rows >= 2 * int(sys.argv[3])
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


def own_peak(command: list[str]) -> int:
    """Return the most memory of its own, in kB, that a command had.

    Of its own: not of mapped files, whose pages the system takes back when it needs them.
    """
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])  # noqa: S603 - our own script
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"RssAnon:\s+(\d+)", status)  # a process that ends has none
        peak = max(peak, int(found[1]) if found else 0)
        time.sleep(0.004)
    assert process.returncode == 0
    return peak


def test_a_build_takes_no_more_memory_for_four_times_the_articles(tmp_path: Path) -> None:
    peaks = []
    for count in BUILT:
        source = tmp_path / f"{count}.jsonl"
        pages = (
            {"id": n * SCATTER % count, "title": f"T{n}", "text": f"{n}. {TEXT}"}
            for n in range(count)
        )
        source.write_text("".join(json.dumps(one) + "\n" for one in pages), encoding="utf-8")
        out = tmp_path / f"{count}"
        peaks.append(own_peak([sys.executable, "-c", BUILD, str(source), str(out), str(count)]))

    assert peaks[1] - peaks[0] < BUILT_KB, peaks
