"""Opening an index; a file that is not as recorded is tried in a child process first."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amn.case.limits import IndexKind
from amn.case.section import problems_in
from amn.data.dataset import INDEX_MANIFEST
from amn.data.index.layers import Layers, load_faiss, unwrap
from amn.errors import DataError
from amn.storage import parse_json, read_whole, regular, sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


REBUILD = "amn index build"  # followed by the folder: the command that builds the index again

Kind = IndexKind
ADOPTED = "adopted"  # the kind of an index that others built
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class IndexManifest(BaseModel):
    """The whole of index.json.

    Attributes:
        kind: What it was built as; `adopted` where others built it.
        factory: How faiss's index_factory would describe the index; of an adopted one its layers.
        sha256: Of index.faiss.
        size_bytes: Of index.faiss.
        vectors_digest: `DataSet.vectors_digest` of the data set it was built from.
        parameters: As the file has them (`nlist`, `nprobe`, `m`, ...), and the seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(alias="schema")
    kind: Kind | Literal["adopted"]
    factory: str
    rows: Annotated[int, Field(ge=0)]
    dim: Annotated[int, Field(ge=1)]
    metric: Literal["inner_product"] = "inner_product"
    trained: bool
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]
    vectors_digest: Sha256
    parameters: dict[str, int] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain JSON data."""
        return self.model_dump(mode="json", by_alias=True)


def read_index_manifest(folder: Path) -> IndexManifest:
    """Read index.json.

    Raises:
        DataError: If it is missing, not JSON, or lacks something; the message lists everything.
    """
    path = folder / INDEX_MANIFEST
    try:
        return IndexManifest.model_validate(parse_json(read_whole(path)))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            path, f"expected the record of the index, found none. Fix: {REBUILD} {folder}"
        ) from error
    except ValidationError as error:
        lines = problems_in(error)
        raise DataError(
            path, f"expected an index record, got {'; '.join(lines)}. Fix: {REBUILD} {folder}"
        ) from error
    except ValueError as error:
        raise DataError(path, f"expected JSON, got {error}. Fix: {REBUILD} {folder}") from error


PROBE_TIMEOUT_S = 120.0
READ_BYTES = 1 << 20
# No array of an index is much larger than its file: a damaged length must not ask for all memory.
PROBE = """
import sys
import faiss
import numpy
path, size = sys.argv[1], int(sys.argv[2])
if hasattr(faiss, "set_deserialization_vector_byte_limit"):
    faiss.set_deserialization_vector_byte_limit(max(size, 1 << 26))
try:
    index = faiss.read_index(path)
except (RuntimeError, MemoryError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
if index.is_trained and index.d * 4 <= size:
    queries = numpy.random.default_rng(0).standard_normal((16, index.d), numpy.float32)
    index.search(queries, 1)
"""


@dataclass(frozen=True)
class OpenIndex:
    """An index in memory.

    Attributes:
        path: Its file.
        layers: Its parts; `layers.outer` is what faiss read.
        unread_bytes: How many bytes follow the index in its file.
    """

    path: Path
    layers: Layers
    unread_bytes: int

    @property
    def rows(self) -> int:
        """Vectors in it."""
        return int(self.layers.outer.ntotal)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self.layers.outer.d)

    @property
    def is_trained(self) -> bool:
        """Whether every layer is trained."""
        return bool(self.layers.outer.is_trained and self.layers.storage.is_trained)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric of every layer: `inner_product` or `l2`, or faiss's number for another."""
        faiss = load_faiss()
        names = {faiss.METRIC_INNER_PRODUCT: "inner_product", faiss.METRIC_L2: "l2"}
        layers = (self.layers.outer, self.layers.encoder, self.layers.storage)
        return tuple(names.get(layer.metric_type, str(layer.metric_type)) for layer in layers)

    def search(self, queries: NDArray[Any], k: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the (Q, k) float32 scores, best first, and int64 ids; -1 where fewer were found.

        Args:
            queries: (Q, D) float32.
        """
        scores, ids = self.layers.outer.search(queries, k)
        return scores, ids


def open_index(path: Path, *, timeout_s: float = PROBE_TIMEOUT_S) -> OpenIndex:
    """Read an index file into memory.

    A damaged file can crash faiss. One whose sha256 is not the recorded one, or that has no record,
    is therefore read and searched in a child process before this one opens it.

    Raises:
        DataError: If the file is missing, cannot be read, crashes or hangs faiss, or is of a type
            that cannot be compared with the rows of a data set.
        MissingDependencyError: If faiss is not installed.
    """
    faiss = load_faiss()
    if not path.is_file():
        raise DataError(path, f"expected an index, found none. Fix: {REBUILD} {path.parent}")
    if not is_as_recorded(path):
        _probe(path, timeout_s)
    with regular(path).open("rb") as file:
        try:
            index = faiss.read_index(faiss.PyCallbackIOReader(file.read, READ_BYTES))
        except (RuntimeError, MemoryError) as error:
            raise _unreadable(path, str(error)) from error
        unread = path.stat().st_size - file.tell()
    return OpenIndex(path, unwrap(index, path), unread)


def is_as_recorded(path: Path) -> bool:
    """Tell whether an index file has the sha256 that index.json beside it records."""
    try:
        return read_index_manifest(path.parent).sha256 == sha256_file(path)
    except DataError:  # no record, or a broken one: I001 says so
        return False


def _probe(path: Path, timeout_s: float) -> None:
    """Read and search an index in a child process; raise DataError when that goes wrong."""
    command = [sys.executable, "-P", "-c", PROBE, str(path), str(path.stat().st_size)]
    try:
        child = subprocess.run(  # noqa: S603 - our own code, on a file that the user named
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable(path, f"no answer within {timeout_s:g} s") from error
    if child.returncode < 0:
        raise _unreadable(path, f"faiss was killed by {_signal_name(-child.returncode)}")
    if child.returncode:
        lines = child.stderr.strip().splitlines()
        raise _unreadable(path, lines[-1] if lines else f"exit status {child.returncode}")


def _signal_name(number: int) -> str:
    """Return `SIGSEGV` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _unreadable(path: Path, reason: str) -> DataError:
    """Return the error for a file that faiss cannot read."""
    reason = reason.rsplit("Error: ", 1)[-1]  # what faiss says before it is C++ signatures
    size = path.stat().st_size
    return DataError(
        path,
        f"expected a whole FAISS index, got {size:,} bytes that faiss cannot read ({reason}). "
        f"Fix: {REBUILD} {path.parent}",
    )
