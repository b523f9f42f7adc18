"""Evaluated articles whose text is in train, whatever their vectors are and wherever it is cut."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from amn.data.writer import Chunks, write_dataset
from amn.gate.modes import GateOptions, gate_of
from amn.prove.selftest import run_selftest
from amn.verdict import Status
from tests.strategies import drifting_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from amn.verdict import Outcome

TRAIN, IN_DIST, OOD = range(1, 61), range(61, 85), range(85, 125)
SELECTORS = {
    name: {"articles": list(ids)}
    for name, ids in (("train", TRAIN), ("in_dist", IN_DIST), ("ood", OOD))
}
ROWS, LETTERS = 8, 300  # of an article; of a row
WORDS = np.array(
    ["".join(word) for word in np.random.default_rng(1).choice([*"aeioubdklmnrst"], (4000, 5))]
)
FORM = "This page is one of a series that was made by hand, and all of them end in the same line."


def prose(article: int, letters: int = ROWS * LETTERS) -> str:
    """Return words in an order that no other article has."""
    words = np.random.default_rng(article).choice(WORDS, letters // 6)
    return " ".join(words.tolist())


def cut(text: str, n: int = ROWS) -> list[str]:
    bounds = np.linspace(0, len(text), n + 1).astype(int).tolist()
    return [text[a:b] for a, b in pairwise(bounds)]


@pytest.fixture
def outcome(make_case: Callable[..., Any], tmp_path: Path) -> Callable[..., Outcome]:
    """Ask S014 of articles of these texts, a list of chunks each."""

    def outcome(texts: dict[int, Sequence[str | None]]) -> Outcome:
        return gate_of(case_of(make_case, tmp_path, texts), options(tmp_path)).outcome("S014")

    return outcome


def options(folder: Path) -> GateOptions:
    return GateOptions(cache=folder / "runs", first_run=True)


def case_of(make_case: Any, folder: Path, texts: dict[int, Sequence[str | None]]) -> Any:
    ids = np.repeat(list(texts), [len(chunks) for chunks in texts.values()])
    chunks = np.concatenate([np.arange(len(c), dtype=np.int32) for c in texts.values()])
    flat = pa.array([text for chunks in texts.values() for text in chunks], pa.string())
    most = max(map(len, texts.values()))
    every = drifting_rows(len(texts), most, 24).astype(np.float32).reshape(len(texts), most, 24)
    rows = np.concatenate([mine[: len(c)] for mine, c in zip(every, texts.values(), strict=True)])
    extra = {"text": flat}
    table = Chunks(article_ids=ids, chunk_index=chunks, extra=extra)
    write_dataset(folder / "data", rows, table, name="prose", dtype="float32")
    return make_case(folder, dataset={"path": str(folder / "data")}, split=SELECTORS)


@pytest.fixture
def clean() -> dict[int, list[str]]:
    return {article: cut(prose(article)) for article in (*TRAIN, *IN_DIST, *OOD)}


def test_articles_of_their_own_text_pass_whatever_form_they_have_in_common(
    outcome: Any, clean: Any
) -> None:
    found = outcome({article: [*chunks, FORM] for article, chunks in clean.items()})

    assert found.status is Status.PASS
    assert found.value == "in_dist 0.00%, ood 0.00%"


@pytest.mark.parametrize("share", [0.4, 1.0], ids=["two fifths", "the whole text"])
@pytest.mark.parametrize("n", [2, len(OOD)], ids=["two articles", "all articles"])
def test_text_that_was_pasted_into_training_articles_is_named(
    n: int, share: float, outcome: Any, clean: Any
) -> None:
    for article, other in zip(OOD[:n], (*TRAIN, *TRAIN), strict=False):
        text = prose(article)
        clean[other] = cut(" ".join(clean[other]) + text[: int(share * len(text))], 11)

    found = outcome(clean)

    (finding,) = found.findings
    assert found.check == "S014"
    assert finding.where == "ood"
    assert f"({n:,})" in finding.message
    assert "85, 86" in finding.message
    assert found.status is (Status.FAIL if n > 2 else Status.WARN)  # two of 40 are within chance


@pytest.mark.parametrize(
    "change",
    [
        lambda text: cut(text, 5),
        lambda text: cut(text, 29),
        lambda text: [text],
        lambda text: cut(text.upper()),
        lambda text: cut(text.replace(" ", "\n  ")),
        lambda text: cut("- " + text.replace(" ", ", ")),
    ],
    ids=["longer rows", "shorter rows", "one row", "capitals", "line ends", "punctuation"],
)
def test_a_copy_that_is_cut_or_set_otherwise_is_the_same_text(
    change: Any, outcome: Any, clean: Any
) -> None:
    for article, other in zip(OOD[:4], TRAIN[:4], strict=True):
        clean[other] = change(prose(article))

    found = outcome(clean)

    assert found.status is Status.FAIL
    assert "10.00% of 40 (4)" in found.findings[0].message
    assert "85, 86, 87, 88" in found.findings[0].message


def test_less_than_a_fifth_of_an_article_is_a_quotation(outcome: Any, clean: Any) -> None:
    for article, other in zip(OOD, TRAIN, strict=False):
        clean[other] = [*clean[other], prose(article)[: ROWS * LETTERS // 8]]

    assert outcome(clean).status is Status.PASS


def test_rows_without_a_text_are_read_as_empty(outcome: Any, clean: Any) -> None:
    for article in (*TRAIN[:30], *OOD[:30]):
        clean[article] = [None, ""] * (ROWS // 2)

    found = outcome(clean)

    assert found.status is Status.PASS


def test_train_full_of_copies_excuses_none(outcome: Any, clean: Any) -> None:
    for article in TRAIN[::2]:
        clean[article + 1] = cut(prose(article), 7)
    for article, other in zip(OOD[:10], TRAIN[:10], strict=True):
        clean[article] = cut(prose(other), 7)

    assert outcome(clean).status is Status.FAIL


def test_it_is_declared_where_texts_are_kept_alone(make_case: Any, tmp_path: Path) -> None:
    texts: dict[int, Sequence[str | None]] = {a: cut(prose(a)) for a in (*TRAIN, *IN_DIST, *OOD)}
    with_texts = case_of(make_case, tmp_path, texts)
    without = make_case(tmp_path / "other")

    declared = [
        "S014" in {check.id for check in gate_of(case, options(tmp_path)).declared}
        for case in (with_texts, without)
    ]

    assert declared == [True, False]


def test_the_self_test_proves_it_where_there_are_texts(
    make_case: Any, tmp_path: Path, clean: Any
) -> None:
    case = case_of(make_case, tmp_path, clean)

    matrix = run_selftest(
        case, cache=tmp_path / "runs", only=["S014"], n_variants=0, after_training=False
    )

    assert [(row.check, row.state) for row in matrix.defects] == [("S014-shared_text", "caught")]
