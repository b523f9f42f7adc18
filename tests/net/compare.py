"""Differences of a command from its record, and those that are wanted."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
LABELS = re.compile(r"[A-Z]\d{3}-\w+(?:, [A-Z]\d{3}-\w+)+")  # of checks, in any order
CLOSE = 1e-6  # relative, and absolute: less than any limit's last digit
# Of scores after training on a machine of another kind: relative, and absolute.
FAR_RELATIVE, FAR_ABSOLUTE = 0.01, 0.003


@dataclass(frozen=True)
class Difference:
    """A field of a command that is not what was recorded.

    Attributes:
        was: None where the record has no such field or line.
        now: None where the command has none any more.
    """

    command: str
    field: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.command}: {self.field}: {_shown(self.was)} -> {_shown(self.now)}"


def _shown(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)


def same(was: Any, now: Any, *, far: bool = False) -> bool:
    """Tell whether a value is what was recorded; a text is, number by number.

    Args:
        far: The numbers come from a training, and this machine is not of the kind that recorded.
    """
    if isinstance(was, bool) or isinstance(now, bool) or was is None or now is None:
        return was is now
    if isinstance(was, int | float) and isinstance(now, int | float):
        return _close(was, now, far=far, step=CLOSE * isinstance(was, float))  # a count is exact
    if isinstance(was, str) and isinstance(now, str):
        was, now = (LABELS.sub(_sorted, text) for text in (was, now))
        pairs = zip(NUMBER.findall(was), NUMBER.findall(now), strict=False)
        return NUMBER.sub("#", was) == NUMBER.sub("#", now) and all(
            a == b or _close(*map(_float, (a, b)), far=far, step=_step(a)) for a, b in pairs
        )
    if isinstance(was, list) and isinstance(now, list):
        pairs = zip(was, now, strict=False)
        return len(was) == len(now) and all(same(a, b, far=far) for a, b in pairs)
    return bool(was == now)


def _sorted(labels: re.Match[str]) -> str:
    return ", ".join(sorted(labels[0].split(", ")))


def _float(text: str) -> float:
    return float(text.replace(",", ""))


def _step(text: str) -> float:
    """Return one unit of the last digit of a number in a text; 0 of a count, which is exact."""
    if "e" in text:
        return CLOSE  # rounding noise is printed so
    return 10.0 ** -len(text.partition(".")[2]) if "." in text else 0.0


def _close(was: float, now: float, *, far: bool, step: float = CLOSE) -> bool:
    if math.isnan(was) or math.isnan(now):
        return math.isnan(was) and math.isnan(now)
    if far and step:
        return math.isclose(was, now, rel_tol=FAR_RELATIVE, abs_tol=max(FAR_ABSOLUTE, 2 * step))
    return math.isclose(was, now, rel_tol=CLOSE, abs_tol=CLOSE)


def differences(
    command: str, was: dict[str, Any], now: dict[str, Any], *, far: bool = False
) -> Iterator[Difference]:
    """Yield every field that differs: of a check each of its values, of a text each line."""
    for field in [*was, *(name for name in now if name not in was)]:
        a, b = was.get(field), now.get(field)
        if isinstance(a, dict) or isinstance(b, dict):
            a, b = a or {}, b or {}
            for key in [*a, *(k for k in b if k not in a)]:
                if not same(a.get(key), b.get(key), far=far):
                    yield Difference(command, f"{field}, {key}", a.get(key), b.get(key))
        elif isinstance(a, list) or isinstance(b, list):
            for x, y in _lines(a or [], b or [], far=far):
                yield Difference(command, field, x, y)
        elif not same(a, b, far=far):
            yield Difference(command, field, a, b)


def _lines(was: list[Any], now: list[Any], *, far: bool) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of lines that differ; None beside a line that was added or is gone.

    Lines that are there as before in another place are no difference. What kept its place is taken
    out first: a line that is now equal to another one's would take its part.
    """
    was, now = _unlike(was, now, far=far)
    yield from zip(*_unlike(_without(was, now), _without(now, was), far=far), strict=True)


def _unlike(was: list[Any], now: list[Any], *, far: bool) -> tuple[list[Any], list[Any]]:
    """Return the lines that differ where both texts are laid side by side, as long as each other.

    Lines are of one place where all but their numbers is equal; None fills what has no partner.
    """
    a, b = ([NUMBER.sub("#", str(line)) for line in lines] for lines in (was, now))
    unlike = list[tuple[Any, Any]]()
    for _, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        unlike.extend(zip_longest(was[i:j], now[k:m]))
    differ = [(x, y) for x, y in unlike if not same(x, y, far=far)]
    return [x for x, _ in differ], [y for _, y in differ]


def _without(lines: list[Any], others: list[Any]) -> list[Any]:
    """Return the lines that are not among others, each of those counted once; None is no line."""
    left, kept = Counter(LABELS.sub(_sorted, str(one)) for one in others), []
    for line in (one for one in lines if one is not None):
        key = LABELS.sub(_sorted, str(line))
        if left[key]:
            left[key] -= 1
        else:
            kept.append(line)
    return kept


@dataclass(frozen=True)
class Wanted:
    """A difference that is wanted, of one or more commands.

    Attributes:
        reason: Why it is wanted.
    """

    commands: tuple[str, ...]
    field: str
    was: Any
    now: Any
    reason: str

    def each(self) -> Iterator[Difference]:
        """Yield the difference of every command."""
        for command in self.commands:
            yield Difference(command, self.field, self.was, self.now)


def read_wanted(path: Path) -> list[Wanted]:
    """Read the wanted differences.

    Raises:
        ValueError: If one has no reason, or keys that nobody reads.
    """
    wanted = []
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("difference", [])):
        known = {"commands", "field", "was", "now", "reason"}
        if not str(entry.get("reason", "")).strip() or not {"commands", "field"} <= set(entry):
            raise ValueError(f"{path.name}, entry {number + 1}: expected commands, field, reason")
        if odd := sorted(set(entry) - known):
            raise ValueError(f"{path.name}, entry {number + 1}: unknown key {odd[0]}")
        made = {**entry, "commands": tuple(entry["commands"])}
        wanted.append(Wanted(**{key: made.get(key) for key in sorted(known)}))
    return wanted


@dataclass(frozen=True)
class Recorded:
    """Commands that were recorded again, and why: their lines then are in the repository."""

    commands: tuple[str, ...]
    reason: str


def read_recorded(path: Path) -> list[Recorded]:
    """Read which commands were recorded again, and why. Raises ValueError without a reason."""
    entries = tomllib.loads(path.read_text("utf-8")).get("recorded", [])
    for entry in entries:
        if not str(entry.get("reason", "")).strip() or set(entry) != {"commands", "reason"}:
            raise ValueError(f"{path.name}: [[recorded]]: expected commands and a reason")
    return [Recorded(tuple(entry["commands"]), entry["reason"]) for entry in entries]


def write_wanted(
    path: Path, head: str, wanted: Iterable[Wanted], recorded: Iterable[Recorded]
) -> None:
    """Write what was recorded again, and the wanted differences, those of one kind together."""
    commands: dict[tuple[str, ...], list[str]] = {}
    for one in wanted:
        key = (one.field, json.dumps(one.was), json.dumps(one.now), one.reason)
        commands.setdefault(key, []).extend(one.commands)
    text = [head.rstrip("\n")]
    for one in recorded:
        text += ["", "[[recorded]]", f"commands = {json.dumps(sorted(one.commands))}"]
        text += [f"reason = {json.dumps(one.reason, ensure_ascii=False)}"]
    for (field, was, now, reason), names in sorted(commands.items()):
        entry = {"field": field, "was": json.loads(was), "now": json.loads(now), "reason": reason}
        text += ["", "[[difference]]", f"commands = {json.dumps(sorted(set(names)))}"]
        text += [
            f"{key} = {json.dumps(value, ensure_ascii=False).replace('NaN', 'nan')}"
            for key, value in entry.items()
            if value is not None
        ]
    path.write_text("\n".join(text) + "\n", "utf-8")


def judge(
    found: Iterable[Difference], wanted: Iterable[Wanted], commands: set[str], far: set[str]
) -> tuple[list[Difference], list[Difference]]:
    """Return the differences that nobody listed, and the listed ones that are none.

    Args:
        commands: Those that were run: of others nothing is known.
        far: Those whose numbers come from a training on a machine of another kind.
    """
    listed = [one for entry in wanted for one in entry.each() if one.command in commands]
    faults, met = [], set()
    for one in found:
        matches = [other for other in listed if _is_it(other, one, far=one.command in far)]
        met.update(map(id, matches))
        if not matches:
            faults.append(one)
    return faults, [one for one in listed if id(one) not in met]


def _is_it(listed: Difference, found: Difference, *, far: bool) -> bool:
    return (listed.command, listed.field) == (found.command, found.field) and all(
        same(a, b, far=far) for a, b in ((listed.was, found.was), (listed.now, found.now))
    )
