"""Things of installed packages stand beside ours: found by name, imported when asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from amn import registry
from amn.case.training import AbortConfig
from amn.corpus.sources import FORMATS, open_source
from amn.data.encoder import ENCODERS, EncoderConfig, is_here, load_encoder
from amn.data.importers import import_vectors
from amn.data.imports.sources import IMPORTERS
from amn.data.manifest import EncoderInfo
from amn.diagnosis.records import judge_records
from amn.errors import ArgumentError
from amn.registry import Registry
from amn.report.outputs import FILES
from amn.training.networks.build import NETWORKS, ModelSpec, build_model
from amn.training.records.find import KINDS, find_records, read_record
from amn.training.records.names import Names

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = """\
import re

import numpy as np
from torch import nn

from amn.corpus.sources.jsonl import Jsonl
from amn.data.imports.sources import Source
from amn.data.manifest import Stage
from amn.data.writer import Chunks
from amn.training.records.history import EpochFigures, RecordKind, RunHistory


def read_vec(path, ids):
    rows = np.loadtxt(path, dtype=np.float32)
    chunks = Chunks(article_ids=np.zeros(len(rows), np.int64), chunk_index=np.arange(len(rows)))
    return Source(rows, chunks, Stage(name="theirs", rows_in=len(rows), rows_out=len(rows)))


class Words:
    def __init__(self, config):
        self.config = config


class Stories(Jsonl):
    name = "stories"
    files = re.compile(r".+[.]story")


class Last(nn.Module):
    def __init__(self, *, dim, context):
        super().__init__()
        self.sizes = dim, context


def read_log(path):
    epochs = [EpochFigures(epoch=1, val_cosine=float(path.read_text()))]
    return RunHistory(name=path.stem, origin="theirs", epochs=tuple(epochs))


def read_named(path, names):
    # a log of theirs, by names of columns
    epochs = [EpochFigures(epoch=1, val_cosine=0.6)]
    unknown = tuple(n for n in path.read_text().split() if names.field(n) is None)
    return RunHistory(name=path.stem, epochs=tuple(epochs), unknown=unknown)


LOG = RecordKind(lambda path: path.suffix == ".their_log", read_log)
NAMED = RecordKind(lambda path: path.name == "their.json", read_named)
"""
ENTRY_POINTS = """\
[amn.importers]
.rows = theirs:read_vec
[amn.sources]
stories = theirs:Stories
[amn.networks]
theirs/1 = theirs:Last
[amn.records]
their_log = theirs:LOG
their_named = theirs:NAMED
[amn.reports]
missing = not_there:at_all
[amn.encoders]
their/words = theirs:Words
[amn.test]
mine = theirs:LOG
taken = theirs:LOG
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site"
    (packages / "theirs-1.0.dist-info").mkdir(parents=True)
    (packages / "theirs.py").write_text(THEIRS, "utf-8")
    (packages / "theirs-1.0.dist-info/METADATA").write_text("Name: theirs\nVersion: 1.0\n", "utf-8")
    (packages / "theirs-1.0.dist-info/entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    monkeypatch.setattr(registry, "_installed", registry._installed.__wrapped__)
    for known in (ENCODERS, FORMATS, IMPORTERS, NETWORKS, KINDS, FILES):
        monkeypatch.setitem(known.__dict__, "_points", None)
        del known.__dict__["_points"]
        monkeypatch.setattr(known, "_loaded", {})


def test_a_name_is_listed_without_being_imported() -> None:
    ours = {"json": "amn.training.records.logs:JSON"}

    found = Registry[object]("amn.test", ours)

    assert list(found) == ["json", "mine", "taken"]
    assert "theirs" not in sys.modules
    assert found["mine"] is sys.modules["theirs"].LOG


def test_a_name_of_ours_is_not_taken() -> None:
    ours = {"taken": "amn.training.records.logs:JSON"}

    with pytest.raises(
        ArgumentError, match=r"^entry point amn.test: expected a name of its own, got 'taken' of"
    ):
        Registry[object]("amn.test", ours)["taken"]


def test_what_nobody_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(ArgumentError, match=r"^--kind: expected one of mine, taken, got 'other'$"):
        Registry[object]("amn.test", {}).require("other", "--kind")


def test_an_encoder_is_loaded_by_its_name_and_needs_no_hub() -> None:
    encoder = load_encoder(EncoderConfig(model="their/words", bfloat16=True))

    assert encoder.config.bfloat16  # type: ignore[attr-defined]
    assert is_here(EncoderInfo(name="their/words"))
    assert not is_here(EncoderInfo(name="their/others"))
    assert not is_here(EncoderInfo(name="no name: of anything"))


def test_an_importer_reads_files_of_its_suffix(tmp_path: Path) -> None:
    file = tmp_path / "rows.rows"
    file.write_text("1 0\n0 1\n1 0\n", "utf-8")

    dataset = import_vectors(file, tmp_path / "data")

    assert dataset.article_ids.tolist() == [0, 0, 0]
    assert dataset.chunk_index.tolist() == [0, 1, 2]
    with pytest.raises(ArgumentError, match=r"^--vector-column: expected with another kind of"):
        import_vectors(file, tmp_path / "more", vector_column="x")


def test_a_kind_of_record_is_found_and_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.their_log").write_text("0.5", "utf-8")
    (tmp_path / "logs/a.txt").write_text("0.5", "utf-8")

    (path,) = find_records(tmp_path / "logs")

    assert read_record(path).epochs[0].val_cosine == 0.5
    assert read_record(path).origin == "theirs"


def test_a_reader_of_records_has_the_guarantees_of_ours(tmp_path: Path) -> None:
    (tmp_path / "their.json").write_text("val_f1 sim_dev", "utf-8")
    (tmp_path / "broken.their_log").write_text("no number", "utf-8")

    broken, named = judge_records([tmp_path], AbortConfig())
    assert broken.status.value == "UNREADABLE"
    assert "expected theirs.read_log to read it, got ValueError" in broken.error
    assert named.status.value == "UNKNOWN_COLUMNS"
    assert "got val_f1, sim_dev" in named.reason
    names = Names(columns={"val_f1": "ignore", "sim_dev": "ignore"})
    (_, named) = judge_records([tmp_path], AbortConfig(), names=names)
    assert named.status.value == "SUCCESS"


def test_a_format_of_articles_is_opened_by_its_names_and_by_its_own(tmp_path: Path) -> None:
    (tmp_path / "some.story").write_text("", "utf-8")

    assert open_source(tmp_path / "some.story").format.name == "stories"
    assert open_source(tmp_path, format_name="stories").format.name == "stories"
    with pytest.raises(ArgumentError, match=r"^format: expected one of mediawiki, .*, stories, g"):
        open_source(tmp_path, format_name="novels")


def test_a_network_takes_the_sizes_that_it_names() -> None:
    built = build_model(ModelSpec(architecture="theirs/1", dim=8, context=5, heads=4))

    assert built.sizes == (8, 5)
    with pytest.raises(
        ArgumentError, match=r"^architecture: expected one of amn/recency/1, .*theirs"
    ):
        build_model(ModelSpec(architecture="first/1", dim=8, context=5))


def test_what_cannot_be_imported_says_so_when_it_is_asked_for() -> None:
    assert "missing" in FILES
    with pytest.raises(
        ArgumentError,
        match=r"^entry point amn.reports missing: expected not_there:at_all to .* theirs$",
    ):
        FILES["missing"]
