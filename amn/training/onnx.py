"""ONNX models, run by onnxruntime on this machine's processor: (B, T, D) to (B, D)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from amn.errors import CheckpointError, DataError, require
from amn.storage import read_whole
from amn.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from amn.training.networks.build import ModelSpec

NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
MOST_BYTES = 2 << 30  # of a message of protobuf, which an ONNX file is
ERRORS_ONLY = 3  # of onnxruntime's levels of logging


class OnnxModel(nn.Module):
    """A session of onnxruntime behind the interface of a network; it has no weights to train.

    Args:
        session: Of onnxruntime.

    Raises:
        ValueError: If it has not one input of floats and one output.
    """

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - of an optional package
        super().__init__()
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type not in NUMBERS:
            raise ValueError(", ".join(f"{one.name} {one.type}" for one in (*inputs, *outputs)))
        self._session, self._name = session, inputs[0].name
        self._number = NUMBERS[inputs[0].type]

    def forward(self, context: Tensor) -> Tensor:
        """Return predictions (B, D) for contexts (B, T, D)."""
        given = context.detach().numpy().astype(self._number)
        [made] = self._session.run(None, {self._name: given})
        return torch.from_numpy(np.asarray(made, np.float32))


def load_onnx(path: Path, spec: ModelSpec) -> Checkpoint:
    """Open an ONNX file whose whole content is in that file.

    Args:
        spec: Of the case: T and D.

    Raises:
        CheckpointError: If it cannot be opened, or does not map (B, T, D) to (B, D) for any B.
        MissingDependencyError: If onnxruntime is not installed.
    """
    runtime = require("onnxruntime", extra="onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # the same sums on every machine
    options.log_severity_level = ERRORS_ONLY
    shape = (2, spec.context, spec.dim)
    wanted = f"expected a model from (B, {spec.context}, {spec.dim}) to (B, {spec.dim})"
    fix = "Fix: export it with one input, one output and a dynamic batch"
    try:
        content = read_whole(path, most=MOST_BYTES)  # not the path: no file beside it is read
        providers = ["CPUExecutionProvider"]
        model = OnnxModel(runtime.InferenceSession(content, options, providers=providers))
        made = tuple(model(torch.zeros(shape)).shape)
    except DataError as error:
        raise CheckpointError(path, error.message) from error
    except Exception as error:  # onnxruntime raises classes of its own, without a common base
        text = " ".join(str(error).split())
        raise CheckpointError(path, f"{wanted}, got: {text}. {fix}") from error
    if made != (shape[0], spec.dim):
        raise CheckpointError(path, f"{wanted}, got {made} for {shape}. {fix}")
    return Checkpoint(
        model=model.eval(),
        spec=replace(spec, architecture="onnx", options={}),
        articles=np.empty(0, np.int64),
        provenance={"imported_from": path.name},
        is_imported=True,
    )
