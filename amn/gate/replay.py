"""The verdict of a bundle, judged again: statistics, criteria, golden and records from its files.

What reads weights or git cannot be judged from them: those outcomes are carried over as they were,
and said to be. So are those that read vectors and indexes, where the bundle has no data.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.case.config import SPLITS
from amn.case.load import load_case
from amn.checks.check import checks
from amn.errors import AmnError, ArgumentError, CheckNotRunError, DataError
from amn.evaluation.storage import COSINES_FILE, load_evaluation
from amn.gate import makers
from amn.gate.bundle import VERDICT_FILE
from amn.gate.evidence import Evidence, declare
from amn.gate.makers import named
from amn.gate.modes import GateOptions, data_makers, evidence_of
from amn.gate.run import About, Gate
from amn.storage import parse_json, read_whole, unpack_archive
from amn.training.candidate import Candidate
from amn.training.record import TrainingRecord
from amn.verdict import (
    BEFORE_TRAINING,
    RESULT_SCHEMA,
    Outcome,
    Status,
    Verdict,
    family_of,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.case.load import Case
    from amn.evaluation.storage import Evaluation
    from amn.training.checkpoint import Checkpoint

TOLERANCE = 1e-9  # of a number judged again: sums of float64 differ by machine, not by more
TOLERANCE_OF_ROWS = 1e-5  # of what is counted in float32 rows


@dataclass(frozen=True, slots=True)
class Replayed:
    """One case of a bundle, judged again.

    Attributes:
        recorded: The verdict in the bundle.
        verdict: The verdict now.
        again: Labels of the checks that were judged again.
        carried: Labels of those that were carried over.
        differences: Where the two differ, one line each; empty when they agree.
        has_data: Whether the bundle has the data, so that they were checked again.
    """

    case: str
    recorded: Verdict
    verdict: Verdict
    again: tuple[str, ...]
    carried: tuple[str, ...]
    differences: tuple[str, ...]
    has_data: bool


def replay(path: Path) -> list[Replayed]:
    """Judge every case of a bundle again.

    Raises:
        DataError: If it is no bundle, or was changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder)
        members = unpack_archive(path, unpacked)["files"]
        try:
            document = parse_json(read_whole(unpacked / VERDICT_FILE))
            if document.get("schema") != RESULT_SCHEMA:
                found = f"expected schema {RESULT_SCHEMA} of {VERDICT_FILE}"
                fix = "amn gate --bundle writes it anew"
                raise ArgumentError(f"{found}, got {document.get('schema')!r}. Fix: {fix}")
            results = document["results"]
            if not results or any(f"{one['case']}/context.json" not in members for one in results):
                raise ArgumentError(f"expected the files of every case in {VERDICT_FILE}")
            return [_replay_case(unpacked, result) for result in results]
        except AmnError as error:
            message = " ".join(str(error).split()).replace(f"{unpacked}/", "")
            raise DataError(path, message) from error
        except FileNotFoundError as error:
            missing = str(error.filename).replace(f"{unpacked}/", "")
            raise DataError(path, f"expected {missing} in it, found none") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(path, f"expected a whole bundle, got: {error!r}") from error


def _replay_case(unpacked: Path, result: dict[str, Any]) -> Replayed:
    """Judge one case again: every check whose evidence the bundle has."""
    name = result["case"]
    recorded = {f"{c['id']}-{c['name']}": Outcome.from_json(c) for c in result["checks"]}
    declared = result["declared"]
    context = parse_json(read_whole(unpacked / name / "context.json"))
    approval = str((result["review"] or {}).get("approval", ""))
    evidence = _evidence(unpacked / name, name, context, tuple(declared)).with_(approval=approval)
    mine = {
        check.label: check
        for check in declare(evidence)
        if check.label in declared and _has_looked(recorded.get(check.label))
    }
    known = [checks()[check] for label in declared if (check := label.split("-")[0]) in checks()]
    standing = {o.check: o for label, o in recorded.items() if label not in mine}
    gate = Gate(evidence, About(name), declared=known, standing=standing)
    outcomes = {label: gate.outcome(check.id) for label, check in mine.items()}
    verdict = judge(declared, [outcomes.get(label, o) for label, o in recorded.items()])
    if verdict is Verdict.PASS and result["scope"]["lacks"]:  # what it rested on is carried over
        verdict = Verdict.PARTIAL
    differences = [
        difference.replace(f"{unpacked}/", "")
        for label, now in outcomes.items()
        # What did not run waits for a check that failed, which differs too.
        if now.status is not Status.NOT_RUN and (difference := _difference(recorded[label], now))
    ]
    said = Verdict[result["verdict"]]
    if verdict is not said:
        differences.append(f"verdict: {said.value} in the bundle, {verdict.value} now")
    again = tuple(label for label in declared if label in mine)
    others = tuple(label for label in declared if label not in mine)
    has_data = bool(context.get("data"))
    return Replayed(name, said, verdict, again, others, tuple(differences), has_data)


def _has_looked(outcome: Outcome | None) -> bool:
    """Tell whether a check was evaluated when the bundle was made."""
    return outcome is not None and outcome.status not in (Status.NOT_RUN, Status.ERROR)


def _evidence(
    folder: Path, name: str, context: Mapping[str, Any], declared: tuple[str, ...]
) -> Evidence:
    """Return the evidence that a bundle has: no weights, no git, no neighbours; data if packed."""
    case = load_case(folder / "golden" / name)
    if case.config.resolved() != context["resolved"]:
        raise ArgumentError(f"{name}: expected the config of the verdict, got another case.toml")
    day = context["today"]
    today = date.fromisoformat(day) if day else None
    metrics = folder / "metrics.json"
    if metrics.exists():
        options = GateOptions(cache=folder, metrics=metrics, today=today)
        return evidence_of(case, options).without("review")
    found = [_candidate(folder / f"candidate-{n:03}") for n in range(context["candidates"])]
    chosen = makers.SCORES | makers.COURSE | named(makers.histories, makers.abort, makers.asked)
    chosen |= named(makers.waivers, makers.listed_waivers, makers.unwaivable)
    if not context["first_run"]:
        chosen |= makers.GOLDEN | named(makers.numerics, makers.brought)
        is_adaptive = context["mode"] == "train" and case.config.golden.adaptive_seeds is not None
        chosen |= {"looks": makers.looks if is_adaptive else makers.no_looks}
        chosen.pop("beside")
    given: dict[str, Any] = {
        "declared": declared,
        "approval": "",
        "judged_data": {},
        "settings": case.config.resolved(),
    }
    if data := dict(context.get("data") or {}):
        case = _with_data(case, folder, data)
        chosen |= data_makers(case)
        del given["judged_data"]
    scored = [one.recorded for one in found if one.recorded]
    if found and len(scored) == len(found):
        given["evaluations"] = tuple(scored)
    return Evidence(chosen, case=case, today=today, progress=None, candidates=tuple(found), **given)


def _with_data(case: Case, folder: Path, names: Mapping[str, str]) -> Case:
    """Return a case whose data sets are those of the bundle.

    Args:
        names: Of their folders, by path in case.toml.
    """

    def moved(section: Any, key: str) -> Any:  # noqa: ANN401 - a section of the config
        path = getattr(section, key) if section else None
        if path is None:
            return section
        return section.model_copy(update={key: folder / names[str(path)]})

    config = case.config
    split = {name: moved(getattr(config.split, name), "dataset") for name in SPLITS}
    changes = {
        "dataset": moved(config.dataset, "path"),
        "split": config.split.model_copy(update=split),
    }
    return replace(case, config=config.model_copy(update=changes))


def _candidate(folder: Path) -> Candidate:
    """Return a candidate that has scores and a record, and no model."""
    about = parse_json(read_whole(folder / "candidate.json"))
    evaluation = load_evaluation(folder) if (folder / COSINES_FILE).exists() else None
    record = TrainingRecord.from_json(about["record"]) if about["record"] else None

    def load() -> Checkpoint:
        raise CheckNotRunError(f"{about['name']}: a bundle has no weights")

    def score(_: Checkpoint) -> Evaluation:
        raise CheckNotRunError(f"{about['name']}: it was not scored")

    return Candidate(about["name"], record, evaluation, load, score, about["digest"])


def _difference(then: Outcome, now: Outcome) -> str:
    """Return how two outcomes of a check differ, empty when they agree."""
    if then.status is not now.status:
        cause = f": {now.findings[0]}" if now.findings else ""
        return f"{then.label}: {then.status.value} in the bundle, {now.status.value} now{cause}"
    old = then.number if then.number is not None else math.nan
    new = now.number if now.number is not None and math.isfinite(now.number) else math.nan
    if math.isnan(old) and math.isnan(new):
        return ""
    is_of_rows = family_of(then.check) in BEFORE_TRAINING
    tolerance = TOLERANCE_OF_ROWS if is_of_rows else TOLERANCE
    if not math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance):
        return f"{then.label}: {then.number} in the bundle, {now.number} now"
    return ""
