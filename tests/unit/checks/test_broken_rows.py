"""How many articles a defect of some articles changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amn.checks.broken.rows import FEWEST, SOME, some_articles
from tests.strategies import in_memory, running_keys


@given(st.integers(1, 300))
def test_one_article_of_twenty_is_changed_and_five_at_least(n: int) -> None:
    articles, chunks = running_keys(*[1] * n)
    dataset = in_memory(articles, chunks, np.eye(1, 4, dtype=np.float32).repeat(n, axis=0))

    some = some_articles(dataset)

    assert len(some) >= min(n, FEWEST, max(FEWEST, n // SOME))
    assert len(some) <= max(2 * FEWEST, -(-n // SOME))
    assert len(np.unique(some)) == len(some)
