"""Copies of the shipped case, to be broken."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.case import load_case
from amn.data.dataset import DataSet, open_dataset
from amn.data.manifest import Stage
from amn.data.writer import Chunks, write_dataset
from amn.findings import GateResult, Outcome, Status
from amn.gate.session import GateOptions, run_gate
from amn.index.build import build_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini"


@dataclass
class CaseCopy:
    """A copy of the shipped case in a folder of its own."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def vectors_file(self) -> Path:
        return self.data / "vectors-00000.npy"

    def dataset(self) -> DataSet:
        return open_dataset(self.data)

    def change_vectors(self, change: Callable[[NDArray[Any]], None]) -> None:
        """Change stored vectors in place; no digest is touched."""
        vectors = np.lib.format.open_memmap(self.vectors_file, mode="r+")
        change(vectors)
        vectors.flush()

    def edit_case(self, old: str, new: str) -> None:
        file = self.folder / "case.toml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def rebuild(
        self,
        vectors: NDArray[Any],
        article_ids: NDArray[np.int64],
        chunk_index: NDArray[np.int32],
    ) -> None:
        """Write the data set and its index anew, with every digest right."""
        shutil.rmtree(self.data)
        n = len(vectors)
        write_dataset(
            self.data,
            vectors,
            Chunks(
                article_ids=article_ids,
                chunk_index=chunk_index,
                extra={"title": pa.array(["t"] * n)},
            ),
            name="wiki-mini",
            stages=[Stage(name="import", rows_in=n, rows_out=n)],
        )
        build_index(open_dataset(self.data))

    def gate(self) -> GateResult:
        """Gate it with an empty cache: a run folder appears only if something was trained."""
        return run_gate(load_case(self.folder), GateOptions(cache=self.folder / "cache"))

    def was_trained(self) -> bool:
        return (self.folder / "cache").exists()


@pytest.fixture
def case_copy(tmp_path: Path) -> CaseCopy:
    folder = tmp_path / "wiki-mini"
    shutil.copytree(SHIPPED, folder)
    return CaseCopy(folder)


def failing(result: GateResult) -> dict[str, Outcome]:
    """Return the checks that ran and failed, by id."""
    idle = (Status.PASS, Status.WARN, Status.NOT_RUN)
    return {o.check: o for o in result.outcomes if o.status not in idle}


def text_of(outcome: Outcome) -> str:
    return "\n".join(str(finding) for finding in outcome.findings)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
