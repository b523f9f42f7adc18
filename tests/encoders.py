"""Encoders without a model, for tests; importable in worker processes too."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amn.data.encoder import EncoderConfig, Variant
from amn.data.manifest import EncoderInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass
class HashEncoder:
    """Random directions, the same for the same text in any batch and any process."""

    dim: int = 8
    salt: str = ""
    scale: float = 1.0
    max_tokens: int | None = None  # words

    @property
    def info(self) -> EncoderInfo:
        return EncoderInfo(name="fake")

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([self._row(text) for text in texts], np.float32).reshape(-1, self.dim)

    def count_cut(self, texts: list[str]) -> int:
        limit = self.max_tokens
        return 0 if limit is None else sum(len(text.split()) > limit for text in texts)

    def variants(self) -> Iterator[Variant]:
        return iter(())

    def _row(self, text: str) -> NDArray[np.float64]:
        seed = hashlib.sha256((self.salt + text).encode()).digest()
        return self.scale * np.random.default_rng(list(seed)).normal(size=self.dim)


@dataclass
class DyingOnce(HashEncoder):
    """Kills its process at the second batch after the probes, once: `mark` says that it did."""

    mark: str = ""
    calls: int = 0

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls == 3 and not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(texts)


@dataclass
class RaisesAt(HashEncoder):
    """Fails on one text."""

    text: str = ""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        if self.text in texts:
            raise RuntimeError("no such token")
        return super().encode(texts)


@dataclass
class KnownEncoder(HashEncoder):
    """Knows the vectors of some texts."""

    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([self.vectors.get(text, self._row(text)) for text in texts], np.float32)


@cache
def _word(word: str, dim: int, revision: str) -> NDArray[np.float32]:
    seed = hashlib.sha256(f"{revision}/{word}".encode()).digest()
    return np.random.default_rng(list(seed)).standard_normal(dim).astype(np.float32)


@dataclass(frozen=True)
class WordEncoder:
    """Words that see each other, pooled: everything that a transformer may be run wrongly with.

    Attributes:
        limit: Words that it reads.
        bits: Of the numbers that it computes with: 24 are float32, 8 are bfloat16.
    """

    dim: int = 32
    pooling: str = "mean"
    limit: int = 24
    revision: str = "new"
    bits: int = 24
    name: str = "words"

    @classmethod
    def load(cls, config: EncoderConfig) -> WordEncoder:
        return cls(name=config.shown_name, bits=8 if config.bfloat16 else 24)

    @property
    def info(self) -> EncoderInfo:
        return EncoderInfo(name=self.name)

    @property
    def max_tokens(self) -> int:
        return self.limit

    def count_cut(self, texts: list[str]) -> int:
        return sum(len(text.split()) > self.limit for text in texts)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([self._row(text) for text in texts], np.float32).reshape(-1, self.dim)

    def variants(self) -> Iterator[Variant]:
        for pooling in {"mean", "cls", "max"} - {self.pooling}:
            yield Variant(f"with {pooling} pooling", replace(self, pooling=pooling))
        yield Variant("cut after 12 words", replace(self, limit=12))
        yield Variant("in other numbers", replace(self, bits=32 - self.bits), is_rounding=True)
        yield Variant("by revision old", replace(self, revision="old"))

    def _row(self, text: str) -> NDArray[np.float32]:
        words = [_word(word, self.dim, self.revision) for word in text.split()[: self.limit]]
        seen = self._rounded(np.array(words))
        seen = self._rounded(seen + 0.5 * seen.mean(axis=0))
        pooled = {"mean": seen.mean(axis=0), "cls": seen[0], "max": seen.max(axis=0)}
        return self._rounded(pooled[self.pooling])

    def _rounded(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        fraction, exponent = np.frexp(values)
        steps = np.float32(2**self.bits)
        return np.ldexp(np.round(fraction * steps) / steps, exponent)
