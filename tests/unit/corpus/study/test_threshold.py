from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amn.corpus.study.threshold import choose_threshold
from amn.errors import ArgumentError


@given(st.integers(0, 463), st.integers(0, 60))
def test_a_target_is_reached_with_the_fewest_rows_or_refused(low: int, width: int) -> None:
    rng = np.random.default_rng(low)
    sizes = rng.integers(1, 30, 40)
    coherence = rng.random(40).round(2)
    part = FakeRegion(sizes, coherence)
    kept, exempt = rng.random(40) < 0.8, rng.random(40) < 0.1
    reachable = [
        int(sizes[kept & ~((coherence < t) & ~exempt)].sum()) for t in [*np.unique(coherence), 2.0]
    ]
    wanted = [n for n in reachable if low <= n <= low + width]

    try:
        least = choose_threshold(part, kept, exempt, (low, low + width))  # type: ignore[arg-type]
    except ArgumentError:
        assert wanted == []
    else:
        left = int(sizes[kept & ~((coherence < least) & ~exempt)].sum())
        assert left == max(wanted)


class FakeRegion:
    def __init__(self, sizes: np.ndarray, coherence: np.ndarray) -> None:
        self.sizes, self.coherence = sizes, coherence
