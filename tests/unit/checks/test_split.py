from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amn.checks import split, split_copies, split_space
from amn.checks.split_space import CHANCE_Z
from amn.data.beside_train import pooled as together
from amn.data.beside_train import separation
from amn.data.fingerprint import Fingerprint, compare_fingerprints
from amn.data.manifest import EncoderInfo
from amn.data.repeats import article_overlaps, identical_rows
from amn.data.sampling import sample_rows
from amn.data.space import main_cut, mean_drift, principal_directions
from amn.verdict import Severity
from tests.strategies import unit_rows

if TYPE_CHECKING:
    from pathlib import Path

OOD = range(53, 65)
CHECKS = [
    split.check_disjoint,
    split.check_not_empty,
    split.check_encoder,
    split_copies.check_identical_vectors,
    split_copies.check_near_duplicates,
    split_space.check_space,
    split_space.check_drift,
    split_space.check_representative,
]


def changed(corpus: Any, articles: Any, change: Any) -> Any:
    """Change the vectors of some articles, and keep them at unit length."""
    rows = np.isin(corpus.ids, list(articles))
    vectors = corpus.vectors.copy()
    vectors[rows] = change(vectors[rows])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return type(corpus)(vectors, corpus.ids, corpus.chunks)


def rotation(dim: Any, seed: int = 5) -> Any:
    normal = np.random.default_rng(seed).standard_normal((dim, dim))
    return np.linalg.qr(normal)[0].astype(np.float32)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_clean_splits_pass(check: Any, corpus: Any, write: Any, split_evidence: Any) -> None:
    measured = split_evidence(write(corpus)).call(check)

    assert measured.findings == []
    assert measured.value
    assert measured.limit


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_check_says_the_same_twice(
    check: Any, corpus: Any, write: Any, split_evidence: Any
) -> None:
    folder = write(corpus)

    assert split_evidence(folder).call(check) == split_evidence(folder).call(check)


# S001


@pytest.mark.parametrize("other", ["train", "in_dist"])
def test_an_article_in_two_splits_is_named(
    other: str, corpus: Any, write: Any, split_evidence: Any
) -> None:
    taken = 7 if other == "train" else 45
    evidence = split_evidence(write(corpus), ood={"articles": [taken, *OOD]})

    measured = evidence.call(split.check_disjoint)

    (finding,) = measured.findings
    assert measured.value == "1 article in two splits"
    assert finding.where == f"{other} and ood"
    assert finding.message == f"expected no article in both, got 1: {taken}"
    assert finding.severity is None


def test_the_same_ids_in_two_data_sets_are_a_warning(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    other = write(corpus.part(OOD, shift=-52), "other")
    evidence = split_evidence(write(corpus), other, ood={"dataset": str(other)})

    measured = evidence.call(split.check_disjoint)

    assert measured.number == 0
    assert [f.severity for f in measured.findings] == [Severity.WARNING]
    assert "got 12: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more" in measured.findings[0].message


# S002


def test_an_empty_split_is_named(corpus: Any, write: Any, split_evidence: Any) -> None:
    evidence = split_evidence(write(corpus), ood={"articles": "11001-15192"})

    messages = [f.message for f in evidence.call(split.check_not_empty).findings]

    assert messages == [
        (
            "expected the 4,192 articles that the case asks for, got 0; "
            "missing 11001, 11002, 11003, 11004, 11005, 11006, 11007, 11008, 11009, 11010 "
            "and 4,182 more"
        ),
        "expected at least 8 articles, got 0",
        "expected windows of 6 consecutive rows, got none in 0 articles",
    ]


def test_a_range_need_not_exist_in_full(corpus: Any, write: Any, split_evidence: Any) -> None:
    evidence = split_evidence(write(corpus), ood={"articles": "53-9000"})

    assert evidence.call(split.check_not_empty).findings == []


@pytest.mark.parametrize("way", ["list", "file"])
def test_a_listed_article_has_to_exist(
    way: str, corpus: Any, write: Any, split_evidence: Any, tmp_path: Path
) -> None:
    (tmp_path / "splits.json").write_text(json.dumps({"ood": [*OOD, 777]}))
    selector = {"articles": [*OOD, 777]} if way == "list" else {"file": "splits.json"}

    (finding,) = split_evidence(write(corpus), ood=selector).call(split.check_not_empty).findings

    assert finding.where == "ood"
    assert finding.message.endswith("got 12; missing 777")


def test_fewer_than_eight_articles_are_too_few_to_evaluate_on(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    evidence = split_evidence(write(corpus), in_dist={"articles": list(range(41, 48))})

    (finding,) = evidence.call(split.check_not_empty).findings

    assert (finding.where, finding.message) == ("in_dist", "expected at least 8 articles, got 7")


def test_articles_too_short_for_a_window_are_no_split(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    kept = (corpus.ids < 53) | (corpus.chunks < 5)
    short = type(corpus)(corpus.vectors[kept], corpus.ids[kept], corpus.chunks[kept])

    (finding,) = split_evidence(write(short)).call(split.check_not_empty).findings

    assert finding.message == "expected windows of 6 consecutive rows, got none in 12 articles"


# S005


@pytest.mark.parametrize(
    ("field", "value"), [("name", "gtr-t5"), ("pooling", "cls"), ("prefix", "query: ")]
)
def test_the_field_in_which_two_encoders_differ_is_named(
    field: str, value: str, corpus: Any, write: Any, split_evidence: Any
) -> None:
    encoder = EncoderInfo(name="mpnet", pooling="mean")
    folder = write(corpus, encoder=encoder)
    other = write(corpus.part(OOD), "other", encoder=encoder.model_copy(update={field: value}))
    evidence = split_evidence(folder, other, ood={"dataset": str(other)})

    (finding,) = evidence.call(split.check_encoder).findings

    assert finding.where == f"ood: encoder.{field}"
    assert finding.message.endswith(f"as in train, got {value!r}")


@pytest.mark.parametrize(("moved", "seen"), [(1e-4, False), (0.2, True)])
def test_probe_vectors_that_moved_by_more_than_rounding_are_another_encoder(
    moved: float, *, seen: bool, corpus: Any, write: Any, split_evidence: Any
) -> None:
    ours = unit_rows(4, dim=24, dtype=np.float32)
    other_probe = Fingerprint(ours + np.float32(moved) * unit_rows(4, dim=24, seed=1))
    encoders = [
        EncoderInfo(name="mpnet", probe=print_.to_text(), probe_digest=print_.digest)
        for print_ in (Fingerprint(ours), other_probe)
    ]
    other = write(corpus.part(OOD), "other", encoder=encoders[1])
    evidence = split_evidence(
        write(corpus, encoder=encoders[0]), other, ood={"dataset": str(other)}
    )

    findings = evidence.call(split.check_encoder).findings

    assert [finding.where for finding in findings] == ["ood: encoder.probe"] * seen
    if seen:
        distance = compare_fingerprints(Fingerprint(ours), other_probe)
        assert findings[0].message.endswith(f"of train's, got {distance:.3g}")


def test_vectors_of_another_width_are_named(corpus: Any, write: Any, split_evidence: Any) -> None:
    narrow = corpus.part(OOD)
    narrow.vectors = narrow.vectors[:, :16]
    encoder = EncoderInfo(name="mpnet")
    other = write(narrow, "other", encoder=encoder)
    evidence = split_evidence(write(corpus, encoder=encoder), other, ood={"dataset": str(other)})

    (finding,) = evidence.call(split.check_encoder).findings

    assert (finding.where, finding.message) == ("ood: dim", "expected dim 24 as in train, got 16")


def test_two_unknown_encoders_are_a_warning(corpus: Any, write: Any, split_evidence: Any) -> None:
    other = write(corpus.part(OOD), "other")
    evidence = split_evidence(write(corpus), other, ood={"dataset": str(other)})

    (finding,) = evidence.call(split.check_encoder).findings

    assert finding.severity is Severity.WARNING


# S006, S007, S008


def test_a_rotated_split_is_another_space(corpus: Any, write: Any, split_evidence: Any) -> None:
    rotated = changed(corpus, OOD, lambda v: v @ rotation(24))

    measured = split_evidence(write(rotated)).call(split_space.check_space)

    assert measured.number < 0.3
    (finding,) = measured.findings
    assert finding.where == "ood"
    assert finding.message == (
        "expected at least 0.5 of what halves of train have in common, got "
        f"{measured.number:.3f}: another vector space"
    )


def test_vectors_with_turned_signs_point_the_other_way(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    turned = changed(corpus, OOD, np.negative)

    measured = split_evidence(write(turned)).call(split_space.check_mean_direction)

    (finding,) = measured.findings
    assert finding.where == "ood"
    assert measured.number < -0.5
    assert f"which is at 1, got {measured.number:.3f}" in finding.message


def test_directions_that_hold_little_decide_nothing(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    rng = np.random.default_rng(0)
    flat = changed(corpus, range(1, 65), lambda v: rng.standard_normal(v.shape))

    measured = split_evidence(write(flat)).call(split_space.check_space)

    assert measured.findings == []
    assert measured.value == "no directions to tell"


def test_a_split_of_a_few_unlike_articles_is_no_other_space(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    kept = corpus.part([*range(1, 15), *range(41, 49), *range(53, 61)])
    folder = write(changed(kept, range(41, 49), lambda v: v * np.linspace(0.2, 3, v.shape[1])))
    split = {"train": range(1, 15), "in_dist": range(41, 49), "ood": range(53, 61)}
    selectors = {name: {"articles": list(ids)} for name, ids in split.items()}

    measured = split_evidence(folder, **selectors).call(split_space.check_space)

    assert measured.findings == []


def test_too_few_training_articles_decide_nothing(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    evidence = split_evidence(write(corpus), train={"articles": [1, 2, 3]})

    (finding,) = evidence.call(split_space.check_space).findings

    assert finding.severity is Severity.INCONCLUSIVE
    assert finding.message == "expected 8 training articles, got 3"


def test_an_offset_on_every_row_of_a_split_is_drift(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    offset = np.full(24, 0.12, np.float32)
    shifted = changed(corpus, OOD, lambda v: v + offset)
    evidence = split_evidence(write(shifted))

    measured = evidence.call(split_space.check_drift)
    (finding,) = measured.findings

    assert finding.where == "ood"
    assert 0.9 < measured.number < 1
    assert f"within 0.15 article distances of train's, got {measured.number:.3f}" in finding.message
    assert "6.6 standard deviations of chance" in finding.message
    assert evidence.call(split_space.check_space).findings == []


def test_a_split_that_is_easier_than_train_is_named(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    def calmer(vectors: Any) -> Any:
        articles = vectors.reshape(12, 20, 24)
        return (articles + 2 * articles.mean(axis=1, keepdims=True)).reshape(-1, 24)

    evidence = split_evidence(write(changed(corpus, OOD, calmer)))

    measured = evidence.call(split_space.check_representative)
    findings = measured.findings

    (finding,) = findings
    assert finding.where == "ood"
    assert finding.severity is Severity.INCONCLUSIVE
    assert f"got {measured.number:+.2f} (" in finding.message
    assert finding.message.endswith("easier than train, whatever the model")


def test_a_split_that_is_harder_than_train_is_a_warning(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    rng = np.random.default_rng(3)
    noisy = changed(corpus, OOD, lambda v: v + 0.3 * rng.standard_normal(v.shape))

    (finding,) = split_evidence(write(noisy)).call(split_space.check_representative).findings

    assert finding.severity is Severity.WARNING
    assert finding.message.endswith("harder than train")


def test_a_split_of_another_pooling_can_be_told_row_by_row(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    offset = 3 * np.roll(np.eye(24, dtype=np.float32)[0], 11)
    pooled = changed(corpus, OOD, lambda v: v + offset)

    evidence = split_evidence(write(pooled))
    measured = evidence.call(split_space.check_separable)

    (finding,) = measured.findings
    assert finding.where == "ood"
    assert f"got at least {measured.number:.1f} times" in finding.message
    train, ood = (evidence["split_mains"][name] for name in ("train", "ood"))
    both = together(train, ood)
    halves = separation(train, main_cut(train))
    split = separation(both, np.isin(both.articles, ood.articles))
    least, most = split[0] - CHANCE_Z * split[1], halves[0] + CHANCE_Z * halves[1]
    assert measured.number == pytest.approx(least / most)  # chance counts for the split, twice


# The numerics behind them


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_sample_is_even_over_articles(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.integers(0, 6, 80))
    rows = np.flatnonzero(ids != 3)

    sample = sample_rows(rows, ids, most, rng)

    assert len(sample) == min(most, len(rows))
    assert np.isin(sample, rows).all()
    assert (np.diff(sample) > 0).all()
    drawn, left = np.bincount(ids[sample], minlength=6), np.bincount(ids[rows], minlength=6)
    assert drawn.max() - drawn[drawn < left].min(initial=drawn.max()) <= 1


def test_identical_rows_are_those_of_an_exhaustive_search() -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(0, 20, 40).astype(np.uint64)
    right = rng.integers(10, 30, 50).astype(np.uint64)

    found = identical_rows(left, right)

    exact = np.argwhere(left[:, None] == right[None])
    pairs = np.column_stack([found.left, found.right])
    assert pairs[np.lexsort(pairs.T[::-1])].tolist() == exact.tolist()


def test_a_row_counts_once_for_an_article_that_repeats_it() -> None:
    matches = identical_rows(np.array([5, 6], np.uint64), np.array([5, 5, 5], np.uint64))

    overlaps = article_overlaps(matches, np.array([1, 1]), np.array([2, 2, 2]))

    assert (overlaps.shared.tolist(), overlaps.sizes.tolist()) == ([1], [2])


def test_principal_directions_hold_the_most_variance_that_any_can() -> None:
    vectors = np.random.default_rng(0).standard_normal((200, 24)).astype(np.float32)
    vectors *= np.linspace(2, 0.1, 24, dtype=np.float32)

    directions = principal_directions(vectors)

    singular = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    share = ((vectors - vectors.mean(axis=0)) @ directions).var(axis=0).sum() / vectors.var(
        axis=0
    ).sum()
    assert directions.shape == (24, 2)
    assert directions.T @ directions == pytest.approx(np.eye(2), abs=1e-5)
    assert share == pytest.approx(singular[:2].sum() / singular.sum(), rel=1e-4)


def test_drift_of_two_halves_of_one_set_is_chance() -> None:
    means = np.random.default_rng(0).standard_normal((80, 8))

    effect, z = mean_drift(means[:50], means[50:], np.random.default_rng(1))

    assert effect < 0.5
    assert abs(z) < 3
