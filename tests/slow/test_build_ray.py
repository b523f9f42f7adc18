"""The engine of a cluster: the same data set, also when a worker dies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.build import build_dataset
from amn.engines.ray import RayEngine, ray_cluster
from amn.errors import DataError, EncodingError
from amn.storage import sha256_file
from tests.corpora import page, shuffled_pages, toy_config, write_pages
from tests.encoders import DyingOnce, RaisesAt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("ray")
# Ray Data sets an option of its own that it calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    with ray_cluster(cpus=2):
        yield RayEngine(most=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "pages.jsonl", shuffled_pages())


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


def test_both_engines_make_the_same_data_set(
    source: Path, tmp_path: Path, engine: RayEngine
) -> None:
    local = build_dataset(tmp_path / "local", toy_config(source)).dataset
    ray = build_dataset(tmp_path / "ray", toy_config(source), engine=engine).dataset

    every = np.arange(len(local))
    np.testing.assert_allclose(ray.gather(every), local.gather(every), atol=1e-6)
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")


def test_a_worker_that_is_killed_half_way_loses_nothing(
    source: Path, tmp_path: Path, engine: RayEngine
) -> None:
    build_dataset(tmp_path / "local", toy_config(source))
    mark = tmp_path / "killed"
    config = toy_config(source, load=partial(DyingOnce, mark=str(mark)))

    build_dataset(tmp_path / "ray", config, engine=engine)

    assert mark.exists()
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")


def test_what_a_worker_raises_is_the_error_that_local_raises(
    source: Path, tmp_path: Path, engine: RayEngine
) -> None:
    config = toy_config(source, load=partial(RaisesAt, text="Paragraph 1 of article 7 says so."))

    with pytest.raises(EncodingError, match=r"^article 7 chunk 1 \(pages\.jsonl:\d+, row \d+\)"):
        build_dataset(tmp_path / "ray", config, engine=engine)


def test_a_broken_page_is_an_error_of_the_source_under_strict(
    tmp_path: Path, engine: RayEngine
) -> None:
    path = write_pages(tmp_path / "pages.jsonl", [page(1), {**page(2), "text": 5}])
    config = toy_config(path, strict=True)

    with pytest.raises(DataError, match=r"pages\.jsonl:2"):
        build_dataset(tmp_path / "ray", config, engine=engine)
