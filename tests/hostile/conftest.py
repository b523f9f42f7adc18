"""The ground of all changes: made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.ground import build

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, _no_surroundings: None) -> Path:
    """The checkout that every change is made to; read only."""
    return build(tmp_path_factory.mktemp("hostile"))
