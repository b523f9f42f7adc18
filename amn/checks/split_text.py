"""S: whether evaluated articles have text that train has, where the texts are kept."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import EVALUATED
from amn.checks.check import check, some_ids
from amn.checks.profiled import share_of
from amn.checks.split_copies import FEWEST_TWINS, LEAKED_SHARE
from amn.data.canaries import TEXT_COLUMN
from amn.data.shared_text import find_shared_text
from amn.errors import DoesNotApplyError
from amn.verdict import Finding, Measured, Severity

if TYPE_CHECKING:
    from amn.case.limits import DataConfig
    from amn.checks.broken.copies import CaseCopy
    from amn.data.shared_text import SharedText
    from amn.verdict import Statistic

CHANCE = 0.01  # of as many leaks where train's own articles have each other's text as often


def leaked_text(copy: CaseCopy) -> None:
    """Training articles go on with the text of evaluated ones, cut elsewhere."""
    dataset, splits = copy.dataset(), copy.splits()
    column = dataset.column(TEXT_COLUMN)
    if column is None:
        raise DoesNotApplyError(f"expected a column {TEXT_COLUMN} in the chunk table")
    texts = np.array([text or "" for text in column.to_pylist()], object)
    for name in EVALUATED:
        articles = splits[name].articles
        some = articles[: max(FEWEST_TWINS + 1, len(articles) // 10)]
        for article, other in zip(some, splits["train"].articles, strict=False):
            whole = " ".join(texts[dataset.rows_of(article)])
            mine = dataset.rows_of(other)
            cuts = np.linspace(0, len(whole), len(mine) + 1).astype(np.int64)
            texts[mine] += [" " + whole[a:b] for a, b in pairwise(cuts.tolist())]
    copy.set_splits()  # they stay as they are
    copy.rebuild(copy.vectors(), texts=texts.tolist())
    found = find_shared_text(copy.splits(), 2 * LEAKED_SHARE)
    if not any(len(set(one.overlaps.left.tolist())) > FEWEST_TWINS for one in found.values()):
        raise DoesNotApplyError("expected articles with more text")


@check("S014", "shared_text", needs=["D003"], broken_by=[leaked_text])
def check_shared_text(shared_texts: dict[str, SharedText], data_limits: DataConfig) -> Measured:
    """Few evaluated articles have a fifth of their text in one training article.

    At most 2 % of them have a fifth of their passages of 64 letters, and 8 or more, letter for
    letter in one training article, whatever the blanks, capitals and borders of chunks. Passages
    that several articles of the split have are a form in common, and do not count. As many as
    train's own articles have of each other say nothing; as few as chance has are a warning.
    Declared where every data set of the case keeps the texts of its rows.

    Why: Text that was pasted into another article, or cut at other borders, has other vectors.
    Fix: Drop one of the two articles, or put both into train: split in case.toml
    """
    from scipy.special import bdtrc  # noqa: PLC0415 - loads scipy

    findings: list[Finding] = []
    shares: dict[str, float] = {}
    profile: dict[str, Statistic] = {}
    most = data_limits.near_articles
    for name, found in shared_texts.items():
        pairs, n = found.overlaps, len(found.articles)
        leaked, worst = np.unique(pairs.left, return_index=True)
        shares[name] = len(leaked) / max(n, 1)
        profile[name] = share_of(np.isin(found.articles, leaked))
        # Where as many as may be leaks are usual in train, they are leaks there, too.
        usual = min(found.usual / max(found.compared, 1), most)
        if shares[name] <= usual:
            continue
        message = (
            f"expected at most {most:.0%} of articles with {LEAKED_SHARE:.0%} of their text in one "
            f"training article, got {shares[name]:.2%} of {n:,} ({len(leaked):,}), and "
            f"{found.usual:,} of {found.compared:,} in train: {some_ids(leaked)}, the first of "
            f"them in {pairs.right[worst[0]]}"
        )
        # The rate of one more: none in a few is not never.
        rate = min((found.usual + 1) / (found.compared + 1), most)
        is_many = shares[name] > most and bdtrc(len(leaked) - 1, n, rate) < CHANCE
        fix = "drop one of the two articles, or put both into train in case.toml"
        findings.append(Finding(name, message, fix, None if is_many else Severity.WARNING))
    value = ", ".join(f"{name} {share:.2%}" for name, share in shares.items())
    limit = f"<= {most:.0%} of evaluated articles"
    number = max(shares.values(), default=None)
    return Measured(value, limit, findings, number=number, profile={"shared_text": profile})
