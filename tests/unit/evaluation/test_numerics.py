"""The fingerprint of the machine: the same twice, of sound numbers, and sensitive."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest
from torch.nn import functional

from amn.evaluation.numerics import TOLERANCE, machine, numeric_values


def test_a_machine_computes_the_same_twice() -> None:
    assert numeric_values() == numeric_values()


def test_every_value_is_finite_and_of_a_size_at_which_the_tolerance_means_something() -> None:
    values = numeric_values()

    assert all(math.isfinite(value) for value in values.values())
    assert all(1e-3 < abs(value) < 10 for value in values.values()), values


def test_a_step_in_half_precision_moves_it_by_more_than_the_tolerance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, gelu = numeric_values(), functional.gelu
    monkeypatch.setattr(functional, "gelu", lambda x: gelu(x.bfloat16()).float())

    after = numeric_values()

    assert abs(after["gelu"] - before["gelu"]) > TOLERANCE
    assert after["product"] == before["product"]


@pytest.mark.slow
def test_another_instruction_set_stays_within_the_tolerance() -> None:
    code = "from amn.evaluation.numerics import *; import json; print(json.dumps(numeric_values()))"
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    printed = subprocess.run(  # noqa: S603 - this interpreter, our code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert json.loads(printed) == pytest.approx(numeric_values(), abs=TOLERANCE / 10)


def test_the_machine_is_described_by_texts() -> None:
    described = machine()

    assert set(described) >= {"instructions", "torch", "torch_blas", "numpy", "numpy_blas"}
    assert all(isinstance(text, str) and text for text in described.values())
