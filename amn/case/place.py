"""Places of data sets, as a case names them: a folder, or a store and its digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

EXTRAS = {"s3": "s3", "gs": "gs", "hf": "hf", "https": "remote", "http": "remote"}  # by scheme
SHOWN_DIGITS = 12  # of a digest
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def scheme_of(place: str) -> str:
    """Return the scheme of a URL, empty for the path of a folder."""
    found = SCHEME.match(place)
    return found[1] if found else ""


def _known(place: str) -> str:
    scheme = scheme_of(place)
    if scheme and scheme not in EXTRAS:
        known = ", ".join(f"{name}://" for name in EXTRAS)
        raise ValueError(f"expected a folder, or {known}, got {place!r}")
    if scheme in ("http", "https") and urlsplit(place).username is not None:
        host = urlsplit(place).hostname
        raise ValueError(f"expected a URL without credentials, got some for {host}")
    return place


Place = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that a case names.

    Attributes:
        key: Of its place in case.toml: `dataset.path`.
        place: A folder, relative to the case; or a URL.
        sha256: Of its dataset.json, which has those of its files; None where nobody said.
    """

    key: str
    place: str
    sha256: str | None

    def __str__(self) -> str:
        digest = f" with sha256 {self.sha256[:SHOWN_DIGITS]}…" if self.sha256 else ""
        return f"{self.place}{digest}"

    @property
    def is_elsewhere(self) -> bool:
        """Whether a store keeps it, and no folder."""
        return bool(scheme_of(self.place))

    def url(self, name: str) -> str:
        """Return where a file of it is."""
        return f"{self.place.rstrip('/')}/{name}"
