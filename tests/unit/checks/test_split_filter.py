from __future__ import annotations

from typing import Any

from amn.checks.split import check_circular_filter
from amn.data.manifest import Stage

ROWS = 64 * 20


def filtered(**settings: Any) -> list[Stage]:
    dropped = {"stub": 30, "low coherence": 70}
    stage = Stage(
        name="filter", rows_in=ROWS + 100, rows_out=ROWS, dropped=dropped, settings=settings
    )
    return [stage]


def test_unfiltered_articles_pass(corpus: Any, write: Any, split_evidence: Any) -> None:
    measured = split_evidence(write(corpus)).call(check_circular_filter)

    assert measured.findings == []
    assert measured.value == "0 of 24 evaluated articles"


def test_articles_that_a_coherence_filter_left_are_called_a_circular_filter(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    measured = split_evidence(write(corpus, stages=filtered())).call(check_circular_filter)

    assert measured.number == 24
    assert [f.where for f in measured.findings] == ["in_dist", "ood"]
    assert measured.findings[0].message == (
        "expected articles that no filter by coherence or score has chosen, got 12 of 12 that are "
        "left after it dropped 70 rows for low coherence in stage 'filter': a circular filter"
    )


def test_articles_that_the_filter_left_alone_pass(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    folder = write(corpus, stages=filtered(exempt="41-64"))

    assert split_evidence(folder).call(check_circular_filter).findings == []


def test_one_article_that_was_not_exempt_is_counted(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    measured = split_evidence(write(corpus, stages=filtered(exempt="41-63"))).call(
        check_circular_filter
    )

    assert [f.where for f in measured.findings] == ["ood"]
    assert "got 1 of 12 that are left" in measured.findings[0].message


def test_filtered_training_articles_beside_an_unfiltered_split_pass(
    corpus: Any, write: Any, split_evidence: Any
) -> None:
    train = write(corpus, stages=filtered(exempt="41-52"))
    ood = write(corpus, name="ood")

    evidence = split_evidence(train, ood, ood={"dataset": str(ood)})

    assert evidence.call(check_circular_filter).findings == []


def test_rows_dropped_for_other_reasons_pass(corpus: Any, write: Any, split_evidence: Any) -> None:
    stage = Stage(name="filter", rows_in=ROWS + 30, rows_out=ROWS, dropped={"stub": 30})

    measured = split_evidence(write(corpus, stages=[stage])).call(check_circular_filter)

    assert measured.findings == []
