"""Python that pytest and the gate run by themselves: a conftest.py, and modules it imports.

A statement that is new and only declares something (a check, a fixture, a constant, an import of
what is installed) is neutral; every other difference is named.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from amn.golden.base.own import bound_names, check_ids, import_parts
from amn.golden.base.readings import is_docstring, statements
from amn.verdict import Loosening

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Hooks of pytest that can leave a check out, rewrite its report or set the exit status.
HOOKS = re.compile(
    r"\bpytest_(runtest_(protocol|makereport|logreport)|report_teststatus|sessionfinish"
    r"|collection_modifyitems)\b"
)
HOOKED = "added or changed a hook that can hide a failure"
DECLARES = ("check", "fixture")  # decorators
INSTALLED = frozenset(sys.stdlib_module_names) | {"amn", "numpy", "pytest"}
INERT = (
    ast.Name, ast.Attribute, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Subscript, ast.BinOp,
    ast.BitOr, ast.UnaryOp, ast.USub, ast.expr_context,
)  # fmt: skip
SPECIAL = re.compile(r"pytest_|amn_|collect_ignore|__")  # names that pytest or the plugin ask for


def conftest_loosenings(
    path: str, old: str, new: str, added: Sequence[tuple[re.Pattern[str], str]], other: str
) -> Iterator[Loosening]:
    """Yield the first difference of each name that a conftest.py's statements have.

    Args:
        added: What known tricks look like, and their names.
        other: The name of every other difference.
    """
    try:
        before, after = (
            [part for one in statements(text) for part in import_parts(one)] for text in (old, new)
        )
    except ValueError as error:
        yield Loosening(other, path, "", f"no Python: {error}")
        return
    codes = [[ast.unparse(one) for one in side] for side in (before, after)]
    bound = {name for one in before for name in bound_names(one)}
    said = set[str]()
    come = [(s, c) for s, c in zip(after, codes[1], strict=True) if c not in codes[0]]
    gone = [(s, c) for s, c in zip(before, codes[0], strict=True) if c not in codes[1]]
    for statement, code in come:
        if is_docstring(statement) or (check_ids(statement) and _is_plain(statement)):
            continue
        hook = HOOKS.search(code)
        what = HOOKED if hook else next((w for p, w in added if p.search(code)), other)
        names = bound_names(statement)
        if what == other and not names & bound and _is_plain(statement):
            continue
        if what not in said:
            yield Loosening(what, path, "", hook[0] if hook else _first(code))
        said.add(what)
    for statement, code in gone:
        if is_docstring(statement) or check_ids(statement) or said:
            continue
        yield Loosening(other, path, _first(code), "")
        said.add(other)
    if not come and not gone and codes[0] != codes[1]:
        yield Loosening(other, path, "in one order", "in another")


def _first(code: str) -> str:
    return code.partition("\n")[0]


def _is_plain(statement: ast.stmt) -> bool:
    """Tell whether a statement only declares something, and runs nothing."""
    if isinstance(statement, ast.If):
        is_types = isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
        return is_types and not statement.orelse and all(map(_is_plain, statement.body))
    return _defines(statement) and not any(map(SPECIAL.match, bound_names(statement)))


def _defines(statement: ast.stmt) -> bool:
    """Tell whether a statement is an import, a function that is not called yet, or a constant."""
    if isinstance(statement, ast.Import):
        return all(alias.name.partition(".")[0] in INSTALLED for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return statement.level == 0 and (statement.module or "").partition(".")[0] in INSTALLED
    if isinstance(statement, ast.FunctionDef):
        args = statement.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        said = [statement.returns, *(arg.annotation for arg in every if arg)]
        defaults = [*args.defaults, *args.kw_defaults]
        is_inert = all(map(_is_inert, said)) and all(map(_is_literal, defaults))
        return is_inert and all(map(_declares, statement.decorator_list))
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    is_named = all(isinstance(target, ast.Name) for target in targets)
    return is_named and _is_literal(statement.value) and _is_inert(_annotation(statement))


def _annotation(statement: ast.Assign | ast.AnnAssign) -> ast.expr | None:
    return statement.annotation if isinstance(statement, ast.AnnAssign) else None


def _declares(decorator: ast.expr) -> bool:
    """Tell whether a decorator makes a check, or a fixture that is used only where it is named."""
    call = decorator if isinstance(decorator, ast.Call) else None
    function = call.func if call else decorator
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    words = call.keywords if call else []
    said = [function, *(call.args if call else ()), *(word.value for word in words)]
    is_ours = name in DECLARES and all(map(_is_inert, said))
    return is_ours and all(word.arg not in (None, "autouse") for word in words)


def _is_inert(value: ast.expr | None) -> bool:
    """Tell whether an expression calls nothing: names, literals, and types made of them."""
    return value is None or all(isinstance(node, INERT) for node in ast.walk(value))


def _is_literal(value: ast.expr | None) -> bool:
    try:
        ast.literal_eval(value or ast.Constant(None))
    except (ValueError, TypeError):
        return False
    return True


ROOT = PurePosixPath()


def imports(path: str, text: str) -> Iterator[str]:
    """Yield where the modules that a file imports may lie: beside it, above it, at the root."""
    try:
        nodes = statements(text)
    except ValueError:
        return
    folder = PurePosixPath(path).parent
    around = ["" if place == ROOT else f"{place}/" for place in (folder, *folder.parents)]
    for node in _with_inner(nodes):
        names: list[str] = []
        places = around
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)]
            places = around[node.level - 1 : node.level] if node.level else around
        elif isinstance(node, ast.Assign) and "pytest_plugins" in bound_names(node):
            names = [
                c.value
                for c in ast.walk(node)
                if isinstance(c, ast.Constant) and isinstance(c.value, str)
            ]
        for name in dict.fromkeys(filter(None, names)):
            parts = name.split(".")
            for n in range(1, len(parts) + 1):
                at = "/".join(parts[:n])
                for place in places:
                    yield f"{place}{at}.py"
                    yield f"{place}{at}/__init__.py"


BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")  # fields that hold statements


def _with_inner(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements and those inside them, an `elif` of any depth: an expression holds none."""
    left = list(nodes)
    while left:
        node = left.pop()
        yield node
        for block in BLOCKS:
            left += getattr(node, block, ())
