"""Every key of case.toml, from the sections themselves: its values, its default, what it means."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amn.case.config import CaseConfig
from amn.case.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
BOUNDS = {
    "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
}  # fmt: skip
TYPES = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true, false",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: With its sections: `training.abort.drop`; `[]` stands for a table of a list.
        values: What it may be.
        default: As it is written in TOML; `required`; empty where the recipe or another key says.
        what: What it means.
    """

    name: str
    values: str
    default: str
    what: str


def keys(section: type[Section] = CaseConfig, before: str = "") -> Iterator[Key]:
    """Yield every key of a section, and then of the sections in it, in the order of the code."""
    schema = section.model_json_schema(by_alias=True)
    meanings = dict(_meanings(section))
    sections = []
    for field, info in section.model_fields.items():
        name = info.alias or field
        shape = schema["properties"][name]
        if inner := _section_in(info.annotation):
            is_list = any(one.get("type") == "array" for one in shape.get("anyOf", [shape]))
            sections.append((inner, f"{before}{name}{'[]' * is_list}."))
            continue
        usual = info.get_default(call_default_factory=True)
        default = "required" if info.is_required() else _toml(usual)
        yield Key(f"{before}{name}", _values(shape, schema), default, meanings.get(field, ""))
    for inner, place in sections:
        yield from keys(inner, place)


def _section_in(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any type
    """Return the section that a type is made of: `list[Phase] | None` has one."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return annotation
    parts = getattr(annotation, "__args__", ())
    return next(filter(None, map(_section_in, parts)), None)


def _meanings(section: type[Section]) -> Iterator[tuple[str, str]]:
    """Yield what the docstring says of each attribute."""
    text = inspect.getdoc(section) or ""
    for name, meaning in ATTRIBUTE.findall(text.partition("Attributes:\n")[2]):
        yield name, " ".join(meaning.split())


def _toml(value: object) -> str:
    """Return a default as TOML has it; empty where there is none."""
    return "" if value is None or value == {} else json.dumps(value)


def _values(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return what a value may be, in words."""
    options = shape.get("anyOf", [shape])
    return ", or ".join(_value(one, schema) for one in options if one.get("type") != "null")


def _value(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return one way of what a value may be."""
    if "$ref" in shape:
        return _value(schema["$defs"][shape["$ref"].rpartition("/")[2]], schema)
    if "enum" in shape or "const" in shape:
        return ", ".join(json.dumps(one) for one in shape.get("enum", [shape.get("const")]))
    kind = shape.get("type", "")
    if kind == "array":
        items = shape.get("prefixItems", [shape.get("items", {})])
        inner = " and ".join(dict.fromkeys(_values(one, schema) for one in items))
        number = f"{len(items)} of: " if "prefixItems" in shape else ""
        return f"list of {number}{inner}"
    if kind == "object":
        return "table"
    bounds = [f"{sign} {shape[key]:g}" for key, sign in BOUNDS.items() if key in shape]
    return " ".join([TYPES[kind], *bounds])


def to_markdown() -> str:
    """Return a page of every key, a table a section."""
    lines = ["# Every key of case.toml", "", INTRODUCTION]
    last = None
    for key in keys():
        section, _, name = key.name.rpartition(".")
        if section != last:
            last = section
            title = f"[{section}]" if section else "at the top"
            title = f"[[{section.removesuffix('[]')}]]" if section.endswith("[]") else title
            lines += ["", f"## {title}", "", "| key | values | default | |", "|---|---|---|---|"]
        default = f"`{key.default}`" if key.default not in ("", "required") else key.default
        row = f"| `{name}` | {key.values} | {default} | {key.what} |"
        lines.append(row.replace("||", "| |"))
    return "\n".join(lines) + "\n"


INTRODUCTION = """\
Made by `amn case keys --format markdown`. Unknown keys are refused, and every problem is listed at
once, with its line. An empty default is the recipe's value, or nothing. Paths are relative to the
case's folder."""
