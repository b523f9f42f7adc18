"""A gate of the toy case, for the tests of its page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from amn.gate.modes import GateOptions, run_gate
from amn.golden.store import write_golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.gate.result import GateResult
    from amn.golden.schema import Golden


@pytest.fixture
def gated(
    make_case: Callable[..., Any], toy_cache: Path, toy_golden: Golden, tmp_path: Path
) -> Callable[..., GateResult]:
    """Gate the toy case against its golden."""

    def gated(*, with_golden: bool = True, **options: Any) -> GateResult:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        if with_golden:
            record = toy_golden.record.model_copy(update={"case": "case"})
            write_golden(folder, replace(toy_golden, record=record))
        values: dict[str, Any] = {
            "cache": toy_cache,
            "first_run": not with_golden,
            "allow_same": True,
        }
        return run_gate(make_case(folder), GateOptions(**(values | options)))

    return gated
