"""The stored twin of a measured speed: ratios of a case, by the machine that they were taken on."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from amn.case.limits import RATIOS
from amn.errors import GoldenError
from amn.storage import canonical_json, parse_json, read_whole, sha256_of, write_json
from amn.system import installed

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEED_FOLDER = "speed"
FORMER = ("memory",)  # in files that earlier versions wrote; not read
SCHEMA = 1
DIGITS = 12  # of the fingerprint in a file name
PACKAGES = ("numpy", "torch")


def machine() -> dict[str, str]:
    """Return what speed depends on: processor, cores, Python, numpy and torch."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.system(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        # A case that trains nothing needs no torch.
        **{package: installed(package) or "none" for package in PACKAGES},
    }


def _processor() -> str:
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def speed_file(folder: Path, on: Mapping[str, str]) -> Path:
    """Return where the ratios of a case on a machine are kept."""
    return folder / SPEED_FOLDER / f"{sha256_of(canonical_json(dict(on)))[:DIGITS]}.json"


def write_speed(folder: Path, on: Mapping[str, str], ratios: Mapping[str, float]) -> Path:
    """Write the twin of a machine, replacing an older one; returns the file."""
    path = speed_file(folder, on)
    write_json(path, {"schema": SCHEMA, "machine": dict(on), "ratios": dict(ratios)})
    return path


def read_speed(folder: Path, on: Mapping[str, str]) -> dict[str, float] | None:
    """Return the stored ratios of a case on a machine, None when there are none.

    Raises:
        GoldenError: If the file is damaged, of another machine, or lacks a ratio.
    """
    path = speed_file(folder, on)
    try:
        document = parse_json(read_whole(path))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise GoldenError(path, f"expected the JSON of amn bench, got: {error}") from error
    fix = f"amn bench {quote(folder.name)}"
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise GoldenError(path, f"expected schema {SCHEMA}, got something else. Fix: {fix}")
    if document.get("machine") != dict(on):
        raise GoldenError(path, f"expected the machine of its name, got another. Fix: {fix}")
    ratios = document.get("ratios")
    if not isinstance(ratios, dict) or sorted({*ratios} - {*FORMER}) != sorted(RATIOS):
        raise GoldenError(path, f"expected {', '.join(RATIOS)}, got something else. Fix: {fix}")
    for name in RATIOS:
        ratio = ratios[name]
        if not isinstance(ratio, int | float) or not math.isfinite(ratio) or ratio <= 0:
            raise GoldenError(path, f"{name}: expected a positive ratio, got {ratio!r}. Fix: {fix}")
    return {name: float(ratios[name]) for name in RATIOS}
