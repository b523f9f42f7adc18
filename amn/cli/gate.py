"""`amn gate`: the main job."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from amn.cli.cases import NAMED, find_cases, merge_base, today
from amn.cli.console import progress_bar
from amn.cli.options import (
    CACHE,
    CHECKPOINT,
    Existing,
    PathName,
    engine_options,
    one_line,
    open_engine,
    require_files,
)
from amn.errors import AmnError, ArgumentError
from amn.gate.acceptance import train_for_golden
from amn.gate.modes import GateOptions, gate_of, result_of, train_together
from amn.golden.base.target import PLACE
from amn.report.outputs import Report, parse_outputs, remove_old, render, write_outputs
from amn.report.text import print_results
from amn.report.verdict import worst_verdict
from amn.report.visible import one_line as shown
from amn.verdict import Verdict, count_of

if TYPE_CHECKING:
    from amn.case.load import Case
    from amn.gate.result import GateResult

FORMS = {"json": "json", "github": "github", "gitlab": "codequality", "markdown": "markdown"}


def _print_schema(context: click.Context, _: click.Parameter, wanted: object) -> None:
    """Print the published schema and end the command."""
    if wanted and not context.resilient_parsing:
        from amn.report.json import json_schema  # noqa: PLC0415 - asked for alone

        click.echo(json_schema(str(wanted)), nl=False)
        context.exit()


@click.command("gate")
@click.argument("cases", nargs=-1)
@click.option(
    "--run",
    "runs",
    multiple=True,
    type=Existing("a run", "amn train CASE"),
    help="Judge this run folder; repeat for several seeds.",
)
@click.option(
    "--checkpoint",
    type=CHECKPOINT,
    help="Judge this checkpoint (.safetensors, .onnx, or an original .pt).",
)
@click.option(
    "--predictions",
    multiple=True,
    type=PathName(dir_okay=False),
    help="Judge these predictions, one vector a window of amn windows CASE: .parquet, .npz, .npy or"
    " .csv; repeat for several seeds.",
)
@click.option(
    "--metrics",
    type=PathName(),
    help="Judge the scores in this JSON file; nothing else is checked.",
)
@click.option("--first-run", is_flag=True, help="There is no golden yet: judge without one.")
@click.option("--allow-same", is_flag=True, help="Judge a file that the golden was made from.")
@click.option(
    "--target",
    callback=one_line,
    help="Branch that this change is for: the golden and the limits of the merge base with it "
    "decide. Default: what CI names, or origin's default branch.",
)
@click.option(
    "--approve-loosening",
    "approval",
    callback=one_line,
    metavar="'NAME: WHY'",
    help="Let through what this change loosens; for CI, from a label that its author cannot set.",
)
@click.option("--strict", is_flag=True, help="INCONCLUSIVE and PARTIAL exit with 4.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", *FORMS]),
    default="text",
    show_default=True,
    help="What stdout gets.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="[KIND=]PATH",
    help="Write a report too; repeat for several. Kinds by suffix: .html, .json, .xml (junit), "
    ".md (markdown); by name: comment=PATH (pull request), note=PATH (merge request), "
    "codequality=PATH (GitLab), dvc=, bencher=, benchmark-action=PATH, tensorboard=FOLDER, "
    "mlflow=URI.",
)
@click.option(
    "--bundle",
    type=PathName(dir_okay=False),
    help="Pack what the verdict rests on into this .zip: amn replay reaches it elsewhere.",
)
@click.option(
    "--with-data",
    is_flag=True,
    help="Pack the data sets too, as large as they are: amn replay checks them again.",
)
@click.option(
    "--selftest",
    type=PathName(),
    help="Show this self-test in the HTML report: amn selftest --format json > FILE.",
)
@click.option(
    "--schema",
    type=click.Choice(["verdict", "bundle"]),
    is_flag=False,
    flag_value="verdict",
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of --format json, or of a bundle's bundle.json, and end.",
)
@click.option(
    "--no-articles",
    "is_anonymous",
    is_flag=True,
    help="Keep titles and ids of articles out of all that is shown but JSON and the bundle: "
    "findings are counted, figures left out.",
)
@click.option(
    "--shard",
    metavar="K/N",
    help="Gate every N-th case from the K-th on; amn merge puts the results together.",
)
@click.option(
    "--history",
    type=PathName(file_okay=False),
    help="Append a line a case to this folder: amn history shows where results go.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Judge only cases that may have changed since the last PASS that the default branch "
    "recorded; the others pass by proof, and say so.",
)
@click.option(
    "--recorded",
    metavar="[BRANCH:]FOLDER",
    callback=one_line,
    help="Where the default branch keeps what --history wrote: a folder, as it is at the merge "
    f"base, or one in a branch of the remote.  [default: {PLACE}]",
)
@click.option("-v", "--verbose", is_flag=True, help="Every check on a line of its own.")
@engine_options
@CACHE
def command(
    cases: tuple[str, ...],
    runs: tuple[Path, ...],
    checkpoint: Path | None,
    predictions: tuple[Path, ...],
    metrics: Path | None,
    first_run: bool,
    allow_same: bool,
    target: str | None,
    approval: str | None,
    strict: bool,
    style: str,
    outputs: tuple[str, ...],
    bundle: Path | None,
    with_data: bool,
    selftest: Path | None,
    is_anonymous: bool,
    shard: str | None,
    history: Path | None,
    changed: bool,
    recorded: str | None,
    verbose: bool,
    engine: str,
    address: str | None,
    cache: Path,
) -> None:
    """Check data, index and split; train or take what is given; measure; compare; one verdict.

    CASES are names of folders under golden/, or paths; without any, all of them are gated.

    \b
    Examples:
      amn gate
      amn gate wiki-mini
      amn gate wiki-mini --checkpoint model.safetensors
      amn gate wiki-mini --predictions mine.parquet
      amn gate wiki-mini --metrics metrics.json
      amn gate wiki-mini --format json > verdict.json
      amn gate --target origin/main
      amn gate --bundle out.zip --with-data
      amn gate --engine ray --address auto
      amn gate --shard 2/3 -o verdict-2.json
      amn gate --changed --recorded origin/amn-history:history
      amn gate -o report.html -o junit.xml -o comment=comment.md
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if sum(map(bool, (runs, checkpoint, predictions, metrics))) > 1:
        kinds = "--run, --checkpoint, --predictions, --metrics"
        raise click.UsageError(f"expected one of {kinds}, got several")
    require_files("--predictions", predictions)
    if with_data and not bundle:
        raise click.UsageError("--with-data: expected --bundle FILE.zip beside it, got none")
    others = {
        "--run": runs,
        "--checkpoint": checkpoint,
        "--predictions": predictions,
        "--metrics": metrics,
        "--first-run": first_run,
        "--allow-same": allow_same,
    }
    brought = [name for name, value in others.items() if value]
    _require_trained(changed, recorded, brought)
    wanted = parse_outputs(outputs)
    faults = {}
    if selftest:
        from amn.report.page.faults import read_faults  # noqa: PLC0415 - where one is shown

        faults = read_faults(selftest)
    found, part = _shard(find_cases(cases), shard)
    options = GateOptions(
        cache=cache, runs=runs, checkpoint=checkpoint, predictions=predictions, metrics=metrics,
        first_run=first_run, allow_same=allow_same,
        merge_base=merge_base(found, target, approval, recorded=(recorded or PLACE) * changed),
        today=today(),
    )  # fmt: skip
    if bundle:
        from amn.gate import bundle as pack  # noqa: PLC0415 - where one is made

        pack.prepare_bundle(bundle, found, [output.path for output in wanted])
    _require_history(history, found)
    inputs = _inputs(found, options) if history and not brought else {}
    remove_old(wanted)
    if not metrics and find_spec("torch"):  # it takes a second: data are checked meanwhile
        Thread(target=import_module, args=("torch",)).start()
    standing = _standing(found, options, recorded or PLACE) if changed else {}
    results = _gate(found, options, engine, address, standing)
    report = Report(tuple(results), strict, faults, not is_anonymous, part)
    write_outputs(wanted, report)  # whoever reads what follows may stop reading: gate | head
    _remember(history, results, inputs)
    if bundle:
        members = dict[str, Any]()
        for case, result in zip(found, results, strict=True):
            members |= pack.members_of(case, options, result, with_data=with_data)
        digest = pack.write_bundle(bundle, members, render("json", report))
        click.echo(f"wrote {bundle}, sha256 {digest}", err=True)
    if style == "text":
        print_results(report.shown, verbose=verbose)
    else:
        click.echo(render(FORMS[style], report))
    sys.exit(worst_verdict(results).exit_code(strict=strict))


def _require_trained(changed: bool, recorded: str | None, brought: list[str]) -> None:
    """Raise UsageError where results stand for something else than what is trained here.

    Args:
        brought: Options that say what is judged in its place.
    """
    if changed and brought:
        raise click.UsageError(f"--changed: expected cases that are trained here, got {brought[0]}")
    if recorded and not changed:
        raise click.UsageError("--recorded: expected --changed beside it, got none")


def _shard(found: list[Case], text: str | None) -> tuple[list[Case], dict[str, Any] | None]:
    """Return the cases of a shard, and what its result says of it; all of them without one."""
    if text is None:
        return found, None
    from amn.report.shards import Shard  # noqa: PLC0415 - few gates are shards

    shard, names = Shard.parse(text), [case.name for case in found]
    if shard.of > len(found):
        raise ArgumentError(
            f"--shard: expected at most as many as cases, {len(found)}, got {text}. Fix: --shard "
            f"{min(shard.number, len(found))}/{len(found)}"
        )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ArgumentError(f"--shard: expected cases of different names, got {repeated[0]} twice")
    return shard.take(found), shard.to_json(names)


def _require_history(folder: Path | None, cases: list[Case]) -> None:
    """Raise DataError for a history that could not be gone on with, before anything is judged."""
    if folder is None:
        return
    from amn.report.history import file_of, read_all  # noqa: PLC0415 - where one is kept

    read_all(file_of(folder, case.name) for case in cases)


def _inputs(found: list[Case], options: GateOptions) -> dict[str, dict[str, str]]:
    """Return what the verdict of each case rests on, where digests tell; before it is judged."""
    from amn.gate.inputs import Inputs  # noqa: PLC0415 - where a history is kept

    base = options.merge_base
    if base is None or base.repository is None:
        return {}
    inputs: Inputs | None = None
    digests = {}
    for case in found:
        with suppress(AmnError, OSError):  # of what cannot be read nothing is said
            inputs = inputs or Inputs(base.repository, base.commit or base.repository.head)
            if not inputs.why_not(case):
                digests[case.name] = inputs.of(case)
    return digests


def _standing(found: list[Case], options: GateOptions, recorded: str) -> dict[Path, GateResult]:
    """Return the results of the cases that cannot have changed, by folder; say why others may."""
    from amn.checks.recorded import Recorded  # noqa: PLC0415 - where it is asked for
    from amn.report.recorded import Records  # noqa: PLC0415 - as above

    standing: dict[Path, GateResult] = {}
    if options.merge_base is None:
        return standing
    records, judged = Records(options.merge_base, recorded), dict[str, list[str]]()
    for case in found:
        proof = records.proof(case)
        if isinstance(proof, Recorded):
            asked = replace(options, custody_only=True, recorded=proof)
            result = result_of(gate_of(case, asked), asked)
            if result:
                standing[case.folder] = result
                continue
            proof = result.word
        judged.setdefault(proof, []).append(case.name)
    for why, names in judged.items():
        more = f" and {len(names) - NAMED} more" * (len(names) > NAMED)
        click.echo(shown(f"judged, {why}: {', '.join(names[:NAMED])}{more}"), err=True)
    some = f"{len(standing)} of {count_of(len(found), 'case')}"
    click.echo(f"{some} unchanged since their last PASS", err=True)
    return standing


def _remember(
    folder: Path | None, results: list[GateResult], inputs: dict[str, dict[str, str]]
) -> None:
    """Append a line a case that was judged to a history, where one is kept."""
    if folder is None:
        return
    from datetime import UTC, datetime  # noqa: PLC0415 - where one is kept

    from amn.git import find_repository  # noqa: PLC0415 - as above
    from amn.report.history import append, line_of  # noqa: PLC0415 - as above

    repository = find_repository(Path())
    commit, now = repository.head if repository else None, datetime.now(UTC)
    judged = [result for result in results if not result.scope.since]
    append(folder, [line_of(one, now, commit, inputs.get(one.case)) for one in judged])


def _gate(
    found: list[Case],
    options: GateOptions,
    engine: str,
    address: str | None,
    standing: dict[Path, GateResult],
) -> list[GateResult]:
    """Gate every case; on a cluster the seeds of all of them are trained first, at a time.

    Args:
        standing: Results of cases that are not judged again.
    """
    with open_engine(engine, address) as cluster, progress_bar() as progress:
        options = replace(options, engine=cluster)
        judged = [case for case in found if case.folder not in standing]
        gates = {case.folder: gate_of(case, options, progress=progress) for case in judged}
        if cluster:
            train_together([*gates.values()], options)
        made = dict(standing)
        for folder, gate in gates.items():
            made[folder] = result_of(gate, options)
            if made[folder].judged is Verdict.PASS:  # else there is nothing to accept
                train_for_golden(gate, options)
        return [made[case.folder] for case in found]
