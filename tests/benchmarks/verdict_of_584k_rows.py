"""Gate a first case of 584,000 rows by the command; print seconds, CPU seconds and peak memory.

    python -m tests.benchmarks.verdict_of_584k_rows FOLDER [KIND ...]

KIND is `ridge`, `amn` (three seeds of 20 epochs in float32) or `amn-bfloat16`; all by default.
Nothing is cached before, and nothing is stopped early: the golden that could do so is not there.
Needs 1 GB in FOLDER.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tests.benchmarks.conftest import case_text, write_running_text

ROWS = 584_000
TRAINED = '[model]\nkind = "amn"\n[training]\nepochs = 20\nseeds = [0, 1, 2]\n'
KINDS = {
    "ridge": '[model]\nkind = "ridge"\n',
    "amn": TRAINED,
    "amn-bfloat16": f'{TRAINED}precision = "bfloat16"\n',
}


def gate(folder: Path, kind: str) -> dict[str, object]:
    """Gate a case of a kind once, from nothing."""
    case = folder / kind
    shutil.rmtree(case, ignore_errors=True)
    case.mkdir()
    (case / "case.toml").write_text(case_text("../data", KINDS[kind]), "utf-8")
    command = [sys.executable, "-m", "amn", "gate", str(case), "--first-run", "--format", "json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--cache", str(case / "cache")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=False,
    )
    seconds = perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (said,) = json.loads(done.stdout)["results"]
    return {
        "kind": kind,
        "verdict": said["word"],
        "exit": done.returncode,
        "seconds": round(seconds, 1),
        "cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak GB": round(after.ru_maxrss * 1024 / 1e9, 2),  # of the largest process so far
    }


def main(folder: Path, kinds: list[str]) -> None:
    """Print one line of JSON a kind."""
    if not (folder / "data").exists():
        write_running_text(folder / "data", ROWS)
    for kind in kinds or KINDS:
        print(json.dumps(gate(folder, kind)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
