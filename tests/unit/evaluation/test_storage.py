from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amn.errors import DataError
from amn.evaluation.metrics import REFERENCES, SplitScores
from amn.evaluation.storage import Evaluation, load_evaluation, save_evaluation

if TYPE_CHECKING:
    from pathlib import Path

ARTICLES, PER_ARTICLE = 9, 4


def split(seed: int = 0) -> SplitScores:
    rng = np.random.default_rng(seed)
    n = ARTICLES * PER_ARTICLE
    return SplitScores(
        cosines=rng.uniform(0.4, 0.8, n),
        copy_cosines=rng.uniform(0.2, 0.6, n),
        article_ids=np.repeat(np.arange(ARTICLES), PER_ARTICLE),
        target_chunks=np.tile(np.arange(5, 5 + PER_ARTICLE, dtype=np.int32), ARTICLES),
        norm_error=1.7e-7,
        rank=4.25,
        target_rank=8.5,
    )


def evaluation(**changes: Any) -> Evaluation:
    scores = {"in_dist": replace(split(0), **changes), "ood": split(1)}
    rng = np.random.default_rng(2)
    n = ARTICLES * PER_ARTICLE
    references = {name: {r: rng.uniform(0.2, 0.5, n) for r in REFERENCES} for name in scores}
    return Evaluation(scores, references)


def figures(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def edit(folder: Path, change: Any) -> None:
    info = figures(folder)
    change(info)
    (folder / "evaluation.json").write_text(json.dumps(info))


def test_an_evaluation_survives_a_round_trip(tmp_path: Path) -> None:
    save_evaluation(tmp_path, evaluation())
    loaded, saved = load_evaluation(tmp_path), evaluation()

    for name in ("in_dist", "ood"):
        for field in fields(SplitScores):
            expected = getattr(saved.scores[name], field.name)
            assert np.array_equal(getattr(loaded.scores[name], field.name), expected)
        for reference in REFERENCES:
            got = loaded.references[name][reference]
            assert np.array_equal(got, saved.references[name][reference])


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_evaluation(tmp_path / name, evaluation())

    for file in ("evaluation.json", "cosines.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_figures_are_those_of_the_cosines(tmp_path: Path) -> None:
    save_evaluation(tmp_path, evaluation())
    got = figures(tmp_path)["splits"]["in_dist"]

    assert got["windows"] == 36
    assert got["articles"] == 9
    assert got["mean"] == pytest.approx(split().cosines.mean(), abs=1e-12)
    assert got["low"] < got["mean"] < got["high"]
    assert got["references"]["mean"] == pytest.approx(
        evaluation().references["in_dist"]["mean"].mean()
    )


def test_a_number_that_json_cannot_hold_is_null_and_comes_back_as_nan(tmp_path: Path) -> None:
    cosines = split().cosines.copy()
    cosines[3] = np.nan
    save_evaluation(tmp_path, evaluation(cosines=cosines, rank=float("nan")))

    got = figures(tmp_path)["splits"]["in_dist"]
    loaded = load_evaluation(tmp_path).scores["in_dist"]

    assert (got["mean"], got["low"], got["rank"]) == (None, None, None)
    assert np.isnan(loaded.cosines[3])
    assert np.isnan(loaded.rank)


@pytest.mark.parametrize("name", ["evaluation.json", "cosines.npz"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    save_evaluation(tmp_path, evaluation())
    (tmp_path / name).unlink()

    with pytest.raises(DataError, match=f"expected an evaluation, found no .*{name}"):
        load_evaluation(tmp_path)


def test_changed_cosines_are_refused(tmp_path: Path) -> None:
    save_evaluation(tmp_path, evaluation())
    content = bytearray((tmp_path / "cosines.npz").read_bytes())
    content[400] ^= 1
    (tmp_path / "cosines.npz").write_bytes(content)

    with pytest.raises(DataError, match=r"cosines\.npz: expected sha256 \w{12}…, got \w{12}…"):
        load_evaluation(tmp_path)


def test_another_definition_of_the_metric_is_refused(tmp_path: Path) -> None:
    save_evaluation(tmp_path, evaluation())
    edit(tmp_path, lambda info: info.update(metric_version=2))

    with pytest.raises(DataError, match="expected metric version 1, got 2"):
        load_evaluation(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(splits=[]),
        lambda info: info.update(splits={"in_dist": []}),
        lambda info: info["splits"]["ood"].pop("rank"),
        lambda info: info["splits"]["ood"].update(rank="high"),
    ],
)
def test_figures_that_are_none_are_refused(tmp_path: Path, change: Any) -> None:
    save_evaluation(tmp_path, evaluation())
    edit(tmp_path, change)

    with pytest.raises(DataError, match=r"evaluation\.json: expected the figures of each split"):
        load_evaluation(tmp_path)


def test_a_split_without_cosines_is_refused(tmp_path: Path) -> None:
    save_evaluation(tmp_path, evaluation())
    edit(tmp_path, lambda info: info["splits"].update(extra=info["splits"]["ood"]))

    with pytest.raises(DataError, match="expected the array 'extra_cosines', found none"):
        load_evaluation(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"{}", b"\xff"])
def test_what_is_no_evaluation_is_refused(tmp_path: Path, content: bytes) -> None:
    save_evaluation(tmp_path, evaluation())
    (tmp_path / "evaluation.json").write_bytes(content)

    with pytest.raises(DataError, match=r"evaluation\.json: expected an evaluation, got"):
        load_evaluation(tmp_path)
