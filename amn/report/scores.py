"""The scores of a result as cells of text, for every form that shows them as a table."""

from __future__ import annotations

from typing import Any


def score_cells(scores: dict[str, Any], *, to: str = " … ") -> list[list[str]]:
    """Return a header, then a line a split: its score beside what the reference predictors get.

    Args:
        scores: Of a result's facts; a metrics file may know references for one split only.
        to: Between the ends of an interval.
    """
    names = list(dict.fromkeys(name for f in scores.values() for name in f["references"]))
    lines = [["split", "score", "95 % interval", "lift", *names]]
    for split, figures in scores.items():
        interval = f"{figures['low']:.4f}{to}{figures['high']:.4f}" if "low" in figures else ""
        lift = f"{figures['lift']['mean']:+.4f}" if "lift" in figures else ""
        known = figures["references"]
        references = [f"{known[name]:.4f}" if name in known else "" for name in names]
        lines.append([split, f"{figures['mean']:.4f}", interval, lift, *references])
    return lines
