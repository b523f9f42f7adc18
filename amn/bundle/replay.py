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

from amn.bundle.archive import unpack_archive
from amn.bundle.pack import VERDICT_FILE
from amn.case import load_case
from amn.checks.evidence.runs import Candidate
from amn.checks.registry import BEFORE_TRAINING, rules
from amn.config import SPLITS
from amn.errors import AmnError, ArgumentError, CheckNotRunError, DataError
from amn.evaluation.storage import COSINES_FILE, load_evaluation
from amn.findings import Outcome, Status, Verdict, judge
from amn.gate.options import GateOptions
from amn.gate.session import GateSession
from amn.storage import parse_json
from amn.training.record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amn.case import Case
    from amn.evaluation.storage import Evaluation
    from amn.training.checkpoint import Checkpoint

TOLERANCE = 1e-9  # of a number judged again: sums of float64 differ by machine, not by more
TOLERANCE_OF_ROWS = 1e-5  # of what is counted in float32 rows
# Judged again: families that need scores and records only, and such checks of other families.
FAMILIES = ("record", "criteria")
CHECKS = ("E002", "E003", "E004", "E005", "E008", "G001", "G002", "G003", "G004", "G005", "G006",
          "G007", "G008", "G009", "G011", "G012")  # fmt: skip
ELSEWHERE = ("speed", "reencode")  # when a rule applies that needs the machine, or an encoder


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
            results = parse_json((unpacked / VERDICT_FILE).read_bytes())["results"]
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
    """Judge one case again."""
    name = result["case"]
    folder = unpacked / name
    recorded = {f"{c['id']}-{c['name']}": Outcome.from_json(c) for c in result["checks"]}
    declared = result["declared"]
    context = parse_json((folder / "context.json").read_bytes())
    data = dict(context.get("data") or {})
    mine = [label for label in declared if _is_judged_again(label, recorded, has_data=bool(data))]
    carried = {o.check: o for label, o in recorded.items() if label not in mine}
    checks = [label.partition("-")[0] for label in mine]
    early = [check for check in checks if rules()[check].family in BEFORE_TRAINING]
    session = _session(folder, name, context, declared, carried)
    outcomes: dict[str, Outcome] = {}
    if early:
        case = _with_data(session.case, folder, data)
        looking = GateSession(case, session.options).resuming(declared, carried, ())
        outcomes = {check: looking.outcome(check) for check in early}
        session = _session(folder, name, context, declared, {**carried, **outcomes})
    outcomes = {check: session.outcome(check) for check in checks}
    found = [outcomes.get(o.check, o) for o in recorded.values()]
    verdict = judge(declared, found)
    pairs = [(recorded[label], outcomes[check]) for label, check in zip(mine, checks, strict=True)]
    differences = [
        difference.replace(f"{unpacked}/", "")
        for then, now in pairs
        # What did not run waits for a check that failed, which differs too.
        if now.status is not Status.NOT_RUN and (difference := _difference(then, now))
    ]
    said = Verdict[result["verdict"]]
    if verdict is not said:
        differences.append(f"verdict: {said.value} in the bundle, {verdict.value} now")
    others = tuple(label for label in declared if label not in mine)
    return Replayed(name, said, verdict, tuple(mine), others, tuple(differences), bool(data))


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


def _is_judged_again(label: str, recorded: Mapping[str, Outcome], *, has_data: bool) -> bool:
    """Tell whether a check needs only what is in the bundle."""
    check = label.partition("-")[0]
    if check not in rules() or label not in recorded:
        return False
    outcome = recorded[label]
    rule = rules()[check]
    families = (*FAMILIES, *BEFORE_TRAINING) if has_data else FAMILIES
    needs_no_more = check in CHECKS or (rule.family in families and rule.when not in ELSEWHERE)
    return needs_no_more and outcome.status not in (Status.NOT_RUN, Status.ERROR)


def _session(
    folder: Path,
    name: str,
    context: Mapping[str, Any],
    declared: list[str],
    carried: dict[str, Outcome],
) -> GateSession:
    """Return a gate of the bundle's candidates, in which the carried outcomes stand."""
    case = load_case(folder / "golden" / name)
    if case.config.resolved() != context["resolved"]:
        raise ArgumentError(f"{name}: expected the config of the verdict, got another case.toml")
    metrics = folder / "metrics.json"
    options = GateOptions(
        cache=folder / "cache",
        metrics=metrics if metrics.exists() else None,
        runs=(folder,) if context["mode"] == "run" else (),  # seeds are looked at once then
        checkpoint=folder if context["mode"] == "checkpoint" else None,
        first_run=bool(context["first_run"]),
        today=date.fromisoformat(context["today"]) if context["today"] else None,
    )
    candidates = [
        _candidate(folder / f"candidate-{number:03}") for number in range(context["candidates"])
    ]
    return GateSession(case, options).resuming(declared, carried, candidates)


def _candidate(folder: Path) -> Candidate:
    """Return a candidate that has scores and a record, and no model."""
    about = parse_json((folder / "candidate.json").read_bytes())
    evaluation = load_evaluation(folder) if (folder / COSINES_FILE).exists() else None
    record = TrainingRecord.from_json(about["record"]) if about["record"] else None

    def load() -> Checkpoint:
        raise CheckNotRunError(f"{about['name']}: a bundle has no weights")

    def score(_: Checkpoint) -> Evaluation:
        raise CheckNotRunError(f"{about['name']}: it was not scored")

    candidate = Candidate(about["name"], record, evaluation, load, score, about["digest"])
    if evaluation is not None:
        vars(candidate)["evaluation"] = evaluation  # what a check would score first
    return candidate


def _difference(then: Outcome, now: Outcome) -> str:
    """Return how two outcomes of a check differ, empty when they agree."""
    if then.status is not now.status:
        cause = f": {now.findings[0]}" if now.findings else ""
        return f"{then.label}: {then.status.value} in the bundle, {now.status.value} now{cause}"
    old = then.number if then.number is not None else math.nan
    new = now.number if now.number is not None and math.isfinite(now.number) else math.nan
    if math.isnan(old) and math.isnan(new):
        return ""
    is_of_rows = rules()[then.check].family in BEFORE_TRAINING
    tolerance = TOLERANCE_OF_ROWS if is_of_rows else TOLERANCE
    if not math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance):
        return f"{then.label}: {then.number} in the bundle, {now.number} now"
    return ""
