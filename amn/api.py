"""The Python door: gating, evaluating, comparing, and one family of checks at a time.

Paths may be texts. Results are true where they pass, and have `verdict` and `exit_code`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amn.case.config import CaseConfig
from amn.case.load import Case, case_folder, load_case
from amn.checks.own import load_conftests
from amn.data.dataset import DataSet, open_dataset
from amn.data.reencoding import Encoding
from amn.data.windows import Windows, find_windows
from amn.errors import ArgumentError
from amn.evaluation.metric import Metric
from amn.evaluation.metric import metrics as every_metric
from amn.evaluation.metrics import Scoring
from amn.evaluation.noninferiority import noninferiority
from amn.evaluation.statistics import cluster_interval, seed_from
from amn.evaluation.window_files import predicted, write_predictions
from amn.gate.modes import GateOptions, evidence_of, gate_of, result_of
from amn.gate.run import Gate, is_early
from amn.golden.base.review import MergeBase
from amn.golden.schema import COSINE
from amn.golden.store import GOLDEN_FILE
from amn.system import CACHE_FOLDER
from amn.verdict import count_of, html_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from numpy.typing import ArrayLike, NDArray

    from amn.checks.check import Check
    from amn.data.encoder import Encoder
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.noninferiority import Comparison
    from amn.evaluation.statistics import Interval
    from amn.gate.result import GateResult

    Report = Callable[[int, int, str], None]
    AnyPath = str | Path


def gate(  # noqa: PLR0913 - the options of `amn gate`
    case: AnyPath | Case,
    *,
    runs: AnyPath | Sequence[AnyPath] = (),
    checkpoint: AnyPath | None = None,
    predictions: AnyPath | Sequence[AnyPath] = (),
    metrics: AnyPath | None = None,
    first_run: bool = False,
    allow_same: bool = False,
    target: str | None = None,
    cache: AnyPath = CACHE_FOLDER,
    progress: Report | None = None,
) -> GateResult:
    """Gate a case: what `amn gate CASE` does, compared with the merge base as it is there.

    Args:
        case: Its name under golden/, or its folder.
        runs: Run folders to judge instead of training.
        checkpoint: Checkpoint to judge instead of training.
        predictions: Files of predictions to judge instead of training, one a seed.
        metrics: Scores to judge instead of training.
        first_run: There is no golden yet.
        allow_same: Judge a file that the golden was made from.
        target: Branch that the change is for; None: what CI names, or origin's default branch.
        progress: Called with (done, in all, text) by whatever takes long.

    Raises:
        ArgumentError: For more than one thing to judge.
        ConfigError: For a case that is none.
    """
    found = case if isinstance(case, Case) else _load(case_folder(case))
    if sum(map(bool, (runs, checkpoint, predictions, metrics))) > 1:
        kinds = "runs, checkpoint, predictions, metrics"
        raise ArgumentError(f"amn.gate: expected one of {kinds}, got several")
    options = GateOptions(
        cache=Path(cache),
        runs=_paths(runs),
        checkpoint=Path(checkpoint) if checkpoint else None,
        predictions=_paths(predictions),
        metrics=Path(metrics) if metrics else None,
        first_run=first_run,
        allow_same=allow_same,
        merge_base=MergeBase.within(os.environ, found.folder, target),
        today=datetime.now(tz=UTC).date(),
    )
    return result_of(gate_of(found, options, progress=progress), options)


def predict(
    case: AnyPath | Case, model: Callable[[NDArray[np.float32]], ArrayLike], file: AnyPath
) -> Path:
    """Write what a model predicts for the judged windows of a case: what `gate` takes.

    Args:
        model: Contexts (B, T, D) float32, oldest first -> predictions (B, D) of any length.
        file: A .parquet file to write.

    Raises:
        ArgumentError: If predictions are not (B, D).
    """
    found = case if isinstance(case, Case) else _load(case_folder(case))
    judged = evidence_of(found, GateOptions(cache=Path()))["judged"]
    write_predictions(Path(file), judged, model)
    return Path(file)


@dataclass(frozen=True, repr=False)
class Evaluated:
    """Scores of a predictor on windows, with their interval.

    Attributes:
        scores: Window by window.
        interval: 95 % of the mean cosine, clustered by article.
        metrics: Name -> the same of each metric that was asked for.
    """

    scores: SplitScores
    interval: Interval
    metrics: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean cosine over windows."""
        return self.scores.mean

    def __repr__(self) -> str:
        low, high = self.interval.low, self.interval.high
        n, articles = len(self.scores.cosines), len(np.unique(self.scores.article_ids))
        of = f"{count_of(n, 'window')} of {count_of(articles, 'article')}"
        return f"{self.mean:.4f} ({low:.4f} ... {high:.4f}), {of}"

    def _repr_html_(self) -> str:
        """The same for a notebook, with every metric that was asked for."""
        measured = {"cosine": self.interval, **self.metrics}
        rows = [
            (name, f"{one.mean:.4f}", f"{one.low:.4f} ... {one.high:.4f}")
            for name, one in measured.items()
        ]
        return html_of(repr(self), [("metric", "mean", "95 % interval"), *rows])


def evaluate(
    predict: Callable[[NDArray[np.float32]], ArrayLike],
    dataset: AnyPath | DataSet,
    windows: int | Windows,
    *,
    metrics: Sequence[str] = (),
) -> Evaluated:
    """Score any predictor on the windows of a data set: by the cosine, and by metrics by name.

    Args:
        predict: Contexts (B, T, D) float32, oldest first -> predictions (B, D) of any length.
        windows: T, for all windows of that context; or some of them, of that data set.
        metrics: Names of further metrics: `in_article`, or one of your own.

    Raises:
        ArgumentError: If there are no windows, no such metric, or predictions are not (B, D) finite
            numbers.
    """
    opened = dataset if isinstance(dataset, DataSet) else open_dataset(dataset)
    chosen = windows if isinstance(windows, Windows) else find_windows(opened, windows)
    if not len(chosen):
        raise ArgumentError("amn.evaluate: expected windows, got none")
    asked = {name: _metric(name) for name in metrics}
    scoring = Scoring(chosen, asked=asked)
    for start, rows, made in predicted(chosen, predict):
        if not np.isfinite(made).all():
            raise ArgumentError("amn.evaluate: expected finite predictions, got some that are not")
        scoring.add(np.arange(start, start + len(rows)), made)
    scores = scoring.scores()
    seed = seed_from("score", "evaluate")
    intervals = {
        name: cluster_interval(scores.of(name), scores.article_ids, seed=seed)
        for name in (COSINE, *asked)
    }
    return Evaluated(scores, intervals[COSINE], intervals)


def compare(
    candidate: Evaluated | Sequence[Evaluated],
    accepted: Evaluated | Sequence[Evaluated],
    *,
    metric: str = COSINE,
    margin: float = 0.01,
    alpha: float = 0.05,
) -> Comparison:
    """Judge whether a predictor is not worse than another one, paired and clustered by article.

    Args:
        candidate: One evaluation, or one a seed.
        accepted: What it is compared with, on the same windows.
        metric: That both were evaluated by; where lower is better, the difference is turned round.
        margin: How much worse still counts as not worse.
        alpha: One-sided error of each bound.

    Raises:
        ArgumentError: If the windows differ, or an option is out of range.
    """
    sides = [one if isinstance(one, Sequence) else [one] for one in (candidate, accepted)]
    first, *others = [one.scores for side in sides for one in side]
    for other in others:
        is_same = np.array_equal(first.article_ids, other.article_ids) and np.array_equal(
            first.target_chunks, other.target_chunks
        )
        if not is_same:
            raise ArgumentError("amn.compare: expected scores of the same windows, got others")
    sign = _metric(metric).sign
    mine, theirs = ([sign * one.scores.of(metric) for one in side] for side in sides)
    seed = seed_from("compare", "evaluate")
    return noninferiority(mine, theirs, first.article_ids, margin=margin, alpha=alpha, seed=seed)


def _metric(name: str) -> Metric:
    """Return a metric by its name, or raise ArgumentError."""
    known = every_metric()
    if name not in known:
        raise ArgumentError(f"metric: expected one of {', '.join(known)}, got {name!r}")
    return known[name]


def _paths(paths: AnyPath | Sequence[AnyPath]) -> tuple[Path, ...]:
    """Return one path or several as a tuple."""
    several = [paths] if isinstance(paths, str | Path) else paths
    return tuple(Path(path) for path in several)


def _some(gate: Gate, chosen: Iterable[Check], command: str) -> GateResult:
    """Run some of the declared checks."""
    about = replace(gate.about, mode="", reproduce=command)
    return Gate(gate.evidence, about, declared=tuple(chosen)).result()


def _of(gate: Gate, *families: str) -> list[Check]:
    """Return the declared checks of some families."""
    return [check for check in gate.declared if check.family in families]


def _before_training(gate: Gate) -> list[Check]:
    """Return the declared checks that run before anything is trained."""
    return [check for check in gate.declared if is_early(check)]


def _is_of_golden_data(check: Check) -> bool:
    """Tell whether a check compares the data with a golden's, or asks if that can be read."""
    reads = set(check.reads)
    return bool(reads & {"found_golden", "vector_changes"}) and "summaries" not in reads


def _bare_case(dataset: Path, *, index: bool) -> Case:
    """Return a case around a data set alone, for checks that need no split."""
    config = CaseConfig.model_validate(
        {
            "schema": 1,
            "dataset": {"path": ".", "index": index},
            "split": {"in_dist": {"fraction": 0.1}, "ood": {"fraction": 0.1}},
        }
    )
    return Case(folder=dataset, config=config)


def _load(case_path: AnyPath) -> Case:
    """Load a case, and the checks of one's own that hold for it."""
    case = load_case(case_path)
    load_conftests([case.folder])
    return case


def _require_folder(path: AnyPath) -> Path:
    """Return the folder of a data set; a file holds vectors that are none yet: ArgumentError."""
    dataset = Path(path)
    if dataset.is_file():
        fix = shlex.join(["amn", "data", "import", str(dataset), "FOLDER"])
        raise ArgumentError(f"{dataset}: expected the folder of a data set, got a file. Fix: {fix}")
    return dataset


def check_data(
    dataset: AnyPath,
    *,
    encoder: Encoder | None = None,
    progress: Report | None = None,
) -> GateResult:
    """Run the D checks on a data set folder.

    Args:
        encoder: Encodes its canaries again; None: the one that it names, where this machine has it.
        progress: As of `gate`.
    """
    dataset = _require_folder(dataset)
    case = _bare_case(dataset, index=False)
    encoding = Encoding(lambda _: encoder) if encoder else None
    gate = gate_of(case, GateOptions(cache=dataset, encoding=encoding), progress=progress)
    return _some(gate, _of(gate, "data"), shlex.join(["amn", "check", "data", str(dataset)]))


def check_encoder(
    dataset: AnyPath, encoding: Encoding | None = None, *, progress: Report | None = None
) -> GateResult:
    """Encode texts of a data set again and compare: D013, and the D checks that it needs.

    Args:
        encoding: With which encoder, which texts, and how many; None: as the data set says.
        progress: As of `gate`.
    """
    dataset = _require_folder(dataset)
    options = GateOptions(cache=dataset, encoding=encoding or Encoding())
    gate = gate_of(_bare_case(dataset, index=False), options, progress=progress)
    asked = [check for check in gate.declared if "reencoded" in check.reads]
    needed = {need for check in asked for need in check.needs}
    chosen = [check for check in gate.declared if check in asked or check.id in needed]
    return _some(gate, chosen, shlex.join(["amn", "check", "encoder", str(dataset)]))


def check_index(dataset: AnyPath, *, progress: Report | None = None) -> GateResult:
    """Run the I checks, and the D checks they need, on a data set folder."""
    dataset = _require_folder(dataset)
    case = _bare_case(dataset, index=True)
    gate = gate_of(case, GateOptions(cache=dataset), progress=progress)
    return _some(
        gate, _of(gate, "data", "index"), shlex.join(["amn", "check", "index", str(dataset)])
    )


def check_split(
    case_path: AnyPath, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run everything that a gate runs before training: D, I, S and W.

    Where there is a golden, the data are compared with those that it was accepted on.
    """
    case = _load(case_path)
    gate = gate_of(case, GateOptions(cache=case.folder, today=today), progress=progress)
    gate = Gate(gate.evidence.without("trainings"), gate.about)  # a command is a training too
    chosen = _before_training(gate)
    if (case.folder / GOLDEN_FILE).exists():
        chosen += [check for check in gate.declared if _is_of_golden_data(check)]
    return _some(gate, chosen, shlex.join(["amn", "check", "split", str(case_path)]))


def check_custody(
    case: Case, *, merge_base: MergeBase | None = None, today: date | None = None
) -> GateResult:
    """Run the G checks that ask how the golden is kept; nothing is trained, no data are read."""
    options = GateOptions(cache=case.folder, merge_base=merge_base, today=today, custody_only=True)
    result = gate_of(case, options).result()
    return replace(result, reproduce=shlex.join(["amn", "golden", "verify", case.name]))


def check_run(
    run: AnyPath, case_path: AnyPath, *, today: date | None = None, progress: Report | None = None
) -> GateResult:
    """Run the R, M and E checks on a run folder."""
    case = _load(case_path)
    options = GateOptions(cache=case.folder, runs=(Path(run),), first_run=True, today=today)
    gate = gate_of(case, options, progress=progress)
    chosen = [*_before_training(gate), *_of(gate, "record", "model", "evaluation")]
    return _some(
        gate, chosen, shlex.join(["amn", "check", "run", str(run), "--case", str(case_path)])
    )
