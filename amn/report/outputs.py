"""Where reports go: `KIND=TARGET`, or a path whose suffix names the kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from amn.errors import ArgumentError, DataError, require
from amn.report.export.numbers import to_bencher, to_benchmark_action, to_dvc
from amn.report.gitlab import to_codequality
from amn.report.json import to_json
from amn.report.junit import to_junit
from amn.report.markdown import to_comment, to_markdown, to_note
from amn.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from amn.gate.result import GateResult
    from amn.report.page.faults import FaultMatrix

SUFFIXES = {".html": "html", ".json": "json", ".xml": "junit", ".md": "markdown"}


@dataclass(frozen=True)
class Report:
    """What every kind of report is made from.

    Attributes:
        results: One a case.
        strict: Whether INCONCLUSIVE blocks the merge.
        faults: Case -> its self-test, which the HTML page shows.
    """

    results: tuple[GateResult, ...]
    strict: bool = False
    faults: Mapping[str, FaultMatrix] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """One report that somebody asked for.

    Attributes:
        target: A path; for MLflow its tracking URI.
    """

    kind: str
    target: str

    @property
    def path(self) -> Path:
        """Where it is written."""
        return Path(self.target)


def _html(report: Report) -> str:
    from amn.report.page.html import to_html  # noqa: PLC0415 - nobody else needs its figures

    return to_html(report.results, report.faults)


def _mlflow(output: Output, report: Report) -> None:
    from amn.report.export.mlflow import log_to_mlflow  # noqa: PLC0415 - one kind

    log_to_mlflow(output.target, report.results)


def _tensorboard(output: Output, report: Report) -> None:
    from amn.report.export.tensorboard import log_to_tensorboard  # noqa: PLC0415 - one kind

    log_to_tensorboard(output.path, report.results)


FILES: Mapping[str, Callable[[Report], str]] = {
    "html": _html,
    "markdown": lambda report: to_markdown(report.results),
    "comment": lambda report: to_comment(report.results),
    "note": lambda report: to_note(report.results),
    "junit": lambda report: to_junit(report.results, strict=report.strict),
    "json": lambda report: to_json(report.results),
    "codequality": lambda report: to_codequality(report.results),
    "dvc": lambda report: to_dvc(report.results),
    "bencher": lambda report: to_bencher(report.results),
    "benchmark-action": lambda report: to_benchmark_action(report.results),
}
LOGS: Mapping[str, Callable[[Output, Report], None]] = {
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
}
KINDS = (*FILES, *LOGS)


def parse_outputs(texts: Iterable[str]) -> tuple[Output, ...]:
    """Return the reports that `-o` asks for; nothing is written.

    Raises:
        ArgumentError: If a kind is unknown, a target cannot be written, or two reports share one.
        MissingDependencyError: If a kind needs a package that is not installed.
    """
    outputs = tuple(_parse(text) for text in texts)
    targets = [str(output.path.resolve()) for output in outputs]
    for output, target in zip(outputs, targets, strict=True):
        if targets.count(target) > 1:
            raise ArgumentError(f"-o {output.target}: expected a path of its own, got it twice")
    return outputs


def _parse(text: str) -> Output:
    """Return the report that one `-o` asks for."""
    kind, has_kind, target = text.partition("=")
    if not has_kind:
        kind, target = SUFFIXES.get(Path(text).suffix.lower(), ""), text
    if kind not in KINDS:
        shown = kind or Path(text).suffix or text
        raise ArgumentError(
            f"-o {text}: expected a suffix of {', '.join(SUFFIXES)} or KIND=PATH with a kind of "
            f"{', '.join(KINDS)}, got {shown!r}. Fix: -o markdown=summary.md"
        )
    if not target:
        raise ArgumentError(f"-o {text}: expected a path, got none. Fix: -o {kind}=NAME")
    if kind == "html":
        require("jinja2", extra="report")
    if kind == "mlflow":
        from amn.report.export.mlflow import open_client  # noqa: PLC0415 - one kind

        open_client(target)
        return Output(kind, target)
    _require_free(text, kind, Path(target))
    return Output(kind, target)


def _require_free(text: str, kind: str, path: Path) -> None:
    """Raise ArgumentError unless a report can be written there."""
    if kind == "tensorboard":
        require("tensorboard", extra="records")
        if path.exists():
            raise ArgumentError(f"-o {text}: expected a new folder, got one that exists")
    elif not path.name or path.is_dir():
        raise ArgumentError(f"-o {text}: expected a file, got a folder. Fix: -o {kind}={path}/NAME")
    parent = next(p for p in path.absolute().parents if p.exists())
    if not parent.is_dir():
        raise ArgumentError(f"-o {text}: expected a folder at {parent}, got a file")


def remove_old(outputs: Iterable[Output]) -> None:
    """Remove the files of an earlier command: one that ends early must not leave a verdict."""
    for output in outputs:
        if output.kind in FILES:
            output.path.unlink(missing_ok=True)


def write_outputs(outputs: Sequence[Output], report: Report) -> None:
    """Write each report whole or not at all, files first; folders on the way are made.

    Raises:
        DataError: If the system refuses a file.
    """
    for output in sorted(outputs, key=lambda output: output.kind in LOGS):
        try:
            if output.kind in LOGS:
                LOGS[output.kind](output, report)
            else:
                text = FILES[output.kind](report)
                output.path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(output.path, text.encode())
        except OSError as error:
            message = f"expected to write a report, got: {error.strerror or error}"
            raise DataError(output.path, message) from error
