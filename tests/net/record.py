"""What was recorded of each command: files of a line a field, a line of text a line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECORD = HERE / "record"
WANTED = HERE / "differences.toml"
MACHINE = HERE / "machine.txt"
LIKE = "like"
# Gates of the sound cases, and a field that gates of those cases with all their checks have.
SOUND = {"shipped-gate": "wiki-mini C002-ood", "toy-gate": "toy C002-ood"}


def group_of(command: str) -> str:
    """Return the group of a command: the first word of its id."""
    return command.split("-", maxsplit=1)[0]


def read_record() -> dict[str, dict[str, Any]]:
    """Return what was recorded, by command."""
    raw: dict[str, dict[str, Any]] = {}
    for file in sorted(RECORD.glob("*.json")):
        raw |= json.loads(file.read_text("utf-8"))
    return {name: _whole(fields, raw) for name, fields in raw.items()}


def _whole(fields: dict[str, Any], raw: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return all fields of a command that is recorded beside another one."""
    if LIKE not in fields:
        return fields
    both = raw[fields[LIKE]] | fields
    return {key: value for key, value in both.items() if value is not None and key != LIKE}


def _beside(fields: dict[str, Any], sound: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the fields that another command, by that name, does not have so; None: it alone."""
    other = {k: v for k, v in fields.items() if sound.get(k) != v or k == "exit"}
    return {LIKE: name, **other, **{key: None for key in sound if key not in fields}}


def write_record(record: dict[str, dict[str, Any]]) -> None:
    """Write what is recorded: a file a group, a line a field, and a line of text a line.

    The gate of a changed case shows what it has not in common with that of the sound one.
    """
    shutil.rmtree(RECORD, ignore_errors=True)
    RECORD.mkdir()
    written = {}
    for name, fields in sorted(record.items()):
        sound = next((s for s in SOUND if name != s and SOUND[s] in fields and s in record), None)
        beside = _beside(fields, record[sound], sound) if sound else fields
        written[name] = min(beside, fields, key=len)
    for group in sorted({group_of(name) for name in record}):
        text = [
            f"{json.dumps(name)}: {{\n{_fields(fields)}\n}}"
            for name, fields in written.items()
            if group_of(name) == group
        ]
        (RECORD / f"{group}.json").write_text("{\n" + ",\n".join(text) + "\n}\n", "utf-8")


def _fields(fields: dict[str, Any]) -> str:
    return ",\n".join(f"  {json.dumps(key)}: {_value(fields[key])}" for key in sorted(fields))


def _value(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(one, str) for one in value):
        return "[\n" + ",\n".join(f"    {_text(one)}" for one in value) + "\n  ]"
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
