"""The ground of all changes: made once; what a change declares is forgotten after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.checks.check import checks
from tests.hostile.ground import build
from tests.own_checks import forgotten

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, _no_surroundings: None) -> Path:
    """The checkout that every change is made to; read only."""
    return build(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(autouse=True)
def _forgets_checks() -> Iterator[None]:
    checks()  # ours are there, whatever ran first
    with forgotten():
        yield
