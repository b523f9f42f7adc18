"""A gate encodes canaries again where the data set keeps them and this machine has the encoder."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.checks.check import checks
from amn.data.canaries import CANARIES_FILE
from amn.data.encoder import ENCODERS
from amn.data.manifest import EncoderInfo, read_manifest
from amn.data.writer import Chunks, write_dataset
from amn.gate.acceptance import _ended
from amn.gate.modes import GateOptions, gate_of
from amn.gate.scope import scope_of
from amn.prove.selftest import run_selftest
from amn.storage import write_json
from amn.verdict import Status
from tests.encoders import KnownEncoder
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amn.case.load import Case

NAME = "toy/words"
ROWS = drifting_rows(64, 16, 24).astype(np.float32)
ARTICLES, INDEX = running_keys(*[16] * 64, first=1)
TEXTS = [f"{a}:{c}" for a, c in zip(ARTICLES, INDEX, strict=True)]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Bring the encoder, as the entry point of a package would."""

    def install() -> None:
        known = KnownEncoder(dim=24, vectors=dict(zip(TEXTS, ROWS, strict=True)))
        monkeypatch.setitem(ENCODERS.__dict__, "_points", {NAME: None})
        monkeypatch.setattr(ENCODERS, "_loaded", {NAME: lambda _: known})

    return install


@pytest.fixture
def case(make_case: Callable[..., Case], tmp_path: Path) -> Case:
    chunks = Chunks(article_ids=ARTICLES, chunk_index=INDEX, extra={"text": pa.array(TEXTS)})
    said = EncoderInfo(name=NAME, precision="float32")
    write_dataset(tmp_path / "data", ROWS, chunks, name="toy", dtype="float32", encoder=said)
    return make_case(tmp_path, dataset={"path": str(tmp_path / "data")})


def gate(case: Case, **options: Any) -> Any:
    return gate_of(case, GateOptions(cache=case.folder / "cache", first_run=True, **options))


def is_declared(case: Case) -> bool:
    return "D013" in [check.id for check in gate(case).declared]


def test_an_encoder_that_is_installed_is_compared(case: Case, install: Any) -> None:
    install()

    outcome = gate(case).outcome("D013")

    assert outcome.status is Status.PASS
    assert scope_of(gate(case).evidence.made).note == ""


def test_one_that_is_not_here_is_said_and_makes_nothing_partial(case: Case) -> None:
    scope = scope_of(gate(case).evidence.made)

    assert not is_declared(case)
    look = f"amn check encoder {quote(str(case.folder / 'data'))} --encoder MODEL"
    said = "encoder toy/words not compared: it is not on this machine under that name"
    assert scope.note == f"{said} ({look})"
    assert str(scope).endswith(f"; {scope.note}")
    assert not any("encoder" in lack.why for lack in scope.lacks)


def test_digests_alone_cannot_be_compared_by_a_gate(case: Case, install: Any) -> None:
    install()
    manifest = read_manifest(case.dataset_path)
    assert manifest.canaries is not None
    alone = manifest.canaries.model_copy(update={"text": False})
    file = case.dataset_path / "dataset.json"
    write_json(file, manifest.model_copy(update={"canaries": alone}).to_json())

    note = scope_of(gate(case).evidence.made).note

    assert not is_declared(case)
    assert note.startswith("encoder toy/words not compared: texts of canaries are not kept (amn ")


def test_a_data_set_without_canaries_says_nothing(make_case: Any, tmp_path: Path) -> None:
    case = make_case(tmp_path)

    assert not is_declared(case)
    assert scope_of(gate(case).evidence.made).note == ""


def test_canaries_that_are_gone_are_not_passed_over(case: Case, install: Any) -> None:
    install()
    (case.dataset_path / CANARIES_FILE).unlink()

    outcome = gate(case).outcome("D013")

    assert outcome.status is Status.ERROR
    assert "expected the canaries of a data set" in outcome.detail + str(outcome.findings)


def test_the_self_test_proves_the_check(case: Case, install: Any, tmp_path: Path) -> None:
    install()

    matrix = run_selftest(
        case, cache=tmp_path / "runs", only=["D013"], n_variants=0, after_training=False
    )

    assert [(row.check, row.state) for row in matrix.defects] == [("D013-alignment", "caught")]


def test_no_golden_asks_for_what_other_machines_do_not_have() -> None:
    both = _ended([checks()["D012"], checks()["D013"]], [])

    assert list(both.data) == ["D012-digests"]
