from __future__ import annotations

import numpy as np

from amn.system import installed


def test_the_version_is_the_one_that_would_be_imported() -> None:
    assert installed("numpy") == np.__version__


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert installed("no-such-package") is None
