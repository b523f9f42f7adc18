"""Profiles of hypothesis: the same examples every time; AMN_EXAMPLES=long draws new ones, more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from amn.golden.base.target import CI_VARIABLES, OF_REQUESTS
from amn.system import CI_SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Threads of OpenMP that wait for work sleep: workers would spin on each other's cores. It is read
# when torch is loaded, after this.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

settings.register_profile("default", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("AMN_EXAMPLES", "default"))


@pytest.fixture(scope="session", autouse=True)
def _no_surroundings() -> Iterator[None]:
    """The CI system that runs the tests, and their terminal, are none to what they test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*CI_SIGNS, *CI_VARIABLES, *OF_REQUESTS.values(), "COLUMNS"):
            patch.delenv(name, raising=False)
        yield
