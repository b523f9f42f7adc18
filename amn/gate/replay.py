"""The verdict of a bundle, judged again: statistics, criteria, golden and records from its files.

What reads weights or git cannot be judged from them: those outcomes are carried over as they were,
and said to be. So are those that read vectors and indexes, where the bundle has no data. In a
checkout of the same change case, golden and merge base are taken from there, and git is asked: what
is left of the bundle's word is what was scored.
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
from amn.checks.comparison import ONE_CLASS, Classes
from amn.checks.limits import all_checks
from amn.checks.recorded import is_of
from amn.data.manifest import MANIFEST_FILE
from amn.errors import AmnError, ArgumentError, CheckNotRunError, DataError, in_words, mended_by
from amn.evaluation.storage import COSINES_FILE, load_evaluation
from amn.gate.bundle import VERDICT_FILE, bundled_files
from amn.gate.evidence import Evidence, declare, named
from amn.gate.makers import held_to, of_candidates, of_courses
from amn.gate.merit import BY_DATA, review
from amn.gate.modes import GateOptions, data_makers, evidence_of, judging_makers
from amn.gate.run import About, Gate
from amn.golden.waivers import WAIVERS_FILE
from amn.storage import parse_json, read_whole, sha256_of, unpack_archive
from amn.system import GOLDEN_FOLDER
from amn.training.candidate import Candidate
from amn.training.command import declared_inputs
from amn.training.record import TrainingRecord
from amn.verdict import (
    BEFORE_TRAINING,
    RESULT_SCHEMA,
    Loosening,
    Outcome,
    Status,
    Verdict,
    family_of,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amn.case.load import Case
    from amn.evaluation.storage import Evaluation
    from amn.golden.base.review import MergeBase
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


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the change is, to judge a bundle with nothing of what it says but its scores.

    Attributes:
        merge_base: What the change is compared with.
        today: What waivers expire by.
    """

    merge_base: MergeBase
    today: date


@mended_by("pack it again: amn gate CASE --bundle FILE.zip")
def bundle_results(path: Path) -> dict[str, Any]:
    """Return the JSON of the gate in a bundle.

    Raises:
        DataError: If it is no bundle, or was changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpack_archive(path, Path(folder))
        try:
            document: dict[str, Any] = parse_json(read_whole(Path(folder) / VERDICT_FILE))
        except (FileNotFoundError, ValueError) as error:
            raise DataError(
                path, f"expected {VERDICT_FILE} in it, got: {in_words(error)}"
            ) from error
        return document


@mended_by("pack it again: amn gate CASE --bundle FILE.zip")
def replay(path: Path, here: Checkout | None = None) -> list[Replayed]:
    """Judge every case of a bundle again.

    Args:
        here: The checkout that it is of; None: the bundle is all there is.

    Raises:
        DataError: If it is no bundle, was changed, or is of another change than the checkout.
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
            return [_replay_case(unpacked, result, here) for result in results]
        except AmnError as error:
            message = " ".join(str(error).split()).replace(f"{unpacked}/", "")
            raise DataError(path, message) from error
        except FileNotFoundError as error:
            missing = str(error.filename).replace(f"{unpacked}/", "")
            raise DataError(path, f"expected {missing} in it, found none") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(path, f"expected a whole bundle, got: {in_words(error)}") from error


def _replay_case(unpacked: Path, result: dict[str, Any], here: Checkout | None) -> Replayed:
    """Judge one case again: every check whose evidence the bundle has."""
    name = result["case"]
    recorded = {f"{c['id']}-{c['name']}": Outcome.from_json(c) for c in result["checks"]}
    declared = result["declared"]
    context = parse_json(read_whole(unpacked / name / "context.json"))
    listed = (result["review"] or {}).get("loosenings", ())
    told = tuple(
        Loosening(what, one["where"], one["old"], one["new"])
        for one in listed
        if (what := one["what"]) in BY_DATA
    )
    evidence = _evidence(unpacked / name, name, context, tuple(declared), here)
    evidence = evidence.with_(told_by_data=told)
    if not here:
        evidence = evidence.with_(approval=str((result["review"] or {}).get("approval", "")))
    mine = {
        check.label: check
        for check in declare(evidence)
        if check.label in declared and _has_looked(recorded.get(check.label))
    }
    every = all_checks(evidence["case"].config)
    known = [every[check] for label in declared if (check := label.split("-")[0]) in every]
    differences = [
        f"{check.label}: not in the bundle, and declared here"
        for check in declare(evidence)
        if here and held_to.is_custody(check) and check.label not in declared
    ]
    standing = {o.check: o for label, o in recorded.items() if label not in mine}
    gate = Gate(evidence, About(name), declared=known, standing=standing)
    outcomes = {label: gate.outcome(check.id) for label, check in mine.items()}
    verdict = judge(declared, [outcomes.get(label, o) for label, o in recorded.items()])
    if verdict is Verdict.PASS and result["scope"]["lacks"]:  # what it rested on is carried over
        verdict = Verdict.PARTIAL
    differences += [
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
    folder: Path,
    name: str,
    context: Mapping[str, Any],
    declared: tuple[str, ...],
    here: Checkout | None,
) -> Evidence:
    """Return the evidence that a bundle has: no weights, no neighbours; data if packed.

    No git and no neighbours but in the checkout that it is of.
    """
    case = load_case(folder / "golden" / name)
    if here:
        case = _of_checkout(case, folder)
    if case.config.resolved() != context["resolved"]:
        raise ArgumentError(f"{name}: expected the config of the verdict, got another case.toml")
    day = context["today"]
    today = here.today if here else date.fromisoformat(day) if day else None
    base = here.merge_base if here else None
    metrics = folder / "metrics.json"
    if metrics.exists():
        options = GateOptions(cache=folder, metrics=metrics, today=today, merge_base=base)
        return evidence_of(case, options)
    found = [_candidate(folder / f"candidate-{n:03}") for n in range(context["candidates"])]
    chosen = _makers_of(case, context, is_here=here is not None)
    given: dict[str, Any] = {
        "declared": declared,
        "approval": "",
        "judged_data": {},
        "classes": Classes(**context["numerics"]) if context.get("numerics") else ONE_CLASS,
        "settings": case.config.resolved(declared_inputs(case) if here else context.get("inputs")),
    }
    if base:
        stands = is_of(declared)
        given |= {"approval": base.approval, "merge_base": base, "is_judged": not stands}
        if stands:  # it declares less than the golden's gate did
            del given["declared"]
    elif data := dict(context.get("data") or {}):
        case = _with_data(case, folder, data)
        chosen |= data_makers(case)
        del given["judged_data"]
    scored = [one.recorded for one in found if one.recorded]
    if found and len(scored) == len(found):
        given["evaluations"] = tuple(scored)
        if all(scores.values for one in scored for scores in one.scores.values()):
            given["measured"] = tuple(one.scores for one in scored)
    return Evidence(chosen, case=case, today=today, progress=None, candidates=tuple(found), **given)


def _makers_of(
    case: Case, context: Mapping[str, Any], *, is_here: bool
) -> dict[str, Callable[..., object]]:
    """Return what makes the evidence of a bundle; with git and neighbours, where it is judged."""
    chosen = (
        held_to.SCORES
        | judging_makers(case)
        | of_courses.COURSE
        | named(of_courses.histories, of_courses.abort, of_candidates.asked)
    )
    chosen |= named(held_to.waivers, held_to.unwaivable)
    if (case.folder / WAIVERS_FILE).exists():
        chosen |= named(held_to.listed_waivers)
    if not context["first_run"]:
        chosen |= held_to.GOLDEN | held_to.DATA_OF_GOLDEN
        chosen |= named(held_to.numerics, held_to.brought, held_to.guarded)
        is_adaptive = context["mode"] == "train" and case.config.golden.adaptive_seeds is not None
        chosen |= {"looks": held_to.looks if is_adaptive else held_to.no_looks}
        chosen |= named(held_to.aim)
    if is_here:
        return chosen | named(review)
    chosen.pop("beside", None)
    return chosen


def _of_checkout(packed: Case, folder: Path) -> Case:
    """Return the case of this checkout, whose files are those of the bundle, byte for byte.

    Raises:
        ArgumentError: If one of them is another.
    """
    case = load_case(GOLDEN_FOLDER / packed.name)
    pairs = [(packed.folder / file, case.folder / file) for file in bundled_files(case)]
    ours = {mine.name: _content(theirs) == _content(mine) for theirs, mine in pairs}
    manifest, own = _content(folder / MANIFEST_FILE), case.sources[0]
    if own.is_elsewhere:  # nothing is fetched: the case says which it is
        ours[MANIFEST_FILE] = sha256_of(manifest or b"") == own.sha256
    else:
        ours[MANIFEST_FILE] = manifest == _content(case.dataset_path / MANIFEST_FILE)
    if others := [name for name, is_same in ours.items() if not is_same]:
        raise ArgumentError(
            f"{packed.name}: expected {others[0]} as in this checkout, got another: the bundle "
            "is of another change. Fix: amn gate --bundle FILE in this checkout"
        )
    return case


def _content(file: Path) -> bytes | None:
    """Return the bytes of a file, its ends of lines aside; None where there is none."""
    return read_whole(file).replace(b"\r\n", b"\n") if file.is_file() else None


def _with_data(case: Case, folder: Path, names: Mapping[str, str]) -> Case:
    """Return a case whose data sets are those of the bundle.

    Args:
        names: Of their folders, by path in case.toml.
    """

    def moved(section: Any, key: str) -> Any:  # noqa: ANN401 - a section of the config
        path = getattr(section, key) if section else None
        if path is None:
            return section
        return section.model_copy(update={key: str(folder / names[path])})

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

    seed = about.get("seed")
    return Candidate(about["name"], record, evaluation, load, score, about["digest"], seed)


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
