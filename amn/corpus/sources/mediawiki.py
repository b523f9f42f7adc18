"""MediaWiki XML exports, such as Wikipedia's dumps.

The file is cut at `<page>` and `</page>`, and each page is parsed on its own: memory stays that of
one page, a malformed page cannot take others with it, and pages can be parsed in other processes.
The cut is safe because an export escapes every `<` that is not its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from amn.corpus.articles import Article, Kind, Reason, Skipped, tidy
from amn.corpus.kinds import REDIRECT, find_kind
from amn.corpus.sources.columns import parse_id
from amn.corpus.sources.source import COMPRESSED, Record, Scope
from amn.corpus.sources.streams import MAX_RECORD_BYTES, read_blocks
from amn.corpus.wikitext import plain_text
from amn.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN, CLOSE, END = b"<page>", b"</page>", b"</mediawiki>"
ROOT = re.compile(rb"<mediawiki\b[^>]*>")
LANGUAGE = re.compile(rb'xml:lang="([^"]+)"')
NAMESPACE = re.compile(rb'<namespace key="(6|14)"[^>]*>([^<]+)</namespace>')


class Site(NamedTuple):
    """What the head of an export says: language, and its names of the namespaces File, Category."""

    language: str | None
    media_prefixes: tuple[str, ...]


class Page(NamedTuple):
    """One page as it stands in the file; `line` is that of its first byte, from 1."""

    site: Site
    line: int
    xml: bytes


class MediaWiki:
    """`.xml`, also `.bz2` (multistream too), `.gz`, `.zst`. A page is its last revision."""

    name = "mediawiki"
    files = re.compile(rf".+\.xml(?:-p\d+p\d+)?{COMPRESSED}")  # in parts: .xml-p1p41242.bz2

    def records(self, file: Path) -> Iterator[Record]:
        """Yield the pages of an export.

        Raises:
            DataError: If it is no export, or breaks off.
        """
        site: Site | None = None
        buffer, line, position = b"", 1, 0
        for block in read_blocks(file):
            searched = max(0, len(buffer) - len(CLOSE))
            buffer += block
            at = 0
            while (end := buffer.find(CLOSE, searched)) >= 0:
                site = site or _site(file, buffer)
                end += len(CLOSE)
                for first, last in _elements(buffer, at, end):
                    line += buffer.count(b"\n", at, first)
                    position += 1
                    where = f"{file.name}:{line}"
                    yield Record(position, where, Page(site, line, buffer[first:last]))
                    at = first
                line += buffer.count(b"\n", at, end)
                at = searched = end
            buffer = buffer[at:]
            if len(buffer) > MAX_RECORD_BYTES:
                raise DataError(
                    file,
                    f"line {line}: expected </page> within {MAX_RECORD_BYTES:,} bytes, got none."
                    " Fix: expected a MediaWiki XML export; look at the file there",
                )
        _refuse_cut_end(file, buffer, line)

    def parse(self, record: Record, scope: Scope) -> Article | Skipped:
        """Return the article of a page, or why there is none. Redirects have an empty text."""
        site, line, xml = record.raw
        try:
            page = ET.fromstring(xml.decode())  # noqa: S314 - a page declares no entity
        except UnicodeDecodeError as error:
            at = line + xml.count(b"\n", 0, error.start)
            return Skipped(Reason.ENCODING, record.where, f"line {at}")
        except ET.ParseError as error:
            row, column = error.position
            detail = f"line {line + row - 1}, column {column}: {str(error).partition(':')[0]}"
            return Skipped(Reason.MALFORMED, record.where, detail)
        title, article_id = page.findtext("title", ""), parse_id(page.findtext("id"))
        if article_id is None or not title:
            detail = f"expected title and id, got {title!r:.40} and {page.findtext('id')!r:.40}"
            return Skipped(Reason.ID, record.where, detail)
        if refusal := scope.refusal(article_id, parse_id(page.findtext("ns")) or 0):
            return Skipped(refusal, record.where)
        return _article(page, article_id, title, site, record.where)


def _article(
    page: ET.Element, article_id: int, title: str, site: Site, where: str
) -> Article | Skipped:
    """Return the article of a page's last revision."""
    revision = (page.findall("revision") or [ET.Element("revision")])[-1]
    markup = revision.findtext("text") or ""
    if page.find("redirect") is not None or REDIRECT.match(markup):
        return Article(article_id, title, "", Kind.REDIRECT, site.language, where)
    model = revision.findtext("model", "wikitext")
    if model != "wikitext":
        return Skipped(Reason.NOT_WIKITEXT, where, f"{title}: {model}")
    try:
        text = tidy(plain_text(markup, media_prefixes=site.media_prefixes))
    except ArgumentError as error:
        return Skipped(Reason.MALFORMED, where, f"{title}: {error}")
    if not text:
        return Skipped(Reason.EMPTY, where, title)
    kind = find_kind(title, text, markup=markup)
    return Article(article_id, title, text, kind, site.language, where)


def _site(file: Path, buffer: bytes) -> Site:
    """Return what the head of the export says.

    Raises:
        DataError: If there is no `<mediawiki>` element before the first page.
    """
    root = ROOT.search(buffer)
    if root is None:
        message = "expected a MediaWiki XML export, got no <mediawiki> element"
        raise DataError(file, f"{message}. Fix: --source-format, or download it again")
    language = LANGUAGE.search(root[0])
    names = (name.decode(errors="replace") for _, name in NAMESPACE.findall(buffer, 0, 1 << 16))
    prefixes = {"file", "image", "category", *(name.lower() for name in names)}
    return Site(language[1].decode() if language else None, tuple(sorted(prefixes)))


def _elements(buffer: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield first and last byte of every page that opens in `buffer[at:end]`.

    A page without its end, or an end without its page, is a piece of its own: it fails to parse.
    """
    first = buffer.find(OPEN, at, end)
    first = first if first >= 0 else at
    while (following := buffer.find(OPEN, first + 1, end)) >= 0:
        yield first, following
        first = following
    yield first, end


def _refuse_cut_end(file: Path, rest: bytes, line: int) -> None:
    """Raise when the export does not end as exports do.

    Raises:
        DataError: Always but for a whole export.
    """
    if END in rest and OPEN not in rest:
        return
    if rest.find(OPEN) >= 0:
        line += rest.count(b"\n", 0, rest.find(OPEN))
        raise DataError(
            file,
            f"line {line}: expected </page>, got the end of the file inside a page."
            " Fix: fetch it again and compare its checksum",
        )
    raise DataError(
        file,
        f"line {line + rest.count(bytes([10]))}: expected </mediawiki> at the end of a MediaWiki"
        " XML export, got the end of the file. Fix: fetch it again and compare its checksum",
    )
