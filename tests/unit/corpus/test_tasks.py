from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig
from amn.corpus.tasks import BuildEncoder
from amn.data.encoder import fingerprint
from amn.errors import EncodingError
from tests.corpora import page, toy_config, write_pages
from tests.encoders import HashEncoder

if TYPE_CHECKING:
    from pathlib import Path

PROBE = fingerprint(HashEncoder()).to_text()


def test_an_encoder_stays_in_its_process_and_another_loads_its_own() -> None:
    here = BuildEncoder(HashEncoder, PROBE, HashEncoder())

    there = pickle.loads(pickle.dumps(here))  # noqa: S301 - as workers get it

    assert there.loaded is None
    np.testing.assert_array_equal(there.get().encode(["a"]), here.get().encode(["a"]))
    assert there.get() is there.get()


def test_a_process_that_loads_another_encoder_is_refused() -> None:
    other = BuildEncoder(partial(HashEncoder, salt="other"), PROBE)

    with pytest.raises(EncodingError, match="expected the encoder that this build began with"):
        other.get()


def test_semantic_chunks_and_rows_share_one_encoder(tmp_path: Path) -> None:
    loaded: list[HashEncoder] = []

    def load() -> HashEncoder:
        loaded.append(HashEncoder())
        return loaded[-1]

    path = write_pages(tmp_path / "pages.jsonl", [page(1), page(2)])
    chunking = ChunkingConfig(style="semantic", max_chars=100, min_chars=10)

    build_dataset(tmp_path / "out", toy_config(path, load=load, chunking=chunking))

    assert len(loaded) == 1
