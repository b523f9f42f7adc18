"""Ratios of two times, taken in turn in the same run, and the bars that they must reach.

`pytest tests/benchmarks` prints them as a table, and with `--page` writes them into docs/speed.md.
Seconds depend on the machine and on what else it does; a ratio of the best of several rounds
depends on that much less.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

DIM = 768
LARGE_ROWS = 1_000_000
ARTICLE_ROWS = 35
SHARD_ROWS = LARGE_ROWS // 4
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
DRAWN_ARTICLES = 500  # at a time: 54 MB


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        ratio: Plain's over ours: higher is better.
        bar: What the ratio has to reach; None where it is only reported.
    """

    name: str
    ours: str
    plain: str
    ratio: float
    bar: float | None = None

    def __str__(self) -> str:
        bar = "reported only" if self.bar is None else f"bar {self.bar:g}"
        return f"{self.name:<42} {self.ours:>22} {self.plain:>22} {self.ratio:>7.2f}  {bar}"


@dataclass(frozen=True)
class Race:
    """The best time of each side, in seconds."""

    ours: float
    plain: float

    @property
    def ratio(self) -> float:
        """How many times ours fits into plain's."""
        return self.plain / self.ours


FIGURES = pytest.StashKey[list[Figure]]()
TABLES = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", action="store_true", help="Write the tables into docs/speed.md.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES], config.stash[TABLES] = [], {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables and the ratios; put them into the page where that is asked for."""
    figures, tables = config.stash[FIGURES], config.stash[TABLES]
    for name, lines in tables.items():
        terminalreporter.section(name)
        terminalreporter.write_line("\n".join(lines))
    terminalreporter.section("ratios")
    for figure in figures:
        terminalreporter.write_line(str(figure))
    if config.getoption("--page"):
        page = PAGE.read_text()
        for name, lines in tables.items():
            page = with_table(page, name, lines)
        PAGE.write_text(page)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def with_table(page: str, name: str, lines: Sequence[str]) -> str:
    """Return a page with the lines between `<!-- name -->` and `<!-- end -->` in place of others.

    Raises:
        ValueError: If the page has no such place.
    """
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise ValueError(f"{PAGE}: expected <!-- {name} --> and <!-- end -->, found none")
    return "\n".join([f"{before}<!-- {name} -->", *lines, end + after])


@pytest.fixture(scope="session")
def tabulate(request: pytest.FixtureRequest) -> Callable[[str, list[str]], None]:
    """Put a table, lines of markdown, under the name of its place in docs/speed.md."""
    return request.config.stash[TABLES].__setitem__


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[[Figure], None]:
    """Put a figure in the table; fail the test when it misses its bar."""

    def judge(figure: Figure) -> None:
        request.config.stash[FIGURES].append(figure)
        assert figure.bar is None or figure.ratio >= figure.bar, str(figure)

    return judge


@pytest.fixture
def race(benchmark: Any) -> Callable[..., Race]:
    """Time two functions in turn and return the best of each."""

    def race(ours: Callable[[], Any], plain: Callable[[], Any], rounds: int) -> Race:
        plain_s: list[float] = []

        def time_plain() -> None:
            begin = time.perf_counter()
            plain()
            plain_s.append(time.perf_counter() - begin)

        benchmark.pedantic(ours, setup=time_plain, rounds=rounds)
        return Race(ours=benchmark.stats.stats.min, plain=min(plain_s))

    return race


def running_text(rng: np.random.Generator, n_articles: int) -> NDArray[np.float32]:
    """Return unit rows of articles that have a topic each and drift around it."""
    shape = (n_articles, ARTICLE_ROWS, DIM)
    drift = rng.standard_normal(shape, dtype=np.float32)
    for row in range(1, ARTICLE_ROWS):
        drift[:, row] = 0.7 * drift[:, row - 1] + 0.714 * drift[:, row]
    rows = drift + 0.8 * rng.standard_normal((n_articles, 1, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows.reshape(-1, DIM)


def case_text(data: str, settings: str = "") -> str:
    """Return a case.toml of a data set whose judged articles are drawn.

    Args:
        data: Path of the data set.
        settings: More sections.
    """
    return f"""
schema = 1
[dataset]
path = "{data}"
[split]
in_dist = {{ fraction = 0.1, seed = 0 }}
ood = {{ fraction = 0.1, seed = 1 }}
[windows]
context = 5
{settings}
"""


def write_running_text(folder: Path, n_rows: int) -> None:
    """Write a data set of so many rows whose neighbours are alike, in float16."""
    rng = np.random.default_rng(0)
    vectors = np.empty((n_rows, DIM), np.float16)
    for start in range(0, n_rows, DRAWN_ARTICLES * ARTICLE_ROWS):
        rows = running_text(rng, DRAWN_ARTICLES)
        vectors[start : start + len(rows)] = rows[: n_rows - start]
    article, chunk = np.divmod(np.arange(n_rows), ARTICLE_ROWS)
    write_dataset(
        folder,
        vectors,
        Chunks(article_ids=article, chunk_index=chunk.astype(np.int32)),
        name="large",
        stages=[Stage(name="drawn", rows_in=n_rows, rows_out=n_rows)],
        shard_rows=SHARD_ROWS - ARTICLE_ROWS,  # a shard ends with an article: four, not five
    )


@pytest.fixture(scope="session")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data set of a million rows, in four shards: 1.5 GB."""
    folder = tmp_path_factory.mktemp("large") / "data"
    write_running_text(folder, LARGE_ROWS)
    yield folder
    shutil.rmtree(folder)  # pytest would keep three runs' worth
