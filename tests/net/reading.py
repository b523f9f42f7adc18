"""What is recorded of a command: exit code, verdict, each check, and lines of text.

What differs from run to run or from machine to machine is named and not recorded: folders, dates,
times, digests, versions.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.net.commands import Command

# Digests and commits; a short commit may be ten digits, which no count of ours has.
HEX = re.compile(
    r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}\b|\b\d{20,}\b|(?<![.\d-])\b\d{10}\b(?!\.)"
    r"|\b[0-9a-f]{12}(?=\u2026)"  # a digest that is cut, of digits alone by chance too
    r"|(?<=\.amn/runs/)[0-9a-f]{2}(?=/)"  # the beginning of a run's digest
)
DATE = re.compile(r"\b20\d\d-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?")
TIME = re.compile(r"\b\d+(\.\d+)? ?(s|ms|seconds)\b|(?<=time=\")\d+\.\d+")
VERSION = re.compile(r"\b\d+\.\d+\.\d+\S*")
WORKER = re.compile(r"\[gw\d\] linux")
PROGRESS = re.compile(
    r"about \d+:\d\d:\d\d left|^seed \d+: |^reading every row: |^\s*$|^[.FEsx]+ +\[ *\d+%\]$"
)
# Of --format json, what is measured of time or said of the machine.
VOLATILE = {
    "seconds",
    "seconds_before_training",
    "machine",
    "versions",
    "time",
    "created",
    "windows_per_second",
}

VOLATILE_MESSAGE = "[other-record].message"  # of many windows alike it names one


def plain(text: str, scene: Path) -> str:
    """Return a text without what no other run has."""
    text = text.replace(str(scene), "SCENE").replace(sys.executable, "PYTHON")
    for pattern, word in (
        (HEX, "HEX"),
        (DATE, "DATE"),
        (TIME, "TIME"),
        (VERSION, "VERSION"),
        (WORKER, "[gw]"),
    ):
        text = pattern.sub(word, text)
    return re.sub(r"[ \t]+", " ", text).rstrip()


def lines(text: str, scene: Path) -> list[str]:
    """Return the lines of a text, without empty ones and those that show progress."""
    return [plain(line, scene) for line in text.splitlines() if not PROGRESS.search(line)]


def read(command: Command, got: tuple[int, str, str], scene: Path) -> dict[str, Any]:
    """Return what is recorded of a command: a field with its value, or with its lines."""
    code, out, err = got
    found: dict[str, Any] = {"exit": code}
    if "--format json" in command.words and out.lstrip()[:1] in ("{", "["):
        content = json.loads(out)
        if isinstance(content, dict) and "results" in content:
            for result in content["results"]:
                found.update(of_gate(result, scene))
            if content.get("alarms"):
                found["alarms"] = len(content["alarms"])
        elif isinstance(content, dict) and "diagnoses" in content:
            for diagnosis in content["diagnoses"]:
                found.update(of_diagnosis(diagnosis, scene))
        else:
            found.update(flat(content, scene))
    else:
        found["stdout"] = lines(out, scene)
    if said := lines(err, scene):
        found["stderr"] = said
    return found


def of_gate(result: dict[str, Any], scene: Path) -> dict[str, Any]:
    """Return the verdict of a case, its declared checks, and what each of them said."""
    case = result["case"]
    checks = {f"{c['id']}-{c['name']}": c for c in result["checks"]}
    found: dict[str, Any] = {
        f"{case} verdict": result["verdict"],
        f"{case} exit": result["exit_code"],
        f"{case} declared": len(result["declared"]),
        f"{case} reproduce": plain(result["reproduce"], scene),
    }
    if idle := sorted(set(result["declared"]) ^ set(checks)):
        found[f"{case} declared or run, not both"] = idle
    for name, check in checks.items():
        found.update(of_check(f"{case} {name}", check, scene))
    facts = result["facts"]
    for split, scores in facts.get("scores", {}).items():
        found.update(flat(scores, scene, f"{case} {split} scores"))
    kept = {key: facts[key] for key in ("mode", "status", "reason", "stop_epoch") if facts.get(key)}
    found.update(flat(kept, scene, case))
    if review := result["review"]:
        found[f"{case} loosenings"] = [
            plain(" | ".join(str(v) for v in one.values()), scene) for one in review["loosenings"]
        ]
        said = {key: review[key] for key in ("note", "approval", "worse_on_base", "is_judged")}
        found.update(flat(said, scene, f"{case} review"))
    for waiver in result["waivers"]:
        found[f"{case} waived {waiver['check']}"] = waiver["reason"]
    return found


def of_check(at: str, check: dict[str, Any], scene: Path) -> dict[str, Any]:
    """Return what a check said: a line of values, and its findings."""
    line = {key: check[key] for key in ("status", "number", "value", "detail")}
    line |= {key: (check["standing"] or {}).get(key) for key in ("low", "high")}
    values = {
        key: plain(value, scene) if isinstance(value, str) else value
        for key, value in line.items()
        if value not in (None, "")
    }
    said = [
        plain(f"{one['where']}: {one['message']}. Fix: {one['fix']}", scene)
        for one in check["findings"]
    ]
    return {at: values, f"{at} findings": said} if said else {at: values}


def of_diagnosis(diagnosis: dict[str, Any], scene: Path) -> dict[str, Any]:
    """Return what failed and the ranked causes, with their points and what to do."""
    name = diagnosis["name"]
    found: dict[str, Any] = {
        f"{name} verdict": diagnosis["verdict"],
        f"{name} failed": diagnosis["failed"],
        f"{name} warned": diagnosis["warned"],
        f"{name} causes": [cause["id"] for cause in diagnosis["causes"]],
    }
    for cause in diagnosis["causes"]:
        line = {"degree": cause["degree"], "points": cause["points"]}
        found[f"{name} cause {cause['id']}"] = line
        found[f"{name} cause {cause['id']} evidence"] = [
            plain(f"{one['points']} {one['text']}", scene)
            for one in (*cause["for"], *cause["against"])
        ]
    return found


def flat(content: Any, scene: Path, at: str = "") -> dict[str, Any]:
    """Return the leaves of what JSON holds, by where they are."""
    return dict(_leaves(content, scene, at))


def _leaves(content: Any, scene: Path, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            where = f"{at}.{key}" if at else str(key)
            if key not in VOLATILE and not where.endswith(VOLATILE_MESSAGE):
                yield from _leaves(value, scene, where)
    elif isinstance(content, list) and not any(isinstance(one, dict | list) for one in content):
        yield at, [plain(one, scene) if isinstance(one, str) else one for one in content]
    elif isinstance(content, list):
        named = [_name_of(value) for value in content]
        for number, value in enumerate(content):
            yield from _leaves(value, scene, f"{at}[{named[number] or number}]")
    else:
        yield at, plain(content, scene) if isinstance(content, str) else content


def _name_of(value: Any) -> str:
    """Return what names a part of a list, so that one more in front changes no other."""
    if not isinstance(value, dict):
        return ""
    return next(
        (str(value[k]) for k in ("defect", "limit", "id", "name", "case") if k in value), ""
    )
