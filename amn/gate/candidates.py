"""Candidates that are trained here: every seed, or as many as it takes to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case.load import load_case
from amn.checks.comparison import Sides, is_decided
from amn.errors import CheckNotRunError, ConfigError, GoldenError
from amn.training.plan import Plan, make_plan
from amn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amn.case.load import Case
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.gate.result import GateResult
    from amn.golden.schema import Golden
    from amn.training.candidate import Candidate
    from amn.training.run import Run


def require_no_hold(case: Case, gate: Callable[[Case], GateResult]) -> None:
    """Return when nothing holds the case back.

    Args:
        gate: Gates the case that this one waits for, which lies beside it.

    Raises:
        CheckNotRunError: While that case does not pass.
        ConfigError: If there is no such case, or cases wait for each other.
    """
    blocker = _find_blocker(case)
    if blocker is None:
        return
    result = gate(blocker)
    if result.judged is not Verdict.PASS:
        failed = ", ".join(outcome.label for outcome in result.outcomes if outcome.has_failed)
        raise CheckNotRunError(
            f"{case.file}: blocked_by: expected {blocker.name} to pass before this case is trained,"
            f" got {result.verdict.name}{failed and f' ({failed})'}. Fix: {result.reproduce}"
        )


def _find_blocker(case: Case) -> Case | None:
    """Return the case that this one waits for, after following the chain to its end."""
    chain, current, first = [case.name], case, None
    while name := current.config.blocked_by:
        chain.append(name)
        if name in chain[:-1]:
            message = f"blocked_by: expected a chain with an end, got {' -> '.join(chain)}"
            raise ConfigError(case.file, [message])
        current = load_case(current.folder.resolve().parent / name)
        first = first or current
    return first


def plan_for(case: Case, splits: dict[str, Split], windows: dict[str, Windows]) -> Plan:
    """Return the training plan of a case."""
    digests = {f"dataset.{name}": split.dataset.digest for name, split in splits.items()}
    return make_plan(
        case.config,
        windows,
        {name: split.articles for name, split in splits.items()},
        {**digests, "config": case.config.digest()},
        folder=case.folder,
    )


def trained(
    case: Case,
    runs_of: Callable[[Sequence[int]], list[Run]],
    gate_other: Callable[[Case], GateResult],
) -> tuple[Candidate, ...]:
    """Runs of every seed of the case.

    Raises:
        CheckNotRunError: While the case waits for another one that does not pass.
    """
    require_no_hold(case, gate_other)
    return tuple(run.candidate() for run in runs_of(case.config.training.seeds))


def trained_adaptively(
    case: Case,
    runs_of: Callable[[Sequence[int]], list[Run]],
    gate_other: Callable[[Case], GateResult],
    found_golden: Golden | GoldenError,
) -> tuple[Candidate, ...]:
    """The seeds that it takes to decide: more are trained only while the golden's cannot be told.

    Raises:
        CheckNotRunError: While the case waits for another one that does not pass.
    """
    require_no_hold(case, gate_other)
    limits = case.config.golden
    candidates: tuple[Candidate, ...] = ()
    for look in limits.adaptive_seeds or ():
        new = case.config.training.seeds[len(candidates) : look]
        candidates += tuple(run.candidate() for run in runs_of(new))
        if isinstance(found_golden, GoldenError):  # no seed mends it, and G004 names it
            break
        scored = [candidate.recorded for candidate in candidates if candidate.recorded]
        looks = limits.looks_until(look)
        if is_decided(Sides(tuple(scored), found_golden, limits, case.folder, looks)):
            break
    return candidates
