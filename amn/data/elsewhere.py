"""Data sets of stores: read by fsspec into a cache by content, once, and offline from then on.

A case names the sha256 of dataset.json, which names those of its files: neither the store nor the
cache is trusted beyond that. A file is in the cache whole and as it was named, or not at all; where
a fetch was cut short, the next one goes on from there.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import closing, contextmanager
from functools import cached_property
from socket import gaierror
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from filelock import FileLock

from amn.case.place import EXTRAS, SHOWN_DIGITS, scheme_of
from amn.data.dataset import INDEX_FILE, INDEX_MANIFEST, file_stamp
from amn.data.manifest import MANIFEST_FILE, FileEntry, read_manifest
from amn.data.vectors import KNOWN, digest_file
from amn.errors import (
    AmnError,
    ConfigError,
    DataError,
    MissingDependencyError,
    StoreError,
    bring,
    require,
)
from amn.storage import as_committed, make_cache, read_whole, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from amn.case.load import Case
    from amn.case.place import Source

    Progress = Callable[[int, int, str], None]

WHOLE, CHUNKS, NOTHING = ("",), (".parquet",), ()  # endings of the files that are wanted
BLOCK = 1 << 23  # bytes of a request: a second at 60 Mbit/s
MINUTE = 60.0  # seconds without a byte that a server may take
PARTIAL = 206  # HTTP: the server gives what is left of a file
BEYOND = 416  # HTTP: the file is no longer than what is there


class Store(NamedTuple):
    """How fsspec reads the URLs of a scheme.

    Attributes:
        package: That it takes.
        fix: What lets this machine read there.
    """

    package: str
    fix: str


STORES = {
    "s3": Store("s3fs", "aws configure, or AWS_PROFILE; of a public one FSSPEC_S3_ANON=true"),
    "gs": Store(
        "gcsfs", "gcloud auth application-default login; of a public one FSSPEC_GS_TOKEN=anon"
    ),
    "hf": Store("huggingface_hub", "hf auth login, or HF_TOKEN"),
}
WEB = dict.fromkeys(("https", "http"), Store("aiohttp", "a URL that this machine can read"))
STORES |= WEB
NETWORK = "a network that reaches it"  # the fix where nothing answers
UNREACHED = (ConnectionError, TimeoutError, gaierror)
HIDDEN = ("RepositoryNotFoundError", "GatedRepoError", "BucketNotFoundError")  # of the hub

# gcsfs logs the traceback of each error that it raises: for who listens, not on stderr
logging.getLogger("gcsfs").addHandler(logging.NullHandler())


def fetched(
    case: Case,
    source: Source,
    endings: tuple[str, ...] = WHOLE,
    progress: Progress | None = None,
) -> Path:
    """Return the folder of a data set of a case, with its manifest and the files that end so.

    Args:
        endings: Of the names that are wanted: `WHOLE`, `CHUNKS`, `NOTHING`.
        progress: Called with (bytes read, bytes in all, text) while a store is read.

    Raises:
        ConfigError: If the case has no digest for a store.
        DataError: If something is not there, or is not what its digest says.
        StoreError: If the store cannot be read.
        MissingDependencyError: If a package is missing that reads it.
    """
    folder = case.folder_of(source)
    if not source.is_elsewhere:
        if source.sha256 is not None:
            _require(folder / MANIFEST_FILE, source)
        return folder
    reader = _Reader(case, source, progress)
    if source.sha256 is None:
        reader.refuse_unpinned(source.key, MANIFEST_FILE, "sha256")
    reader.fetch(_entry(MANIFEST_FILE, source.sha256))
    manifest = read_manifest(folder)
    canaries = [manifest.canaries] if manifest.canaries else []
    for entry in (*manifest.files, *canaries):
        if entry.path.endswith(endings):
            reader.fetch(entry)
    return folder


def fetch_index(case: Case, progress: Progress | None = None) -> None:
    """Fetch the index of a case's own data set, which a store keeps.

    Raises:
        ConfigError, DataError, StoreError, MissingDependencyError: As `fetched`.
    """
    source, sha256 = case.sources[0], case.config.dataset.index_sha256
    reader = _Reader(case, source, progress)
    if sha256 is None:
        reader.refuse_unpinned("dataset.index", INDEX_MANIFEST, "index_sha256")
    reader.fetch(_entry(INDEX_MANIFEST, sha256))
    from amn.data.index.reader import read_index_manifest  # noqa: PLC0415 - few have one

    reader.fetch(_entry(INDEX_FILE, read_index_manifest(case.folder_of(source)).sha256))


def _entry(name: str, sha256: str | None) -> FileEntry:
    return FileEntry(path=name, rows=0, sha256=sha256 or "")


def _require(manifest: Path, source: Source) -> None:
    """Raise DataError unless the manifest in a folder is the one that the case names."""
    try:
        got = sha256_of(as_committed(read_whole(manifest)))
    except OSError:
        return  # who opens the data set says what is there
    if got != source.sha256:
        raise DataError(
            manifest,
            f"expected sha256 {_short(source.sha256)} as {source.key} says, got {_short(got)}. "
            f'Fix: restore it, or sha256 = "{got}" in case.toml',
        )


def _short(digest: str | None) -> str:
    return f"{(digest or '')[:SHOWN_DIGITS]}…"


class _Reader:
    """Reads the files of one data set from its store into its folder of the cache."""

    def __init__(self, case: Case, source: Source, progress: Progress | None) -> None:
        self._case, self._source, self._progress = case, source, progress
        self._folder = case.folder_of(source)
        self._scheme = scheme_of(source.place)

    def fetch(self, entry: FileEntry) -> None:
        """Bring a file into the cache, unless it is there, whole, by its digest."""
        target = self._folder / entry.path
        if self._is_here(target, entry):
            return
        make_cache(self._folder.parent)
        self._folder.mkdir(exist_ok=True)
        with FileLock(f"{self._folder}.lock"):
            if self._is_here(target, entry):  # another process has brought it
                return
            self._bring(target, entry)

    def _is_here(self, target: Path, entry: FileEntry) -> bool:
        if not target.is_file():
            return False
        stamp = file_stamp(target)
        known = KNOWN.get(target, stamp)
        return (known or KNOWN.keep(target, stamp, digest_file(target, entry))) == entry.sha256

    def _bring(self, target: Path, entry: FileEntry) -> None:
        """Read a file whole; what is left of a fetch that was killed is gone on with."""
        part = target.with_name(f".{target.name}.part")
        was_begun = part.exists()
        got = self._read(entry, part)
        if got != entry.sha256 and was_begun:  # with other content, perhaps
            part.unlink()
            got = self._read(entry, part)
        if got != entry.sha256:
            part.unlink()
            raise DataError(
                self._case.file,
                f"{self._source.key}: expected sha256 {_short(entry.sha256)} of "
                f"{self._source.url(entry.path)}, got {_short(got)}: it was changed. Fix: put the "
                "file back, or name the digest of what is there",
            )
        part.replace(target)

    def _read(self, entry: FileEntry, part: Path) -> str:
        """Append to a part what it lacks of a file, and return the sha256 of what it has then."""
        have = part.stat().st_size if part.exists() else 0
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            for at, block, size in self._blocks(entry.path, have):
                if at != file.tell():  # the store gives nothing less than the whole
                    file.seek(at)
                    file.truncate()
                file.write(block)
                if self._progress:
                    self._progress(file.tell(), size, f"reading {entry.path}")
        return digest_file(part, entry)

    def _blocks(self, name: str, have: int) -> Iterator[tuple[int, bytes, int]]:
        """Yield what follows the first bytes of a file: place, bytes, size in all (0: not known).

        Args:
            have: How many bytes are there; a store that cannot skip them begins at 0.
        """
        url = self._source.url(name)
        with self._told(url), closing(self._open(url, have)) as source:
            is_web = self._scheme in WEB
            size = 0 if is_web else int(source.size)
            at = have if (source.r.status == PARTIAL if is_web else have <= size) else 0
            if not is_web:
                source.seek(at)
            while block := source.read(BLOCK):
                yield at, block, size
                at += len(block)

    def _open(self, url: str, have: int) -> Any:  # noqa: ANN401 - a file of fsspec
        """Open a file; of the web without its first bytes, where the server can skip them."""
        if self._scheme not in WEB:
            return self._system.open(url, "rb", block_size=BLOCK, cache_type="none")
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:  # size 1: not asked for first, as some servers do not tell
            return self._system.open(url, "rb", block_size=0, size=1, headers=headers)
        except Exception as error:
            if have and getattr(error, "status", None) == BEYOND:
                return self._open(url, 0)
            raise

    @cached_property
    def _system(self) -> Any:  # noqa: ANN401 - a file system of fsspec
        """What reads the store; nothing that fsspec knew of it is remembered."""
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        extra = EXTRAS[self._scheme]
        try:
            fsspec = require("fsspec", extra=extra)
            package = require(STORES[self._scheme].package, extra=extra)
        except MissingDependencyError as error:
            name, place = str(error).partition(":")[0], self._source.place
            where = f"{self._case.file}: {self._source.key}"
            raise MissingDependencyError(
                f"{where}: expected {name}, which reads {place}, got none. Fix: {bring(extra)}"
            ) from error
        if self._scheme in WEB:  # of a file of hours no time in all, but of each answer
            limits = package.ClientTimeout(total=None, sock_connect=MINUTE, sock_read=MINUTE)
            options["client_kwargs"] = {"timeout": limits}
        if self._scheme == "gs":  # fsspec's own asks by gRPC first: a minute a file where none is
            return package.core.GCSFileSystem(**options)
        return fsspec.filesystem(self._scheme, **options)

    def refuse_unpinned(self, key: str, name: str, said: str) -> NoReturn:
        """Raise ConfigError with the line to write, for which the store is asked.

        Args:
            key: That lacks a digest.
            name: Of the file whose digest it is.
            said: The key of the digest.
        """
        digest = hashlib.sha256()
        for _, block, _ in self._blocks(name, 0):
            digest.update(block)
        line = f'{said} = "{digest.hexdigest()}" in [{key.rpartition(".")[0]}]'
        message = f"{key}: expected the digest of {self._source.url(name)}, got none. Fix: {line}"
        raise ConfigError(self._case.file, [message])

    @contextmanager
    def _told(self, url: str) -> Iterator[None]:
        """Say in one line what a store answers: each raises errors of its own."""
        where = f"{self._case.file}: {self._source.key}"
        try:
            yield
        except AmnError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not _is_hidden(error):
                message = f"{self._source.key}: expected {url}, found none. Fix: put it there"
                raise DataError(self._case.file, message) from error
            said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            fix = NETWORK if _is_unreached(error) else STORES[self._scheme].fix
            message = f"{where}: expected to read {url}, got: {said}. Fix: {fix}"
            raise StoreError(message) from error


def _is_hidden(error: FileNotFoundError) -> bool:
    """Whether what was not found may be there: of a private place the hub says that it has none."""
    return type(error.__cause__).__name__ in HIDDEN


def _is_unreached(error: BaseException | None) -> bool:
    """Whether an error comes of a server that does not answer."""
    while error is not None and not isinstance(error, UNREACHED):
        error = error.__cause__ or error.__context__
    return error is not None
