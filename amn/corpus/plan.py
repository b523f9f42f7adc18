"""The plan of a build: everything that decides the bytes of the data set it ends in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from amn.corpus.articles import Kind
from amn.corpus.language import detector_name
from amn.data.fingerprint import TOLERANCE, Fingerprint, compare_fingerprints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amn.corpus.chunking import ChunkingConfig
    from amn.corpus.sources import Source
    from amn.data.encoder import Encoder
    from amn.data.manifest import EncoderInfo

FORMAT = 2  # raise it when the folder, or what parsing and chunking make of a page, changes
PAGES_PER_PART = 256
# A multiple of every usual batch: 20 s of work on two cores, and parts of equal length.
ROWS_PER_PART = 4096


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What to build.

    Attributes:
        load: Makes the encoder, in any process: picklable.
        series: Find machine-written series, which takes reading the source twice.
        detect_language: Tell each article's language from its text; otherwise it is what the
            source says, if it says anything.
        drop: Kinds of pages that give no rows. A redirect has no text: it never does.
        keep_text: Write the chunks' texts into the chunk table.
        pages_per_part: Pages of a part of the text stage.
        rows_per_part: Rows of a part of the encoding stage; they are encoded in one call.
    """

    name: str
    source: Source
    chunking: ChunkingConfig
    load: Callable[[], Encoder]
    series: bool = False
    detect_language: bool = False
    drop: frozenset[Kind] = frozenset()
    dtype: Literal["float16", "float32"] = "float16"
    keep_text: bool = True
    licence: str = ""
    pages_per_part: int = PAGES_PER_PART
    rows_per_part: int = ROWS_PER_PART

    @property
    def dropped_kinds(self) -> frozenset[Kind]:
        """The kinds that give no rows."""
        return self.drop | {Kind.REDIRECT}


def make_plan(config: BuildConfig, encoder: EncoderInfo) -> dict[str, Any]:
    """Return the plan as JSON data.

    Batch size and device are not in it: a build that ran out of memory may go on with smaller
    batches. They move vectors by rounding only.
    """
    return {
        "format": FORMAT,
        "source": config.source.identity(),
        "chunking": asdict(config.chunking),
        "series": config.series,
        "language": detector_name() if config.detect_language else "of the source",
        "drop": sorted(kind.value for kind in config.drop),
        "encoder": encoder.model_dump(mode="json"),
        "dtype": config.dtype,
        "text": config.keep_text,
        "pages_per_part": config.pages_per_part,
        "rows_per_part": config.rows_per_part,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two plans, a line each: `chunking.max_chars: 500, now 400`.

    Probe vectors differ when they are further apart than another machine's rounding.
    """
    a, b = dict(_flat(before)), dict(_flat(now))
    probes = [str(plan.pop("encoder.probe", "")) for plan in (a, b)]
    for plan in (a, b):
        plan.pop("encoder.probe_digest", None)
    lines = [
        f"{key}: {_shown(a.get(key))}, now {_shown(b.get(key))}"
        for key in dict.fromkeys([*a, *b])
        if a.get(key) != b.get(key)
    ]
    if all(probes):
        distance = compare_fingerprints(*(Fingerprint.from_text(probe) for probe in probes))
        if not distance <= TOLERANCE:
            lines.append(
                f"encoder: probe vectors {distance:.3g} away (1 - cosine), expected {TOLERANCE:g}"
            )
    return lines


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of JSON data with their paths."""
    items: Any
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        yield prefix.removesuffix("."), value
        return
    for key, inner in items:
        yield from _flat(inner, f"{prefix}{key}.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= len("'") * 2 + 20 else f"{text[:17]}...'"
