"""The programs of docs/own-models.md, and ways to break what they predict."""

from __future__ import annotations

import os
import re
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOC = Path(__file__).parents[1] / "docs" / "own-models.md"
BLOCK = re.compile(r"^```(?:py|sh)\n# (\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def program(name: str) -> str:
    """Return a program of docs/own-models.md by the name in its first line."""
    return dict(BLOCK.findall(DOC.read_text("utf-8")))[name]


def run_here(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> int:
    """Run a program of Python in this process, where nothing has to start; return its exit code."""
    with mock.patch.dict(os.environ, environ or {}), chdir(folder):
        try:
            exec(compile(text, "program", "exec"), {"__name__": "__main__"})  # noqa: S102 - ours
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def run_command_here(
    words: Sequence[str], place: Path, environ: Mapping[str, str], log: Path, _: float
) -> int:
    """Stand in for `amn.training.command._run`, where what a program answers is the question."""
    with log.open("w", encoding="utf-8") as output, redirect_stdout(output):
        return run_here((place / words[1]).read_text("utf-8"), place, environ)


def without_processes() -> Any:
    """Let commands run in this process meanwhile."""
    return mock.patch("amn.training.command._run", run_command_here)


# Each changes `made` (N, D) or `names` (N,), given `context` (N, T * D); and the check that tells.
EXCHANGED = """
articles = np.array([name.partition("/")[0] for name in names])
ids = np.unique(articles)
means = np.stack([made[articles == one].mean(axis=0) for one in ids])
pair = np.unravel_index((means @ means.T).argmin(), (len(ids), len(ids)))
first, second = (np.flatnonzero(articles == ids[i]) for i in pair)
made[first], made[second] = made[second], made[first]
"""
BROKEN = {
    "shifted targets": ("made = np.roll(made, 2, axis=0)", "E009"),
    "copied context": ("made = context[:, -made.shape[1] :]", "E004"),
    "one article's predictions exchanged": (EXCHANGED, "E014"),
    "mean instead of model": (
        "made = context.reshape(len(made), -1, made.shape[1]).mean(axis=1)",
        "G001",
    ),
    "half of the windows": ("names, made = names[::2], made[::2]", "W004"),
}
