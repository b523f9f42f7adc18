"""A build that is killed goes on, whatever it was doing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.build import build_dataset
from amn.storage import sha256_file
from tests.corpora import page, toy_config, write_pages

if TYPE_CHECKING:
    from numpy.random import Generator

ROOT = Path(__file__).parents[2]
KILLS = 10
BUILD = """
import sys
from pathlib import Path
from amn.corpus.build import build_dataset
from tests.corpora import toy_config
print("ready", flush=True)
build_dataset(Path(sys.argv[2]), toy_config(Path(sys.argv[1])))
"""


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


def start(source: Path, out: Path) -> subprocess.Popen[str]:
    """Start the build in a process of its own; return when it begins."""
    command = [sys.executable, "-c", BUILD, str(source), str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - own code
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> int:
    process.communicate()
    return process.returncode


def killed_once(source: Path, out: Path, longest: float, rng: Generator) -> bool:
    """Kill a build after a random time up to `longest`, in s; tell whether it was still running."""
    process = start(source, out)
    time.sleep(rng.uniform(0, longest))
    process.kill()
    return finish(process) == -9


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = write_pages(
        tmp_path / "pages.jsonl", [page(7 * n % 401, 1 + n % 7) for n in range(400)]
    )
    begin = time.monotonic()
    build_dataset(tmp_path / "whole", toy_config(source))
    seconds = time.monotonic() - begin
    out, kills = tmp_path / "out", 0

    while kills < KILLS:
        kills += killed_once(source, out, seconds / KILLS, rng)
        if out.exists():  # it was faster than the kills: from the beginning
            finish(start(source, out))
            out.rename(tmp_path / f"early-{kills}")
    if not out.exists():
        assert finish(start(source, out)) == 0

    for built in [out, *tmp_path.glob("early-*")]:
        assert digests(built) == digests(tmp_path / "whole")
    assert not (tmp_path / "out.building").exists()
