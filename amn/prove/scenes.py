"""The scenes: what was done then, what was concluded, and the cause that it really had.

Letters: N rows, D numbers in a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amn.case.training import LossesConfig
from amn.checks.broken.candidates import lookalike
from amn.checks.broken.ood import ood_rows, replace_ood, rotate_ood
from amn.checks.data_copies import double_ingestion
from amn.checks.data_rows import insertion_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amn.checks.broken.copies import CaseCopy
    from amn.training.candidate import Candidate

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
        defect: Makes the failing version out of the healthy one.
    """

    id: str
    done: str
    then: str
    cause: str
    shows: tuple[str, ...]
    defect: Callable[..., Mapping[str, object] | None]


def lookalikes(candidates: tuple[Candidate, ...]) -> dict[str, object]:
    """Load every checkpoint into a class of the same names and shapes with another forward."""
    return {"candidates": tuple(lookalike(candidate) for candidate in candidates)}


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
    rows = ood_rows(copy)
    dim = rows.shape[1]
    narrow = max(2, int(OTHER_DIM * dim))
    down = np.random.default_rng(0).standard_normal((dim, narrow))  # unit rows give spread 1
    replace_ood(copy, np.tanh(SHARPNESS * (rows @ down)))


SCENES = (
    Scene(
        "look-alike class",
        "the checkpoint is loaded into a class of the same names and shapes, another forward",
        "OOD collapse, OOD catastrophic",
        "loader",
        ("M001", "E007"),
        lookalikes,
    ),
    Scene(
        "insertion order",
        "the export is sorted by insertion, not by (article, chunk)",
        "the 790k data are incompatible",
        "order",
        ("D005", "D007"),
        insertion_order,
    ),
    Scene(
        "double ingestion",
        "each chunk sits beside its own copy",
        "a highly coherent region",
        "duplicates",
        ("D008",),
        double_ingestion,
    ),
    Scene(
        "MSE + InfoNCE",
        "trained on 0.5 MSE + 0.5 InfoNCE",
        "InfoNCE dominance, after the whole run",
        "dominant_term",
        ("R007",),
        mse_and_infonce,
    ),
    Scene(
        "OOD in training",
        "the OOD articles lie inside the training range",
        "success",
        "leak",
        ("S001", "M004"),
        ood_in_training,
    ),
    Scene(
        "rotated encoder",
        "OOD lies in another vector space: a random rotation",
        "poor generalisation",
        "encoder",
        ("S006", "S007"),
        rotate_ood,
    ),
    Scene(
        "other encoder",
        "OOD was encoded by another, narrower encoder and projected",
        "poor generalisation",
        "encoder",
        ("S006", "S007"),
        other_encoder_ood,
    ),
)
