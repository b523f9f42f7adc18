"""What a model scores, and where its predictions point, as charts. N windows, A articles."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.errors import ArgumentError, GoldenError
from amn.evaluation.distribution import distribution
from amn.evaluation.summary import LIFT_OVER
from amn.evaluation.surroundings import CURVE_OFFSETS
from amn.golden.compare import joined
from amn.golden.store import TABLE_FILE
from amn.report.page.charts import Chart, Frame, Key, step_edges
from amn.report.page.plots import histogram
from amn.verdict import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.evaluation.statistics import ClusterTable
    from amn.gate.result import GateResult

LISTED_ARTICLES = 8
OFFSETS = np.array(CURVE_OFFSETS)


@dataclass(frozen=True)
class SplitView:
    """One split's cosines, means over seeds.

    Attributes:
        article_ids: (N,) ids.
        candidate: (N,) float64.
        beside: Sums of candidate and golden by article; None where the two are not comparable.
        references: Reference predictor -> (N,) float64.
    """

    name: str
    article_ids: NDArray[Any]
    candidate: NDArray[np.float64]
    beside: ClusterTable | None
    references: dict[str, NDArray[np.float64]]


def split_views(result: GateResult) -> list[SplitView]:
    """Return the scored splits, joined with the golden by article."""
    evaluations = [c.evaluation for c in result.candidates if c.evaluation]
    views = []
    for name in evaluations[0].scores if evaluations else ():
        scores = [evaluation.scores[name] for evaluation in evaluations]
        if len({len(score.cosines) for score in scores}) > 1 or not len(scores[0].cosines):
            continue  # E001 says which windows are missing
        first = scores[0]
        cosines = np.mean([score.cosines for score in scores], axis=0)
        beside = None
        if result.golden and name in result.golden.tables:
            with suppress(GoldenError, ArgumentError):  # G003 says why they are not comparable
                beside = joined(result.golden, name, scores, path=Path(TABLE_FILE))
        views.append(
            SplitView(name, first.article_ids, cosines, beside, evaluations[0].references[name])
        )
    return views


def distributions(view: SplitView) -> Chart | None:
    """Draw how the cosines of a split are distributed."""
    sides = [("candidate, mean over seeds", distribution(view.candidate, "cosine"))]
    reference = view.references.get(LIFT_OVER)
    return histogram(
        f"{view.name}: cosines of {count_of(len(view.candidate), 'window')}",
        sides,
        "windows",
        "",
        axis="cosine of prediction and target",
        levels={} if reference is None else {"mean of context": float(reference.mean())},
    )


def by_article(view: SplitView, margin: float) -> Chart:
    """Draw each article's difference from the golden; without one, its lift over the context."""
    if view.beside is not None:
        articles, counts, against = view.beside.labels, view.beside.sizes, "golden"
        values = view.beside.combined / counts  # (A,)
    else:
        articles, index, n = np.unique(view.article_ids, return_inverse=True, return_counts=True)
        counts, against = n.astype(np.float64), "mean of the context"
        values = np.bincount(index, view.candidate - view.references[LIFT_OVER]) / counts
    order = np.argsort(values, kind="stable")
    frame = Frame.over(
        [0, len(order)], [*values, 0, *([-margin] if view.beside is not None else [])], x_pad=0
    )
    frame.axes("articles, the worst first", y_label=f"candidate - {against}")
    for css, chosen in (("worse", values < 0), ("better", values >= 0)):
        heights = np.repeat(np.where(chosen, values, 0.0)[order], 2)
        if chosen.any():
            frame.area(step_edges(np.arange(len(order) + 1.0)), heights, css)
    frame.level(0, "zero")
    if view.beside is not None:
        frame.level(-margin, "limit", f"margin {-margin:+.3f}")
    worst = order[:LISTED_ARTICLES]
    n_worse = int((values < 0).sum())
    rows = [(str(articles[a]), f"{counts[a]:.0f}", f"{values[a]:+.4f}") for a in worst]
    return Chart(
        title=f"{view.name}: {count_of(len(articles), 'article')} against the {against}",
        description=(
            f"Mean difference of each article, sorted. {n_worse} of {len(articles)} are below 0; "
            f"the lowest is article {articles[order[0]]} with {values[order[0]]:+.4f}, the highest "
            f"{values[order[-1]]:+.4f}."
        ),
        marks=tuple(frame.marks),
        keys=(Key("box worse", "below"), Key("box better", "above")),
        header=("article", "windows", "difference"),
        rows=tuple(rows),
    )


def offset_curves(result: GateResult) -> Iterator[Chart]:
    """Draw where predictions point: their cosine with the rows around the target."""
    context = result.config.windows.context if result.config else 0
    splits = {split for candidate in result.candidates for split in candidate.behaviour}
    for split in sorted(splits):
        found = {c.name: c.behaviour[split] for c in result.candidates if split in c.behaviour}
        values = {name: np.asarray(b.curve, np.float64) for name, b in found.items()}
        # The whole range of a good model: on its own scale, noise would look like a peak.
        frame = Frame.over(OFFSETS, [0, 1, *(v for curve in values.values() for v in curve)])
        frame.band(max(-context, OFFSETS[0]) - 0.3, -0.7, "context")
        frame.axes(
            "rows from the target", y_label="cosine with the prediction", x_ticks=OFFSETS.tolist()
        )
        frame.position(0, "zero", "target")
        for name, curve in values.items():
            frame.curve(OFFSETS, curve, "candidate", title=name)
            titles = [f"{name}, offset {o}: {v:.4f}" for o, v in zip(OFFSETS, curve, strict=True)]
            frame.dots(OFFSETS, curve, "candidate", titles)
        mean = np.mean(list(values.values()), axis=0)
        peak = int(OFFSETS[np.nanargmax(mean)]) if np.isfinite(mean).any() else None
        yield Chart(
            title=f"{split}: offset probe",
            description=(
                f"Mean cosine of predictions with the rows around their target; it peaks at offset "
                f"{peak}. Flat and near 0 would mean a model that is not connected to its input."
            ),
            marks=tuple(frame.marks),
            keys=(Key("line candidate", "candidate"), Key("box context", "context")),
            header=("offset", *map(str, OFFSETS)),
            rows=tuple((name, *(f"{v:.3f}" for v in curve)) for name, curve in values.items()),
        )
