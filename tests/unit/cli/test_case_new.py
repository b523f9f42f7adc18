"""`amn case new`: it writes a case that can be judged, or nothing."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from amn.case.load import load_case
from amn.cli.main import cli
from amn.data.dataset import open_dataset
from amn.data.manifest import EncoderInfo
from amn.data.splits import resolve_splits
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.reference import fit_references, score_references
from amn.evaluation.statistics import Interval, cluster_interval
from amn.evaluation.warranted import KINDS, Tried, Warranted, fits_profile
from tests.strategies import drifting_rows, running_keys

if TYPE_CHECKING:
    from click.testing import Result

    from amn.data.dataset import DataSet


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def new(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["case", "new", *map(str, words)])


def small(
    n_articles: int, name: str = "small", ids: Any = None, rows: int = 8, **columns: Any
) -> DataSet:
    """Write articles of so many rows; each column has a value for each article."""
    articles, index = running_keys(*[rows] * n_articles, first=1)
    extra = {key: pa.array(np.repeat(np.array(values), rows)) for key, values in columns.items()}
    named = articles if ids is None else np.array(ids)[articles - 1]
    chunks = Chunks(article_ids=named, chunk_index=index, extra=extra)
    return write_dataset(Path("small"), drifting_rows(n_articles, rows, 16), chunks, name=name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sub/deep"], "expected the name of one folder in golden/, got a path"),
        ([".."], "expected the name of one folder in golden/, got a path"),
        (["mine", "--ood", "900-999"], "--ood 900-999: expected ids of its articles, 1 ... 64"),
        (["mine", "--context", "1000"], "1000 is not in the range 1<=x<=64"),
        (["mine", "--ood", "1-60"], "got 64, 60 of them for ood"),
    ],
)
def test_what_could_not_be_judged_is_refused_and_nothing_is_written(
    toy_data: Path, words: list[str], said: str
) -> None:
    result = new(*words, "--dataset", toy_data)

    assert said in f"{result.exception} {result.output}"
    assert not Path("golden").exists()


def test_ten_articles_are_too_few(tmp_path: Path) -> None:
    small(10)

    assert "got 10, 8 of them for ood" in str(new("mine", "--dataset", "small").exception)
    assert not (tmp_path / "golden").exists()


def test_twenty_four_articles_leave_eight_for_each_split() -> None:
    small(24)

    result = new("mine", "--dataset", "small")

    assert result.exit_code == 0
    split = load_case(Path("golden/mine")).config.split
    assert (split.in_dist.fraction, split.ood.fraction) == (0.34, 0.5)
    assert "split: both are drawn by chance, so OOD is no shift" in result.output
    sizes = "train 8 articles with 24 windows, in_dist 8 articles with 24 windows, ood 8 articles"
    assert sizes in result.output


def proposed(*words: str) -> tuple[str, dict[str, list[Any]]]:
    """Return why, and the articles of each split as a gate resolves them."""
    result = new("mine", "--dataset", "small", *words)
    assert result.exit_code == 0, result.exception
    why = next(line for line in result.output.splitlines() if line.startswith("split: "))
    case = load_case(Path("golden/mine"))
    splits = resolve_splits(case, open_dataset(case.dataset_path))
    return why.removeprefix("split: "), {n: s.articles.tolist() for n, s in splits.items()}


def test_ood_is_what_a_person_names() -> None:
    small(40, source=["web"] * 30 + ["news"] * 10)

    why, splits = proposed("--ood", "1-9")

    assert why == "OOD is what --ood names"
    assert splits["ood"] == list(range(1, 10))


def test_ood_of_strings_is_named_one_by_one() -> None:
    small(40, ids=[f"page {i:02d}" for i in range(40)])
    names = [f"page {i:02d}" for i in range(8)]

    assert proposed("--ood", ",".join(names))[1]["ood"] == names


@pytest.mark.parametrize("place", ["golden/mine", "small"])
def test_a_file_of_splits_comes_before_columns(place: str) -> None:
    small(40, source=["web"] * 30 + ["news"] * 10)
    lists = {"in_dist": list(range(1, 9)), "ood": list(range(9, 18))}
    Path(place).mkdir(parents=True, exist_ok=True)
    (Path(place) / "splits.json").write_text(json.dumps({"schema": 1, **lists, "made": {}}))

    why, splits = proposed()

    assert why == f"as {place}/splits.json lists it"
    assert (splits["in_dist"], splits["ood"]) == (lists["in_dist"], lists["ood"])
    assert splits["train"] == list(range(18, 41))


def test_a_column_that_declares_the_split_is_kept_to() -> None:
    small(40, split=(["train"] * 3 + ["validation"] + ["test"]) * 8)

    why, splits = proposed()

    assert why == (
        "by the column split: train is what it calls 'train', in_dist is what it calls "
        "'validation', ood is what it calls 'test'"
    )
    assert splits["in_dist"] == list(range(4, 41, 5))
    assert splits["ood"] == list(range(5, 41, 5))
    assert len(splits["train"]) == 24


def test_of_several_sources_the_one_nearest_a_fifth_is_ood() -> None:
    small(60, source=["web"] * 17 + ["news"] * 15 + ["law"] * 20 + ["tiny"] * 8)

    why, splits = proposed()

    assert why.startswith("OOD is the articles whose source is 'news', of 4 in that column")
    assert splits["ood"] == list(range(18, 33))


def test_a_source_of_stubs_is_no_split_and_what_has_no_windows_counts_for_nothing() -> None:
    sizes = [12] * 40 + [3] * 12
    articles, index = running_keys(*sizes, first=1)
    kinds = np.repeat(["article"] * 40 + ["stub"] * 12, sizes)
    chunks = Chunks(article_ids=articles, chunk_index=index, extra={"kind": pa.array(kinds)})
    write_dataset(Path("small"), drifting_rows(52, 12, 16)[: sum(sizes)], chunks, name="small")

    result = new("mine", "--dataset", "small", "--ood", "1-10,41-44")

    assert "ood 10 of 14 articles with 70 windows" in result.output
    Path("golden/mine/case.toml").unlink()
    assert proposed()[0].startswith("both are drawn by chance")
    Path("golden/mine/case.toml").unlink()
    refused = str(new("mine", "--dataset", "small", "--ood", "1-30").exception)
    assert "expected 8 or more articles with windows each" in refused
    assert "got 40, 30 of them for ood" in refused


def test_the_latest_articles_are_ood_where_there_are_dates() -> None:
    dates = [f"20{20 + i % 4}-01-01" for i in range(40)]
    small(40, source=["web"] * 40, date=dates)

    why, splits = proposed()

    assert why == "OOD is the articles from date 2023-01-01 on: training sees older ones alone"
    assert splits["ood"] == list(range(4, 41, 4))


def test_dates_of_which_one_is_missing_or_no_date_are_not_gone_by() -> None:
    small(40, date=["2020"] * 20 + ["soon"] * 20)

    assert proposed()[0].startswith("both are drawn by chance")


def test_a_column_that_changes_within_an_article_divides_none() -> None:
    articles, index = running_keys(*[8] * 40, first=1)
    extra = {"source": pa.array(["web", "news"] * 160)}
    chunks = Chunks(article_ids=articles, chunk_index=index, extra=extra)
    write_dataset(Path("small"), drifting_rows(40, 8, 16), chunks, name="small")

    assert proposed()[0].startswith("both are drawn by chance")


def test_a_long_list_of_ids_goes_into_a_file_beside_the_case() -> None:
    small(120, source=["web", "web", "web", "news"] * 30)

    splits = proposed()[1]

    assert splits["ood"] == list(range(4, 121, 4))
    assert load_case(Path("golden/mine")).config.split.ood.file == "splits.json"
    assert json.loads(Path("golden/mine/splits.json").read_text())["ood"] == splits["ood"]


def test_a_name_with_quotes_is_a_title_all_the_same() -> None:
    small(24, name='the "small" one \\ 2')

    assert new("mine", "--dataset", "small").exit_code == 0
    assert load_case(Path("golden/mine")).config.title == 'the "small" one \\ 2, unknown, context 5'


def test_splits_are_so_large_that_an_equal_result_passes_where_the_data_allow_it() -> None:
    small(200, rows=24)

    words = ("mine", "--dataset", "small", "--context", "5", "--kind", "ridge")
    lines = new(*words).output.splitlines()

    power = [line for line in lines if line.startswith("power: ")]
    assert [line.split(":")[1].strip() for line in power] == ["in_dist", "ood"]
    assert all(int(line.split("about ")[1].split("%")[0]) >= 80 for line in power)
    split = load_case(Path("golden/mine")).config.split
    assert split.in_dist.fraction > 0.12  # what is usual is too little here


def test_what_too_few_articles_lack_is_said_with_a_margin_that_would_do() -> None:
    small(40)

    lines = new("mine", "--dataset", "small", "--context", "5").output.splitlines()

    line = next(line for line in lines if line.startswith("power: in_dist: "))
    share, rest = line.split("about ")[1].split("% would pass; 80 % takes ")
    needed, margin = rest.split(" articles, or margin = ")
    assert int(share) < 80
    assert int(needed) > 40 // 4
    assert margin.endswith(" in [golden]")
    assert float(margin.split()[0]) > 0.01


def test_what_comes_next_can_be_typed(toy_data: Path) -> None:
    output = new("mon corpus é", "--dataset", toy_data).output

    lines = output.partition("next:")[2].splitlines()
    assert [shlex.split(line)[:4] for line in lines] == [
        ["amn", "check", "split", "golden/mon corpus é"],
        ["amn", "gate", "mon corpus é", "--first-run"],
        ["amn", "golden", "new", "mon corpus é"],
    ]


def test_floors_of_a_space_of_another_scale_are_what_its_strongest_reference_has(
    toy_data: Path,
) -> None:
    result = new("mine", "--dataset", toy_data, "--ood", "53-64")

    case = load_case(Path("golden/mine"))
    dataset = open_dataset(toy_data)
    windows = {
        name: find_windows(dataset, 5, split.articles)
        for name, split in resolve_splits(case, dataset).items()
    }
    fitted = fit_references(windows["train"])
    cosines = score_references(fitted, windows["ood"])
    name = max(cosines, key=lambda one: cosines[one].mean())
    low = cluster_interval(cosines[name], windows["ood"].codes, seed=3).low
    assert case.config.criteria.floor("ood") == pytest.approx(low, abs=0.02)
    assert case.config.criteria.floor("ood") <= cosines[name].mean()
    assert f"ood: {name} {cosines[name].mean():.4f}, " in result.output
    assert "as the strongest reaches: the minimum's are of another space" in result.output
    delta = case.config.criteria.delta
    assert delta is not None
    assert delta[1] - delta[0] == pytest.approx(0.06)


def test_floors_are_the_profiles_where_references_reach_them() -> None:
    assert fits_profile({"in_dist": _at(0.61), "ood": _at(0.61)})
    assert fits_profile({"in_dist": _at(0.54), "ood": _at(0.70)})
    assert fits_profile({"in_dist": _at(0.90), "ood": _at(0.62)})
    assert not fits_profile({"in_dist": _at(0.61), "ood": _at(0.5999)})  # below its floor
    assert not fits_profile({"in_dist": _at(0.5399), "ood": _at(0.61)})
    assert not fits_profile({"in_dist": _at(0.5701), "ood": _at(0.6301)})  # both stop nothing


@pytest.mark.parametrize(
    ("reach", "floor"),
    [(0.012, 0.59), (0.002, 0.6), (0.2, 0.58)],  # the lower end, or 0.03 below
)
def test_a_floor_is_the_lower_end_of_an_interval_where_that_stops_something(
    reach: float, floor: float
) -> None:
    assert _at(0.6062, reach).floor == floor


def test_the_model_is_what_held_out_training_articles_warrant(
    toy_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def found(config: Any, windows: Any, judged: Any, *_: Any) -> tuple[Tried, ...]:
        asked.append((config.model.stack, config.training.batch_size, len(windows), judged))
        gain = _at(0.0024, 0.001).interval
        shows = {"amn": 0.49, "ridge": 0.94, "weighted_mean": 0.0}
        return tuple(Tried(kind, "mean", gain, often) for kind, often in shows.items())

    monkeypatch.setattr("amn.prove.predictors.try_predictors", found)
    lines = new("mine", "--dataset", toy_data, "--ood", "53-64").output.splitlines()

    assert asked == [(True, 16, 429, [13.0, 12.0])]
    ridge = "predictor: ridge: +0.0024 (+0.0014 ... +0.0034) over mean, held out; shows in 94%"
    assert ridge in lines
    assert "model: ridge, the first that shows in 80% of such splits" in lines
    config = load_case(Path("golden/mine")).config
    assert (config.model.kind, config.model.stack, config.training.seeds) == ("ridge", False, [0])


def test_where_none_shows_it_is_the_network_and_what_it_takes_is_said(toy_data: Path) -> None:
    result = new("mine", "--dataset", toy_data)

    model = load_case(Path("golden/mine")).config.model
    assert (model.kind, model.stack) == ("amn", True)
    text = Path("golden/mine/case.toml").read_text("utf-8")
    said = re.search(r"\nbatch_size = 16 +# (\d+) windows: (\d+) steps an epoch\n", text)
    assert said
    windows, steps = map(int, said.groups())
    assert windows // 16 == steps < 64
    assert (
        "model: amn, none shows in 80% of such splits: more articles in in_dist and ood"
        in result.output
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_a_person_names_is_tried_beside_none(toy_data: Path, kind: str) -> None:
    result = new("mine", "--dataset", toy_data, "--kind", kind)

    assert load_case(Path("golden/mine")).config.model.kind == kind
    assert "predictor: " not in result.output


def _at(mean: float, reach: float = 0.01) -> Warranted:
    bounds = {"low": mean - reach, "high": mean + reach}
    sizes = {"n_clusters": 9, "effective_clusters": 9.0, "pooled": (0.0, 1.0), "macro": (0.0, 1.0)}
    return Warranted({"ridge": mean}, Interval(mean, se=0.01, **bounds, **sizes))


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_rows_that_are_no_vectors_are_left_to_the_checks(value: float) -> None:
    dataset = small(24)
    shard = next(Path("small").glob("*.npy"))
    rows = np.load(shard)
    rows[:] = value
    np.save(shard, rows)
    del dataset

    result = new("mine", "--dataset", "small")

    assert result.exit_code == 0, result.exception
    assert "references" not in result.output
    assert load_case(Path("golden/mine")).config.criteria.profile == "minimum"


def test_rows_that_have_lengths_are_held_to_what_the_last_row_comes_to(toy_data: Path) -> None:
    whole = open_dataset(toy_data)
    rows = np.arange(len(whole))
    long = whole.gather(rows) * (1 + rows % 3)[:, None].astype(np.float32)
    chunks = Chunks(article_ids=whole.article_ids, chunk_index=whole.chunk_index)
    encoder = EncoderInfo(normalised=False)
    dataset = write_dataset(Path("long"), long, chunks, name="x", dtype="float32", encoder=encoder)

    result = new("mine", "--dataset", "long", "--context", "3", "--ood", "53-64")

    assert result.exit_code == 0, result.exception
    assert "amn gate mine --first-run --predictions FILE" in result.output
    criteria = load_case(Path("golden/mine")).config.criteria
    assert criteria.metric == "l2"
    targets = find_windows(dataset, 3, np.arange(53, 65)).targets
    away = np.linalg.norm(long[targets] - long[targets - 1], axis=1).mean()
    assert [limit.split for limit in criteria.limit] == ["in_dist", "ood"]
    assert criteria.limit[1].most == pytest.approx(away, rel=1e-3)


@pytest.mark.parametrize("is_sampled", [True, False])
def test_numbers_that_only_contexts_lack_are_left_to_the_checks(
    toy_data: Path, monkeypatch: pytest.MonkeyPatch, *, is_sampled: bool
) -> None:
    if not is_sampled:  # of a large set such rows may not be looked at
        monkeypatch.setattr("amn.evaluation.warranted.are_numbers", lambda _: True)
    whole = open_dataset(toy_data)
    rows = whole.gather(np.arange(len(whole))).astype(np.float32)
    rows[(whole.article_ids >= 53) & (whole.chunk_index < 2)] = np.nan  # no targets
    chunks = Chunks(article_ids=whole.article_ids, chunk_index=whole.chunk_index)
    write_dataset(Path("odd"), rows, chunks, name="x", dtype="float32")

    result = new("mine", "--dataset", "odd", "--ood", "53-64")

    assert result.exit_code == 0, result.exception
    assert "references" not in result.output


def test_lengths_of_rows_that_are_no_numbers_are_refused_and_nothing_is_written() -> None:
    rows = drifting_rows(24, 8, 16)
    rows[5] = np.inf
    articles, index = running_keys(*[8] * 24, first=1)
    chunks, encoder = Chunks(article_ids=articles, chunk_index=index), EncoderInfo(normalised=False)
    write_dataset(Path("odd"), rows, chunks, name="x", dtype="float32", encoder=encoder)

    result = new("mine", "--dataset", "odd")

    assert "expected finite numbers, got NaN or infinity. Fix: amn check data odd" in str(
        result.exception
    )
    assert not Path("golden").exists()
