"""Tokens of wikitext to text.

mwparserfromhell reads wikitext in two steps: a tokenizer in C, which decides what is a template, a
link or a tag, and a builder in Python, which makes an editable tree of it and takes most of the
time. Here the tokens are rendered as they come: the same text in a tenth of the time.

A frame is an element that is open; its fields are the texts between its separators, such as title
and text of a link. When the element closes, it is rendered into the field it stands in.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amn.errors import ArgumentError, require

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN = {
    "TemplateOpen": "template",
    "ArgumentOpen": "argument",
    "WikilinkOpen": "link",
    "ExternalLinkOpen": "url",
    "HTMLEntityStart": "entity",
    "HeadingStart": "heading",
    "CommentStart": "comment",
    "TagOpenOpen": "tag",
}
SEPARATORS = frozenset({
    "TemplateParamSeparator", "ArgumentSeparator", "WikilinkSeparator", "ExternalLinkSeparator",
    "TagAttrStart", "TagOpenClose",
})  # fmt: skip
CLOSE = frozenset({
    "TemplateClose", "ArgumentClose", "WikilinkClose", "ExternalLinkClose", "HTMLEntityEnd",
    "HeadingEnd", "CommentEnd", "TagCloseClose", "TagCloseSelfclose",
})  # fmt: skip
LITERALS = {"HTMLEntityNumeric": "#", "HTMLEntityHex": "x"}

INTERLANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*\s*:")

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
    "quote": ("1",), "blockquote": ("1",), "quotation": ("1",), "cquote": ("1",),
}  # fmt: skip
CHARACTERS = {
    "ndash": "\u2013",
    "mdash": "\u2014",
    "spaced ndash": " \u2013 ",
    "snd": " \u2013 ",
    "nbsp": " ",
    "'": "'",
}


@dataclass(slots=True)
class Frame:
    """An element that is open.

    Attributes:
        has_brackets: Of an external link; a bare address has none.
        fields: Pieces of text between separators.
        names: Of a template's arguments that have one, by field.
        contents: The field of a tag that is not its name or an attribute.
    """

    kind: str
    has_brackets: bool = False
    fields: list[list[str]] = field(default_factory=lambda: [[]])
    names: dict[int, str] = field(default_factory=dict)
    contents: list[str] | None = None

    def text(self, number: int) -> str:
        """Return the text of a field; empty where there is none."""
        return "".join(self.fields[number]) if number < len(self.fields) else ""


def render(markup: str, media_prefixes: tuple[str, ...]) -> str:
    """Return the text of wikitext, without tables, references, media and most templates.

    Args:
        markup: Wikitext.
        media_prefixes: Names, in lower case, of the namespaces whose links show no text here.

    Raises:
        ArgumentError: If the tokenizer gives up.
        MissingDependencyError: If mwparserfromhell is not installed.
    """
    parser: Any = require("mwparserfromhell.parser", extra="corpus")
    if parser.use_c:
        tokenizer = parser.CTokenizer()
    else:
        tokenizer = require("mwparserfromhell.parser.tokenizer", extra="corpus").Tokenizer()
    try:
        tokens = tokenizer.tokenize(markup, 0, True)  # noqa: FBT003 - quotes stay text; by place in C
    except parser.ParserError as error:
        raise ArgumentError(f"wikitext: expected markup that can be read, got: {error}") from error
    frames = [Frame("page")]
    for token in tokens:
        _take(token, frames, media_prefixes)
    return frames[0].text(0)


def _take(token: Any, frames: list[Frame], prefixes: tuple[str, ...]) -> None:  # noqa: ANN401 - untyped library
    """Add one token to the innermost frame, open one, or close it."""
    name = type(token).__name__
    frame = frames[-1]
    if name == "Text":
        frame.fields[-1].append(token["text"])
    elif name in OPEN:
        frames.append(Frame(OPEN[name], bool(token.get("brackets"))))
    elif name in CLOSE:
        frames.pop()
        frames[-1].fields[-1].append(RENDERERS[frame.kind](frame, prefixes))
    elif name in SEPARATORS:
        frame.fields.append([])
    elif name == "TagCloseOpen":
        frame.contents = []
        frame.fields.append(frame.contents)
    elif name == "TemplateParamEquals":
        last = len(frame.fields) - 1
        frame.names[last] = frame.text(last).strip()
        frame.fields[last] = []
    elif name in LITERALS:
        frame.fields[-1].append(LITERALS[name])


def _link(frame: Frame, prefixes: tuple[str, ...]) -> str:
    """Return the text that a link shows; links to media, categories and languages show none."""
    target = frame.text(0).strip()
    prefix, colon, _ = target.partition(":")
    if colon and (prefix.lower() in prefixes or INTERLANGUAGE.match(target)):
        return ""
    return frame.text(1) if len(frame.fields) > 1 else target.lstrip(":")


def _tag(frame: Frame, _: tuple[str, ...]) -> str:
    """Return the contents of a tag that shows them."""
    name = frame.text(0).strip().lower()
    if name in HIDDEN_TAGS or frame.contents is None:
        return " " if name == "br" else ""
    return "".join(frame.contents)


def _template(frame: Frame, _: tuple[str, ...]) -> str:
    """Return the words that a template stands for; nothing for most."""
    name = frame.text(0).strip().lower().replace("_", " ")
    if name in CHARACTERS:
        return CHARACTERS[name]
    wanted = ("1",) if name.startswith("lang-") else INLINE_TEMPLATES.get(name, ())
    if not wanted:
        return ""
    values: dict[str, str] = {}
    unnamed = 0
    for number in range(1, len(frame.fields)):
        unnamed += number not in frame.names
        values[frame.names.get(number, str(unnamed))] = frame.text(number).strip()
    return " ".join(values[key] for key in wanted if key in values)


RENDERERS: dict[str, Callable[[Frame, tuple[str, ...]], str]] = {
    "template": _template,
    "link": _link,
    "tag": _tag,
    "url": lambda frame, _: frame.text(1) if frame.has_brackets else "",
    "entity": lambda frame, _: html.unescape(f"&{frame.text(0)};"),
    "heading": lambda frame, _: f"\n\n{frame.text(0).strip()}\n\n",
    "argument": lambda _, __: "",
    "comment": lambda _, __: "",
}
