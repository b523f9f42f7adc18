from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amn.data.dataset import open_dataset
from amn.data.scan import scan_rows
from amn.gate.evidence import Evidence, declare, named
from amn.gate.makers import at_rest
from amn.verdict import Status
from tests.benchmarks.conftest import DIM, LARGE_ROWS, Figure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.conftest import Race

# sha256 alone, at 1.8 GB/s a core, lets two cores come to 0.25 of a copy at 14.5 GB/s; it is 0.85
# of the scan's 1.5 CPU seconds. Measured 0.12, and 0.07 with half a second of statistics.
BAR = 0.1
ALL_BAR = 0.06
ROUNDS = 5


def test_a_scan_of_a_million_rows(
    large_folder: Path, race: Callable[..., Race], judge: Callable[[Figure], None]
) -> None:
    dataset = open_dataset(large_folder)
    source = np.ones((LARGE_ROWS, DIM), np.float16)
    copy = np.zeros_like(source)

    result = race(lambda: scan_rows(dataset), lambda: np.copyto(copy, source), ROUNDS)

    speeds = (f"{source.nbytes / s / 1e9:.2f} GB/s" for s in (result.ours, result.plain))
    judge(Figure("scan of every row against a memory copy", *speeds, ratio=result.ratio, bar=BAR))


def test_every_data_check_of_a_million_rows(
    large_folder: Path, race: Callable[..., Race], judge: Callable[[Figure], None]
) -> None:
    chosen = {**at_rest.DATA, **named(at_rest.row_digests)}
    checks = declare(Evidence(chosen, folders=(large_folder,), progress=None))
    assert {check.family for check in checks} == {"data"}
    source = np.ones((LARGE_ROWS, DIM), np.float16)
    copy = np.zeros_like(source)

    def run_checks() -> list[Status]:
        evidence = Evidence(chosen, folders=(large_folder,), progress=None)
        statuses = [check.run(evidence).status for check in checks]
        assert statuses == [Status.PASS] * len(checks)
        return statuses

    result = race(run_checks, lambda: np.copyto(copy, source), ROUNDS)

    speeds = (f"{source.nbytes / s / 1e9:.2f} GB/s" for s in (result.ours, result.plain))
    name = f"{len(checks)} data checks against a memory copy"
    judge(Figure(name, *speeds, ratio=result.ratio, bar=ALL_BAR))
