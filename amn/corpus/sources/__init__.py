"""Sources: files of articles, a module a format, read as a stream."""

from amn.corpus.sources.open import FORMATS, open_source
from amn.corpus.sources.source import Record, Source

__all__ = ["FORMATS", "Record", "Source", "open_source"]
