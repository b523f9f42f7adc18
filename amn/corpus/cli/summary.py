"""What a command says after it made a data set."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amn.data.manifest import Manifest


def summary(folder: Path, manifest: Manifest, n_articles: int, *, notes: Sequence[str] = ()) -> str:
    """Return what was made, what was done to it, and the commands that come next.

    Args:
        folder: Where it is.
        manifest: Of what was made.
        n_articles: That it has.
        notes: More lines about it.
    """
    path = shlex.quote(str(folder))
    size = f"{count_of(manifest.rows, 'row')} x {manifest.dim} {manifest.dtype}"
    lines = [f"{manifest.name}: {size}, {count_of(n_articles, 'article')}, in {folder}"]
    for stage in manifest.stages:
        dropped = "".join(f", {n:,} {reason}" for reason, n in stage.dropped.items())
        noted = "".join(f"; {n:,} {what}" for what, n in stage.noted.items())
        counts = f"{stage.rows_in:,} -> {stage.rows_out:,} {stage.unit}"
        lines.append(f"  {stage.name}: {counts}{dropped}{noted}")
    lines += [
        *notes,
        f"Next: amn check data {path}",
        f"      amn case new {shlex.quote(manifest.name)} --dataset {path}",
    ]
    return "\n".join(lines)
