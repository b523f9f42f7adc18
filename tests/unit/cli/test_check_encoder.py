"""`amn check encoder`: how rows were encoded, named in one command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from amn import api
from amn.cli.main import cli
from amn.data.encoder import ENCODERS, encode_texts
from amn.data.manifest import EncoderInfo
from amn.data.writer import Chunks, write_dataset
from amn.errors import ArgumentError, MissingDependencyError
from tests.encoders import WordEncoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = [f"Place{row % 7} has {row} houses and {row % 13} wells" for row in range(160)]
IDS = np.repeat(np.arange(40), 4)
CHUNKS = np.tile(np.arange(4, dtype=np.int32), 40)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write rows of an encoder that is installed under the name `toy/words`."""
    monkeypatch.setitem(ENCODERS.__dict__, "_points", {"toy/words": None})
    monkeypatch.setattr(ENCODERS, "_loaded", {"toy/words": WordEncoder.load})

    def make(*, pooling: str = "mean", prefix: str = "", name: str = "toy/words") -> str:
        rows = encode_texts(WordEncoder(pooling=pooling), [prefix + text for text in TEXTS])
        extra = {"text": pa.array(TEXTS)}
        chunks = Chunks(article_ids=IDS, chunk_index=CHUNKS, extra=extra)
        said = EncoderInfo(name=name, precision="float32")
        write_dataset(tmp_path / "my data", rows, chunks, name="x", encoder=said)
        return str(tmp_path / "my data")

    return make


def run(*words: str) -> Any:
    return CliRunner().invoke(cli, ["check", "encoder", *words])


def test_rows_of_the_encoder_that_the_data_set_names_pass(make: Any) -> None:
    result = run(make())

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].startswith("PARTIAL (encoder only): ")
    assert "3 of 3 checks. Reproduce: amn check encoder '" in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        ({"prefix": "query: "}, "with the prefix 'query: '"),
        ({"pooling": "cls"}, "with cls pooling"),
    ],
)
def test_how_rows_were_encoded_is_named(make: Any, defect: dict[str, str], name: str) -> None:
    result = run(make(**defect), "--rows", "96")

    assert result.exit_code == 1, result.output
    said = " ".join(result.output.split())
    assert f"expected rows of toy/words, got 160 of 160 encoded {name}" in said
    assert "FAIL: 1 of 3 checks (D013 alignment)" in said
    assert said.endswith("data' --rows 96")


def test_an_encoder_is_named_where_the_data_set_names_none(make: Any) -> None:
    folder = make(name="unknown")

    assert run(folder, "--encoder", "toy/words").exit_code == 0


def test_json_holds_what_was_measured(make: Any) -> None:
    found = json.loads(run(make(pooling="max"), "--format", "json").output)

    (check,) = [one for one in found["results"][0]["checks"] if one["id"] == "D013"]
    assert (check["status"], check["number"]) == ("FAIL", 64)


def test_an_encoder_that_is_not_here_is_said_in_one_line(make: Any) -> None:
    result = run(make(name="nobody/has-this"))

    assert result.exit_code == 3
    assert "encoder nobody/has-this: expected it on this machine, got" in " ".join(
        result.output.split()
    )


def test_a_missing_extra_is_said_in_one_line(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str, *, extra: str) -> None:
        raise MissingDependencyError(f"{module}: not installed. Fix: pip install amn[{extra}]")

    monkeypatch.setattr("amn.data.encoder.require", absent)

    result = run(make(name="nobody/has-this"))

    assert result.exit_code == 3
    assert "sentence_transformers: not installed. Fix: pip install amn[encode]" in " ".join(
        result.output.split()
    )


def test_the_python_door_says_the_same(make: Any) -> None:
    folder = make(pooling="cls")

    by_name, given = api.check_encoder(folder), api.check_data(folder, encoder=WordEncoder())

    one, two = (next(o for o in r.outcomes if o.check == "D013") for r in (by_name, given))
    assert one.number == two.number == 64
    assert "with cls pooling" in one.findings[0].message
    assert (
        one.findings[0].message.partition("got")[2] == two.findings[0].message.partition("got")[2]
    )


def test_a_file_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"")

    assert isinstance(run(str(tmp_path / "a.npy")).exception, ArgumentError)
