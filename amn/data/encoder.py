"""Encoders: texts to unit vectors, behind one small protocol.

An encoder's failure is an error that names the text. It never becomes a zero vector.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from amn.data.fingerprint import PROBE_TEXTS, Fingerprint
from amn.data.manifest import EncoderInfo
from amn.data.vectors import lengths, unit_rows
from amn.errors import ArgumentError, EncodingError, require
from amn.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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

    def variants(self) -> Iterator[Variant]:
        """Yield the ways to run it in which somebody may have, by mistake; prefixes aside."""
        ...


class Variant(NamedTuple):
    """Another way to run an encoder.

    Attributes:
        name: As after `rows were encoded`: `with cls pooling`.
        encoder: What runs so; it is used before the next variant is made.
        is_rounding: Whether it is the same function in other arithmetic.
    """

    name: str
    encoder: Encoder
    is_rounding: bool = False


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


POOLINGS = ("mean", "cls", "max", "lasttoken")
LIMITS = (32, 64, 128, 256, 384, 512)  # tokens: what models and tutorials name


class SentenceEncoder:
    """A sentence-transformers model as an `Encoder`.

    Args:
        model: The loaded one; None loads it.
        limit: Tokens that it reads; None: those that the model says.
    """

    def __init__(self, config: EncoderConfig, model: Any = None, limit: int | None = None) -> None:  # noqa: ANN401 - the library ships no types
        self._config = config
        self._model = model or _load_model(config)
        self._limit = limit

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
        with _limited(self._model, self._limit):
            vectors = self._model.encode(
                self._prefixed(texts),
                batch_size=self._config.batch_size,
                prompt="",  # a model's own default prompt would be in no record
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32)

    def variants(self) -> Iterator[Variant]:
        """Yield the model's own prompts, poolings, limits, arithmetic and revisions here."""
        config, model = self._config, self._model
        for prompt in filter(None, getattr(model, "prompts", {}).values()):
            own = replace(config, prefix=prompt)
            yield Variant(f"with the prefix {prompt!r}", SentenceEncoder(own, model))
        for pooling in POOLINGS:
            if (other := _with_pooling(model, pooling)) is not None:
                yield Variant(f"with {pooling} pooling", SentenceEncoder(config, other))
        for limit in LIMITS:
            if limit != self.max_tokens and limit <= _most_tokens(model):
                cut = SentenceEncoder(config, model, limit)
                yield Variant(f"cut after {limit} tokens", cut)
        number = "float32" if config.bfloat16 else "bfloat16"
        other = SentenceEncoder(replace(config, bfloat16=not config.bfloat16))
        yield Variant(f"in {number}", other, is_rounding=True)
        for revision in _other_revisions(config):
            with suppress(ArgumentError):  # it is here in part
                another = SentenceEncoder(replace(config, revision=revision))
                yield Variant(f"by revision {revision[:12]}", another)


@contextmanager
def _limited(model: Any, limit: int | None) -> Iterator[None]:  # noqa: ANN401 - the library ships no types
    """Let a model read so many tokens of a text; None: as many as it says."""
    if limit is None:
        yield
        return
    own = model.max_seq_length
    model.max_seq_length = limit
    try:
        yield
    finally:
        model.max_seq_length = own


def _with_pooling(model: Any, mode: str) -> Any:  # noqa: ANN401 - the library ships no types
    """Return a model that shares everything with another one but its pooling; None for the same."""
    modules = list(model)
    at = [k for k, one in enumerate(modules) if hasattr(one, "pooling_mode")]
    if not at or modules[at[0]].pooling_mode == mode:
        return None
    pooling = modules[at[0]]
    modules[at[0]] = type(pooling)(pooling.embedding_dimension, mode)
    return type(model)(modules=modules, device=str(model.device))


def _most_tokens(model: Any) -> int:  # noqa: ANN401 - the library ships no types
    """Return how many positions a model has; what it reads, where it does not say."""
    network = getattr(next(iter(model), None), "auto_model", None)
    most = getattr(getattr(network, "config", None), "max_position_embeddings", None)
    return most or model.max_seq_length or 0


def _other_revisions(config: EncoderConfig) -> list[str]:
    """Return the other revisions of a model of the hub that are on this machine."""
    found = _cached_file(config.model, config.revision)
    if _is_path(config.model) or found is None:
        return []
    return sorted(one.name for one in found.parents[1].iterdir() if one.name != found.parent.name)


def _cached_file(model: str, revision: str | None) -> Path | None:
    """Return the description of a model in the cache of the hub, None where it is not there."""
    hub = require("huggingface_hub", extra="encode")
    names = (model,) if "/" in model else (model, f"sentence-transformers/{model}")
    for name, file in product(names, ("modules.json", "config.json")):
        try:
            found = hub.try_to_load_from_cache(name, file, revision=revision)
        except ValueError:  # no name that the hub could have
            continue
        if isinstance(found, str):
            return Path(found)
    return None


ENCODERS: Registry[Callable[[EncoderConfig], Encoder]] = Registry("amn.encoders", {})


def is_here(info: EncoderInfo) -> bool:
    """Tell whether the encoder that a data set names can be loaded without a download."""
    if info.name in ENCODERS:
        return True
    if find_spec("sentence_transformers") is None:
        return False
    return _cached_file(info.name, info.revision) is not None


def load_declared(
    info: EncoderInfo, model: str | None = None, *, download: bool = False
) -> Encoder:
    """Load the encoder that a data set names, in its revision and arithmetic, without its prefix.

    Args:
        model: Where it is, or another one.
        download: As in `EncoderConfig`.
    """
    return load_encoder(
        EncoderConfig(
            model=model or info.name,
            revision=info.revision if model in (None, info.name) else None,
            bfloat16=info.precision == "bfloat16",
            download=download,
        )
    )


def load_encoder(config: EncoderConfig) -> Encoder:
    """Load an encoder of an installed package, by its name, or a sentence-transformers model.

    A package adds one by the entry point group `amn.encoders`. Nothing is downloaded unless the
    config says so.

    Raises:
        ArgumentError: If the model is not on this machine, or is no such model.
        MissingDependencyError: If sentence-transformers is not installed.
    """
    if config.model in ENCODERS:
        return ENCODERS[config.model](config)
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


ENCODED_AT_ONCE = 512  # texts: some seconds of a small encoder on two cores


def encode_texts(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    where: Callable[[int], str] | None = None,
    told: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Encode texts and prove every row.

    Args:
        encoder: What makes the vectors.
        texts: n of them.
        where: The address of a text, for messages; `text 17` by default.
        told: Called with the texts that are encoded so far, every `ENCODED_AT_ONCE`.

    Returns:
        (n, D) float32 rows of length 1.

    Raises:
        EncodingError: If the encoder fails, or a row is missing, zero or not finite; the message
            names the text.
    """
    where = where or (lambda row: f"text {row}")
    try:
        pieces = []
        for start in range(0, max(len(texts), 1), ENCODED_AT_ONCE):
            piece = list(texts[start : start + ENCODED_AT_ONCE])
            pieces.append(np.asarray(encoder.encode(piece)))
            if told:
                told(start + len(piece))
        vectors = np.concatenate(pieces)
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
