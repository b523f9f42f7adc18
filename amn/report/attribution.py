"""Where a difference from the golden comes from, as reports show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amn.evaluation.attribution import ArticlePart, Attribution, Slice
    from amn.gate.result import GateResult

BAR = 20  # characters of the longest bar


def attributions(result: GateResult) -> dict[str, Attribution]:
    """Return check -> where its difference comes from, for comparisons that did not simply pass."""
    found = result.compared.items()
    return {check: one.attribution for check, one in found if one.attribution}


def article_name(part: ArticlePart) -> str:
    """Return `4711 Lantern`, or the id alone where no title is known."""
    return f"{part.article} {part.title}".strip()


def by_grouping(slices: Iterable[Slice]) -> Iterator[tuple[str, list[Slice]]]:
    """Yield each grouping (`length`, `kind`, `id block`) with its groups in the order of names.

    One group alone is everything, and says nothing.
    """
    groups: dict[str, list[Slice]] = {}
    for piece in sorted(slices, key=lambda piece: (piece.by, piece.name)):
        groups.setdefault(piece.by, []).append(piece)
    yield from ((by, group) for by, group in groups.items() if len(group) > 1)


def bars(differences: Iterable[float]) -> list[str]:
    """Return a bar a difference, the largest `BAR` characters long; a gain is hollow."""
    values = list(differences)
    most = max((abs(value) for value in values), default=0.0) or 1.0
    lengths = (round(BAR * abs(value) / most) for value in values)
    return [("█" if v < 0 else "░") * n for v, n in zip(values, lengths, strict=True)]
