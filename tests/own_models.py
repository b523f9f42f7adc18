"""The programs of docs/own-models.md, and ways to break what they predict."""

from __future__ import annotations

import re
from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "own-models.md"
BLOCK = re.compile(r"^```(?:py|sh)\n# (\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def program(name: str) -> str:
    """Return a program of docs/own-models.md by the name in its first line."""
    return dict(BLOCK.findall(DOC.read_text("utf-8")))[name]


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
