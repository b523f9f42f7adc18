"""Checks of a project's own, as its conftest.py declares them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amn.checks import check as module

if TYPE_CHECKING:
    from collections.abc import Iterator

# One function of eight lines; its limit fails where it is negative.
SPREAD = '''\
from amn import Finding, Measured, check

MOST = 0.2


@check("X001", "spread")
def spread(summaries):
    """Seeds score within 0.2 of each other, OOD."""
    scores = summaries["ood"].per_seed
    spread = max(scores) - min(scores)
    found = [Finding("ood", f"expected at most {MOST}, got {spread:.4f}", "train longer")]
    return Measured(f"{spread:.4f}", f"<= {MOST}", found * (spread > MOST), number=spread)
'''
FAILING = SPREAD.replace("MOST = 0.2", "MOST = -1.0")
# The same check with a defect, and one that looks before training.
PROVEN = (
    '''\
from dataclasses import replace


def one_seed_apart(evaluations):
    """One seed is half a cosine below the others, OOD."""
    first, *others = evaluations
    ood = replace(first.scores["ood"], cosines=first.scores["ood"].cosines - 0.5)
    return {"evaluations": (replace(first, scores={**first.scores, "ood": ood}), *others)}


def half_of_ood(copy):
    """Half of the OOD articles are gone."""
    copy.set_splits(ood=copy.splits()["ood"].articles[::2])


'''
    + SPREAD.replace('"spread")', '"spread", broken_by=[one_seed_apart])')
    + '''

@check("X002", "many", broken_by=[half_of_ood])
def many(splits):
    """There are a dozen OOD articles."""
    n = len(splits["ood"].articles)
    return Measured(f"{n}", ">= 12", [Finding("ood", f"expected 12, got {n}")] * (n < 12))
'''
)


@contextmanager
def forgotten() -> Iterator[None]:
    """Run as a new process would: a conftest.py is imported anew, and forgotten afterwards."""
    before = dict(module._declared)
    yield
    module._declared.clear()
    module._declared.update(before)
    for name in [name for name in sys.modules if name.startswith("amn_conftest_")]:
        del sys.modules[name]
