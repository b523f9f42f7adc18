"""What a gate has seen, as charts. N windows, A articles, K lags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amn.data.coherence import follows, mean_by_lag
from amn.data.scan import FAR_LAG
from amn.errors import GoldenError
from amn.evaluation.summary import LIFT_OVER
from amn.evaluation.surroundings import CURVE_OFFSETS
from amn.golden.compare import align
from amn.golden.store import COSINES_FILE
from amn.report.page.charts import TOP, Chart, Frame, Key, step_edges, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.data.scan import RowScan
    from amn.gate.seen import Seen, SeenCandidate
    from amn.training.record import Epoch

BINS = 48
LAGS = np.arange(1, 9)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LISTED_ARTICLES = 8
OFFSETS = np.array(CURVE_OFFSETS)


@dataclass(frozen=True)
class SplitView:
    """One split's cosines, means over seeds.

    Attributes:
        article_ids: (N,) int64.
        candidate: (N,) float64.
        golden: (N,) float64 in the same order; None where the two are not comparable.
        references: Reference predictor -> (N,) float64.
    """

    name: str
    article_ids: NDArray[np.int64]
    candidate: NDArray[np.float64]
    golden: NDArray[np.float64] | None
    references: dict[str, NDArray[np.float64]]


def draw(seen: Seen) -> Iterator[Chart]:
    """Yield a chart of everything that was seen; what was not looked at is not drawn."""
    views = split_views(seen)
    for view in views:
        yield distributions(view)
    for view in views:
        yield by_article(view, seen.margin)
    trained = [c for c in seen.candidates if c.record and c.record.epochs]
    if trained:
        yield cosine_by_epoch(trained)
        yield loss_by_epoch(trained)
    yield from offset_curves(seen)
    for name, dataset, scan in seen.scans:
        yield coherence(name, dataset, scan)
        yield lag_curve(name, dataset)


def split_views(seen: Seen) -> list[SplitView]:
    """Return the scored splits, joined with the golden by window id."""
    evaluations = [c.evaluation for c in seen.candidates if c.evaluation]
    views = []
    for name in evaluations[0].scores if evaluations else ():
        scores = [evaluation.scores[name] for evaluation in evaluations]
        if len({len(score.cosines) for score in scores}) > 1 or not len(scores[0].cosines):
            continue  # E001 says which windows are missing
        first = scores[0]
        cosines = np.mean([score.cosines for score in scores], axis=0)
        golden = None
        if seen.golden and name in seen.golden.splits:
            theirs = seen.golden.splits[name]
            try:
                order = align(
                    theirs, first.article_ids, first.target_chunks, path=Path(COSINES_FILE)
                )
            except GoldenError:
                pass  # G003 says why they are not comparable
            else:
                golden = np.empty_like(cosines)
                golden[order] = theirs.cosines.mean(axis=0)
        views.append(
            SplitView(name, first.article_ids, cosines, golden, evaluations[0].references[name])
        )
    return views


def distributions(view: SplitView) -> Chart:
    """Draw how the cosines of a split are distributed, candidate over golden."""
    sides = {"candidate": view.candidate}
    sides |= {"golden": view.golden} if view.golden is not None else {}
    sides = {name: values[np.isfinite(values)] for name, values in sides.items()}
    together = np.concatenate(list(sides.values()))
    low, high = np.quantile(together, (0.001, 1)) if len(together) else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
    heights = {name: steps(values, edges) for name, values in sides.items()}
    peak = [float(h.max()) for h in heights.values()]
    frame = Frame.over(edges, [0, *peak], x_pad=0, top=TOP + 34)  # above: two names
    frame.axes("cosine of prediction and target", y_label="share of windows")
    xs = step_edges(edges)
    if "golden" in heights:
        frame.area(xs, heights["golden"], "golden")
    frame.curve(xs, heights["candidate"], "candidate")
    reference = float(view.references[LIFT_OVER].mean()) if LIFT_OVER in view.references else None
    mean = float(view.candidate.mean())
    if reference is not None and np.isfinite(reference) and low < reference < high:
        frame.position(reference, "mean", f"mean of context {reference:.4f}", row=1)
    if np.isfinite(mean) and low < mean < high:
        frame.position(mean, "candidate", f"candidate {mean:.4f}")
    rows = [
        (name, f"{values.mean():.4f}", *(f"{q:.4f}" for q in np.quantile(values, QUANTILES)))
        for name, values in sides.items()
        if len(values)
    ]
    shown = "; ".join(
        f"{name}: mean {mean}, middle half {q1} to {q3}" for name, mean, _, q1, _, q3, _ in rows
    )
    keys = [Key("line candidate", "candidate, mean over seeds")]
    keys += [Key("box golden", "golden")] if "golden" in sides else []
    return Chart(
        title=f"{view.name}: cosines of {len(view.candidate):,} windows",
        description=f"Distribution of the cosines. {shown}.",
        marks=tuple(frame.marks),
        keys=tuple(keys),
        header=("", "mean", *(f"{q:.0%}" for q in QUANTILES)),
        rows=tuple(rows),
    )


def by_article(view: SplitView, margin: float) -> Chart:
    """Draw each article's difference from the golden; without one, its lift over the context."""
    other = view.golden if view.golden is not None else view.references[LIFT_OVER]
    against = "golden" if view.golden is not None else "mean of the context"
    articles, inverse, counts = np.unique(view.article_ids, return_inverse=True, return_counts=True)
    values = np.bincount(inverse, view.candidate - other) / counts  # (A,)
    order = np.argsort(values, kind="stable")
    frame = Frame.over(
        [0, len(order)], [*values, 0, *([-margin] if view.golden is not None else [])], x_pad=0
    )
    frame.axes("articles, the worst first", y_label=f"candidate - {against}")
    for css, chosen in (("worse", values < 0), ("better", values >= 0)):
        heights = np.repeat(np.where(chosen, values, 0.0)[order], 2)
        if chosen.any():
            frame.area(step_edges(np.arange(len(order) + 1.0)), heights, css)
    frame.level(0, "zero")
    if view.golden is not None:
        frame.level(-margin, "limit", f"margin {-margin:+.3f}")
    worst = order[:LISTED_ARTICLES]
    n_worse = int((values < 0).sum())
    rows = [(str(articles[a]), f"{counts[a]}", f"{values[a]:+.4f}") for a in worst]
    return Chart(
        title=f"{view.name}: {len(articles):,} articles against the {against}",
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


def cosine_by_epoch(candidates: Sequence[SeenCandidate]) -> Chart:
    """Draw validation and training cosine of every seed by epoch, over the reference predictors."""
    records = {c.name: c.record for c in candidates if c.record}
    first = next(iter(records.values()))
    curves = {name: _course(record.epochs) for name, record in records.items()}
    values = [v for c in curves.values() for v in (*c["val_cosine"], *c["train_cosine"])]
    finite = [v for v in values if np.isfinite(v)]
    lines = {"mean of context": first.mean}
    if not finite or min(finite) < (first.constant + first.mean) / 2:
        lines["constant"] = first.constant  # elsewhere it would flatten every curve
    epochs = [e for c in curves.values() for e in c["epoch"]]
    frame = Frame.over(epochs, [*values, *lines.values()])
    frame.axes("epoch", y_label="cosine", x_ticks=_epoch_ticks(epochs))
    for label, value in lines.items():
        frame.level(value, "mean", f"{label} {value:.4f}")
    for name, course in curves.items():
        frame.curve(course["epoch"], course["train_cosine"], "training", title=f"{name}, training")
        frame.curve(course["epoch"], course["val_cosine"], "candidate", title=name)
    best = [(r.best_epoch, r.best_val_cosine) for r in records.values() if r.best_epoch]
    frame.dots([e for e, _ in best], [v for _, v in best], "candidate", list(records))
    rows = [
        (
            name,
            record.status,
            f"{record.epochs[0].val_cosine:.4f}",
            f"{record.best_val_cosine:.4f}",
            f"{record.best_epoch}/{len(record.epochs)}",
        )
        for name, record in records.items()
    ]
    shown = "; ".join(
        f"{name} {status}, best {best} in epoch {epoch}" for name, status, _, best, epoch in rows
    )
    return Chart(
        title="Training: cosine by epoch",
        description=(
            f"{shown}. Mean of the context {first.mean:.4f}, constant {first.constant:.4f}."
        ),
        marks=tuple(frame.marks),
        keys=(
            Key("line candidate", "validation, a line a seed"),
            Key("line training", "training"),
            Key("line mean", "reference predictor"),
        ),
        header=("seed", "ended", "first epoch", "best", "in epoch"),
        rows=tuple(rows),
    )


def loss_by_epoch(candidates: Sequence[SeenCandidate]) -> Chart:
    """Draw validation and training loss of every seed by epoch."""
    records = {c.name: c.record for c in candidates if c.record}
    curves = {name: _course(record.epochs) for name, record in records.items()}
    values = [v for c in curves.values() for v in (*c["val_loss"], *c["train_loss"])]
    epochs = [e for c in curves.values() for e in c["epoch"]]
    frame = Frame.over(epochs, values)
    frame.axes("epoch", y_label="loss", x_ticks=_epoch_ticks(epochs))
    for name, course in curves.items():
        frame.curve(course["epoch"], course["train_loss"], "training", title=f"{name}, training")
        frame.curve(course["epoch"], course["val_loss"], "candidate", title=name)
        frame.dots(course["epoch"][-1:], course["val_loss"][-1:], "candidate", [name])
    rows = [
        (
            name,
            f"{record.epochs[0].train_loss:.5g}",
            f"{record.epochs[-1].train_loss:.5g}",
            f"{record.epochs[-1].val_loss:.5g}",
            f"{max(e.grad_norm for e in record.epochs):.3g}",
        )
        for name, record in records.items()
    ]
    shown = "; ".join(f"{name} from {first} to {last}" for name, first, last, _, _ in rows)
    return Chart(
        title="Training: loss by epoch",
        description=f"Training loss: {shown}.",
        marks=tuple(frame.marks),
        keys=(Key("line candidate", "validation"), Key("line training", "training")),
        header=("seed", "first", "last", "validation", "largest gradient"),
        rows=tuple(rows),
    )


def offset_curves(seen: Seen) -> Iterator[Chart]:
    """Draw where predictions point: their cosine with the rows around the target."""
    splits = {split for candidate in seen.candidates for split in candidate.behaviour}
    for split in sorted(splits):
        found = {c.name: c.behaviour[split] for c in seen.candidates if split in c.behaviour}
        values = {name: np.asarray(b.curve, np.float64) for name, b in found.items()}
        # The whole range of a good model: on its own scale, noise would look like a peak.
        frame = Frame.over(OFFSETS, [0, 1, *(v for curve in values.values() for v in curve)])
        frame.band(max(-seen.context, OFFSETS[0]) - 0.3, -0.7, "context")
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


def coherence(name: str, dataset: DataSet, scan: RowScan) -> Chart:
    """Draw how alike neighbouring rows are, and rows further apart."""
    sides = {
        "neighbours": np.asarray(scan.adjacent[follows(dataset, 1)], np.float64),
        f"{FAR_LAG} apart": np.asarray(scan.far[follows(dataset, FAR_LAG)], np.float64),
    }
    sides = {label: values[np.isfinite(values)] for label, values in sides.items()}
    edges = np.linspace(-0.2, 1.0, BINS + 1)
    heights = {label: steps(np.clip(v, -0.2, 1), edges) for label, v in sides.items()}
    frame = Frame.over(edges, [0, *(h.max() for h in heights.values())], x_pad=0)
    frame.axes("cosine of two rows of an article", y_label="share of pairs")
    near, far = heights.values()
    frame.area(step_edges(edges), far, "far")
    frame.curve(step_edges(edges), near, "candidate")
    rows = [
        (
            label,
            f"{len(v):,}",
            f"{v.mean():.4f}",
            *(f"{q:.4f}" for q in np.quantile(v, (0.05, 0.5, 0.95))),
        )
        for label, v in sides.items()
        if len(v)
    ]
    shown = "; ".join(f"{label}: mean {mean} over {n} pairs" for label, n, mean, *_ in rows)
    return Chart(
        title=f"{name}: coherence of the rows",
        description=f"Cosines of rows of one article. {shown}.",
        marks=tuple(frame.marks),
        keys=(Key("line candidate", "neighbours"), Key("box far", f"{FAR_LAG} chunks apart")),
        header=("", "pairs", "mean", "5%", "50%", "95%"),
        rows=tuple(rows),
    )


def lag_curve(name: str, dataset: DataSet) -> Chart:
    """Draw how fast an article's rows grow apart."""
    means = mean_by_lag(dataset, LAGS)
    frame = Frame.over(LAGS, [*means, 0])
    frame.axes("chunks apart", y_label="mean cosine", x_ticks=LAGS.tolist())
    frame.curve(LAGS, means, "candidate")
    frame.dots(
        LAGS,
        means,
        "candidate",
        [f"{lag} apart: {m:.4f}" for lag, m in zip(LAGS, means, strict=True)],
    )
    shown = [f"{m:.3f}" for m in means]
    return Chart(
        title=f"{name}: lag curve",
        description=(
            f"Mean cosine of two rows of an article: {shown[0]} next to each other, {shown[-1]} "
            f"{LAGS[-1]} chunks apart. Rows in no order would be flat."
        ),
        marks=tuple(frame.marks),
        header=("chunks apart", *map(str, LAGS)),
        rows=(("mean cosine", *shown),),
    )


def _course(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    """Return the columns of a loss ledger."""
    names = ("epoch", "train_loss", "val_loss", "train_cosine", "val_cosine")
    return {name: [float(getattr(epoch, name)) for epoch in epochs] for name in names}


def _epoch_ticks(epochs: Sequence[float]) -> list[float]:
    """Return at most eight whole epochs to label."""
    last = int(max(epochs))
    every = max(1, -(-last // 8))
    return [float(e) for e in range(every, last + 1, every)]
