"""The scenes: what was done then, what was concluded, and the cause that it really had.

Letters: N rows, D numbers in a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.selftest.data_defects import double_ingestion, insertion_order
from amn.selftest.lab import Lab
from amn.selftest.model_defects import lookalike
from amn.selftest.split_defects import rotated_ood
from amn.training_config import LossesConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from amn.gate.session import GateSession
    from amn.selftest.copies import CaseCopy

Stage = Callable[[Lab], AbstractContextManager["GateSession"]]
OTHER_DIM = 0.5  # of D: the width of the stand-in for another encoder
SHARPNESS = 2.0  # how far it is from a linear map of the vectors


@dataclass(frozen=True)
class Scene:
    """One failure, done again.

    Attributes:
        id: Short name.
        done: What was done.
        then: What was concluded at the time; empty where it is a near relative.
        cause: Id of the cause that has to come first.
        shows: Checks whose numbers tell the two versions apart, the first that failed is shown.
        stage: Gives the gate of the failing version, for as long as the context lasts.
    """

    id: str
    done: str
    then: str
    cause: str
    shows: tuple[str, ...]
    stage: Stage


def in_copy(change: Callable[[CaseCopy], None]) -> Stage:
    """Return a stage on which a copy of the case is changed and gated as a new one is."""

    @contextmanager
    def stage(lab: Lab) -> Iterator[GateSession]:
        with lab.copy() as copy:
            change(copy)
            yield lab.gate(copy)

    return stage


@contextmanager
def lookalike_class(lab: Lab) -> Iterator[GateSession]:
    """Load every checkpoint into a class of the same names and shapes with another forward."""
    yield lab.clean.judging([lookalike(candidate, lab) for candidate in lab.clean.candidates])


def mse_and_infonce(copy: CaseCopy) -> None:
    """Train on MSE and InfoNCE, each with weight 0.5."""
    losses = LossesConfig(mse=0.5, infonce=0.5)
    copy.configure(training={"loss": None, "losses": losses})


def ood_in_training(copy: CaseCopy) -> None:
    """Draw OOD from the articles that training uses."""
    splits = copy.splits()
    copy.set_splits(train=np.union1d(splits["train"].articles, splits["ood"].articles))


def other_encoder_ood(copy: CaseCopy) -> None:
    """Give OOD the vectors of another encoder: narrower, projected back to D.

    A stand-in that needs no texts: tanh of a random projection to D / 2 numbers keeps what is alike
    alike, as any encoder of the same texts does; a second random projection leads back to D.
    """
    dataset, splits = copy.dataset(), copy.splits()
    rows = np.flatnonzero(np.isin(dataset.article_ids, splits["ood"].articles))
    rng = np.random.default_rng(0)
    dim = dataset.dim
    narrow = max(2, int(OTHER_DIM * dim))
    down = rng.standard_normal((dim, narrow))  # rows of length 1 give numbers of spread 1
    other = np.tanh(SHARPNESS * (dataset.gather(rows).astype(np.float64) @ down))
    replace_ood(copy, other)


def replace_ood(copy: CaseCopy, vectors: NDArray[np.floating]) -> None:
    """Give the rows of OOD other vectors, projected to D at random where they are not D wide.

    Args:
        vectors: (N, any width), a row for each row of OOD, in order; of any length.
    """
    dataset, splits = copy.dataset(), copy.splits()
    lists = {name: split.articles for name, split in splits.items()}
    rows = np.flatnonzero(np.isin(dataset.article_ids, splits["ood"].articles))
    changed = np.asarray(vectors, np.float64)
    if changed.shape[1] != dataset.dim:
        up = np.random.default_rng(1).standard_normal((changed.shape[1], dataset.dim))
        changed = changed @ up
    everything = copy.vectors()
    everything[rows] = changed / np.linalg.norm(changed, axis=1, keepdims=True)
    copy.rebuild(everything, dataset.article_ids, dataset.chunk_index)
    copy.set_splits(**lists)


SCENES = (
    Scene(
        "look-alike class",
        "the checkpoint is loaded into a class of the same names and shapes, another forward",
        "OOD collapse, OOD catastrophic",
        "loader",
        ("M001", "E007"),
        lookalike_class,
    ),
    Scene(
        "insertion order",
        "the export is sorted by insertion, not by (article, chunk)",
        "the 790k data are incompatible",
        "order",
        ("D005", "D007"),
        in_copy(insertion_order),
    ),
    Scene(
        "double ingestion",
        "each chunk sits beside its own copy",
        "a highly coherent region",
        "duplicates",
        ("D008",),
        in_copy(double_ingestion),
    ),
    Scene(
        "MSE + InfoNCE",
        "trained on 0.5 MSE + 0.5 InfoNCE",
        "InfoNCE dominance, after the whole run",
        "dominant_term",
        ("R007",),
        in_copy(mse_and_infonce),
    ),
    Scene(
        "OOD in training",
        "the OOD articles lie inside the training range",
        "success",
        "leak",
        ("S001", "M004"),
        in_copy(ood_in_training),
    ),
    Scene(
        "rotated encoder",
        "OOD lies in another vector space: a random rotation",
        "poor generalisation",
        "encoder",
        ("S006", "S007"),
        in_copy(rotated_ood),
    ),
    Scene(
        "other encoder",
        "OOD was encoded by another, narrower encoder and projected",
        "poor generalisation",
        "encoder",
        ("S006", "S007"),
        in_copy(other_encoder_ood),
    ),
)
