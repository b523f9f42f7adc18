"""Files of named arrays: HDF5, safetensors, PyTorch; and numbers that numpy has no type for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from amn.errors import DataError, require
from amn.storage import parse_json, regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK_ROWS = 4096
MATRIX = 2  # dimensions: rows of numbers
FLOATS = ("float16", "float32", "float64", "bfloat16")
# Of a safetensors header; https://huggingface.co/docs/safetensors, "Format".
NUMBERS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}


@dataclass(frozen=True)
class Member:
    """One array of a file.

    Attributes:
        kind: Its type of number: `float32`, `bfloat16`, `int64`; `str` for text.
        read: Gives its rows from one to another as numpy has them, bfloat16 as its bits (uint16).
    """

    shape: tuple[int, ...]
    kind: str
    read: Callable[[int, int], NDArray[Any]]

    @property
    def is_matrix(self) -> bool:
        """Whether it holds vectors."""
        return len(self.shape) == MATRIX and self.kind in FLOATS and 0 not in self.shape


def take(rows: Any, first: int, last: int) -> NDArray[Any]:  # noqa: ANN401 - sliced as numpy is
    """Rows from one to another."""
    return np.asarray(rows[first:last])


def write_native(read: Callable[[int, int], NDArray[Any]], n: int, kind: str, out: Path) -> Any:  # noqa: ANN401 - (n, D) memory-mapped
    """Copy rows into a file in this machine's order of bytes, bfloat16 as float32; map it.

    Args:
        read: As that of a `Member`.
        n: Rows, at least one.
        kind: Their type of number.
    """
    dtype, dim = np.dtype(np.float32), 0
    with out.open("wb") as file:
        for start in range(0, n, BLOCK_ROWS):
            block = read(start, min(start + BLOCK_ROWS, n))
            if kind == "bfloat16":  # the upper half of a float32
                block = (block.astype(np.uint32) << np.uint32(16)).view(np.float32)
            block = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
            dtype, dim = block.dtype, block.shape[1]
            file.write(block.data)
    return np.memmap(out, dtype, "r", shape=(n, dim))


def choose_matrix(path: Path, members: Mapping[str, Member], name: str | None) -> str:
    """Return the name of the array that holds the vectors.

    Args:
        name: What `--vector-column` says; None takes the only matrix of floats.

    Raises:
        DataError: If there is none, or several.
    """
    found = [key for key, member in members.items() if member.is_matrix]
    if name in found or (name is None and len(found) == 1):
        return name or found[0]
    listed = ", ".join(f"{key} ({m.kind} {m.shape})" for key, m in members.items()) or "none"
    wanted = "one matrix of floats (N, D)" if name is None else f"a matrix of floats {name}"
    fix = "--vector-column NAME" if found else "save the vectors as one matrix, as numpy.save does"
    raise DataError(path, f"expected {wanted}, got the arrays: {listed}. Fix: {fix}")


def hdf5(path: Path, stack: ExitStack) -> dict[str, Member]:
    """Return the arrays of an HDF5 file, those in groups by their path."""
    h5py = require("h5py", extra="formats")
    try:
        file = stack.enter_context(h5py.File(path, "r"))
        members: dict[str, Member] = {}

        def visit(name: str, node: Any) -> None:  # noqa: ANN401 - h5py ships no types
            if isinstance(node, h5py.Dataset) and node.shape is not None:
                is_text = h5py.check_string_dtype(node.dtype) is not None
                rows = node.asstr() if is_text else node
                kind = "str" if is_text else node.dtype.newbyteorder("=").name
                members[name] = Member(node.shape, kind, partial(take, rows))

        file.visititems(visit)
    except OSError as error:
        fix = "copy or export it again"
        raise DataError(path, f"expected a whole HDF5 file, got: {error}. Fix: {fix}") from error
    return members


def safetensors(path: Path, _stack: ExitStack) -> dict[str, Member]:
    """Return the arrays of a safetensors file, mapped where they lie."""
    try:
        with safe_open(regular(path), framework="numpy"):  # verifies lengths and offsets
            pass
    except (SafetensorError, OSError) as error:
        message = f"expected a whole safetensors file, got: {error}"
        raise DataError(path, f"{message}. Fix: copy or save it again") from error
    with regular(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = parse_json(file.read(length))
    members = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] in NUMBERS:
            shape, start = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0]
            stored = np.dtype(NUMBERS[entry["dtype"]])
            array = np.empty(shape, stored)
            if array.size:
                array = np.memmap(path, stored, "r", offset=start, shape=shape)
            kind = "bfloat16" if entry["dtype"] == "BF16" else stored.name
            members[name] = Member(shape, kind, partial(take, array))
    return members


def pytorch(path: Path, _stack: ExitStack) -> dict[str, Member]:
    """Return the tensors of a file of `torch.save`, and its lists of text; no code of it runs."""
    torch = require("torch", extra="train")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its own pickle reader raises what it meets
        reason = str(error).strip().splitlines()[0]
        fix = "torch.save({'vectors': tensor, 'article_id': ids}, PATH), tensors and lists alone"
        message = f"expected tensors, which torch reads with weights_only, got: {reason[:200]}"
        raise DataError(path, f"{message}. Fix: {fix}") from error
    values = found if isinstance(found, dict) else {"vectors": found}
    members = {}
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            kind = kind if value.layout == torch.strided else f"sparse {kind}"
            array = np.empty(value.shape)  # of what numpy has no array of, only the shape is told
            if kind == "bfloat16":
                array = value.detach().contiguous().view(torch.int16).numpy().view(np.uint16)
            elif kind in FLOATS or kind in ("int64", "int32"):
                array = value.detach().contiguous().numpy()
        elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            kind, array = "str", np.array(value, np.str_)
        elif isinstance(value, list) and value and all(type(v) is int for v in value):
            kind, array = "int64", np.array(value, np.int64)
        else:
            continue
        members[str(name)] = Member(array.shape, kind, partial(take, array))
    return members


def word2vec(path: Path) -> tuple[int, int]:
    """Return the rows and numbers a row that the first line of a word2vec text file declares.

    Raises:
        DataError: If it declares none.
    """
    with regular(path).open("rb") as file:
        first = file.readline(200).split()
    if len(first) != 2 or not all(word.isdigit() for word in first):  # noqa: PLR2004 - N and D
        shown = b" ".join(first[:4]).decode(errors="replace")[:60]
        raise DataError(
            path,
            f"expected a first line with rows and numbers a row, as word2vec writes it, got "
            f"{shown!r}. Fix: write it by gensim's save_word2vec_format, or as .csv",
        )
    return int(first[0]), int(first[1])


def word2vec_rows(path: Path, dim: int) -> Iterator[Any]:
    """Yield record batches of a word2vec text file: the word, then `dim` numbers."""
    import pyarrow as pa  # noqa: PLC0415 - used here alone
    import pyarrow.csv  # noqa: PLC0415 - as above

    with regular(path).open("rb") as file:
        file.readline()
        extra = len(file.readline().rstrip(b"\r\n").split(b" ")) - dim - 1  # a space may end lines
    names = ["word", *(str(k) for k in range(dim)), *(f"end {k}" for k in range(max(extra, 0)))]
    try:
        with pyarrow.csv.open_csv(
            path,
            pyarrow.csv.ReadOptions(column_names=names, skip_rows=1, block_size=1 << 24),
            pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
            pyarrow.csv.ConvertOptions(
                column_types={"word": pa.string()} | {str(k): pa.float32() for k in range(dim)},
                include_columns=names[: dim + 1],
            ),
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise DataError(
            path,
            f"expected lines of a word and {dim} numbers, got: {error}. "
            "Fix: write it again by gensim's save_word2vec_format",
        ) from error
