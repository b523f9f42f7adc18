"""G: each check fires on a golden that is not comparable, or on a candidate that is worse."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.checks.check import checks
from amn.checks.golden import _what_would_decide
from amn.errors import CheckNotRunError
from amn.gate.evidence import Evidence, named
from amn.gate.makers import held_to
from amn.gate.modes import GateOptions, gate_of
from amn.gate.scope import scope_of
from amn.golden.store import write_golden
from amn.storage import canonical_json, sha256_of
from amn.verdict import Severity, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDS = [f"G00{i}" for i in range(1, 8)]
SPLITS = {"G001": "ood", "G002": "in_dist"}


@pytest.fixture
def evidence(
    make_case: Any, toy_golden: Any, toy_candidates: Any, toy_evaluations: Any, tmp_path: Path
) -> Callable[..., Evidence]:
    """The toy case with its golden, and candidates that are other files than the golden's."""

    def evidence(golden: Any = toy_golden, **changes: Any) -> Evidence:
        folder = tmp_path / "case"
        folder.mkdir(exist_ok=True)
        write_golden(folder, golden)
        case = make_case(folder, **changes.pop("sections", {}))
        candidates = tuple(
            replace(candidate, digest=f"{i}" * 64) for i, candidate in enumerate(toy_candidates)
        )
        given = {
            "case": case,
            "home": folder,
            "candidates": candidates,
            "evaluations": toy_evaluations,
            "declared": tuple(golden.record.checks),
            "approval": "",
            "judged_data": {},
            **changes,
        }
        chosen = held_to.GOLDEN | held_to.SCORES | {"looks": held_to.no_looks}
        chosen |= named(
            held_to.brought, held_to.numerics, held_to.machine_numerics, held_to.classes
        )
        return Evidence(chosen, **given)

    return evidence


def shifted(evaluations: Any, split: str, by: Any) -> Any:
    """Return evaluations whose cosines on a split are moved."""
    moved = []
    for one in evaluations:
        cosines = np.clip(one.scores[split].cosines + by, -1, 1)
        changed = {**one.scores, split: replace(one.scores[split], cosines=cosines)}
        moved.append(replace(one, scores=changed))
    return tuple(moved)


@pytest.mark.parametrize("check", IDS)
def test_a_retrained_candidate_passes(check: str, evidence: Any, passes: Any) -> None:
    passes(check, evidence())


def test_a_comparison_is_identical_twice(evidence: Any) -> None:
    first, second = (checks()["G001"].run(evidence()) for _ in range(2))

    assert (first.value, first.detail, first.number) == (second.value, second.detail, second.number)


def test_g004_fires_on_a_missing_golden(evidence: Any, fires: Any) -> None:
    found = evidence()
    (found["golden_folder"] / "golden.json").unlink()

    finding = fires("G004", found)

    assert "golden.json: expected a golden, found none. Fix: git checkout -- " in finding.message


def test_g004_fires_on_a_golden_that_was_edited(evidence: Any, fires: Any) -> None:
    found = evidence()
    path = found["golden_folder"] / "golden.csv"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)

    assert "golden.csv: expected sha256" in fires("G004", found).message


def test_g003_fires_on_other_windows(evidence: Any, toy_evaluations: Any, fires: Any) -> None:
    first = toy_evaluations[0]
    scores = first.scores
    ids = scores["ood"].article_ids + 1000
    changed = {**scores, "ood": replace(scores["ood"], article_ids=ids)}

    finding = fires("G003", evidence(evaluations=(replace(first, scores=changed),)))

    assert finding.where == "ood"
    assert "only in the golden: 156 (article 53 chunk 3" in finding.message
    assert "only in the candidate: 156 (article 1053 chunk 3" in finding.message


def test_g003_fires_on_another_definition_of_the_metric(
    evidence: Any, toy_golden: Any, fires: Any
) -> None:
    versions = toy_golden.record.versions.model_copy(update={"metric": 2})
    record = toy_golden.record.model_copy(update={"versions": versions})

    finding = fires("G003", evidence(replace(toy_golden, record=record)))

    assert finding.message == "expected metric version 1, got 2"


def test_g003_joins_windows_by_their_ids_and_not_by_their_rows(
    evidence: Any, toy_evaluations: Any, passes: Any
) -> None:
    turned = []
    for one in toy_evaluations:
        scores = {
            name: replace(
                s,
                cosines=s.cosines[::-1],
                article_ids=s.article_ids[::-1],
                target_chunks=s.target_chunks[::-1],
            )
            for name, s in one.scores.items()
        }
        references = {
            name: {reference: cosines[::-1] for reference, cosines in found.items()}
            for name, found in one.references.items()
        }
        turned.append(replace(one, scores=scores, references=references))

    found = evidence(evaluations=tuple(turned))
    passes("G003", found)
    assert passes("G001", found).number == passes("G001", evidence()).number


def test_g006_fires_on_a_check_that_is_gone(evidence: Any, toy_golden: Any, fires: Any) -> None:
    declared = tuple(label for label in toy_golden.record.checks if label != "D007-row_order")

    finding = fires("G006", evidence(declared=declared))

    assert finding.where == "D007-row_order"
    assert finding.message == ("expected the check to be declared as in the golden, found it gone")


def test_g006_allows_a_check_that_is_new(evidence: Any, toy_golden: Any, passes: Any) -> None:
    passes("G006", evidence(declared=(*toy_golden.record.checks, "X001-new")))


def test_g005_fires_on_the_goldens_own_file(
    evidence: Any, toy_golden: Any, toy_candidates: Any, fires: Any
) -> None:
    finding = fires("G005", evidence(candidates=toy_candidates))

    assert finding.where == "seed 0"
    assert toy_golden.record.digests.models[0][:12] in finding.message


def test_g007_fires_with_what_changed_in_the_config(evidence: Any, fires: Any) -> None:
    finding = fires("G007", evidence(sections={"training": {"lr": 0.001}}))

    assert finding.where == "training.lr"
    assert "0.003" in finding.message
    assert "0.001" in finding.message


def test_g007_knows_the_default_of_a_setting_that_is_newer_than_the_golden(
    evidence: Any, toy_golden: Any, passes: Any
) -> None:
    config = toy_golden.record.config
    training = {k: v for k, v in config["training"].items() if k != "plateau_factor"}
    config = {**config, "training": training}
    digest = sha256_of(canonical_json(config))
    digests = toy_golden.record.digests.model_copy(update={"config": digest})
    record = toy_golden.record.model_copy(update={"config": config, "digests": digests})

    passes("G007", evidence(golden=replace(toy_golden, record=record)))


@pytest.mark.parametrize("check", SPLITS)
def test_g001_and_g002_fire_on_a_worse_candidate_and_name_its_articles(
    check: str, evidence: Any, toy_evaluations: Any, fires: Any
) -> None:
    split = SPLITS[check]
    before = checks()[check].run(evidence()).number
    drop = np.where(toy_evaluations[0].scores[split].article_ids % 12 == 0, -0.2, -0.03)

    found = evidence(evaluations=shifted(toy_evaluations, split, drop))
    finding, outcome = fires(check, found), checks()[check].run(found)

    number = before + drop.mean()
    assert outcome.number == pytest.approx(number, abs=1e-9)
    assert finding.where == split
    assert f"expected not worse than the golden by 0.01, got {number:+.4f}" in finding.message
    worst = {"ood": 60, "in_dist": 48}[split]
    assert finding.fix.startswith(f"look at articles {worst} (-0.")
    assert "broad shift: 12 of 12 articles are worse" in finding.fix
    assert outcome.data.split == split
    assert outcome.data.attribution.difference == pytest.approx(number, abs=1e-9)


def test_a_regression_of_one_article_is_named_as_such(
    evidence: Any, toy_evaluations: Any, toy_splits: Any, fires: Any
) -> None:
    ids = toy_evaluations[0].scores["ood"].article_ids
    moved = shifted(toy_evaluations, "ood", np.where(ids == 60, -0.9, 0.0))

    found = evidence(evaluations=moved, judged_data=toy_splits["judged_data"])
    finding = fires("G001", found, Status.INCONCLUSIVE)  # one article decides nothing

    assert "few articles: " in finding.fix
    assert checks()["G001"].run(found).data.attribution.worst[0].article == 60


@pytest.mark.parametrize("check", SPLITS)
def test_a_loss_within_the_margin_passes(
    check: str, evidence: Any, toy_evaluations: Any, passes: Any
) -> None:
    wide = {"golden": {"margin": 0.2}}
    moved = shifted(toy_evaluations, SPLITS[check], -0.05)

    passes(check, evidence(evaluations=moved, sections=wide))


@pytest.mark.parametrize("check", SPLITS)
def test_a_difference_that_scatters_is_undecided_and_says_what_it_takes(
    check: str, evidence: Any, toy_evaluations: Any, fires: Any
) -> None:
    split = SPLITS[check]
    ids = toy_evaluations[0].scores[split].article_ids
    scatter = np.where(ids % 2 == 0, 0.08, -0.08)

    finding = fires(
        check, evidence(evaluations=shifted(toy_evaluations, split, scatter)), Status.INCONCLUSIVE
    )

    assert finding.message.startswith("cannot tell: ")
    assert "12 articles, about " in finding.fix


@pytest.mark.parametrize(
    ("articles", "seeds", "said"),
    [
        (38, None, "17 articles, about 38 would decide"),
        (9, 12, "3 seeds, about 12 would decide"),
        (9, None, "more articles and more seeds"),
    ],
)
def test_fewer_articles_than_there_are_would_decide_nothing(
    articles: int, seeds: int | None, said: str
) -> None:
    comparison: Any = SimpleNamespace(n_clusters=17, articles_needed=articles, seeds_needed=seeds)

    assert _what_would_decide(comparison, 3) == said


@pytest.mark.parametrize("check", SPLITS)
def test_a_suspicious_gain_is_a_notice_and_no_failure(
    check: str, evidence: Any, toy_evaluations: Any, fires: Any
) -> None:
    better = shifted(toy_evaluations, SPLITS[check], 0.1)

    finding = fires(check, evidence(evaluations=better), Status.PASS)

    assert finding.severity is Severity.NOTICE
    assert "standard errors better than the golden" in finding.message
    assert finding.fix == "look for a leak (S001-S004)"


@pytest.mark.parametrize("check", SPLITS)
def test_a_candidate_of_the_goldens_very_seeds_does_not_differ(
    check: str, evidence: Any, make_case: Any, toy_cache: Path, tmp_path: Path
) -> None:
    case = make_case(tmp_path / "same", training={"seeds": [0, 1, 2, 3, 4]})
    options = GateOptions(cache=toy_cache, first_run=True)
    same = gate_of(case, options).evidence["evaluations"]

    outcome = checks()[check].run(evidence(evaluations=same))

    assert outcome.status is Status.PASS
    assert outcome.number == 0.0


def test_g020_passes_on_the_machine_that_made_the_golden(evidence: Any, passes: Any) -> None:
    assert passes("G020", evidence()).number < 1e-11


def test_g020_fires_on_other_arithmetic_and_names_what_changed(
    evidence: Any, toy_golden: Any, fires: Any
) -> None:
    then = toy_golden.record.numerics
    values = {**then.values, "gelu": then.values["gelu"] + 2e-6}
    machine = {**then.machine, "instructions": "AVX9"}
    other = then.model_copy(update={"values": values, "machine": machine})
    record = toy_golden.record.model_copy(update={"numerics": other})

    finding = fires("G020", evidence(replace(toy_golden, record=record)))

    assert finding.where == "gelu"
    assert finding.message.startswith(f"expected {values['gelu']:.9g} as beside the golden, got 0.")
    assert "instructions AVX9 then, " in finding.fix


def test_g020_allows_what_instruction_sets_differ_by(
    evidence: Any, toy_golden: Any, passes: Any
) -> None:
    then = toy_golden.record.numerics
    near = {name: value + 5e-8 for name, value in then.values.items()}
    record = toy_golden.record.model_copy(
        update={"numerics": then.model_copy(update={"values": near})}
    )

    passes("G020", evidence(replace(toy_golden, record=record)))


@pytest.fixture
def across(evidence: Any, toy_golden: Any) -> Any:
    """Evidence with a golden of another numerics class, whose fixed computation is so far off."""

    def across(off: float | None, **changes: Any) -> Any:
        then = toy_golden.record.numerics
        values = {} if off is None else {n: value + off for n, value in then.values.items()}
        other = then.model_copy(update={"class_": "float32, AVX9, MKL", "values": values})
        record = toy_golden.record.model_copy(update={"numerics": other})
        return evidence(replace(toy_golden, record=record), **changes)

    return across


@pytest.mark.parametrize("check", ["G001", "G002"])
def test_bounds_across_numerics_classes_are_wider_by_what_was_measured(
    check: str, evidence: Any, across: Any
) -> None:
    alone = evidence()
    one, classes = checks()[check].run(alone), alone["classes"]
    found = across(3e-4)
    two, note = checks()[check].run(found), scope_of({"classes": found["classes"]}).note

    assert two.number == one.number
    assert two.standing.low == pytest.approx(one.standing.low - 3e-4, abs=1e-9)
    assert two.standing.high == pytest.approx(one.standing.high + 3e-4, abs=1e-9)
    assert two.detail.endswith(", wider by 0.0003 across numerics classes")
    assert "classes" not in one.detail
    assert note.startswith("numerics class float32, AVX9, MKL in the golden, float32, ")
    assert note.endswith(
        "here: bounds are wider by 0.0003, as far as both were measured to be apart"
    )
    assert scope_of({"classes": classes}).note == ""


def test_a_pass_across_classes_that_are_a_margin_apart_is_none(across: Any) -> None:
    outcome = checks()["G001"].run(across(0.02))

    assert outcome.status is Status.INCONCLUSIVE


def test_nothing_is_decided_against_a_golden_whose_machine_took_other_steps(
    across: Any, toy_golden: Any
) -> None:
    found = across(1e-9)
    other = found["golden"].record.numerics.model_copy(update={"values": {"no_step": 0.5}})
    record = found["golden"].record.model_copy(update={"numerics": other})

    outcome = checks()["G001"].run(found.with_(golden=replace(toy_golden, record=record)))

    assert outcome.status is Status.INCONCLUSIVE


def test_a_golden_whose_machine_nobody_measured_says_so(across: Any) -> None:
    found = across(None)

    assert checks()["G001"].run(found).status is Status.PASS
    assert str(found["classes"]).endswith("how far they are apart nobody has measured")


def test_g020_without_a_fingerprint_does_not_pass(evidence: Any, toy_golden: Any) -> None:
    numerics = toy_golden.record.numerics.model_copy(update={"values": {}})
    record = toy_golden.record.model_copy(update={"numerics": numerics})

    with pytest.raises(CheckNotRunError, match="expected a fingerprint of the machine, found none"):
        checks()["G020"].run(evidence(replace(toy_golden, record=record)))
