"""Check, train and score a case of a large data set; print the memory that each part took.

A process of its own: peak memory is a process's, and the one of a test run is not this one's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from amn.case.load import load_case
from amn.gate.modes import GateOptions, gate_of, plan_of
from amn.training.workers import train_seeds
from amn.verdict import EXECUTED
from tests.benchmarks.conftest import case_text

TRAINED = "[training]\nepochs = 1\nseeds = [0]\n"


def main(data: Path, folder: Path) -> None:
    """Print one line of JSON: what was checked, trained and scored, and the peak bytes so far."""
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(case_text(data.resolve().as_posix(), TRAINED), "utf-8")
    case = load_case(folder)
    gate = gate_of(case, GateOptions(cache=folder / "cache", first_run=True))
    executed = sum(outcome.status in EXECUTED for outcome in gate.before_training())
    checked = _peak()
    [run] = train_seeds(plan_of(case), {0: folder / "run"})
    result = {
        "rows": len(gate.evidence["data_sets"][0]),
        "checks": executed,
        "trained": run.record.epochs[0].n_windows,
        "scored": sum(len(scores.cosines) for scores in run.evaluation.scores.values()),
        "checking": checked,
        "peak": _peak(),
    }
    print(json.dumps(result))


def _peak() -> int:
    """Return the largest resident size until now, in bytes: own pages and mapped ones."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    [peak] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
    return peak


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
