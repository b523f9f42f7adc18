"""One small golden, and a way to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.golden.schema import Golden, GoldenRecord, GoldenSplit, summarise
from amn.golden.store import cosines_digest
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONFIG = {"training": {"epochs": 15, "seeds": [0, 1, 2]}, "windows": {"context": 5}}


def make_split(seed: int, *, articles: int = 4, seeds: int = 3) -> GoldenSplit:
    rng = np.random.default_rng(seed)
    return GoldenSplit(
        cosines=rng.uniform(0.4, 0.8, (seeds, articles * 5)),
        article_ids=np.repeat(np.arange(articles, dtype=np.int64) * 7 + 100, 5),
        target_chunks=np.tile(np.arange(5, 10, dtype=np.int32), articles),
    )


def make_record(splits: Mapping[str, GoldenSplit], **changes: Any) -> GoldenRecord:
    config = changes.pop("config", CONFIG)
    n_seeds = len(splits["in_dist"].cosines)
    references = {"constant": 0.1, "last": 0.4, "mean": 0.55}
    digests = {name: sha256_of(name.encode()) for name in ("dataset", "splits", "windows")}
    values = {
        "schema": 1,
        "case": "wiki-mini",
        "title": "Wikipedia, context 5",
        "created": "2025-01-31",
        "reason": "first accepted result",
        "author": "A. Nonymous",
        "metrics": {
            name: summarise(split, se=0.004, references=references).model_dump()
            for name, split in splits.items()
        },
        "seeds": list(range(n_seeds)),
        "tolerances": {"margin": 0.01, "alpha": 0.05, "why": "twice the seed noise"},
        "checks": ["D001-finite", "G001-ood"],
        "digests": {
            **digests,
            "config": sha256_of(canonical_json(config)),
            "cosines": cosines_digest(splits),
        },
        "artefacts": [sha256_of(bytes([seed])) for seed in range(n_seeds)],
        "versions": {"amn": "0.1.0", "python": "3.11", "numpy": "2.0", "metric": 1},
        "config": config,
    }
    return GoldenRecord.model_validate({**values, **changes})


@pytest.fixture
def splits() -> dict[str, GoldenSplit]:
    return {"in_dist": make_split(0), "ood": make_split(1, articles=6)}


@pytest.fixture
def golden(splits: dict[str, GoldenSplit]) -> Golden:
    return Golden(make_record(splits), splits)


@pytest.fixture
def build_record() -> Callable[..., GoldenRecord]:
    return make_record
