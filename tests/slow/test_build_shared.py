"""Builds of the texts of ../shared/data/corpus, which are no part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig
from amn.corpus.plan import BuildConfig
from amn.corpus.sources import open_source
from amn.findings import Status
from amn.gate.family import check_data
from tests.encoders import HashEncoder

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "corpus"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/corpus"),
]


@pytest.mark.parametrize(
    ("file", "articles", "n_pages"),
    [("enwiki-excerpt.xml.bz2", None, 206), ("articles.jsonl.gz", "#1-300", 3000)],
)
def test_a_real_source_builds_and_every_page_is_accounted_for(
    file: str, articles: str | None, n_pages: int, tmp_path: Path
) -> None:
    source = open_source(CORPUS / file, articles=articles, namespaces=None)
    config = BuildConfig(name="x", source=source, chunking=ChunkingConfig(), load=HashEncoder)

    manifest = build_dataset(tmp_path / "out", config).dataset.manifest

    read, kinds, *_ = manifest.stages
    expected = n_pages if articles is None else 300  # what is behind the last one is not read
    assert (read.rows_in, sum(manifest.kinds.values())) == (expected, read.rows_out)
    assert kinds.dropped == ({"redirect": 100} if articles is None else {})
    assert manifest.kinds.get("list", 0) == 2 or articles is not None
    outcomes = {outcome.check: outcome.status for outcome in check_data(tmp_path / "out").outcomes}
    assert {outcomes[check] for check in ("D001", "D002", "D003", "D009", "D011")} == {Status.PASS}
