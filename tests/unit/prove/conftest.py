"""A toy case with an index and a golden, in a folder of its own; read only."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from amn.data.dataset import open_dataset
from amn.data.index.build import build_index
from amn.golden.schema import Golden
from amn.golden.store import write_golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case


@pytest.fixture(scope="session")
def gated_case(
    make_case: Callable[..., Case],
    toy_data: Path,
    toy_golden: Golden,
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    folder = tmp_path_factory.mktemp("gated") / "toy"
    shutil.copytree(toy_data, folder / "data")
    build_index(open_dataset(folder / "data"), "flat")
    record = toy_golden.record.model_copy(update={"case": folder.name})
    write_golden(folder, Golden(record, toy_golden.tables))
    return make_case(folder, dataset={"path": "data"})


@pytest.fixture
def selftest(gated_case: Case, toy_cache: Path) -> Callable[..., Any]:
    """Run a self-test of the toy case on what `only` names, without clean variants."""
    from amn.prove.selftest import run_selftest  # noqa: PLC0415 - other tests need no torch

    def selftest(*only: str, case: Case = gated_case, n_variants: int = 0, **options: Any) -> Any:
        return run_selftest(case, cache=toy_cache, only=only, n_variants=n_variants, **options)

    return selftest
