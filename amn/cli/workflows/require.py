"""What a final job requires of the result file: every case was judged, every declared check ran."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from amn.case.load import load_case
from amn.checks.recorded import is_of
from amn.errors import AmnError, DataError
from amn.gate.replay import bundle_results
from amn.gate.scope import DECLARED
from amn.report.recorded import Records
from amn.storage import parse_json, read_whole
from amn.system import GOLDEN_FOLDER
from amn.verdict import EXECUTED, RESULT_SCHEMA, Status, Verdict, count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from amn.golden.base.review import MergeBase

OF_CHECK = ("id", "name", "status", "waiver", "approval")
GREEN = {Verdict.PASS.value, Verdict.PARTIAL.value, Verdict.INCONCLUSIVE.value}
MAY_PASS = {Status.PASS.value, Status.WARN.value, Status.INCONCLUSIVE.value}


def is_bundle(path: Path) -> bool:
    """Tell whether a file has the name of a bundle, which can be judged again."""
    return path.suffix == ".zip"


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the results in a file, see `read_document`."""
    found: list[dict[str, Any]] = read_document(path)["results"]
    return found


def read_document(path: Path) -> dict[str, Any]:
    """Return what `amn gate -o verdict.json`, or `--bundle`, wrote; each result has its parts.

    Raises:
        DataError: If it is missing, or something else.
    """
    try:
        document = bundle_results(path) if is_bundle(path) else parse_json(read_whole(path))
    except FileNotFoundError as error:
        fix = f"amn gate -o {path}"
        raise DataError(path, f"expected the result of a gate, found none. Fix: {fix}") from error
    except OSError as error:  # a folder, a loop of links
        raise DataError(path, f"expected the JSON of a gate, got: {error.strerror}") from error
    except ValueError as error:
        raise DataError(path, f"expected the JSON of a gate, got: {error}") from error
    found = document.get("results") if isinstance(document, dict) else None
    if not isinstance(found, list) or document.get("schema") != RESULT_SCHEMA:
        raise DataError(path, f"expected schema {RESULT_SCHEMA} and results, got something else")
    for number, result in enumerate(found):
        if not _is_result(result):
            raise DataError(path, f"results[{number}]: expected what amn gate --schema says")
    return dict(document)


def _is_result(result: object) -> bool:
    """Tell whether it has the parts that are read here."""
    if not isinstance(result, dict):
        return False
    checks, declared = result.get("checks"), result.get("declared")
    scope = result.get("scope")
    return (
        isinstance(result.get("case"), str)
        and isinstance(result.get("verdict"), str)
        and result["verdict"] in Verdict.__members__
        and isinstance(result.get("word"), str)
        and isinstance(scope, dict)
        and isinstance(scope.get("lacks"), list)
        and isinstance(scope.get("is_declared"), bool)
        and isinstance(declared, list)
        and all(isinstance(label, str) for label in declared)
        and isinstance(checks, list)
        and all(
            isinstance(check, dict) and all(isinstance(check.get(key), str) for key in OF_CHECK)
            for check in checks
        )
    )


def verdict_of(result: dict[str, Any], merge_base: MergeBase) -> Verdict:
    """Return the verdict that counts: a scope that the merge base declares is enough.

    The merge base is asked, not the file: the file is written by a job of the change.
    """
    said, scope = Verdict[result["verdict"]], result["scope"]
    if said is not Verdict.PARTIAL or not scope["is_declared"]:
        return said
    lacks = {lack.get("kind") if isinstance(lack, dict) else None for lack in scope["lacks"]}
    declared = DECLARED.get(_declared_at(result["case"], merge_base), set())
    return Verdict.PASS if lacks <= declared else said


def _declared_at(name: str, merge_base: MergeBase) -> str:
    """Return what a case declares at the merge base to be enough; empty where git cannot tell."""
    try:
        config = merge_base.case(load_case(GOLDEN_FOLDER / name)).config
    except AmnError:
        return ""
    return config.criteria.scope if config else ""


def let_through(result: dict[str, Any]) -> Iterator[str]:
    """Yield, one line each, the checks that a waiver or an approval let through."""
    for check in result["checks"]:
        if who := check["waiver"] or (check["approval"] and f"approved by {check['approval']}"):
            yield f"{check['id']} {check['name']}: {who}"


def unmet(results: list[dict[str, Any]], cases: Iterable[str]) -> Iterator[str]:
    """Yield, one line each, why the results do not show that everything was looked at.

    Args:
        cases: Names of the cases that had to be judged.
    """
    judged, wanted = Counter(result["case"] for result in results), set(cases)
    if not wanted:
        yield "golden/: expected cases, found none"
    for name in sorted(wanted - set(judged)):
        yield f"{name}: expected a result, found none"
    for name, n in sorted(judged.items()):
        if n > 1:
            yield f"{name}: expected one result, got {n}"
        if name not in wanted:
            yield f"{name}: expected only cases under golden/, got a result of another"
    for result in results:
        yield from _unmet_by(result)


def unproven(
    results: Iterable[dict[str, Any]], merge_base: MergeBase, recorded: str
) -> Iterator[str]:
    """Yield, one line each, the cases that were not judged and may have changed, by this checkout.

    Packages and machine are those of the job that says so; all else is looked up again.

    Args:
        recorded: Where the default branch keeps its results, see `place_of`.
    """
    records = Records(merge_base, recorded, of_environment=False)
    for result in results:
        if is_of(result["declared"]):
            case = load_case(GOLDEN_FOLDER / result["case"])
            if isinstance(why := records.proof(case), str):
                yield f"{result['case']}: expected a case that is unchanged, got: {why}"


def _unmet_by(result: dict[str, Any]) -> Iterator[str]:
    """Yield what one case's declared and executed checks lack."""
    case, declared = result["case"], Counter(result["declared"])
    executed = {status.value for status in EXECUTED}
    ran = Counter(f"{c['id']}-{c['name']}" for c in result["checks"] if c["status"] in executed)
    if not declared:
        yield f"{case}: expected declared checks, got none"
    elif missing := declared - ran:
        names, n = ", ".join(sorted(missing)), declared.total()
        yield f"{case}: expected {count_of(n, 'check')} to run, {missing.total()} did not: {names}"
    if extra := ran - declared:
        yield f"{case}: expected only declared checks, got also {', '.join(sorted(extra))}"
    failed = [c["id"] for c in result["checks"] if c["status"] not in MAY_PASS]
    if result["verdict"] == Verdict.PASS.value and result["scope"]["lacks"]:
        yield f"{case}: expected PARTIAL, got PASS although its scope lacks something"
    if failed and result["verdict"] in GREEN:
        yield f"{case}: expected a failure, got {result['verdict']} although {failed[0]} failed"
