r"""Text that others wrote (titles, reasons, file names), harmless before it is shown anywhere.

Every reporter sends what it did not write itself through `visible` or `one_line`, and then through
the escapes of its own form. A character that a reader does not see, or that turns round what he
sees, is shown as its escape: `\x1b`, `\u202e`. Joiners stay, which Persian, Hindi and emoji need.
"""

from __future__ import annotations

import json
import re

# Controls but tab and newline, soft hyphen, marks and overrides of direction (UAX 9), separators of
# lines, what has no width, noncharacters, surrogates (file names that are no UTF-8), and tags.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
# What a CI system obeys when it reads it in a log: `::error::` of GitHub, `##[error]` of GitHub,
# `##vso[` of Azure, `##teamcity[`.
COMMAND = re.compile(r":(?=:[A-Za-z-]+( [^\n]*?)?::)|#(?=#\w*\[)")


def visible(text: str) -> str:
    """Return text in which nothing is hidden, and nothing that the reader of a log obeys."""
    return COMMAND.sub(_escape, HIDDEN.sub(_escape, text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """Return visible text on one line: nobody's newline begins a line of ours."""
    return " ".join(visible(text).split())


def visible_value(value: object) -> object:
    """Return what a template writes, as visible text unless it is markup, which is our own."""
    return value if hasattr(value, "__html__") else visible(str(value))


def visible_json(document: str) -> str:
    """Return a JSON document with the hidden characters of its strings as JSON escapes.

    It says the same: a program reads the characters, and a terminal shows the escapes.
    """
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], document)


def _escape(match: re.Match[str]) -> str:
    r"""Return a character as Python writes it: `\x1b`."""
    escape = ascii(match[0])[1:-1]
    return escape if escape != match[0] else f"\\x{ord(match[0]):02x}"
