"""Files of models that were brought along: what each is, and which way to be judged fits it."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING, Literal

from safetensors import SafetensorError, safe_open

from amn.errors import AmnError, CheckpointError
from amn.storage import ZIP_ERRORS, regular

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["checkpoint", "weights", "onnx", "torch"]
DESCRIPTION = "amn"  # the one metadata entry of ours: safetensors writes several in any order
OF_PREDICTIONS = (".npy", ".npz", ".parquet", ".csv")
BARE = ("weights", "onnx")  # they say neither what they are nor what they were trained on


def kind_of(path: Path) -> Kind:
    """Return what a file is: a checkpoint of ours, plain weights, ONNX, or a file of torch.

    Raises:
        CheckpointError: If it holds no model that can be run here; the fix says what to do with it.
    """
    if path.suffix == ".onnx":
        return "onnx"
    if path.suffix == ".safetensors":
        return "weights" if _is_plain(path) else "checkpoint"
    if path.suffix in OF_PREDICTIONS:
        message = f"expected a model, got vectors in {path.suffix}"
        raise CheckpointError(
            path, f"{message}. Fix: amn gate CASE --predictions {quote(str(path))}"
        )
    if _is_torchscript(path):
        raise CheckpointError(
            path,
            "expected weights or ONNX, got TorchScript, which is code: it is not run. Fix: "
            f"torch.onnx.export(model, example, {str(path.with_suffix('.onnx'))!r}) where it was "
            "made, or write its predictions: amn gate CASE --predictions FILE",
        )
    return "torch"


def is_bare(path: Path) -> bool:
    """Tell whether a file has a model and no description, so that nothing can be asked of that."""
    with suppress(AmnError, OSError):
        return kind_of(path) in BARE
    return False  # opening it says what is wrong


def _is_plain(path: Path) -> bool:
    """Tell whether a safetensors file is whole and has no description of ours."""
    try:
        with safe_open(regular(path), framework="np") as file:
            return DESCRIPTION not in (file.metadata() or {})
    except (SafetensorError, OSError, AmnError):
        return False


def _is_torchscript(path: Path) -> bool:
    """Tell whether a file is an archive of torch that has code in it."""
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            parts = [name.split("/") for name in archive.namelist()]
    except (*ZIP_ERRORS, AmnError):
        return False
    return any(part[1:2] == ["code"] for part in parts)
