"""Every defect of the data is caught before training, by the check that names it, with its rows.

`amn selftest` asks whether its check tells; here it says where and what to do, and the gate stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amn.case.load import load_case
from amn.checks import data_copies, data_files, data_order, data_rows, index, split, split_copies
from amn.checks.broken import ood
from amn.checks.check import checks
from amn.errors import ConfigError
from amn.verdict import BEFORE_TRAINING, Severity, Status, Verdict
from tests.e2e.conftest import GatedCopy, failing, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from amn.checks.broken.copies import CaseCopy

pytestmark = pytest.mark.e2e


def assert_caught(copy: GatedCopy, check: str, *words: str) -> None:
    """Assert that a check of the gate fails, in these words and with a fix."""
    outcome = copy.outcome(check)

    assert outcome.status is Status.FAIL, outcome
    for word in words:
        assert word in text_of(outcome), text_of(outcome)
    assert any(finding.fix for finding in outcome.findings)


@pytest.mark.parametrize(
    ("inject", "check", "words"),
    [
        (data_rows.nan_row, "D001", ["row 5135 (article 5046, chunk 25)", "nan", "column 7"]),
        (data_rows.long_row, "D002", ["row 5135 (article 5046, chunk 25)", "got 1.0099"]),
        (data_files.truncated_file, "D003", ["vectors-00000.npy"]),
        (data_rows.article_twice, "D004", ["article 700"]),
        (data_order.shuffled_articles, "D007", ["rows are not in the order of the text"]),
        (data_copies.double_ingestion, "D008", ["row", "got 50.93%"]),
        (data_copies.article_again, "D010", ["article 700", "15190"]),
        (data_files.swapped_rows, "D011", ["row 1 ", "row 7702", "got the vector of row 7702"]),
        (index.index_flipped_bit, "I001", ["sha256"]),
        (index.index_stale, "I003", ["index build"]),
        (index.index_stale, "I006", ["row 770 "]),
        (index.index_swapped_ids, "I006", ["row 10 ", "row 7702 "]),
        (index.index_signed_but_stale, "I006", ["row 1 ", "row 7702 "]),
        (split.article_in_two_splits, "S001", ["11180", "train", "ood"]),
        (split.empty_ood, "S002", ["ood"]),
        (split_copies.copied_article, "S003", ["article 15190", "article 308"]),
        (ood.rotate_ood, "S006", ["ood", "encoder"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_defect_is_named_with_its_rows(
    case_copy: GatedCopy, inject: Callable[[CaseCopy], None], check: str, words: list[str]
) -> None:
    inject(case_copy)
    assert_caught(case_copy, check, *words)


@pytest.mark.parametrize(  # one of data, one of the index, one of splits
    ("inject", "check"),
    [
        (data_files.truncated_file, "D003"),
        (index.index_stale, "I003"),
        (ood.rotate_ood, "S006"),
    ],
)
def test_a_defect_stops_the_gate_before_training(
    case_copy: GatedCopy, inject: Callable[[CaseCopy], None], check: str
) -> None:
    inject(case_copy)

    result = case_copy.gate()

    assert result.verdict is Verdict.FAIL
    assert result.verdict.exit_code() == 1
    assert not case_copy.was_trained()
    assert check in failing(result)
    after = [o for o in result.outcomes if o.check[0] in "RMECG"]
    assert after
    assert {o.status for o in after} == {Status.NOT_RUN}


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.7, 0.999])
def test_a_bit_flipped_anywhere_in_the_index_is_named(case_copy: GatedCopy, share: float) -> None:
    def change(content: bytearray) -> None:
        content[int(len(content) * share)] ^= 0b100

    case_copy.change_bytes(case_copy.data / "index.faiss", change)
    assert_caught(case_copy, "I001", "sha256")


@pytest.mark.parametrize("file", ["index.faiss", "index.json"])
def test_half_an_index_is_no_missing_index(case_copy: GatedCopy, file: str) -> None:
    (case_copy.data / file).unlink()
    assert_caught(case_copy, "I001", file)


def test_a_misspelt_key_is_refused_with_its_line_and_the_right_one(case_copy: GatedCopy) -> None:
    file = case_copy.folder / "case.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("seeds = [0, 1, 2]", "seed = [0, 1, 2]"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_case(case_copy.folder)
    line = file.read_text(encoding="utf-8").splitlines().index("seed = [0, 1, 2]") + 1
    assert caught.value.problems == (
        f"line {line}: training.seed: unknown key. Fix: did you mean seeds?",
    )


def test_the_unmodified_copy_passes_everything_before_training(case_copy: GatedCopy) -> None:
    from amn.api import check_split  # noqa: PLC0415 - torch

    result = check_split(case_copy.folder)

    assert result.judged is Verdict.PASS
    before = [check for check in checks().values() if check.family in BEFORE_TRAINING]
    early = [
        check for check in before if not {"reencoded", "joined", "shared_texts"} & {*check.reads}
    ]
    kept = ["G004", "G021", "G022"]  # what the golden knows of the data
    assert len(result.outcomes) == len(early) + len(kept) >= 32
    assert [o.check for o in result.outcomes if o.check.startswith("G")] == kept
    worst = [f for o in result.outcomes for f in o.findings if f.severity is not Severity.NOTICE]
    assert worst == []
