"""dataset.json: what a data set says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from amn.case.section import problems_in
from amn.errors import DataError
from amn.storage import parse_json, read_whole

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_FILE = "dataset.json"

Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _in_folder(name: str) -> str:
    if "/" in name or "\\" in name or name in {"", ".", ".."}:
        message = "expected the name of a file in this folder, got {name}"
        raise PydanticCustomError("file_name", message, {"name": repr(name)})
    return name


FileName = Annotated[str, AfterValidator(_in_folder)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EncoderInfo(_Record):
    """What made the vectors; vectors of different encoders must never be compared.

    Attributes:
        precision: Of the arithmetic: float32 or bfloat16.
        probe_digest: Digest of the vectors of fixed probe sentences, where it was taken.
        probe: Those vectors, see `amn.data.fingerprint`: what other machines compare.
    """

    name: str = "unknown"
    revision: str | None = None
    pooling: str | None = None
    prefix: str | None = None
    normalised: bool = True
    precision: Literal["float32", "bfloat16"] | None = None
    probe_digest: str | None = None
    probe: str | None = None


class Stage(_Record):
    """One step of the data set's making: `rows_in` minus everything dropped is `rows_out`.

    Attributes:
        unit: What is counted: rows, or articles before they are cut into rows.
        articles: Whose rows come in, at the first stage in rows after stages in articles.
        noted: Of what stayed, how much there is something to know about.
        settings: What the step was told, so that it can be repeated.
    """

    name: str
    unit: Literal["articles", "rows"] = "rows"
    rows_in: Count
    rows_out: Count
    dropped: dict[str, Count] = {}
    articles: Count | None = None
    noted: dict[str, Count] = {}
    settings: dict[str, Any] = {}


class FileEntry(_Record):
    """One file of the data set, by its name in its folder.

    Attributes:
        seal: A digest of file and sha256 together that is faster to check, see `amn.data.vectors`;
            None where what wrote the file knew of none.
    """

    path: FileName
    rows: Count
    sha256: Digest
    seal: Digest | None = None

    @property
    def identity(self) -> list[int | str]:
        """What two files that are one have in common: all that is checked of their bytes."""
        return [self.rows, self.sha256, *([] if self.seal is None else [self.seal])]


class CanaryEntry(FileEntry):
    """The file of canaries, see `amn.data.canaries`.

    Attributes:
        seed: What they were drawn with.
        text: Whether it holds their texts, and not digests of these alone.
    """

    seed: Count
    text: bool


class Manifest(_Record):
    """The whole of dataset.json.

    Attributes:
        canaries: Texts that tell which encoder made the vectors; None without any. They are no part
            of the data set's digest: nothing that is computed depends on them.
        kinds: Pages of the source by kind, before any was dropped; empty where nobody looked.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str
    rows: Count
    dim: Annotated[int, Field(ge=1)]
    dtype: Literal["float16", "float32"]
    order: Literal["article_id,chunk_index"] = "article_id,chunk_index"
    encoder: EncoderInfo = EncoderInfo()
    source: str = ""
    licence: str = ""
    stages: tuple[Stage, ...] = ()
    kinds: dict[str, Count] = {}
    canaries: CanaryEntry | None = None
    files: tuple[FileEntry, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain JSON data."""
        unused = set() if self.canaries else {"canaries"}
        return self.model_dump(mode="json", by_alias=True, exclude=unused)


def read_manifest(folder: Path) -> Manifest:
    """Read dataset.json.

    Raises:
        DataError: If it is missing, not JSON, or lacks something; the message lists everything.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate(parse_json(read_whole(path, folder)))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            path, "expected a data set manifest, found none. Fix: amn data import SOURCE FOLDER"
        ) from error
    except OSError as error:  # a folder, a loop of links
        fix = "amn data import SOURCE FOLDER"
        message = f"expected a data set manifest, got: {error.strerror}. Fix: {fix}"
        raise DataError(path, message) from error
    except ValidationError as error:
        raise DataError(
            path, "expected a data set manifest, got " + "; ".join(problems_in(error))
        ) from error
    except ValueError as error:
        raise DataError(path, f"expected JSON, got {error}") from error
