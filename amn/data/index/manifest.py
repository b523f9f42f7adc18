"""index.json: what an index says about itself, and which vectors it was built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amn.case.section import problems_in
from amn.data.dataset import INDEX_MANIFEST
from amn.errors import DataError
from amn.storage import parse_json

if TYPE_CHECKING:
    from pathlib import Path

REBUILD = "amn index build"  # followed by the folder: the command that builds the index again

Kind = Literal["flat", "sq8", "sq6", "sq4", "ivf", "hnsw", "pq"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class IndexManifest(BaseModel):
    """The whole of index.json.

    Attributes:
        factory: How faiss's index_factory would describe the index.
        sha256: Of index.faiss.
        size_bytes: Of index.faiss.
        vectors_digest: `DataSet.vectors_digest` of the data set it was built from.
        parameters: As the file has them (`nlist`, `nprobe`, `m`, ...), and the seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(alias="schema")
    kind: Kind
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
        return IndexManifest.model_validate(parse_json(path.read_bytes()))
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
