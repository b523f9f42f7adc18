"""A training's device is the one that was asked for, or it is said that there is none."""

from __future__ import annotations

import pytest
import torch

from amn.errors import ArgumentError
from amn.training.device import find_device


@pytest.mark.parametrize(("is_there", "expected"), [(False, "cpu"), (True, "cuda")])
def test_auto_is_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, *, is_there: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)

    assert find_device("auto") == expected
    assert find_device("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ArgumentError, match=r"^device: expected a GPU, got none"):
        find_device("cuda")
