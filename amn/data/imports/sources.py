"""Which kind of file a source is, and its rows."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from amn.data.imports import arrays
from amn.data.imports.archive import Archive, open_archive
from amn.data.imports.ids import read_ids
from amn.data.imports.keys import (
    ARTICLE_NAMES,
    CHUNK_NAMES,
    Keys,
    article_ids,
    as_table,
    first_of,
    flag,
    place,
)
from amn.data.imports.tables import read_vectors
from amn.data.imports.unwindow import recover_rows
from amn.data.manifest import Stage
from amn.data.vectors import NPY_ERRORS, open_npy
from amn.data.writer import Chunks
from amn.errors import ArgumentError, DataError, mended_by
from amn.registry import Registry
from amn.storage import regular

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from amn.data.imports.arrays import Member

WINDOW_DIALECTS = (("context_sequences", "target_vectors"), ("contexts", "targets"))
DIALECTS = (
    "context_sequences with target_vectors; contexts with targets; "
    "vectors with article_indices and chunk_indices"
)
FLOATS = (np.float16, np.float32, np.float64)
FOREIGN = tuple(np.dtype(kind) for kind in (">f2", ">f4", ">f8"))
BITS = tuple(np.dtype(kind) for kind in ("<u2", "V2"))  # what bfloat16 is saved as
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Source:
    """The rows of a source as they are: not sorted, not checked.

    Attributes:
        vectors: (N, D) float16, float32 or float64, memory-mapped.
        chunks: N rows.
        stage: How they were read.
        said: What was understood, for people: where vectors, articles and places come from.
    """

    vectors: NDArray[Any]
    chunks: Chunks
    stage: Stage
    said: tuple[str, ...] = ()


# Functions by suffix, and for folders by the file that they are known by: each takes what its
# parameters name of path, scratch, keys, vector_column, numbers and (for ids alone) ids. The first
# line of its docstring is its line in docs/data.md.
HERE = "amn.data.imports.sources"
IMPORTERS: Registry[Callable[..., Source]] = Registry(
    "amn.importers",
    {
        ".npy": f"{HERE}:read_npy",
        ".npz": f"{HERE}:read_npz",
        ".parquet": f"{HERE}:read_table",
        ".arrow": f"{HERE}:read_table",
        ".feather": f"{HERE}:read_table",
        ".ipc": f"{HERE}:read_table",
        ".jsonl": f"{HERE}:read_table",
        ".ndjson": f"{HERE}:read_table",
        ".csv": f"{HERE}:read_text_table",
        ".tsv": f"{HERE}:read_text_table",
        ".h5": f"{HERE}:read_hdf5",
        ".hdf5": f"{HERE}:read_hdf5",
        ".safetensors": f"{HERE}:read_safetensors",
        ".pt": f"{HERE}:read_pytorch",
        ".pth": f"{HERE}:read_pytorch",
        ".vec": f"{HERE}:read_word2vec",
        ".txt": f"{HERE}:read_word2vec",
        ".faiss": "amn.data.index.source:read_faiss",
        ".index": "amn.data.index.source:read_faiss",
        "state.json": f"{HERE}:read_datasets",
        "index.faiss": "amn.data.index.source:read_langchain",
    },
)


def read_source(
    path: Path,
    scratch: Path,
    *,
    keys: Keys | None = None,
    vector_column: str | None = None,
    numbers: Literal["bfloat16"] | None = None,
) -> Source:
    """Read the rows of a file, by the importer of its suffix.

    Args:
        scratch: Existing folder for what has to be decompressed or put together.
        keys: What is said of articles and places.
        vector_column: Column or array of vectors; None takes the only one.
        numbers: What 16 bits without a type are.

    Raises:
        ArgumentError: If an option does not fit the kind of file.
        DataError: If a file is missing, broken, needs pickle, or is of no known dialect.
    """
    keys = keys or Keys()
    name = _known_by(path)
    importer = IMPORTERS[name]
    taken = inspect.signature(importer).parameters
    said = {"vector_column": vector_column, "numbers": numbers}
    given = [flag(option) for option, value in said.items() if value and option not in taken]
    if "keys" not in taken:
        given += [option for option in keys.given if (option, "ids" in taken) != ("--ids", True)]
    if given:
        raise ArgumentError(f"{given[0]}: expected with another kind of file, got {name}")
    options = {"path": path, "scratch": scratch, "keys": keys, "ids": keys.ids, **said}
    with mended_by("copy or export it again"):
        return importer(**{option: options[option] for option in taken})


def format_table() -> str:
    """Return the table of formats in docs/data.md: what each importer reads, and its options."""
    by_reader: dict[tuple[str, str], list[str]] = {}
    for name, importer in IMPORTERS.items():
        line = (importer.__doc__ or "").splitlines()[0]
        taken = inspect.signature(importer).parameters
        options = ", ".join(f"`{flag(n)}`" for n in ("vector_column", "numbers") if n in taken)
        shown = f"`{name}`" if name.startswith(".") else f"folder with `{name}`"
        by_reader.setdefault((line, options), []).append(shown)
    rows = [f"| {', '.join(n)} | {line} | {options} |" for (line, options), n in by_reader.items()]
    return "\n".join(["| file | what it holds | its own options |", "|---|---|---|", *rows]) + "\n"


def _known_by(path: Path) -> str:
    """Return the name of the importer: the suffix, or the file that a folder is known by."""
    suffixes = [name for name in IMPORTERS if name.startswith(".")]
    if path.is_dir():
        folders = [name for name in IMPORTERS if not name.startswith(".")]
        if found := first_of(folders, (file.name for file in path.iterdir())):
            return found
        inside = sorted(file.name for file in path.iterdir())
        listed = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")  # noqa: PLR2004 - shown
        parts = [n for n in inside if (path / n).is_dir() or (path / n).suffix in suffixes]
        fix = f"name what is in it: amn data import {path / parts[0] if parts else 'FILE'} FOLDER"
        raise DataError(
            path, f"expected a folder with {' or '.join(folders)}, got {listed or 'an empty one'}. "
            f"Fix: {fix}"
        )  # fmt: skip
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise DataError(
            path,
            f"expected a file of {', '.join(suffixes)}, got {suffix or path.name!r}. "
            "Fix: numpy.save, and --ids FILE beside it",
        )
    if not path.is_file():
        raise DataError(path, "expected a file, found none. Fix: amn data import with its path")
    if not path.stat().st_size:
        raise DataError(path, "expected vectors, got an empty file. Fix: copy or export it again")
    return suffix


def read_npy(path: Path, scratch: Path, keys: Keys, numbers: str | None) -> Source:
    """Matrix of numpy, float16 to float64, either order of bytes, or bfloat16 by `--numbers`."""
    kinds: tuple[Any, ...] = (*FLOATS, *FOREIGN, *(BITS if numbers == "bfloat16" else ()))
    try:
        vectors = open_npy(path, rows=None, dim=None, dtypes=kinds)
    except DataError:
        with mended_by(_hint(path)):
            raise
    if vectors.dtype in BITS and len(vectors):
        kind, read = "bfloat16", partial(arrays.take, vectors.view(np.uint16))
        vectors = arrays.write_native(read, len(vectors), kind, scratch / "vectors.bin")
    elif not vectors.dtype.isnative and len(vectors):
        kind, read = f"big-endian {vectors.dtype.newbyteorder('=')}", partial(arrays.take, vectors)
        vectors = arrays.write_native(read, len(vectors), "", scratch / "vectors.bin")
    else:
        kind = str(vectors.dtype)
    return assemble(path, scratch, vectors, pa.table({}), keys, how=[f"a matrix of {kind}"])


def read_npz(path: Path, scratch: Path, keys: Keys) -> Source:
    """Archive of numpy: windows (contexts and targets), or vectors with their ids."""
    with open_archive(path, scratch) as archive:
        return _read_archive(archive, keys)


def read_table(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Table with a list of floats a row, or a list of such lists: a document a row."""
    read = read_vectors(path, scratch, keys, vector_column)
    options: dict[str, Any] = {"names": read.names, "documents": read.documents, "how": [read.said]}
    return assemble(path, scratch, read.vectors, read.table, keys, **options)


def read_text_table(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Text with a header and a column of lists such as `[0.1, 0.2]`; ids like 007 are strings."""
    return read_table(path, scratch, keys, vector_column)


def read_datasets(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Folder of Hugging Face `datasets`, as `save_to_disk` writes it; one split of several."""
    return read_table(path, scratch, keys, vector_column)


def read_hdf5(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Matrix in HDF5, its ids in arrays beside it (needs h5py: extra `formats`)."""
    return _read_members(path, scratch, keys, vector_column, arrays.hdf5)


def read_safetensors(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Matrix of floats or bfloat16 in safetensors, its ids in tensors beside it."""
    return _read_members(path, scratch, keys, vector_column, arrays.safetensors)


def read_pytorch(path: Path, scratch: Path, keys: Keys, vector_column: str | None) -> Source:
    """Tensor, or tensors and lists by name, of `torch.save`; weights only (needs torch)."""
    return _read_members(path, scratch, keys, vector_column, arrays.pytorch)


def read_word2vec(path: Path, scratch: Path, keys: Keys) -> Source:
    """Text of word2vec: rows and numbers in the first line, then a word and its vector a line."""
    n_rows, dim = arrays.word2vec(path)
    words, got = [pa.array([], pa.string())], 0
    with (scratch / "vectors.bin").open("wb") as out:
        for batch in arrays.word2vec_rows(path, dim):
            words.append(batch.column(0))
            numbers = [np.asarray(batch.column(k + 1)) for k in range(dim)]
            out.write(np.stack(numbers, axis=1).data)
            got += batch.num_rows
    if got != n_rows or not n_rows:
        fix = "write it again, or mend its first line"
        raise DataError(path, f"expected {n_rows:,} rows as declared, got {got:,}. Fix: {fix}")
    vectors = np.memmap(scratch / "vectors.bin", np.float32, "r", shape=(n_rows, dim))
    table = pa.table({"word": pa.chunked_array(words)})
    return assemble(path, scratch, vectors, table, keys, how=["a word and its numbers a line"])


def _read_members(
    path: Path,
    scratch: Path,
    keys: Keys,
    vector_column: str | None,
    open_members: Callable[[Path, ExitStack], dict[str, Member]],
) -> Source:
    """Read a file of named arrays."""
    with ExitStack() as stack:
        members = open_members(path, stack)
        name = arrays.choose_matrix(path, members, vector_column)
        chosen = members[name]
        read = arrays.write_native
        vectors = read(chosen.read, chosen.shape[0], chosen.kind, scratch / "vectors.bin")
        rows = {
            key: member.read(0, member.shape[0])
            for key, member in members.items()
            if key in keys.wanted and key != name and len(member.shape) == 1
        }
    how = [f"array {name} ({chosen.kind} {chosen.shape})"]
    table = as_table(path, rows)
    return assemble(path, scratch, vectors, table, keys, names=tuple(members), how=how)


def assemble(  # noqa: PLR0913 - what a file may have beside its vectors
    path: Path,
    scratch: Path,
    vectors: NDArray[Any],
    table: pa.Table,
    keys: Keys,
    *,
    names: Sequence[str] = (),
    documents: NDArray[np.int64] | None = None,
    how: Sequence[str] = (),
) -> Source:
    """Return vectors with their keys, from the columns beside them or what was said.

    Args:
        vectors: (N, D).
        table: Columns beside them, N rows or no column.
        names: All columns of the file.
        documents: As in `place`.
        how: What was understood of the vectors.

    Raises:
        DataError: If lengths differ, or keys are missing or unusable.
    """
    where, n_rows = path, len(vectors)
    if not n_rows:
        raise DataError(path, "expected rows, got none. Fix: export it again")
    if keys.ids:
        table, names = read_ids(keys.ids, scratch, keys)
        where, documents = keys.ids, None
    elif not (table.column_names or names or keys.needs_none):
        raise DataError(
            path,
            "expected ids beside the vectors, got none. Fix: --ids FILE (.parquet, .csv, .json, "
            ".npz, ...), or --one-article",
        )
    n_ids = len(table) if table.column_names else n_rows
    if n_rows != n_ids:
        fix = "--ids FILE with a row for each vector, in their order"
        message = f"expected an id for each of {n_rows:,} vectors, got {n_ids:,}"
        raise DataError(path, f"{message}. Fix: {fix}")
    separators = _separators(vectors, keys.separator) if keys.separator else None
    placed = place(
        where, table, keys, n_rows=n_rows, names=names, documents=documents, separators=separators
    )
    name = f"read {path.name}" + (f": {'; '.join(placed.said)}" if placed.said else "")
    dropped = {}
    if placed.kept is not None:
        if not len(placed.kept):
            fix = "leave --separator out"
            raise DataError(path, f"expected vectors between the separators, got none. Fix: {fix}")
        kept = placed.kept
        dropped = {"separator": n_rows - len(kept)} if len(kept) < n_rows else {}
        chosen = partial(_some, vectors, kept)
        vectors = arrays.write_native(chosen, len(kept), "", scratch / "kept.bin")
    stage = Stage(name=name, rows_in=n_rows, rows_out=len(vectors), dropped=dropped)
    return Source(vectors, placed.chunks, stage, (*how, *placed.said))


def _some(
    vectors: NDArray[Any], rows: NDArray[np.int64], first: int, last: int
) -> NDArray[Any]:  # fmt: skip
    """Return some rows, from one to another of them."""
    return np.asarray(vectors[rows[first:last]])


def _separators(vectors: NDArray[Any], kind: str) -> NDArray[np.bool_]:
    """Tell which rows are all zeros, or all NaN: (N,)."""
    found = np.empty(len(vectors), np.bool_)
    for start in range(0, len(vectors), BLOCK_ROWS):
        here = slice(start, start + BLOCK_ROWS)
        block = np.asarray(vectors[here])
        found[here] = (np.isnan(block) if kind == "nan" else block == 0).all(axis=1)
    return found


def _hint(path: Path) -> str:
    """Return the way out for a matrix that is none, by its type."""
    try:
        array = np.load(regular(path), mmap_mode="r", allow_pickle=False)
    except NPY_ERRORS:
        return "copy it again, or save it anew with numpy.save"
    if getattr(array, "dtype", None) in BITS:
        return "--numbers bfloat16, where that is what they are"
    return "numpy.save('vectors.npy', numpy.ascontiguousarray(matrix, 'float32'))"


def _read_archive(archive: Archive, keys: Keys) -> Source:
    """Read an .npz file of any dialect."""
    found = archive.members
    for names in WINDOW_DIALECTS:
        if set(names) <= set(found):
            if others := [option for option in keys.given if option != "--article-column"]:
                raise ArgumentError(
                    f"{others[0]}: expected with a file of rows, got windows: their article ids "
                    f"have to be in the file, as {ARTICLE_NAMES[1]}"
                )
            return _read_windows(archive, *names, keys.article_column)
    if "vectors" not in found:
        listed = ", ".join(found) or "none"
        raise DataError(
            archive.path,
            f"expected one of: {DIALECTS}; got the members: {listed}. Fix: save it again under "
            "such names, or its vectors alone as .npy and their ids beside them: --ids FILE",
        )
    vectors = _floats(archive, "vectors", ndim=2)
    if not (keys.given or (first_of(ARTICLE_NAMES, found) and first_of(CHUNK_NAMES, found))):
        raise DataError(
            archive.path,
            "vectors: expected article_indices and chunk_indices beside them, got the members: "
            f"{', '.join(found)}. Fix: --ids FILE",
        )
    columns = {n: archive.read(n) for n in found if n in keys.wanted and n != "vectors"}
    if keys.ids:
        columns = {}
    table = as_table(archive.path, columns)
    how = [f"array vectors ({vectors.dtype} {vectors.shape})"]
    return assemble(archive.path, archive.scratch, vectors, table, keys, names=found, how=how)


def _read_windows(
    archive: Archive, context_name: str, target_name: str, article_column: str | None
) -> Source:
    """Recover the rows of an .npz file of windows."""
    contexts = _floats(archive, context_name, ndim=3)
    targets = _floats(archive, target_name, ndim=2)
    n_windows, context, dim = contexts.shape
    if targets.shape != (n_windows, dim) or targets.dtype != contexts.dtype:
        raise DataError(
            archive.path,
            f"{target_name}: expected {contexts.dtype} of shape {(n_windows, dim)} as in "
            f"{context_name}, got {targets.dtype} of shape {targets.shape}",
        )
    articles = None
    if name := article_column or first_of(ARTICLE_NAMES, archive.members):
        column = archive.read(name)
        if column.shape != (n_windows,):
            raise DataError(
                archive.path, f"{name}: expected one id for each of {n_windows:,} windows, "
                f"got shape {column.shape}"
            )  # fmt: skip
        articles = article_ids(archive.path, name, pa.array(np.asarray(column)))
    rows = recover_rows(contexts, targets, articles, archive.scratch / "rows.npy")
    note = "no article ids: each run is an article" if articles is None else f"articles by {name}"
    seen = n_windows * (context + 1)
    stage = Stage(
        name=f"recover rows of {archive.path.name}: {n_windows:,} windows of context {context} in "
        f"{rows.n_runs:,} runs ({note})",
        rows_in=seen,
        rows_out=len(rows.vectors),
        dropped={"repeated in overlapping windows": seen - len(rows.vectors)},
    )
    chunks = Chunks(article_ids=rows.article_ids, chunk_index=rows.chunk_index)
    return Source(rows.vectors, chunks, stage)


def _floats(archive: Archive, name: str, *, ndim: int) -> NDArray[Any]:
    """Return a member that has to be a filled array of floats with `ndim` dimensions."""
    array = archive.read(name)
    shape = "(N, D)" if ndim == 2 else "(N, T, D)"  # noqa: PLR2004 - rows, or windows
    if array.ndim != ndim or array.dtype not in FLOATS or 0 in array.shape:
        raise DataError(
            archive.path,
            f"{name}: expected float16, float32 or float64 of shape {shape}, none 0, "
            f"got {array.dtype} of shape {array.shape}",
        )
    return array
