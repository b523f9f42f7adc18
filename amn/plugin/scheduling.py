"""One worker a case under xdist, so that what its checks read is made once."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

from amn.system import CASE_FILE


class CaseScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Sends every item of a case to one worker, and any other item to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(f"/{CASE_FILE}") else nodeid

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401 - xdist ships no types
        """Take back the work of a worker that ended; return the item that it died of, if it did.

        That item is not for the next worker too: of the same scope, xdist would send it again.
        """
        units = list(self.assigned_work[node].values())
        left = [(unit, item) for unit in units for item, is_done in unit.items() if not is_done]
        for unit, item in left[:1]:
            unit[item] = True
        super().remove_node(node)
        return left[0][1] if left else None
