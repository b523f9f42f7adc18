"""What `[training]` of case.toml may say: losses, optimiser, schedule, curriculum, stopping."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from amn.case.section import Cosine, Positive, Section, Seed

ORIGINAL_LR = 5e-4
# The earlier project's way of training: loss between the raw output and the target.
ORIGINAL = {
    "epochs": 20,
    "batch_size": 32,
    "lr": ORIGINAL_LR,
    "weight_decay": 0.01,
    "clip": 1.0,
    "loss": "mse",
    "schedule": "plateau",
}
REGULARISED = {
    "epochs": 15,
    "batch_size": 256,
    "lr": 7e-4,
    "weight_decay": 0.1,
    "clip": 1.0,
    "loss": "cosine",
    "schedule": "cosine",
}

# The siblings start as a weighted mean of the context, at the score of the plain mean or above it.
# Measured on wiki-mini: the LSTM comes to 0.603 in-dist and 0.596 OOD, the mean to 0.594 and 0.586;
# the GRU at lr 2e-4 and dropout 0.3 ends below its start, 0.597 after 0.600 in-dist.
FROM_THE_MEAN = {
    **REGULARISED,
    "init": "mean",
    "epochs": 3,
    "batch_size": 128,
    "lr": 2e-5,
}

# Networks that first have to learn to copy their context: epoch 1 need only be clear of a constant.
FROM_NOTHING = {"first_epoch_share": 0.1}

OWN = {**REGULARISED, "abort": FROM_NOTHING}  # of a network that nobody here knows

RECIPES: dict[str, dict[str, dict[str, dict[str, Any]]]] = {
    "amn": {
        # Measured on wiki-mini: 0.612 in-dist and 0.605 OOD, where the mean gets 0.594 and 0.586.
        # The original's widths, 256 and 512, add less than 0.0005 and take 1.7 times as long.
        "recency": {
            "model": {"attention_dim": 32, "hidden_dim": 256, "dropout": 0.4},
            "training": {**REGULARISED, "stretch": 8},
        },
        "original": {
            "model": {"attention_dim": 256, "hidden_dim": 512, "dropout": 0.0},
            "training": ORIGINAL,
        },
    },
    "gru": {
        "regularised": {
            "model": {"hidden_dim": 512, "layers": 4, "dropout": 0.1},
            "training": FROM_THE_MEAN,
        },
        "original": {
            "model": {"hidden_dim": 512, "layers": 4, "dropout": 0.0},
            "training": {**ORIGINAL, "abort": FROM_NOTHING},
        },
    },
    "lstm": {
        "regularised": {
            "model": {"hidden_dim": 512, "layers": 2, "dropout": 0.1},
            "training": FROM_THE_MEAN,
        },
        "original": {
            "model": {"hidden_dim": 512, "layers": 2, "dropout": 0.0},
            "training": {**ORIGINAL, "abort": FROM_NOTHING},
        },
    },
    "transformer": {
        "regularised": {
            "model": {"hidden_dim": 512, "layers": 4, "heads": 8, "dropout": 0.1},
            "training": FROM_THE_MEAN,
        },
        "original": {
            "model": {"hidden_dim": 512, "layers": 4, "heads": 8, "dropout": 0.0},
            "training": {**ORIGINAL, "abort": FROM_NOTHING},
        },
    },
}


CLOSED_FORM = ("ridge", "weighted_mean", "mean", "last")  # kinds that have no epochs
RECIPES |= {
    kind: {"closed_form": {"model": {}, "training": {"seeds": [0]}}} for kind in CLOSED_FORM
}
# A network that is mixed with linear predictors may be the lesser part: with few articles its best
# epoch is an early one, and that is no failure (40 articles of 384 numbers: epoch 1 or 2 of 15).
MIXED = {"early_stopping": 8}
# Steps an epoch that a mixed network is given: 110 articles of four spaces (2,496 windows) gain
# 0.0006 to 0.0014 more in batches of 32 than of 256, and tell more of what follows in the article.
FEWEST_STEPS = 64
BATCHES = (16, 32, 64, 128, 256)
STACKED = " + linear/1"  # at the end of the name of a network that is mixed with linear predictors


def batch_size_for(n_windows: int) -> int:
    """Return the largest batch that leaves an epoch its steps, of those of 16 to 256 windows.

    Args:
        n_windows: Of the training articles.
    """
    return max((one for one in BATCHES if one * FEWEST_STEPS <= n_windows), default=BATCHES[0])


Weight = Annotated[float, Field(ge=0)]
PRIMARY = ("mse", "cosine")  # losses that ask for the target itself; the others are secondary
SECONDARY = ("infonce", "moment", "variance")
BLEND_LR = 1e-4  # of fine-tuning, where the file is silent: the earlier project's plan


class LossesConfig(Section):
    """Weighted loss terms; training minimises their sum (see `amn.training.losses`).

    Attributes:
        mse: Weight of the mean squared difference of raw output and target.
        cosine: Weight of 1 - cosine.
        infonce: Weight of InfoNCE with the batch's other targets as negatives.
        moment: Weight of the difference in mean and spread between predictions and targets.
        variance: Weight of the spread that predictions lack.
        temperature: Of InfoNCE.
        exclude_same_article: Whether InfoNCE leaves out negatives of the window's own article,
            which share most of its rows.
    """

    mse: Weight = 0.0
    cosine: Weight = 0.0
    infonce: Weight = 0.0
    moment: Weight = 0.0
    variance: Weight = 0.0
    temperature: Positive = 0.07
    exclude_same_article: bool = False

    @model_validator(mode="after")
    def _one_primary(self) -> LossesConfig:
        primary = [name for name in PRIMARY if getattr(self, name)]
        if len(primary) != 1:
            got = " and ".join(primary) or "none"
            raise ValueError(f"expected a weight above 0 for one of mse and cosine, got {got}")
        return self

    def weights(self) -> dict[str, float]:
        """Return the weights above zero by term, the primary one first."""
        weights = {name: float(getattr(self, name)) for name in (*PRIMARY, *SECONDARY)}
        return {name: weight for name, weight in weights.items() if weight > 0}


class AbortConfig(Section):
    """When training is stopped; cosines are validation cosines.

    Attributes:
        first_epoch: `relative`: after epoch 1 some way from the constant predictor to the mean of
            the context; a number: at least that (the earlier project used 0.50).
        first_epoch_share: How far that way is. A network that starts as the mean has nearly all of
            it behind it; one that has to learn to copy first is slower.
        stall_epochs: Epochs without a new best.
        drop: Largest fall from one epoch to the next.
        below_best: Smallest share of the best so far.
    """

    first_epoch: Literal["relative"] | Cosine = "relative"
    first_epoch_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    stall_epochs: int = Field(default=10, ge=1)
    drop: Positive = 0.05
    below_best: Annotated[float, Field(gt=0, lt=1)] = 0.8


class Phase(Section):
    """A phase of a curriculum; windows are ranked by their coherence.

    Attributes:
        from_epoch: 1-based; a phase lasts until the next one begins.
        coherent: Share of the windows, the most coherent ones, that every epoch of it sees.
        mixed: Share of the others, drawn anew for every epoch.
    """

    from_epoch: int = Field(ge=1)
    coherent: Annotated[float, Field(gt=0, le=1)] = 1.0
    mixed: Annotated[float, Field(ge=0, le=1)] = 0.0


class TrainingConfig(Section):
    """How to train; None takes the recipe's value where it has one (see `amn.case.training`).

    Attributes:
        epochs: Passes over the training windows, at most.
        seeds: One run each; a golden takes five or more, a candidate three or more.
        batch_size: Windows a step.
        lr: Highest learning rate of AdamW.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient of a step.
        plateau_factor: What the rate is multiplied by where the loss stands still.
        plateau_patience: Epochs that it may stand still.
        stretch: Windows in a row that enter a batch together, sharing their rows: faster above 1,
            for networks that can (`amn`, recipe `recency`); the same scores on `wiki-mini`.
        loss: One loss, with weight 1.
        losses: Several, instead of `loss`.
        schedule: Of the learning rate. `plateau` divides it when the validation loss stands still.
        warmup_epochs: Epochs, or a part of one, over which the rate first rises to `lr`.
        early_stopping: Epochs without a new best after which training ends, and ends well.
        ema: Decay a step of the moving average of the weights; it is what is validated and kept.
        curriculum: Phases; without one every epoch sees every window.
        init: Initial weights. `random`: as the network draws them. `mean` (gru, lstm, transformer):
            it starts as a weighted mean of its context, along the principal directions of the
            training rows (see `amn.training.networks.start`). Of kind amn, untrained is the mean.
            `init_from` takes the place of either.
        init_from: Checkpoint to start from, relative to the case; trains on the articles that it
            has not seen. The rate is then 1e-4 where the file is silent.
        precision: Number format of the network's products; losses and validation stay in float32.
    """

    epochs: int | None = Field(default=None, ge=1)
    seeds: list[Seed] = Field(default=[0, 1, 2], min_length=1)
    batch_size: int | None = Field(default=None, ge=1)
    stretch: int | None = Field(default=None, ge=1)
    lr: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    clip: Positive | None = None
    loss: Literal["mse", "cosine"] | None = None
    losses: LossesConfig | None = None
    schedule: Literal["plateau", "cosine", "constant"] | None = None
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: int = Field(default=3, ge=0)
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    early_stopping: int | None = Field(default=None, ge=1)
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    curriculum: list[Phase] | None = Field(default=None, min_length=1)
    init: Literal["random", "mean"] = "random"
    init_from: str | None = Field(default=None, min_length=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    abort: AbortConfig = AbortConfig()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TrainingConfig:
        problems = [*self._conflicts()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _conflicts(self) -> list[str]:
        """Return what does not go together, a line each."""
        found = []
        epochs = self.epochs or 1
        if len(set(self.seeds)) != len(self.seeds):
            found.append(f"seeds: expected different seeds, got {self.seeds}")
        if self.loss and self.losses:
            found.append(f"losses: expected loss or losses, got both, loss = {self.loss!r}")
        if self.warmup_epochs >= epochs and self.warmup_epochs > 0:
            found.append(
                f"warmup_epochs: expected less than epochs {epochs}, got {self.warmup_epochs}"
            )
        if self.early_stopping and self.early_stopping >= self.abort.stall_epochs:
            found.append(
                f"early_stopping: expected less than abort.stall_epochs {self.abort.stall_epochs}, "
                f"which fails the run, got {self.early_stopping}"
            )
        starts = [phase.from_epoch for phase in self.curriculum or ()]
        if starts and (starts[0] != 1 or any(b <= a for a, b in pairwise(starts))):
            found.append(f"curriculum: expected from_epoch 1 and then rising, got {starts}")
        if starts and starts[-1] > epochs:
            found.append(
                f"curriculum: expected phases from epochs up to {epochs}, got {starts[-1]}"
            )
        return found

    @property
    def rate(self) -> float:
        """Learning rate; the original recipe's where no recipe was filled in."""
        return self.lr or ORIGINAL_LR

    def loss_terms(self) -> LossesConfig:
        """Return the losses with their weights, whichever way they were declared."""
        return self.losses or LossesConfig.model_validate({self.loss or "mse": 1.0})
