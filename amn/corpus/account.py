"""What dataset.json says of a build: from which files, and what became of every page and row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amn.data.manifest import Stage
from amn.verdict import count_of

if TYPE_CHECKING:
    from amn.corpus.plan import BuildConfig
    from amn.corpus.tasks import Tally
    from amn.data.manifest import EncoderInfo


def stages_of(
    config: BuildConfig, tally: Tally, info: EncoderInfo, noted: dict[str, int]
) -> tuple[Stage, ...]:
    """Return the stages of dataset.json: every page and every row, by reason."""
    read = tally.pages - sum(tally.skipped.values())
    kept = read - sum(tally.dropped.values())
    pieces = tally.rows + tally.too_short
    too_short = {f"under {config.chunking.min_chars} characters": tally.too_short}
    no_chunk = {"no chunk": tally.no_chunk}

    def articles(
        name: str, before: int, after: int, dropped: dict[str, int], **settings: bool
    ) -> Stage:
        return Stage(
            name=name,
            unit="articles",
            rows_in=before,
            rows_out=after,
            dropped={reason: n for reason, n in sorted(dropped.items()) if n},
            settings=settings,
        )

    name, skipped = f"read {config.source.path.name}", dict(tally.skipped)
    return (
        articles(name, tally.pages, read, skipped, series=config.series),
        articles("drop kinds", read, kept, dict(tally.dropped)),
        articles("cut", kept, tally.articles, no_chunk),
        Stage(
            name=f"chunk by {config.chunking.style}",
            rows_in=pieces,
            rows_out=tally.rows,
            dropped=too_short if tally.too_short else {},
            articles=tally.articles,
        ),
        Stage(
            name=f"encode with {info.name}", rows_in=tally.rows, rows_out=tally.rows, noted=noted
        ),
        Stage(name="sort by article and chunk", rows_in=tally.rows, rows_out=tally.rows),
    )


def source_note(identity: dict[str, Any]) -> str:
    """Return what the data set was built from, for dataset.json."""
    files: list[dict[str, Any]] = identity["files"]
    only = f"{files[0]['path']} sha256 {files[0]['sha256']}" if len(files) == 1 else ""
    which = f", articles {identity['articles']}" if identity["articles"] else ""
    return f"{identity['format']}: {only or count_of(len(files), 'file')}{which}"
