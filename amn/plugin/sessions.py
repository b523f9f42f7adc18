"""One gate a case and process, shared by the items and by users' fixtures."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amn.system import GOLDEN_FOLDER

if TYPE_CHECKING:
    from amn.gate.run import Gate
    from amn.golden.base.review import MergeBase

MERGE_BASE = pytest.StashKey["MergeBase"]()
GATES = pytest.StashKey[dict[Path, "Gate"]]()

logger = logging.getLogger("amn")


def gate_for(config: pytest.Config, folder: Path) -> Gate:
    """Return the gate of a case folder; the process has one, whoever asks.

    Raises:
        ConfigError: If its case.toml is wrong.
    """
    from amn.case.load import load_case  # noqa: PLC0415 - loads pydantic
    from amn.checks.own import load_conftests  # noqa: PLC0415 - loads little, beside the others
    from amn.gate.modes import GateOptions, gate_of  # noqa: PLC0415 - as above

    gates = config.stash[GATES]
    key = folder.resolve()
    if key not in gates:
        options = GateOptions(
            cache=Path(config.option.amn_cache),
            first_run=config.option.amn_first_run,
            merge_base=merge_base_of(config),
            today=datetime.now(tz=UTC).date(),
        )
        load_conftests([key])  # pytest has, but for --noconftest
        gates[key] = gate_of(load_case(key), options, progress=log_progress)
    return gates[key]


def merge_base_of(config: pytest.Config) -> MergeBase:
    """Return what the change is compared with; the process finds it once."""
    from amn.golden.base.review import MergeBase  # noqa: PLC0415 - loads pydantic

    if MERGE_BASE not in config.stash:
        config.stash[MERGE_BASE] = MergeBase.within(
            os.environ,
            config.rootpath,
            config.option.amn_target,
            config.option.amn_approve_loosening,
        )
    return config.stash[MERGE_BASE]


def find_folder(config: pytest.Config, name: str | None) -> Path:
    """Return the folder of the case `name` under golden/, or of the only one there.

    A name that cannot be resolved fails the test that asked; the message lists the choices.
    """
    from amn.case.load import case_files  # noqa: PLC0415 - loads pydantic

    golden = config.rootpath / GOLDEN_FOLDER
    folders = {file.parent.name: file.parent for file in case_files(golden)}
    if not folders:
        fix = "amn case new NAME --dataset PATH"
        pytest.fail(f"{golden}: expected a case, found none. Fix: {fix}", pytrace=False)
    choices = ", ".join(folders)
    if name is None and len(folders) == 1:
        return next(iter(folders.values()))
    if name is None:
        fix = '@pytest.mark.parametrize("amn_case", [NAME], indirect=True)'
        message = f"amn_case: expected a name, as there are {len(folders)} cases: {choices}"
        pytest.fail(f"{message}. Fix: {fix}", pytrace=False)
    if name not in folders:
        pytest.fail(f"amn_case: expected one of {choices}, got {name!r}", pytrace=False)
    return folders[name]


def log_progress(done: int, total: int, text: str) -> None:
    """Log how far a scan or a training is: `--log-cli-level=INFO` shows it."""
    logger.info("%s: %d of %d", text, done, total)
