"""The real thing: 4,166 Wikipedia articles; their tail is stubs, lists, machine-written pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from amn.corpus.report.data_text import compare_text, describe_text
from amn.corpus.study.compare import compare
from amn.corpus.study.filtered import worth_of
from amn.corpus.study.filtering import plan_filter
from amn.corpus.study.region import open_region
from amn.corpus.study.rules import parse_rules
from amn.corpus.study.splitting import assess, plan_split
from amn.corpus.study.study import Study
from amn.data.ids import IdSet
from amn.data.importers import import_vectors
from amn.data.imports.keys import Keys

if TYPE_CHECKING:
    from amn.corpus.study.region import Region

SOURCE = Path(__file__).parents[2] / ".." / "shared" / "data" / "wiki" / "core"
CORE, TAIL = "12-10494", "18228449-18611992"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOURCE.is_dir(), reason="../shared/data/wiki/core is not here"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Region:
    folder = tmp_path_factory.mktemp("wiki") / "core"
    ids = SOURCE / "chunks.parquet"
    return open_region(
        import_vectors(SOURCE / "vectors.npy", folder, name="core", keys=Keys(ids=ids))
    )


def test_core_and_tail_differ_in_what_they_are_made_of_and_not_in_coherence(
    whole: Region,
) -> None:
    core, tail = (open_region(whole.dataset, ids, scan=whole.scan) for ids in (CORE, TAIL))

    found = compare(Study(core), Study(tail))
    differences = {m.name: m.difference for m in found.measures}

    assert found.verdict == "no"
    assert differences["words an article"].b < 0.2 * differences["words an article"].a
    for name in ("stubs", "series", "lists, disambiguation", "rows an article"):
        assert not differences[name].low <= 0 <= differences[name].high, name
    assert differences["nearest article of A"].high < 0
    assert found.b.geometry.rank < found.a.geometry.rank
    assert found.circular == ()
    text = compare_text(found).splitlines()
    assert len(text) <= 45
    assert max(map(len, text)) <= 100
    assert max(map(len, describe_text(found.b).splitlines())) <= 100


def test_a_filter_by_coherence_gains_on_what_it_kept_and_nothing_on_the_common_set(
    whole: Region,
) -> None:
    study = Study(whole)
    plan = plan_filter(study, parse_rules("lists,stubs=500"), target=(40_000, 41_000))

    worth = worth_of(plan)
    fits = {fit.judged_on: fit for fit in worth.fits}

    assert 40_000 <= plan.rows <= 41_000
    assert worth.coherence.low > 0
    assert fits["B"].b > fits["A"].a + 0.005
    assert abs(fits["common"].gain.mean) < 0.001
    assert [c.rule.name for c in plan.judged] == ["coherence"]


def test_a_planted_circular_filter_without_a_record_is_called_out(whole: Region) -> None:
    low = float(np.nanquantile(whole.coherence, 0.2))
    planted = whole.take(~(whole.coherence < low), "planted")

    found = compare(Study(whole), Study(planted))

    assert found.verdict == "yes"
    assert [c.reason for c in found.circular] == ["low coherence"]


def test_the_ood_region_is_about_as_hard_as_the_rest(whole: Region) -> None:
    plan = plan_split(
        Study(whole), by="block", in_dist=0.12, ood=0.2, ood_articles=IdSet.of("12570-18402")
    )

    assert {r.name: r.articles for r in assess(plan)}["ood"] == 160
    assert [r.warning for r in assess(plan)] == ["", "", ""]
