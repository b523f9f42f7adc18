"""The scores of a result as cells of text, for every form that shows them as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.evaluation.summary import Summary


def score_cells(scores: Mapping[str, Summary], *, to: str = " … ") -> list[list[str]]:
    """Return a header, then a line a split: its score beside what the reference predictors get.

    Args:
        scores: Of each split; a metrics file may know references for one of them only.
        to: Between the ends of an interval.
    """
    names = list(dict.fromkeys(name for f in scores.values() for name in f.references))
    lines = [["split", "score", "95 % interval", "lift", *names]]
    for split, score in scores.items():
        ends = score.interval
        interval = f"{ends.low:.4f}{to}{ends.high:.4f}" if ends else ""
        lift = f"{score.lift.mean:+.4f}" if score.lift else ""
        known = score.references
        references = [f"{known[name]:.4f}" if name in known else "" for name in names]
        lines.append([split, f"{score.mean:.4f}", interval, lift, *references])
    return lines
