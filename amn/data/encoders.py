"""Sentence encoders, for checking that stored vectors belong to their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def load_encoder(name: str) -> Callable[[list[str]], NDArray[np.float32]]:
    """Load a sentence-transformers model by name or local path.

    A name that is not on this machine is downloaded by sentence-transformers: only a caller who
    names a model asks for that.

    Returns:
        A function from n texts to (n, D) float32 unit rows.

    Raises:
        MissingDependencyError: If sentence-transformers is not installed.
    """
    model = require("sentence_transformers", extra="encode").SentenceTransformer(name)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return np.asarray(model.encode(texts, normalize_embeddings=True), np.float32)

    return encode
