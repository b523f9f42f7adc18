"""Goldens of schema 1 are migrated by one command, and whoever does it honestly is not accused."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from amn.cli.main import main
from amn.data.writer import Chunks, write_dataset
from amn.golden.base.loosenings import _data_loosenings
from amn.golden.base.target import CI_VARIABLES
from amn.golden.ledger import Acceptance, read_ledger
from amn.golden.schema import Ended, Golden
from amn.golden.store import read_golden, table_digest, write_golden
from amn.golden.table import to_csv
from tests.checkouts import CASE_TEXT, begin_change, commit
from tests.former import windows_of, write_former
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
    toy_data: Path,
    toy_golden: Any,
    toy_cache: Path,
    make_case: Any,
) -> Path:
    """A case whose golden is of schema 1, on main."""
    from amn.gate.modes import GateOptions, gate_of  # noqa: PLC0415 - other tests need no torch

    root = tmp_path_factory.mktemp("former")
    folder = root / "golden" / "case"
    shutil.copytree(toy_data, root / "data")
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(CASE_TEXT, "utf-8")
    case = make_case(root / "five", training={"seeds": [0, 1, 2, 3, 4]})
    options = GateOptions(cache=toy_cache, first_run=True)
    windows = windows_of(gate_of(case, options).evidence["evaluations"])
    write_former(folder, toy_golden.record, windows)
    begin_change(root)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "p")
    return tmp_path / "p"


@pytest.fixture
def run(
    project: Path,
    toy_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Run `amn WORDS` in the project; return exit code, stdout and stderr."""
    for name in ("CI", "PYTEST_XDIST_WORKER", *CI_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)

    def run(*words: str) -> tuple[int, str, str]:
        where = ("--cache", str(toy_cache)) if words[0] == "gate" else ()
        monkeypatch.setattr(sys, "argv", ["amn", *words, *where])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def by_cosine(tables: Any) -> dict[str, Any]:
    """Return tables without what schema 1 did not measure."""
    return {
        split: replace(t, sums={k: v for k, v in t.sums.items() if k.startswith("cosine.")})
        for split, t in tables.items()
    }


def test_a_golden_of_schema_1_is_not_gated_and_one_line_says_what_to_do(run: Any) -> None:
    code, out, _ = run("gate", "case", "--target", "main")

    assert code == 3
    assert "expected schema 2, got 1, of an earlier version. Fix: amn upgrade case" in out


def test_the_migrated_golden_is_the_one_that_the_case_would_get_now(
    run: Any, project: Path, toy_golden: Any
) -> None:
    folder = project / "golden" / "case"

    code, out, _ = run("upgrade", "case")

    assert code == 0
    assert "case: wrote golden.json and golden.csv, and removed golden.npz: commit them" in out
    assert not (folder / "golden.npz").exists()
    golden = read_golden(folder)
    assert to_csv(golden.tables) == to_csv(by_cosine(toy_golden.tables))
    new, old = golden.record, toy_golden.record
    for split, found in new.metrics.items():
        assert found.mean == pytest.approx(old.metrics[split].mean, abs=1e-10)
    assert (new.digests.windows, new.digests.models) == (old.digests.windows, old.digests.models)
    assert new.numerics == old.numerics
    assert [entry.kind for entry in read_ledger(folder)] == ["accepted", "migrated"]
    commit(project)
    assert run("upgrade", "case")[:2] == (0, "case: nothing to upgrade\n")
    assert len(read_ledger(folder)) == 2


def test_an_honest_migration_passes_beside_a_merge_base_of_schema_1(
    run: Any, project: Path
) -> None:
    run("upgrade", "case")
    commit(project)

    code, out, _ = run("gate", "case", "--target", "main")

    assert code == 0, out
    assert "golden migrated by" in out
    assert run("golden", "verify", "case", "--target", "main")[0] == 0


@pytest.fixture
def over_mean(run: Any, project: Path) -> Path:
    """The folder of a case of a golden whose lifts are over the mean, at the merge base."""
    folder = project / "golden" / "case"
    run("upgrade", "case")
    golden = read_golden(folder)
    splits = {
        name: found.model_copy(update={"lift": found.mean - found.references["mean"]})
        for name, found in golden.record.metrics.items()
    }
    record = golden.record.model_copy(update={"by_metric": {"cosine": splits}})
    write_golden(folder, replace(golden, record=record), Acceptance(kind="migrated", verdict=None))
    shutil.rmtree(project / ".git")
    begin_change(project)
    assert read_golden(folder).is_over_mean
    return folder


def test_lifts_over_the_mean_become_those_over_the_strongest_and_nothing_else_changes(
    run: Any, over_mean: Path
) -> None:
    before = read_golden(over_mean)

    code, out, _ = run("upgrade", "case")

    assert (code, out) == (0, "case: wrote golden.json and golden.csv: commit them\n")
    after = read_golden(over_mean)
    for split, found in after.record.metrics.items():
        was = before.record.metrics[split]
        assert found.lift == pytest.approx(found.mean - max(found.references.values()))
        assert found.model_copy(update={"lift": was.lift}) == was
    assert to_csv(after.tables) == to_csv(before.tables)
    assert read_ledger(over_mean)[-1].kind == "migrated"
    assert run("gate", "case", "--target", "main")[0] == 0


@pytest.mark.parametrize(("lift", "code"), [(-0.05, 0), (-0.051, 5)])
def test_a_lift_over_the_mean_at_the_merge_base_asks_for_the_default_at_most(
    run: Any, over_mean: Path, project: Path, lift: float, code: int
) -> None:
    toml = over_mean / "case.toml"
    toml.write_text(toml.read_text("utf-8").replace("lift = -0.05", f"lift = {lift}"), "utf-8")
    run("upgrade", "case")
    commit(project)

    got, out, _ = run("gate", "case", "--target", "main")

    assert got == code, out
    assert ("lowered a floor" in out) == (code == 5)


def test_a_migration_that_lowers_the_bar_is_named(run: Any, project: Path) -> None:
    from amn.checks.broken.golden import moved  # noqa: PLC0415 - here alone

    folder = project / "golden" / "case"
    run("upgrade", "case")
    golden = read_golden(folder)
    shutil.copy(project / "golden" / "case" / "ledger.jsonl", project / "ledger")
    write_golden(folder, moved(golden, by=-0.02), Acceptance(kind="migrated", verdict=None))
    commit(project)

    code, out, _ = run("gate", "case", "--target", "main")

    assert code in (1, 5), out
    assert "this change moved the golden" in out


def test_sums_that_changed_in_a_migration_are_named_though_no_mean_moved(
    run: Any, project: Path
) -> None:
    from amn.checks.broken.golden import with_exchanged_articles  # noqa: PLC0415 - here alone

    folder = project / "golden" / "case"
    run("upgrade", "case")
    forged = with_exchanged_articles(read_golden(folder))
    write_golden(folder, forged, Acceptance(kind="migrated", verdict=None))
    commit(project)

    out = run("golden", "verify", "case", "--target", "main")[1]

    assert "this change moved the golden" in out
    assert "2 of 12 articles" in out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "golden/case/golden.npz").unlink(), "golden.npz: expected a golden, found"),
        (
            lambda p: (p / "golden/case/golden.npz").write_bytes(b"PK"),
            "expected the golden of the last entry of its ledger, got another",
        ),
        (
            lambda p: (p / "golden/case/case.toml").write_text(
                CASE_TEXT.replace("53-64", "53-63"), "utf-8"
            ),
            "expected the splits that it was measured on",
        ),
        (
            lambda p: (p / "data/vectors-00000.npy").unlink(),
            "expected data that pass every check before training, got ",
        ),
    ],
)
def test_what_cannot_be_migrated_is_refused_in_a_line_and_nothing_changes(
    run: Any, project: Path, damage: Any, message: str
) -> None:
    damage(project)
    commit(project)
    folder = project / "golden" / "case"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    code, out, err = run("upgrade", "case")

    assert (code, out) == (3, "")
    assert message in err
    assert err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_machine_migrates_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    assert run("upgrade", "case")[0] == 2


@pytest.fixture
def bare(project: Path, toy_golden: Any) -> Path:
    """The folder of a golden of this schema without a profile, sketches and how checks ended."""
    folder = project / "golden" / "case"
    (folder / "golden.npz").unlink()
    tables = {
        name: replace(table, vectors=tuple(cell[:8] for cell in table.vectors))
        for name, table in toy_golden.tables.items()
    }
    old = toy_golden.record
    unknown = dict.fromkeys(old.ended.data, Ended())
    update = {
        "profile": {},
        "ended": old.ended.model_copy(update={"data": unknown}),
        "digests": old.digests.model_copy(update={"table": table_digest(tables)}),
    }
    (folder / "ledger.jsonl").unlink()
    write_golden(folder, Golden(old.model_copy(update=update), tables))
    commit(project)
    return folder


def test_a_golden_without_a_profile_gets_the_one_of_its_data(
    run: Any, project: Path, bare: Path, toy_golden: Any
) -> None:
    assert run("upgrade", "case")[0] == 0

    golden = read_golden(bare)
    assert golden.record.profile == toy_golden.record.profile
    assert golden.record.ended.data == toy_golden.record.ended.data
    assert to_csv(golden.tables) == to_csv(toy_golden.tables)
    assert [entry.kind for entry in read_ledger(bare)] == ["accepted", "migrated"]
    commit(project)
    assert run("upgrade", "case")[:2] == (0, "case: nothing to upgrade\n")


def test_a_golden_of_other_data_gets_no_profile(run: Any, project: Path, bare: Path) -> None:
    shutil.rmtree(project / "data")
    vectors, (articles, index) = (
        drifting_rows(64, 16, 24, seed=3),
        running_keys(*[16] * 64, first=1),
    )
    chunks = Chunks(article_ids=articles, chunk_index=index)
    write_dataset(project / "data", vectors, chunks, name="toy", dtype="float32")
    commit(project)

    code, _, err = run("upgrade", "case")

    assert code == 3
    assert "expected the dataset that it was measured on" in err
    assert not read_golden(bare).record.profile


def test_a_migration_that_changes_profile_course_or_vectors_is_named(toy_golden: Any) -> None:
    old = toy_golden.record
    wide = {n: {p: s._replace(spread=9.0) for p, s in places.items()}
            for n, places in old.profile.items()}  # fmt: skip
    train = toy_golden.tables["train"]
    tables = {**toy_golden.tables, "train": replace(train, vectors=train.vectors[::-1])}
    other = Golden(old.model_copy(update={"profile": wide, "course": None}), tables)

    named = [str(one) for one in _data_loosenings(toy_golden, other, "golden.json")]

    assert [line.partition(":")[0] for line in named] == [
        "moved the golden (golden.json profile",
        "moved the golden (golden.json course",
        "moved the golden (golden.json vectors",
    ]
    assert not list(_data_loosenings(toy_golden, toy_golden, "golden.json"))
