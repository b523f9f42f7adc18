"""A fingerprint of the machine's arithmetic: what a small fixed computation comes to here.

A score can change because the model did, or because another processor, BLAS or torch rounds in
another way. The second moves these few numbers as well, and no data or model has a part in them.
Inputs are fractions made from whole numbers: no random generator has a say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

ROWS, CONTEXT, DIM = 64, 5, 96
PRIME = 2003  # fractions repeat after so many numbers
TOLERANCE = 1e-6  # means of cosines differ by at most 3.3e-10 between instruction sets of one CPU


def numeric_values() -> dict[str, float]:
    """Return what each step comes to: numbers of about 1, summed in float64.

    The steps are those of the predictors here: products, attention, GELU, layer norm, unit length,
    cosine, and the gradient through all of them.
    """
    context = _fractions((ROWS, CONTEXT, DIM), 1)
    weight = _fractions((DIM, DIM), 2).requires_grad_()
    target = functional.normalize(_fractions((ROWS, DIM), 3), dim=-1)
    keys = context @ weight
    scores = torch.einsum("btd,bd->bt", keys, context.mean(dim=1)) / DIM**0.5
    weights = torch.softmax(scores, dim=-1)
    mixture = torch.einsum("bt,btd->bd", weights, context)
    hidden = functional.gelu(mixture @ weight)
    normed = functional.layer_norm(hidden, (DIM,))
    predicted = functional.normalize(mixture + normed, dim=-1)
    cosines = (predicted * target).sum(dim=-1)
    (gradient,) = torch.autograd.grad(1 - cosines.mean(), weight)
    wide = context.reshape(-1, DIM).numpy().astype(np.float64)
    return {
        "product": _size(keys),
        "attention": _size(weights**2) * CONTEXT,
        "gelu": _size(hidden),
        "layer_norm": _size(normed),
        "cosine": float(cosines.detach().double().mean()),
        "gradient": _size(gradient) * DIM,
        "product_float64": float(np.abs(wide @ wide.T).mean()),
    }


def machine() -> dict[str, str]:
    """Return what such numbers depend on: instruction set, libraries, versions, threads."""
    config = torch.__config__.show()
    blas = next((name for name in ("MKL", "OpenBLAS", "Accelerate") if name in config), "other")
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "torch_blas": blas,
        "numpy": np.__version__,
        "numpy_blas": " ".join(str(built.get(key, "unknown")) for key in ("name", "version")),
        "threads": str(torch.get_num_threads()),
    }


def _fractions(shape: tuple[int, ...], start: int) -> Tensor:
    """Return float32 numbers in [-0.5, 0.5] without a pattern that sums would cancel."""
    n = int(np.prod(shape))
    whole = (np.arange(1, n + 1, dtype=np.int64) ** 2 * 7 + start * 811) % PRIME
    return torch.from_numpy((whole / PRIME - 0.5).astype(np.float32).reshape(shape))


def _size(values: Tensor) -> float:
    """Return the mean size of numbers, in float64."""
    return float(values.detach().double().abs().mean())
