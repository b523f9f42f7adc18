from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST
from tests.benchmarks.conftest import LARGE_ROWS, Figure, case_text
from tests.benchmarks.scaling import COMMANDS, SIZES, lay_out, measure_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST = 1e9  # bytes, mapped files included, of a million rows
LINEAR = 0.8  # a row of a million takes at most 1.25 times the CPU seconds of one of 150,000


@pytest.fixture(scope="module")
def cases(
    large_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[int, Path]]:
    """A case of each size; the index that is built in the largest one's data is gone afterwards."""
    folder = tmp_path_factory.mktemp("sizes")
    large = folder / "large"
    large.mkdir()
    (large / "data").symlink_to(large_folder, target_is_directory=True)
    (large / "case.toml").write_text(case_text("data"), "utf-8")
    made = {n: lay_out(folder / str(n), n) for n in SIZES[:-1]}
    yield {**made, LARGE_ROWS: large}
    for name in (INDEX_FILE, INDEX_MANIFEST):
        (large_folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_costs_no_more_in_a_million_and_they_fit_in_a_gigabyte(
    name: str, cases: dict[int, Path], judge: Callable[[Figure], None]
) -> None:
    found = measure_sizes(name, cases)

    some, large = found[SIZES[-2]], found[LARGE_ROWS]
    linear = some.cpu_seconds * LARGE_ROWS / SIZES[-2]
    seconds = ", ".join(f"{used.seconds:.1f}" for used in found.values())
    ours = f"{large.cpu_seconds:.1f} CPU s"
    judge(
        Figure(
            f"{name}: {seconds} s", ours, f"{linear:.1f} CPU s", linear / large.cpu_seconds, LINEAR
        )
    )
    peak, most = (f"{size / 1e9:.2f} GB" for size in (large.peak, LARGEST))
    judge(Figure(f"{name}: peak memory of a million rows", peak, most, LARGEST / large.peak, 1))
