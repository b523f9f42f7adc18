"""Results as markdown: the step summary, a comment on a pull request, a note on a merge request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amn.report.verdict import (
    SPEAKING,
    alarms_of,
    article_name,
    attributions,
    bars,
    beside_merge_base,
    by_family,
    by_grouping,
    complete,
    counted,
    data_cells,
    data_changes,
    headroom_lines,
    last_line,
    score_cells,
    worst_cases_first,
    worst_verdict,
)
from amn.report.visible import one_line
from amn.report.why import meaning, why
from amn.verdict import Status, Verdict, count_of, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amn.evaluation.summary import Summary
    from amn.gate.result import GateResult
    from amn.golden.compare import Moved, VectorChanges
    from amn.verdict import Outcome

SUMMARY_BYTES = 1024 * 1024  # of a GitHub step summary; a longer one is refused whole
COMMENT_BYTES = 65_536  # of a GitHub comment
NOTE_BYTES = 1_000_000  # of a GitLab note, which takes as many characters: never fewer bytes
CUT_BYTES = 200  # kept free for the line that says what was cut
LISTED = 5  # articles of a table
MARKER = "<!-- amn gate: this comment is replaced by the next run -->"
SIGNS = {
    Status.PASS: "✅",
    Status.WARN: "⚠️",
    Status.INCONCLUSIVE: "❔",
    Status.LOOSENED: "🔓",
    Status.FAIL: "❌",
    Status.HARNESS: "🛠️",
    Status.ERROR: "🛑",
    Status.NOT_RUN: "⏸️",
}
# What markdown, GitHub and GitLab read as markup, HTML, a mention, an issue, a merge request, a
# milestone, an emoji or mathematics.
SPECIAL = re.compile(
    r"""[&<>|`*\[\]@#~\\$^]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\d)|%(?=[\w"])|:(?=[\w+-]+:)"""
)
# What they read as a list, a heading, a rule or a command (`/merge` in a GitLab note) where a line
# begins with it: its last character is what counts.
START = re.compile(r"\A(?:[-+](?=\s|\Z)|-(?=--)|=|/|\d{1,9}[.)](?=\s|\Z))")
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_markdown(results: Sequence[GateResult], *, most_bytes: int = SUMMARY_BYTES) -> str:
    """Return the results, the verdict first and what is worst next.

    Args:
        most_bytes: UTF-8 bytes that the reader takes; what is left out is counted in a last line.
    """
    blocks = [_overview(results)] if len(results) > 1 else []
    order = worst_cases_first(results)
    for result in order:
        blocks.append(_head(result))
        blocks += _findings(result)
    for result in order:
        blocks += _tables(result, named=len(results) > 1)
    return _fit(blocks, most_bytes)


def to_comment(results: Sequence[GateResult]) -> str:
    """Return the body of the one comment that every run of a pull request writes again."""
    return _marked(results, COMMENT_BYTES)


def to_note(results: Sequence[GateResult]) -> str:
    """Return the body of the one note that every run of a merge request writes again."""
    return _marked(results, NOTE_BYTES)


def _marked(results: Sequence[GateResult], most_bytes: int) -> str:
    """Return the results below a hidden line by which the next run finds them."""
    body = to_markdown(results, most_bytes=most_bytes - len(MARKER.encode()) - 1)
    return f"{MARKER}\n{body}"


def escape(text: str) -> str:
    """Return text that markdown shows as it is, on one line, whoever wrote it."""
    shown = one_line(text)
    start = START.match(shown)
    first = f"{start[0][:-1]}&#{ord(start[0][-1])};" if start else ""
    rest = shown[start.end() :] if start else shown
    return first + SPECIAL.sub(lambda match: NAMED.get(match[0], f"&#{ord(match[0])};"), rest)


def code(text: str) -> str:
    """Return text in a fixed-width font; unlike backticks it needs no other escapes."""
    return f"<code>{escape(text)}</code>"


def _overview(results: Sequence[GateResult]) -> str:
    rows = [
        [escape(r.case), f"{_sign(r.verdict)} **{escape(r.word)}**", escape(last_line(r))]
        for r in worst_cases_first(results)
    ]
    worst = worst_verdict(results)
    head = f"## {_sign(worst)} {worst.value}: {counted(results)}"
    alarms = alarms_of(results)
    note = f"\n\n{escape(str(alarms))}." if alarms else ""
    return f"{head}\n\n{table(['case', 'verdict', ''], rows)}{note}"


def _head(result: GateResult) -> str:
    """Return the verdict of a case and what it means."""
    title = escape(result.title)
    lines = [f"## {_sign(result.verdict)} {escape(result.word)}: {escape(result.case)}"]
    lines.append(f"**{escape(meaning(result))}**")
    if found := why(result):
        lines.append("\n".join(f"- {escape(name)}: {escape(text)}" for name, text in found.lines))
    lines += [title] if title else []
    rest = last_line(result).partition(": ")[2].removesuffix(f" Reproduce: {result.reproduce}")
    lines += [escape(rest)]
    lines += [f"Reproduce: {code(result.reproduce)}"] if result.reproduce else []
    lines.append(f"Looked at: {escape(str(result.scope))}.")
    if result.review:
        lines.append(escape(beside_merge_base(result)))
    if result.waivers:
        lines.append("\n".join(f"- {escape(str(waiver))}" for waiver in result.waivers))
    return "\n\n".join(lines)


def _findings(result: GateResult) -> Iterable[str]:
    """Yield a block an outcome that has something to say, the worst first."""
    for outcome in worst_first(complete(result)):
        if outcome.status not in SPEAKING:
            continue
        sign, label = SIGNS[outcome.status], escape(f"{outcome.check} {outcome.name}")
        lines = [f"### {sign} {outcome.status.value} {label}"]
        if outcome.value:
            lines.append(f"**{escape(outcome.value)}**, expected {escape(outcome.limit)}")
        found = [
            f"- **{escape(f.where)}**: {escape(f.message)}"
            + (f"<br>fix: {escape(f.fix)}" if f.fix else "")
            for f in outcome.findings
        ]
        if found:
            lines.append("\n".join(found))
        elif outcome.detail:
            lines.append(escape(outcome.detail))
        lines += _where_from(result, outcome)
        lines.append(f"why: {code(f'amn rules {outcome.check}')}")
        yield "\n\n".join(lines)


def _where_from(result: GateResult, outcome: Outcome) -> Iterable[str]:
    """Yield where a difference from the golden comes from: articles, and groups of them folded."""
    found = attributions(result).get(outcome.check)
    if found is None:
        return
    if found.worst:
        worst = found.worst[:LISTED]
        rows = [
            [escape(article_name(part)), f"{part.windows}", f"{part.difference:+.4f}", bar]
            for part, bar in zip(worst, bars(p.difference for p in worst), strict=True)
        ]
        yield table(["article", "windows", "difference", ""], rows)
    if pieces := [piece for _, group in by_grouping(found.slices) for piece in group]:
        rows = [
            [
                *(escape(text) for text in (piece.by, piece.name)),
                f"{piece.articles}",
                f"{piece.difference:+.4f}",
                f"{piece.z:+.1f}",
                bar,
            ]
            for piece, bar in zip(pieces, bars(p.difference for p in pieces), strict=True)
        ]
        header = ["by", "group", "articles", "difference", "standard errors from the others", ""]
        summary = f"<summary>{escape(found.pattern)}: the difference by group</summary>"
        yield f"<details>{summary}\n\n{table(header, rows)}\n\n</details>"


def _tables(result: GateResult, *, named: bool) -> Iterable[str]:
    """Yield the scores, then every check, folded away."""
    of = f" of {escape(result.case)}" if named else ""
    if result.scores:
        yield f"### Scores{of}\n\n{_scores(result.scores)}"
    vectors, moved = data_changes(result)
    if moved or (vectors and not vectors.is_same):
        yield _data(vectors, moved, of)
    if limits := headroom_lines(result):
        text = "\n".join(f"- {escape(line)}" for line in limits)
        summary = f"<summary>Limits to look at{of}: {len(limits)}</summary>"
        yield f"<details>{summary}\n\n{text}\n\n</details>"
    outcomes = complete(result)
    rows = [
        [
            escape(f"{o.check} {o.name}"),
            f"{SIGNS[o.status]} {o.status.value}",
            escape(o.value),
            escape(o.limit),
            escape(o.detail),
        ]
        for o in outcomes
    ]
    counts = ", ".join(f"{name} {len(mine)}" for name, mine in by_family(outcomes))
    summary = f"<summary>All {count_of(len(outcomes), 'check')}{of}: {counts}</summary>"
    body = table(["check", "status", "value", "limit", ""], rows)
    yield f"<details>{summary}\n\n{body}\n\n</details>"


def _data(vectors: VectorChanges | None, moved: Sequence[Moved], of: str) -> str:
    """Return which articles are others than in the golden, and how the data differ, folded away."""
    kinds = vectors.all_kinds if vectors else []
    lines = [f"- {count_of(len(keys), 'article')} {escape(what)}" for what, keys in kinds]
    header, *rows = [list(map(escape, line)) for line in data_cells(moved)]
    left = sum(one.has_left for one in moved)
    summary = (
        f"<summary>The data beside the golden{of}: {left} statistics left their range</summary>"
    )
    body = "\n".join(lines) + f"\n\n{table(header, rows)}" * bool(rows)
    return f"<details>{summary}\n\n{body}\n\n</details>"


def _scores(scores: Mapping[str, Summary]) -> str:
    """Return the table of scores beside what the reference predictors get."""
    header, *lines = [list(map(escape, line)) for line in score_cells(scores)]
    return table(header, [[split, f"**{mean}**", *rest] for split, mean, *rest in lines])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table of cells that are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _fit(blocks: Sequence[str], most_bytes: int) -> str:
    """Return the blocks joined, without those that do not fit; what comes first matters most."""
    kept: list[str] = []
    left = most_bytes - CUT_BYTES
    for block in blocks:
        size = len(block.encode()) + 2
        if size <= left:
            kept.append(block)
            left -= size
    cut = len(blocks) - len(kept)
    if cut:
        parts = count_of(len(blocks), "part", cut)
        kept.append(f"_{parts} are left out here: the log has them all._")
    return "\n\n".join(kept) + "\n"


def _sign(verdict: Verdict) -> str:
    return "◐" if verdict is Verdict.PARTIAL else SIGNS[Status[verdict.name]]
