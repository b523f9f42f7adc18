"""What a golden and its ledger let through that those of the merge base did not.

A mean that was measured again and fell by at most a tenth of the margin is noise, not a lower bar:
such falls count towards the drift budget (G012) and need no approval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from amn.case.config import EVALUATED
from amn.case.limits import LEAST
from amn.data.splits import selected_articles
from amn.errors import GoldenError
from amn.golden.compare import diff_golden, moved_articles, own_margin, vector_changes
from amn.golden.former import is_former, parse_any_golden
from amn.golden.ledger import Entry, inspect_ledger
from amn.golden.schema import COSINE
from amn.golden.store import GOLDEN_FILE
from amn.golden.table import windows_lost
from amn.storage import parse_json
from amn.verdict import Loosening, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from amn.case.config import CaseConfig, Selector
    from amn.case.load import Case
    from amn.golden.compare import Change
    from amn.golden.schema import Golden


REMEASURED = 0.1  # of the margin: two runs of one recipe differ by about that much
LOOSENED = {
    "mean": "moved the golden",
    "checks": "removed a check",
    "tolerances": "widened a margin",
    "recall": "moved the golden",
}


@dataclass(frozen=True)
class GoldenFiles:
    """The files of a golden at one revision; None for what is not there.

    Attributes:
        folder: Of the case, for messages.
    """

    folder: Path
    record: bytes | None
    table: bytes | None
    cosines: bytes | None  # of schema 1

    @cached_property
    def golden(self) -> Golden | None:
        """The golden, None when there is none that can be read."""
        try:
            return parse_any_golden(
                self.record or b"", self.table or b"", self.cosines or b"", self.folder
            )
        except GoldenError:
            return None


def golden_loosenings(
    old: GoldenFiles, new: GoldenFiles, where: str, *, is_migration: bool = False
) -> Iterator[Loosening]:
    """Yield how the golden of a case lets more through than it did.

    Args:
        where: Folder of the case relative to the repository, for people.
        is_migration: Whether the change says that it is the same golden in other files.
    """
    if old.record is None:
        return
    file = f"{where}/{GOLDEN_FILE}"
    if new.record is None:
        yield Loosening("removed the golden", file, "there", "gone")
        return
    if old.record == new.record:
        return
    if is_former(new.record):
        return  # it is not compared with: G004 says so
    for name in sorted(_metric_names(old.record) - _metric_names(new.record)):
        yield Loosening("renamed or removed a metric", f"{file} metrics.{name}", name, "")
    before, after = old.golden, new.golden
    if before is None:
        yield Loosening("replaced a golden that cannot be read", file, "unreadable", "")
    if before is None or after is None:
        return  # G004 says what is wrong with the one that is there now
    yield from _record_loosenings(before, after, file)
    yield from _article_loosenings(before, after, file, is_migration=is_migration)
    if is_migration:
        yield from _data_loosenings(before, after, file)


def _article_loosenings(
    before: Golden, after: Golden, file: str, *, is_migration: bool
) -> Iterator[Loosening]:
    """Yield the splits that lost windows, and those whose sums a migration changed."""
    for split in EVALUATED:
        was, now = (golden.tables[split].judged() for golden in (before, after))
        gone, _ = windows_lost(was.spans, now.spans)
        n = int(was.sizes.sum())
        if gone and n <= now.sizes.sum():  # fewer are listed above
            counts = (count_of(n, "window"), f"{gone} of them gone")
            yield Loosening("changed the evaluation set", f"{file} {split}", *counts)
        moved = len(moved_articles(before, after, split)) if is_migration else 0
        if moved:
            n_articles = count_of(len(was.articles), "article")
            counts = (n_articles, f"{moved} of {n_articles} moved")
            yield Loosening("moved the golden", f"{file} {split}", *counts)


def _data_loosenings(before: Golden, after: Golden, file: str) -> Iterator[Loosening]:
    """Yield what a golden says of its data and a migration changed: vectors, the profile."""
    then, now = before.record.profile, after.record.profile
    if then and then != now:
        yield Loosening("moved the golden", f"{file} profile", f"{len(then)} statistics", "others")
    if before.record.course and before.record.course != after.record.course:
        yield Loosening("moved the golden", f"{file} course", "accepted", "another")
    changes = vector_changes(before.tables, after.tables)
    if changes and not changes.unknown:  # of schema 1 it knows none
        others = sum(map(len, changes.kinds.values()))
        yield Loosening("moved the golden", f"{file} vectors", "accepted", f"{others} others")


def _record_loosenings(before: Golden, after: Golden, file: str) -> Iterator[Loosening]:
    """Yield what the record of a golden says that lets more through."""
    for change in diff_golden(before.record, after.record):
        if not change.loosens or _is_noise(change, before):
            continue
        words = change.key.split(".")
        if words[0] == "recall" and change.new is None:
            what = "removed a recall"
            yield Loosening(what, f"{file} {change.key}", _shown(change.old), "gone")
            continue
        what = LOOSENED.get(words[-1]) or LOOSENED.get(words[0], "shrank the evaluation set")
        yield Loosening(what, f"{file} {change.key}", _shown(change.old), _shown(change.new))
    if not set(before.record.seeds) <= set(after.record.seeds):
        seeds = (str(list(before.record.seeds)), str(list(after.record.seeds)))
        yield Loosening("switched seeds", f"{file} seeds", *seeds)


def ledger_loosenings(old: bytes | None, new: bytes | None, where: str) -> Iterator[Loosening]:
    """Yield how the ledger was rewritten, or what it accepts that is worse."""
    if old is None:
        return
    if new is None:
        yield Loosening("removed the ledger", where, count_of(old.count(b"\n"), "entry"), "gone")
        return
    if not new.startswith(old):
        before, after = old.splitlines(), new.splitlines()
        pairs = enumerate(zip(before, after, strict=False), start=1)
        line = next((n for n, (was, now) in pairs if was != now), len(after) + 1)
        yield Loosening("rewrote the ledger", f"{where} line {line}", "accepted", "changed or gone")
        return
    entries = inspect_ledger(new).entries
    for entry in new_entries(old, new):
        place = f"{where} entry {entry.number}"
        if entry.accepted_regression:
            yield Loosening("accepted a regression", place, "", entry.reason)
        if entry.kind == "anchor":
            yield from _anchor_loosenings(entries, entry, place)


def new_entries(old: bytes | None, new: bytes | None) -> list[Entry]:
    """Return the entries that a ledger got since the merge base."""
    n_before = len(inspect_ledger(old).entries) if old else 0
    return list(inspect_ledger(new).entries[n_before:]) if new else []


def _anchor_loosenings(entries: Sequence[Entry], anchor: Entry, place: str) -> Iterator[Loosening]:
    """Yield the splits in which a new anchor stands lower than the one before."""
    anchors = [e for e in entries[: anchor.number] if e.kind == "anchor"] or list(entries[:1])
    before = anchors[-1]
    is_comparable = before.digests.windows == anchor.digests.windows
    for split, figures in anchor.metrics.items():
        was = before.metrics[split].mean
        if figures.mean < was or not is_comparable:
            means = (f"{was:.4f}", f"{figures.mean:.4f}")
            yield Loosening("moved the anchor", f"{place} {split}", *means)
    names = [f"{metric}.{split}" for metric, splits in before.others.items() for split in splits]
    for name in names if is_comparable else ():
        old, new = before.other(name), anchor.other(name)
        if old and new is None:
            yield Loosening("moved the anchor", f"{place} {name}", f"{old.mean:.4f}", "gone")
        elif old and new and (new.mean - old.mean) * (-1 if old.better == "lower" else 1) < 0:
            means = (f"{old.mean:.4f}", f"{new.mean:.4f}")
            yield Loosening("moved the anchor", f"{place} {name}", *means)


def _is_noise(change: Change, before: Golden) -> bool:
    """Tell whether a mean fell by no more than measuring again moves it."""
    if change.kind != "metric" or change.delta is None:
        return False
    if change.key.startswith("recall."):
        _, name, asked = change.key.split(".")
        return abs(change.delta) <= REMEASURED * before.record.recall[name][f"{asked}_se"]
    if not change.key.endswith(".mean"):
        return False
    *metric, split, _ = change.key.split(".")[1:]  # the cosine's key names no metric
    margin = own_margin(before, split, metric[0]) if metric else before.record.tolerances.margin
    return abs(change.delta) <= REMEASURED * margin


def _metric_names(record: bytes) -> set[str]:
    """Return the metrics that a golden.json names by split, whether or not they are known ones."""
    try:
        metrics = parse_json(record)["metrics"]
        if is_former(record):
            metrics = {COSINE: metrics}
        return {f"{metric}.{split}" for metric, splits in metrics.items() for split in splits}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


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
            yield Loosening(what, f"{file} {key}", _limit_text(was), _limit_text(value))
    yield from _ranges(old, new, file)
    yield from _margins(old, new, file)
    yield from _own_limits(old, new, file)
    yield from _own_guards(old, new, file)
    yield from _own_configurations(old, new, file)
    if new.criteria.scope not in ("whole", old.criteria.scope):
        scopes = (old.criteria.scope, new.criteria.scope)
        yield Loosening("declared less to be enough", f"{file} criteria.scope", *scopes)
    if new.criteria.metric != old.criteria.metric:
        metrics = (old.criteria.metric, new.criteria.metric)
        yield Loosening("judges by another metric", f"{file} criteria.metric", *metrics)
    if old.speed and new.speed is None:
        yield Loosening("removed the checks of speed", f"{file} speed", "measured", "not measured")
    if old.dataset.index is not False and new.dataset.index is False:
        was_index = "required" if old.dataset.index else "checked where there is one"
        where = f"{file} dataset.index"
        yield Loosening("removed the checks of the index", where, was_index, "not checked")
    if old.index.recall_at != new.index.recall_at:
        was_at, is_at = str(old.index.recall_at), str(new.index.recall_at)
        yield Loosening("changed what recall is", f"{file} index.recall_at", was_at, is_at)
    yield from _columns(old, new, file)
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
                selected_articles(case, split, selector)
                for case, selector in ((old, was), (new, now))
            )
            if before.issubset(after):
                continue
            what = SHRANK if after.issubset(before) else what
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
        **{
            f"data.{name}": ("loosened a limit of the data", value, 1 if name in LEAST else -1)
            for name, value in config.data.limits().items()
        },
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


def _own_limits(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the limits of the case's own that are gone, lower, or about something else."""
    after = {limit.id: limit for limit in new.criteria.limit}
    for was in old.criteria.limit:
        where, now = f"{file} criteria.limit {was.id}", after.get(was.id)
        if now is None:
            yield Loosening("removed a limit", where, str(was), "gone")
            continue
        about = [(o.metric, o.split, o.slice, o.least is None) for o in (was, now)]
        if about[0] != about[1]:
            yield Loosening("changed a limit", where, str(was), str(now))
        elif (now.least or 0) < (was.least or 0) or (now.most or 0) > (was.most or 0):
            yield Loosening(FLOOR, where, str(was), str(now))
        elif was.by == "bound" and now.by != "bound":
            yield Loosening("changed a limit", where, str(was), str(now))


def _columns(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the columns of records that are read as another figure, or no longer read."""
    for name in sorted({**old.columns, **new.columns}):
        was, now = old.columns.get(name, ""), new.columns.get(name, "")
        if was != now:
            what = "reads a course of training otherwise"
            yield Loosening(what, f"{file} columns.{name}", was, now)


def _own_guards(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the metrics that a case no longer compares with its golden."""
    after = {guard.name for guard in new.criteria.guards}
    for was in old.criteria.guard:
        if was.name not in after:
            yield Loosening("removed a guard", f"{file} criteria.guard {was.id}", str(was), "gone")


def _margins(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the margins of what comes next that are not lower than declared ones were.

    Without a declared one it is the golden's own, which may be lower or higher.
    """
    was, now = old.golden.margins, new.golden.margins
    for name in {**was, **now}:
        before, after = was.get(name), now.get(name)
        if before != after and not (before and after and after < before):
            shown = [str(value or "the golden's own") for value in (before, after)]
            yield Loosening(MARGIN, f"{file} golden.margins.{name}", *shown)


def _own_configurations(old: CaseConfig, new: CaseConfig, file: str) -> Iterator[Loosening]:
    """Yield the configurations of an index that are gone, under other names, or held to less.

    Another kind or parameter is what is judged: its recall is compared with the golden's.
    """
    after = {one.id: one for one in new.index.configuration}
    for was in old.index.configuration:
        where, now = f"{file} index.configuration {was.id}", after.get(was.id)
        if now is None or now.name != was.name:
            shown = "gone" if now is None else now.name
            yield Loosening("removed a configuration of the index", where, was.name, shown)
        elif new.index.floor(now) < old.index.floor(was):
            floors = (str(old.index.floor(was)), str(new.index.floor(now)))
            yield Loosening(FLOOR, where, *floors)


def _selector(selector: Selector) -> str:
    """Return a selector in one word or two, for people."""
    chosen = selector.model_dump(exclude_none=True, exclude={"seed"})
    name, value = next(iter(chosen.items()))
    seed = f", seed {selector.seed}" if name == "fraction" else ""
    text = str(value)
    return f"{name} {text if len(text) <= 40 else text[:37] + '...'}{seed}"  # noqa: PLR2004 - of a line


def _limit_text(value: float) -> str:
    return "relative" if math.isinf(value) else str(value)
