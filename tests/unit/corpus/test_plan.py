from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amn.corpus.articles import Kind
from amn.corpus.plan import differences, make_plan
from amn.data.encoder import fingerprint
from amn.data.fingerprint import Fingerprint
from amn.data.manifest import EncoderInfo
from tests.corpora import page, toy_config, write_pages
from tests.encoders import HashEncoder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    config = toy_config(write_pages(tmp_path / "pages.jsonl", [page(1)]), drop={Kind.LIST})
    return make_plan(config, info(fingerprint(HashEncoder())))


def info(print_: Fingerprint) -> EncoderInfo:
    return EncoderInfo(name="fake", probe=print_.to_text(), probe_digest=print_.digest)


def test_a_plan_is_its_own_equal(plan: dict[str, Any]) -> None:
    assert differences(plan, plan) == []


def test_what_is_added_changed_and_removed_is_named(plan: dict[str, Any]) -> None:
    now = {**plan, "dtype": "float32", "drop": []}
    now["chunking"] = {**plan["chunking"], "overlap": 20}

    assert differences(plan, now) == [
        "chunking.overlap: 0, now 20",
        "drop.0: 'list', now None",
        "dtype: 'float16', now 'float32'",
    ]


@pytest.mark.parametrize(("factor", "n_lines"), [(1e-6, 0), (0.3, 1)])
def test_probe_vectors_may_differ_by_rounding_only(
    plan: dict[str, Any], factor: float, n_lines: int
) -> None:
    vectors = fingerprint(HashEncoder()).vectors
    moved = Fingerprint((vectors + factor * vectors[::-1]).astype(vectors.dtype))
    now = {**plan, "encoder": info(moved).model_dump(mode="json")}

    assert len(differences(plan, now)) == n_lines
