"""What a case.toml lets through that the one of the merge base did not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from amn.config import EVALUATED
from amn.data.splits import selected_articles
from amn.review import Loosening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amn.case import Case
    from amn.config import CaseConfig, Selector

FLOOR, MARGIN, RULE = "lowered a floor", "widened a margin", "loosened a stopping rule"
SHRANK = "shrank the evaluation set"


def limit_loosenings(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield every limit that was lowered, widened or removed, by its key in case.toml.

    Args:
        file: Path of the case.toml, for people.
    """
    before, after = _limits(old), _limits(new)
    for key, (what, value, sign) in after.items():
        was = before[key][1] if key in before else -sign * math.inf
        if sign * value < sign * was:
            yield Loosening(what, f"{file} {key}", _shown(was), _shown(value))
    yield from _ranges(old, new, file)
    if old.speed and new.speed is None:
        yield Loosening("removed the checks of speed", f"{file} speed", "measured", "not measured")
    if old.dataset.index is not False and new.dataset.index is False:
        was_index = "required" if old.dataset.index else "checked where there is one"
        where = f"{file} dataset.index"
        yield Loosening("removed the checks of the index", where, was_index, "not checked")
    if old.index.recall_at != new.index.recall_at:
        was_at, is_at = str(old.index.recall_at), str(new.index.recall_at)
        yield Loosening("changed what recall is", f"{file} index.recall_at", was_at, is_at)
    if old.blocked_by and new.blocked_by != old.blocked_by:
        names = (old.blocked_by, new.blocked_by or "")
        yield Loosening("no longer waits for a case", f"{file} blocked_by", *names)
    if not set(old.training.seeds) <= set(new.training.seeds):
        seeds = (str(old.training.seeds), str(new.training.seeds))
        yield Loosening("switched seeds", f"{file} training.seeds", *seeds)


def selector_loosenings(old: Case, new: Case, file: str) -> Iterator[Loosening]:
    """Yield the judged splits that no longer select every article that they did.

    A list of ids that only grew is fine; every other way to select cannot be compared without the
    data, so any difference counts.
    """
    for split in EVALUATED:
        was: Selector = getattr(old.config.split, split)
        now: Selector = getattr(new.config.split, split)
        if was == now:
            continue
        what = "changed the evaluation set"
        if was.articles is not None and now.articles is not None:
            before, after = (
                set(selected_articles(case, split, selector).tolist())
                for case, selector in ((old, was), (new, now))
            )
            if before <= after:
                continue
            what = SHRANK if after < before else what
        yield Loosening(what, f"{file} split.{split}", _selector(was), _selector(now))


def _limits(config: CaseConfig) -> dict[str, tuple[str, float, int]]:
    """Return what it means to loosen each limit, its value, and 1 for floors, -1 for ceilings."""
    abort = config.training.abort
    first = abort.first_epoch
    share = (RULE, abort.first_epoch_share, 1)
    return {
        **{f"criteria.{s}": (FLOOR, config.criteria.floor(s), 1) for s in EVALUATED},
        "criteria.lift": (FLOOR, config.criteria.lift, 1),
        "index.recall": (FLOOR, config.index.recall, 1),
        "index.self_recall": (FLOOR, config.index.self_recall, 1),
        "golden.margin": (MARGIN, config.golden.margin, -1),
        "golden.alpha": ("raised alpha", config.golden.alpha, -1),
        "golden.drift": ("widened the drift budget", config.golden.drift_budget, -1),
        **_speed_limits(config),
        # `relative` is the strictest that can be said without the data; a number has no share.
        "training.abort.first_epoch": (RULE, math.inf if first == "relative" else first, 1),
        **({"training.abort.first_epoch_share": share} if first == "relative" else {}),
        "training.abort.stall_epochs": (RULE, abort.stall_epochs, -1),
        "training.abort.drop": (RULE, abort.drop, -1),
        "training.abort.below_best": (RULE, abort.below_best, 1),
    }


def _speed_limits(config: CaseConfig) -> dict[str, tuple[str, float, int]]:
    """Return the limits of speed, none where the section is not there."""
    if config.speed is None:
        return {}
    limits = config.speed.model_dump()
    tolerance = limits.pop("tolerance")
    floors = {f"speed.{name}": (FLOOR, value, 1) for name, value in limits.items()}
    return {**floors, "speed.tolerance": (MARGIN, tolerance, -1)}


def _ranges(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the range of OOD minus in-dist, if it got wider; only a range of one's own is one."""
    was, now = old.criteria.delta, new.criteria.delta
    if was and not (now and now[0] >= was[0] and now[1] <= was[1]):
        shown = str(list(now)) if now else "a warning only"
        yield Loosening("widened a range", f"{file} criteria.delta", str(list(was)), shown)


def _selector(selector: Selector) -> str:
    """Return a selector in one word or two, for people."""
    chosen = selector.model_dump(exclude_none=True, exclude={"seed"})
    name, value = next(iter(chosen.items()))
    seed = f", seed {selector.seed}" if name == "fraction" else ""
    text = str(value)
    return f"{name} {text if len(text) <= 40 else text[:37] + '...'}{seed}"  # noqa: PLR2004 - of a line


def _shown(value: float) -> str:
    return "relative" if math.isinf(value) else str(value)
