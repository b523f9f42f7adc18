"""From Python the gate is a function; predictors are scored and compared as the gate does."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import amn
from amn.errors import ArgumentError, ConfigError
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.runner import predict, score
from amn.verdict import Verdict, html_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.case.load import Case
    from amn.data.windows import Windows
    from amn.gate.evidence import Evidence
    from amn.training.run import Run

DOCS = Path(__file__).parents[2] / "docs"


def mean(context: NDArray[np.float32]) -> NDArray[np.float32]:
    return context.mean(axis=1)


def last(context: NDArray[np.float32]) -> NDArray[np.float32]:
    return context[:, -1]


def test_a_case_is_gated_by_its_path_and_the_result_is_true_where_it_passes(
    toy_case: Case, toy_runs: tuple[Run, ...], toy_cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "case.toml").write_text(
        f'schema = 1\nwindows.context = 3\n[dataset]\npath = "{toy_case.dataset_path}"\n'
        "[split]\nin_dist.articles = [1, 2]\nood.articles = [3]\n",
        encoding="utf-8",
    )

    named = amn.gate(str(tmp_path), first_run=True, cache=str(toy_cache))
    sound = amn.gate(
        toy_case, runs=[str(run.folder) for run in toy_runs], first_run=True, cache=toy_cache
    )

    assert (named.verdict, bool(named), named.exit_code) == (Verdict.FAIL, False, 1)
    assert (sound.verdict, bool(sound), sound.exit_code) == (Verdict.PARTIAL, False, 0)
    assert re.fullmatch(r"GateResult\('.*': PARTIAL \(.*\), \d+ checks\)", repr(sound))


def test_more_than_one_thing_to_judge_is_refused(toy_case: Case) -> None:
    with pytest.raises(ArgumentError, match="expected one of runs, checkpoint, predictions"):
        amn.gate(toy_case, runs="a", predictions="b.npz")


def test_a_case_that_is_none_is_refused_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"case\.toml: expected a case file, found none"):
        amn.gate(tmp_path / "nothing")


def test_a_data_set_is_checked_by_its_path(toy_data: Path, tmp_path: Path) -> None:
    sound = amn.check_data(str(toy_data))
    broken = amn.check_data(tmp_path)

    assert {o.check[0] for o in sound.outcomes} == {"D"}
    assert not any(outcome.has_failed for outcome in sound.outcomes)
    assert broken.verdict is Verdict.FAIL


def test_a_model_scores_as_the_gate_scores_it(toy_splits: Evidence, toy_runs: Any) -> None:
    windows: Windows = toy_splits["windows"]["ood"]
    model = toy_runs[0].checkpoint().model.eval()

    def ours(context: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            made: NDArray[np.float32] = predict(model, torch.from_numpy(context.copy())).numpy()
            return made

    found = amn.evaluate(ours, windows.dataset, windows)

    assert np.abs(found.scores.cosines - score(model, windows).cosines).max() < 1e-6
    assert found.interval.low < found.mean < found.interval.high
    assert repr(found).endswith(f"{len(windows):,} windows of 12 articles")


def test_any_function_is_scored_on_every_window_of_a_data_set(toy_data: Path) -> None:
    found = amn.evaluate(last, str(toy_data), 3)

    assert len(found.scores.cosines) == 64 * 13
    assert found.scores.copy_cosines == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda context: context,
            "expected (156, 24), got (156, 3, 24). Fix: return one vector a context",
        ),
        (
            lambda context: context[:, 0] * np.nan,
            "expected finite predictions, got some that are not",
        ),
    ],
)
def test_what_is_no_prediction_is_refused(toy_splits: Evidence, wrong: Any, message: str) -> None:
    windows = toy_splits["windows"]["ood"]

    with pytest.raises(ArgumentError, match=re.escape(message)):
        amn.evaluate(wrong, windows.dataset, windows)


def test_no_windows_are_no_score(toy_splits: Evidence) -> None:
    windows = toy_splits["windows"]["ood"]

    with pytest.raises(ArgumentError, match="expected windows, got none"):
        amn.evaluate(mean, windows.dataset, windows.take(slice(0)))


def test_two_predictors_are_compared_as_a_candidate_with_its_golden(toy_data: Path) -> None:
    better, worse = (amn.evaluate(one, toy_data, 3) for one in (mean, last))

    found, back = amn.compare(better, worse), amn.compare([worse], [better])

    judged = noninferiority(
        [better.scores.cosines], [worse.scores.cosines], better.scores.article_ids,
        margin=0.01, alpha=0.05, seed=0,
    )  # fmt: skip
    assert found.difference == judged.difference
    assert bool(found) is not bool(back)
    assert {found.exit_code, back.exit_code} == {0, 1}
    assert re.fullmatch(r"Comparison\((PASS|FAIL): .*, margin 0.01, 64 articles\)", repr(found))


def test_scores_of_other_windows_are_not_compared(toy_splits: Evidence) -> None:
    windows = toy_splits["windows"]
    one, two = (amn.evaluate(mean, windows[s].dataset, windows[s]) for s in ("ood", "in_dist"))

    with pytest.raises(ArgumentError, match="expected scores of the same windows"):
        amn.compare(one, two)


def test_the_page_of_the_door_has_every_public_name_and_its_example_runs(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "api.md").read_text("utf-8")

    assert [n for n in amn.__all__ if f"`{n}" not in page and f"amn.{n}" not in page] == []
    [example] = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example.replace("golden/wiki-mini/data", str(toy_data)), {})  # noqa: S102 - our page


def test_what_a_function_predicts_is_written_for_every_judged_window(
    toy_case: Case, toy_splits: Evidence, tmp_path: Path
) -> None:
    file = amn.predict(toy_case, mean, tmp_path / "mine.parquet")

    result = amn.gate(toy_case, predictions=file, first_run=True, cache=tmp_path)
    assert "W004-joined" not in {o.label for o in result.outcomes if o.has_failed}
    for split in ("in_dist", "ood"):
        windows = toy_splits["windows"][split]
        expected = amn.evaluate(mean, windows.dataset, windows).mean
        assert result.scores[split].mean == pytest.approx(expected, abs=1e-7)


def test_predictions_of_another_shape_are_refused_and_nothing_is_written(
    toy_case: Case, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=r"predictions: expected \(.*, 24\), got"):
        amn.predict(toy_case, lambda context: context, tmp_path / "mine.parquet")

    assert list(tmp_path.iterdir()) == []


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    toy_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = json.loads((DOCS / "own-model.ipynb").read_text("utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    folder = tmp_path / "golden" / "wiki-mini"
    shutil.copytree(toy_case.dataset_path, folder / "data")
    text = 'schema = 1\nwindows.context = 3\n[dataset]\npath = "data"\n'
    splits = "[split]\nin_dist.articles = '1-8'\nood.articles = '53-60'\n"
    (folder / "case.toml").write_text(text + splits, "utf-8")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}

    shown = []
    for cell in cells:
        *lines, last_line = ast.parse(cell).body
        exec(compile(ast.Module(lines, []), "cell", "exec"), scope)  # noqa: S102 - our page
        assert isinstance(last_line, ast.Expr)
        shown.append(eval(ast.unparse(last_line), scope))  # noqa: S307 - our page

    assert len(cells) == 5
    assert all(value._repr_html_().startswith("<p><code>") for value in shown)
    assert "in_article" in shown[1]._repr_html_()
    assert "<th>check</th>" in scope["result"]._repr_html_()
    assert all(c["outputs"] == [] for c in notebook["cells"] if c["cell_type"] == "code")


def test_a_result_in_a_notebook_escapes_what_others_wrote() -> None:
    shown = html_of("<b>", [("check",), ("<script>",)])

    assert shown == (
        "<p><code>&lt;b&gt;</code></p>"
        "<table><tr><th>check</th></tr><tr><td>&lt;script&gt;</td></tr></table>"
    )
