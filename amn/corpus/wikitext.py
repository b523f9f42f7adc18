"""Wikitext to plain text: prose, headings and list items; no tables, references or templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amn.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable

# References hold more markup than the prose, and comments hide from the parser what they cut.
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
REFERENCE = re.compile(r"<ref\b[^<>]*?/>|<ref\b[^<>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
QUOTES = re.compile(r"'{2,}")  # bold and italics
SWITCH = re.compile(r"__[A-Z]+__")  # __NOTOC__ and the like
# What an unclosed table leaves: lines that begin with its marks.
TABLE_LINE = re.compile(r"^(?:\{\||\|\}|\|-|\||!).*$", re.MULTILINE)
# Brackets around what a template gave: `( or ; singular` comes from {{IPAc-en}}.
HOLLOW = re.compile(r"\(\s*[,;:]*\s*\)|(?<=\()[\s,;]+|\s+(?=[,.;)])")
SPACES = re.compile(r"[ \t]{2,}")
HEADING = re.compile(r"^(=+)\s*(.*?)\s*\1\s*$", re.MULTILINE)
INTERLANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*\s*:")

# Sections of links and sources; all that follows in the section goes.
APPENDICES = frozenset({
    "references", "external links", "see also", "further reading", "notes", "footnotes",
    "bibliography", "sources", "citations", "notes and references", "references and notes",
    "einzelnachweise", "weblinks", "literatur", "références", "notes et références",
    "liens externes", "voir aussi", "referencias", "enlaces externos", "véase también",
})  # fmt: skip

HIDDEN_TAGS = frozenset({
    "ref", "references", "table", "gallery", "math", "chem", "timeline", "score", "imagemap",
    "syntaxhighlight", "source", "hiero", "templatedata", "graph", "mapframe", "maplink",
})  # fmt: skip

# Templates that stand for words of the sentence: which arguments to keep.
INLINE_TEMPLATES: dict[str, tuple[str, ...]] = {
    "lang": ("2",), "langx": ("2",), "transl": ("2",), "transliteration": ("2",),
    "convert": ("1", "2"), "cvt": ("1", "2"), "nowrap": ("1",), "nobr": ("1",), "abbr": ("1",),
    "nihongo": ("1",), "small": ("1",), "big": ("1",), "smallcaps": ("1",), "sc": ("1",),
    "em": ("1",), "strong": ("1",), "angbr": ("1",), "visible anchor": ("1",), "vanchor": ("1",),
    "as of": ("1",), "ill": ("1",), "interlanguage link": ("1",), "linktext": ("1",),
    "quote": ("1",), "blockquote": ("1",), "quotation": ("1",), "cquote": ("1",)
}  # fmt: skip
LITERALS = {
    "ndash": "\u2013",
    "mdash": "\u2014",
    "spaced ndash": " \u2013 ",
    "snd": " \u2013 ",
    "nbsp": " ",
    "'": "'",
}


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
        MissingDependencyError: If mwparserfromhell is not installed.
    """
    parser = require("mwparserfromhell", extra="corpus")
    markup = REFERENCE.sub("", COMMENT.sub("", markup))
    markup = _without_appendices(markup)
    text = _render(parser.parse(markup, skip_style_tags=True), media_prefixes)
    text = TABLE_LINE.sub("", SWITCH.sub("", QUOTES.sub("", text)))
    lines = (SPACES.sub(" ", HOLLOW.sub("", line)).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


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


def _render(code: Any, prefixes: tuple[str, ...]) -> str:  # noqa: ANN401 - untyped library
    """Return the text of parsed wikitext."""
    return "".join(
        render(node, prefixes)
        for node in code.nodes
        if (render := RENDERERS.get(type(node).__name__))
    )


def _link(node: Any, prefixes: tuple[str, ...]) -> str:  # noqa: ANN401
    """Return the text that a link shows; links to media, categories and languages show none."""
    target = str(node.title).strip()
    prefix, colon, _ = target.partition(":")
    if colon and (prefix.lower() in prefixes or INTERLANGUAGE.match(target)):
        return ""
    return target.lstrip(":") if node.text is None else _render(node.text, prefixes)


def _tag(node: Any, prefixes: tuple[str, ...]) -> str:  # noqa: ANN401
    """Return the contents of a tag; list marks and line breaks become line ends at most."""
    name = str(node.tag).strip().lower()
    if name in HIDDEN_TAGS:
        return ""
    if name == "br":
        return " "
    return "" if node.contents is None else _render(node.contents, prefixes)


def _template(node: Any, prefixes: tuple[str, ...]) -> str:  # noqa: ANN401
    """Return the words that a template stands for; nothing for most."""
    name = str(node.name).strip().lower().replace("_", " ")
    if name in LITERALS:
        return LITERALS[name]
    wanted = ("1",) if name.startswith("lang-") else INLINE_TEMPLATES.get(name, ())
    values = (_render(node.get(key).value, prefixes) for key in wanted if node.has(key))
    return " ".join(value.strip() for value in values)


def _heading(node: Any, prefixes: tuple[str, ...]) -> str:  # noqa: ANN401
    """Return a heading as a paragraph of its own."""
    return f"\n\n{_render(node.title, prefixes).strip()}\n\n"


RENDERERS: dict[str, Callable[[Any, tuple[str, ...]], str]] = {
    "Text": lambda node, _: str(node.value),
    "Wikilink": _link,
    "ExternalLink": lambda node, prefixes: (
        _render(node.title, prefixes) if node.brackets and node.title is not None else ""
    ),
    "Tag": _tag,
    "Template": _template,
    "HTMLEntity": lambda node, _: str(node.normalize()),
    "Heading": _heading,
}
