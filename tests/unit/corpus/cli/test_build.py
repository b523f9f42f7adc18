from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from amn.corpus.cli import command
from amn.data.dataset import open_dataset
from amn.errors import ArgumentError, MissingDependencyError
from tests.corpora import page, write_pages
from tests.encoders import HashEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from amn.data.encoder import EncoderConfig

SHORT = ("--chunks", "paragraphs", "--max-chars", 100, "--min-chars", 10, "--workers", 1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pages = [page(1, 2), page(2, 1, "List of harbours"), page(3, 2)]
    return write_pages(tmp_path / "pages.jsonl", pages)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[EncoderConfig]:
    """Replace sentence-transformers by a fake; return the configs that it is loaded with."""
    configs: list[EncoderConfig] = []

    def load(config: EncoderConfig) -> HashEncoder:
        configs.append(config)
        return HashEncoder()

    monkeypatch.setattr("amn.corpus.cli.build.load_encoder", load)
    return configs


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["build", *map(str, arguments)], catch_exceptions=True)


def test_a_build_prints_where_every_page_went_and_what_comes_next(
    source: Path, asked: list[EncoderConfig]
) -> None:
    out = source.parent / "out"

    result = run(source, out, *SHORT, "--drop", "list")

    assert result.stdout == (
        f"out: 4 rows x 8 float16, 2 articles, in {out}\n"
        "  read pages.jsonl: 3 -> 3 articles\n"
        "  drop kinds: 3 -> 2 articles, 1 list\n"
        "  cut: 2 -> 2 articles\n"
        "  chunk by paragraphs: 4 -> 4 rows\n"
        "  encode with fake: 4 -> 4 rows\n"
        "  sort by article and chunk: 4 -> 4 rows\n"
        "  pages by kind: 1 list, 2 stub\n"
        f"Next: amn check data {out}\n"
        f"      amn case new out --dataset {out}\n"
    )
    assert (result.stderr, result.exit_code, len(asked)) == ("", 0, 1)


def test_options_reach_encoder_and_manifest(source: Path, asked: list[EncoderConfig]) -> None:
    result = run(
        *(source, source.parent / "out", *SHORT, "--articles", "1-2", "--no-text"),
        *("--encoder", "minilm", "--encoder-name", "x", "--prefix", "p: ", "--batch-size", 8),
        *("--device", "cpu", "--bfloat16", "--download", "--revision", "2"),
        *("--name", "wiki", "--licence", "CC0", "--dtype", "float32"),
    )

    assert result.exit_code == 0, result.exception
    (config,) = asked
    assert (config.model, config.shown_name, config.prefix) == ("minilm", "x", "p: ")
    assert (config.batch_size, config.device, config.revision) == (8, "cpu", "2")
    assert config.bfloat16
    assert config.download
    manifest = open_dataset(source.parent / "out").manifest
    assert (manifest.name, manifest.licence, manifest.dtype) == ("wiki", "CC0", "float32")
    assert re.fullmatch(r"jsonl: pages\.jsonl sha256 [0-9a-f]{64}, articles 1-2", manifest.source)


@pytest.mark.usefixtures("asked")
def test_a_source_whose_name_tells_no_format_is_read_as_the_named_one(source: Path) -> None:
    unnamed = source.rename(source.parent / "export-of-may")

    refused = run(unnamed, source.parent / "out", *SHORT)
    result = run(unnamed, source.parent / "out", *SHORT, "--source-format", "jsonl")

    assert "--source-format mediawiki|wikiextractor|jsonl|parquet|text" in str(refused.exception)
    assert "read export-of-may: 3 -> 3 articles" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--drop", "lists"), "expected some of disambiguation, list, series, stub, article"),
        (("--namespaces", "a"), "expected 0,14 or all, got 'a'"),
        (("--chunks", "words"), "is not one of 'sentences', 'paragraphs', 'fixed', 'semantic'"),
    ],
)
def test_wrong_use_is_one_clear_line(source: Path, options: tuple[str, str], message: str) -> None:
    result = run(source, source.parent / "out", *options)

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_an_address_needs_ray(source: Path) -> None:
    result = run(source, source.parent / "out", "--address", "auto")

    assert isinstance(result.exception, ArgumentError)
    assert str(result.exception) == "--address: expected --engine ray with it, got local"


def test_ray_that_is_not_installed_is_named_with_its_extra(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoRay:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "ray":
                raise ModuleNotFoundError(name=name)

    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoRay(), *sys.meta_path])

    result = run(source, source.parent / "out", "--engine", "ray")

    assert isinstance(result.exception, MissingDependencyError)
    said = "ray: not installed; the extra ray of amn-gate brings it"
    assert str(result.exception) == f"{said}. Fix: pip install 'ray[data]>=2.30'"
    assert not (source.parent / "out.building").exists()


def test_the_help_has_examples() -> None:
    assert len(re.findall(r"^    amn data build ", run("--help").stdout, re.MULTILINE)) == 4
