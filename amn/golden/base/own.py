"""Checks of one's own that a change removed from a conftest.py, or made into other checks."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from amn.verdict import OTHERS, Loosening

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_loosenings(path: str, old: str, new: str) -> Iterator[Loosening]:
    """Yield the checks that are gone or no longer what they were.

    Args:
        path: Of the conftest.py, relative to the root of the repository.
        old: Its text at the merge base.
        new: Its text now.
    """
    if old == new:
        return
    before, after = _code_of_checks(old), _code_of_checks(new)
    for check, code in before.items():
        if check not in after:
            yield Loosening("removed a check", f"{path} {check}", "there", "gone")
        elif after[check] != code:
            yield Loosening("changed a check", f"{path} {check}", "as reviewed", "other code")


def _code_of_checks(text: str) -> dict[str, str]:
    """Return the code of each check by id: the statement that declares it, and what it uses.

    That are limits, helpers, defects and imported names of the same file, round every corner.
    """
    try:
        body = [part for statement in ast.parse(text).body for part in import_parts(statement)]
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    for statement in body:
        mine, names = [statement], _used(statement)
        while more := [one for one in body if one not in mine and bound_names(one) & names]:
            mine += more
            names = names.union(*map(_used, more))
        code = "\n".join(ast.unparse(one) for one in body if one in mine)
        found |= dict.fromkeys(check_ids(statement), code)
    return found


def import_parts(statement: ast.stmt) -> list[ast.stmt]:
    """Return a statement; of an import, one a name."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [ast.ImportFrom(statement.module, [a], statement.level) for a in statement.names]
    return [statement]


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds in its file."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return {name.id for name in _names(statement) if isinstance(name.ctx, ast.Store)}


def _used(statement: ast.stmt) -> set[str]:
    return {name.id for name in _names(statement)}


def _names(statement: ast.stmt) -> list[ast.Name]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Name)]


def check_ids(statement: ast.stmt) -> list[str]:
    """Return the ids of the checks that a statement declares: `@check("X001", ...)`."""
    functions = [node for node in ast.walk(statement) if isinstance(node, ast.FunctionDef)]
    calls = [c for one in functions for c in one.decorator_list if isinstance(c, ast.Call)]
    first = [call.args[0] for call in calls if call.args]
    ids = [str(one.value) for one in first if isinstance(one, ast.Constant)]
    return [one for one in ids if OTHERS.fullmatch(one)]
