"""I101 and on, G025, G026: each arm fires with its number; a lost point of recall is found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.case.limits import Configuration, GoldenConfig, IndexConfig
from amn.checks.check import checks
from amn.checks.comparison import Recalls, sums_of
from amn.checks.recall import configuration_checks
from amn.data.index.recall import Recalled
from amn.errors import CheckNotRunError
from amn.evaluation.statistics import ClusterTable, moments_of
from amn.gate.evidence import Evidence
from amn.golden.schema import OF_PREDICTIONS, OF_ROWS, Golden
from amn.golden.table import with_recall
from amn.verdict import Status
from tests.unit.golden.conftest import make_record, make_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

K = 10
ARTICLES, QUERIES = 100, 1000
LOSS = 0.01  # a point of recall
PARTS = {  # check -> the part that it reads, who asks, seeds
    "G025": ("recalls_of_rows", OF_ROWS, 1),
    "G026": ("recalls_of_predictions", OF_PREDICTIONS, 3),
}


def recalled(recall: NDArray[np.float64], articles: int = ARTICLES) -> Recalled:
    """Return recall (S, Q) of queries that are spread evenly over articles of ood."""
    ids = 100 + 7 * (np.arange(recall.shape[1]) % articles)
    return Recalled(recall, np.array([f"ood {one}" for one in ids]), K, 1e5)


def sides(
    accepted: dict[str, Recalled], now: dict[str, Recalled], asked: str = OF_ROWS, **limits: Any
) -> Recalls:
    tables = {"in_dist": make_table(1), "ood": make_table(2, articles=ARTICLES)}
    figures: dict[str, dict[str, float]] = {}
    for name, found in accepted.items():
        sums = sums_of(found)
        seeds = None if asked == OF_ROWS else range(len(found.recall))
        tables = with_recall(tables, name, seeds, sums)
        table = ClusterTable(sums.places, sums.sizes, (sums.sums.mean(axis=0)[None],))
        figures[name] = {"k": K, asked: sums.mean, f"{asked}_se": moments_of(table).se}
    golden = Golden(make_record(tables, recall=figures), tables)
    return Recalls((), golden, GoldenConfig(**limits), Path("case"), recalled=now, asked=asked)


def drawn(rng: np.random.Generator, lines: int = 1) -> NDArray[np.float64]:
    """Draw whether each of the K nearest rows of each query is found: (lines, Q, K) bool.

    Nineteen in twenty are, in some articles more and in some fewer.
    """
    by_article = rng.beta(38, 2, ARTICLES)[np.arange(QUERIES) % ARTICLES]
    return rng.random((lines, QUERIES, K)) < by_article[:, None]


def another(
    found: NDArray[np.bool_], rng: np.random.Generator, loss: float = 0.0
) -> NDArray[np.bool_]:
    """Return what another index finds: a third of what was missed, and less of what was found."""
    share = found.mean()
    gained = rng.random(found.shape) < 1 / 3
    lost = rng.random(found.shape) < ((1 - share) / 3 + loss) / share
    return np.where(found, ~lost, gained)


def judged(seed: int, loss: float) -> Status:
    """Judge an index that gains and loses neighbours beside the accepted one."""
    rng = np.random.default_rng([1, seed])
    found = drawn(rng)
    now = another(found, rng, loss)
    beside = sides({"ivf": recalled(found.mean(axis=2))}, {"ivf": recalled(now.mean(axis=2))})
    return checks()["G025"].run(Evidence({}, recalls_of_rows=beside)).status


def test_a_lost_point_of_recall_is_found_in_95_percent_at_1000_queries_of_100_articles() -> None:
    found = [judged(seed, LOSS) for seed in range(60)]

    assert found.count(Status.FAIL) >= 0.95 * len(found)


def test_an_index_that_is_no_worse_is_called_so_within_alpha() -> None:
    found = [judged(seed, 0.0) for seed in range(100)]

    assert found.count(Status.FAIL) <= 0.05 * len(found)


def flat(value: float, lines: int = 1, articles: int = ARTICLES, noise: float = 0.05) -> Recalled:
    rng = np.random.default_rng(0)
    return recalled(value + noise * rng.standard_normal((lines, QUERIES)), articles)


@pytest.mark.parametrize("check", ["G025", "G026"])
def test_less_recall_than_the_golden_fires_with_its_number(check: str, fires: Any) -> None:
    part, asked, lines = PARTS[check]
    beside = sides({"ivf": flat(0.95, lines)}, {"ivf": flat(0.93, lines)}, asked)

    finding = fires(check, Evidence({}, **{part: beside}))

    mean, margin = beside.accepted("ivf"), beside.margin("ivf")
    start = f"expected recall not below {mean:.4f} by {margin:.4g}, got -0.0200 (lower bound -0.02"
    assert finding.message.startswith(start)
    assert finding.where == "ivf"


@pytest.mark.parametrize("check", ["G025", "G026"])
def test_the_defect_of_each_is_caught_and_the_golden_itself_is_none(
    check: str, passes: Any
) -> None:
    part, asked, lines = PARTS[check]
    found = {"ivf": flat(0.95, lines)}
    evidence = Evidence({}, **{part: sides(found, found, asked)})
    (defect,) = checks()[check].broken_by

    passes(check, evidence)
    ((_, worse),) = evidence.call(defect.function).items()

    broken = Evidence({}, **{part: sides(found, worse, asked)})
    assert checks()[check].run(broken).status is Status.FAIL


def test_a_difference_that_nobody_can_tell_is_undecided(fires: Any) -> None:
    rng = np.random.default_rng(2)
    noise = recalled(flat(0.95).recall + 0.2 * rng.standard_normal((1, QUERIES)))
    evidence = Evidence({}, recalls_of_rows=sides({"ivf": flat(0.95)}, {"ivf": noise}))

    finding = fires("G025", evidence, Status.INCONCLUSIVE)

    assert finding.message.startswith("cannot tell: ")
    assert "would have been seen in 80 %" in finding.message


def test_a_declared_margin_takes_the_place_of_the_goldens_own(passes: Any) -> None:
    now = {"ivf": flat(0.94)}

    passes("G025", Evidence({}, recalls_of_rows=sides(
        {"ivf": flat(0.95)}, now, margins={"recall": 0.03}
    )))  # fmt: skip
    beside = sides({"ivf": flat(0.95)}, now)
    assert checks()["G025"].run(Evidence({}, recalls_of_rows=beside)).status is Status.FAIL
    assert 0.001 < beside.margin("ivf") < 0.003  # one standard error


def test_seeds_that_differ_widen_the_margin_of_predictions() -> None:
    rng = np.random.default_rng(3)
    seeds = recalled(np.stack([flat(0.95, noise=0.1).recall[0]] * 3))
    apart = recalled(seeds.recall + 0.1 * rng.standard_normal((3, QUERIES)))

    alike, other = (
        sides({"ivf": one}, {"ivf": one}, OF_PREDICTIONS).margin("ivf") for one in (seeds, apart)
    )

    assert 0.002 < alike < 0.005
    assert 0.014 < other < 0.024  # five errors of one seed: 0.1 x sqrt(1.5 / 1000)


def test_other_queries_are_not_compared(fires: Any) -> None:
    few = recalled(flat(0.95).recall[:, :900])
    evidence = Evidence({}, recalls_of_rows=sides({"ivf": flat(0.95)}, {"ivf": few}))

    finding = fires("G025", evidence, Status.INCONCLUSIVE)

    assert "expected 1000 queries of recall@10 as accepted, got 900 of recall@10" in finding.message
    assert "others in 100 articles" in finding.message


def test_more_articles_than_the_golden_has_are_compared_on_those_that_it_has(passes: Any) -> None:
    less = flat(0.95, articles=50).recall
    first = np.arange(QUERIES) % ARTICLES < 50
    accepted = Recalled(less[:, first], recalled(less).places[first], K, 1.0)

    passes("G025", Evidence({}, recalls_of_rows=sides({"ivf": accepted}, {"ivf": recalled(less)})))


def test_a_configuration_that_the_golden_does_not_have_is_named(passes: Any) -> None:
    found = {"ivf": flat(0.95), "new": flat(0.9)}

    outcome = passes("G025", Evidence({}, recalls_of_rows=sides({"ivf": flat(0.95)}, found)))

    assert "new 0.8976, not in the golden: amn golden update" in outcome.detail


@pytest.mark.parametrize("kind", ["ivf", "flat"])
def test_the_floor_of_a_configuration_is_its_own_or_that_of_the_index(kind: str) -> None:
    one = Configuration(id="I101", name="one", kind=kind, recall=0.97)
    two = Configuration(id="I102", name="two", kind=kind)
    own, other = configuration_checks(IndexConfig(recall=0.9, configuration=(one, two)))
    evidence = Evidence({}, recalled_rows={"one": flat(0.95), "two": flat(0.95)})

    assert other.run(evidence).status is Status.PASS
    found = own.run(evidence)
    assert found.status is Status.FAIL
    assert found.number == pytest.approx(0.95, abs=0.01)
    assert found.findings[0].message.startswith(
        f"expected a lower bound of at least 0.97, got recall@10 {flat(0.95).recall.mean():.4f}"
    )
    (defect,) = other.broken_by
    broken = evidence.with_(**evidence.call(defect.function))
    assert other.run(broken).status is Status.FAIL


def test_a_configuration_that_nobody_built_cannot_be_checked() -> None:
    one = Configuration(id="I101", name="one", kind="flat")
    (check,) = configuration_checks(IndexConfig(configuration=(one,)))

    with pytest.raises(CheckNotRunError, match=r"I101: expected one in \[index\], found none"):
        check.run(Evidence({}, recalled_rows={"other": flat(0.95)}))
