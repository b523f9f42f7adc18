"""Where reports go: `KIND=TARGET`, or a path whose suffix names the kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amn.checks.check import parameters
from amn.errors import ArgumentError, DataError, require
from amn.registry import Registry
from amn.report.anonymous import without_articles
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
        shows_articles: Whether forms for people name articles; JSON does.
        shard: Which of several gates they are of, as JSON says it; None for a whole one.
    """

    results: tuple[GateResult, ...]
    strict: bool = False
    faults: Mapping[str, FaultMatrix] = field(default_factory=dict)
    shows_articles: bool = True
    shard: Mapping[str, Any] | None = None

    @property
    def shown(self) -> tuple[GateResult, ...]:
        """The results as people are shown them."""
        return self.results if self.shows_articles else tuple(map(without_articles, self.results))


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


FILES: Registry[Callable[..., str]] = Registry(
    "amn.reports",
    {
        "html": "amn.report.page.html:to_html",
        "markdown": "amn.report.markdown:to_markdown",
        "comment": "amn.report.markdown:to_comment",
        "note": "amn.report.markdown:to_note",
        "junit": "amn.report.junit:to_junit",
        "json": "amn.report.json:to_json",
        "github": "amn.report.github:to_annotations",
        "codequality": "amn.report.gitlab:to_codequality",
        "dvc": "amn.report.export.numbers:to_dvc",
        "bencher": "amn.report.export.numbers:to_bencher",
        "benchmark-action": "amn.report.export.numbers:to_benchmark_action",
    },
)
LOGS: Registry[Callable[..., None]] = Registry(
    "amn.logs",
    {
        "mlflow": "amn.report.export.mlflow:log_to_mlflow",
        "tensorboard": "amn.report.export.tensorboard:log_to_tensorboard",
    },
)


def render(kind: str, report: Report) -> str:
    """Return a report of a kind of `FILES`: it gets what its parameters name."""
    results = report.results if kind == "json" else report.shown
    return str(_call(FILES[kind], report, results=results))


def _call(form: Callable[..., Any], report: Report, **more: object) -> Any:  # noqa: ANN401 - as it does
    given = {
        "results": report.results,
        "strict": report.strict,
        "faults": report.faults,
        "shard": report.shard,
        **more,
    }
    return form(**{name: given[name] for name in parameters(form) if name in given})


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
    if kind not in FILES and kind not in LOGS:
        shown = kind or Path(text).suffix or text
        raise ArgumentError(
            f"-o {text}: expected a suffix of {', '.join(SUFFIXES)} or KIND=PATH with a kind of "
            f"{', '.join((*FILES, *LOGS))}, got {shown!r}. Fix: -o markdown=summary.md"
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
                _call(LOGS[output.kind], report, target=output.target)
            else:
                text = render(output.kind, report)
                output.path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(output.path, text.encode())
        except OSError as error:
            message = f"expected to write a report, got: {error.strerror or error}"
            raise DataError(output.path, message) from error
