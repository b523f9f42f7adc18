"""Small ONNX files, written field by field: nothing that writes them is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FLOAT, INT64 = 1, 7  # ONNX's types of tensors
OPSET = 13


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _field(number: int, value: int | str | bytes) -> bytes:
    """Return one field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: Iterable[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)


def _tensor(name: str, values: NDArray[np.generic]) -> bytes:
    kind = INT64 if values.dtype == np.int64 else FLOAT
    sizes = b"".join(_field(1, size) for size in values.shape)
    return sizes + _field(2, kind) + _field(8, name) + _field(9, values.tobytes())


def _value(name: str, sizes: Iterable[int | str]) -> bytes:
    one = [_field(1, _field(1, s) if isinstance(s, int) else _field(2, s)) for s in sizes]
    tensor = _field(1, FLOAT) + _field(2, b"".join(one))
    return _field(1, name) + _field(2, _field(1, tensor))


def linear(weights: NDArray[np.float32], context: int, *, batch: int | str = "B") -> bytes:
    """Return a model that multiplies contexts (B, T, D), flat, with weights (T * D, D)."""
    n_in, dim = weights.shape
    graph = [
        _field(1, _node("Reshape", ["context", "flat"], "rows")),
        _field(1, _node("MatMul", ["rows", "weights"], "prediction")),
        _field(2, "linear"),
        _field(5, _tensor("flat", np.array([-1, n_in], np.int64))),
        _field(5, _tensor("weights", np.ascontiguousarray(weights, np.float32))),
        _field(11, _value("context", [batch, context, n_in // context])),
        _field(12, _value("prediction", [batch, dim])),
    ]
    opset = _field(1, "") + _field(2, OPSET)
    return _field(1, 8) + _field(7, b"".join(graph)) + _field(8, opset)
