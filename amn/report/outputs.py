"""Where reports go: `KIND=PATH`, or a path whose suffix names the kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amn.errors import ArgumentError
from amn.report.gitlab import to_codequality
from amn.report.json import to_json
from amn.report.junit import to_junit
from amn.report.markdown import to_comment, to_markdown
from amn.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from amn.findings import GateResult
    from amn.gate.seen import Seen

SUFFIXES = {".html": "html", ".json": "json", ".xml": "junit", ".md": "markdown"}


@dataclass(frozen=True)
class Report:
    """What every kind of report is made from.

    Attributes:
        results: One a case.
        seen: What each gate looked at; may be empty where no kind that draws is asked for.
        strict: Whether INCONCLUSIVE blocks the merge.
    """

    results: tuple[GateResult, ...]
    seen: tuple[Seen, ...] = ()
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One report that somebody asked for."""

    kind: str
    path: Path


def _html(report: Report) -> str:
    from amn.report.page.html import to_html  # noqa: PLC0415 - nobody else needs its figures

    return to_html(report.results, report.seen)


TEXTS: Mapping[str, Callable[[Report], str]] = {
    "html": _html,
    "markdown": lambda report: to_markdown(report.results),
    "comment": lambda report: to_comment(report.results),
    "junit": lambda report: to_junit(report.results, strict=report.strict),
    "json": lambda report: to_json(report.results),
    "codequality": lambda report: to_codequality(report.results),
}
KINDS = tuple(TEXTS)


def parse_outputs(texts: Iterable[str]) -> tuple[Output, ...]:
    """Return the reports that `-o` asks for; nothing is written.

    Raises:
        ArgumentError: If a kind is unknown, a path is a folder, or two reports share a path.
    """
    outputs = tuple(_parse(text) for text in texts)
    paths = [output.path.resolve() for output in outputs]
    for output, path in zip(outputs, paths, strict=True):
        if paths.count(path) > 1:
            raise ArgumentError(f"-o {output.path}: expected a path of its own, got it twice")
    return outputs


def _parse(text: str) -> Output:
    """Return the report that one `-o` asks for."""
    kind, has_kind, rest = text.partition("=")
    path = Path(rest if has_kind else text)
    if not has_kind:
        kind = SUFFIXES.get(path.suffix.lower(), "")
    if kind not in KINDS:
        raise ArgumentError(
            f"-o {text}: expected a suffix of {', '.join(SUFFIXES)} or KIND=PATH with a kind of "
            f"{', '.join(KINDS)}, got {kind or path.suffix or path.name!r}. "
            "Fix: -o markdown=summary.md"
        )
    if not path.name or path.is_dir():
        raise ArgumentError(f"-o {text}: expected a file, got a folder. Fix: -o {kind}={path}/NAME")
    parent = next(p for p in path.absolute().parents if p.exists())
    if not parent.is_dir():
        raise ArgumentError(f"-o {text}: expected a folder at {parent}, got a file")
    return Output(kind, path)


def remove_old(outputs: Iterable[Output]) -> None:
    """Remove the reports of an earlier command: one that ends early must not leave a verdict."""
    for output in outputs:
        output.path.unlink(missing_ok=True)


def write_outputs(outputs: Sequence[Output], report: Report) -> None:
    """Write each report whole or not at all; folders on the way are made."""
    for output in outputs:
        text = TEXTS[output.kind](report)
        output.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(output.path, text.encode())
