"""What runs the gate as lines with their places, in which nothing neutral is left.

Comments, layout and the order of a mapping's keys are gone; all else is kept, in order. Two files
that read the same here run the same.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from amn.storage import parse_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_LINES = 100_000  # of one file: aliases in YAML can stand for any number of them
ITEM = "[]"
PLAIN = (True, False)  # how YAML reads a scalar without quotes
STRING = "tag:yaml.org,2002:str"
SAME = (STRING, "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
RESOLVER = yaml.resolver.Resolver()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a file says.

    Attributes:
        keys: Where it stands: keys from the outside in, `[]` for an item of a list.
        value: What it says there.
    """

    keys: tuple[str, ...]
    value: str

    @property
    def where(self) -> str:
        """The place in one word: `jobs.gate.steps[].run`."""
        return ".".join(self.keys).replace(f".{ITEM}", ITEM)

    @property
    def text(self) -> str:
        """The last key and the value, as YAML writes them."""
        key = next((key for key in reversed(self.keys) if key != ITEM), "")
        return f"{key}: {self.value}" if key else self.value


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two readings do not share; None on the side that lacks it."""

    old: Line | None
    new: Line | None

    @property
    def where(self) -> str:
        """Where it stands, in either of them."""
        line = self.new or self.old
        return line.where if line else ""


def differences(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Difference]:
    """Yield what came, what went, and what stands in another order."""
    before, after = Counter(old), Counter(new)
    gone, come = list((before - after).elements()), list((after - before).elements())
    for line in gone:
        other = next((one for one in come if one.keys == line.keys), None)
        if other:
            come.remove(other)
        yield Difference(line, other)
    for line in come:
        yield Difference(None, line)
    if before == after and list(old) != list(new):
        first = next(pair for pair in zip(old, new, strict=True) if pair[0] != pair[1])
        yield Difference(*first)


@lru_cache(maxsize=32)  # a file is read for what names it, for its jobs, and for what they say
def yaml_lines(text: str) -> tuple[Line, ...]:
    """Lines of a YAML text, with the keys of a mapping in order.

    Raises:
        ValueError: If it is no YAML, has a key twice, or is endless.
    """
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        found: list[Line] = []
        for node in nodes:
            for line in _of_node(node, ()):
                found.append(line)
                if len(found) > MOST_LINES:
                    raise ValueError(f"more than {MOST_LINES:,} values")
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    return tuple(found)


def _of_node(node: Any, keys: tuple[str, ...]) -> Iterator[Line]:  # noqa: ANN401 - PyYAML has no types
    if isinstance(node, yaml.MappingNode):
        pairs = sorted(((_scalar(key), value) for key, value in node.value), key=lambda p: p[0])
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"{'.'.join(keys)}: a key twice")
        if not pairs:
            yield Line(keys, "{}")
        for name, value in pairs:
            yield from _of_node(value, (*keys, name))
    elif isinstance(node, yaml.SequenceNode):
        if not node.tag.startswith("tag:yaml.org"):  # GitLab's !reference [.job, script]
            keys = (*keys, node.tag)
        if not node.value:
            yield Line(keys, ITEM)
        for value in node.value:
            yield from _of_node(value, (*keys, ITEM))
    elif node is not None:
        parts = script_lines(node.value) if "\n" in node.value.strip() else [_scalar(node)]
        yield from (Line(keys, part) for part in parts)


def _scalar(node: Any) -> str:  # noqa: ANN401 - PyYAML has no types
    """Return a scalar's text, in quotes where they make it another value."""
    if not isinstance(node, yaml.ScalarNode):
        return str(node.tag)
    text = str(node.value)
    own = "" if node.tag.startswith("tag:yaml.org") else f"{node.tag} "
    # A number in quotes is the same variable; true and null in quotes are other values.
    plain = RESOLVER.resolve(yaml.ScalarNode, text, PLAIN)
    is_text = node.tag == STRING and bool(node.style) and plain not in SAME
    return f'{own}"{text}"' if is_text else own + text


def script_lines(text: str, comments: tuple[str, ...] = ("#",)) -> list[str]:
    """Return the lines of a script: continued ones joined, without those that are comments."""
    lines = (line.strip() for line in re.sub(r"\\\r?\n\s*", " ", text).splitlines())
    return [line for line in lines if line and (line[:2] == "#!" or not line.startswith(comments))]


def text_lines(text: str, comments: tuple[str, ...] = ("#",)) -> list[Line]:
    """Return the lines of a script, with no place of their own."""
    return [Line((), line) for line in script_lines(text, comments)]


def value_lines(value: object, keys: tuple[str, ...] = ()) -> Iterator[Line]:
    """Yield what parsed TOML or JSON says, with the keys of a table in order."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from value_lines(value[key], (*keys, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from value_lines(item, (*keys, ITEM))
    else:
        yield Line(keys, str(value))


def ini_values(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of an ini file.

    Raises:
        ValueError: If it is none.
    """
    parser = configparser.RawConfigParser(inline_comment_prefixes=("#",), strict=True)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(" ".join(str(error).split())) from error
    return {name: dict(parser[name]) for name in parser.sections()}


def settings_values(name: str, text: str) -> dict[str, Any]:
    """Return the sections of a file of settings, TOML or ini, by its name."""
    return parse_toml(text) if PurePosixPath(name).suffix == ".toml" else ini_values(text)


def statements(text: str) -> list[ast.stmt]:
    """Return the top-level statements of Python.

    Raises:
        ValueError: If it is none.
    """
    try:
        return ast.parse(text).body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from error


def python_lines(text: str) -> list[Line]:
    """Return the top-level statements of Python, without comments, layout and docstrings."""
    return [
        Line((), ast.unparse(statement))
        for statement in statements(text)
        if not is_docstring(statement)
    ]


def is_docstring(statement: ast.stmt) -> bool:
    """Tell whether a statement only says something."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def words(lines: Iterable[Line]) -> str:
    """Return all that lines say, as text to search."""
    return "\n".join(f"{' '.join(line.keys)} {line.text}" for line in lines)


def or_none(read: Callable[[str], Iterable[Line]], text: str) -> list[Line]:
    """Return what a reader finds; nothing in what it cannot read."""
    try:
        return list(read(text))
    except (ValueError, TypeError, AttributeError):
        return []
