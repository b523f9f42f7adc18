"""Trainings without epochs: weights in closed form, and the shares of a mixture by validation.

Letters: N windows, T context rows, D numbers in a vector, K parts of a mixture, G mixtures.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from amn.data.vectors import unit_rows
from amn.evaluation.metrics import cosine_rows
from amn.evaluation.reference import fit_ridge, fit_weights, linear_inputs, row_blocks
from amn.evaluation.runner import score
from amn.training.networks.build import build_model, count_parameters
from amn.training.networks.linear import Ridge, Stacked
from amn.training.record import Epoch, TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from amn.data.windows import Windows
    from amn.training.networks.build import ModelSpec
    from amn.training.record import ValidationReferences

# In mean eigenvalues of the inputs' Gram matrix: 30 is the best for 20 articles in four spaces, 10
# for 150, 1 for 1,867 of core; E5's are ten times less.
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
STEPS = 20  # to a share of 1: steps of 1/100 move no mean cosine by more than 2e-5 in six spaces


def fit(
    spec: ModelSpec,
    train: Windows,
    validation: Windows,
    references: ValidationReferences,
    seed: int,
) -> tuple[nn.Module, TrainingRecord]:
    """Fit a predictor in closed form; no seed moves it.

    Its record has one epoch: what one pass over the training windows comes to.
    """
    started = time.perf_counter()
    model = build_model(spec)
    if isinstance(model, Ridge):
        fit_linear(model, train, validation)
    elif spec.architecture != "mean/1":  # which it is untrained
        _fit_mean(model, train, is_last=spec.architecture == "last/1")
    learned, held = score(model, train), score(model, validation)
    epoch = Epoch(
        epoch=1,
        train_loss=1 - learned.mean,
        terms={"cosine": 1 - learned.mean},
        train_cosine=learned.mean,
        val_loss=1 - held.mean,
        val_cosine=held.mean,
        grad_norm=0.0,
        lr=1.0,  # the minimum is one Newton step away
        seconds=time.perf_counter() - started,
        n_windows=len(train),
        steps=1,
    )
    record = TrainingRecord(
        seed=seed,
        status="finished",
        stop=None,
        epochs=(epoch,),
        best_epoch=1,
        best_val_cosine=held.mean,
        constant=references.constant,
        mean=references.mean,
        n_train_windows=len(train),
        n_validation_windows=len(validation),
        n_parameters=count_parameters(model),
    )
    return model.eval(), record


def _fit_mean(model: nn.Module, train: Windows, *, is_last: bool) -> None:
    """Give a weighted mean its weights: of least squares, or all for the last row."""
    weights = np.eye(train.context)[-1] if is_last else fit_weights(train)[1]
    model.load_state_dict({"weights": torch.from_numpy(weights.astype(np.float32))})


def fit_linear(model: Ridge, train: Windows, validation: Windows) -> None:
    """Fit a ridge on all training windows; validation articles choose its penalty."""
    weights = fit_weights(train)[1]
    corrections = fit_ridge(train, weights, PENALTIES)
    sums = np.zeros(len(PENALTIES))
    for rows in row_blocks(validation):
        weighted, inputs = linear_inputs(rows[:, :-1], weights)
        for k, correction in enumerate(corrections):
            sums[k] += cosine_rows(weighted + inputs @ correction, rows[:, -1]).sum()
    model.load_state_dict(
        {
            "weighted_mean.weights": torch.from_numpy(weights.astype(np.float32)),
            "correction.weight": torch.from_numpy(corrections[int(sums.argmax())].T.copy()),
        }
    )


def of_network(weights: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
    """Return the weights of the network in a mixture, by its own names; None where none are given.

    Args:
        weights: Of a mixture, by its names.
    """
    return _part(weights, "network.") if weights else None


def _part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def stack(
    network: nn.Module,
    record: TrainingRecord,
    train: Windows,
    validation: Windows,
    given: Mapping[str, Tensor] | None = None,
) -> tuple[Stacked, TrainingRecord]:
    """Mix a trained network with a ridge and its weighted mean; validation articles choose how.

    The shares are those of all on a grid with the highest mean cosine. A share of 1 is on it for
    each part, so that on these articles the mixture is never worse than its best part.

    Args:
        given: Weights of the mixture that it goes on from: what its ridge knew is kept.
    """
    model = Stacked(network, dim=train.dataset.dim, context=train.context)
    if given:
        model.ridge.load_state_dict(_part(given, "ridge."))
    else:
        fit_linear(model.ridge, train, validation)
    every = itertools.product(range(STEPS, -1, -1), repeat=len(Stacked.PARTS))
    grid = np.array([shares for shares in every if sum(shares) == STEPS]) / STEPS  # (G, K)
    with torch.inference_mode():
        found = [_cosines(model.eval(), rows, grid) for rows in row_blocks(validation)]
    best = int(np.concatenate(found).mean(axis=0).argmax())
    with torch.no_grad():
        model.shares.copy_(torch.from_numpy(grid[best].astype(np.float32)))
    mixture = dict(zip(Stacked.PARTS, grid[best].tolist(), strict=True))
    return model, replace(record, mixture=mixture, n_parameters=count_parameters(model))


def _cosines(
    model: Stacked, rows: NDArray[np.float32], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the cosines of mixtures with the targets: (B, G), from the products of their parts."""
    parts = model.parts(torch.from_numpy(rows[:, :-1])).numpy().astype(np.float64)  # (B, K, D)
    targets = unit_rows(rows[:, -1].astype(np.float64))
    along = np.einsum("bkd,bd->bk", parts, targets) @ grid.T
    among = np.einsum("bkd,bld->bkl", parts, parts)
    squares = np.einsum("gk,bkl,gl->bg", grid, among, grid, optimize=True)
    return np.asarray(along / np.sqrt(np.maximum(squares, np.finfo(float).tiny)))
