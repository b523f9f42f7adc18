"""`amn data describe`: everything that is worth knowing of a data set before it is used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from amn.corpus.study.clusters import has_twin
from amn.corpus.study.geometry import (
    SAMPLE_ARTICLES,
    SAMPLE_ROWS,
    Geometry,
    lag_means,
    measure_geometry,
)
from amn.corpus.study.kinds import KINDS
from amn.corpus.study.scores import windows_of
from amn.errors import ArgumentError
from amn.evaluation.distribution import Distribution, distribution
from amn.evaluation.metrics import REFERENCES

if TYPE_CHECKING:
    from amn.corpus.study.region import Region
    from amn.corpus.study.study import Study
    from amn.evaluation.statistics import Interval

BLOCKS = 10  # of ids, with equally many articles each
COPY_COSINE = 0.99  # neighbours this alike are copies: as in check D008
NOT_TOLD = "not told"


@dataclass(frozen=True)
class KindCount:
    """How much of a region is of one kind."""

    kind: str
    articles: int
    rows: int


@dataclass(frozen=True)
class Block:
    """Consecutive articles by id.

    Attributes:
        coherence: Mean cosine of neighbours; NaN without neighbours.
        rows_an_article: Mean.
    """

    first: int
    last: int
    articles: int
    coherence: float
    rows_an_article: float


@dataclass(frozen=True)
class Duplicates:
    """What is there more than once.

    Attributes:
        rows: Rows that an earlier row equals byte for byte.
        neighbours: Pairs of neighbours with a cosine of at least `COPY_COSINE`.
        articles: Articles that have a near-duplicate.
        clusters: Groups that they form.
    """

    rows: int
    neighbours: int
    articles: int
    clusters: int


@dataclass(frozen=True)
class Description:
    """What a region of a data set is made of.

    Attributes:
        kinds: None where the chunk table cannot tell; `kinds_from` says what did.
        languages: Articles by language, the most frequent first, `not told` last; empty where the
            chunk table has none.
        noted: What the stages of its making noted of rows that stayed.
        article_words: Words of each article; None where lengths are not known.
        chunk_chars: Characters of each chunk; None where lengths are not known.
        coherence: Of all pairs of neighbours; `coherence_interval` is clustered by article.
        article_coherence: Mean of each article.
        lags: (lag, mean cosine of rows so far apart).
        windows: With `context`; `articles_with_windows` have one.
        references: name -> score on held-out articles; empty when there are too few windows.
        references_note: Why there are none.
    """

    label: str
    path: str
    encoder: str
    dim: int
    dtype: str
    rows: int
    articles: int
    kinds: tuple[KindCount, ...] | None
    kinds_from: str
    languages: dict[str, int]
    noted: dict[str, int]
    article_rows: Distribution
    article_words: Distribution | None
    chunk_chars: Distribution | None
    coherence: Distribution
    coherence_interval: Interval | None
    article_coherence: Distribution
    blocks: tuple[Block, ...]
    lags: tuple[tuple[int, float], ...]
    duplicates: Duplicates
    geometry: Geometry
    context: int
    windows: int
    articles_with_windows: int
    references: dict[str, Interval]
    references_note: str


def describe(
    study: Study, *, sample_rows: int = SAMPLE_ROWS, sample_articles: int = SAMPLE_ARTICLES
) -> Description:
    """Describe the region of a study.

    Args:
        sample_rows: Most rows for ranks and random pairs.
        sample_articles: Most articles for diversity.
    """
    region, dataset = study.region, study.region.dataset
    chars = dataset.column("n_chars")
    adjacent = region.scan.adjacent[region.rows[region.pairs]]
    pair_articles = region.article_of[region.pairs]
    windows = windows_of(region, study.context)
    references, note = _references(study)
    return Description(
        label=region.label,
        path=str(dataset.path),
        encoder=dataset.manifest.encoder.name,
        dim=dataset.dim,
        dtype=dataset.manifest.dtype,
        rows=len(region.rows),
        articles=len(region),
        kinds=_kind_counts(study),
        kinds_from=study.kinds[1],
        languages=_languages(region),
        noted={
            f"{stage.name}: {what}": n
            for stage in dataset.manifest.stages
            for what, n in stage.noted.items()
        },
        article_rows=distribution(region.sizes, "chunks"),
        article_words=None if study.words is None else distribution(study.words, "words"),
        chunk_chars=None
        if chars is None
        else distribution(np.asarray(chars)[region.rows], "chars"),
        coherence=distribution(adjacent, "cosine"),
        coherence_interval=study.interval(adjacent, pair_articles) if len(adjacent) else None,
        article_coherence=distribution(region.coherence, "cosine"),
        blocks=_blocks(region),
        lags=lag_means(region, seed=study.seed),
        duplicates=Duplicates(
            rows=int(region.repeats.sum()),
            neighbours=int(np.count_nonzero(adjacent >= COPY_COSINE)),
            articles=int(has_twin(study.clusters).sum()),
            clusters=len(np.unique(study.clusters[has_twin(study.clusters)])),
        ),
        geometry=measure_geometry(
            region, study.means, rows=sample_rows, articles=sample_articles, seed=study.seed
        ),
        context=study.context,
        windows=len(windows),
        articles_with_windows=len(np.unique(windows.codes)),
        references=references,
        references_note=note,
    )


def _references(study: Study) -> tuple[dict[str, Interval], str]:
    """Return the reference predictors' scores on held-out articles, or why there are none."""
    try:
        judged = study.judged
    except ArgumentError as error:
        return {}, str(error)
    return {name: study.interval(judged.cosines[name], judged.codes) for name in REFERENCES}, ""


def _languages(region: Region) -> dict[str, int]:
    """Return articles by language."""
    found = region.first_values("language")
    if found is None:
        return {}
    counts = Counter(found.tolist())
    not_told = counts.pop(None, 0)
    return {**dict(counts.most_common()), **({NOT_TOLD: not_told} if not_told else {})}


def _kind_counts(study: Study) -> tuple[KindCount, ...] | None:
    """Return articles and rows by kind, in the order of `KINDS`, others after them."""
    kinds = study.kinds[0]
    if kinds is None:
        return None
    names = [*KINDS, *sorted({str(kind) for kind in kinds} - set(KINDS))]
    counted = [(name, kinds.astype(str) == name) for name in names]
    return tuple(
        KindCount(name, int(mine.sum()), int(study.region.sizes[mine].sum()))
        for name, mine in counted
        if mine.any()
    )


def _blocks(region: Region) -> tuple[Block, ...]:
    """Return about `BLOCKS` blocks of consecutive articles."""
    edges = np.linspace(0, len(region), min(BLOCKS, len(region)) + 1).astype(np.int64)
    pairs = np.add.reduceat(region.n_pairs, edges[:-1])
    sums = np.add.reduceat(region.pair_sums, edges[:-1])
    rows = np.add.reduceat(region.sizes, edges[:-1])
    return tuple(
        Block(
            first=region.ids[low].item(),
            last=region.ids[high - 1].item(),
            articles=int(high - low),
            coherence=float(sums[k] / pairs[k]) if pairs[k] else float("nan"),
            rows_an_article=float(rows[k] / (high - low)),
        )
        for k, (low, high) in enumerate(pairwise(edges))
    )
