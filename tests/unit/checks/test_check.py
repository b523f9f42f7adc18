"""The list of checks: each is explained, ordered, names evidence that is made, and is fired."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amn.checks import check as module
from amn.checks.check import Check, Defect, check, checks, warned
from amn.errors import ArgumentError, CheckNotRunError
from amn.gate.evidence import Evidence
from amn.gate.makers import EVERY, GIVEN
from amn.verdict import BEFORE_TRAINING, FAMILIES, OWN, Finding, Measured, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[2]
PACKAGE = Path(module.__file__).parents[1]
OURS = [one for one in checks() if one[0] in FAMILIES]


@pytest.fixture
def declared() -> Iterator[None]:
    """Forget the checks that a test declares."""
    before = dict(module._declared)
    yield
    module._declared.clear()
    module._declared.update(before)


def test_the_checks_are_in_the_order_in_which_a_gate_runs_them() -> None:
    families = [one.family for one in checks().values() if one.family != OWN]

    assert len(OURS) >= 90
    assert tuple(dict.fromkeys(families)) == tuple(FAMILIES.values())
    assert tuple(FAMILIES.values())[: len(BEFORE_TRAINING)] == BEFORE_TRAINING


@pytest.mark.parametrize("id_", OURS)
def test_a_check_is_explained_and_stands_in_its_familys_room(id_: str) -> None:
    one = checks()[id_]

    assert re.fullmatch(r"[A-Z]\d{3}", one.id)
    assert all(text.strip() for text in (one.help, one.why, one.fix))
    assert one.help.endswith(".")
    assert one.function.__module__.startswith("amn.checks.")


@pytest.mark.parametrize("id_", OURS)
def test_every_part_that_a_check_reads_is_made_or_given(id_: str) -> None:
    reads = set(checks()[id_].reads)

    assert reads
    assert reads <= {*EVERY, *GIVEN}


def test_every_maker_is_made_from_parts_that_are_made_or_given() -> None:
    whole = Evidence(EVERY, **dict.fromkeys(GIVEN))

    assert [part for part in EVERY if part not in whole] == []


def test_what_a_check_needs_exists_and_runs_before_it() -> None:
    order = list(checks())
    needs = [(one.id, need) for one in checks().values() for need in one.needs]

    assert len(needs) >= 15
    for id_, need in needs:
        assert need in order, f"{id_} needs {need}, which does not exist"
        earlier = order.index(need) < order.index(id_)
        assert earlier or checks()[need].family == checks()[id_].family


def test_no_check_needs_itself_round_a_corner() -> None:
    def depth(id_: str, above: tuple[str, ...] = ()) -> int:
        assert id_ not in above, f"cycle: {' -> '.join((*above, id_))}"
        return 1 + max((depth(n, (*above, id_)) for n in checks()[id_].needs), default=0)

    assert 1 < max(depth(id_) for id_ in checks()) < 6


@pytest.mark.parametrize("needs", [["X002"], ["D003", "X002"], ["X001"]])
def test_checks_that_need_each_other_are_refused(
    needs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(_made(lambda: None), needs=tuple(needs))
    monkeypatch.setitem(module._declared, "X001", mine)
    monkeypatch.setitem(module._declared, "X002", replace(mine, id="X002", needs=("X001",)))

    with pytest.raises(ArgumentError, match=r"^check X001-stall: expected needs that come to an "):
        checks()


def test_every_check_brings_a_defect_that_breaks_it() -> None:
    assert [id_ for id_ in OURS if not checks()[id_].broken_by] == []


def test_no_two_defects_share_a_name_and_each_is_explained() -> None:
    defects = [defect for one in checks().values() for defect in one.broken_by]
    ids = [defect.id for defect in defects]

    assert len(ids) == len(set(ids)) >= 95
    assert all(re.fullmatch(r"[a-z0-9-]+", id_) for id_ in ids)
    assert all(defect.title and defect.title[0].isupper() for defect in defects)


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
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min(part.lineno for part in [*node.decorator_list, node])
                source = "\n".join(lines[first - 1 : node.end_lineno])
                # A clean pass fires nothing.
                source = re.sub(r"findings (==|!=) (\[\]|\(\))", "", source)
                is_firing = "findings" in source or "fires(" in source
                if is_firing and (asserts_a_number(node) or "parametrize" in source):
                    found.append(f"{file.stem}\n{source}")
    return found


def test_every_check_has_a_test_in_which_it_fires() -> None:
    sources = firing_tests()
    silent = []
    for one in [checks()[id_] for id_ in OURS]:
        name = one.function.__name__
        home = one.function.__module__.rpartition(".")[2]
        words = [rf"\"{one.id}\"", rf"_{one.id.lower()}_", rf"\b{home}\.{name}\b"]
        own = [s for s in sources if f"test_{home}" in s.partition("\n")[0]]
        fired = any(re.search("|".join(words), source) for source in sources)
        if not fired and not any(re.search(rf"\b{name}\b", s) for s in own):
            silent.append(one.label)

    assert len(sources) >= len(OURS)
    assert silent == []


def test_no_module_lists_ids_of_checks_outside_of_a_declaration() -> None:
    # Ids that a training's own stops carry, of the causes of a diagnosis and of the demo's scenes
    # are declarations of theirs.
    theirs = {"training/record.py", "training/loop.py", "prove/scenes.py"}
    known, listed = {*checks()}, []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in theirs or name.startswith("checks/"):
            continue
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if re.search(r"[A-Z]\d{3}", text) else ():
            if not isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
                continue
            leaves = [leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)]
            ids = [leaf for leaf in leaves if isinstance(leaf, str) and leaf in known]
            if ids:
                listed.append((name, ids))

    assert listed == []


def _made(function: Any, severity: Severity = Severity.FAIL) -> Check:
    return Check("X001", "stall", function, severity)


@pytest.mark.parametrize("value", [None, [], True, ()])
def test_a_check_that_returns_no_measurement_is_no_pass(value: Any) -> None:
    with pytest.raises(CheckNotRunError, match=r"^X001-stall: expected a measurement, got .*look$"):
        _made(lambda: value).run({})


def test_an_exception_of_a_check_is_not_swallowed() -> None:
    def broken() -> Measured:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _made(broken).run({})


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
    severities: list[Severity | None], status: Status
) -> None:
    findings = [Finding("here", "expected 1, got 2", severity=s) for s in severities]

    outcome = _made(lambda: Measured("2", "1", findings, "detail", 2.0, data="more")).run({})

    assert outcome.status is status
    assert outcome.findings == tuple(findings)
    assert (outcome.label, outcome.value, outcome.limit) == ("X001-stall", "2", "1")
    assert (outcome.detail, outcome.number, outcome.data) == ("detail", 2.0, "more")
    assert outcome.seconds >= 0


def test_a_check_gets_the_parts_that_its_parameters_name_and_no_others() -> None:
    def sums(left: int, right: int) -> Measured:
        return Measured(str(left + right), "")

    assert _made(sums).reads == ("left", "right")
    assert _made(sums).run({"left": 1, "right": 2, "other": 3}).value == "3"


@pytest.mark.usefixtures("declared")
def test_a_check_of_ones_own_is_in_the_list_with_its_words() -> None:
    def halved(left: int) -> dict[str, object]:
        """Half of it is gone."""
        return {"left": left // 2}

    @check("X001", "enough", needs=["D003"], broken_by=[warned(halved)])
    def enough(left: int) -> Measured:
        """There is enough of it.

        More about that, on
        two lines.

        Why: Too little tells
        nothing.
        Fix: Get more
        """
        return Measured(str(left), "")

    own = checks()["X001"]
    assert list(checks())[-1] == "X001"
    assert (own.label, own.family, own.reads) == ("X001-enough", OWN, ("left",))
    assert own.help == "There is enough of it. More about that, on two lines."
    assert (own.why, own.fix) == ("Too little tells nothing.", "Get more")
    assert own.broken_by == (Defect(halved, Severity.WARNING),)
    assert (own.broken_by[0].id, own.broken_by[0].title) == ("halved", "Half of it is gone")


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("id_", "name", "message"),
    [
        ("D001", "mine", "check D001 mine: expected capital letters, none of D, I, S, W, R, M, E,"),
        ("x001", "mine", "got 'x001'. Fix: @check('X001', 'mine')"),
        ("X1", "mine", "three digits as its id, got 'X1'"),
        ("X001", "My check", "expected a name of small letters, got 'My check'"),
    ],
)
def test_a_check_of_ones_own_cannot_take_the_place_of_ours(
    id_: str, name: str, message: str
) -> None:
    def mine() -> Measured:
        """Something holds."""
        return Measured("", "")

    with pytest.raises(ArgumentError) as caught:
        check(id_, name)(mine)

    assert message in str(caught.value)
    assert checks()["D001"].name == "finite"


@pytest.mark.usefixtures("declared")
def test_two_checks_cannot_share_an_id_and_a_silent_one_is_refused() -> None:
    @check("X001", "first")
    def first() -> Measured:
        """Something holds."""
        return Measured("", "")

    def second() -> Measured:
        """Something else holds."""
        return Measured("", "")

    with pytest.raises(ArgumentError, match="expected an id of its own, got that of X001-first"):
        check("X001", "second")(second)
    with pytest.raises(ArgumentError, match="expected a docstring that says what has to hold"):
        check("X002", "silent")(lambda: Measured("", ""))
