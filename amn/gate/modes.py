"""Ways to gate: each is a set of makers, put together before anything is opened.

What is not promised here is not declared: a golden where there is none yet, an index that nobody
has built, an encoder that is not on this machine.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pyarrow import ArrowException

from amn.checks.check import checks
from amn.checks.comparison import is_guarded
from amn.checks.own import applies, load_conftests
from amn.data.dataset import HASH_COLUMN, INDEX_FILE, INDEX_MANIFEST, chunk_schemas
from amn.data.elsewhere import CHUNKS, NOTHING, fetched
from amn.data.manifest import read_manifest
from amn.data.shared_text import has_texts
from amn.errors import AmnError, ConfigError, nearest
from amn.evaluation.metric import LIFT, metrics
from amn.gate import makers
from amn.gate.evidence import Evidence, named
from amn.gate.makers import at_rest, held_to, of_candidates, of_courses, of_predictions
from amn.gate.makers.of_courses import abort_for, course_makers
from amn.gate.merit import review
from amn.gate.result import GateResult, RecordNote
from amn.gate.run import About, Gate
from amn.golden.base.review import MergeBase
from amn.golden.store import GOLDEN_FILE, parse_record
from amn.golden.waivers import WAIVERS_FILE
from amn.storage import read_whole
from amn.training.brought import is_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from amn.case.load import Case
    from amn.checks.recorded import Recorded
    from amn.data.reencoding import Encoding
    from amn.engines import Engine
    from amn.golden.schema import GoldenRecord
    from amn.training.plan import Plan

    Progress = Callable[[int, int, str], None]
    Makers = dict[str, Callable[..., object]]

Mode = Literal["train", "run", "checkpoint", "predictions", "metrics"]


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """How to get a candidate, and what to tolerate.

    Attributes:
        cache: Folder for runs by content.
        runs: Run folders to judge instead of training.
        checkpoint: Checkpoint file to judge instead of training.
        predictions: Files of predictions, one a seed, to judge instead of training.
        metrics: Metrics file to judge instead of training.
        first_run: Judge without a golden; without it a missing golden cannot pass.
        allow_same: Judge a candidate that is the golden's own file.
        encoding: How to encode the data set's texts again, for `D013 alignment`; None: as the data
            set says, where it keeps the texts of its canaries and this machine has the encoder.
        merge_base: What the change is compared with; with it, `G010 not_loosened` is declared.
            `run_gate` finds it where it is None.
        today: What waivers expire by; without it, none is in force.
        engine: Where seeds are trained; None: on this machine.
        custody_only: Ask only how the golden is kept: nothing is read but that, nothing is trained.
        trains_blocker: Train the case that this one waits for, where its verdict takes that.
        recorded: The PASS that stands, as nothing it rests on has changed; with `custody_only`.
    """

    cache: Path
    runs: tuple[Path, ...] = ()
    checkpoint: Path | None = None
    predictions: tuple[Path, ...] = ()
    metrics: Path | None = None
    first_run: bool = False
    allow_same: bool = False
    encoding: Encoding | None = None
    merge_base: MergeBase | None = None
    today: date | None = None
    engine: Engine | None = None
    custody_only: bool = False
    trains_blocker: bool = True
    recorded: Recorded | None = None

    @property
    def mode(self) -> Mode:
        """Where the candidate comes from."""
        if self.metrics:
            return "metrics"
        if self.checkpoint:
            return "checkpoint"
        if self.predictions:
            return "predictions"
        return "run" if self.runs else "train"

    def command(self, case: str) -> str:
        """Return the command that gives a case's result again."""
        words: list[str] = ["amn", "gate", case]
        for run in self.runs:
            words += ["--run", str(run)]
        if self.checkpoint:
            words += ["--checkpoint", str(self.checkpoint)]
        for file in self.predictions:
            words += ["--predictions", str(file)]
        if self.metrics:
            words += ["--metrics", str(self.metrics)]
        words += ["--first-run"] * self.first_run + ["--allow-same"] * self.allow_same
        return shlex.join(words)


CANDIDATES: Makers = {
    "train": of_candidates.trained,
    "run": of_candidates.from_runs,
    "checkpoint": of_candidates.from_checkpoint,
}
INDEX_FILES = (INDEX_FILE, INDEX_MANIFEST)  # one without the other is a finding, not no index


def gate_of(case: Case, options: GateOptions, *, progress: Progress | None = None) -> Gate:
    """Return the gate of a case; nothing is opened yet."""
    reproduce = options.command(case.name)
    about = About(case.name, options.mode, case.config.title, reproduce)
    return Gate(evidence_of(case, options, progress=progress), about)


def run_gate(case: Case, options: GateOptions, *, progress: Progress | None = None) -> GateResult:
    """Gate one case: run every declared check and return the result.

    The change is compared with its merge base, by default the one that `amn gate` takes.
    """
    load_conftests([case.folder])
    if options.merge_base is None:
        options = replace(options, merge_base=MergeBase.within(os.environ, case.folder))
    return result_of(gate_of(case, options, progress=progress), options)


def result_of(gate: Gate, options: GateOptions) -> GateResult:
    """Run every declared check of a gate and return the result."""
    result = gate.result()
    if options.metrics is None:
        return result
    history = gate.evidence["histories"][0]
    from amn.checks.meaning import explained, statuses  # noqa: PLC0415 - of a record only

    outcomes = explained(result.outcomes)
    note = RecordNote(statuses(outcomes), recorded=history.then, is_alone=False)
    return replace(result, outcomes=outcomes, record=note)


def plan_of(case: Case) -> Plan:
    """Return the training plan of a case; its data is opened, not checked."""
    plan: Plan = evidence_of(case, GateOptions(cache=case.folder))["plan"]
    return plan


def train_together(gates: Sequence[Gate], options: GateOptions) -> None:
    """Train the seeds of several cases at a time, so that their gates find them in the cache.

    What waits for another case, fails a check before training, or is trained by a command, is left
    to its own gate. With adaptive seeds only those of the first look are trained.
    """
    from amn.training.cache import RunCache  # noqa: PLC0415 - loads torch

    wanted = []
    for gate in gates:
        case = gate.evidence["case"]
        is_alone = case.config.model.command or case.config.blocked_by
        if is_alone or any(outcome.has_failed for outcome in gate.before_training()):
            continue
        wanted.append((_plan_toward(gate.evidence), _first_seeds(case)))
    if options.mode == "train" and wanted:
        progress = gates[0].evidence["progress"]
        RunCache(options.cache).all_runs(wanted, engine=options.engine, progress=progress)


def evidence_of(
    case: Case,
    options: GateOptions,
    *,
    progress: Progress | None = None,
    guarded: bool = False,
) -> Evidence:
    """Return the evidence of a case in the mode that the options ask for.

    Args:
        progress: Called with (done, in all, text) by whatever takes long.
        guarded: Whether its golden has what comes next, whatever is there now.

    Raises:
        ConfigError: If a check of one's own reads what nobody makes.
    """
    _require_known(case)
    given = _given(case, options, progress)
    if options.custody_only:
        chosen: Makers = {**held_to.GOLDEN}
    elif options.metrics:
        from amn.training.records.metrics import read_metrics  # noqa: PLC0415 - loads readers

        metrics = read_metrics(options.metrics)
        chosen = course_makers(metrics.history) | judging_makers(case, named(held_to.criteria))
        given |= {
            "histories": (metrics.history,),
            "abort": abort_for(metrics.history, case.config.training.abort),
            "summaries": metrics.summaries,
        }
    else:
        chosen = _of_models(case, options)
    if guarded:
        chosen |= named(held_to.guarded)
    chosen |= named(held_to.waivers, held_to.unwaivable)
    if (case.folder / WAIVERS_FILE).exists():
        chosen |= named(held_to.listed_waivers)
    if options.merge_base:
        chosen |= named(review)
    return Evidence(
        chosen,
        case=case,
        home=case.folder,
        today=options.today,
        progress=progress,
        cache=options.cache,
        engine=options.engine,
        **given,
    )


def _require_known(case: Case) -> None:
    """Raise ConfigError where a check or limit could never be judged, whatever there is."""
    known = {*makers.EVERY, *makers.GIVEN}
    for check in checks().values():
        unknown = [part for part in check.reads if part not in known]
        if unknown and applies(check, case.folder):
            close = nearest(unknown[0], known)
            fix = f"did you mean {close}?" if close else "amn rules --parts lists all"
            message = f"expected parameters that name evidence, got {unknown[0]!r}. Fix: {fix}"
            file = Path(check.function.__code__.co_filename)
            raise ConfigError(file, [f"check {check.label}: {message}"])
    measurable = {n for n, m in metrics().items() if applies(m, case.folder)}
    criteria = case.config.criteria
    named = [(f"limit {one.id}", one.metric, measurable | {LIFT}) for one in criteria.limit]
    named += [(f"guard {one.id}", one.metric, measurable) for one in criteria.guard]
    for where, metric, known_here in named:
        if metric not in known_here:
            close = nearest(metric, known_here)
            fix = f"did you mean {close}?" if close else "amn rules --metrics lists all"
            message = f"{where}: expected a metric that is declared, got {metric!r}"
            raise ConfigError(case.file, [f"criteria.{message}. Fix: {fix}"])


def _given(case: Case, options: GateOptions, progress: Progress | None) -> dict[str, Any]:
    """Return the parts that are there from the start, where the options have them."""

    def gate_other(other: Case) -> tuple[GateResult | None, str]:
        has_golden = (other.folder / GOLDEN_FILE).exists()
        asked = GateOptions(
            cache=options.cache,
            today=options.today,
            engine=options.engine,
            merge_base=options.merge_base,
            first_run=options.first_run and not has_golden,
            trains_blocker=options.trains_blocker,
        )
        command = asked.command(other.name)
        if not options.trains_blocker and not _is_settled(other, asked):
            return None, command
        return run_gate(other, asked, progress=progress), command

    approval = options.merge_base.approval if options.merge_base else ""
    given: dict[str, Any] = {"gate_other": gate_other, "approval": approval}
    given |= _encoding(case, options)
    if options.merge_base:
        given |= {"merge_base": options.merge_base, "is_judged": not options.custody_only}
    if options.recorded:
        given["recorded"] = options.recorded
    if options.runs:
        given["run_folders"] = options.runs
    if options.predictions:
        given["prediction_files"] = options.predictions
    if options.checkpoint:
        given["checkpoint_file"] = options.checkpoint
    return given


def _first_seeds(case: Case) -> list[int]:
    """Return the seeds that a gate trains whatever they show: of adaptive ones the first look."""
    looks = case.config.golden.adaptive_seeds
    return case.config.training.seeds[: looks[0] if looks else None]


def _plan_toward(evidence: Evidence) -> Plan:
    """Return the training plan of a case with its aim, where it has one."""
    plan: Plan = evidence["plan"]
    return replace(plan, aim=evidence.get("aim"))


def _is_settled(case: Case, options: GateOptions) -> bool:
    """Tell whether a case has its verdict without a training; unreadable data have none."""
    from amn.training.cache import RunCache  # noqa: PLC0415 - loads torch

    with suppress(AmnError, OSError):
        plan = _plan_toward(evidence_of(case, options))
        return RunCache(options.cache).has(plan, _first_seeds(case))
    return False


def _encoding(case: Case, options: GateOptions) -> dict[str, object]:
    """Return how the canaries of the case's data sets are encoded again, or why they are not."""
    if options.encoding:
        return {"encoding": options.encoding}
    note = None if options.custody_only or options.metrics else _encoder_note(case)
    if note != "":
        return {"encoder_note": note} if note else {}
    from amn.data.reencoding import Encoding  # noqa: PLC0415 - few data sets have canaries

    return {"encoding": Encoding()}


def _encoder_note(case: Case) -> str | None:
    """Return why canaries cannot be encoded again; empty where they can, None where are none."""
    note = None
    with suppress(AmnError):  # D003 reports it
        for source in at_rest.sources(case):
            folder = fetched(case, source, NOTHING)
            manifest = read_manifest(folder)
            if manifest.canaries is None:
                continue
            from amn.data.encoder import is_here  # noqa: PLC0415 - few data sets have canaries

            said = f"encoder {manifest.encoder.name} not compared"
            look = f"amn check encoder {shlex.quote(str(folder))}"
            if not manifest.canaries.text:
                return f"{said}: texts of canaries are not kept ({look} --texts FILE)"
            if not is_here(manifest.encoder):
                return f"{said}: it is not on this machine under that name ({look} --encoder MODEL)"
            note = ""
    return note


def judging_makers(case: Case, of_cosine: Makers = held_to.OF_COSINE) -> Makers:
    """Return what makes the criteria of a case; limits take the place of floors on the cosine."""
    return of_cosine if case.config.criteria.by_cosine else of_candidates.OF_METRIC


def data_makers(case: Case) -> Makers:
    """Return what makes everything before training: data sets, index, splits and windows."""
    chosen: Makers = {**at_rest.DATA, **at_rest.SPLIT}
    if _has_digests(case):
        chosen |= named(at_rest.row_digests)
    if _has_texts(case):
        chosen |= named(at_rest.shared_texts)
    if _wants_index(case):
        chosen |= at_rest.INDEX
        if case.sources[0].is_elsewhere:
            chosen |= {"indexed": at_rest.fetched_index}
    if case.config.index.configuration:
        chosen |= at_rest.CONFIGURED
    return chosen


def _of_models(case: Case, options: GateOptions) -> Makers:
    """Return what makes the evidence of models: trained here, run folders, or a checkpoint."""
    chosen = data_makers(case) | held_to.SCORES | judging_makers(case)
    if options.mode == "predictions":
        chosen |= of_predictions.PREDICTIONS
    elif is_commanded(case, options):
        chosen |= of_predictions.COMMAND | of_courses.promised_course(case.config.model.history)
    else:
        is_described = options.checkpoint is None or not is_bare(options.checkpoint)
        chosen |= of_candidates.MODEL if is_described else of_candidates.BARE
        chosen |= {"candidates": CANDIDATES[options.mode]}
        chosen |= named(of_candidates.plan, of_candidates.runs_of)
        if case.config.speed is not None:
            chosen |= held_to.SPEED
    if options.mode == "train":
        chosen |= named(of_candidates.asked)
        chosen |= named(of_candidates.hold) if case.config.blocked_by else {}
    if options.mode == "run":
        chosen |= named(of_candidates.made_by)
    if options.mode in ("train", "run") and not is_commanded(case, options):
        chosen |= of_courses.COURSE | named(of_courses.histories, of_courses.abort)
    return chosen if options.first_run else chosen | _of_golden(case, options)


def is_commanded(case: Case, options: GateOptions) -> bool:
    """Tell whether a command of one's own trains the candidates."""
    return options.mode == "train" and case.config.model.command is not None


def _of_golden(case: Case, options: GateOptions) -> Makers:
    """Return what makes the golden, and what a candidate is compared by."""
    chosen: Makers = {**held_to.GOLDEN, **held_to.DATA_OF_GOLDEN, "looks": held_to.no_looks}
    chosen |= named(held_to.machine_numerics, held_to.classes)
    if options.mode == "train":
        chosen |= named(held_to.declared)
        if case.config.golden.adaptive_seeds is not None:
            chosen |= {"candidates": of_candidates.trained_adaptively, "looks": held_to.looks}
    else:
        if not options.allow_same:
            chosen |= named(held_to.brought)
        has_course = bool(case.config.model.history)
        if options.predictions and not has_course and _is_of_predictions(case):
            chosen |= named(held_to.declared)
    is_ours = options.mode in ("train", "run") and not is_commanded(case, options)
    if (
        is_ours
        and case.config.golden.futility
        and _record(case, lambda record: record.course is not None)
    ):
        chosen |= named(held_to.aim)
        chosen |= {"runs_of": of_candidates.runs_toward} if options.mode == "train" else {}
    if options.mode in ("run", "checkpoint") and case.config.golden.article_looks:
        chosen |= of_candidates.IN_PART | named(held_to.looked)
        chosen |= {"evaluations": of_candidates.all_scored}
    if _record(case, lambda record: bool(record.numerics.values)):
        chosen |= named(held_to.numerics)
    if _record(case, is_guarded):
        chosen |= named(held_to.guarded)
    return chosen


def _wants_index(case: Case) -> bool:
    """Tell whether the index is judged: as the case says, else when there is one."""
    named = case.config.dataset
    if named.index is not None:
        return named.index
    if case.sources[0].is_elsewhere:
        return named.index_sha256 is not None
    return any((case.dataset_path / file).exists() for file in INDEX_FILES)


def _has_digests(case: Case) -> bool:
    """Tell whether the data set stores row digests; an unreadable one is D003's to report."""
    with suppress(AmnError, OSError, ArrowException):
        schemas = chunk_schemas(fetched(case, case.sources[0], CHUNKS))
        return bool(schemas) and all(HASH_COLUMN in schema.names for schema in schemas)
    return False


def _has_texts(case: Case) -> bool:
    """Tell whether every data set of the case keeps texts; unreadable ones are D003's to report."""
    with suppress(AmnError, OSError, ArrowException):
        return all(has_texts(fetched(case, one, CHUNKS)) for one in at_rest.sources(case))
    return False


def _is_of_predictions(case: Case) -> bool:
    """Tell whether the golden was made from predictions, by the checks that it has."""
    of_them = {check.label for check in checks().values() if "joined" in check.reads}
    return _record(case, lambda record: bool(of_them & {*record.checks}))


def _record(case: Case, holds: Callable[[GoldenRecord], bool]) -> bool:
    """Tell whether something holds of the golden; an unreadable one is G004's to report."""
    with suppress(AmnError, OSError):
        return holds(parse_record(read_whole(case.folder / GOLDEN_FILE), case.folder))
    return False
