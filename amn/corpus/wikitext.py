"""Wikitext to plain text: prose, headings and list items; no tables, references or templates."""

from __future__ import annotations

import re

from amn.corpus.rendering import render

# References hold more markup than the prose, and comments hide from the parser what they cut.
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
REFERENCE = re.compile(r"<ref\b[^<>]*?/>|<ref\b[^<>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
QUOTES = re.compile(r"''+")  # bold and italics
SWITCH = re.compile(r"__[A-Z]+__")  # __NOTOC__ and the like
# What an unclosed table leaves: lines that begin with its marks.
TABLE_LINE = re.compile(r"^(?:\{\||\|\}|\|-|\||!).*$", re.MULTILINE)
# What is left around a template that gave nothing: `( or ; singular` comes from {{IPAc-en}}.
HOLLOW = (
    (re.compile(r"\([,;: \t]*\)"), ""),
    (re.compile(r"  +"), " "),
    (re.compile(r"\([,; ]+"), "("),
    (re.compile(r" (?=[,.;)])"), ""),
)
HEADING = re.compile(r"^(=+)\s*(.*?)\s*\1\s*$", re.MULTILINE)
BLANK_LINES = re.compile(r"\n{3,}")

# Sections of links and sources; all that follows in the section goes.
APPENDICES = frozenset({
    "references", "external links", "see also", "further reading", "notes", "footnotes",
    "bibliography", "sources", "citations", "notes and references", "references and notes",
    "einzelnachweise", "weblinks", "literatur", "références", "notes et références",
    "liens externes", "voir aussi", "referencias", "enlaces externos", "véase también",
})  # fmt: skip


def plain_text(
    markup: str, *, media_prefixes: tuple[str, ...] = ("file", "image", "category")
) -> str:
    """Return the plain text of wikitext, paragraphs separated by blank lines.

    Kept: prose, headings as paragraphs of their own, list items a line each. Dropped: tables,
    references, images and their captions, categories, most templates, and appendices (`See also`,
    `References`, ...).

    Args:
        markup: Wikitext of one page.
        media_prefixes: Names, in lower case, of the namespaces whose links show no text here.

    Raises:
        ArgumentError: If the markup cannot be read.
        MissingDependencyError: If mwparserfromhell is not installed.
    """
    markup = _without_appendices(REFERENCE.sub("", COMMENT.sub("", markup)))
    text = render(markup, media_prefixes)
    text = TABLE_LINE.sub("", SWITCH.sub("", QUOTES.sub("", text)))
    for hollow, filling in HOLLOW:
        text = hollow.sub(filling, text)
    lines = [line.strip() for line in text.split("\n")]
    return BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _without_appendices(markup: str) -> str:
    """Return wikitext without the sections of links and sources."""
    kept, begin, depth = [], 0, 0  # depth: level of the heading being dropped, 0 for none
    for heading in HEADING.finditer(markup):
        level = len(heading[1])
        if depth and level > depth:
            continue
        if not depth:
            kept.append(markup[begin : heading.start()])
        depth = level if QUOTES.sub("", heading[2]).strip().lower() in APPENDICES else 0
        begin = heading.start()
    if not depth:
        kept.append(markup[begin:])
    return "".join(kept)
