"""The list of checks: each is explained, implemented, ordered, and has a test in which it fires."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from amn.checks import registry
from amn.checks.registry import BEFORE_TRAINING, FAMILIES, Rule, execute, rules
from amn.errors import CheckNotRunError
from amn.findings import Finding, Measured, Severity, Status

TESTS = Path(__file__).parents[2]
LISTED = [
    item["id"]
    for file in sorted(Path(str(files("amn.checks").joinpath("rules"))).glob("*.toml"))
    for item in tomllib.loads(file.read_text("utf-8"))["rule"]
]


def implementation(rule: Rule) -> Any:
    import_module(f"amn.checks.{rule.family}")
    return registry._implementations[rule.id]


def test_no_id_is_used_twice() -> None:
    assert len(LISTED) == len(set(LISTED)) == len(rules())
    assert len(LISTED) >= 50


def test_the_checks_are_in_the_order_in_which_a_gate_runs_them() -> None:
    families = [rule.family for rule in rules().values()]

    assert tuple(dict.fromkeys(families)) == FAMILIES
    assert families == sorted(families, key=FAMILIES.index)
    assert FAMILIES[: len(BEFORE_TRAINING)] == BEFORE_TRAINING


@pytest.mark.parametrize("check", LISTED)
def test_a_check_is_explained_and_implemented(check: str) -> None:
    rule = rules()[check]

    assert re.fullmatch(r"[A-Z]\d{3}", rule.id)
    assert re.fullmatch(r"[a-z_-]+", rule.name)
    assert all(text.strip() for text in (rule.help, rule.why, rule.good, rule.bad, rule.fix))
    assert rule.modes
    assert (implementation(rule).__doc__ or "").startswith(f"{check}: ")


def test_one_letter_stands_for_one_family() -> None:
    letters = {(rule.id[0], rule.family) for rule in rules().values()}

    assert len(letters) == len({letter for letter, _ in letters}) == len(FAMILIES)


def test_what_a_check_needs_exists_and_runs_before_it() -> None:
    order = list(rules())
    needs = [(rule.id, need) for rule in rules().values() for need in rule.needs]

    assert len(needs) >= 15
    for check, need in needs:
        assert need in order, f"{check} needs {need}, which does not exist"
        earlier = order.index(need) < order.index(check)
        assert earlier or rules()[need].family == rules()[check].family
        assert set(rules()[check].modes) & set(rules()[need].modes)


def test_no_check_needs_itself_round_a_corner() -> None:
    def depth(check: str, above: tuple[str, ...] = ()) -> int:
        assert check not in above, f"cycle: {' -> '.join((*above, check))}"
        return 1 + max((depth(n, (*above, check)) for n in rules()[check].needs), default=0)

    assert 1 < max(depth(check) for check in rules()) < 6


def asserts_a_number(test: ast.FunctionDef) -> bool:
    """Tell whether a test expects a number, in words or as one."""
    asserted = [part for part in ast.walk(test) if isinstance(part, ast.Assert)]
    return any(
        isinstance(leaf, ast.JoinedStr)
        or (isinstance(leaf, ast.Constant) and re.search(r"\d", str(leaf.value)))
        for part in asserted
        for leaf in ast.walk(part)
    )


def firing_tests() -> list[str]:
    """Return the source of every test function that asserts a number of what a check found."""
    found = []
    for file in sorted(TESTS.rglob("test_*.py")):
        if file == Path(__file__):
            continue
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                parts = [*node.decorator_list, node]
                source = "\n".join(ast.get_source_segment(text, part) or "" for part in parts)
                source = re.sub(
                    r"findings (==|!=) (\[\]|\(\))", "", source
                )  # a clean pass fires nothing
                is_firing = "findings" in source or "fires(" in source
                if is_firing and (asserts_a_number(node) or "parametrize" in source):
                    found.append(f"{file.stem}\n{source}")
    return found


def test_every_check_has_a_test_in_which_it_fires() -> None:
    sources = firing_tests()
    silent = []
    for rule in rules().values():
        function = implementation(rule)
        module = function.__module__.rpartition(".")[2]
        names = [
            rf"\"{rule.id}\"",
            rf"_{rule.id.lower()}_",  # in the name of the test
            rf"\b{module}\.{function.__name__}\b",
        ]
        own = [s for s in sources if f"test_{module}" in s.partition("\n")[0]]
        fired = any(re.search("|".join(names), source) for source in sources)
        if not fired and not any(re.search(rf"\b{function.__name__}\b", s) for s in own):
            silent.append(rule.label)

    assert len(sources) >= len(LISTED)
    assert silent == []


@pytest.fixture
def implemented(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replace the implementation of R002; its own severity is fail."""

    def implemented(function: Any) -> None:
        import_module("amn.checks.record")
        monkeypatch.setitem(registry._implementations, "R002", function)

    return implemented


def test_a_check_without_an_implementation_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module("amn.checks.record")
    monkeypatch.delitem(registry._implementations, "R002")

    with pytest.raises(
        CheckNotRunError,
        match=r"^R002-stall: expected an implementation in amn\.checks\.record, found none$",
    ):
        execute("R002", None)


@pytest.mark.parametrize("value", [None, [], True, ()])
def test_a_check_that_returns_no_measurement_is_no_pass(implemented: Any, value: Any) -> None:
    implemented(lambda _: value)

    with pytest.raises(CheckNotRunError, match=r"^R002-stall: expected a measurement, got .*look$"):
        execute("R002", None)


def test_an_exception_of_a_check_is_not_swallowed(implemented: Any) -> None:
    def broken(_: object) -> Measured:
        raise ZeroDivisionError

    implemented(broken)

    with pytest.raises(ZeroDivisionError):
        execute("R002", None)


def test_an_unknown_check_is_no_pass() -> None:
    with pytest.raises(KeyError, match="X001"):
        execute("X001", None)


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], Status.PASS),
        ([None], Status.FAIL),
        ([Severity.NOTICE], Status.PASS),
        ([Severity.WARNING, Severity.NOTICE], Status.WARN),
        ([Severity.WARNING, None], Status.FAIL),
        ([None, Severity.HARNESS], Status.HARNESS),
        ([Severity.INCONCLUSIVE, Severity.WARNING], Status.INCONCLUSIVE),
    ],
)
def test_the_worst_finding_decides_and_the_checks_severity_is_the_default(
    implemented: Any, severities: list[Severity | None], status: Status
) -> None:
    findings = [Finding("here", "expected 1, got 2", severity=s) for s in severities]
    implemented(lambda _: Measured("2", "1", findings, "detail", 2.0))

    outcome = execute("R002", None)

    assert outcome.status is status
    assert outcome.findings == tuple(findings)
    assert (outcome.label, outcome.value, outcome.limit) == ("R002-stall", "2", "1")
    assert (outcome.detail, outcome.number) == ("detail", 2.0)
    assert outcome.seconds >= 0


def test_a_rule_takes_no_unknown_key() -> None:
    values = {**rules()["R002"].model_dump(), "catch": True}

    with pytest.raises(ValidationError, match="catch"):
        Rule.model_validate(values)
