"""A small real data set, cases over it, and the command: what the plan's systems are run on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from amn.cli.main import cli
from amn.data.dataset import open_dataset
from amn.data.writer import Chunks, write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

SHIPPED = Path(__file__).parents[2] / "golden" / "wiki-mini" / "data"
ARTICLES = 60  # the first of the shipped set: 40 train, 10 are in-dist, 10 OOD


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of 60 articles of Wikipedia, D = 768."""
    whole = open_dataset(SHIPPED)
    rows = np.flatnonzero(whole.codes < ARTICLES)
    chunks = Chunks(
        article_ids=whole.articles[whole.codes[rows]], chunk_index=whole.chunk_index[rows]
    )
    path = tmp_path_factory.mktemp("real") / "data"
    write_dataset(path, whole.gather(rows), chunks, name="real", dtype="float16")
    ids = whole.articles[:ARTICLES].tolist()
    lists = {"in_dist": ids[0:50:5], "ood": ids[50:]}
    (path / "splits.json").write_text(json.dumps(lists))
    return path


@dataclass
class Workplace:
    """A folder in which the command is run, with cases under golden/."""

    folder: Path
    data: Path

    def amn(self, *words: str, code: int | None = 0) -> str:
        """Run `amn`; return all that it printed."""
        done: Result = CliRunner().invoke(cli, list(words))
        if code is not None:
            assert done.exit_code == code, (done.output, done.exception)
        return done.output

    def case(self, name: str, *lines: str, data: Path | None = None, **sections: str) -> Path:
        """Write a case: lines before its sections, and lines of model, training and criteria."""
        folder = self.folder / "golden" / name
        folder.mkdir(parents=True, exist_ok=True)
        path = data or self.data
        text = ["schema = 1", *lines, "[dataset]", f'path = "{path}"', "[split]"]
        text += [
            f'{split} = {{ file = "{self.data}/splits.json" }}' for split in ("in_dist", "ood")
        ]
        defaults = {
            "windows": "context = 5",
            "model": 'recipe = "original"',
            "training": "seeds = [0]\nepochs = 2",
            "criteria": "in_dist = 0.2\nood = 0.2\ndelta = [-0.5, 0.5]\nlift = -0.5",
        }
        for section, body in {**defaults, **sections}.items():
            text += [f"[{section}]", body]
        (folder / "case.toml").write_text("\n".join(text))
        return folder

    def record(self, name: str, out: str = "runs", seed: int = 0) -> dict[str, Any]:
        """Return run.json of a run."""
        file = self.folder / out / f"{name}-seed-{seed}" / "run.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return found


@pytest.fixture
def place(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # a golden is a person's to accept
    return Workplace(tmp_path, real)


@pytest.fixture(scope="session")
def parameters() -> Callable[[str], int]:
    """Count the parameters of a kind of network as the original work had it, D = 768."""
    from amn.case.config import CaseConfig  # noqa: PLC0415 - beside the next
    from amn.training.networks.build import (  # noqa: PLC0415 - loads torch
        build_model,
        count_parameters,
        spec_for,
    )

    def count(kind: str) -> int:
        sections = {
            "dataset": {"path": "."},
            "split": {"in_dist": {"articles": [1]}, "ood": {"articles": [2]}},
        }
        model = {"kind": kind, "recipe": "original"}
        config = CaseConfig.model_validate({"schema": 1, **sections, "model": model})
        return count_parameters(build_model(spec_for(config, 768)))

    return count
