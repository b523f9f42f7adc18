"""Real articles have no text of each other; copies in other chunks are named from 3 % on."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from amn.case.config import CaseConfig
from amn.case.load import Case
from amn.data.writer import Chunks, write_dataset
from amn.gate.modes import GateOptions, gate_of
from amn.verdict import Status
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from amn.verdict import Outcome

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "wiki"
SPLITS = ("train", "in_dist", "ood")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/wiki is not here"),
]


def read(name: str) -> tuple[Any, Any, Any]:
    table = pq.read_table(SHARED / name / "texts.parquet")
    texts = np.array(table["text"].to_pylist(), object)
    return table["article_id"].to_numpy(), table["chunk_index"].to_numpy(), texts


def outcome(folder: Path, ids: Any, chunks: Any, texts: Any, **split: Any) -> Outcome:
    order = np.lexsort((chunks, ids))
    table = Chunks(
        article_ids=ids[order],
        chunk_index=chunks[order].astype(np.int32),
        extra={"text": pa.array(texts[order].tolist(), pa.large_string())},
    )
    vectors = drifting_rows(1, len(ids), 8).astype(np.float32)
    write_dataset(folder / "data", vectors, table, name="real", dtype="float32")
    selectors = {name: {"articles": np.sort(a).tolist()} for name, a in split.items()}
    values = {"schema": 1, "dataset": {"path": "data"}, "split": selectors}
    case = Case(folder, CaseConfig.model_validate(values))
    return gate_of(case, GateOptions(cache=folder, first_run=True)).outcome("S014")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["mini", "core"])
def test_no_split_of_real_articles_is_refused(name: str, seed: int, tmp_path: Path) -> None:
    ids, chunks, texts = read(name)
    drawn = np.random.default_rng(seed).permutation(np.unique(ids))
    parts = np.split(drawn, [-220, -110])

    found = outcome(tmp_path, ids, chunks, texts, **dict(zip(SPLITS, parts, strict=True)))

    assert found.status in (Status.PASS, Status.WARN)


def test_four_of_110_articles_that_are_appended_to_training_articles_are_named(
    tmp_path: Path,
) -> None:
    ids, chunks, texts = read("mini")
    train, in_dist, ood = np.split(np.random.default_rng(5).permutation(np.unique(ids)), [340, 450])
    for article, other in zip(ood[:4], train, strict=False):
        pieces = textwrap.wrap(" ".join(texts[ids == article]), 230)
        ids = np.append(ids, np.full(len(pieces), other))
        chunks = np.append(chunks, 100 + np.arange(len(pieces)))
        texts = np.append(texts, pieces)

    found = outcome(tmp_path, ids, chunks, texts, train=train, in_dist=in_dist, ood=ood)

    (finding,) = found.findings
    assert found.status is Status.FAIL
    assert all(str(article) in finding.message for article in ood[:4])
