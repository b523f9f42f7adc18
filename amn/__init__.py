"""amn: the regression gate for next-embedding predictors.

The public names are resolved when first used, so that importing amn loads neither torch nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from amn.system import __version__

if TYPE_CHECKING:
    from amn.api import (
        Evaluated,
        check_data,
        check_encoder,
        check_index,
        check_split,
        compare,
        evaluate,
        predict,
    )
    from amn.case.load import Case, load_case
    from amn.checks.check import check
    from amn.data.dataset import DataSet, open_dataset
    from amn.data.windows import Windows
    from amn.data.writer import write_dataset
    from amn.errors import AmnError
    from amn.evaluation.metric import metric
    from amn.gate.modes import GateOptions, run_gate
    from amn.gate.result import GateResult
    from amn.verdict import Finding, Measured, Outcome, Severity, Status, Verdict

_HOME = {
    "AmnError": "amn.errors",
    "Evaluated": "amn.api",
    "Case": "amn.case.load",
    "DataSet": "amn.data.dataset",
    "Finding": "amn.verdict",
    "Measured": "amn.verdict",
    "check": "amn.checks.check",
    "check_data": "amn.api",
    "check_encoder": "amn.api",
    "check_index": "amn.api",
    "check_split": "amn.api",
    "compare": "amn.api",
    "evaluate": "amn.api",
    "predict": "amn.api",
    "GateOptions": "amn.gate.modes",
    "GateResult": "amn.gate.result",
    "Outcome": "amn.verdict",
    "Severity": "amn.verdict",
    "Status": "amn.verdict",
    "Verdict": "amn.verdict",
    "Windows": "amn.data.windows",
    "load_case": "amn.case.load",
    "metric": "amn.evaluation.metric",
    "open_dataset": "amn.data.dataset",
    "run_gate": "amn.gate.modes",
    "write_dataset": "amn.data.writer",
}

__all__ = [
    "AmnError",
    "Case",
    "DataSet",
    "Evaluated",
    "Finding",
    "GateOptions",
    "GateResult",
    "Measured",
    "Outcome",
    "Severity",
    "Status",
    "Verdict",
    "Windows",
    "__version__",
    "check",
    "check_data",
    "check_encoder",
    "check_index",
    "check_split",
    "compare",
    "evaluate",
    "gate",
    "load_case",
    "metric",
    "open_dataset",
    "predict",
    "run_gate",
    "write_dataset",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use (PEP 562)."""
    if name == "gate":  # a room that can be called
        return import_module("amn.gate")
    if name not in _HOME:
        raise AttributeError(f"module 'amn' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
