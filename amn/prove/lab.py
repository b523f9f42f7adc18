"""Where defects are injected: a clean copy of the case, its gate, and copies of the copy."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, nullcontext
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING

from amn.checks.broken.copying import copy_case
from amn.checks.check import parameters
from amn.errors import CheckNotRunError, DoesNotApplyError
from amn.gate.modes import GateOptions, gate_of
from amn.gate.run import Gate
from amn.golden.store import GOLDEN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from amn.case.load import Case
    from amn.checks.broken.copies import CaseCopy
    from amn.checks.check import Defect
    from amn.verdict import Outcome

COPY = "copy"  # the parameter of a defect that changes files or settings
SAME = (
    "data_sets",
    "scanned",
    "splits",
    "windows",
    "trainings",
    "candidates",
    "loaded",
    "recalled_rows",
    "recalled_predictions",
)  # fmt: skip - one thing a gate looked at once
BROKEN = "broken"  # subfolder of the copies that have a defect


class Lab:
    """A clean copy of a case in a folder of its own; the case itself is only read.

    Args:
        cache: Finished runs, by content: a case that was gated is not trained again.
        folder: New or empty folder for the copies; the caller removes it.
    """

    def __init__(
        self,
        case: Case,
        cache: Path,
        folder: Path,
        *,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self.folder, self._cache, self._progress = folder, cache, progress
        self._home = case.folder  # what a conftest.py beside it declares holds for its copies too
        self.pristine = copy_case(case, folder / "clean" / case.name)
        self._reproduce = f"amn gate {quote(case.name)}"

    @cached_property
    def has_golden(self) -> bool:
        """Whether there is a golden to compare with."""
        return (self.pristine.folder / GOLDEN_FILE).is_file()

    @cached_property
    def early(self) -> Gate:
        """The gate of the clean copy, whose checks before training all pass; nothing is trained.

        Raises:
            CheckNotRunError: If one fails: what is there already cannot be shown to be caught.
        """
        options = GateOptions(cache=self._cache, first_run=not self.has_golden)
        gate = self._gate(self.pristine.case, options)
        gate.require_packages()
        self._require(gate.before_training())
        return gate

    @cached_property
    def clean(self) -> Gate:
        """The same gate, all of whose checks pass.

        Raises:
            CheckNotRunError: If one fails.
        """
        self._require(self.early.result().outcomes)
        return self.early

    def _require(self, outcomes: Iterable[Outcome]) -> None:
        failed = [outcome.label for outcome in outcomes if outcome.has_failed]
        if failed:
            raise CheckNotRunError(
                f"selftest: expected a case that passes its gate, got {', '.join(failed[:5])}: a "
                f"defect cannot be told from what is there. Fix: {self._reproduce}"
            )

    def gate(self, copy: CaseCopy) -> Gate:
        """Return a gate of a copy; its cache is empty, and what it trains would be thrown away."""
        options = GateOptions(cache=self.folder / "untrained", first_run=True)
        return self._gate(copy.case, options)

    def _gate(self, case: Case, options: GateOptions) -> Gate:
        gate = gate_of(case, options, progress=self._progress)
        return Gate(gate.evidence.with_(home=self._home), gate.about)

    def judging(self, copy: CaseCopy | None = None, **parts: object) -> Gate:
        """Return the gate of other candidates on the same data, which are not checked again.

        Args:
            copy: With other limits or another golden; None takes the clean copy's.
            parts: Parts of the evidence that are others.
        """
        clean = self.clean.evidence
        if copy:
            same = {part: clean[part] for part in SAME if part in clean and part not in parts}
            parts = {"case": copy.case, **same, **parts}
        standing = {outcome.check: outcome for outcome in self.clean.before_training()}
        return Gate(clean.with_(**parts), self.clean.about, standing=standing)

    @contextmanager
    def broken(self, defect: Defect, *, is_early: bool) -> Iterator[Gate]:
        """Yield a gate of the case with a defect in it."""
        base = self.early if is_early else self.clean
        takes_copy = COPY in parameters(defect.function)
        with self.copy() if takes_copy else nullcontext() as copy:
            own = {COPY: copy} if takes_copy else {}
            wanted = [part for part in parameters(defect.function) if part not in own]
            if lacking := [part for part in wanted if part not in base.evidence]:
                raise DoesNotApplyError(f"expected {', '.join(lacking)}, got none in this case")
            parts = base.evidence.call(defect.function, **own) or {}
            if not is_early:
                yield self.judging(copy, **parts)
            else:
                evidence = self.gate(copy).evidence if copy else base.evidence
                yield Gate(evidence.with_(**parts), base.about)

    def readable(self, message: str) -> str:
        """Return a message without the lab's own folder, which is gone when it is read."""
        return message.replace(f"{self.folder / BROKEN}/", "").replace(f"{self.folder}/", "")

    @contextmanager
    def copy(self) -> Iterator[CaseCopy]:
        """Yield a copy to break; it is removed afterwards."""
        folder = self.folder / BROKEN / self.pristine.folder.name
        try:
            yield self.pristine.clone(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
