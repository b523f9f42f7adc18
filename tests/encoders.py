"""Encoders without a model, for tests; importable in worker processes too."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amn.data.manifest import EncoderInfo

if TYPE_CHECKING:
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
