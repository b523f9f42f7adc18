"""Encoders: texts to unit vectors, behind one small protocol.

An encoder's failure is an error that names the text. It never becomes a zero vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from amn.data.fingerprint import PROBE_TEXTS, Fingerprint
from amn.data.manifest import EncoderInfo
from amn.data.vectors import lengths, unit_rows
from amn.errors import ArgumentError, EncodingError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DEFAULT_MODEL = "sentence-transformers/gtr-t5-base"  # what production data sets are made with
MATRIX = 2  # dimensions
SHOWN_CHARS = 60  # of a text that an encoder failed on


class Encoder(Protocol):
    """Texts to vectors. It forms batches itself: it knows what they cost."""

    @property
    def info(self) -> EncoderInfo:
        """What it is, for dataset.json; the fingerprint is added by who builds."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """How much of a text it reads; None: all of it, or nobody knows."""
        ...

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return (n, D) rows of any length but zero; `encode_texts` makes them unit rows."""
        ...

    def count_cut(self, texts: list[str]) -> int:
        """Return how many texts are longer than `max_tokens`: their ends are in no vector."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """A sentence-transformers model and how it is run.

    Attributes:
        model: Name on the Hugging Face hub, or a local folder.
        name: What dataset.json calls it; None: the model's name, a folder's last part.
        revision: Of a model on the hub.
        prefix: Put before every text.
        batch_size: Texts at a time; sentence-transformers sorts by length before it cuts batches.
        device: `cpu`, `cuda:1`; None takes the best there is.
        bfloat16: Weights and arithmetic in bfloat16: about twice as fast, 1 - cosine about 1e-5.
        download: Fetch the model from the hub when this machine does not have it.
    """

    model: str = DEFAULT_MODEL
    name: str | None = None
    revision: str | None = None
    prefix: str = ""
    batch_size: int = 32
    device: str | None = None
    bfloat16: bool = False
    download: bool = False

    @property
    def shown_name(self) -> str:
        """What dataset.json calls the model; no path of this machine."""
        return self.name or (
            Path(self.model).resolve().name if _is_path(self.model) else self.model
        )


class SentenceEncoder:
    """A sentence-transformers model as an `Encoder`."""

    def __init__(self, config: EncoderConfig) -> None:
        self._config = config
        self._model = _load_model(config)

    @property
    def info(self) -> EncoderInfo:
        """Name, revision, pooling, prefix and precision."""
        config = self._config
        pooling = [module.pooling_mode for module in self._model if hasattr(module, "pooling_mode")]
        return EncoderInfo(
            name=config.shown_name,
            revision=config.revision,
            pooling=str(pooling[0]) if pooling else None,
            prefix=config.prefix or None,
            precision="bfloat16" if config.bfloat16 else "float32",
        )

    @property
    def max_tokens(self) -> int | None:
        """Of the model, those that its tokenizer adds included; None for models without a limit."""
        limit = self._model.max_seq_length
        return limit if isinstance(limit, int) else None

    def count_cut(self, texts: list[str]) -> int:
        """Return how many texts have more than `max_tokens`, by the model's own tokenizer."""
        limit = self.max_tokens
        if limit is None:
            return 0
        tokenizer = self._model.tokenizer
        spare = limit - tokenizer.num_special_tokens_to_add()
        # A token stands for a byte or more: shorter texts, often most, need no second look.
        long = [text for text in self._prefixed(texts) if len(text.encode()) > spare]
        if not long:
            return 0
        found = tokenizer(long, truncation=False, return_attention_mask=False, verbose=False)
        return sum(len(tokens) > limit for tokens in found["input_ids"])

    def _prefixed(self, texts: list[str]) -> list[str]:
        prefix = self._config.prefix
        return [prefix + text for text in texts] if prefix else texts

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return (n, D) float32."""
        vectors = self._model.encode(
            self._prefixed(texts),
            batch_size=self._config.batch_size,
            prompt="",  # a model's own default prompt would be in no record
            show_progress_bar=False,
        )
        return np.asarray(vectors, np.float32)


def load_encoder(config: EncoderConfig) -> Encoder:
    """Load a sentence-transformers model; nothing is downloaded unless the config says so.

    Raises:
        ArgumentError: If the model is not on this machine, or is no such model.
        MissingDependencyError: If sentence-transformers is not installed.
    """
    return SentenceEncoder(config)


def _is_path(model: str) -> bool:
    return model.startswith((".", "/", "~")) or Path(model).is_dir()


def _load_model(config: EncoderConfig) -> Any:  # noqa: ANN401 - the library ships no types
    library = require("sentence_transformers", extra="encode")
    require("transformers.utils.logging", extra="encode").disable_progress_bar()
    path = Path(config.model).expanduser()
    if _is_path(config.model) and not path.is_dir():
        raise ArgumentError(f"encoder: expected a folder with a model, got no folder {path}")
    try:
        model = library.SentenceTransformer(
            str(path) if path.is_dir() else config.model,
            device=config.device,
            revision=config.revision,
            local_files_only=not config.download,
        )
    except (OSError, ValueError) as error:
        where = f"{path}: expected a sentence-transformers model"
        if path.is_dir():
            raise ArgumentError(f"{where}, got {_first_line(error)}") from error
        fix = "check the name and the network" if config.download else "--download, or a folder"
        raise ArgumentError(
            f"encoder {config.model}: expected it on this machine, got"
            f" {_first_line(error)}. Fix: {fix}"
        ) from error
    return model.bfloat16() if config.bfloat16 else model


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def encode_texts(
    encoder: Encoder, texts: Sequence[str], *, where: Callable[[int], str] | None = None
) -> NDArray[np.float32]:
    """Encode texts and prove every row.

    Args:
        encoder: What makes the vectors.
        texts: n of them.
        where: The address of a text, for messages; `text 17` by default.

    Returns:
        (n, D) float32 rows of length 1.

    Raises:
        EncodingError: If the encoder fails, or a row is missing, zero or not finite; the message
            names the text.
    """
    where = where or (lambda row: f"text {row}")
    try:
        vectors = np.asarray(encoder.encode(list(texts)))
    except Exception as error:
        raise _located(encoder, texts, where, error) from error
    if vectors.ndim != MATRIX or len(vectors) != len(texts):
        raise EncodingError(
            f"{encoder.info.name}: expected {len(texts):,} rows of vectors, got shape"
            f" {vectors.shape}, from {where(0)} on"
        )
    rows = vectors.astype(np.float64)
    norms = lengths(rows)
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(bad):
        row = int(bad[0])
        raise EncodingError(
            f"{where(row)}: expected a vector from {encoder.info.name}, got one of length"
            f" {norms[row]:g} ({len(bad):,} of {len(texts):,} such) for {_shown(texts[row])}"
        )
    return unit_rows(rows).astype(np.float32)


def _located(
    encoder: Encoder, texts: Sequence[str], where: Callable[[int], str], error: Exception
) -> EncodingError:
    """Return the error with the first text that fails alone, found by halving."""
    first, last = 0, len(texts)
    while last - first > 1:
        middle = (first + last) // 2
        if _fails(encoder, texts[first:middle]):
            last = middle
        elif _fails(encoder, texts[middle:last]):
            first = middle
        else:  # the halves pass: it is the number of texts, not one of them
            break
    cause = f"{type(error).__name__}: {_first_line(error)}"
    if last - first == 1:
        return EncodingError(
            f"{where(first)}: {encoder.info.name} failed on {_shown(texts[first])}: {cause}"
        )
    return EncodingError(
        f"{where(first)} to {where(last - 1)}: {encoder.info.name} failed on {last - first:,} texts"
        f" together, not on halves of them: {cause}. Fix: lower --batch-size"
    )


def _fails(encoder: Encoder, texts: Sequence[str]) -> bool:
    try:
        encoder.encode(list(texts))
    except Exception:  # noqa: BLE001 - whatever a model raises; the first error is what is raised
        return True
    return False


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "...")


def fingerprint(encoder: Encoder) -> Fingerprint:
    """Return what an encoder makes of the probe texts."""
    return Fingerprint(encode_texts(encoder, PROBE_TEXTS, where=lambda row: f"probe text {row}"))
