"""What the commands that judge data take, by rows: seconds, CPU seconds and peak memory.

    python -m tests.benchmarks.scaling docs/speed.md [FOLDER]

writes the section "Data" of that file, in about five minutes; needs 4 GB in FOLDER. Each command is
a process of its own. Sizes take turns, and the best of the rounds counts: what else runs on the
machine adds to every one of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

from amn.data.dataset import open_dataset
from amn.data.scan import scan_rows
from amn.system import available_cores
from tests.benchmarks.conftest import ARTICLE_ROWS, DIM, LARGE_ROWS, case_text, write_running_text

SIZES = (15_000, 150_000, LARGE_ROWS)
ROUNDS = 2
SCANS = 5
POLL_S = 0.005
# In this order: an index that is there is judged by `check split`, too.
COMMANDS = {
    "check data": "check data {data}",
    "check split": "check split {case}",
    "describe": "data describe {data}",
    "compare": "data compare {data} --articles-a {first} --articles-b {second}",
    "filter": "data filter {data} {new} --rules short=6,near-duplicates,coherence=0.35",
    "index build": "index build {data}",
    "check index": "check index {data}",
}


@dataclass(frozen=True)
class Used:
    """What one run of a command took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of all threads, in the system too.
        peak: Bytes that were resident at once; mapped files count, as far as they are there.
    """

    seconds: float
    cpu_seconds: float
    peak: int

    def best(self, other: Used) -> Used:
        """Return the smaller of each."""
        pairs = ((self.seconds, other.seconds), (self.cpu_seconds, other.cpu_seconds))
        return Used(*map(min, pairs), peak=min(self.peak, other.peak))


def lay_out(folder: Path, n_rows: int) -> Path:
    """Make a folder of a case whose data set has so many rows."""
    write_running_text(folder / "data", n_rows)
    (folder / "case.toml").write_text(case_text("data"), "utf-8")
    return folder


def measure(name: str, case: Path, n_rows: int) -> Used:
    """Run a command on the data set of a case."""
    n_articles = -(-n_rows // ARTICLE_ROWS)
    words = COMMANDS[name].format(
        data=case / "data",
        case=case,
        new=case / "new",
        first=f"0-{n_articles // 2 - 1}",
        second=f"{n_articles // 2}-{n_articles - 1}",
    )
    begin = perf_counter()
    command = [sys.executable, "-m", "amn", *words.split()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:  # noqa: S603 - our own
        # The high-water mark that wait4 reports begins with that of this process.
        peak, status = 0, Path(f"/proc/{child.pid}/status")
        while True:
            pid, code, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            marks = re.findall(r"^VmHWM:\s+(\d+)", status.read_text("utf-8"), re.MULTILINE)
            peak = max([peak, *(1024 * int(mark) for mark in marks)])
            sleep(POLL_S)
        seconds = perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(code)
        told = child.stderr.read().decode() if child.stderr else ""
    shutil.rmtree(case / "new", ignore_errors=True)
    if child.returncode:
        raise RuntimeError(f"{name}: expected exit 0, got {child.returncode}: {told}")
    return Used(seconds, used.ru_utime + used.ru_stime, peak)


def measure_sizes(name: str, cases: dict[int, Path]) -> dict[int, Used]:
    """Run a command on every size in turn, some rounds; return the best of each."""
    found: dict[int, Used] = {}
    for _ in range(ROUNDS):
        for n_rows, case in cases.items():
            used = measure(name, case, n_rows)
            found[n_rows] = used.best(found.get(n_rows, used))
    return found


def scan_and_copy(data: Path) -> tuple[float, float]:
    """Return the seconds of a scan of a data set's rows, and of a copy of as much memory."""
    dataset = open_dataset(data)
    source = np.ones((len(dataset), DIM), dataset.manifest.dtype)
    target = np.zeros_like(source)
    scans, copies = [], []
    for _ in range(SCANS):
        begin = perf_counter()
        np.copyto(target, source)
        middle = perf_counter()
        scan_rows(dataset)
        copies.append(middle - begin)
        scans.append(perf_counter() - middle)
    return min(scans), min(copies)


SECTION = """\
## Data

Made by `python -m tests.benchmarks.scaling docs/speed.md`, which writes this section, on {cores}
cores. Text is drawn: {dim} numbers a row in float16, articles of {article} rows. Each command is a
process of its own, its start included; figures are the best of {rounds} rounds. Memory is what was
resident at once, mapped files included as far as they are there; MB of {sizes} rows.

| amn | {seconds} | CPU s of the last | s a further million | MB |
|---|{rules}---:|---:|---|
{lines}

The scan of every row (finite, norms, neighbours, digests of rows and files) takes {scan:.2f} s of a
million rows, {speed:.1f} GB/s: {share:.2f} of the speed of a memory copy, which takes {copy:.2f} s.

Most of it is sha256, which the format asks for: near 0.85 CPU seconds.

Rows are read once, or drawn up to a number. Only near-duplicate articles are looked for in pairs,
along few directions: with millions of articles, that is most of `describe` and `filter`.
"""


def section(found: dict[str, dict[int, Used]], scan_s: float, copy_s: float) -> str:
    """Return the section as markdown."""
    lines = []
    for name, used in found.items():
        some, large = (used[n] for n in SIZES[-2:])
        further = (large.seconds - some.seconds) / (SIZES[-1] - SIZES[-2]) * 1e6
        cells = [*(f"{used[n].seconds:.1f}" for n in SIZES), f"{large.cpu_seconds:.1f}"]
        memory = ", ".join(f"{used[n].peak / 1e6:.0f}" for n in SIZES)
        lines.append(f"| {name} | {' | '.join(cells)} | {further:.1f} | {memory} |")
    return SECTION.format(
        cores=available_cores(),
        dim=DIM,
        article=ARTICLE_ROWS,
        rounds=ROUNDS,
        sizes=", ".join(f"{n:,}" for n in SIZES),
        seconds=" | ".join(f"{n:,} rows, s" for n in SIZES),
        rules="---:|" * len(SIZES),
        lines="\n".join(lines),
        scan=scan_s,
        speed=LARGE_ROWS * DIM * 2 / scan_s / 1e9,
        share=copy_s / scan_s,
        copy=copy_s,
    )


def main(file: Path, folder: Path) -> None:
    """Measure, and write the section into a file that has or gets it."""
    cases = {n: lay_out(folder / str(n), n) for n in SIZES}
    scan_s, copy_s = scan_and_copy(cases[SIZES[-1]] / "data")
    found = {}
    for name in COMMANDS:
        found[name] = measure_sizes(name, cases)
        print(name, *found[name].values(), sep="\n  ", flush=True)
    text = file.read_text("utf-8") if file.exists() else "# Speed\n"
    before, _, rest = text.partition("## Data\n")
    after = re.search(r"^## ", rest, re.MULTILINE)
    own = section(found, scan_s, copy_s)
    whole = [before.rstrip("\n"), own.rstrip("\n"), rest[after.start() :] if after else ""]
    file.write_text("\n\n".join(whole).rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as made:
        main(Path(sys.argv[1]), Path(made))
