"""Which cases cannot have changed since the last PASS that the default branch recorded.

Lines of `amn gate --history` are read from git alone: at the merge base, or at the tip of a branch
of the remote, never from what the change has in its place. Where anything is in doubt, why is said,
and the case is judged.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from amn.checks.recorded import Recorded
from amn.errors import AmnError
from amn.gate.inputs import ENVIRONMENT, Inputs
from amn.gate.scope import PARTS
from amn.golden.base.target import branch_of_remote, place_of
from amn.report.history import SUFFIX, Line, parse
from amn.verdict import Verdict

if TYPE_CHECKING:
    from amn.case.load import Case
    from amn.git import Repository
    from amn.golden.base.review import MergeBase


class Records:
    """What the default branch recorded of cases, and whether it stands.

    Args:
        base: What the change is compared with.
        place: See `place_of`.
        of_environment: Whether packages and machine have to be those of the record: where nothing
            is measured they need not.
    """

    def __init__(self, base: MergeBase, place: str, *, of_environment: bool = True) -> None:
        self._base, self._place, self._of_environment = base, place, of_environment
        self._inputs: Inputs | None = None
        self._lines: dict[str, bytes] | None = None
        self._followed: dict[str, bool] = {}

    def proof(self, case: Case) -> Recorded | str:
        """Return the PASS of a case that stands, or in a few words why it is judged."""
        try:
            repository = self._base.repository
            if repository is None or (note := self._base.why_not(case)):
                return f"nothing is recorded: {note if repository else self._base.note}"
            inputs = self._inputs or Inputs(
                repository, self._base.commit, of_environment=self._of_environment
            )
            self._inputs = inputs
            if why := inputs.why_not(case):
                return why
            last = self._last(repository, case)
            if isinstance(last, str):
                return last
            return self._compared(case, last, inputs)
        except (AmnError, OSError) as error:
            return " ".join(str(error).split())

    def _last(self, repository: Repository, case: Case) -> Line | str:
        """Return the last line of a case that is a PASS of the default branch, or why none is."""
        if self._lines is None:
            self._lines = self._read(repository)
        line = self._lines.get(case.name)
        if line is None:
            return f"no result of it is recorded in {self._place}"
        (last,) = parse(line.decode(), Path(self._place, case.name))
        if last.case != case.name:
            return f"its last recorded result is of another case, {last.case}"
        if last.word != Verdict.PASS.value or {*last.looked} != {*PARTS}:
            return f"its last recorded result is {last.word}"
        if not last.inputs or last.commit is None:
            return "its last recorded result does not say what it rests on"
        if last.commit not in self._followed:
            self._followed[last.commit] = repository.follows(self._base.commit, last.commit)
        if not self._followed[last.commit]:
            return f"its last recorded result is of {last.commit[:10]}, which is not before this"
        return last

    def _read(self, repository: Repository) -> dict[str, bytes]:
        """Return the last line of each history that git has, by case."""
        branch, folder = place_of(self._place, repository.root)
        commit = branch_of_remote(repository, branch) if branch else self._base.commit
        paths = map(PurePosixPath, repository.tree(commit))
        names = [str(p) for p in paths if p.suffix == SUFFIX and p.parent == PurePosixPath(folder)]
        found = repository.read(commit, names)
        return {
            PurePosixPath(name).stem: lines[-1]
            for name, text in found.items()
            if text and (lines := text.splitlines())
        }

    def _compared(self, case: Case, last: Line, inputs: Inputs) -> Recorded | str:
        """Return the PASS if all that it rests on is what it was, or what is not."""
        if self._base.touches(case):
            return "this change touches its files"
        then, now = dict(last.inputs), inputs.of(case)
        if not self._of_environment:
            then.pop(ENVIRONMENT, None)
        found = Recorded(str(last.commit), last.time, last.looked, then, now)
        return f"{', '.join(found.others)} changed since {found.since}" if found.others else found
