from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from amn.corpus.cli import command
from amn.data.dataset import open_dataset
from amn.data.imports.sources import format_table
from amn.data.manifest import EncoderInfo
from amn.errors import DataError
from tests.strategies import running_keys, unit_rows

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture
def source(tmp_path: Path) -> Path:
    articles, chunks = running_keys(3, 4)
    np.save(tmp_path / "rows.npy", 2 * unit_rows(7))
    np.savez(tmp_path / "ids.npz", article_id=articles, chunk_index=chunks)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["import", *map(str, arguments)], catch_exceptions=True)


def test_an_import_prints_what_it_made_and_what_comes_next(source: Path) -> None:
    toy = source / "toy"

    result = run(source / "rows.npy", toy, "--ids", source / "ids.npz", "--normalise")

    assert result.exit_code == 0
    assert result.stdout == (
        f"toy: 7 rows x 8 float16, 2 articles, in {toy}\n"
        "  read rows.npy: 7 -> 7 rows\n"
        "  normalise: 7 -> 7 rows\n"
        f"Next: amn check data {toy}\n"
        f"      amn case new toy --dataset {toy}\n"
    )
    assert result.stderr == ""


def test_options_reach_the_manifest(source: Path) -> None:
    result = run(
        *(source / "rows.npy", source / "toy", "--ids", source / "ids.npz", "--normalise"),
        *("--name", "wiki", "--dtype", "float32", "--encoder", "gtr", "--revision", "1"),
        *("--pooling", "mean", "--prefix", "query: ", "--source", "a dump", "--licence", "CC0"),
    )

    manifest = open_dataset(source / "toy").manifest
    assert result.exit_code == 0
    assert (manifest.name, manifest.dtype) == ("wiki", "float32")
    assert (manifest.source, manifest.licence) == ("a dump", "CC0")
    assert manifest.encoder == EncoderInfo(
        name="gtr", revision="1", pooling="mean", prefix="query: "
    )


def test_dropped_rows_are_printed_by_reason(source: Path) -> None:
    rows = unit_rows(7)
    rows[2] = 0
    np.save(source / "rows.npy", rows)

    result = run(source / "rows.npy", source / "toy", "--ids", source / "ids.npz", "--drop-bad")

    assert "  drop bad rows: 7 -> 6 rows, 1 zero\n" in result.stdout


def test_a_path_with_a_space_is_quoted_in_the_next_command(source: Path) -> None:
    result = run(source / "rows.npy", source / "a toy", "--ids", source / "ids.npz", "--normalise")

    assert f"Next: amn check data '{source / 'a toy'}'\n" in result.stdout


def test_an_error_goes_up_to_the_main_command(source: Path) -> None:
    result = run(source / "rows.npy", source / "toy", "--ids", source / "ids.npz")

    assert isinstance(result.exception, DataError)
    assert re.search(r"expected norm 1 within 0\.001, got \d", str(result.exception))
    assert result.stdout == ""


def test_a_long_import_shows_no_bar_where_there_is_no_terminal(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amn.cli.console.QUIET_SECONDS", 0.0)

    result = run(source / "rows.npy", source / "toy", "--ids", source / "ids.npz", "--normalise")

    assert result.exit_code == 0
    assert result.stderr == ""


def test_the_help_has_examples() -> None:
    text = run("--help").stdout

    assert len(re.findall(r"^    amn data import ", text, re.MULTILINE)) == 4


def test_a_dry_run_shows_ten_rows_and_writes_nothing(source: Path) -> None:
    names = [f"page {number}" for number in range(4) for _ in range(3)]
    (source / "ids.json").write_text(json.dumps({"page": names}))
    vectors = unit_rows(12)
    np.save(source / "rows.npy", vectors)
    before = sorted(source.rglob("*"))

    result = run(
        *(source / "rows.npy", "--ids", source / "ids.json", "--article-column", "page"),
        *("--rows-in-order", "--dry-run"),
    )

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[:5] == [
        "rows.npy: 12 rows x 8, float16, 4 articles",
        "  a matrix of float16",
        "  articles by page",
        "  rows of an article in the order of the file",
        "article   place    length  first numbers",
    ]
    shown = " ".join(f"{number:+.4f}" for number in vectors[4, :4].astype(float))
    length = float(np.linalg.norm(vectors[4].astype(float)))
    assert lines[9] == f"page 1        1  {length:>8.4f}  {shown}"
    assert len(lines) == 15
    assert sorted(source.rglob("*")) == before


def test_what_was_said_stands_in_the_manifest(source: Path) -> None:
    np.save(source / "rows.npy", unit_rows(7))

    assert run(source / "rows.npy", source / "toy", "--one-article").exit_code == 0

    stage = open_dataset(source / "toy").manifest.stages[0]
    assert stage.name == "read rows.npy: one article, its rows in the order of the file"


def test_a_destination_is_needed_to_write(source: Path) -> None:
    result = run(source / "rows.npy", "--one-article")

    assert result.exit_code == 2
    assert "expected a DESTINATION, or --dry-run" in result.stderr


def test_the_table_of_formats_is_that_of_the_registry() -> None:
    page = (Path(__file__).parents[4] / "docs" / "data.md").read_text("utf-8")

    assert format_table() in page
