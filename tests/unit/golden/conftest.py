"""One small golden, and a way to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.golden.schema import Golden, GoldenRecord, summarise
from amn.golden.store import table_digest
from amn.golden.table import Table, rounded
from amn.storage import canonical_json, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONFIG = {"training": {"epochs": 15, "seeds": [0, 1, 2]}, "windows": {"context": 5}}


def make_table(seed: int, *, articles: int = 4, seeds: int = 3) -> Table:
    """Articles of five windows each, chunks 5 to 9."""
    rng = np.random.default_rng(seed)
    names = [*map(str, range(seeds)), "last", "mean"]
    return Table(
        articles=np.arange(articles, dtype=np.int64) * 7 + 100,
        windows=("5-9",) * articles,
        rows=np.full(articles, 10),
        vectors=tuple(f"vectors{i}" for i in range(articles)),
        sums={f"cosine.{name}": rounded(rng.uniform(2, 4, articles)) for name in names},
    )


def make_record(splits: Mapping[str, Table], **changes: Any) -> GoldenRecord:
    """The record of some tables; keywords replace its fields, or those of `accepted`."""
    config = changes.pop("config", CONFIG)
    n_seeds = sum(name.split(".")[1].isdigit() for name in splits["ood"].sums)
    accepted = {"created": "2025-01-31", "author": "A. Nonymous", "reason": "first accepted result"}
    accepted |= {name: changes.pop(name) for name in [*accepted, "previous"] if name in changes}
    labels = changes.pop("checks", ["D001-finite", "G001-ood"])
    values = {
        "schema": 2,
        "accepted": accepted,
        "metrics": {
            "cosine": {
                name: summarise(
                    splits[name], range(n_seeds), se=0.004, references=references(splits[name])
                ).model_dump()
                for name in ("in_dist", "ood")
            }
        },
        "checks": {
            "data": {label: ["PASS", None] for label in labels if label[0] == "D"},
            "result": {label: ["PASS", 0.6] for label in labels if label[0] != "D"},
        },
        "digests": {
            **{name: sha256_of(name.encode()) for name in ("dataset", "splits", "windows")},
            "config": sha256_of(canonical_json(config)),
            "table": table_digest(splits),
            "models": [sha256_of(bytes([seed])) for seed in range(n_seeds)],
        },
        "config": config,
        "versions": {"amn": "0.1.0", "python": "3.11", "numpy": "2.0", "metric": 1},
        "numerics": {"class": "float32, AVX2, MKL"},
        "case": "wiki-mini",
        "title": "Wikipedia, context 5",
        "seeds": list(range(n_seeds)),
        "tolerances": {"margin": 0.01, "alpha": 0.05, "why": "twice the seed noise"},
    }
    values["digests"] |= changes.pop("digests", {})
    return GoldenRecord.model_validate({**values, **changes})


def references(table: Table) -> dict[str, float]:
    """Means of the reference predictors of a table, and of one that it does not hold."""
    judged = table.judged()
    n = judged.sizes.sum()
    kept = {
        name: float(judged.sums[f"cosine.{name}"].sum() / n)
        for name in ("last", "mean")
        if f"cosine.{name}" in judged.sums
    }
    return {"constant": 0.1, "mean": 0.55, **kept}


@pytest.fixture
def splits() -> dict[str, Table]:
    train = Table(np.array([3, 5]), ("5-9", ""), np.array([10, 4]), ("train--3", "train--5"))
    return {"train": train, "in_dist": make_table(0), "ood": make_table(1, articles=6)}


@pytest.fixture
def golden(splits: dict[str, Table]) -> Golden:
    return Golden(make_record(splits), splits)


@pytest.fixture
def build_record() -> Callable[..., GoldenRecord]:
    return make_record
