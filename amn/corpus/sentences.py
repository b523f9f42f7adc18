"""Where sentences end: rules over punctuation, abbreviations and initials.

A stop is `.`, `!` or `?`, with closing quotes, before a space and a letter that is not lower case;
or a full stop of a script that has its own. Where the rules are unsure (`U.S. Army`), they do not
cut: a chunk of two sentences costs less than half a sentence.
"""

from __future__ import annotations

import re

CLOSERS = "\"'\u201d\u2019\u00bb)\\]\u300d\u300f\uff09"  # quotes and brackets, Latin and CJK
OWN_STOPS = "\u3002\uff01\uff1f\u0964"  # CJK stops and the danda: no space need follow
LOWER = "a-z\u00df-\u00f6\u00f8-\u00ff\u0430-\u044f\u03b1-\u03c9"  # Latin-1, Cyrillic, Greek
STOP = re.compile(
    rf"[.!?{OWN_STOPS}][{CLOSERS}]*(?:(?=\s+[^\s{LOWER}])|(?<=[{OWN_STOPS}])|(?<=[{OWN_STOPS}].))"
)
INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")  # `J`, `U.S`, `e.g`
OPENERS = "([\"'\u201c\u2018\u00ab"
ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        """mr mrs ms dr prof rev hon st sr jr gen lt col sgt capt cmdr maj adm gov sen rep pres
        mt ft no nos vol vols pp fig figs ed eds op cf vs viz ca c approx est dept univ assn bros
        inc ltd co corp jan feb mar apr jun jul aug sept sep oct nov dec
        hr fr mme mlle sra srta art nr bzw z.b u.a d.h m.a""",
    )
)
LONGEST = 12  # characters to look back for a word


def sentence_ends(text: str, begin: int, end: int) -> list[int]:
    """Return where the sentences of `text[begin:end]` end, ascending; the last is `end`.

    Args:
        text: Any text.
        begin: First character.
        end: The character behind the last one; begin < end.
    """
    ends = [
        stop.end()
        for stop in STOP.finditer(text, begin, end)
        if text[stop.start()] != "." or not _is_abbreviation(text, begin, stop.start())
    ]
    if not ends or ends[-1] != end:
        ends.append(end)
    return ends


def _is_abbreviation(text: str, begin: int, dot: int) -> bool:
    """Return whether the full stop at `dot` belongs to the word before it."""
    begin = max(begin, dot - LONGEST)
    word = text[text.rfind(" ", begin, dot) + 1 or begin : dot].lstrip(OPENERS)
    return word.lower() in ABBREVIATIONS or INITIALS.fullmatch(word) is not None
