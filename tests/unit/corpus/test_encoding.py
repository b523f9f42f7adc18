from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from amn.data.encoder import (
    ENCODED_AT_ONCE,
    EncoderConfig,
    SentenceEncoder,
    encode_texts,
    fingerprint,
    load_encoder,
)
from amn.data.manifest import EncoderInfo
from amn.errors import ArgumentError, EncodingError
from tests.encoders import HashEncoder

TEXTS = [f"text number {n}" for n in range(100)]


@dataclass
class Broken(HashEncoder):
    """Raises on a text; keeps how many texts it was given at a time."""

    on: str = ""
    most: int = 1000
    calls: list[int] = field(default_factory=list)

    def encode(self, texts: list[str]) -> np.ndarray:
        self.calls.append(len(texts))
        if self.on in texts:
            raise RuntimeError("CUDA error\nsecond line")
        if len(texts) > self.most:
            raise MemoryError("out of memory")
        return super().encode(texts)


@dataclass
class Blank(HashEncoder):
    """Makes `value` of every text that ends with a 7."""

    value: float = 0.0

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = super().encode(texts)
        rows[[text.endswith("7") for text in texts]] = self.value
        return rows


def test_rows_have_length_1_and_are_each_texts_own() -> None:
    rows = encode_texts(HashEncoder(scale=3.0), TEXTS)

    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[41:43], encode_texts(HashEncoder(scale=3.0), TEXTS[41:43]))


def test_the_text_that_an_encoder_fails_on_is_found() -> None:
    encoder = Broken(on="text number 63")

    with pytest.raises(EncodingError) as caught:
        encode_texts(encoder, TEXTS, where=lambda row: f"article {row}")

    assert str(caught.value) == (
        "article 63: fake failed on 'text number 63': RuntimeError: CUDA error"
    )
    assert len(encoder.calls) < 20


def test_too_many_texts_at_once_are_not_blamed_on_one() -> None:
    with pytest.raises(EncodingError, match=r"^text 0 to text 99: .* failed on 100 texts together"):
        encode_texts(Broken(most=50), TEXTS)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_no_vector_stands_for_an_error(value: float) -> None:
    shown = re.escape(f"got one of length {value:g} (10 of 100 such) for 'text number 7'")

    with pytest.raises(EncodingError, match=rf"^text 7: expected a vector from fake, {shown}"):
        encode_texts(Blank(value=value), TEXTS)


def test_a_missing_row_is_an_error() -> None:
    class Short(HashEncoder):
        def encode(self, texts: list[str]) -> np.ndarray:
            return super().encode(texts)[:-1]

    with pytest.raises(EncodingError, match=r"expected 100 rows of vectors, got shape \(99, 8\)"):
        encode_texts(Short(), TEXTS)


def test_another_encoder_has_another_fingerprint() -> None:
    assert fingerprint(HashEncoder()).digest == fingerprint(HashEncoder()).digest
    assert fingerprint(HashEncoder()).digest != fingerprint(HashEncoder(salt="b")).digest


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./nowhere", "encoder: expected a folder with a model, got no folder nowhere"),
        ("nobody/has-this", "encoder nobody/has-this: expected it on this machine, got"),
    ],
)
def test_a_model_that_is_not_here_is_not_downloaded(model: str, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        load_encoder(EncoderConfig(model=model))

    assert str(caught.value).startswith(message)


class OneWordATokenModel:
    """A sentence-transformers model that reads two marks and four words."""

    max_seq_length: float = 6

    def __init__(self, *_: object, **__: object) -> None:
        self.tokenizer = self
        self.read: list[str] = []

    def num_special_tokens_to_add(self) -> int:
        return 2

    def __call__(self, texts: list[str], *, truncation: bool, **_: object) -> dict[str, list[Any]]:
        assert not truncation
        self.read += texts
        return {"input_ids": [[0, *text.split(), 1] for text in texts]}


@pytest.mark.parametrize(("prefix", "cut"), [("", 1), ("query: ", 2)])
def test_texts_that_are_longer_than_a_model_reads_are_counted_with_their_prefix(
    prefix: str, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = types.ModuleType("sentence_transformers")
    library.SentenceTransformer = OneWordATokenModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)

    encoder = load_encoder(EncoderConfig(model="toy", prefix=prefix))

    assert encoder.max_tokens == 6
    assert encoder.count_cut(["one two three four", "one two three four five", "one"]) == cut


def test_a_model_without_a_limit_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("sentence_transformers")
    library.SentenceTransformer = OneWordATokenModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setattr(OneWordATokenModel, "max_seq_length", float("inf"))

    encoder = load_encoder(EncoderConfig(model="toy"))

    assert (encoder.max_tokens, encoder.count_cut(["a " * 999])) == (None, 0)


def test_a_limit_of_tokens_holds_for_its_own_texts_alone() -> None:
    class Model(OneWordATokenModel):
        def encode(self, texts: list[str], **_: object) -> list[list[float]]:
            return [[self.max_seq_length] for _ in texts]

    model: Any = Model()
    asked = EncoderConfig(model="toy")
    whole, cut = SentenceEncoder(asked, model), SentenceEncoder(asked, model, 4)

    read = [float(one.encode(["one two"])[0, 0]) for one in (whole, cut, whole)]

    assert read == [6, 4, 6]


def test_no_path_of_this_machine_becomes_a_name() -> None:
    assert EncoderConfig(model="/home/me/models/minilm").shown_name == "minilm"
    assert EncoderConfig(model="/home/me/models/x", name="minilm").shown_name == "minilm"
    assert EncoderConfig(model="org/minilm").shown_name == "org/minilm"


def test_the_fake_is_an_encoder_with_info() -> None:
    assert HashEncoder().info == EncoderInfo(name="fake")


def test_how_far_it_is_is_told_within_a_part_and_changes_no_row() -> None:
    texts = [f"Text {n} says so." for n in range(2 * ENCODED_AT_ONCE + 7)]
    told: list[int] = []

    rows = encode_texts(HashEncoder(), texts, told=told.append)

    assert told == [ENCODED_AT_ONCE, 2 * ENCODED_AT_ONCE, len(texts)]
    assert (rows == encode_texts(HashEncoder(), texts)).all()
