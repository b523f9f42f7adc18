"""Options that only a person or a pipeline may set, never a file of the checkout."""

from __future__ import annotations

import argparse
import os
import shlex

import pytest

# What is compared with, let through, left out or taken in place of training.
SAID = ("--amn-target", "--amn-approve-loosening", "--amn-first-run", "--amn-cache")


def require_said(config: pytest.Config) -> None:
    """Raise UsageError where one of them comes from `addopts`: a change would judge itself."""
    if hasattr(config, "workerinput"):  # the controller has looked
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in SAID:
        if option == "--amn-first-run":
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option)
    environment = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    said, _ = parser.parse_known_args([*environment, *map(str, config.invocation_params.args)])
    for option in SAID:
        name = option.removeprefix("--").replace("-", "_")
        if getattr(config.option, name) != getattr(said, name):
            file = config.inipath or "a setting of this project"
            raise pytest.UsageError(
                f"{option}: expected on the command line, got it from addopts of {file}. "
                "Fix: remove it there, and say it where pytest is run"
            )
