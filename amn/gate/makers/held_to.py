"""Makers of what a result is held to: limits, golden, waivers, and how other checks ended."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED
from amn.checks.check import Check, checks
from amn.checks.comparison import COMPARED, Classes, Guarded, Recalls, Sides
from amn.checks.criteria import FLOORS
from amn.checks.looks import (
    ARTICLE_LOOKS,
    FEWEST,
    Look,
    Looked,
    in_random_order,
    look_until_lost,
)
from amn.checks.model import shaping
from amn.data.manifest import read_manifest
from amn.errors import AmnError, ArgumentError, CheckNotRunError, ConfigError, GoldenError
from amn.evaluation.metrics import METRIC_VERSION
from amn.evaluation.statistics import seed_from
from amn.gate.articles import articles_of
from amn.gate.evidence import Evidence, declare, named
from amn.gate.makers.at_rest import (
    sound,
    sources,
)
from amn.gate.makers.of_candidates import lifts, summaries
from amn.golden.compare import config_changes, joined, require_same_windows
from amn.golden.compare import vector_changes as changes_of_vectors
from amn.golden.ledger import Ledger, find_ledger
from amn.golden.schema import OF_PREDICTIONS, OF_ROWS, numerics_class
from amn.golden.store import GOLDEN_FILE, TABLE_FILE, parse_record, read_file, read_golden
from amn.golden.waivers import read_waivers
from amn.training.aim import FUTILE, Aim, Need
from amn.training.candidate import Candidate, scores_of
from amn.verdict import BEFORE_TRAINING, FAMILIES, OWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from amn.case.limits import CriteriaConfig, GoldenConfig, Guard, SpeedConfig
    from amn.case.load import Case
    from amn.checks.looks import ScoresOf
    from amn.data.index.recall import Recalled
    from amn.data.scan import RowScan
    from amn.data.splits import Split
    from amn.data.windows import Windows
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.statistics import ClusterTable
    from amn.evaluation.storage import Evaluation
    from amn.golden.compare import VectorChanges
    from amn.golden.schema import Golden, GoldenRecord, Numerics
    from amn.golden.table import Table
    from amn.training.plan import Plan
    from amn.verdict import Outcome, Waiver


OUTCOMES = {  # parts that say how checks ended -> families of these
    "data_outcomes": BEFORE_TRAINING,
    "ended": (*(family for family in FAMILIES.values() if family != FAMILIES["G"]), OWN),
}


def norm_errors(
    candidates: tuple[Candidate, ...], evaluations: tuple[Evaluation, ...]
) -> dict[str, float]:
    """Largest |length of a prediction - 1| by candidate and split."""
    return {where: s.norm_error for where, _, s in scores_of(candidates, evaluations)}


def criteria(case: Case) -> CriteriaConfig:
    """Floors, the range of OOD minus in-dist, and the least lift; of rows of length 1 alone."""
    kept = list[str]()
    with suppress(AmnError):  # a bundle has no data; D003 reports what cannot be read
        places = map(case.folder_of, sources(case))
        kept = [f.name for f in places if not read_manifest(f).encoder.normalised]
    if kept:
        message = (
            f"criteria.metric: expected one of lengths, as {kept[0]} is not normalised, got "
            'cosine. Fix: metric = "l2" and a [[criteria.limit]] on it for each split, or amn data '
            "import --normalise"
        )
        raise ConfigError(case.file, [message])
    return case.config.criteria


def golden_limits(case: Case) -> GoldenConfig:
    """Margin, alpha, budget for drift, and looks at a candidate."""
    return case.config.golden


def settings(case: Case, home: Path) -> dict[str, Any]:
    """The settings that a result depends on, as resolved, with digests of declared inputs."""
    if not case.config.model.inputs:
        return case.config.resolved()
    from amn.training.command import declared_inputs  # noqa: PLC0415 - few cases have any

    return case.config.resolved(declared_inputs(case, home))


def golden_folder(case: Case) -> Path:
    """Folder of the golden: that of the case."""
    return case.folder


def beside(golden_folder: Path) -> Path:
    """Folder in which the case lies among others."""
    return golden_folder.resolve().parent


def found_golden(golden_folder: Path) -> Golden | GoldenError:
    """The golden, or why it cannot be read."""
    try:
        return read_golden(golden_folder)
    except GoldenError as error:
        return error


def golden(found_golden: Golden | GoldenError) -> Golden:
    """The golden. Raises GoldenError where it cannot be read."""
    return sound(found_golden)


def ledger(golden_folder: Path) -> Ledger | None:
    """The ledger of the golden; None when there is none."""
    return find_ledger(golden_folder)


def listed_waivers(case: Case) -> tuple[Waiver, ...]:
    """The waivers of waivers.toml, expired ones too."""
    return read_waivers(case.folder)


def waivers(case: Case, today: date | None) -> tuple[Waiver, ...]:
    """The waivers in force."""
    every = read_waivers(case.folder)
    return tuple(w for w in every if today and w.created <= today <= w.expires)


def unwaivable() -> dict[str, str]:
    """Why a check cannot be waived, by id: those that ask how the golden is kept."""
    custody = "a check of the golden's custody"
    return {check.id: custody for check in checks().values() if is_custody(check)}


def aim(case: Case, golden_folder: Path, waivers: tuple[Waiver, ...]) -> Aim:
    """What a training has to come to, as the course in golden.json tells.

    What is waived is not needed; nor is anything where the stop itself is: a half-trained network
    is never let through.
    """
    record = parse_record(read_file(golden_folder, GOLDEN_FILE), golden_folder)
    if (course := record.course) is None:
        raise CheckNotRunError("expected the course of the golden's seeds, found none")
    config = case.config
    waived = {waiver.check for waiver in waivers}
    needs = {}
    for split in EVALUATED if FUTILE not in waived else ():
        figures = record.metrics[split]
        limits = []
        if COMPARED[split] not in waived:
            margin = config.golden.margin
            why = f"the golden's {figures.mean:.4f} less its margin {margin:g}"
            limits.append((figures.mean - margin, why))
        if config.criteria.by_cosine and FLOORS[split] not in waived:
            limits.append((config.criteria.floor(split), "the floor"))
        if limits:
            least, why = max(limits)
            needs[split] = Need(least=least, why=why, ends=figures.per_seed)
    n_seeds, epochs = len(config.training.seeds), range(1, len(course.best[0]))
    return Aim(
        needs=needs,
        best=course.best,
        windows=course.windows,
        mean=course.mean,
        levels=tuple(config.golden.level_at(epoch, n_seeds) for epoch in epochs),
        apart=_apart(record, case),
    )


def _apart(record: GoldenRecord, case: Case) -> str:
    """Return why a training is of another course than the golden's; empty where it is of one.

    Another rate, loss or network has a course of its own, from which nothing follows: on
    `wiki-mini` lr 5e-3 is at 0.50 after 6 of 15 epochs, where 7e-4 is at 0.61, and ends above it.
    """
    if case.config.model.factory or case.config.training.init_from:
        return "a network or weights that the golden does not know"
    both = (record.config, case.config.resolved())
    changes = config_changes(*(shaping(one, case.folder) for one in both))
    return f"{changes[0].key} {changes[0].new}, {changes[0].old} in the golden" if changes else ""


def looks(golden_limits: GoldenConfig, candidates: tuple[Candidate, ...]) -> tuple[int, ...]:
    """Numbers of seeds at which candidates were looked at, the last one being all of them."""
    return golden_limits.looks_until(len(candidates))


def sides(
    evaluations: tuple[Evaluation, ...],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
    looks: tuple[int, ...],
    classes: Classes,
) -> Sides:
    """The candidate and the golden that it is compared with."""
    return Sides(evaluations, golden, golden_limits, golden_folder, looks, classes)


def looked(
    scores_in_part: ScoresOf, judged: dict[str, Windows], golden: Golden,
    golden_limits: GoldenConfig, golden_folder: Path, classes: Classes, waivers: tuple[Waiver, ...],
) -> Looked:  # fmt: skip
    """The looks at some of the articles, before a candidate is scored on all of them.

    What is waived is not looked at; what cannot be compared is named by others: G003, E002.
    """
    waived, path = {waiver.check for waiver in waivers}, golden_folder / TABLE_FILE
    orders = {
        split: in_random_order(golden, split)
        for split in EVALUATED
        if not waived & {ARTICLE_LOOKS, COMPARED[split]}
    }

    def table_of(split: str, n: int) -> ClusterTable:
        first, table = orders[split][:n], golden.tables[split].judged()
        tables = {**golden.tables, split: table.take(np.isin(table.articles, first))}
        scores = scores_in_part(split, first)
        return joined(replace(golden, tables=tables), split, scores, path=path)

    sizes = {split: len(order) for split, order in orders.items()}
    windows = golden.record.digests.windows
    looks = look_until_lost(
        sizes, table_of, golden_limits,
        seed=seed_from(ARTICLE_LOOKS, windows), tolerance=classes.tolerance,
    )  # fmt: skip
    found = list[Look]()
    try:
        if golden.record.versions.metric != METRIC_VERSION:
            return Looked((), "not comparable: a metric of another version")
        for split in orders:
            require_same_windows(golden, split, [judged[split]], path=path)
        found.extend(looks)
    except (GoldenError, ArgumentError) as error:
        return Looked(tuple(found), str(error))
    why = f"{FEWEST} articles of a split or fewer" if orders else "waived"
    return Looked(tuple(found), "" if found else why)


def guarded(
    measured: tuple[dict[str, SplitScores], ...], golden: Golden, golden_limits: GoldenConfig,
    golden_folder: Path, looks: tuple[int, ...], classes: Classes, guards: tuple[Guard, ...],
) -> Guarded:  # fmt: skip
    """The candidate and its golden by the metrics that guard what comes next, and the case's."""
    return Guarded((), golden, golden_limits, golden_folder, looks, classes, measured, guards)


def recalls_of_rows(
    recalled_rows: dict[str, Recalled],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
) -> Recalls:
    """The recall of the case's configurations, searched for rows, and the golden's."""
    sides = ((), golden, golden_limits, golden_folder)
    return Recalls(*sides, recalled=recalled_rows, asked=OF_ROWS)


def recalls_of_predictions(
    recalled_predictions: dict[str, Recalled],
    golden: Golden,
    golden_limits: GoldenConfig,
    golden_folder: Path,
    looks: tuple[int, ...],
) -> Recalls:
    """The recall of the case's configurations, searched for predictions, and the golden's."""
    sides = ((), golden, golden_limits, golden_folder, looks)
    return Recalls(*sides, recalled=recalled_predictions, asked=OF_PREDICTIONS)


def guards(case: Case) -> tuple[Guard, ...]:
    """The metrics of the case that are compared with the golden beside the cosine."""
    return case.config.criteria.guards


def no_looks() -> tuple[int, ...]:
    """Nothing: a candidate is looked at once."""
    return ()


def brought(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Candidates that were not trained here, and must not be the golden's own files."""
    return candidates


def article_tables(
    splits: dict[str, Split], windows: dict[str, Windows], scans: dict[str, RowScan]
) -> dict[str, Table]:
    """The articles of every split, with the digests of their vectors."""
    return articles_of(splits, windows, scans, {}, None, ())


def vector_changes(golden: Golden, article_tables: dict[str, Table]) -> VectorChanges:
    """The articles that have other vectors than the golden was accepted on."""
    return changes_of_vectors(golden.tables, article_tables)


def data_outcomes(evidence: Evidence) -> tuple[Outcome, ...]:
    """How each check of the data, index, splits and windows ended."""
    return _ends(evidence, OUTCOMES["data_outcomes"])


def ended(evidence: Evidence) -> tuple[Outcome, ...]:
    """How each check ended, those of the golden aside."""
    return _ends(evidence, OUTCOMES["ended"])


def _ends(evidence: Evidence, families: Sequence[str]) -> tuple[Outcome, ...]:
    """Run the checks of some families; one that cannot look is an ERROR."""

    def run(check: Check) -> Outcome:
        try:
            return check.run(evidence)
        except AmnError as error:
            return check.not_evaluated(error)

    return tuple(run(check) for check in judged_by(declare(evidence), families))


def judged_by(declared: Sequence[Check], families: Sequence[str]) -> list[Check]:
    """Return the checks of some families that do not read how others ended."""
    return [c for c in declared if c.family in families and not set(c.reads) & {*OUTCOMES}]


def numerics(golden: Golden) -> Numerics:
    """What the golden's machine computed."""
    if not golden.record.numerics.values:
        message = "golden.json: expected a fingerprint of the machine, found none"
        raise CheckNotRunError(message)
    return golden.record.numerics


def machine_numerics() -> tuple[Mapping[str, float], Mapping[str, str]]:
    """What this machine computes, and what it is."""
    from amn.evaluation.numerics import machine as here  # noqa: PLC0415 - loads torch
    from amn.evaluation.numerics import numeric_values  # noqa: PLC0415 - as above

    return numeric_values(), here()


def classes(
    case: Case, golden: Golden, machine_numerics: tuple[Mapping[str, float], Mapping[str, str]]
) -> Classes:
    """The numerics classes of golden and machine, and how far the two were measured to be apart."""
    values, here = machine_numerics
    then = golden.record.numerics
    apart = [abs(values.get(name, math.nan) - value) for name, value in then.values.items()]
    off = float(np.max(apart)) if apart else None  # NaN where a step is gone: nothing is decided
    return Classes(then.class_, numerics_class(here, case.config.resolved()), off)


def stored_speed(case: Case) -> dict[str, float] | None:
    """The ratios stored for this machine, None without any. Raises GoldenError if damaged."""
    from amn.golden.speed import machine, read_speed  # noqa: PLC0415 - few cases ask for speed

    return read_speed(case.folder, machine())


def speed_limits(case: Case) -> SpeedConfig:
    """What the case asks of its speed."""
    if case.config.speed is None:
        raise CheckNotRunError("speed: expected a section [speed] in case.toml, found none")
    return case.config.speed


def speed_ratios(plan: Plan) -> dict[str, float]:
    """The plain loop's cost over ours by name; taken once."""
    from amn.training.speed import measure_speed  # noqa: PLC0415 - loads torch

    return measure_speed(plan)


def declared(evidence: Evidence) -> tuple[str, ...]:
    """Labels of all checks of this gate."""
    return tuple(check.label for check in declare(evidence))


def is_custody(check: Check) -> bool:
    """Tell whether a check asks how the golden is kept, and not how good a candidate is.

    It needs neither data nor candidate, and no waiver lets it through.
    """
    return check.family == FAMILIES["G"] and set(check.reads) <= CUSTODY


SCORES = named(summaries, lifts, settings, sides)
OF_COSINE = named(criteria, norm_errors)  # what cases are judged by whose rows have length 1
SPEED = named(speed_limits, speed_ratios, stored_speed)
DATA_OF_GOLDEN = named(article_tables, vector_changes, data_outcomes, ended)
DATA_OF_GOLDEN |= named(recalls_of_rows, recalls_of_predictions)
GOLDEN = named(golden_folder, beside, found_golden, golden, golden_limits, guards, ledger)
CUSTODY = {  # what tells how a golden is kept
    *GOLDEN,
    "case",
    "today",
    "review",
    "listed_waivers",
    "unwaivable",
}
