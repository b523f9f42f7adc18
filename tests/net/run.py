"""The net: what the commands of `commands.py` give now, beside what was recorded.

  python -m tests.net.run                          all of them, two at a time
  python -m tests.net.run ID PREFIX-...            some: ids, or beginnings of ids
  python -m tests.net.run ID --record --reason WHY list how they differ now as wanted
  ... ID --record --again --reason WHY             take them anew: many lines differ for one reason
  python -m tests.net.run --record                 record commands that are new

Each difference is a line: command, field, recorded -> now. Exit code 1: one is not listed in
differences.toml, or one is listed and is none. The record itself stays as it was. A command that
left the list stays in it, too, with an entry of the field "command" that says why it left.

Numbers are compared within 1e-6, texts word by word and their numbers so; scores of a training on
another kind of machine than that of machine.txt within 0.003 or 1 %.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from tests.net.commands import COMMANDS
from tests.net.compare import (
    Difference,
    Recorded,
    Wanted,
    differences,
    judge,
    read_recorded,
    read_wanted,
    write_wanted,
)
from tests.net.play import play_all
from tests.net.record import MACHINE, WANTED, read_record, write_record

if TYPE_CHECKING:
    from tests.net.commands import Command

TRAINED = ("trained", "toy")  # bases with scores of a training
HEAD = """\
# Differences from the record that are wanted: each with its reason. One that is none is an error.
# Written by: python -m tests.net.run ID --record --reason WHY
"""


def machine() -> str:
    """Name what the last digits of a training depend on."""
    import numpy as np  # noqa: PLC0415 - after the number of threads is set
    import torch  # noqa: PLC0415 - as above

    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    model = next((line.rpartition(": ")[2] for line in lines if "model name" in line), "unknown")
    level = torch.backends.cpu.get_cpu_capability()
    return f"{model}, {level}, torch {torch.__version__}, numpy {np.__version__}"


def main() -> int:
    """Run the net; return the exit code."""
    options = _options()
    chosen = [c for c in COMMANDS if not options.ids or _is_named(c.id, options.ids)]
    unknown = [one for one in options.ids if not any(_is_named(c.id, [one]) for c in COMMANDS)]
    if unknown:
        print(f"expected ids of commands, or their beginnings, got {unknown[0]}", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{c.id:32} {c.base:8} {c.words}" for c in chosen))
        return 0

    begun = time.monotonic()
    now = _play(chosen, options)
    record = read_record()
    new = [name for name in now if name not in record]
    lost = [c.id for c in chosen if c.id not in now]
    if options.record and new:
        record |= {name: now[name] for name in new}
        write_record(record)
        MACHINE.write_text(machine() + "\n", "utf-8")
        print(f"recorded: {len(new)} commands")
        new = []

    is_far = MACHINE.exists() and MACHINE.read_text("utf-8").strip() != machine()
    far = {c.id for c in chosen if is_far and c.base in TRAINED}
    found = [
        one
        for name in now
        if name in record
        for one in differences(name, record[name], now[name], far=name in far)
    ]
    wanted = read_wanted(WANTED)
    faults, stale = judge(found, wanted, set(now), far)
    if options.again:
        recorded = [*read_recorded(WANTED), Recorded(tuple(now), options.reason)]
        write_record(record | now)
        write_wanted(
            WANTED, HEAD, [one for one in wanted if not now.keys() & one.commands], recorded
        )
        print(f"recorded again: {len(now)} commands")
        return 0
    if options.reason:
        _list_as_wanted(wanted, faults, stale, options.reason)
        return 0
    for one in faults:
        print(one)
    for one in stale:
        print(f"{one.command}: differences.toml lists what is no difference: {one}")
    for name in new:
        print(f"{name}: not recorded. Fix: python -m tests.net.run {name} --record")
    for name in lost:
        print(f"{name}: could not be played: see above")
    print(
        f"net: {len(now)} commands, {len(found)} differences, {len(found) - len(faults)} wanted, "
        f"{len(faults)} not listed, {len(stale)} listed in vain, {len(new)} not recorded, "
        f"{len(lost)} not played; {time.monotonic() - begun:.0f} s"
        + (", scores loosely: the record is of another machine" if is_far else "")
    )
    return int(bool(faults or stale or new or lost))


def _play(chosen: list[Command], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="amn-net-")).resolve()
    try:
        now, seconds = play_all(chosen, folder, options.jobs, keep=options.keep)
    finally:
        if options.keep:
            print(f"scenes: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if options.times:
        for name in sorted(seconds, key=lambda name: -seconds[name])[:40]:
            print(f"{seconds[name]:6.1f} s  {name}")
    return now


def _list_as_wanted(
    wanted: list[Wanted], faults: list[Difference], stale: list[Difference], reason: str
) -> None:
    """Write differences.toml with what differs now, and without what no longer does."""
    kept = [
        Wanted((one.command,), one.field, one.was, one.now, entry.reason)
        for entry in wanted
        for one in entry.each()
        if one not in stale
    ]
    kept += [Wanted((one.command,), one.field, one.was, one.now, reason) for one in faults]
    write_wanted(WANTED, HEAD, kept, read_recorded(WANTED))
    print(f"listed as wanted: {len(faults)} differences; taken out: {len(stale)}")


def _is_named(command: str, names: list[str]) -> bool:
    return any(command == name or command.startswith(f"{name.rstrip('-')}-") for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.net.run")
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--reason", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the scenes")
    parser.add_argument("--times", action="store_true", help="show which took longest")
    parser.add_argument("--list", action="store_true", help="list the commands and stop")
    options = parser.parse_args()
    if options.reason and not (options.record and options.ids and options.reason.strip()):
        parser.error("--reason goes with --record and the commands that it is of")
    if options.again and not options.reason:
        parser.error("--again goes with --record, the commands that it is of, and a --reason")
    return options


if __name__ == "__main__":
    sys.exit(main())
