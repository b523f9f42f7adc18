"""The device on which a network is trained."""

from __future__ import annotations

import torch

from amn.errors import ArgumentError


def find_device(name: str) -> str:
    """Return `cpu` or `cuda`; `auto` is the GPU where there is one.

    Raises:
        ArgumentError: If a GPU is asked for and there is none.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("device: expected a GPU, got none. Fix: --device cpu")
    return name
