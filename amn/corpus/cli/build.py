"""`amn data build`: a data set from a source of articles."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from amn.cli.console import progress_bar
from amn.cli.options import Existing, engine_options, open_engine
from amn.corpus.articles import Kind
from amn.corpus.build import build_dataset
from amn.corpus.chunking import ChunkingConfig, Style
from amn.corpus.cli.summary import summary
from amn.corpus.plan import BuildConfig
from amn.corpus.sources import FORMATS, open_source
from amn.corpus.staging import SUFFIX
from amn.data.encoder import DEFAULT_MODEL, EncoderConfig, load_encoder
from amn.engines import LocalEngine
from amn.errors import ArgumentError
from amn.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.corpus.build import Built

    Options = Callable[[Callable[..., None]], Callable[..., None]]

CHUNKING = ChunkingConfig()
ENCODER = EncoderConfig()
KINDS = [kind.value for kind in Kind if kind is not Kind.REDIRECT]


def _numbers(_: click.Context, option: click.Parameter, value: str) -> tuple[int, ...] | None:
    """Read `0,14`; `all` is None."""
    if value == "all":
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected 0,14 or all, got {value!r}", param=option) from error


def _kinds(_: click.Context, option: click.Parameter, value: str | None) -> frozenset[Kind]:
    """Read `list,disambiguation`."""
    names = [part.strip() for part in value.split(",")] if value else []
    if unknown := sorted({*names} - {*KINDS}):
        known = ", ".join(KINDS)
        raise click.BadParameter(f"expected some of {known}, got {unknown[0]!r}", param=option)
    return frozenset(map(Kind, names))


def _all(*options: Options) -> Options:
    """Return one decorator for several, in the order in which the help shows them."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


SOURCE_OPTIONS = _all(
    click.option(
        "--source-format",
        type=click.Choice(list(FORMATS)),
        help="Of SOURCE.  [default: as the names of its files tell]",
    ),
    click.option(
        "--articles", metavar="RANGES", help="Ids such as 1-11000,15000, or positions: #1-500."
    ),
    click.option(
        "--namespaces",
        default="0",
        show_default=True,
        callback=_numbers,
        help="Of a MediaWiki dump: 0,14 or all.",
    ),
    click.option(
        "--drop",
        metavar="KINDS",
        callback=_kinds,
        help=f"Kinds of pages to leave out: some of {','.join(KINDS)}. Redirects always are.",
    ),
    click.option(
        "--series/--no-series",
        default=True,
        help="Find machine-written series, which takes reading the source twice.",
    ),
    click.option(
        "--detect-language",
        is_flag=True,
        help="Tell each article's language from its text, whatever SOURCE says. 0.5 ms an article.",
    ),
    click.option(
        "--strict", is_flag=True, help="Stop at the first broken page; else it is counted."
    ),
)
CHUNK_OPTIONS = _all(
    click.option(
        "--chunks", type=click.Choice(get_args(Style)), default=CHUNKING.style, show_default=True
    ),
    click.option("--max-chars", default=CHUNKING.max_chars, show_default=True, help="Of a chunk."),
    click.option(
        "--min-chars",
        default=CHUNKING.min_chars,
        show_default=True,
        help="Shorter ones are dropped.",
    ),
    click.option(
        "--overlap",
        default=CHUNKING.overlap,
        show_default=True,
        help="Characters; fixed chunks only.",
    ),
    click.option(
        "--text/--no-text", default=True, help="Keep the texts in the chunk table or not."
    ),
)
ENCODER_OPTIONS = _all(
    click.option(
        "--encoder",
        metavar="MODEL",
        default=DEFAULT_MODEL,
        show_default=True,
        help="A sentence-transformers model: its name or its folder.",
    ),
    click.option("--encoder-name", metavar="NAME", help="What dataset.json calls it."),
    click.option("--revision", help="Of the model, on the hub."),
    click.option("--download", is_flag=True, help="Fetch the model if it is not on this machine."),
    click.option("--prefix", default="", help="Text to put before every chunk."),
    click.option("--batch-size", default=ENCODER.batch_size, show_default=True),
    click.option("--device", help="cpu, cuda, cuda:1, mps.  [default: the best there is]"),
    click.option("--bfloat16", is_flag=True, help="Faster; vectors within 1e-4 of float32's."),
)
ENGINE_OPTIONS = _all(
    engine_options,
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes that cut or encode at a time.  [default: by cores and GPUs]",
    ),
    click.option("--restart", is_flag=True, help="Throw away what a stopped build has finished."),
)


@click.command("build")
@click.argument("source", type=Existing("texts", "amn data build --help"))
@click.argument("folder", type=click.Path(path_type=Path))
@SOURCE_OPTIONS
@CHUNK_OPTIONS
@ENCODER_OPTIONS
@click.option("--name", help="Name of the data set.  [default: the folder's]")
@click.option("--licence", default="", help="Licence of the texts.")
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="How vectors are stored.",
)
@ENGINE_OPTIONS
def command(
    *,
    source: Path,
    folder: Path,
    source_format: str | None,
    articles: str | None,
    namespaces: tuple[int, ...] | None,
    drop: frozenset[Kind],
    series: bool,
    detect_language: bool,
    strict: bool,
    chunks: Style,
    max_chars: int,
    min_chars: int,
    overlap: int,
    text: bool,
    encoder: str,
    encoder_name: str | None,
    revision: str | None,
    download: bool,
    prefix: str,
    batch_size: int,
    device: str | None,
    bfloat16: bool,
    name: str | None,
    licence: str,
    dtype: Literal["float16", "float32"],
    engine: str,
    workers: int | None,
    address: str | None,
    restart: bool,
) -> None:
    """Build a data set in the new FOLDER from the articles of SOURCE.

    SOURCE is a MediaWiki dump (.xml, .bz2, .gz), WikiExtractor output, .jsonl (.gz, .zst), .parquet
    with id, title and text, or a folder of those or of .txt files. What is finished is kept in
    FOLDER.building until the end: killed anywhere, the same command goes on from there.

    \b
    Examples:
      amn data build enwiki.xml.bz2 data/wiki --download
      amn data build wiki.jsonl.gz data/mine --encoder ./minilm --drop list,disambiguation
      amn data build enwiki.xml.bz2 data/part --articles 1-11000 --chunks paragraphs
      amn data build wiki.parquet /shared/wiki --engine ray --address auto --bfloat16
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    if Kind.SERIES in drop and not series:
        raise ArgumentError("--drop series: expected --series with it, got --no-series")
    config = BuildConfig(
        name=name or folder.resolve().name,
        source=open_source(
            source,
            articles=articles,
            namespaces=namespaces,
            strict=strict,
            format_name=source_format,
        ),
        chunking=ChunkingConfig(
            style=chunks, max_chars=max_chars, min_chars=min_chars, overlap=overlap
        ),
        load=partial(
            load_encoder,
            EncoderConfig(
                model=encoder,
                name=encoder_name,
                revision=revision,
                prefix=prefix,
                batch_size=batch_size,
                device=device,
                bfloat16=bfloat16,
                download=download,
            ),
        ),
        series=series,
        detect_language=detect_language,
        drop=drop,
        dtype=dtype,
        keep_text=text,
        licence=licence,
    )
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        cluster = stack.enter_context(open_engine(engine, address, most=workers))
        runs_on = cluster or LocalEngine(workers or available_cores())
        try:
            built = build_dataset(
                folder, config, engine=runs_on, restart=restart, progress=progress
            )
        except KeyboardInterrupt:
            kept = folder.with_name(folder.name + SUFFIX)
            click.echo(f"\n{kept} keeps what is finished; the same command goes on", err=True)
            raise
    click.echo(_report(built))


def _report(built: Built) -> str:
    """Return what was built, what the pages were, and where those are that gave nothing."""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in built.manifest.kinds.items())
    lines = [f"  pages by kind: {kinds}"]
    for reason, places in built.places.items():
        if not reason.startswith("outside "):
            lines.append(f"  {reason}: {', '.join(places)}")
    return summary(built.path, built.manifest, built.n_articles, notes=lines)
