"""G: each check of custody fires with what is wrong, and stays quiet on a golden that is kept."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from amn.case.config import EVALUATED
from amn.checks.broken.golden import moved
from amn.checks.check import checks
from amn.errors import CheckNotRunError
from amn.gate.evidence import Evidence, named
from amn.gate.makers import held_to
from amn.golden.compare import own_margin
from amn.golden.ledger import LEDGER_FILE, Acceptance
from amn.golden.schema import Golden
from amn.golden.store import GOLDEN_FILE, TABLE_FILE, table_digest, write_golden
from amn.verdict import Loosening, Review, Status, Waiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TODAY = date(2025, 2, 12)
WAIVER = Waiver("C002", "new region", "B. Owner", date(2025, 2, 1), date(2025, 2, 28))
FOUND = Loosening("lowered a floor", "golden/case/case.toml criteria.ood", "0.6", "0.55")
REVIEW = Review(target="origin/main", base="a" * 40)


@pytest.fixture
def evidence(make_case: Any, toy_golden: Golden, tmp_path: Path) -> Callable[..., Evidence]:
    """A kept golden of the toy case; keywords are parts of the evidence."""

    def evidence(*, goldens: Any = None, sections: Any = None, **own: Any) -> Evidence:
        folder = tmp_path / "golden" / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "case.toml").touch()
        for golden in goldens or [toy_golden]:
            write_golden(folder, golden)
        case = make_case(folder, **(sections or {}))
        given = {"case": case, "listed_waivers": (WAIVER,), "today": TODAY, **own}
        return Evidence(held_to.GOLDEN | named(held_to.unwaivable), **given)

    return evidence


@pytest.mark.parametrize("check", ["G004", "G008", "G009", "G012", "G013"])
def test_a_kept_golden_passes(check: str, evidence: Any, passes: Any) -> None:
    passes(check, evidence())


@pytest.mark.parametrize("reason", ["a word and another one " * 20, "https://host/" + "a" * 90])
def test_a_long_reason_is_shortened_in_the_table_and_whole_in_the_log(
    reason: str, evidence: Any, passes: Any, toy_golden: Golden
) -> None:
    accepted = toy_golden.record.accepted.model_copy(update={"reason": reason})
    record = toy_golden.record.model_copy(update={"accepted": accepted})
    golden = replace(toy_golden, record=record)
    given = evidence(goldens=[golden])

    for check in ("G004", "G008"):
        detail = passes(check, given).detail
        assert detail.endswith("…")
        assert 50 < len(detail) <= 60
    assert reason in (given["golden_folder"] / LEDGER_FILE).read_text("utf-8")


def test_g008_fires_without_a_ledger(evidence: Any, fires: Any) -> None:
    found = evidence()
    (found["golden_folder"] / LEDGER_FILE).unlink()

    assert "amn golden adopt case" in fires("G008", found).fix


def test_g008_of_a_case_without_a_golden_asks_for_one(evidence: Any, fires: Any) -> None:
    found = evidence()
    for name in (LEDGER_FILE, "golden.json"):
        (found["golden_folder"] / name).unlink()

    fix = fires("G008", found).fix
    assert fix == "amn golden new case --reason TEXT, or until then amn gate case --first-run"


def test_g008_fires_at_the_line_that_was_edited(evidence: Any, fires: Any) -> None:
    found = evidence()
    path = found["golden_folder"] / LEDGER_FILE
    path.write_bytes(path.read_bytes().replace(b"first accepted result", b"looks fine"))
    finding = fires("G008", found)

    assert finding.where == "ledger.jsonl line 1"
    assert "the entry was edited" in finding.message


@pytest.mark.parametrize("name", [GOLDEN_FILE, TABLE_FILE])
def test_g009_fires_on_a_file_that_no_entry_accepted(name: str, evidence: Any, fires: Any) -> None:
    found = evidence()
    path = found["golden_folder"] / name
    path.write_bytes(path.read_bytes() + b"\n")
    finding = fires("G009", found)

    assert finding.where == name
    assert "of entry 0" in finding.message
    assert "changed without amn golden update" in finding.message


def test_g009_fires_when_the_last_entry_was_cut_off(
    evidence: Any, fires: Any, toy_golden: Golden
) -> None:
    found = evidence(goldens=[toy_golden, moved(toy_golden, by=-0.002)])
    path = found["golden_folder"] / LEDGER_FILE
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    assert fires("G009", found).where == GOLDEN_FILE


def test_g009_fires_on_a_golden_that_is_gone(evidence: Any, fires: Any) -> None:
    found = evidence()
    (found["golden_folder"] / TABLE_FILE).unlink()

    assert "expected the file of entry 0, found none" in fires("G009", found).message


def test_g009_fires_on_the_golden_of_another_case(
    evidence: Any, fires: Any, toy_golden: Any
) -> None:
    record = toy_golden.record.model_copy(update={"case": "other"})

    finding = fires("G009", evidence(goldens=[Golden(record, toy_golden.tables)]))

    assert "expected the golden of 'case', got that of 'other': stale" in finding.message


def steps(golden: Golden, n: int, by: float = 0.004) -> list[Golden]:
    return [moved(golden, by=-by * step) for step in range(n + 1)]


def test_g012_fires_when_small_steps_add_up(evidence: Any, fires: Any, toy_golden: Golden) -> None:
    finding = fires("G012", evidence(goldens=steps(toy_golden, 5)))

    assert "expected at most 0.01 below the anchor, got 0.0200 in 5 steps" in finding.message


def less_in_article(golden: Golden, *shares: float) -> list[Golden]:
    """Return goldens whose in-article accuracy is lower by shares of the first one's margin."""
    margin = max(own_margin(golden, split, "in_article") for split in EVALUATED)
    return [moved(golden, by=-share * margin, metric="in_article") for share in (0, *shares)]


def test_g012_fires_when_small_steps_of_what_comes_next_add_up(
    evidence: Any, fires: Any, toy_golden: Golden
) -> None:
    found = evidence(goldens=less_in_article(toy_golden, 0.4, 0.8, 1.2))

    finding = fires("G012", found)
    assert finding.where.startswith("in_article.")
    margin = own_margin(toy_golden, finding.where.split(".")[1], "in_article")
    assert f"expected at most {margin:.4g} below the anchor, got " in finding.message
    assert "in 3 steps since entry 0" in finding.message
    outcome = checks()["G012"].run(found)
    assert outcome.value == "in_article.ood -0.0207, in_article.in_dist -0.0207"
    assert "; lowest of the others in_article." in outcome.detail


def test_g012_takes_a_declared_margin_of_what_comes_next(
    evidence: Any, fires: Any, passes: Any, toy_golden: Golden
) -> None:
    fallen = less_in_article(toy_golden, 1.2)

    passes("G012", evidence(goldens=fallen, sections={"golden": {"margins": {"in_article": 0.9}}}))
    few = {"golden": {"margins": {"in_article": 1e-6}}}
    assert "at most 1e-06 below" in fires("G012", evidence(goldens=fallen, sections=few)).message


def test_g012_names_what_the_ledger_does_not_know_yet(
    evidence: Any, passes: Any, toy_golden: Golden
) -> None:
    by_metric = {"cosine": toy_golden.record.by_metric["cosine"]}
    alone = {
        split: replace(table, sums={n: v for n, v in table.sums.items() if n[:6] == "cosine"})
        for split, table in toy_golden.tables.items()
    }
    digests = toy_golden.record.digests.model_copy(update={"table": table_digest(alone)})
    update = {"by_metric": by_metric, "digests": digests}
    former = Golden(toy_golden.record.model_copy(update=update), alone)

    outcome = passes("G012", evidence(goldens=[former]))
    assert "not in the ledger: in_article, reciprocal_rank; amn golden update" in outcome.detail
    assert "not in the ledger" not in passes("G012", evidence(goldens=[former, toy_golden])).detail


def test_g012_is_quiet_within_the_budget(evidence: Any, passes: Any, toy_golden: Golden) -> None:
    passes("G012", evidence(goldens=steps(toy_golden, 2)))
    passes("G012", evidence(goldens=steps(toy_golden, 5), sections={"golden": {"drift": 0.03}}))


def test_g013_fires_on_a_golden_without_a_case(evidence: Any, fires: Any) -> None:
    found = evidence()
    orphan = found["golden_folder"].parent / "old"
    shutil.copytree(found["golden_folder"], orphan)
    (orphan / "case.toml").unlink()
    finding = fires("G013", found)

    assert finding.where == "golden/old"
    assert "expected a case.toml beside its golden.json, found none" in finding.message
    assert checks()["G013"].run(found).value == "1"


def test_g010_fires_with_what_was_loosened(evidence: Any, fires: Any) -> None:
    review = replace(REVIEW, loosenings=(FOUND,))
    finding = fires("G010", evidence(review=review))

    assert finding.where == "golden/case/case.toml criteria.ood"
    assert finding.message == "this change lowered a floor: 0.6 at the merge base, 0.55 now"


@pytest.mark.parametrize("review", [REVIEW, Review(note="no git checkout")])
def test_g010_is_quiet_when_nothing_is_loosened(review: Review, evidence: Any, passes: Any) -> None:
    passes("G010", evidence(review=review))


def test_g010_does_not_pass_without_a_review(evidence: Any) -> None:
    assert not evidence().promises(checks()["G010"].reads)
    with pytest.raises(CheckNotRunError, match="review: expected evidence of that name"):
        checks()["G010"].run(evidence())


def test_g011_shows_a_waiver_in_force_as_a_warning(evidence: Any) -> None:
    outcome = checks()["G011"].run(evidence())

    assert outcome.status is Status.WARN
    assert "waived until 2025-02-28 by B. Owner: new region" in outcome.findings[0].message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expires": date(2025, 2, 11)}, "got one that expired on 2025-02-11, 1 day ago"),
        ({"created": date(2025, 2, 13)}, "expected a waiver made by 2025-02-12"),
        ({"check": "X999"}, "got an unknown id"),
        ({"check": "G008"}, "got G008-ledger, a check of the golden's custody"),
        ({"check": "M001"}, "got M001-probe, of severity harness"),
        ({"check": "S007"}, "got S007-drift, of severity warning"),
    ],
)
def test_g011_fires_on_a_waiver_that_must_not_hold(
    changes: Any, message: str, evidence: Any, fires: Any
) -> None:
    assert message in fires("G011", evidence(listed_waivers=(replace(WAIVER, **changes),))).message


def test_g011_does_not_pass_without_the_day(evidence: Any) -> None:
    with pytest.raises(CheckNotRunError, match="today's date"):
        checks()["G011"].run(evidence(today=None))


def test_an_accepted_regression_is_on_record(tmp_path: Path, toy_golden: Golden) -> None:
    write_golden(tmp_path, toy_golden, Acceptance(verdict="FAIL", accepted_regression=True))

    assert b'"accepted_regression":true' in (tmp_path / LEDGER_FILE).read_bytes()
