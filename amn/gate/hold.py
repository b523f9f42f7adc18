"""A hold: a case that is not to be trained while another case fails.

"Do not train the remaining models until the data are settled": the case that settles it is named
in `blocked_by`, and passes or does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amn.case import load_case
from amn.errors import CheckNotRunError, ConfigError
from amn.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.case import Case
    from amn.gate.result import GateResult


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
    if result.verdict is not Verdict.PASS:
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
