"""The default predictor in real vector spaces: the table of docs/models.md.

  python ci/spaces.py [--seeds 5] [SPACE:ARTICLES ...]

Spaces are those beside the repository (../shared/data/spaces), and mpnet of `wiki-mini`.
For each: the AMN alone and the AMN as `amn case new` asks for it, mixed with linear predictors;
cosine, gain over the strongest reference predictor with its 95 % interval, and in-article accuracy,
the mixture's with its gain over the AMN alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amn.case.config import EVALUATED, CaseConfig
from amn.case.training import batch_size_for
from amn.data.dataset import open_dataset
from amn.data.windows import find_windows
from amn.data.writer import Chunks, write_dataset
from amn.evaluation.statistics import cluster_interval, seed_from
from amn.evaluation.summary import summarise_split
from amn.training.cache import RunCache
from amn.training.plan import make_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from amn.data.dataset import DataSet
    from amn.evaluation.metrics import SplitScores
    from amn.evaluation.summary import Summary

ROOT = Path(__file__).resolve().parents[1]
SPACES = ROOT.parent / "shared" / "data" / "spaces"
ALL = [f"{space}:{n}" for space in ("mpnet", "e5", "minilm", "static", "lsa") for n in (40, 110)]
CONTEXT, LAST_TRAINING, TRAINING = 5, 11_000, 110  # article ids above that one are OOD
CASE: dict[str, Any] = {
    "schema": 1,
    "dataset": {"path": "data"},
    "split": {"in_dist": {"articles": [1]}, "ood": {"articles": [2]}},  # resolved here
}


def data_of(space: str, folder: Path) -> DataSet:
    """Open the vectors of a space."""
    if space == "mpnet":
        return open_dataset(ROOT / "golden" / "wiki-mini" / "data")
    with np.load(SPACES / f"{space}.npz", allow_pickle=False) as file:
        ids, index = file["article_indices"], file["chunk_indices"]
        chunks = Chunks(article_ids=ids, chunk_index=index)
        return write_dataset(folder / space, file["vectors"], chunks, name=space)


def articles_of(dataset: DataSet, n: int) -> dict[str, Any]:
    """Split articles: those of `wiki-mini` for more than 110, else 110 or fewer, 40 and 60."""
    if n > TRAINING:
        splits = json.loads((ROOT / "golden" / "wiki-mini" / "splits.json").read_text("utf-8"))
        ood = dataset.articles[dataset.articles > LAST_TRAINING]
        in_dist = np.array(splits["in_dist"])
        train = np.setdiff1d(dataset.articles, np.union1d(in_dist, ood))
        return {"train": train, "in_dist": in_dist, "ood": ood}
    with np.load(SPACES / "lsa.npz", allow_pickle=False) as file:
        ids = np.unique(file["article_indices"])
    low = np.random.default_rng(5).permutation(ids[ids <= LAST_TRAINING])
    return {
        "train": np.sort(low[:n]),
        "in_dist": np.sort(low[TRAINING:]),
        "ood": ids[ids > LAST_TRAINING],
    }


def measure(space: str, n: int, seeds: int, folder: Path) -> None:
    """Print a line of the table for the network alone and one for the mixture."""
    dataset = data_of(space, folder)
    articles = articles_of(dataset, n)
    windows = {name: find_windows(dataset, CONTEXT, ids) for name, ids in articles.items()}
    alone: dict[str, NDArray[np.float64]] = {}  # in-article accuracy of each window
    for name, model in (("AMN alone", {}), ("**AMN, mixed**", {"stack": True})):
        training = {"batch_size": batch_size_for(len(windows["train"]))} if model else {}
        config = CaseConfig.model_validate({**CASE, "model": model, "training": training})
        plan = make_plan(config, windows, articles, {"dataset": f"{space} {dataset.digest}"})
        runs = RunCache(folder / "runs").runs(plan, range(seeds))
        found = [run.evaluation for run in runs]
        cells = [cell(summarise_split(found, split)) for split in EVALUATED]
        for split in EVALUATED:
            told = np.mean([one.scores[split].of("in_article") for one in found], axis=0)  # (N,)
            gain = gain_over(alone.setdefault(split, told), told, found[0].scores[split], split)
            cells.append(f"{told.mean():.4f}" + gain)
        shares = [run.record.mixture.get("network", 1.0) for run in runs]
        line = [space, str(n), name, *cells]
        sys.stdout.write(f"| {' | '.join(line)} | {np.mean(shares):.2f} |\n")
        sys.stdout.flush()


def gain_over(
    before: NDArray[np.float64], now: NDArray[np.float64], scores: SplitScores, split: str
) -> str:
    """Return a gain, paired by window, clustered by article; nothing where nothing differs."""
    if before is now:
        return ""
    gain = cluster_interval(now - before, scores.article_ids, seed=seed_from("in_article", split))
    return f", {gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def cell(summary: Summary) -> str:
    """Return a score and its gain over the strongest reference."""
    lift = summary.lift
    if lift is None:
        return f"{summary.mean:.4f}"
    return f"{summary.mean:.4f} | {lift.mean:+.4f} [{lift.low:+.4f}, {lift.high:+.4f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("cells", nargs="*", default=[*ALL[:2], "mpnet:390", *ALL[2:]])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    if not SPACES.is_dir():
        sys.stdout.write(f"skipped: {SPACES.relative_to(ROOT.parent)} is not here\n")
        return
    gain = "over the strongest reference"
    head = ["space", "articles", "", "in-dist", gain, "OOD", gain, "in-article", "OOD", "network"]
    sys.stdout.write(f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n")
    with tempfile.TemporaryDirectory() as folder:
        for one in asked.cells:
            space, _, n = one.partition(":")
            place = Path(folder, one.replace(":", "-"))
            place.mkdir()
            measure(space, int(n), asked.seeds, place)


if __name__ == "__main__":
    main()
